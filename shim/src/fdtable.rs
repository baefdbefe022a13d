//! Which descriptors are netlink sockets.
//!
//! Calls on the life cycle of a descriptor only *forget*; only a probe *learns*. And what was learned
//! is believed only while the descriptor still has the inode it was learned with. That is asked
//! whenever there is a doubt, and once a [`MOMENT_NS`] without one: a number that changes hands unseen
//! (by a bare system call, or io_uring) and is used as a socket again within the same moment is the
//! one case that goes unnoticed.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use nlproto::Socket;
use once_cell::race::OnceRef;

use crate::process::{Process, TABLE_LEN};
use crate::{confinement, process, sys, thread};

/// Nothing is known.
const UNKNOWN: u8 = 0;
/// Open, and no netlink socket.
const OTHER: u8 = 1;
/// A netlink socket; its protocol is in [`PROTOCOL`].
const NETLINK: u8 = 0x80;
/// A netlink socket that has no port id yet: the kernel gives it one at the first send.
const UNBOUND: u8 = 0x40;
/// The bits of the protocol: the kernel has room for 32.
const PROTOCOL: u8 = 0x1f;

/// What is known of the descriptors with the lowest numbers.
pub(crate) struct Table {
    states: [AtomicU8; TABLE_LEN],
    inodes: [AtomicU64; TABLE_LEN],
    /// The [`moment`] in which the inode was last looked at.
    seen: [AtomicU32; TABLE_LEN],
}

/// There is none before there is anybody to speak to.
static TABLE: OnceRef<'static, Table> = OnceRef::new();

/// How long a descriptor without a doubt is believed to be what it was, in nanoseconds.
const MOMENT_NS: u64 = 1 << 20;

/// How much there is to be said for a descriptor being what it was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// A call has just succeeded that only sockets know.
    None,
    /// It may be anything.
    Some,
}

/// The moment of a time by the monotonic clock. Never 0, which is before all.
fn moment(now_ns: u64) -> u32 {
    let low = (now_ns / MOMENT_NS) & u64::from(u32::MAX);
    u32::try_from(low).unwrap_or(0) | 1 << 31
}

/// How many descriptors a program may inherit before some go unnoticed.
const INHERITED: i32 = 64;

/// What is known of a descriptor without asking.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing.
    Unknown,
    /// No netlink socket.
    Other,
    /// A netlink socket.
    Netlink,
}

fn index(fd: i32) -> Option<usize> {
    usize::try_from(fd).ok().filter(|index| *index < TABLE_LEN)
}

#[inline]
fn place(fd: i32) -> Option<(&'static Table, usize)> {
    Some((TABLE.get()?, index(fd)?))
}

#[inline]
fn state(fd: i32) -> u8 {
    let state = place(fd).and_then(|(table, index)| table.states.get(index));
    state.map_or(UNKNOWN, |it| it.load(Ordering::Acquire))
}

/// Makes the table, if there is none; false without memory.
pub(crate) fn start() -> bool {
    if TABLE.get().is_some() {
        return true;
    }
    let Some(table) = sys::memory::zeroed::<Table>() else { return false };
    // If another thread was faster, it is that one's.
    let _ = TABLE.set(table);
    true
}

/// What is known of a descriptor without asking.
pub(crate) fn class(fd: i32) -> Class {
    match state(fd) {
        UNKNOWN => Class::Unknown,
        OTHER => Class::Other,
        _ => Class::Netlink,
    }
}

/// Whether the descriptor is known to be a netlink socket without a port id.
pub(crate) fn is_unbound(fd: i32) -> bool {
    state(fd) & (NETLINK | UNBOUND) == NETLINK | UNBOUND
}

/// Forgets a descriptor that is about to be closed or replaced.
///
/// A vfork child closes descriptors of its own, and leaves its parent's entries alone.
pub(crate) fn forget(fd: i32) {
    match class(fd) {
        Class::Unknown => {}
        Class::Other => set(fd, UNKNOWN),
        Class::Netlink => {
            let Some(process) = process::current().filter(|process| !thread::may_be_guest(process))
            else {
                return;
            };
            set(fd, UNKNOWN);
            process.unannounce(fd);
        }
    }
}

/// Forgets all descriptors from `first` to `last`.
pub(crate) fn forget_range(first: u32, last: u32) {
    let last = last.min(u32::try_from(TABLE_LEN).unwrap_or(0).saturating_sub(1));
    for fd in (first..=last).filter_map(|fd| i32::try_from(fd).ok()) {
        forget(fd);
    }
}

fn set(fd: i32, state: u8) {
    let place = place(fd).and_then(|(table, index)| table.states.get(index));
    if let Some(place) = place {
        place.store(state, Ordering::Release);
    }
}

