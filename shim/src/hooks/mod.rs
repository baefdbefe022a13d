//! The functions that stand in front of libc's.
//!
//! Each makes the real call first, once, with the caller's own arguments, and hands what happened to
//! [`crate::record`]. How they come to stand there is [`crate::interpose`]'s.

#[cfg(target_arch = "x86_64")]
pub(crate) mod by_number;
mod fd;
#[cfg(target_arch = "x86_64")]
mod frameless;
mod internal;
mod life;
mod recv;
mod rw;
mod send;

use core::ffi::CStr;

use crate::interpose::{self, Libraries};
use crate::sys;

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

/// Finds the functions behind all hooks; the library's constructor calls it once.
pub(crate) fn resolve() {
    let libraries = Libraries::behind();
    send::resolve(&libraries);
    recv::resolve(&libraries);
    rw::resolve(&libraries);
    life::resolve(&libraries);
    fd::resolve(&libraries);
    internal::resolve(&libraries);
    #[cfg(target_arch = "x86_64")]
    frameless::resolve(&libraries);
    interpose::set_done();
    let clock = interpose::of_kernel(VDSO_CLOCK_GETTIME);
    // SAFETY: the function of that name, if there is one.
    unsafe { sys::use_clock(clock) };
}

/// What the kernel's clock_gettime is called.
const VDSO_CLOCK_GETTIME: &CStr =
    if cfg!(target_arch = "aarch64") { c"__kernel_clock_gettime" } else { c"__vdso_clock_gettime" };

/// What a function returns that this libc has not.
fn absent<T: From<i8>>() -> T {
    sys::set_errno(libc::ENOSYS);
    T::from(-1)
}
