//! Sending.

use core::ffi::{c_int, c_uint, c_void};

use libc::{mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t};
use nlproto::Function;

use crate::interpose::{hooks, real};
use crate::record::{self, Before, Call};
use crate::view::{Messages, View};

hooks! {
    unsafe fn send(fd: c_int, buf: *const c_void, len: size_t, flags: c_int) -> ssize_t => on_send {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(send)(fd, buf, len, flags) };
        if let Some(before) = before {
            let call = Call::new(Function::Send, fd, ret).flags(flags);
            record::call(before, call, &View::buffer(buf, len, ret));
        }
        ret
    }

    unsafe fn __send(
        fd: c_int,
        buf: *const c_void,
        len: size_t,
        flags: c_int,
    ) -> ssize_t => on_under_send {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(__send)(fd, buf, len, flags) };
        if let Some(before) = before {
            let call = Call::new(Function::UnderSend, fd, ret).flags(flags);
            record::call(before, call, &View::buffer(buf, len, ret));
        }
        ret
    }

    unsafe fn sendto(
        fd: c_int,
        buf: *const c_void,
        len: size_t,
        flags: c_int,
        to: *const sockaddr,
        to_len: socklen_t,
    ) -> ssize_t => on_sendto {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(sendto)(fd, buf, len, flags, to, to_len) };
        if let Some(before) = before {
            let call = Call::new(Function::Sendto, fd, ret).flags(flags);
            record::call(before, call, &View::buffer(buf, len, ret).sent_to(to, to_len, ret));
        }
        ret
    }

    unsafe fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t => on_sendmsg {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(sendmsg)(fd, message, flags) };
        if let Some(before) = before {
            // SAFETY: unless `ret` is negative, the kernel has just accepted the message.
            let view = unsafe { View::sent(message, ret) };
            record::call(before, Call::new(Function::Sendmsg, fd, ret).flags(flags), &view);
        }
        ret
    }

    unsafe fn sendmmsg(
        fd: c_int,
        messages: *mut mmsghdr,
        count: c_uint,
        flags: c_int,
    ) -> c_int => on_sendmmsg {
        let before = Before::on_socket(fd);
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(sendmmsg)(fd, messages, count, flags) };
        if let Some(before) = before {
            let call = Call::new(Function::Sendmmsg, fd, ret).flags(flags).count(count);
            // SAFETY: the kernel has just accepted the first `ret` messages.
            record::messages(before, call, unsafe { Messages::sent(messages, ret) });
        }
        ret
    }
}
