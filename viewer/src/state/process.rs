//! The processes that speak, and what is known of each.

use std::collections::{HashMap, HashSet};

use nlproto::function::{EXPLAINED, Kind};
use nlproto::{Call, Function, Hello, Origin, Socket};

/// `SOL_NETLINK`, and its `NETLINK_EXT_ACK`.
const SOL_NETLINK: i32 = 270;
const EXT_ACK: i32 = 11;

/// Bytes kept of each text of a Hello, so that many processes take little memory.
const MAX_TEXT_LEN: usize = 4096;

/// A process image, from its Hello on.
#[derive(Debug, Clone)]
pub struct Process {
    /// The key its frames carry.
    pub key: u64,
    /// Process id in its own pid namespace.
    pub pid: u32,
    /// The number that it has where nlview runs, if that is another one.
    pub pid_here: Option<u32>,
    /// Its parent's, in its own pid namespace.
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
    /// Those of them that were made before our eyes and have no port id yet.
    unbound: HashSet<i32>,
    /// Those whose errors the kernel explains, by inode, else by descriptor.
    explained: HashSet<u64>,
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
            pid_here: None,
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
            unbound: HashSet::new(),
            explained: HashSet::new(),
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

    /// The port id that a socket had when the call began that is shown now. What is known of the
    /// socket is of the call's end, by when it may have got one.
    #[must_use]
    pub fn portid_before(&self, fd: i32) -> Option<u32> {
        let portid = self.sockets.get(&fd)?.portid;
        Some(portid).filter(|portid| *portid != 0 && !self.unbound.contains(&fd))
    }

    /// Whether another descriptor of it is the same socket as this one.
    #[must_use]
    pub fn has_other(&self, fd: i32) -> bool {
        let Some(socket) = self.sockets.get(&fd).filter(|socket| socket.inode != 0) else {
            return false;
        };
        self.sockets.iter().any(|(other, s)| *other != fd && s.inode == socket.inode)
    }

    /// Whether the kernel explains errors on a socket, as far as it was seen to be asked for that.
    #[must_use]
    pub fn is_explained(&self, fd: i32) -> bool {
        self.explained.contains(&self.place(fd))
    }

    /// What tells a socket from others, also where a descriptor was duplicated.
    fn place(&self, fd: i32) -> u64 {
        let inode = self.sockets.get(&fd).map(|socket| socket.inode).filter(|inode| *inode != 0);
        inode.unwrap_or_else(|| u64::from(fd.unsigned_abs()))
    }

    /// Learns whether errors on a call's socket are explained from now on.
    fn notice_explained(&mut self, call: &Call<'_>) {
        let head = &call.head;
        if head.errno != 0 {
            return;
        }
        let on = match Function::from_number(Origin::split(head.function).0) {
            Some(Function::Socket) => head.flags & EXPLAINED != 0,
            Some(Function::Close) => false,
            Some(Function::Setsockopt) if matches!(head.args, [SOL_NETLINK, EXT_ACK, _]) => {
                call.payload.iter().any(|byte| *byte != 0)
            }
            _ => return,
        };
        let place = self.place(head.fd);
        if on {
            self.explained.insert(place)
        } else {
            self.explained.remove(&place)
        };
    }

    /// Learns from a call that has been shown what is known of its socket.
    pub(super) fn after(&mut self, call: &Call<'_>) {
        self.notice_explained(call);
        let head = &call.head;
        let Some(function) = Function::from_number(head.function) else { return };
        let succeeded = head.errno == 0;
        match function {
            Function::Socket if succeeded && self.sockets.contains_key(&head.fd) => {
                self.unbound.insert(head.fd);
            }
            Function::Close if head.ret == 0 => {
                self.sockets.remove(&head.fd);
                self.unbound.remove(&head.fd);
            }
            Function::Bind | Function::Connect if succeeded => {
                self.unbound.remove(&head.fd);
            }
            // The kernel gives a port id to who sends without one.
            _ if succeeded && function.kind() == Kind::Send => {
                self.unbound.remove(&head.fd);
            }
            _ => {}
        }
    }

    /// Takes over the sockets of the process that it was forked from.
    pub(super) fn inherit(&mut self, parent: &Self) {
        self.sockets.clone_from(&parent.sockets);
        self.unbound.clone_from(&parent.unbound);
        self.explained.clone_from(&parent.explained);
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
    fn a_port_id_counts_from_the_call_after_the_one_that_gave_it() {
        let socket = |portid| Socket {
            fd: 3,
            kind: 3,
            protocol: 0,
            portid,
            groups: 0,
            inode: 7,
            netns_cookie: 0,
        };
        let call = |function, errno| {
            let head =
                nlproto::CallHead { function: function as u32, fd: 3, errno, ..Default::default() };
            Call { head, iov_lens: &[], name: &[], control: &[], payload: &[] }
        };
        let mut process = Process::unknown(1);
        assert_eq!(process.portid_before(3), None);
        process.sockets.insert(3, socket(0));
        process.after(&call(Function::Socket, 0));
        process.after(&call(Function::Bind, 22));
        // The send that gave it its port id is shown with what is known since.
        process.sockets.insert(3, socket(70));
        assert_eq!(process.portid_before(3), None);
        process.after(&call(Function::Sendto, 0));
        assert_eq!(process.portid_before(3), Some(70));
        process.after(&call(Function::Close, 0));
        assert_eq!(process.portid_before(3), None);
        // One that was there before us.
        process.sockets.insert(3, socket(70));
        assert_eq!(process.portid_before(3), Some(70));
    }

    #[test]
    fn whether_errors_are_explained() {
        let call = |function, flags, args, payload| {
            let function = function as u32;
            let head = nlproto::CallHead { function, fd: 3, flags, args, ..Default::default() };
            Call { head, iov_lens: &[], name: &[], control: &[], payload }
        };
        let option = |value| call(Function::Setsockopt, 0, [270, 11, 4], value);
        let mut process = Process::unknown(1);
        assert!(!process.is_explained(3));
        process.after(&option(&[1, 0, 0, 0]));
        assert!(process.is_explained(3) && !process.is_explained(4));
        process.after(&option(&[0, 0, 0, 0]));
        assert!(!process.is_explained(3));
        process.after(&call(Function::Setsockopt, 0, [270, 10, 4], &[1, 0, 0, 0]));
        assert!(!process.is_explained(3));
        // The shim has done it.
        process.after(&call(Function::Socket, EXPLAINED, [16, 3, 0], &[]));
        let mut child = Process::unknown(2);
        child.inherit(&process);
        process.after(&call(Function::Close, 0, [0; 3], &[]));
        assert!(!process.is_explained(3) && child.is_explained(3));
    }

    #[test]
    fn arguments_may_be_empty_or_cut() {
        let list = |argv| arguments(argv).collect::<Vec<&[u8]>>();
        assert_eq!(list(b""), [b""; 0]);
        assert_eq!(list(b"ip\0"), [b"ip"]);
        assert_eq!(list(b"sh\0-c\0\0x\0"), [&b"sh"[..], b"-c", b"", b"x"]);
        assert_eq!(list(b"sh\0-"), [&b"sh"[..], b"-"]);
    }
}
