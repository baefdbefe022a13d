//! What the shim remembers of the calling thread: its id, so that asking the kernel is not part of every
//! record, and its window into libc.
//!
//! A forked child begins with a copy of its parent's memory, so what is kept has the process's key beside
//! it. A vfork child runs in its parent's memory and thread, and asks until the parent goes on.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, compiler_fence};

use crate::process::{self, Process};
use crate::{confinement, sys};

/// The thread has made a vfork child, which may be the one that is running.
const LENT: u32 = 1;
/// Another task has been given this thread's memory for good.
const SHARED: u32 = 2;

/// The id of a thread that may not ask for it.
const UNKNOWN: u32 = 0;

/// A thread's own memory, zeroed when it begins. Of a few bytes: what a preloaded library asks for here
/// comes off every thread's stack.
#[repr(C)]
struct Local {
    /// Key of the process that the rest is about; 0 for none.
    process: AtomicU64,
    tid: AtomicU32,
    state: AtomicU32,
    /// One more than the index of its window's place, with [`SHUT`] once the window is; 0 without a place.
    window: AtomicU32,
    /// What the kernel looks at before each call while there is a window.
    selector: AtomicU8,
    /// Whether the last window saw all that there was.
    caught: AtomicBool,
}

/// The window is shut, but its place not given back.
#[cfg(target_arch = "x86_64")]
const SHUT: u32 = 1 << 31;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
core::arch::global_asm!(
    ".pushsection .tbss,\"awT\",@nobits",
    ".balign 8",
    ".hidden nlhook_thread",
    ".globl nlhook_thread",
    ".type nlhook_thread,@object",
    ".size nlhook_thread,24",
    "nlhook_thread: .zero 24",
    ".popsection",
);

/// The calling thread's memory, at a fixed distance from its control block: found without a call, and
/// so without an allocation.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline]
fn local() -> Option<&'static Local> {
    const { assert!(size_of::<Local>() == 24) };
    // SAFETY: aligned, zeroed at first, which is a value, and there as long as the thread; made of
    // atomics, so that a signal handler may come between.
    Some(unsafe { &*place() })
}

/// Where it is.
#[cfg(target_arch = "x86_64")]
#[inline]
fn place() -> *const Local {
    let place: *const Local;
    // SAFETY: reads the linker's word for the distance and the thread's pointer to itself, as the
    // initial-exec model of the x86-64 ABI has it.
    unsafe {
        core::arch::asm!(
            "mov {0}, qword ptr [rip + nlhook_thread@GOTTPOFF]",
            "add {0}, qword ptr fs:[0]",
            out(reg) place,
            options(pure, readonly, nostack)
        );
    }
    place
}

