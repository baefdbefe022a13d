//! redhook, fenced.
//!
//! - It answers a panic by making the real call again. So nothing behind a hook can panic: checked
//!   operations only, and a test reads the machine code for calls of the panic entry points. The
//!   library is built with `panic = "abort"`, so that a thread's cancellation, which unwinds, is not
//!   caught by redhook either; hence no value with a destructor lives across a real call.
//! - It finds the real functions under a lock, when first used: a signal handler that came in between
//!   would wait for what it interrupts. So the constructor uses all of them once, and until it has, hooks
//!   find them without redhook.
//! - It panics on a missing function. So each is looked for before.

use core::sync::atomic::{AtomicBool, Ordering};

/// Whether redhook has found all the functions, and will take its lock no more.
static IS_DONE: AtomicBool = AtomicBool::new(false);

/// Whether redhook may be asked for a function.
#[inline]
pub(crate) fn is_done() -> bool {
    IS_DONE.load(Ordering::Relaxed)
}

/// Redhook finds functions under a lock.
pub(crate) const IS_LAZY: bool = false;

/// Redhook has found all the functions.
pub(crate) fn set_done() {
    IS_DONE.store(true, Ordering::Relaxed);
}

/// Defines hooks, and a `resolve` that finds the functions behind them all.
macro_rules! hooks {
    ($(
        unsafe fn $name:ident($($v:ident: $t:ty),* $(,)?) -> $r:ty => $hook:ident $body:block
    )*) => {
        $(redhook::hook! { unsafe fn $name($($v: $t),*) -> $r => $hook $body })*

        /// The functions behind, as far as libc has them.
        #[allow(non_upper_case_globals, reason = "named after the functions")]
        mod behind {
            use super::*;
            use $crate::interpose::Real;
            $(
                pub(super) static $name: Real<unsafe extern "C" fn($($t),*) -> $r> =
                    // SAFETY: the hook has the function's own type.
                    unsafe { Real::new($crate::hooks::c_name!($name)) };
            )*
        }

        /// Finds the functions, those that there are.
        pub(super) fn resolve() {
            $(
                if $crate::interpose::is_there!($name) {
                    ::redhook::real!($name);
                }
            )*
        }
    };
}

/// Whether libc has a hooked function of the calling module.
macro_rules! is_there {
    ($name:ident) => {
        behind::$name.is_there()
    };
}

/// The function behind a hook of the calling module.
macro_rules! real {
    ($name:ident) => {
        if $crate::interpose::is_done() { ::redhook::real!($name) } else { behind::$name.get() }
    };
}

pub(crate) use {hooks, is_there, real};
