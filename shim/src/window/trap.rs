//! The handler itself: makes the calls that the kernel did not.

use core::arch::global_asm;
use core::ffi::{c_int, c_long, c_void};
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use libc::{siginfo_t, ucontext_t};
use nlproto::Origin;
use nlring::kernel::{self, Errno};

use super::{PLACES, Place};
use crate::hooks::by_number::Numbered;
use crate::process::{self, Process};
use crate::sys::signal::{self, ALLOW, Action, BLOCK, Stack};
use crate::{fdtable, sys, thread};

// What ends the handler, in the one place from which calls are never caught. The kernel looks at the
// address behind the instruction, which must lie in there as well.
global_asm!(
    ".pushsection .text.nlhook_restore,\"ax\",@progbits",
    ".balign 16",
    ".hidden nlhook_restore",
    ".globl nlhook_restore",
    ".type nlhook_restore,@function",
    "nlhook_restore:",
    "mov eax, {number}",
    "syscall",
    "ud2",
    ".balign 16",
    ".size nlhook_restore, . - nlhook_restore",
    ".popsection",
    number = const libc::SYS_rt_sigreturn,
);

unsafe extern "C" {
    fn nlhook_restore();
}

/// Bytes of [`nlhook_restore`], which it is aligned to.
const RESTORE_LEN: usize = 16;

/// Bytes of the handler's stack: many times what it needs, with the largest frame that a processor has
/// the kernel write.
const STACK_LEN: usize = 64 << 10;

/// Where the handlers' stacks begin, one a place; 0 for one that nobody has used yet.
static STACKS: [AtomicUsize; PLACES] = [const { AtomicUsize::new(0) }; PLACES];

/// The stack of a place, which its thread alone has taken.
fn stack_of(index: usize) -> Option<usize> {
    let place = STACKS.get(index)?;
    match place.load(Ordering::Relaxed) {
        0 => {
            let base = sys::memory::stack::<STACK_LEN>()?;
            place.store(base, Ordering::Relaxed);
            Some(base)
        }
        base => Some(base),
    }
}

/// Puts the stack of a place under the calling thread's handlers; returns the one before, or `None` if
/// the thread runs on that at the moment.
pub(super) fn use_stack(index: usize) -> Option<Stack> {
    let stack = Stack { base: stack_of(index)?, flags: 0, len: STACK_LEN };
    // SAFETY: the place is this thread's alone.
    unsafe { signal::set_stack(&stack) }.ok()
}

/// Puts back what [`use_stack`] returned.
pub(super) fn restore_stack(stack: &Stack) {
    // It can only fail if the thread left for a stack of ours, which then stays.
    // SAFETY: what was there before.
    let _old = unsafe { signal::set_stack(stack) };
}

/// Begins to catch the calling thread's calls.
pub(super) fn start(selector: &'static AtomicU8) -> Result<(), Errno> {
    selector.store(ALLOW, Ordering::Relaxed);
    let exempt = ((nlhook_restore as *const c_void).addr(), RESTORE_LEN);
    // SAFETY: the selector is there as long as the thread.
    unsafe { signal::start_dispatch(exempt, selector.as_ptr()) }?;
    selector.store(BLOCK, Ordering::Relaxed);
    Ok(())
}

/// Ends it.
pub(super) fn stop() {
    if let Some(selector) = thread::selector() {
        selector.store(ALLOW, Ordering::Relaxed);
    }
    signal::stop_dispatch();
}

fn ours() -> Action {
    /// `SA_RESTORER`.
    const RESTORER: u64 = 0x0400_0000;
    let flags = u64::from((libc::SA_SIGINFO | libc::SA_ONSTACK).cast_unsigned()) | RESTORER;
    Action {
        handler: (on_sigsys as *const c_void).addr(),
        flags,
        restorer: (nlhook_restore as *const c_void).addr(),
        mask: u64::MAX,
    }
}

