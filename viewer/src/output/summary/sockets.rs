//! Sockets: whose they are, what they were set up for, how much they moved and missed.
//!
//! All that are open are kept, up to a bound that only a leak reaches; of the closed ones the newest.
//! Those that are forgotten are still counted, together.

use std::collections::{HashMap, VecDeque};

use crate::decode::{Direction, Groups};
use crate::output::{CallRecord, socket_names};
use crate::state::process::Process;
use nlproto::function::Kind;
use nlproto::{Function, SockaddrNl};

/// Most sockets that are kept once they are closed.
const MAX_CLOSED: usize = 256;
/// Most that are kept open. Programs that are killed close nothing.
const MAX_OPEN: usize = 4096;
/// Most groups, and most options, that are kept of one.
const MAX_LIST: usize = 64;

const ENOBUFS: i32 = 105;
/// `NETLINK_ADD_MEMBERSHIP` and `NETLINK_DROP_MEMBERSHIP`.
const ADD_MEMBERSHIP: i32 = 1;
const DROP_MEMBERSHIP: i32 = 2;
/// `SO_SNDBUF`, `SO_RCVBUF`, and the same without a limit.
const SNDBUF: [i32; 2] = [7, 32];
const RCVBUF: [i32; 2] = [8, 33];

/// The sockets.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    open: HashMap<Key, Socket>,
    /// The newest last.
    closed: VecDeque<(Key, Socket)>,
    /// How many are forgotten.
    pub(super) forgotten: u64,
    /// What those moved and missed.
    pub(super) others: Traffic,
    /// Counts the sockets, and the calls on them.
    clock: u64,
}

/// A socket by its inode, which forked processes share, or where that is not known by its descriptor
/// in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Inode(u64),
    Descriptor(u64, i32),
}

/// What is known of a socket.
#[derive(Debug, Default)]
pub(super) struct Socket {
    /// The process that it was first seen in.
    owner: u64,
    pub(super) comm: Box<str>,
    pub(super) pid: u32,
    pub(super) fd: i32,
    /// The protocol; -1 where it is not known.
    pub(super) protocol: i32,
    pub(super) portid: u32,
    /// Groups that it joined, those that it left again too.
    pub(super) groups: Vec<Group>,
    /// Options that were set, beyond groups and buffers.
    pub(super) options: Vec<Setting>,
    /// Buffer sizes in bytes as the program set them.
    pub(super) sndbuf_set: Option<i32>,
    pub(super) rcvbuf_set: Option<i32>,
    /// The receive buffer's size in bytes as the kernel had it at the end.
    pub(super) rcvbuf: Option<i32>,
    /// Whether it was closed before our eyes.
    pub(super) closed: bool,
    pub(super) traffic: Traffic,
    /// When it was first and last used.
    first: u64,
    last: u64,
}

/// What a socket moved and missed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    pub(super) sent: Moved,
    pub(super) received: Moved,
    /// Receives that failed since messages had found no room.
    pub(super) overruns: u64,
    /// Receives whose buffer was too small for what came.
    pub(super) truncated: u64,
    /// Messages that found no room, by the kernel's count.
    pub(super) drops: u64,
    /// Bytes that nobody had read when it was closed.
    pub(super) unread: u64,
}

/// What went one way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

/// A multicast group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) number: u32,
    pub(super) name: Option<Box<str>>,
}

/// An option with the value that it was last set to.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) level: i32,
    pub(super) name: i32,
    /// The value; None if it is no number.
    pub(super) value: Option<i32>,
}

