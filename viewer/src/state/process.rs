//! The processes that speak, and what is known of each.

use std::collections::HashMap;

use nlproto::{Hello, Socket};

/// Bytes kept of each text of a Hello, so that many processes take little memory.
const MAX_TEXT_LEN: usize = 4096;

/// A process image, from its Hello on.
#[derive(Debug, Clone)]
pub struct Process {
    /// The key its frames carry.
    pub key: u64,
    /// Process id in its own pid namespace.
    pub pid: u32,
    /// Its parent's.
    pub ppid: u32,
    /// Effective user id.
    pub uid: u32,
    /// Whether it is a forked child of a process that spoke before.
    pub forked: bool,
    /// Inode of its network namespace when it began; 0 if not known.
    pub netns: u64,
    /// `SO_NETNS_COOKIE` of that namespace; 0 if not known.
    pub netns_cookie: u64,
    /// Nanoseconds to add to its `CLOCK_MONOTONIC` to get the time since 1970.
    pub realtime_offset_ns: i128,
    /// Its name, at most 15 bytes.
    pub comm: String,
    /// Its executable.
    pub exe: String,
    /// Its arguments.
    pub argv: Vec<String>,
    /// The shim's version.
    pub shim: String,
    /// Its netlink sockets by descriptor.
    pub sockets: HashMap<i32, Socket>,
    /// Records of it that were lost so far.
    pub lost: u64,
}

impl Process {
    /// The process that a Hello introduces. Bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn new(key: u64, hello: &Hello<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(cut(bytes)).into_owned();
        Self {
            key,
            pid: hello.pid,
            ppid: hello.ppid,
            uid: hello.uid,
            forked: hello.forked != 0,
            netns: hello.netns,
            netns_cookie: hello.netns_cookie,
            realtime_offset_ns: i128::from(hello.realtime_ns) - i128::from(hello.monotonic_ns),
            comm: text(hello.comm),
            exe: text(hello.exe),
            argv: arguments(cut(hello.argv)).map(text).collect(),
            shim: text(hello.shim),
            sockets: HashMap::new(),
            lost: 0,
        }
    }

    /// A process of which frames arrive but whose Hello was lost.
    #[must_use]
    pub fn unknown(key: u64) -> Self {
        let hello = Hello {
            pid: 0,
            ppid: 0,
            uid: 0,
            forked: 0,
            netns: 0,
            netns_cookie: 0,
            monotonic_ns: 0,
            realtime_ns: 0,
            shim: b"",
            comm: b"?",
            exe: b"",
            argv: b"",
        };
        Self::new(key, &hello)
    }

    /// A time of its `CLOCK_MONOTONIC` as nanoseconds since 1970.
    #[must_use]
    pub fn realtime_ns(&self, monotonic_ns: u64) -> i128 {
        i128::from(monotonic_ns) + self.realtime_offset_ns
    }
}

/// The front of a text that may be longer than anybody reads.
fn cut(bytes: &[u8]) -> &[u8] {
    bytes.get(..MAX_TEXT_LEN).unwrap_or(bytes)
}

/// Arguments that are each ended by a NUL; the last one may be cut. An argument may be empty.
fn arguments(argv: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ended = argv.strip_suffix(&[0]);
    let is_none = argv.is_empty();
    ended.unwrap_or(argv).split(|b| *b == 0).filter(move |_| !is_none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_may_be_empty_or_cut() {
        let list = |argv| arguments(argv).collect::<Vec<&[u8]>>();
        assert_eq!(list(b""), [b""; 0]);
        assert_eq!(list(b"ip\0"), [b"ip"]);
        assert_eq!(list(b"sh\0-c\0\0x\0"), [&b"sh"[..], b"-c", b"", b"x"]);
        assert_eq!(list(b"sh\0-"), [&b"sh"[..], b"-"]);
    }
}