/// Whether SIGSYS is ours to handle.
pub(super) fn is_ours(action: &Action) -> bool {
    action.handler == ours().handler
}

/// Puts the handler in.
pub(super) fn put_in() {
    // SAFETY: a handler of this type, and what ends one.
    unsafe { signal::set_action(libc::SIGSYS, &ours()) };
}

/// Puts the default back.
pub(super) fn take_out() {
    // SAFETY: no handler.
    unsafe { signal::set_action(libc::SIGSYS, &Action::default()) };
}

/// The calls that the three functions make while they have their netlink socket, and that are made in
/// their place. None of them waits for anybody but the kernel, and other threads that are about to give
/// back memory's lock, or the one of the list of addresses.
fn is_expected(place: &Place, number: c_long, first: usize, second: usize) -> bool {
    if number == libc::SYS_connect {
        // To a name service's socket, which does not block.
        return first as c_int == place.unblocking.load(Ordering::Relaxed);
    }
    if is_wait(number, second) {
        // One of the signals that are kept back may be what libc waits for: that of a cancellation.
        let kept_back = signal::pending() & !place.mask.load(Ordering::Relaxed);
        return kept_back == 0 || signal::is_without_effect(kept_back);
    }
    if number == libc::SYS_futex {
        return second as c_int & libc::FUTEX_CMD_MASK == libc::FUTEX_WAKE;
    }
    matches!(
        number,
        libc::SYS_socket
            | libc::SYS_bind
            | libc::SYS_getsockname
            | libc::SYS_sendto
            | libc::SYS_sendmsg
            | libc::SYS_recvfrom
            | libc::SYS_recvmsg
            | libc::SYS_close
            | libc::SYS_getpid
            | libc::SYS_clock_gettime
            | libc::SYS_getrandom
            | libc::SYS_brk
            | libc::SYS_madvise
            | libc::SYS_mmap
            | libc::SYS_mprotect
            | libc::SYS_mremap
            | libc::SYS_munmap
    )
}

/// Whether a call waits for another thread.
fn is_wait(number: c_long, second: usize) -> bool {
    number == libc::SYS_futex && second as c_int & libc::FUTEX_CMD_MASK == libc::FUTEX_WAIT
}

/// Waits for another thread, but not for long: libc looks whether there is still something to wait for, and
/// if so is caught again.
///
/// # Safety
/// The arguments are those of a call that waits.
unsafe fn wait_a_little([word, operation, value, ..]: [usize; 6]) -> Result<usize, Errno> {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    let arguments = [word, operation, value, (&raw const time).expose_provenance(), 0, 0];
    // SAFETY: the caller's promise; the time is valid.
    match unsafe { kernel::call(libc::SYS_futex, arguments) } {
        Err(libc::ETIMEDOUT) => Ok(0),
        other => other,
    }
}

extern "C" fn on_sigsys(_signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    /// `SYS_USER_DISPATCH`.
    const DISPATCH: c_int = 2;
    // SAFETY: the kernel hands it to a handler of SA_SIGINFO, whose alone it is until that returns.
    let info = unsafe { &*info };
    // SAFETY: the same.
    let context = unsafe { &mut *context.cast::<ucontext_t>() };
    let errno = sys::errno();
    let found = process::current().filter(|_| info.si_code == DISPATCH);
    match found.and_then(|process| Some((process, super::current(process)?))) {
        Some((process, (_, place))) => caught(process, place, context),
        None => foreign(info, context),
    }
    sys::set_errno(errno);
}

/// A register of the interrupted code.
fn register(context: &mut ucontext_t, number: c_int) -> Option<&mut i64> {
    context.uc_mcontext.gregs.get_mut(usize::try_from(number).unwrap_or(usize::MAX))
}

fn value(context: &mut ucontext_t, number: c_int) -> usize {
    register(context, number).map_or(0, |value| *value as usize)
}

