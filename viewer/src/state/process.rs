//! The processes that speak, and what is known of each.

use std::collections::HashMap;

use nlproto::{Hello, Socket};

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
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
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
            argv: hello.argv.split(|b| *b == 0).filter(|a| !a.is_empty()).map(text).collect(),
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
