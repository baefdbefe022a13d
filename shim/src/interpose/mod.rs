//! How hooks stand in front of libc's functions, and where the real ones are.
//!
//! There are two ways with one face, `hooks!` and `real!`:
//!
//! - `fenced`, the default: redhook's macros, which find the real functions by dlsym.
//! - `portable`, the feature of that name: a macro of our own, and the loaded libraries' symbol tables. The
//!   library then needs neither Rust's standard library nor a symbol that a C library of the last twelve
//!   years lacks, and runs under glibc and musl alike.

#[cfg(not(feature = "portable"))]
mod fenced;
#[cfg(feature = "portable")]
mod portable;
mod real;
mod symbol;

#[cfg(not(feature = "portable"))]
pub(crate) use fenced::{IS_LAZY, hooks, is_done, is_there, real, set_done};
#[cfg(feature = "portable")]
pub(crate) use portable::{IS_LAZY, hooks, is_there, real, set_done};
pub(crate) use real::Real;
pub(crate) use symbol::start;

use core::ffi::CStr;

use crate::sys;

/// What the kernel's clock_gettime is called.
const VDSO_CLOCK_GETTIME: &CStr =
    if cfg!(target_arch = "aarch64") { c"__kernel_clock_gettime" } else { c"__vdso_clock_gettime" };

/// From now on the time is read by the kernel's own function, which takes no system call.
pub(crate) fn find_clock() {
    let clock = symbol::of_kernel(VDSO_CLOCK_GETTIME);
    // SAFETY: the function of that name, if there is one.
    unsafe { sys::use_clock(clock) };
}
