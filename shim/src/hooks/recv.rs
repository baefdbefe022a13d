//! Receiving. The fortified forms check the length that they are told against the buffer's, and end
//! the program where it is longer: the real ones do that, before anything is recorded.

use core::ffi::{c_int, c_uint, c_void};

use libc::{mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t, timespec};
use nlproto::Function;

use crate::interpose::{hooks, real};
use crate::record::{self, Call};
use crate::view::{Messages, View, descriptors};

hooks! {
    unsafe fn recv(fd: c_int, buf: *mut c_void, len: size_t, flags: c_int) -> ssize_t => on_recv {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(recv)(fd, buf, len, flags) };
        record::on_socket(fd, make, move |before, ret| {
            let call = Call::new(Function::Recv, fd, ret).flags(flags);
            record::call(before, call, &View::buffer(buf, len, ret));
        })
    }

    unsafe fn __recv_chk(
        fd: c_int,
        buf: *mut c_void,
        len: size_t,
        buf_len: size_t,
        flags: c_int,
    ) -> ssize_t => on_recv_chk {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(__recv_chk)(fd, buf, len, buf_len, flags) };
        record::on_socket(fd, make, move |before, ret| {
            let call = Call::new(Function::RecvChk, fd, ret).flags(flags);
            record::call(before, call, &View::buffer(buf, len, ret));
        })
    }

    unsafe fn recvfrom(
        fd: c_int,
        buf: *mut c_void,
        len: size_t,
        flags: c_int,
        from: *mut sockaddr,
        from_len: *mut socklen_t,
    ) -> ssize_t => on_recvfrom {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(recvfrom)(fd, buf, len, flags, from, from_len) };
        record::on_socket(fd, make, move |before, ret| {
            let view = View::buffer(buf, len, ret);
            // SAFETY: if there is an address, the kernel has just written its length.
            let view = unsafe { view.received_from(from, from_len, ret) };
            record::call(before, Call::new(Function::Recvfrom, fd, ret).flags(flags), &view);
        })
    }

    unsafe fn __recvfrom_chk(
        fd: c_int,
        buf: *mut c_void,
        len: size_t,
        buf_len: size_t,
        flags: c_int,
        from: *mut sockaddr,
        from_len: *mut socklen_t,
    ) -> ssize_t => on_recvfrom_chk {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(__recvfrom_chk)(fd, buf, len, buf_len, flags, from, from_len) };
        record::on_socket(fd, make, move |before, ret| {
            let view = View::buffer(buf, len, ret);
            // SAFETY: if there is an address, the kernel has just written its length.
            let view = unsafe { view.received_from(from, from_len, ret) };
            record::call(before, Call::new(Function::RecvfromChk, fd, ret).flags(flags), &view);
        })
    }

    unsafe fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t => on_recvmsg {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(recvmsg)(fd, message, flags) };
        let ret = record::on_socket(fd, make, move |before, ret| {
            // SAFETY: unless `ret` is negative, the kernel has just filled the message.
            let view = unsafe { View::received(message, ret) };
            record::call(before, Call::new(Function::Recvmsg, fd, ret).flags(flags), &view);
        });
        // SAFETY: as above.
        unsafe { descriptors(message, ret, record::passed) };
        ret
    }

    unsafe fn recvmmsg(
        fd: c_int,
        messages: *mut mmsghdr,
        count: c_uint,
        flags: c_int,
        timeout: *mut timespec,
    ) -> c_int => on_recvmmsg {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(recvmmsg)(fd, messages, count, flags, timeout) };
        let ret = record::on_socket(fd, make, move |before, ret| {
            let call = Call::new(Function::Recvmmsg, fd, ret).flags(flags).count(count);
            // SAFETY: the kernel has just filled the first `ret` messages.
            record::messages(before, call, unsafe { Messages::received(messages, ret) });
        });
        // SAFETY: as above.
        unsafe { Messages::received(messages, ret) }.descriptors(record::passed);
        ret
    }
}
