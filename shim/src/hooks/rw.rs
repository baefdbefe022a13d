//! Reading and writing, which carry netlink now and then but everything else all the time: a
//! descriptor that is not already known to be netlink costs a table lookup and no system call.

use core::ffi::{c_int, c_uint, c_void};

use libc::{iovec, loff_t, off_t, off64_t, size_t, ssize_t};
use nlproto::Function;

use super::absent;
use crate::interpose::{hooks, is_there, real};
use crate::record::{self, Before, Call};
use crate::view::View;

hooks! {
    unsafe fn write(fd: c_int, buf: *const c_void, len: size_t) -> ssize_t => on_write {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(write)(fd, buf, len) };
        record::on_file(fd, make, move |before, ret| {
            record::call(before, Call::new(Function::Write, fd, ret), &View::buffer(buf, len, ret));
        })
    }

    unsafe fn __write(fd: c_int, buf: *const c_void, len: size_t) -> ssize_t => on_under_write {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(__write)(fd, buf, len) };
        record::on_file(fd, make, move |before, ret| {
            record::call(before, Call::new(Function::UnderWrite, fd, ret), &View::buffer(buf, len, ret));
        })
    }

    unsafe fn writev(fd: c_int, iov: *const iovec, count: c_int) -> ssize_t => on_writev {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(writev)(fd, iov, count) };
        record::on_file(fd, make, move |before, ret| {
            // SAFETY: unless `ret` is negative, the kernel has just walked the iovecs.
            let view = unsafe { View::iovecs(iov, usize::try_from(count).unwrap_or(0), ret) };
            record::call(before, Call::new(Function::Writev, fd, ret), &view);
        })
    }

    unsafe fn pwritev2(
        fd: c_int,
        iov: *const iovec,
        count: c_int,
        offset: off_t,
        flags: c_int,
    ) -> ssize_t => on_pwritev2 {
        if !is_there!(pwritev2) {
            return absent();
        }
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(pwritev2)(fd, iov, count, offset, flags) };
        record::on_file(fd, make, move |before, ret| {
            // SAFETY: unless `ret` is negative, the kernel has just walked the iovecs.
            let view = unsafe { View::iovecs(iov, usize::try_from(count).unwrap_or(0), ret) };
            record::call(before, Call::new(Function::Pwritev2, fd, ret).flags(flags), &view);
        })
    }

    unsafe fn pwritev64v2(
        fd: c_int,
        iov: *const iovec,
        count: c_int,
        offset: off64_t,
        flags: c_int,
    ) -> ssize_t => on_pwritev64v2 {
        if !is_there!(pwritev64v2) {
            return absent();
        }
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(pwritev64v2)(fd, iov, count, offset, flags) };
        record::on_file(fd, make, move |before, ret| {
            // SAFETY: unless `ret` is negative, the kernel has just walked the iovecs.
            let view = unsafe { View::iovecs(iov, usize::try_from(count).unwrap_or(0), ret) };
            record::call(before, Call::new(Function::Pwritev2, fd, ret).flags(flags), &view);
        })
    }

    unsafe fn read(fd: c_int, buf: *mut c_void, len: size_t) -> ssize_t => on_read {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(read)(fd, buf, len) };
        record::on_file(fd, make, move |before, ret| {
            record::call(before, Call::new(Function::Read, fd, ret), &View::buffer(buf, len, ret));
        })
    }

    unsafe fn __read(fd: c_int, buf: *mut c_void, len: size_t) -> ssize_t => on_under_read {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(__read)(fd, buf, len) };
        record::on_file(fd, make, move |before, ret| {
            record::call(before, Call::new(Function::UnderRead, fd, ret), &View::buffer(buf, len, ret));
        })
    }

    unsafe fn __read_chk(
        fd: c_int,
        buf: *mut c_void,
        len: size_t,
        buf_len: size_t,
    ) -> ssize_t => on_read_chk {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(__read_chk)(fd, buf, len, buf_len) };
        record::on_file(fd, make, move |before, ret| {
            record::call(before, Call::new(Function::ReadChk, fd, ret), &View::buffer(buf, len, ret));
        })
    }

    unsafe fn readv(fd: c_int, iov: *const iovec, count: c_int) -> ssize_t => on_readv {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(readv)(fd, iov, count) };
        record::on_file(fd, make, move |before, ret| {
            // SAFETY: unless `ret` is negative, the kernel has just walked the iovecs.
            let view = unsafe { View::iovecs(iov, usize::try_from(count).unwrap_or(0), ret) };
            record::call(before, Call::new(Function::Readv, fd, ret), &view);
        })
    }

    unsafe fn preadv2(
        fd: c_int,
        iov: *const iovec,
        count: c_int,
        offset: off_t,
        flags: c_int,
    ) -> ssize_t => on_preadv2 {
        if !is_there!(preadv2) {
            return absent();
        }
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(preadv2)(fd, iov, count, offset, flags) };
        record::on_file(fd, make, move |before, ret| {
            // SAFETY: unless `ret` is negative, the kernel has just walked the iovecs.
            let view = unsafe { View::iovecs(iov, usize::try_from(count).unwrap_or(0), ret) };
            record::call(before, Call::new(Function::Preadv2, fd, ret).flags(flags), &view);
        })
    }

    unsafe fn preadv64v2(
        fd: c_int,
        iov: *const iovec,
        count: c_int,
        offset: off64_t,
        flags: c_int,
    ) -> ssize_t => on_preadv64v2 {
        if !is_there!(preadv64v2) {
            return absent();
        }
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(preadv64v2)(fd, iov, count, offset, flags) };
        record::on_file(fd, make, move |before, ret| {
            // SAFETY: unless `ret` is negative, the kernel has just walked the iovecs.
            let view = unsafe { View::iovecs(iov, usize::try_from(count).unwrap_or(0), ret) };
            record::call(before, Call::new(Function::Preadv2, fd, ret).flags(flags), &view);
        })
    }

    unsafe fn sendfile(
        to: c_int,
        from: c_int,
        offset: *mut off_t,
        len: size_t,
    ) -> ssize_t => on_sendfile {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(sendfile)(to, from, offset, len) };
        record::on_file(to, make, move |before, ret| {
            let call = Call::new(Function::Sendfile, to, ret).args([from, 0, 0]);
            record::unseen(before, call, len);
        })
    }

    unsafe fn sendfile64(
        to: c_int,
        from: c_int,
        offset: *mut off64_t,
        len: size_t,
    ) -> ssize_t => on_sendfile64 {
        // SAFETY: the caller's own arguments.
        let make = move || unsafe { real!(sendfile64)(to, from, offset, len) };
        record::on_file(to, make, move |before, ret| {
            let call = Call::new(Function::Sendfile, to, ret).args([from, 0, 0]);
            record::unseen(before, call, len);
        })
    }

    unsafe fn splice(
        from: c_int,
        from_offset: *mut loff_t,
        to: c_int,
        to_offset: *mut loff_t,
        len: size_t,
        flags: c_uint,
    ) -> ssize_t => on_splice {
        let (before_to, before_from) = (Before::on_file(to), Before::on_file(from));
        // SAFETY: the caller's own arguments.
        let ret = unsafe { real!(splice)(from, from_offset, to, to_offset, len, flags) };
        if let Some(before) = before_to {
            let call = Call::new(Function::SpliceTo, to, ret).flags(flags.cast_signed());
            record::unseen(before, call.args([from, 0, 0]), len);
        }
        if let Some(before) = before_from {
            let call = Call::new(Function::SpliceFrom, from, ret).flags(flags.cast_signed());
            record::unseen(before, call.args([to, 0, 0]), len);
        }
        ret
    }
}
