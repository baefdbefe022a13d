//! The protocol between `libnlhook.so` and `nlview`, on one page.
//!
//! A *stream* (one unix socket connection, or one capture file) is a preamble followed by frames:
//!
//! ```text
//! preamble   89 4e 4c 43 41 50 0d 0a   version u16   zero u16   zero u32            16 bytes
//! frame      sync u32   body_len u32   process u64   number u64   body              24 + body_len
//! body       tag u32    the fields of one Record, in order
//! ```
//!
//! All integers are little-endian and of fixed width; a byte string is a `u64` length followed by
//! its bytes. That is bincode's fixed-int encoding ([`codec`] is the only file that says so), and
//! the tables in [`record`] document it byte by byte, so that another encoder can replace it.
//!
//! Several processes may write into one stream: after `fork` a child goes on with its parent's
//! connection, and any number of processes append to one `NLHOOK_FILE`. So every frame names its
//! process, every write is one whole frame, and each writer begins with a preamble of its own; a
//! reader accepts a preamble wherever a frame may begin. `number` counts each process's frames, so
//! that a reader sees what is missing; what the writer itself knows to be lost is a
//! [`record::Lost`].
//!
//! Between one program and one viewer the same frames can go through shared memory: [`ring`].
//!
//! A frame's body never exceeds [`MAX_BODY_LEN`]. A call that moved more bytes than fit carries the
//! first of them and is continued by [`record::Part`]s.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod capture;
pub mod codec;
pub mod function;
pub mod record;
pub mod ring;

pub use capture::{Event, FrameReader};
pub use codec::Error;
pub use function::{Function, Origin};
pub use record::{
    Bye, Call, CallHead, Hello, Lost, Name, NameKind, Part, Record, SockaddrNl, Socket,
};

/// Version of the stream. Raised whenever a reader of the version before could not go on.
pub const VERSION: u16 = 1;

/// The first bytes of every stream. The high bit and the line ends show transfers that mangle bytes.
pub const MAGIC: [u8; 8] = *b"\x89NLCAP\r\n";

/// Length of the preamble in bytes.
pub const PREAMBLE_LEN: usize = 16;

/// The `u32` that begins every frame; `NLRF` in memory order. Lets a reader find the next frame
/// after a torn one.
pub const SYNC: u32 = u32::from_le_bytes(*b"NLRF");

/// Length of a frame's head in bytes.
pub const FRAME_HEAD_LEN: usize = 24;

/// Most bytes a frame's body may have. A reader refuses more, so that a hostile length cannot make
/// it allocate.
pub const MAX_BODY_LEN: usize = 1 << 20;
