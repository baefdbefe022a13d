//! The functions that stand in front of libc's.
//!
//! Each makes the real call first, once, with the caller's own arguments, and hands what happened to
//! [`crate::record`]. How they come to stand there is [`crate::interpose`]'s.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod by_number;
mod fd;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod frameless;
mod internal;
mod leave;
mod life;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod numbers;
mod recv;
mod rw;
mod send;

use crate::{interpose, sys};

/// The name of a symbol as C has it.
macro_rules! c_name {
    ($name:ident) => {{
        const NAME: &::core::ffi::CStr = match ::core::ffi::CStr::from_bytes_with_nul(
            concat!(stringify!($name), "\0").as_bytes(),
        ) {
            Ok(name) => name,
            Err(_) => c"",
        };
        NAME
    }};
}

pub(crate) use c_name;

/// Sees to it that the functions behind all hooks can be found at any time; the library's constructor calls
/// it once.
pub(crate) fn resolve() {
    if interpose::start() && interpose::IS_LAZY {
        return;
    }
    send::resolve();
    recv::resolve();
    rw::resolve();
    life::resolve();
    leave::resolve();
    fd::resolve();
    internal::resolve();
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    frameless::resolve();
    interpose::set_done();
}

/// What a function returns that this libc has not.
fn absent<T: From<i8>>() -> T {
    sys::set_errno(libc::ENOSYS);
    T::from(-1)
}
