//! The life of a socket.

use core::ffi::{c_int, c_ulong, c_void};

use libc::{FILE, sockaddr, socklen_t};
use nlproto::Function;

use crate::interpose::{hooks, real};
use crate::record::{self, Before, Call};
use crate::view::{View, returned};
use crate::{confinement, sys};

hooks! {
    unsafe fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int => on_socket {
        let before = Before::new_socket(domain);
        // SAFETY: the caller's own arguments.
        let fd = unsafe { real!(socket)(domain, kind, protocol) };
        if let Some(before) = before {
            let call = Call::new(Function::Socket, fd, fd).args([domain, kind, protocol]);
            record::new_socket(before, call);
        }
        fd
    }

    unsafe fn bind(fd: c_int, name: *const sockaddr, name_len: socklen_t) -> c_int => on_bind {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(bind)(fd, name, name_len) };
        if let Some(before) = before {
            let view = View::nothing().sent_to(name, name_len, ret as isize);
            record::change(before, Call::new(Function::Bind, fd, ret), &view);
        }
        ret
    }

    unsafe fn connect(fd: c_int, name: *const sockaddr, name_len: socklen_t) -> c_int => on_connect {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(connect)(fd, name, name_len) };
        if let Some(before) = before {
            let view = View::nothing().sent_to(name, name_len, ret as isize);
            record::change(before, Call::new(Function::Connect, fd, ret), &view);
        }
        ret
    }

    unsafe fn setsockopt(
        fd: c_int,
        level: c_int,
        name: c_int,
        value: *const c_void,
        len: socklen_t,
    ) -> c_int => on_setsockopt {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(setsockopt)(fd, level, name, value, len) };
        if let Some(before) = before {
            let args = [level, name, len.cast_signed()];
            let call = Call::new(Function::Setsockopt, fd, ret).args(args);
            record::change(before, call, &View::option(value, len, ret));
        }
        ret
    }

    unsafe fn getsockopt(
        fd: c_int,
        level: c_int,
        name: c_int,
        value: *mut c_void,
        len: *mut socklen_t,
    ) -> c_int => on_getsockopt {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(getsockopt)(fd, level, name, value, len) };
        if let Some(before) = before {
            // SAFETY: read only after the kernel has written it.
            let len = if ret < 0 { 0 } else { unsafe { returned(len) } };
            let args = [level, name, len.cast_signed()];
            let call = Call::new(Function::Getsockopt, fd, ret).args(args);
            record::call(before, call, &View::option(value, len, ret));
        }
        ret
    }

    unsafe fn getsockname(
        fd: c_int,
        name: *mut sockaddr,
        name_len: *mut socklen_t,
    ) -> c_int => on_getsockname {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(getsockname)(fd, name, name_len) };
        if let Some(before) = before {
            // SAFETY: unless `ret` is negative, the kernel has just written the length.
            let view = unsafe { View::nothing().received_from(name, name_len, ret as isize) };
            record::call(before, Call::new(Function::Getsockname, fd, ret), &view);
        }
        ret
    }

    unsafe fn close(fd: c_int) -> c_int => on_close {
        let netlink = record::closing(fd);
        // SAFETY: the caller's own argument.
        let ret = unsafe { real!(close)(fd) };
        if let Some(netlink) = netlink {
            record::closed(netlink, Call::new(Function::Close, fd, ret));
        }
        ret
    }

    unsafe fn fclose(file: *mut FILE) -> c_int => on_fclose {
        let errno = sys::errno();
        // SAFETY: the caller's own argument, which must be open to be closed.
        let fd = unsafe { libc::fileno(file) };
        sys::set_errno(errno);
        let netlink = record::closing(fd);
        // SAFETY: the caller's own argument.
        let ret = unsafe { real!(fclose)(file) };
        if let Some(netlink) = netlink {
            record::closed(netlink, Call::new(Function::Close, fd, ret));
        }
        ret
    }

    // Takes up to four arguments more, by the option; see fcntl.
    unsafe fn prctl(option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int => on_prctl {
        // SAFETY: the caller's own arguments.
        let make = || unsafe { real!(prctl)(option, a, b, c, d) };
        confinement::prctl(option, a as usize, make)
    }
}