/// Where it is.
#[cfg(target_arch = "aarch64")]
#[inline]
fn place() -> *const Local {
    let place: *const Local;
    // SAFETY: reads the linker's word for the distance and the register that holds the thread's pointer,
    // as the initial-exec model of the AArch64 ABI has it.
    unsafe {
        core::arch::asm!(
            "adrp {0}, :gottprel:nlhook_thread",
            "ldr {0}, [{0}, :gottprel_lo12:nlhook_thread]",
            "mrs {1}, tpidr_el0",
            "add {0}, {0}, {1}",
            out(reg) place,
            out(reg) _,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    place
}

/// Other machines ask the kernel.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn local() -> Option<&'static Local> {
    None
}

/// The calling thread's id, which in a vfork child is the child's own.
#[inline]
pub(crate) fn id(process: &Process) -> u32 {
    let Some(local) = local() else { return sys::tid() };
    let is_known = local.process.load(Ordering::Relaxed) == process.key();
    if is_known && local.state.load(Ordering::Relaxed) == 0 {
        return local.tid.load(Ordering::Relaxed);
    }
    ask(local, process)
}

#[cold]
fn ask(local: &Local, process: &Process) -> u32 {
    if confinement::is_confined() {
        let is_known = local.process.load(Ordering::Relaxed) == process.key();
        return if is_known { local.tid.load(Ordering::Relaxed) } else { UNKNOWN };
    }
    let tid = sys::tid();
    if local.process.load(Ordering::Relaxed) != process.key() {
        // A signal handler that comes between stores the same.
        local.state.store(0, Ordering::Relaxed);
        local.window.store(0, Ordering::Relaxed);
        local.tid.store(tid, Ordering::Relaxed);
        // A signal handler that comes between must not find the key before the rest.
        compiler_fence(Ordering::Release);
        local.process.store(process.key(), Ordering::Relaxed);
    } else if local.state.load(Ordering::Relaxed) == LENT
        && local.tid.load(Ordering::Relaxed) == tid
    {
        // The child is gone: the kernel lets the parent go on no sooner.
        local.state.store(0, Ordering::Relaxed);
    }
    tid
}

/// Whether the caller may be a vfork child, whose descriptors are not the process's.
#[inline]
pub(crate) fn may_be_guest(process: &Process) -> bool {
    let Some(local) = local() else { return process.is_guest() };
    if local.state.load(Ordering::Relaxed) == 0 {
        return false;
    }
    // Where the process may not be asked for, it is most likely none: few filters let one be made.
    local.process.load(Ordering::Relaxed) == process.key()
        && !confinement::is_confined()
        && process.is_guest()
}

/// The calling thread is about to make a vfork child.
pub(crate) fn lend() {
    mark(LENT);
}

/// The calling thread is about to give its memory to another task.
pub(crate) fn share() {
    mark(SHARED);
}

fn mark(state: u32) {
    let Some(local) = local() else { return };
    match process::current() {
        Some(process) => {
            id(process);
        }
        // For `is_borrowed`.
        None => local.tid.store(sys::tid(), Ordering::Relaxed),
    }
    local.state.fetch_or(state, Ordering::Relaxed);
}

/// Whether the caller runs in another task's memory, as far as is known before there is a process.
pub(crate) fn is_borrowed() -> bool {
    let Some(local) = local() else { return false };
    local.state.load(Ordering::Relaxed) != 0 && local.tid.load(Ordering::Relaxed) != sys::tid()
}

/// The number of the calling thread's window, and whether it is shut.
#[cfg(target_arch = "x86_64")]
fn any_window(process: &Process) -> Option<(usize, bool)> {
    let local = local()?;
    if local.process.load(Ordering::Relaxed) != process.key() {
        return None;
    }
    let number = local.window.load(Ordering::Relaxed);
    let index = usize::try_from(number & !SHUT).ok()?.checked_sub(1)?;
    Some((index, number & SHUT != 0))
}

/// The index of the calling thread's window.
#[cfg(target_arch = "x86_64")]
pub(crate) fn window(process: &Process) -> Option<usize> {
    any_window(process).filter(|(_, is_shut)| !is_shut).map(|(index, _)| index)
}

/// The index of the calling thread's window that was shut, but whose place it still has.
#[cfg(target_arch = "x86_64")]
pub(crate) fn shut_window(process: &Process) -> Option<usize> {
    any_window(process).filter(|(_, is_shut)| *is_shut).map(|(index, _)| index)
}

/// The calling thread's window is shut from now on.
#[cfg(target_arch = "x86_64")]
pub(crate) fn set_shut() {
    if let Some(local) = local() {
        local.window.fetch_or(SHUT, Ordering::Relaxed);
    }
}

/// The calling thread has a window from now on; returns its selector.
#[cfg(target_arch = "x86_64")]
pub(crate) fn begin_window(process: &Process, index: usize) -> Option<&'static AtomicU8> {
    id(process);
    let local = local()?;
    let number = u32::try_from(index).ok()?.checked_add(1)?;
    local.caught.store(false, Ordering::Relaxed);
    local.window.store(number, Ordering::Relaxed);
    Some(&local.selector)
}

/// The calling thread's selector.
#[cfg(target_arch = "x86_64")]
pub(crate) fn selector() -> Option<&'static AtomicU8> {
    Some(&local()?.selector)
}

/// The calling thread has no window any more.
#[cfg(target_arch = "x86_64")]
pub(crate) fn end_window() {
    if let Some(local) = local() {
        local.window.store(0, Ordering::Relaxed);
    }
}

/// The calling thread's window has seen all that there was.
#[cfg(target_arch = "x86_64")]
pub(crate) fn set_caught() {
    if let Some(local) = local() {
        local.caught.store(true, Ordering::Relaxed);
    }
}

/// Whether the calling thread's last window saw all that there was.
#[cfg(target_arch = "x86_64")]
pub(crate) fn take_caught() -> bool {
    local().is_some_and(|local| local.caught.swap(false, Ordering::Relaxed))
}
