//! Keeps a signal that the shim's own write would cause away from the program.

use core::ffi::{c_int, c_long, c_ulong};
use core::ptr;

/// A kernel signal set: bit n-1 is signal n.
type Set = u64;

const XFSZ: Set = 1 << (libc::SIGXFSZ - 1);
const SET_LEN: c_ulong = size_of::<Set>() as c_ulong;

fn change_mask(how: c_int, set: Set) -> Set {
    let mut old: Set = 0;
    // SAFETY: both sets are valid and of the length given.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            c_long::from(how),
            &raw const set,
            &raw mut old,
            SET_LEN,
        )
    };
    old
}

fn pending() -> Set {
    let mut set: Set = 0;
    // SAFETY: the set is valid for writes and of the length given.
    unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut set, SET_LEN) };
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
        // SAFETY: the set and the timeout are valid; no information is asked for.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigtimedwait,
                &raw const set,
                ptr::null::<libc::siginfo_t>(),
                &raw const now,
                SET_LEN,
            )
        };
    }
    if before & XFSZ == 0 {
        change_mask(libc::SIG_UNBLOCK, XFSZ);
    }
    result
}
