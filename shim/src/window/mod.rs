//! A window into libc: netlink that a function of libc speaks inside itself, where no hook stands.
//!
//! While `getifaddrs`, `if_nameindex` or `getaddrinfo` runs, the kernel is asked to send the calling thread
//! SIGSYS instead of making its system calls (Syscall User Dispatch, Linux 5.11). The handler, in `trap`,
//! makes each call in the program's place and records those that carry netlink.
//!
//! What could go wrong in somebody else's program is kept out:
//!
//! - The window is open from the function's beginning until it closes its netlink socket, some tens of
//!   microseconds. Any call that is not on the short list of those that the three functions make
//!   meanwhile ends it at once, and is made as if nothing had been: fork, exec, a wait, a lock.
//! - All signals but SIGSYS and faults are blocked meanwhile, so that no handler of the program's runs in
//!   it. If the function is left all the same (by a jump out of a fault's handler), the next call from
//!   further up the stack ends it.
//! - The handler runs on a stack of its own, since the thread's may be small. There are [`PLACES`] of
//!   them; a thread that finds none does without.
//! - A program that has a handler for SIGSYS, or ignores it, keeps it: there is no window. Ours is there
//!   only while some window is open, and a SIGSYS that is none of ours does what it would do by default.

mod handler;
mod trap;

pub(crate) use handler::Users;

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::process::Process;
use crate::sys::signal::{self, Set, Stack};
use crate::{confinement, sys, thread};

/// Most windows at a time in one process.
const PLACES: usize = 8;

/// The signals that are not blocked in a window: SIGSYS, and those by which the kernel tells a thread
/// that it cannot go on.
const FAULTS: [i32; 7] = [
    libc::SIGSYS,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
];

/// What an open window keeps. Its thread alone uses it.
struct Place {
    /// The thread; 0 for none.
    tid: AtomicU32,
    /// The thread's mask before.
    mask: AtomicU64,
    /// The thread's alternate stack before: address, length, flags.
    stack: (AtomicUsize, AtomicUsize, AtomicI32),
    /// Where on the stack the hook stands: what runs further up has left the function.
    frame: AtomicUsize,
    /// The netlink socket that was opened in it; -1 before.
    socket: AtomicI32,
    /// A socket made in it that does not block; -1 before.
    unblocking: AtomicI32,
}

static PLACE: [Place; PLACES] = [const {
    Place {
        tid: AtomicU32::new(0),
        mask: AtomicU64::new(0),
        stack: (AtomicUsize::new(0), AtomicUsize::new(0), AtomicI32::new(0)),
        frame: AtomicUsize::new(0),
        socket: AtomicI32::new(-1),
        unblocking: AtomicI32::new(-1),
    }
}; PLACES];

/// The kernel has said that it knows no windows.
static IS_UNKNOWN: AtomicBool = AtomicBool::new(false);

/// Opens a window for the calling thread, whose hook stands at `frame`; `false` if there can be none.
#[inline(never)]
pub(crate) fn open(process: &Process, frame: usize) -> bool {
    settle(process);
    let is_in_vain = IS_UNKNOWN.load(Ordering::Relaxed)
        || confinement::is_confined()
        || thread::may_be_guest(process)
        || thread::window(process).is_some();
    if is_in_vain {
        return false;
    }
    let Some(index) = process.take_place(PLACES) else {
        give_back_of_the_dead(process);
        return false;
    };
    let opened = PLACE.get(index).is_some_and(|place| place.open(process, index, frame));
    if !opened {
        process.give_place(index);
    }
    opened
}

/// Gives back the places of threads that ended without coming back to the hook: they were cancelled.
#[cold]
fn give_back_of_the_dead(process: &Process) {
    for (place, index) in PLACE.iter().zip(0..) {
        let tid = place.tid.load(Ordering::Relaxed);
        if tid != 0
            && sys::is_gone(tid)
            && place.tid.compare_exchange(tid, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            process.give_place(index);
        }
    }
}

/// Closes the calling thread's window, if it is still open; says whether all that the function said was
/// caught.
#[inline(never)]
pub(crate) fn close(process: &Process) -> bool {
    if let Some((_, place)) = current(process) {
        let mask = place.shut(process);
        signal::set_mask(mask);
    }
    settle(process);
    thread::take_caught()
}

/// Gives back what the calling thread still has of a window that is shut: its alternate stack, which cannot
/// be changed by a handler that runs on it, and its place.
fn settle(process: &Process) {
    let Some(index) = thread::shut_window(process) else { return };
    if let Some(place) = PLACE.get(index) {
        trap::restore_stack(&place.stack());
        place.tid.store(0, Ordering::Relaxed);
    }
    thread::end_window();
    process.give_place(index);
}

/// The calling thread's window.
fn current(process: &Process) -> Option<(usize, &'static Place)> {
    let index = thread::window(process)?;
    Some((index, PLACE.get(index)?))
}

impl Place {
    fn open(&self, process: &Process, index: usize, frame: usize) -> bool {
        let kept = FAULTS.iter().fold(0, |set, fault| set | signal::only(*fault));
        let mask = signal::set_mask(!kept);
        if !handler::take(process) {
            signal::set_mask(mask);
            return false;
        }
        if let Some(stack) = trap::use_stack(index) {
            self.tid.store(thread::id(process), Ordering::Relaxed);
            self.mask.store(mask, Ordering::Relaxed);
            self.stack.0.store(stack.base, Ordering::Relaxed);
            self.stack.1.store(stack.len, Ordering::Relaxed);
            self.stack.2.store(stack.flags, Ordering::Relaxed);
            self.frame.store(frame, Ordering::Relaxed);
            self.socket.store(-1, Ordering::Relaxed);
            self.unblocking.store(-1, Ordering::Relaxed);
            match thread::begin_window(process, index).map(trap::start) {
                // From here on the thread's calls are caught.
                Some(Ok(())) => return true,
                Some(Err(libc::EINVAL)) => IS_UNKNOWN.store(true, Ordering::Relaxed),
                _ => {}
            }
            thread::end_window();
            self.tid.store(0, Ordering::Relaxed);
            trap::restore_stack(&stack);
        }
        handler::give(process);
        signal::set_mask(mask);
        false
    }

    /// Lets the thread's calls pass again. Its mask, which is returned, is the caller's to restore; the rest
    /// is [`settle`]'s.
    fn shut(&self, process: &Process) -> Set {
        trap::stop();
        thread::set_shut();
        handler::give(process);
        self.mask.load(Ordering::Relaxed)
    }

    /// The thread's alternate stack before.
    fn stack(&self) -> Stack {
        Stack {
            base: self.stack.0.load(Ordering::Relaxed),
            len: self.stack.1.load(Ordering::Relaxed),
            flags: self.stack.2.load(Ordering::Relaxed),
        }
    }
}
