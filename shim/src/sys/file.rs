//! Descriptors and files.

use core::ffi::{CStr, c_int, c_long, c_uint, c_ulong};
use core::mem::MaybeUninit;

use crate::sys::{self, Errno};
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
    // SAFETY: on 64-bit systems libc's structure is the kernel's.
    let ret = unsafe { libc::syscall(libc::SYS_fstat, c_long::from(fd), stat.as_mut_ptr()) };
    if ret != 0 {
        return None;
    }
    // SAFETY: zeroed, which is a value, then written by the kernel.
    Some(Stat::new(unsafe { stat.assume_init_ref() }))
}

/// The inode that a path leads to.
pub(crate) fn inode_at(path: &CStr) -> Option<u64> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: a terminated path; on 64-bit systems libc's structure is the kernel's.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_newfstatat,
            c_long::from(libc::AT_FDCWD),
            path.as_ptr(),
            stat.as_mut_ptr(),
            0_i64,
        )
    };
    if ret != 0 {
        return None;
    }
    // SAFETY: zeroed, which is a value, then written by the kernel.
    Some(unsafe { stat.assume_init_ref() }.st_ino)
}

/// Reads a symbolic link into `room`; returns how many bytes it has, cut to the room.
pub(crate) fn read_link(path: &CStr, room: &mut [u8]) -> usize {
    // SAFETY: a terminated path, and room of the length given.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_readlinkat,
            c_long::from(libc::AT_FDCWD),
            path.as_ptr(),
            room.as_mut_ptr(),
            room.len() as c_ulong,
        )
    };
    sys::outcome(ret).unwrap_or(0)
}

/// Reads the beginning of a file into `room`; returns how many bytes it got.
pub(crate) fn read_start(path: &CStr, room: &mut [u8]) -> usize {
    let Ok(fd) = open(path, libc::O_RDONLY | libc::O_CLOEXEC) else { return 0 };
    // SAFETY: room of the length given.
    let ret = unsafe {
        libc::syscall(libc::SYS_read, c_long::from(fd), room.as_mut_ptr(), room.len() as c_ulong)
    };
    close(fd);
    sys::outcome(ret).unwrap_or(0)
}

/// The working directory with its NUL; returns the length with it, 0 if it cannot be told.
pub(crate) fn working_directory(room: &mut [u8]) -> usize {
    // SAFETY: room of the length given.
    let ret = unsafe { libc::syscall(libc::SYS_getcwd, room.as_mut_ptr(), room.len() as c_ulong) };
    sys::outcome(ret).unwrap_or(0)
}

/// Opens a file; one that the call makes is its owner's alone.
pub(crate) fn open(path: &CStr, flags: c_int) -> Result<c_int, Errno> {
    // SAFETY: a terminated path.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_openat,
            c_long::from(libc::AT_FDCWD),
            path.as_ptr(),
            c_long::from(flags),
            0o600_i64,
        )
    };
    sys::descriptor(ret)
}

/// Closes a descriptor. Callers make sure that it is the shim's own.
pub(crate) fn close(fd: c_int) {
    // SAFETY: touches no memory; the descriptor is the shim's own.
    unsafe { libc::syscall(libc::SYS_close, c_long::from(fd)) };
}

/// Duplicates a descriptor to the first free number from `lowest` on, closed on exec.
pub(crate) fn duplicate(fd: c_int, lowest: c_int) -> Result<c_int, Errno> {
    // SAFETY: touches no memory.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_fcntl,
            c_long::from(fd),
            c_long::from(libc::F_DUPFD_CLOEXEC),
            c_long::from(lowest),
        )
    };
    sys::descriptor(ret)
}

/// One writev; the kernel reads the spans, so bad ones give EFAULT.
pub(crate) fn write(fd: c_int, spans: &[Span]) -> Result<usize, Errno> {
    let count = c_uint::try_from(spans.len()).unwrap_or(0);
    // SAFETY: the array is valid, and the kernel checks what it points to.
    let ret = unsafe {
        libc::syscall(libc::SYS_writev, c_long::from(fd), spans.as_ptr(), c_ulong::from(count))
    };
    sys::outcome(ret)
}
