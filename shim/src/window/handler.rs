//! The process's handler for SIGSYS, which is ours as long as any thread has a window open.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

use super::trap;
use crate::process::Process;
use crate::sys::{self, signal};

/// How many windows are open.
///
/// Who makes the first or ends the last has [`CHANGING`] set meanwhile; with nearly all signals blocked it
/// is but a moment, and who does not want to wait so long does without a window.
pub(crate) struct Users(AtomicU32);

/// The handler is being put in or taken out.
const CHANGING: u32 = 1 << 31;

/// How often it is looked whether that is over.
const PATIENCE: u32 = 10_000;

impl Users {
    /// Nobody's: what a forked child begins with, whose other threads are gone.
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Changes the number; where it was or becomes 0, by way of `change`, which may refuse.
    fn change(&self, by: i32, change: impl FnOnce() -> bool) -> bool {
        for _ in 0..PATIENCE {
            let now = self.0.load(Ordering::Acquire);
            let next = now.wrapping_add_signed(by);
            if now == CHANGING {
                sys::yield_now();
            } else if now != 0 && next != 0 {
                if self.0.compare_exchange(now, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                    return true;
                }
            } else if self
                .0
                .compare_exchange(now, CHANGING, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                let is_done = change();
                self.0.store(if is_done { next } else { now }, Ordering::Release);
                return is_done;
            }
        }
        false
    }
}

/// Has the handler put in, if it is not; `false` if the program has one of its own.
pub(super) fn take(process: &Process) -> bool {
    process.window_users().change(1, || {
        let now = signal::action(libc::SIGSYS);
        // A fork while another thread had a window left ours in.
        let is_free = now.handler == libc::SIG_DFL || trap::is_ours(&now);
        if is_free {
            trap::put_in();
        }
        is_free
    })
}

/// Has the handler taken out, if nobody else needs it and it is still ours.
pub(super) fn give(process: &Process) {
    process.window_users().change(-1, || {
        if trap::is_ours(&signal::action(libc::SIGSYS)) {
            trap::take_out();
        }
        true
    });
}
