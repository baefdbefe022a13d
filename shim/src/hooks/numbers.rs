//! Numbers of system calls that not every machine has: those that came to Linux later make some calls by
//! the general form of the call alone.
#![forbid(unsafe_code)]

use core::ffi::c_long;

/// `SYS_dup2`.
#[cfg(target_arch = "x86_64")]
pub(super) const DUP2: c_long = libc::SYS_dup2;
/// `SYS_vfork`.
#[cfg(target_arch = "x86_64")]
pub(super) const VFORK: c_long = libc::SYS_vfork;

/// `SYS_dup2`, which there is not: the kernel takes no call for one of this number.
#[cfg(target_arch = "aarch64")]
pub(super) const DUP2: c_long = c_long::MIN;
/// `SYS_vfork`, likewise.
#[cfg(target_arch = "aarch64")]
pub(super) const VFORK: c_long = c_long::MIN;
