//! The functions that stand in front of libc's.
//!
//! Each makes the real call first, once, with the caller's own arguments, and hands what happened to
//! [`crate::record`]. redhook makes them (`hook!`) and finds the real ones (`real!`); it is fenced:
//!
//! - It answers a panic by making the real call again. So nothing behind a hook can panic: checked
//!   operations only, and a test reads the machine code for calls of the panic entry points. The
//!   library is built with `panic = "abort"`, so that a thread's cancellation, which unwinds, is not
//!   caught by redhook either; hence no value with a destructor lives across a real call.
//! - It finds the real functions under a lock, when first used. So the constructor uses all of them
//!   once, and until it has run the hooks do nothing of their own.
//! - It panics on a missing function. So those younger than glibc 2.17 are asked for first.

mod fd;
mod internal;
mod life;
mod recv;
mod rw;
mod send;

/// Defines hooks, and a `resolve` that finds the functions behind them.
macro_rules! hooks {
    ($(
        unsafe fn $name:ident($($v:ident: $t:ty),* $(,)?) -> $r:ty => $hook:ident $body:block
    )*) => {
        $(redhook::hook! { unsafe fn $name($($v: $t),*) -> $r => $hook $body })*

        /// Whether libc has each of the functions.
        #[allow(non_upper_case_globals, reason = "named after the functions")]
        mod presence {
            $(pub(super) static $name: crate::real::Presence = crate::real::Presence::new();)*
        }

        /// Finds the functions, those that there are.
        pub(super) fn resolve() {
            $(
                if $crate::hooks::is_there!($name) {
                    redhook::real!($name);
                }
            )*
        }
    };
}

/// Whether libc has a hooked function of the calling module.
macro_rules! is_there {
    ($name:ident) => {{
        const NAME: Result<&::core::ffi::CStr, ::core::ffi::FromBytesWithNulError> =
            ::core::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes());
        NAME.is_ok_and(|name| presence::$name.is_there(name))
    }};
}

use {hooks, is_there};

/// Finds the functions behind all hooks; the library's constructor calls it once.
pub(crate) fn resolve() {
    send::resolve();
    recv::resolve();
    rw::resolve();
    life::resolve();
    fd::resolve();
    internal::resolve();
}

/// What a function returns that this libc has not.
fn absent<T: From<i8>>() -> T {
    crate::sys::set_errno(libc::ENOSYS);
    T::from(-1)
}
