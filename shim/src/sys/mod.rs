//! The kernel, by system calls of the shim's own.
//!
//! Every libc wrapper that moves bytes or descriptors is hooked by this very library, `syscall` too,
//! so the shim's own work never goes through one: [`nlring::kernel`] is the door, which leaves errno
//! alone. What lives here knows no records.

pub(crate) mod file;
pub(crate) mod memory;
pub(crate) mod signal;
pub(crate) mod socket;

use core::ffi::{c_int, c_long, c_void};
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

pub(crate) use nlring::kernel::Errno;
use nlring::kernel::call;

/// The calling thread's errno.
pub(crate) fn errno() -> Errno {
    // SAFETY: always a valid pointer to the thread's own errno.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { place.read() }
}

/// Puts the calling thread's errno back.
pub(crate) fn set_errno(errno: Errno) {
    // SAFETY: always a valid pointer to the thread's own errno.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { place.write(errno) }
}

/// An int as a register holds it.
const fn int(value: c_int) -> usize {
    (value as isize).cast_unsigned()
}

/// A pointer as a register holds it; the kernel may use it.
fn pointer<T>(place: *const T) -> usize {
    place.expose_provenance()
}

/// The descriptor that a call has made.
fn descriptor(made: Result<usize, Errno>) -> Result<c_int, Errno> {
    made.map(|fd| c_int::try_from(fd).unwrap_or(-1))
}

/// Type of clock_gettime.
type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> c_int;

/// The kernel's own, which takes no system call; null for none.
static CLOCK: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Reads the clocks by this function from now on.
///
/// Not by libc's: another preloaded library may stand in front of that, and tell another time.
///
/// # Safety
/// Null, or of type [`ClockGettime`].
pub(crate) unsafe fn use_clock(function: *const c_void) {
    CLOCK.store(function.cast_mut(), Ordering::Relaxed);
}

/// A clock in nanoseconds; 0 if it cannot be read.
fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let function = CLOCK.load(Ordering::Relaxed);
    let is_told = if function.is_null() {
        let arguments = [int(id), pointer(&raw mut time), 0, 0, 0, 0];
        // SAFETY: `time` is valid for writes.
        unsafe { call(libc::SYS_clock_gettime, arguments) }.is_ok()
    } else {
        // SAFETY: of this type by the promise to `use_clock`.
        let function = unsafe { core::mem::transmute::<*mut c_void, ClockGettime>(function) };
        // SAFETY: `time` is valid for writes.
        unsafe { function(id, &raw mut time) == 0 }
    };
    if !is_told {
        return 0;
    }
    time.tv_sec
        .cast_unsigned()
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec.cast_unsigned())
}

/// Whether the clocks are read as of the kernel's last tick.
static IS_COARSE: AtomicBool = AtomicBool::new(false);

/// From now on, reads the clocks as of the kernel's last tick, some milliseconds ago, or exactly. Returns
/// how it was before.
pub(crate) fn use_coarse_clock(coarse: bool) -> bool {
    IS_COARSE.swap(coarse, Ordering::Relaxed)
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let is_coarse = IS_COARSE.load(Ordering::Relaxed);
    clock(if is_coarse { libc::CLOCK_MONOTONIC_COARSE } else { libc::CLOCK_MONOTONIC })
}

/// `CLOCK_REALTIME` in nanoseconds since 1970.
pub(crate) fn realtime_ns() -> u64 {
    let is_coarse = IS_COARSE.load(Ordering::Relaxed);
    clock(if is_coarse { libc::CLOCK_REALTIME_COARSE } else { libc::CLOCK_REALTIME })
}

/// An identity that cannot fail to be told.
fn identity(number: c_long) -> u32 {
    // SAFETY: only for the numbers below: they take no arguments and touch no memory.
    let id = unsafe { call(number, [0; 6]) };
    id.ok().and_then(|id| u32::try_from(id).ok()).unwrap_or(0)
}

/// The process id.
pub(crate) fn pid() -> u32 {
    identity(libc::SYS_getpid)
}

/// The parent's process id.
pub(crate) fn ppid() -> u32 {
    identity(libc::SYS_getppid)
}

