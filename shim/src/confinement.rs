//! Whether the program has confined itself to some system calls, of which the shim's own may be none.
//!
//! A filter that was there before the program is one that lets the loader work, and so the shim. One that
//! the program itself puts up lets through what the program knows that it needs: from then on the shim
//! makes no system call. What it knows it goes on recording into a ring, which needs none; what it would
//! have to ask for it does without.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};

use crate::record;

/// A filter outlives a fork, and so does this.
static CONFINED: AtomicBool = AtomicBool::new(false);

/// Whether the shim may make no system call.
#[inline]
pub(crate) fn is_confined() -> bool {
    CONFINED.load(Ordering::Relaxed)
}

/// Has the call made by which the program confines itself: it does so, unless the call fails.
pub(crate) fn around<R: Default + PartialOrd>(make: impl FnOnce() -> R) -> R {
    record::confining();
    // Before, since afterwards it may be too late.
    let was_confined = CONFINED.swap(true, Ordering::Relaxed);
    let ret = make();
    if ret < R::default() && !was_confined {
        CONFINED.store(false, Ordering::Relaxed);
    }
    ret
}
