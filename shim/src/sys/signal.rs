//! Signals: masks, a handler, an alternate stack, and how to keep one away from the program that the
//! shim's own write would cause.

use core::ffi::c_int;

use nlring::kernel::call;

#[cfg(target_arch = "x86_64")]
use super::Errno;
use super::{int, pointer};

/// A kernel signal set: bit n-1 is signal n.
pub(crate) type Set = u64;

/// The set of one signal.
pub(crate) const fn only(signal: c_int) -> Set {
    1 << (signal - 1)
}

const XFSZ: Set = only(libc::SIGXFSZ);

fn change_mask(how: c_int, set: Set) -> Set {
    let mut old: Set = 0;
    let (new, place) = (pointer(&raw const set), pointer(&raw mut old));
    // It cannot fail.
    // SAFETY: both sets are valid and of the length given.
    let _changed =
        unsafe { call(libc::SYS_rt_sigprocmask, [int(how), new, place, size_of::<Set>(), 0, 0]) };
    old
}

/// Sets the calling thread's mask; returns what it was.
#[cfg(target_arch = "x86_64")]
pub(crate) fn set_mask(set: Set) -> Set {
    change_mask(libc::SIG_SETMASK, set)
}

/// Runs `work` while no signal handler of the program's can: what it opens, none can jump out before it
/// closes it again.
pub(crate) fn undisturbed<R>(work: impl FnOnce() -> R) -> R {
    let before = change_mask(libc::SIG_SETMASK, Set::MAX);
    let result = work();
    change_mask(libc::SIG_SETMASK, before);
    result
}

/// The signals that wait until the calling thread lets them through.
pub(crate) fn pending() -> Set {
    let mut set: Set = 0;
    let arguments = [pointer(&raw mut set), size_of::<Set>(), 0, 0, 0, 0];
    // It cannot fail.
    // SAFETY: the set is valid for writes and of the length given.
    let _told = unsafe { call(libc::SYS_rt_sigpending, arguments) };
    set
}

/// Whether nobody will notice that these signals come: those of children, say, unless there is a handler.
#[cfg(target_arch = "x86_64")]
pub(crate) fn is_without_effect(set: Set) -> bool {
    let usually = [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH];
    let others = usually.iter().fold(set, |set, signal| set & !only(*signal));
    let is_handled = |signal: &&c_int| {
        set & only(**signal) != 0
            && !matches!(action(**signal).handler, libc::SIG_DFL | libc::SIG_IGN)
    };
    others == 0 && !usually.iter().any(|signal| is_handled(&signal))
}

/// Runs `write`, which may exceed the file size limit, so that the program is not told of it.
///
/// The kernel directs SIGXFSZ at the writing thread: blocked meanwhile, and taken back if it was
/// not pending before.
pub(crate) fn without_sigxfsz<R>(write: impl FnOnce() -> R) -> R {
    let before = change_mask(libc::SIG_BLOCK, XFSZ);
    let had_one = pending() & XFSZ != 0;
    let result = write();
    if !had_one && pending() & XFSZ != 0 {
        let set = XFSZ;
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let (set, now) = (pointer(&raw const set), pointer(&raw const now));
        // Somebody else may have taken it.
        // SAFETY: the set and the timeout are valid; no information is asked for.
        let _taken =
            unsafe { call(libc::SYS_rt_sigtimedwait, [set, 0, now, size_of::<Set>(), 0, 0]) };
    }
    if before & XFSZ == 0 {
        change_mask(libc::SIG_UNBLOCK, XFSZ);
    }
    result
}

/// What happens at a signal, as the kernel has it.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Action {
    /// Address of the handler; 0 for what happens by default, 1 for nothing.
    pub(crate) handler: usize,
    /// `SA_*`.
    pub(crate) flags: u64,
    /// Address of what ends the handler.
    pub(crate) restorer: usize,
    /// What else is blocked meanwhile.
    pub(crate) mask: Set,
}

/// What happens at a signal.
#[cfg(target_arch = "x86_64")]
pub(crate) fn action(signal: c_int) -> Action {
    let mut action = Action::default();
    let arguments = [int(signal), 0, pointer(&raw mut action), size_of::<Set>(), 0, 0];
    // It cannot fail for a signal that there is.
    // SAFETY: `action` is valid for writes.
    let _told = unsafe { call(libc::SYS_rt_sigaction, arguments) };
    action
}

/// Determines what happens at a signal.
///
/// # Safety
/// The action's handler and restorer, if there are, are such.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn set_action(signal: c_int, action: &Action) {
    let arguments = [int(signal), pointer(&raw const *action), 0, size_of::<Set>(), 0, 0];
    // It cannot fail for a signal that there is.
    // SAFETY: `action` is valid, and its content by the caller's promise.
    let _set = unsafe { call(libc::SYS_rt_sigaction, arguments) };
}

/// Where the calling thread's handlers run that ask for it; `stack_t` of sigaltstack(2).
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Stack {
    pub(crate) base: usize,
    pub(crate) flags: c_int,
    pub(crate) len: usize,
}

/// Replaces the alternate stack; returns the one before.
///
/// # Errors
/// The thread runs on it at the moment.
///
/// # Safety
/// The new one is writable memory of this length that nobody else uses, or what was returned before.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn set_stack(stack: &Stack) -> Result<Stack, Errno> {
    let mut old = Stack { base: 0, flags: 0, len: 0 };
    let arguments = [pointer(&raw const *stack), pointer(&raw mut old), 0, 0, 0, 0];
    // SAFETY: both are valid, and the memory by the caller's promise.
    unsafe { call(libc::SYS_sigaltstack, arguments) }.map(|_zero| old)
}

/// Has the kernel send SIGSYS instead of making the calling thread's system calls, but for those from
/// `exempt.0` on and `exempt.1` bytes further, and as long as the byte at `selector` says so.
///
/// # Errors
/// The kernel does not know how, or is not allowed to.
///
/// # Safety
/// `selector` stays valid until [`stop_dispatch`].
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn start_dispatch(
    exempt: (usize, usize),
    selector: *const u8,
) -> Result<(), Errno> {
    const ON: usize = 1;
    let arguments = [SET_SYSCALL_USER_DISPATCH, ON, exempt.0, exempt.1, pointer(selector), 0];
    // SAFETY: `selector` by the caller's promise.
    unsafe { call(libc::SYS_prctl, arguments) }.map(|_zero| ())
}

/// Ends it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn stop_dispatch() {
    // It cannot fail where it could be started.
    // SAFETY: touches no memory.
    let _stopped = unsafe { call(libc::SYS_prctl, [SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0, 0]) };
}

/// `PR_SET_SYSCALL_USER_DISPATCH`.
#[cfg(target_arch = "x86_64")]
const SET_SYSCALL_USER_DISPATCH: usize = 59;

/// The selector's value that lets calls pass, `SYSCALL_DISPATCH_FILTER_ALLOW`.
#[cfg(target_arch = "x86_64")]
pub(crate) const ALLOW: u8 = 0;

/// The selector's value that does not, `SYSCALL_DISPATCH_FILTER_BLOCK`.
#[cfg(target_arch = "x86_64")]
pub(crate) const BLOCK: u8 = 1;