/// The protocol of a descriptor, if it is a netlink socket now.
///
/// Where the kernel may not be asked, what was known before is believed.
#[inline]
pub(crate) fn protocol(process: &Process, fd: i32, now_ns: u64, doubt: Doubt) -> Option<i32> {
    let state = state(fd);
    if state == OTHER {
        return None;
    }
    if state & NETLINK != 0 {
        let protocol = Some(i32::from(state & PROTOCOL));
        let (table, index) = place(fd)?;
        let (inode, seen) = table.inodes.get(index).zip(table.seen.get(index))?;
        let moment = moment(now_ns);
        let is_guest = thread::may_be_guest(process);
        let is_fresh = seen.load(Ordering::Relaxed) == moment && doubt == Doubt::None && !is_guest;
        if is_fresh || confinement::is_confined() {
            return protocol;
        }
        let known = inode.load(Ordering::Relaxed);
        if sys::file::stat(fd).is_some_and(|stat| stat.inode == known) {
            if !is_guest {
                seen.store(moment, Ordering::Relaxed);
            }
            return protocol;
        }
    }
    if confinement::is_confined() {
        return None;
    }
    probe(fd).map(|socket| socket.protocol)
}

/// Learns of a socket that was made where the kernel may not be asked about it.
pub(crate) fn made(fd: i32, protocol: i32) {
    let Ok(protocol @ 0..=PROTOCOL) = u8::try_from(protocol) else { return };
    set(fd, NETLINK | UNBOUND | protocol);
}

/// Learns of a duplicate that was made where the kernel may not be asked about it.
pub(crate) fn copied(old: i32, new: i32) {
    let (Some((table, from)), Some(to)) = (place(old), index(new)) else { return };
    let (Some(known), Some(inode)) = (table.inodes.get(from), table.inodes.get(to)) else {
        return;
    };
    inode.store(known.load(Ordering::Relaxed), Ordering::Relaxed);
    set(new, state(old));
}

/// Asks the kernel what a descriptor is, and learns the answer; a vfork child's descriptors are not
/// those that the table is about.
pub(crate) fn probe(fd: i32) -> Option<Socket> {
    match sys::socket::int_option(fd, libc::SO_DOMAIN) {
        Ok(libc::AF_NETLINK) => {}
        Err(libc::EBADF) => {
            forget(fd);
            return None;
        }
        _ => {
            if process::current().is_some_and(|process| !thread::may_be_guest(process)) {
                forget(fd);
                set(fd, OTHER);
            }
            return None;
        }
    }
    let protocol = sys::socket::int_option(fd, libc::SO_PROTOCOL).ok()?;
    let kind = sys::socket::int_option(fd, libc::SO_TYPE).ok()?;
    let (portid, groups) = sys::socket::netlink_name(fd)?;
    let inode = sys::file::stat(fd)?.inode;
    let socket = Socket {
        fd,
        kind,
        protocol,
        portid,
        groups,
        inode,
        netns_cookie: sys::socket::netns_cookie(fd),
    };
    learn(&socket);
    Some(socket)
}

fn learn(socket: &Socket) {
    let Some((table, index)) = place(socket.fd) else { return };
    let (Some(inode), Some(seen)) = (table.inodes.get(index), table.seen.get(index)) else {
        return;
    };
    let Ok(protocol @ 0..=PROTOCOL) = u8::try_from(socket.protocol) else { return };
    let Some(process) = process::current().filter(|process| !thread::may_be_guest(process)) else {
        return;
    };
    if inode.swap(socket.inode, Ordering::Relaxed) != socket.inode {
        process.unannounce(socket.fd);
    }
    // To be looked at again, since nothing says when this was.
    seen.store(0, Ordering::Relaxed);
    let unbound = if socket.portid == 0 { UNBOUND } else { 0 };
    set(socket.fd, NETLINK | unbound | protocol);
}

/// Looks for netlink sockets that the program was born with, or made unseen.
///
/// They may be used by read and write alone, which never probe.
pub(crate) fn scan() {
    for fd in found() {
        probe(fd);
    }
}

/// Whether there are such sockets.
pub(crate) fn has_netlink() -> bool {
    found().next().is_some()
}

/// Netlink sockets of which nothing is known.
fn found() -> impl Iterator<Item = i32> {
    let open = sys::open_descriptors();
    let is_open = move |fd: &i32| open & (1_u64.checked_shl(fd.unsigned_abs()).unwrap_or(0)) != 0;
    let unknown = (0..INHERITED).filter(is_open).filter(|fd| class(*fd) == Class::Unknown);
    unknown.filter(|fd| sys::socket::is_netlink(*fd))
}
