//! Descriptors and files.

use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;

use nlring::kernel::call;

use super::{Errno, descriptor, int, pointer};
use crate::view::Span;

/// What fstat says of a descriptor.
#[derive(Clone, Copy)]
pub(crate) struct Stat {
    /// Device and inode, which together are the open file's identity.
    pub(crate) dev: u64,
    /// See `dev`.
    pub(crate) inode: u64,
    /// Length in bytes.
    pub(crate) len: u64,
    /// Whether it is a regular file.
    pub(crate) is_regular: bool,
}

impl Stat {
    fn new(stat: &libc::stat) -> Self {
        Self {
            dev: stat.st_dev,
            inode: stat.st_ino,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            is_regular: stat.st_mode & libc::S_IFMT == libc::S_IFREG,
        }
    }
}

/// What a descriptor refers to; `None` if it is not open.
pub(crate) fn stat(fd: c_int) -> Option<Stat> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let arguments = [int(fd), pointer(stat.as_mut_ptr()), 0, 0, 0, 0];
    // SAFETY: on 64-bit systems libc's structure is the kernel's.
    unsafe { call(libc::SYS_fstat, arguments) }.ok()?;
    // SAFETY: zeroed, which is a value, then written by the kernel.
    Some(Stat::new(unsafe { stat.assume_init_ref() }))
}

/// The inode that a path leads to.
pub(crate) fn inode_at(path: &CStr) -> Option<u64> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let arguments =
        [int(libc::AT_FDCWD), pointer(path.as_ptr()), pointer(stat.as_mut_ptr()), 0, 0, 0];
    // SAFETY: a terminated path; on 64-bit systems libc's structure is the kernel's.
    unsafe { call(libc::SYS_newfstatat, arguments) }.ok()?;
    // SAFETY: zeroed, which is a value, then written by the kernel.
    Some(unsafe { stat.assume_init_ref() }.st_ino)
}

/// Reads a symbolic link into `room`; returns how many bytes it has, cut to the room.
pub(crate) fn read_link(path: &CStr, room: &mut [u8]) -> usize {
    let (path, base) = (pointer(path.as_ptr()), pointer(room.as_mut_ptr()));
    let arguments = [int(libc::AT_FDCWD), path, base, room.len(), 0, 0];
    // SAFETY: a terminated path, and room of the length given.
    unsafe { call(libc::SYS_readlinkat, arguments) }.unwrap_or(0)
}

/// Reads the beginning of a file into `room`; returns how many bytes it got.
pub(crate) fn read_start(path: &CStr, room: &mut [u8]) -> usize {
    let Ok(fd) = open(path, libc::O_RDONLY | libc::O_CLOEXEC) else { return 0 };
    let arguments = [int(fd), pointer(room.as_mut_ptr()), room.len(), 0, 0, 0];
    // SAFETY: room of the length given.
    let read = unsafe { call(libc::SYS_read, arguments) };
    close(fd);
    read.unwrap_or(0)
}

/// The working directory with its NUL; returns the length with it, 0 if it cannot be told.
pub(crate) fn working_directory(room: &mut [u8]) -> usize {
    let arguments = [pointer(room.as_mut_ptr()), room.len(), 0, 0, 0, 0];
    // SAFETY: room of the length given.
    unsafe { call(libc::SYS_getcwd, arguments) }.unwrap_or(0)
}

/// Opens a file; one that the call makes is its owner's alone.
pub(crate) fn open(path: &CStr, flags: c_int) -> Result<c_int, Errno> {
    let arguments = [int(libc::AT_FDCWD), pointer(path.as_ptr()), int(flags), 0o600, 0, 0];
    // SAFETY: a terminated path.
    descriptor(unsafe { call(libc::SYS_openat, arguments) })
}

/// Closes a descriptor. Callers make sure that it is the shim's own.
pub(crate) fn close(fd: c_int) {
    // Whatever it says, the descriptor is gone.
    // SAFETY: touches no memory; the descriptor is the shim's own.
    let _closed = unsafe { call(libc::SYS_close, [int(fd), 0, 0, 0, 0, 0]) };
}

/// Duplicates a descriptor to the first free number from `lowest` on, closed on exec.
pub(crate) fn duplicate(fd: c_int, lowest: c_int) -> Result<c_int, Errno> {
    let arguments = [int(fd), int(libc::F_DUPFD_CLOEXEC), int(lowest), 0, 0, 0];
    // SAFETY: touches no memory.
    descriptor(unsafe { call(libc::SYS_fcntl, arguments) })
}

/// One writev; the kernel reads the spans, so bad ones give EFAULT.
pub(crate) fn write(fd: c_int, spans: &[Span]) -> Result<usize, Errno> {
    let arguments = [int(fd), pointer(spans.as_ptr()), spans.len(), 0, 0, 0];
    // SAFETY: the array is valid, and the kernel checks what it points to.
    unsafe { call(libc::SYS_writev, arguments) }
}