/// Has the interrupted code make its call once more.
fn rewind(context: &mut ucontext_t) {
    /// Bytes of the instruction.
    const SYSCALL_LEN: i64 = 2;
    if let Some(place) = register(context, libc::REG_RIP) {
        *place = place.wrapping_sub(SYSCALL_LEN);
    }
}

/// A call in a window.
fn caught(process: &Process, place: &Place, context: &mut ucontext_t) {
    if let Some(selector) = thread::selector() {
        selector.store(ALLOW, Ordering::Relaxed);
    }
    let number = value(context, libc::REG_RAX) as c_long;
    let arguments =
        [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10, libc::REG_R8, libc::REG_R9]
            .map(|register| value(context, register));
    let [first, second, ..] = arguments;
    let has_left = value(context, libc::REG_RSP) > place.frame.load(Ordering::Relaxed);
    if has_left || !is_expected(place, number, first, second) {
        // It will be closed where nobody sees it.
        fdtable::forget(place.socket.load(Ordering::Relaxed));
        shut(process, place, context);
        return rewind(context);
    }
    let call = Numbered { number, arguments, origin: Origin::Libc };
    let made = || {
        if is_wait(number, second) {
            // SAFETY: the call that libc was about to make, with its own arguments.
            unsafe { wait_a_little(arguments) }
        } else {
            // SAFETY: as above.
            unsafe { kernel::call(number, arguments) }
        }
    };
    let make = || match made() {
        Ok(result) => result as c_long,
        Err(errno) => {
            sys::set_errno(errno);
            -1
        }
    };
    // SAFETY: makes the call of which it is told.
    let ret = unsafe { call.watch(make) };
    let result = if ret == -1 { c_long::from(sys::errno()).wrapping_neg() } else { ret };
    if let Some(place) = register(context, libc::REG_RAX) {
        *place = result;
    }
    if number == libc::SYS_socket {
        let made = c_int::try_from(result).unwrap_or(-1);
        if first as c_int == libc::AF_NETLINK {
            place.socket.store(made, Ordering::Relaxed);
        } else if second as c_int & libc::SOCK_NONBLOCK != 0 {
            place.unblocking.store(made, Ordering::Relaxed);
        }
    }
    if number == libc::SYS_close && first as c_int == place.socket.load(Ordering::Relaxed) {
        thread::set_caught();
        return shut(process, place, context);
    }
    if let Some(selector) = thread::selector() {
        selector.store(BLOCK, Ordering::Relaxed);
    }
}

/// Ends the window from within: the mask that the thread had before comes back when the handler returns, and
/// before Linux 6.12 the alternate stack, too. Later ones let it be changed only after that: the hook does.
fn shut(process: &Process, place: &Place, context: &mut ucontext_t) {
    let mask = place.shut(process);
    let stack = place.stack();
    context.uc_stack.ss_sp = core::ptr::with_exposed_provenance_mut(stack.base);
    context.uc_stack.ss_flags = stack.flags;
    context.uc_stack.ss_size = stack.len;
    let sigmask = (&raw mut context.uc_sigmask).cast::<u64>();
    // SAFETY: the kernel's set stands at the beginning of libc's, which has more room.
    unsafe { sigmask.write(mask) };
}

/// A SIGSYS that has nothing to do with windows: it does what it would do without us.
fn foreign(info: &siginfo_t, context: &mut ucontext_t) {
    /// `SYS_SECCOMP`: a filter refused the call.
    const SECCOMP: c_int = 1;
    take_out();
    if info.si_code == SECCOMP {
        return rewind(context);
    }
    let arguments = [sys::pid(), sys::tid(), libc::SIGSYS.cast_unsigned()].map(|id| id as usize);
    let [pid, tid, signal] = arguments;
    // Blocked as long as this runs, and then fatal.
    // SAFETY: touches no memory.
    let _sent = unsafe { kernel::call(libc::SYS_tgkill, [pid, tid, signal, 0, 0, 0]) };
}
