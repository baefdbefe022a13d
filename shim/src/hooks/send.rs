//! Sending.

use core::ffi::{c_int, c_uint, c_void};

use libc::{mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t};
use nlproto::Function;

use crate::interpose::{hooks, is_there, real};
use crate::record::{self, Call};
use crate::view::{Messages, View};

hooks! {
    unsafe fn send(fd: c_int, buf: *const c_void, len: size_t, flags: c_int) -> ssize_t => on_send {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(send)(fd, buf, len, flags) };
        record::on_socket(fd, make, move |before, ret| {
            let call = Call::new(Function::Send, fd, ret).flags(flags);
            record::call(before, call, &View::buffer(buf, len, ret));
        })
    }

    unsafe fn __send(
        fd: c_int,
        buf: *const c_void,
        len: size_t,
        flags: c_int,
    ) -> ssize_t => on_under_send {
        // glibc on aarch64 has it for old programs alone, which no search by the name finds; it is the same
        // function.
        // SAFETY: the caller's own arguments.
        let old = move || unsafe { real!(send)(fd, buf, len, flags) };
        // SAFETY: the caller's own arguments.
        let own = move || unsafe { real!(__send)(fd, buf, len, flags) };
        let make = move || if is_there!(__send) { own() } else { old() };
        record::on_socket(fd, make, move |before, ret| {
            let call = Call::new(Function::UnderSend, fd, ret).flags(flags);
            record::call(before, call, &View::buffer(buf, len, ret));
        })
    }

    unsafe fn sendto(
        fd: c_int,
        buf: *const c_void,
        len: size_t,
        flags: c_int,
        to: *const sockaddr,
        to_len: socklen_t,
    ) -> ssize_t => on_sendto {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(sendto)(fd, buf, len, flags, to, to_len) };
        record::on_socket(fd, make, move |before, ret| {
            let call = Call::new(Function::Sendto, fd, ret).flags(flags);
            record::call(before, call, &View::buffer(buf, len, ret).sent_to(to, to_len, ret));
        })
    }

    unsafe fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t => on_sendmsg {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(sendmsg)(fd, message, flags) };
        record::on_socket(fd, make, move |before, ret| {
            // SAFETY: unless `ret` is negative, the kernel has just accepted the message.
            let view = unsafe { View::sent(message, ret) };
            record::call(before, Call::new(Function::Sendmsg, fd, ret).flags(flags), &view);
        })
    }

    unsafe fn sendmmsg(
        fd: c_int,
        messages: *mut mmsghdr,
        count: c_uint,
        flags: c_int,
    ) -> c_int => on_sendmmsg {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(sendmmsg)(fd, messages, count, flags) };
        record::on_socket(fd, make, move |before, ret| {
            let call = Call::new(Function::Sendmmsg, fd, ret).flags(flags).count(count);
            // SAFETY: the kernel has just accepted the first `ret` messages.
            record::messages(before, call, unsafe { Messages::sent(messages, ret) });
        })
    }
}
