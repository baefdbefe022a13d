//! Keeps a signal that the shim's own write would cause away from the program.

use core::ffi::c_int;

use nlring::kernel::call;

use super::{int, pointer};

/// A kernel signal set: bit n-1 is signal n.
type Set = u64;

const XFSZ: Set = 1 << (libc::SIGXFSZ - 1);

fn change_mask(how: c_int, set: Set) -> Set {
    let mut old: Set = 0;
    let (new, place) = (pointer(&raw const set), pointer(&raw mut old));
    // It cannot fail.
    // SAFETY: both sets are valid and of the length given.
    let _changed =
        unsafe { call(libc::SYS_rt_sigprocmask, [int(how), new, place, size_of::<Set>(), 0, 0]) };
    old
}

fn pending() -> Set {
    let mut set: Set = 0;
    let arguments = [pointer(&raw mut set), size_of::<Set>(), 0, 0, 0, 0];
    // It cannot fail.
    // SAFETY: the set is valid for writes and of the length given.
    let _told = unsafe { call(libc::SYS_rt_sigpending, arguments) };
    set
}

/// Runs `write`, which may exceed the file size limit, so that the program is not told of it.
///
/// The kernel directs SIGXFSZ at the writing thread: blocked meanwhile, and taken back if it was
/// not pending before.
pub(crate) fn without_sigxfsz<R>(write: impl FnOnce() -> R) -> R {
    let before = change_mask(libc::SIG_BLOCK, XFSZ);
    let had_one = pending() & XFSZ != 0;
    let result = write();
    if !had_one && pending() & XFSZ != 0 {
        let set = XFSZ;
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let (set, now) = (pointer(&raw const set), pointer(&raw const now));
        // Somebody else may have taken it.
        // SAFETY: the set and the timeout are valid; no information is asked for.
        let _taken =
            unsafe { call(libc::SYS_rt_sigtimedwait, [set, 0, now, size_of::<Set>(), 0, 0]) };
    }
    if before & XFSZ == 0 {
        change_mask(libc::SIG_UNBLOCK, XFSZ);
    }
    result
}
