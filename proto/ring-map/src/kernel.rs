//! System calls by number, past libc: no function that a program or a library may have put in front
//! of libc's is called, and errno stays as it is.

use core::ffi::{c_int, c_long};

/// An errno value.
pub type Errno = c_int;

/// The kernel's greatest error number.
const MAX_ERRNO: isize = 4095;

/// Makes a system call; what it gives, or the error.
///
/// # Errors
/// The kernel's, as an errno value.
///
/// # Safety
/// As the kernel demands of this call and its arguments.
#[inline]
pub unsafe fn call(number: c_long, arguments: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: the caller's promise.
    let ret = unsafe { enter(number, arguments) };
    if (-MAX_ERRNO..0).contains(&ret) {
        return Err(c_int::try_from(ret.wrapping_neg()).unwrap_or(libc::EINVAL));
    }
    Ok(ret.cast_unsigned())
}

/// Makes a system call; what the kernel leaves in the register of results.
///
/// # Safety
/// As for [`call`].
#[cfg(target_arch = "x86_64")]
#[inline]
pub unsafe fn enter(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let ret;
    // SAFETY: the kernel changes the result and the two registers named, and of the memory what the
    // call says, for which the caller vouches.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => ret,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    ret
}

/// Makes a system call; what the kernel leaves in the register of results.
///
/// # Safety
/// As for [`call`].
#[cfg(target_arch = "aarch64")]
#[inline]
pub unsafe fn enter(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let ret;
    // SAFETY: the kernel changes the result alone, and of the memory what the call says, for which
    // the caller vouches.
    unsafe {
        core::arch::asm!(
            "svc #0",
            in("x8") number,
            inlateout("x0") a.cast_signed() => ret,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x5") f,
            options(nostack)
        );
    }
    ret
}

/// Makes a system call; what the kernel leaves in the register of results.
///
/// By libc's own function, which is not hooked on these machines. It sets errno.
///
/// # Safety
/// As for [`call`].
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline]
pub unsafe fn enter(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    // SAFETY: the caller's promise.
    let ret = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if ret == -1 {
        // SAFETY: always a valid pointer to the thread's own errno.
        let errno = unsafe { libc::__errno_location().read() };
        return -(errno as isize);
    }
    ret as isize
}
