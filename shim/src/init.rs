//! The library's constructor and destructor.

use core::ffi::{c_char, c_int};

use crate::{config, hooks, link, process, sys, view};

/// ld.so runs what it finds here after loading; glibc's passes main's arguments, musl's nothing.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn(c_int, *const *const c_char) = start;

/// exit runs what it finds here, after the program's own exit handlers.
#[used]
#[unsafe(link_section = ".fini_array")]
static END: extern "C" fn() = end;

unsafe extern "C" {
    /// The environment, set up before any library's constructor runs.
    static environ: *const *const c_char;
}

extern "C" fn start(argc: c_int, argv: *const *const c_char) {
    let errno = sys::errno();
    hooks::resolve();
    // SAFETY: nobody but this thread is there to change it.
    let environment = unsafe { environ };
    // The kernel puts the arguments, a null and the environment one behind the other; what does not
    // lie so are no arguments, and their addresses not to be used.
    let count = usize::try_from(argc).unwrap_or(0).saturating_add(1);
    let is_passed = argv.wrapping_add(count) == environment;
    let argv = if is_passed { argv } else { core::ptr::null() };
    // SAFETY: the C library keeps a null-terminated array there, which nobody changes before main.
    let environment = unsafe { view::strings(environment) };
    // The hooks begin to record once there are settings.
    config::start(environment);
    process::begin_image();
    // SAFETY: as above, or null.
    unsafe { view::with_arguments(argv, link::begin) };
    sys::set_errno(errno);
}

extern "C" fn end() {
    let errno = sys::errno();
    link::end();
    sys::set_errno(errno);
}
