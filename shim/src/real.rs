//! The functions that the hooks stand in front of.
//!
//! redhook's `real!` finds them with dlsym when first used, under a `Once` that a signal handler
//! could deadlock on, and panics if there is none. So the constructor uses each of them once, after
//! asking whether it exists; the hooks record nothing before.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU8, Ordering};

/// Whether libc has a function.
pub(crate) struct Presence(AtomicU8);

const UNASKED: u8 = 0;
const PRESENT: u8 = 1;
const ABSENT: u8 = 2;

impl Presence {
    /// Not yet asked.
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(UNASKED))
    }

    /// Asks once.
    pub(crate) fn is_there(&self, name: &CStr) -> bool {
        match self.0.load(Ordering::Relaxed) {
            UNASKED => {
                // SAFETY: a terminated name; looks behind this library, as `real!` does.
                let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
                let there = !found.is_null();
                self.0.store(if there { PRESENT } else { ABSENT }, Ordering::Relaxed);
                there
            }
            answer => answer == PRESENT,
        }
    }
}
