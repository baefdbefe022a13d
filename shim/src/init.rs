//! The library's constructor and destructor.

use core::ffi::{c_char, c_int};

use crate::{config, hooks, link, process, sys, view};

/// ld.so runs what it finds here after loading; glibc passes main's arguments.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = start;

/// exit runs what it finds here, after the program's own exit handlers.
#[used]
#[unsafe(link_section = ".fini_array")]
static END: extern "C" fn() = end;

extern "C" fn start(_argc: c_int, argv: *const *const c_char, environment: *const *const c_char) {
    let errno = sys::errno();
    hooks::resolve();
    process::start();
    // SAFETY: glibc passes null-terminated arrays, which nobody changes before main.
    let environment = unsafe { view::strings(environment) };
    // SAFETY: as above.
    let argv = unsafe { view::strings(argv) };
    // The hooks begin to record once there are settings.
    config::start(environment, argv);
    link::look();
    sys::set_errno(errno);
}

extern "C" fn end() {
    let errno = sys::errno();
    link::end();
    sys::set_errno(errno);
}
