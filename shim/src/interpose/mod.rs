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
pub(crate) use fenced::{hooks, is_done, is_there, real, set_done};
#[cfg(feature = "portable")]
pub(crate) use portable::{hooks, is_there, real, set_done};
pub(crate) use real::Real;
pub(crate) use symbol::{Libraries, of_kernel};