impl Moved {
    const fn add(&mut self, other: Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Traffic {
    pub(super) const fn add(&mut self, other: &Self) {
        self.sent.add(other.sent);
        self.received.add(other.received);
        self.overruns = self.overruns.saturating_add(other.overruns);
        self.truncated = self.truncated.saturating_add(other.truncated);
        self.drops = self.drops.saturating_add(other.drops);
        self.unread = self.unread.saturating_add(other.unread);
    }

    const fn messages(&self) -> u64 {
        self.sent.messages.saturating_add(self.received.messages)
    }

    /// Whether anything went by the program.
    const fn missed(&self) -> bool {
        self.overruns > 0 || self.truncated > 0 || self.drops > 0 || self.unread > 0
    }
}

impl Sockets {
    /// Takes a call on a socket, which moved so many messages.
    pub(super) fn call(&mut self, groups: Groups<'_>, record: &CallRecord<'_>, messages: u64) {
        let head = &record.call.head;
        let is_of_socket = record.function.kind() != Kind::Internal && head.protocol >= 0;
        if head.fd < 0 || !is_of_socket {
            return;
        }
        let key = match record.socket {
            Some(socket) if socket.inode != 0 => Key::Inode(socket.inode),
            _ => Key::Descriptor(record.process.key, head.fd),
        };
        if record.function == Function::Socket {
            // Numbers of sockets that ended unseen are used again.
            self.close(key);
        }
        let socket = self.socket(key, record);
        socket.learn(groups, record);
        socket.moved(record, messages);
        if record.function == Function::Close && head.ret == 0 {
            self.close(key);
        }
    }

    /// A process has ended, and its sockets with it, unless another one goes on with them.
    pub(super) fn end(&mut self, process: &Process) {
        let mut keys: Vec<(u64, Key)> = self
            .open
            .iter()
            .filter(|(_, socket)| socket.owner == process.key)
            .map(|(key, socket)| (socket.first, *key))
            .collect();
        keys.sort_unstable_by_key(|(first, _)| *first);
        for (_, key) in keys {
            self.close(key);
        }
    }

    /// The sockets that are kept: those that missed anything first, then those that moved most.
    pub(super) fn by_messages(&self) -> Vec<&Socket> {
        let closed = self.closed.iter().map(|(_, socket)| socket);
        let mut sockets: Vec<&Socket> = self.open.values().chain(closed).collect();
        sockets.sort_by_key(|socket| {
            let traffic = &socket.traffic;
            (!traffic.missed(), std::cmp::Reverse(traffic.messages()), socket.first)
        });
        sockets
    }

    fn socket(&mut self, key: Key, record: &CallRecord<'_>) -> &mut Socket {
        self.clock = self.clock.saturating_add(1);
        if !self.open.contains_key(&key) {
            let again = self.closed.iter().rposition(|(closed, _)| *closed == key);
            let again = again.filter(|_| record.function != Function::Socket);
            // What is used after a close had been duplicated.
            let known = again.and_then(|at| self.closed.remove(at)).map(|(_, socket)| socket);
            if self.open.len() >= MAX_OPEN {
                let oldest = self.open.iter().min_by_key(|(_, socket)| socket.last);
                if let Some(oldest) = oldest.map(|(key, _)| *key) {
                    self.close(oldest);
                }
            }
            let new = || Socket {
                owner: record.process.key,
                comm: record.process.comm.as_str().into(),
                pid: record.process.pid,
                fd: record.call.head.fd,
                protocol: record.call.head.protocol,
                first: self.clock,
                ..Socket::default()
            };
            let socket = known.unwrap_or_else(new);
            self.open.insert(key, socket);
        }
        let socket = self.open.entry(key).or_default();
        socket.last = self.clock;
        socket
    }

    fn close(&mut self, key: Key) {
        let Some(socket) = self.open.remove(&key) else { return };
        self.closed.push_back((key, socket));
        if self.closed.len() > MAX_CLOSED
            && let Some((_, oldest)) = self.closed.pop_front()
        {
            self.forgotten = self.forgotten.saturating_add(1);
            self.others.add(&oldest.traffic);
        }
    }
}

impl Socket {
    /// Learns from a call what the socket is.
    fn learn(&mut self, groups: Groups<'_>, record: &CallRecord<'_>) {
        let call = record.call;
        self.closed = false;
        if let Some(socket) = record.socket {
            self.portid = if socket.portid == 0 { self.portid } else { socket.portid };
            self.join_mask(groups, socket.groups);
        }
        if record.failed() {
            return;
        }
        match record.function {
            Function::Bind => {
                if let Some(address) = SockaddrNl::read(call.name) {
                    self.join_mask(groups, address.groups);
                }
            }
            Function::Setsockopt => self.set(groups, record),
            Function::Close => {
                let [unread, rcvbuf, drops] = call.head.args;
                let known = |v: i32| u64::try_from(v).unwrap_or(0);
                self.closed = true;
                self.rcvbuf = Some(rcvbuf).filter(|size| *size > 0);
                self.traffic.unread = known(unread);
                self.traffic.drops = known(drops);
            }
            _ => {}
        }
    }

    fn set(&mut self, groups: Groups<'_>, record: &CallRecord<'_>) {
        let [level, name, _] = record.call.head.args;
        let value = record.call.payload.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
        match (level, name, value) {
            (socket_names::SOL_NETLINK, ADD_MEMBERSHIP, Some(number)) => {
                self.join(groups, number.cast_unsigned());
            }
            (socket_names::SOL_NETLINK, DROP_MEMBERSHIP, Some(_)) => {}
            (socket_names::SOL_SOCKET, _, Some(size)) if SNDBUF.contains(&name) => {
                self.sndbuf_set = Some(size);
            }
            (socket_names::SOL_SOCKET, _, Some(size)) if RCVBUF.contains(&name) => {
                self.rcvbuf_set = Some(size);
            }
            _ => {
                let value = value.filter(|_| record.call.payload.len() == 4);
                let same = |set: &&mut Setting| set.level == level && set.name == name;
                if let Some(set) = self.options.iter_mut().find(same) {
                    set.value = value;
                } else if self.options.len() < MAX_LIST {
                    self.options.push(Setting { level, name, value });
                }
            }
        }
    }

    fn join_mask(&mut self, groups: Groups<'_>, mask: u32) {
        for bit in (0..32).filter(|bit| mask & (1 << bit) != 0) {
            self.join(groups, bit + 1);
        }
    }

    fn join(&mut self, groups: Groups<'_>, number: u32) {
        let is_known = self.groups.iter().any(|group| group.number == number);
        if !is_known && self.groups.len() < MAX_LIST {
            self.groups.push(Group { number, name: groups.name(number).map(Box::from) });
        }
    }

    /// Counts what a call moved, or failed to.
    fn moved(&mut self, record: &CallRecord<'_>, messages: u64) {
        let head = &record.call.head;
        let Some(direction) = record.direction() else { return };
        let is_receive = direction == Direction::Receive;
        if record.failed() {
            if is_receive && head.errno == ENOBUFS {
                self.traffic.overruns = self.traffic.overruns.saturating_add(1);
            }
            return;
        }
        // What was only peeked at comes again with the call that takes it.
        if head.flags & socket_names::MSG_PEEK != 0 {
            return;
        }
        // Calls without a msghdr tell of it by what they return, if they were asked to.
        let is_longer = u64::try_from(head.ret).is_ok_and(|ret| ret > head.buf_len);
        let is_cut = head.msg_flags & socket_names::MSG_TRUNC != 0
            || (head.flags & socket_names::MSG_TRUNC != 0 && is_longer);
        if is_receive && is_cut {
            self.traffic.truncated = self.traffic.truncated.saturating_add(1);
        }
        let moved = Moved { messages, bytes: record.call.payload.len() as u64 };
        let traffic = &mut self.traffic;
        if is_receive { traffic.received.add(moved) } else { traffic.sent.add(moved) }
    }
}
