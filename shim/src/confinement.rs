//! Whether the program has confined itself to some system calls, of which the shim's own may be none.
//!
//! A filter that was there before the program is one that lets the loader work, and so the shim. One that
//! the program itself puts up lets through what the program knows that it needs: from then on the shim
//! makes no system call. What it knows it goes on recording into a ring, which needs none; what it would
//! have to ask for it does without.
//!
//! Nor does it read the time by the processor's counter, at which strict mode ends the program, and in whose
//! place other machines make a system call: what it reads is the time of the kernel's last tick.
#![forbid(unsafe_code)]

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::{link, process, record, sys};

/// A filter outlives a fork, and so does this.
static CONFINED: AtomicBool = AtomicBool::new(false);

/// Whether the shim may make no system call.
#[inline]
pub(crate) fn is_confined() -> bool {
    CONFINED.load(Ordering::Relaxed)
}

/// Has the call made by which the program confines itself: it does so, unless the call fails.
pub(crate) fn around<R: Default + PartialOrd>(make: impl FnOnce() -> R) -> R {
    link::settle();
    record::confining();
    process::prepare_children();
    // Before, since afterwards it may be too late.
    let was_confined = CONFINED.swap(true, Ordering::Relaxed);
    let was_coarse = sys::use_coarse_clock(true);
    let ret = make();
    if ret < R::default() && !was_confined {
        CONFINED.store(false, Ordering::Relaxed);
        sys::use_coarse_clock(was_coarse);
    }
    ret
}

/// Has a call of prctl made, which may be such a one, or forbid to read the processor's counter.
pub(crate) fn prctl<R: Default + PartialOrd>(
    option: c_int,
    argument: usize,
    make: impl FnOnce() -> R,
) -> R {
    match option {
        libc::PR_SET_SECCOMP => around(make),
        libc::PR_SET_TSC => {
            let is_forbidden = argument as c_int == libc::PR_TSC_SIGSEGV;
            let was_coarse = sys::use_coarse_clock(is_forbidden || is_confined());
            let ret = make();
            if ret < R::default() {
                sys::use_coarse_clock(was_coarse);
            }
            ret
        }
        _ => make(),
    }
}
