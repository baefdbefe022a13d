//! Functions that must find the stack as their caller left it: `vfork` and `clone`, which return twice,
//! and `syscall`, which may be either.
//!
//! The hook asks which function to go on with, and jumps there: with the caller's own registers, stack
//! and return address, as if it had never been in between.

use core::arch::naked_asm;
use core::ffi::{c_int, c_long, c_void};

use super::{by_number, numbers};
use crate::interpose::Real;
use crate::thread;

// SAFETY: the function's address alone is used.
static VFORK: Real<unsafe extern "C" fn()> = unsafe { Real::new(c"vfork") };
// SAFETY: as above.
static CLONE: Real<unsafe extern "C" fn()> = unsafe { Real::new(c"clone") };
/// libc's `syscall`, with all the arguments that there can be.
// SAFETY: a function that takes fewer passes over the rest.
pub(super) static SYSCALL: Real<
    unsafe extern "C" fn(c_long, usize, usize, usize, usize, usize, usize) -> c_long,
> = unsafe { Real::new(c"syscall") };

/// Finds the functions behind.
pub(super) fn resolve() {
    VFORK.find();
    CLONE.find();
    SYSCALL.find();
}

/// Calls `$ask` with the caller's own arguments, and jumps to where it says, with everything as it was.
#[cfg(target_arch = "x86_64")]
macro_rules! ask_and_jump {
    ($ask:ident) => {
        naked_asm!(
            "push rdi",
            "push rsi",
            "push rdx",
            "push rcx",
            "push r8",
            "push r9",
            // The variadic ones are told here how many vector registers hold arguments.
            "push rax",
            "call {ask}",
            "mov r11, rax",
            "pop rax",
            "pop r9",
            "pop r8",
            "pop rcx",
            "pop rdx",
            "pop rsi",
            "pop rdi",
            "jmp r11",
            ask = sym $ask
        )
    };
}

/// Calls `$ask` with the caller's own arguments, and jumps to where it says, with everything as it was.
#[cfg(target_arch = "aarch64")]
macro_rules! ask_and_jump {
    ($ask:ident) => {
        naked_asm!(
            // `bti c`: a place that may be jumped to, where the processor looks after that.
            "hint #34",
            "stp x0, x1, [sp, #-80]!",
            "stp x2, x3, [sp, #16]",
            "stp x4, x5, [sp, #32]",
            "stp x6, x7, [sp, #48]",
            // Where the caller goes on.
            "stp x8, x30, [sp, #64]",
            "bl {ask}",
            // Of all registers that nobody keeps, the one by which functions may be jumped to.
            "mov x16, x0",
            "ldp x8, x30, [sp, #64]",
            "ldp x6, x7, [sp, #48]",
            "ldp x4, x5, [sp, #32]",
            "ldp x2, x3, [sp, #16]",
            "ldp x0, x1, [sp], #80",
            "br x16",
            ask = sym $ask
        )
    };
}

/// A hook that jumps to where `$ask` says, which is called with the same arguments.
macro_rules! frameless {
    ($($name:ident asks $ask:ident;)*) => {$(
        /// In front of libc's function of this name.
        // SAFETY: the program's own calls of libc's function come here.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name() {
            ask_and_jump!($ask)
        }
    )*};
}

frameless! {
    vfork asks before_vfork;
    __vfork asks before_vfork;
    clone asks before_clone;
    __clone asks before_clone;
    syscall asks before_syscall;
}

extern "C" fn before_vfork() -> *const c_void {
    thread::lend();
    VFORK.get() as *const c_void
}

extern "C" fn before_clone(
    _function: *const c_void,
    _stack: *const c_void,
    flags: c_int,
) -> *const c_void {
    task(flags);
    CLONE.get() as *const c_void
}

/// The calling thread makes another task, which may run in its memory.
fn task(flags: c_int) {
    if flags & libc::CLONE_VM == 0 || flags & libc::CLONE_SETTLS != 0 {
        return;
    }
    if flags & libc::CLONE_VFORK != 0 {
        thread::lend();
    } else {
        thread::share();
    }
}

extern "C" fn before_syscall(number: c_long, first: usize) -> *const c_void {
    if by_number::is_watched(number) {
        return by_number::on_syscall as *const c_void;
    }
    match number {
        numbers::VFORK => {
            before_vfork();
        }
        // The flags' high bits are of no interest here.
        libc::SYS_clone => task(first as c_int),
        // Its flags are in the program's memory, which is not looked at before the kernel has.
        libc::SYS_clone3 => task(libc::CLONE_VM),
        _ => {}
    }
    SYSCALL.get() as *const c_void
}
