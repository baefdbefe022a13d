//! Memory from the kernel: the shim has no heap.

use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::mem::{align_of, size_of};
use core::ptr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use nlring::kernel::call;

use super::{int, pointer};
use crate::fdtable::Table;
use crate::process::Process;

/// Types of which all-zero memory is a valid value.
///
/// # Safety
/// Only for types that are valid, and mean "at the beginning", when all their bytes are zero.
pub(crate) unsafe trait ZeroStart {}

// SAFETY: made of atomic integers and booleans only, for which zero is a value.
unsafe impl ZeroStart for Process {}
// SAFETY: made of atomic integers only.
unsafe impl ZeroStart for Table {}

/// Smallest page size there is; no type kept in pages asks for a stricter alignment.
const PAGE_LEN: usize = 4096;

/// New private zeroed pages, never given back.
fn pages<T>() -> Option<*mut T> {
    mapped(libc::MAP_PRIVATE)
}

fn mapped<T>(sharing: c_int) -> Option<*mut T> {
    const { assert!(align_of::<T>() <= PAGE_LEN) };
    let protection = int(libc::PROT_READ | libc::PROT_WRITE);
    let flags = int(sharing | libc::MAP_ANONYMOUS);
    let arguments = [0, size_of::<T>(), protection, flags, int(-1), 0];
    // SAFETY: a new anonymous mapping at a place of the kernel's choice.
    let base = unsafe { call(libc::SYS_mmap, arguments) }.ok()?;
    Some(ptr::with_exposed_provenance_mut(base))
}

/// Zeroed memory for good.
pub(crate) fn zeroed<T: ZeroStart + Sync>() -> Option<&'static T> {
    let place = pages::<T>()?;
    // SAFETY: zeroed by the kernel, which is a valid value; never unmapped, and only shared.
    Some(unsafe { &*place })
}

/// So many bytes for the stack of a handler, for good; returns where they begin.
#[cfg(target_arch = "x86_64")]
pub(crate) fn stack<const LEN: usize>() -> Option<usize> {
    pages::<[u8; LEN]>().map(|base| pointer(base.cast_const()))
}

/// Room for what is kept for good: the settings, and a ring. Every program that preloads the library has it,
/// in the one page that it writes to in any case.
const STORE_LEN: usize = 512;

/// Untouched, it takes no memory.
#[repr(C, align(64))]
struct Store(UnsafeCell<[u8; STORE_LEN]>);

// SAFETY: its bytes are given out, each once.
unsafe impl Sync for Store {}

static STORE: Store = Store(UnsafeCell::new([0; STORE_LEN]));

/// How much of it is given out.
static USED: AtomicUsize = AtomicUsize::new(0);

/// A place in the store, as long as there is one.
fn stored<T>() -> Option<*mut T> {
    const { assert!(align_of::<T>() <= align_of::<Store>()) };
    let len = size_of::<T>().next_multiple_of(align_of::<Store>());
    let start = USED.fetch_add(len, Ordering::Relaxed);
    let fits = start.checked_add(len).is_some_and(|end| end <= STORE_LEN);
    fits.then(|| STORE.0.get().cast::<u8>().wrapping_add(start).cast::<T>())
}

/// Keeps a value until the program ends.
pub(crate) fn keep<T>(value: T) -> Option<&'static T> {
    let is_small = const { size_of::<T>() <= STORE_LEN };
    let place = if is_small { stored::<T>().or_else(pages::<T>) } else { pages::<T>() }?;
    // SAFETY: fresh, large enough and aligned, and nobody else's.
    unsafe { place.write(value) };
    // SAFETY: just written, never unmapped, and from now on only shared.
    Some(unsafe { &*place })
}

/// Bytes of the desk.
pub(crate) const DESK_LEN: usize = 8192;

/// Runs `work` with room for what would take too much of a stack; `None`, and not at all, if there is none.
pub(crate) fn at_desk<R>(work: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
    let desk = pages::<[u8; DESK_LEN]>()?;
    // SAFETY: fresh pages, which nobody else knows.
    let result = work(unsafe { &mut *desk });
    // It cannot fail for a mapping that there is.
    // SAFETY: nobody refers to it any more.
    let _unmapped = unsafe { call(libc::SYS_munmap, [pointer(desk), DESK_LEN, 0, 0, 0, 0]) };
    Some(result)
}

/// A number, at first 0, that a forked child shares with its parent.
pub(crate) fn shared_with_children() -> Option<&'static AtomicU64> {
    let place = mapped::<AtomicU64>(libc::MAP_SHARED)?;
    // SAFETY: zeroed, which is a value, never unmapped, and only shared.
    Some(unsafe { &*place })
}

/// Memory that a forked child finds zeroed, while a vfork child shares it.
///
/// The `bool` is whether the kernel really clears it (since Linux 4.14).
pub(crate) fn wiped_on_fork<T: ZeroStart + Sync>() -> Option<(&'static T, bool)> {
    let place = zeroed::<T>()?;
    let arguments = [pointer(place), size_of::<T>(), int(libc::MADV_WIPEONFORK), 0, 0, 0];
    // SAFETY: advice on pages that are ours alone.
    let advised = unsafe { call(libc::SYS_madvise, arguments) };
    Some((place, advised.is_ok()))
}

/// How many bytes [`is_readable`] looks at.
pub(crate) const WINDOW_LEN: usize = size_of::<u64>();

/// Whether the kernel can read `WINDOW_LEN` bytes from `base`.
///
/// Asked by a request to change the signal mask in a way that there is not, which the kernel
/// refuses after reading the set.
pub(crate) fn is_readable(base: *const u8) -> bool {
    let arguments = [int(c_int::MAX), pointer(base), 0, WINDOW_LEN, 0, 0];
    // SAFETY: the kernel checks the pointer, and changes nothing.
    let refused = unsafe { call(libc::SYS_rt_sigprocmask, arguments) };
    refused == Err(libc::EINVAL)
}