/// The thread id.
pub(crate) fn tid() -> u32 {
    identity(libc::SYS_gettid)
}

/// Whether the process has no such thread any more.
#[cfg(target_arch = "x86_64")]
pub(crate) fn is_gone(tid: u32) -> bool {
    let arguments = [pid() as usize, tid as usize, 0, 0, 0, 0];
    // SAFETY: signal 0 is none, it is only asked about.
    let told = unsafe { call(libc::SYS_tgkill, arguments) };
    told == Err(libc::ESRCH)
}

/// The real user id.
pub(crate) fn uid() -> u32 {
    identity(libc::SYS_getuid)
}

/// The effective user id.
pub(crate) fn euid() -> u32 {
    identity(libc::SYS_geteuid)
}

/// Whether the program runs with more rights than its caller, who must then not direct it.
pub(crate) fn is_secure() -> bool {
    // SAFETY: reads the auxiliary vector.
    let secure = unsafe { libc::getauxval(libc::AT_SECURE) };
    secure != 0
}

/// The kernel's name of the calling thread, padded with NULs.
pub(crate) fn comm() -> [u8; 16] {
    let mut name = [0_u8; 16];
    let arguments = [int(libc::PR_GET_NAME), pointer(name.as_mut_ptr()), 0, 0, 0, 0];
    // Without a name it stays empty.
    // SAFETY: PR_GET_NAME writes 16 bytes.
    let _named = unsafe { call(libc::SYS_prctl, arguments) };
    name
}

/// A soft resource limit; `u64::MAX` if there is none or it cannot be told.
pub(crate) fn limit(resource: libc::__rlimit_resource_t) -> u64 {
    let mut limit = libc::rlimit64 { rlim_cur: u64::MAX, rlim_max: u64::MAX };
    let number = usize::try_from(resource).unwrap_or(usize::MAX);
    let arguments = [0, number, 0, pointer(&raw mut limit), 0, 0];
    // Untold it is none.
    // SAFETY: `limit` is valid for writes, the new limit is absent.
    let _told = unsafe { call(libc::SYS_prlimit64, arguments) };
    limit.rlim_cur
}

/// Lets others run.
pub(crate) fn yield_now() {
    // It cannot fail.
    // SAFETY: takes no arguments and touches no memory.
    let _zero = unsafe { call(libc::SYS_sched_yield, [0; 6]) };
}

/// Sleeps so long; less, where a signal comes.
pub(crate) fn sleep(time_ns: u64) {
    // Without descriptors there is nothing but the time to wait for.
    let _elapsed = poll(&mut [], time_ns);
}

/// Waits for what descriptors are asked to do, at most so long.
fn poll(all: &mut [libc::pollfd], timeout_ns: u64) -> Result<usize, Errno> {
    let seconds = i64::try_from(timeout_ns / 1_000_000_000).unwrap_or(i64::MAX);
    let nanoseconds = i64::try_from(timeout_ns % 1_000_000_000).unwrap_or(0);
    let time = libc::timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let arguments = [pointer(all.as_mut_ptr()), all.len(), pointer(&raw const time), 0, 0, 0];
    // SAFETY: so many pollfds, a valid timeout, no signal mask.
    unsafe { call(libc::SYS_ppoll, arguments) }
}

/// Waits until a descriptor takes bytes, at most so long. `true` if it does or is broken.
pub(crate) fn wait_writable(fd: c_int, timeout_ns: u64) -> bool {
    let ready = poll(&mut [libc::pollfd { fd, events: libc::POLLOUT, revents: 0 }], timeout_ns);
    ready.is_ok_and(|ready| ready > 0)
}

/// Which of the first 64 descriptors are open, a bit each.
pub(crate) fn open_descriptors() -> u64 {
    let mut all = [const { libc::pollfd { fd: 0, events: 0, revents: 0 } }; u64::BITS as usize];
    for (fd, poll) in (0..).zip(&mut all) {
        poll.fd = fd;
    }
    // If it fails, all are taken for open.
    let _ready = poll(&mut all, 0);
    let is_open = |poll: &libc::pollfd| poll.revents & libc::POLLNVAL == 0;
    all.iter().rev().fold(0, |bits, poll| bits << 1 | u64::from(is_open(poll)))
}
