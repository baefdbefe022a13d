//! How a process begins to speak.
#![forbid(unsafe_code)]

use nlproto::{FRAME_HEAD_LEN, Hello, PREAMBLE_LEN, Record, codec};

use super::Outcome;
use crate::config::{ARGV_ROOM, Config, EXE_ROOM};
use crate::process::{Account, Process};
use crate::sys;

/// Room for the preamble, the fixed fields, the lengths of the others, the version and the name.
const ROOM: usize = PREAMBLE_LEN + FRAME_HEAD_LEN + 4 + 48 + 4 * 8 + 32 + 16 + EXE_ROOM + ARGV_ROOM;

/// Composes the preamble and the Hello, and has them written at once: in a file that others append
/// to they must not be parted.
#[inline(never)]
pub(super) fn write(
    config: &Config,
    process: &Process,
    account: &Account,
    write: impl FnOnce(&[u8]) -> Outcome,
) -> Outcome {
    let comm = sys::comm();
    let comm = comm.split(|byte| *byte == 0).next().unwrap_or(&[]);
    let hello = Hello {
        pid: sys::pid(),
        ppid: sys::ppid(),
        uid: sys::euid(),
        forked: u32::from(process.is_forked()),
        netns: sys::file::inode_at(c"/proc/self/ns/net").unwrap_or(0),
        netns_cookie: sys::socket::own_netns_cookie(),
        monotonic_ns: sys::monotonic_ns(),
        realtime_ns: sys::realtime_ns(),
        shim: env!("CARGO_PKG_VERSION").as_bytes(),
        comm,
        exe: config.exe.as_slice(),
        argv: config.argv.as_slice(),
    };
    let number = account.take_number();
    let mut room = [0_u8; ROOM];
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
