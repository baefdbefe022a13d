//! Functions by which a program gives up what it takes to find a viewer, or to be trusted by one: another
//! root, other namespaces, another user, fewer rights. Nothing of this is recorded: the viewer is looked
//! for before it is too late.

use core::ffi::{c_char, c_int, c_ulong, c_void};

use libc::uid_t;

use super::absent;
use crate::interpose::{hooks, is_there, real};
use crate::link;

hooks! {
    unsafe fn chroot(path: *const c_char) -> c_int => on_chroot {
        link::settle();
        // SAFETY: the caller's own argument.
        unsafe { real!(chroot)(path) }
    }

    unsafe fn pivot_root(new: *const c_char, old: *const c_char) -> c_int => on_pivot_root {
        if !is_there!(pivot_root) {
            return absent();
        }
        link::settle();
        // SAFETY: the caller's own arguments.
        unsafe { real!(pivot_root)(new, old) }
    }

    unsafe fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_void,
    ) -> c_int => on_mount {
        link::settle();
        // SAFETY: the caller's own arguments.
        unsafe { real!(mount)(source, target, kind, flags, data) }
    }

    unsafe fn unshare(flags: c_int) -> c_int => on_unshare {
        link::settle();
        // SAFETY: the caller's own argument.
        unsafe { real!(unshare)(flags) }
    }

    unsafe fn setns(fd: c_int, kind: c_int) -> c_int => on_setns {
        if !is_there!(setns) {
            return absent();
        }
        link::settle();
        // SAFETY: the caller's own arguments.
        unsafe { real!(setns)(fd, kind) }
    }

    unsafe fn setuid(user: uid_t) -> c_int => on_setuid {
        link::settle();
        // SAFETY: the caller's own argument.
        unsafe { real!(setuid)(user) }
    }

    unsafe fn seteuid(effective: uid_t) -> c_int => on_seteuid {
        link::settle();
        // SAFETY: the caller's own argument.
        unsafe { real!(seteuid)(effective) }
    }

    unsafe fn setreuid(user: uid_t, effective: uid_t) -> c_int => on_setreuid {
        link::settle();
        // SAFETY: the caller's own arguments.
        unsafe { real!(setreuid)(user, effective) }
    }

    unsafe fn setresuid(user: uid_t, effective: uid_t, saved: uid_t) -> c_int => on_setresuid {
        link::settle();
        // SAFETY: the caller's own arguments.
        unsafe { real!(setresuid)(user, effective, saved) }
    }

    unsafe fn capset(header: *mut c_void, data: *const c_void) -> c_int => on_capset {
        if !is_there!(capset) {
            return absent();
        }
        link::settle();
        // SAFETY: the caller's own arguments.
        unsafe { real!(capset)(header, data) }
    }
}
