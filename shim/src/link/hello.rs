//! How a process begins to speak.
#![forbid(unsafe_code)]

use nlproto::{FRAME_HEAD_LEN, Hello, PREAMBLE_LEN, Record, codec};

use super::Outcome;
use crate::process::{self, Account, Process};
use crate::{confinement, sys, view};

/// Most bytes of the executable's path.
const EXE_ROOM: usize = 1024;

/// Most bytes of the arguments.
const ARGV_ROOM: usize = 2048;

/// Room for the preamble, the fixed fields, the lengths of the others, the version and the name.
const ROOM: usize = PREAMBLE_LEN + FRAME_HEAD_LEN + 4 + 48 + 4 * 8 + 32 + 16 + EXE_ROOM + ARGV_ROOM;

const _: () = assert!(EXE_ROOM + ARGV_ROOM + ROOM <= sys::memory::DESK_LEN);

/// Composes the preamble and the Hello, and has them written at once: in a file that others append
/// to they must not be parted. A socket at hand, made in this process's network namespace, saves making
/// another to ask which that is.
///
/// Not on the stack, since a forked child may first be heard of in a handler, whose stack may be small.
#[inline(never)]
pub(super) fn write(
    process: &Process,
    account: &Account,
    socket: Option<i32>,
    write: impl FnOnce(&[u8]) -> Outcome,
) -> Outcome {
    if confinement::is_confined() {
        return write_unasked(process, account, write);
    }
    let written = sys::memory::at_desk(|desk| {
        let (exe, rest) = desk.split_at_mut_checked(EXE_ROOM)?;
        let (argv, room) = rest.split_at_mut_checked(ARGV_ROOM)?;
        Some(write_at(process, account, socket, (exe, argv, room), write))
    });
    written.flatten().unwrap_or(Outcome::Full)
}

fn write_at(
    process: &Process,
    account: &Account,
    socket: Option<i32>,
    (exe, argv, room): (&mut [u8], &mut [u8], &mut [u8]),
    write: impl FnOnce(&[u8]) -> Outcome,
) -> Outcome {
    let comm = name();
    let comm = comm.split(|byte| matches!(byte, 0 | b'\n')).next().unwrap_or(&[]);
    let exe_len = sys::file::read_link(c"/proc/self/exe", exe);
    let argv_len = arguments(argv);
    let hello = Hello {
        pid: sys::pid(),
        ppid: sys::ppid(),
        uid: sys::euid(),
        forked: u32::from(process.is_forked()),
        netns: sys::file::inode_at(c"/proc/self/ns/net").unwrap_or(0),
        netns_cookie: netns_cookie(socket),
        monotonic_ns: sys::monotonic_ns(),
        realtime_ns: sys::realtime_ns(),
        shim: env!("CARGO_PKG_VERSION").as_bytes(),
        comm,
        exe: exe.get(..exe_len).unwrap_or(&[]),
        argv: argv.get(..argv_len).unwrap_or(&[]),
    };
    compose(process, account, hello, room, write)
}

/// The same for a process that may ask for nothing, which is a child of one that has introduced itself.
fn write_unasked(
    process: &Process,
    account: &Account,
    write: impl FnOnce(&[u8]) -> Outcome,
) -> Outcome {
    let hello = Hello {
        pid: 0,
        ppid: process::image_pid(),
        uid: 0,
        forked: 1,
        netns: 0,
        netns_cookie: 0,
        monotonic_ns: sys::monotonic_ns(),
        realtime_ns: sys::realtime_ns(),
        shim: env!("CARGO_PKG_VERSION").as_bytes(),
        comm: b"?",
        exe: b"",
        argv: b"",
    };
    compose(process, account, hello, &mut [0; ROOM - EXE_ROOM - ARGV_ROOM], write)
}

fn compose(
    process: &Process,
    account: &Account,
    hello: Hello<'_>,
    room: &mut [u8],
    write: impl FnOnce(&[u8]) -> Outcome,
) -> Outcome {
    let number = account.take_number();
    let Some((preamble, rest)) = room.split_first_chunk_mut::<PREAMBLE_LEN>() else {
        return Outcome::Full;
    };
    *preamble = codec::preamble();
    let Ok(len) = codec::frame(rest, process.key(), number, &Record::Hello(hello)) else {
        return Outcome::Full;
    };
    let outcome = room.get(..PREAMBLE_LEN.saturating_add(len)).map_or(Outcome::Full, write);
    if outcome != Outcome::Sent {
        account.give_back(number);
    }
    outcome
}

/// The program's name, with what may follow behind a NUL or the line's end: that of its first thread, as
/// every ps has it.
fn name() -> [u8; 16] {
    let mut name = [0; 16];
    let is_first = sys::tid() == sys::pid();
    if is_first || sys::file::read_start(c"/proc/self/comm", &mut name) == 0 {
        name = sys::comm();
    }
    name
}

/// The cookie of the network namespace that the process is in.
fn netns_cookie(socket: Option<i32>) -> u64 {
    let made = if socket.is_none() { sys::socket::stream().ok() } else { None };
    let cookie = socket.or(made).map_or(0, sys::socket::netns_cookie);
    if let Some(made) = made {
        sys::file::close(made);
    }
    cookie
}

/// The arguments, each ended by a NUL and all cut to the room: as main is given them, else as the system
/// remembers them. Returns their length.
fn arguments(room: &mut [u8]) -> usize {
    let mut used = 0_usize;
    for argument in view::arguments() {
        let argument = argument.to_bytes_with_nul();
        let left = room.get_mut(used..).unwrap_or(&mut []);
        let len = argument.len().min(left.len());
        if let (Some(left), Some(argument)) = (left.get_mut(..len), argument.get(..len)) {
            left.copy_from_slice(argument);
        }
        used = used.saturating_add(len);
    }
    if used > 0 { used } else { sys::file::read_start(c"/proc/self/cmdline", room) }
}
