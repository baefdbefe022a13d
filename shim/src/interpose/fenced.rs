//! redhook, fenced.
//!
//! - It answers a panic by making the real call again. So nothing behind a hook can panic: checked
//!   operations only, and a test reads the machine code for calls of the panic entry points. The
//!   library is built with `panic = "abort"`, so that a thread's cancellation, which unwinds, is not
//!   caught by redhook either; hence no value with a destructor lives across a real call.
//! - It finds the real functions under a lock, when first used. So the constructor uses all of them
//!   once, and until it has run the hooks do nothing of their own.
//! - It panics on a missing function. So each is looked for before.

/// Defines hooks, and a `resolve` that finds the functions behind them.
macro_rules! hooks {
    ($(
        unsafe fn $name:ident($($v:ident: $t:ty),* $(,)?) -> $r:ty => $hook:ident $body:block
    )*) => {
        $(redhook::hook! { unsafe fn $name($($v: $t),*) -> $r => $hook $body })*

        /// Whether libc has each of the functions.
        #[allow(non_upper_case_globals, reason = "named after the functions")]
        mod presence {
            use $crate::interpose::Real;
            $(
                // SAFETY: only asked whether it is there.
                pub(super) static $name: Real<unsafe extern "C" fn()> =
                    unsafe { Real::new($crate::hooks::c_name!($name)) };
            )*
        }

        /// Finds the functions, those that there are.
        pub(super) fn resolve(libraries: &$crate::interpose::Libraries) {
            $(
                presence::$name.find(libraries);
                if $crate::interpose::is_there!($name) {
                    $crate::interpose::real!($name);
                }
            )*
        }
    };
}

/// Whether libc has a hooked function of the calling module.
macro_rules! is_there {
    ($name:ident) => {
        presence::$name.is_there()
    };
}

/// The function behind a hook of the calling module.
macro_rules! real {
    ($name:ident) => {
        ::redhook::real!($name)
    };
}

pub(crate) use {hooks, is_there, real};
