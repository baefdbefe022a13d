//! The capture file, which any number of processes append to.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};

use super::Outcome;
use crate::config::Config;
use crate::sys;
use crate::view::Span;

/// Device and inode of the file, after it was first opened.
static IDENTITY: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Opens the file; makes it, if this is the first time. Under the same path in a changed root
/// there may be another file, or none: that is left alone.
///
/// Only a regular file will do: a write to anything else may block, or raise SIGPIPE.
pub(super) fn open(config: &Config) -> Option<i32> {
    let path = config.file()?;
    let known = identity();
    let create = if known.is_none() { libc::O_CREAT } else { 0 };
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC;
    // Not blocking matters for what turns out to be a pipe or a terminal.
    let fd = sys::file::open(path, flags | libc::O_NONBLOCK | libc::O_NOCTTY | create).ok()?;
    let stat = sys::file::stat(fd).filter(|stat| stat.is_regular);
    let found = stat.map(|stat| [stat.dev, stat.inode]);
    if found.is_none() || (known.is_some() && known != found) {
        sys::file::close(fd);
        return None;
    }
    for (place, value) in IDENTITY.iter().zip(found.into_iter().flatten()) {
        place.store(value, Ordering::Relaxed);
    }
    Some(fd)
}

fn identity() -> Option<[u64; 2]> {
    let [dev, inode] = IDENTITY.each_ref().map(|place| place.load(Ordering::Relaxed));
    (inode != 0).then_some([dev, inode])
}

/// Appends one frame to a file of this length.
///
/// A full disk may tear a frame; the reader goes on at the next one, and so does the writer. But
/// where the program has a limit on file sizes, the kernel answers a write beyond it with SIGXFSZ,
/// which would end the program.
pub(super) fn write(fd: i32, file_len: u64, frame: &[Span]) -> Outcome {
    let len = frame.iter().fold(0_usize, |sum, span| sum.saturating_add(span.len()));
    let limit = sys::limit(libc::RLIMIT_FSIZE);
    let written = if limit == u64::MAX {
        sys::file::write(fd, frame)
    } else if file_len.saturating_add(len as u64) > limit {
        return Outcome::Full;
    } else {
        // Another process may append first.
        sys::signal::without_sigxfsz(|| sys::file::write(fd, frame))
    };
    match written {
        Ok(written) if written >= len => Outcome::Sent,
        Err(libc::EFAULT) => Outcome::Unreadable,
        _ => Outcome::Full,
    }
}
