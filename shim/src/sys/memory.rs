//! Memory from the kernel: the shim has no heap.

use core::ffi::{c_long, c_ulong, c_void};
use core::mem::{align_of, size_of};
use core::ptr;

use crate::process::Process;
use crate::sys;

/// Types of which all-zero memory is a valid value.
///
/// # Safety
/// Only for types that are valid, and mean "at the beginning", when all their bytes are zero.
pub(crate) unsafe trait ZeroStart {}

// SAFETY: made of atomic integers and booleans only, for which zero is a value.
unsafe impl ZeroStart for Process {}

/// Smallest page size there is; no type kept in pages asks for a stricter alignment.
const PAGE_LEN: usize = 4096;

/// New private zeroed pages, never given back.
fn pages<T>() -> Option<*mut T> {
    const { assert!(align_of::<T>() <= PAGE_LEN) };
    // SAFETY: a new anonymous mapping at a place of the kernel's choice.
    let base = unsafe {
        libc::syscall(
            libc::SYS_mmap,
            ptr::null::<c_void>(),
            size_of::<T>() as c_ulong,
            c_long::from(libc::PROT_READ | libc::PROT_WRITE),
            c_long::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS),
            -1_i64,
            0_i64,
        )
    };
    let base = sys::outcome(base).ok()?;
    Some(ptr::with_exposed_provenance_mut(base))
}

/// Keeps a value until the program ends.
pub(crate) fn keep<T>(value: T) -> Option<&'static T> {
    let place = pages::<T>()?;
    // SAFETY: fresh pages, large enough and aligned, and nobody else's.
    unsafe { place.write(value) };
    // SAFETY: just written, never unmapped, and from now on only shared.
    Some(unsafe { &*place })
}

/// Memory that a forked child finds zeroed, while a vfork child shares it.
///
/// The `bool` is whether the kernel really clears it (since Linux 4.14).
pub(crate) fn wiped_on_fork<T: ZeroStart + Sync>() -> Option<(&'static T, bool)> {
    let place = pages::<T>()?;
    // SAFETY: advice on pages that are ours alone.
    let advised = unsafe {
        libc::syscall(
            libc::SYS_madvise,
            place.cast::<c_void>(),
            size_of::<T>() as c_ulong,
            c_long::from(libc::MADV_WIPEONFORK),
        )
    };
    // SAFETY: zeroed by the kernel, which is a valid value; never unmapped, and only shared.
    Some((unsafe { &*place }, advised == 0))
}

/// How many bytes [`is_readable`] looks at.
pub(crate) const WINDOW_LEN: usize = size_of::<u64>();

/// Whether the kernel can read `WINDOW_LEN` bytes from `base`.
///
/// Asked by a request to change the signal mask in a way that there is not, which the kernel
/// refuses after reading the set.
pub(crate) fn is_readable(base: *const u8) -> bool {
    // SAFETY: the kernel checks the pointer, and changes nothing.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            c_long::MAX,
            base,
            ptr::null_mut::<c_void>(),
            WINDOW_LEN as c_ulong,
        )
    };
    sys::outcome(ret) == Err(libc::EINVAL)
}
