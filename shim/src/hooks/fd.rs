//! What else moves or ends descriptors. Nothing of this is recorded: the numbers are forgotten.

use core::ffi::{c_int, c_uint, c_ulong};

use super::absent;
use crate::interpose::{hooks, is_there, real};
use crate::{fdtable, record, sys};

/// Whether a command of fcntl makes a descriptor.
pub(super) fn duplicates(command: c_int) -> bool {
    command == libc::F_DUPFD || command == libc::F_DUPFD_CLOEXEC
}

/// Forgets descriptors that are about to be closed.
#[inline(never)]
pub(super) fn forget_range(first: c_uint, last: c_uint) {
    let errno = sys::errno();
    fdtable::forget_range(first, last);
    sys::set_errno(errno);
}

hooks! {
    unsafe fn dup(old: c_int) -> c_int => on_dup {
        // SAFETY: the caller's own argument.
        let new = unsafe { real!(dup)(old) };
        record::duplicated(old, new);
        new
    }

    unsafe fn dup2(old: c_int, new: c_int) -> c_int => on_dup2 {
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(dup2)(old, new) };
        record::duplicated(old, ret);
        ret
    }

    unsafe fn dup3(old: c_int, new: c_int, flags: c_int) -> c_int => on_dup3 {
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(dup3)(old, new, flags) };
        record::duplicated(old, ret);
        ret
    }

    // fcntl takes a third argument or none. In the calling conventions of Linux a function that is
    // told of one more than it was given finds an undefined value, which it passes on unread.
    unsafe fn fcntl(fd: c_int, command: c_int, argument: c_ulong) -> c_int => on_fcntl {
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(fcntl)(fd, command, argument) };
        if duplicates(command) {
            record::duplicated(fd, ret);
        }
        ret
    }

    unsafe fn fcntl64(fd: c_int, command: c_int, argument: c_ulong) -> c_int => on_fcntl64 {
        if !is_there!(fcntl64) {
            return absent();
        }
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(fcntl64)(fd, command, argument) };
        if duplicates(command) {
            record::duplicated(fd, ret);
        }
        ret
    }

    unsafe fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int => on_close_range {
        if !is_there!(close_range) {
            return absent();
        }
        if flags.cast_unsigned() & libc::CLOSE_RANGE_CLOEXEC == 0 {
            forget_range(first, last);
        }
        // SAFETY: the caller's own arguments.
        unsafe { real!(close_range)(first, last, flags) }
    }

    unsafe fn closefrom(first: c_int) -> () => on_closefrom {
        if !is_there!(closefrom) {
            return;
        }
        forget_range(c_uint::try_from(first).unwrap_or(0), c_uint::MAX);
        // SAFETY: the caller's own argument.
        unsafe { real!(closefrom)(first) }
    }
}
