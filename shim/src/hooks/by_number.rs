//! Calls that are made by number: by the program through `syscall()`, and by libc itself where those are
//! caught. They are watched as the functions of the same name are.

use core::ffi::{c_int, c_long, c_uint, c_void};

use libc::{iovec, mmsghdr, msghdr, sockaddr, socklen_t};
use nlproto::{Function, Origin};

use super::fd::{duplicates, forget_range};
use super::frameless::SYSCALL;
use super::numbers;
use crate::record::{self, Before, Call};
use crate::view::{Messages, View, descriptors, returned};
use crate::{confinement, link};

/// Whether calls of this number may be of interest.
pub(super) fn is_watched(number: c_long) -> bool {
    matches!(
        number,
        libc::SYS_read
            | libc::SYS_write
            | libc::SYS_close
            | libc::SYS_readv
            | libc::SYS_writev
            | libc::SYS_dup
            | numbers::DUP2
            | libc::SYS_sendfile
            | libc::SYS_socket
            | libc::SYS_connect
            | libc::SYS_sendto
            | libc::SYS_recvfrom
            | libc::SYS_sendmsg
            | libc::SYS_recvmsg
            | libc::SYS_bind
            | libc::SYS_getsockname
            | libc::SYS_setsockopt
            | libc::SYS_getsockopt
            | libc::SYS_fcntl
            | libc::SYS_prctl
            | libc::SYS_splice
            | libc::SYS_dup3
            | libc::SYS_recvmmsg
            | libc::SYS_sendmmsg
            | libc::SYS_seccomp
            | libc::SYS_preadv2
            | libc::SYS_pwritev2
            | libc::SYS_close_range
            | libc::SYS_pidfd_getfd
    ) || leaves(number)
}

/// Whether calls of this number are among those of `leave`.
fn leaves(number: c_long) -> bool {
    matches!(
        number,
        libc::SYS_chroot
            | libc::SYS_pivot_root
            | libc::SYS_mount
            | libc::SYS_unshare
            | libc::SYS_setns
            | libc::SYS_setuid
            | libc::SYS_setreuid
            | libc::SYS_setresuid
            | libc::SYS_capset
            | libc::SYS_landlock_restrict_self
    )
}

/// The program's `syscall()`, for the numbers that are watched.
pub(super) unsafe extern "C" fn on_syscall(
    number: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    let call = Numbered { number, arguments: [a, b, c, d, e, f], origin: Origin::Syscall };
    // SAFETY: the caller's own arguments.
    let make = || unsafe { SYSCALL.get()(number, a, b, c, d, e, f) };
    // SAFETY: makes the call of which it is told.
    unsafe { call.watch(make) }
}

/// A system call.
#[derive(Clone, Copy)]
pub(crate) struct Numbered {
    /// Its number.
    pub(crate) number: c_long,
    /// Its arguments; those that it does not take may be anything.
    pub(crate) arguments: [usize; 6],
    /// Who makes it.
    pub(crate) origin: Origin,
}

impl Numbered {
    /// An argument that is an int: the kernel looks at no more of the register.
    fn int(&self, index: usize) -> c_int {
        self.arguments.get(index).map_or(0, |argument| *argument as c_int)
    }

    fn uint(&self, index: usize) -> c_uint {
        self.int(index).cast_unsigned()
    }

    fn size(&self, index: usize) -> usize {
        self.arguments.get(index).copied().unwrap_or(0)
    }

    fn pointer<T>(&self, index: usize) -> *mut T {
        core::ptr::with_exposed_provenance_mut(self.size(index))
    }

    fn call(&self, function: Function, ret: c_long) -> Call {
        Call::new(function, self.int(0), ret).origin(self.origin)
    }

    /// Has the call made, once, and records what came of it.
    ///
    /// # Safety
    /// `make` makes this call and returns what libc's function would: -1 with errno for a failure.
    pub(crate) unsafe fn watch(&self, make: impl FnOnce() -> c_long) -> c_long {
        match self.number {
            libc::SYS_close => {
                let netlink = record::closing(self.int(0));
                let ret = make();
                if let Some(netlink) = netlink {
                    record::closed(netlink, self.call(Function::Close, ret));
                }
                ret
            }
            libc::SYS_close_range => {
                if self.uint(2) & libc::CLOSE_RANGE_CLOEXEC == 0 {
                    forget_range(self.uint(0), self.uint(1));
                }
                make()
            }
            libc::SYS_dup | numbers::DUP2 | libc::SYS_dup3 => {
                let ret = make();
                record::duplicated(self.int(0), c_int::try_from(ret).unwrap_or(-1));
                ret
            }
            libc::SYS_fcntl => {
                let ret = make();
                if duplicates(self.int(1)) {
                    record::duplicated(self.int(0), c_int::try_from(ret).unwrap_or(-1));
                }
                ret
            }
            libc::SYS_prctl => confinement::prctl(self.int(0), self.size(1), make),
            libc::SYS_seccomp if SECCOMP_SET_MODES.contains(&self.int(0)) => {
                confinement::around(make)
            }
            libc::SYS_seccomp => make(),
            libc::SYS_pidfd_getfd => {
                let ret = make();
                if let Ok(fd @ 0..) = c_int::try_from(ret) {
                    record::passed(fd);
                }
                ret
            }
            number if leaves(number) => {
                link::settle();
                make()
            }
            libc::SYS_socket => {
                let arguments = [self.int(0), self.int(1), self.int(2)];
                let before = Before::new_socket(self.int(0));
                let ret = make();
                if let Some(before) = before {
                    let fd = c_int::try_from(ret).unwrap_or(-1);
                    let call = Call::new(Function::Socket, fd, ret).origin(self.origin);
                    record::new_socket(before, call.args(arguments));
                }
                ret
            }
            // SAFETY: the caller's promise.
            _ => unsafe { self.watch_moving(make) },
        }
    }

    /// A call that moves bytes, or asks about a socket or changes it.
    unsafe fn watch_moving(&self, make: impl FnOnce() -> c_long) -> c_long {
        let fd = self.int(0);
        let is_of_files = matches!(
            self.number,
            libc::SYS_read
                | libc::SYS_write
                | libc::SYS_readv
                | libc::SYS_writev
                | libc::SYS_preadv2
                | libc::SYS_pwritev2
                | libc::SYS_sendfile
        );
        let (before, to) = match self.number {
            libc::SYS_splice => (Before::on_file(fd), Before::on_file(self.int(2))),
            _ if is_of_files => (Before::on_file(fd), None),
            _ => (Before::on_socket(fd), None),
        };
        let ret = make();
        if let Some(before) = to {
            let call = Call::new(Function::SpliceTo, self.int(2), ret).flags(self.int(5));
            record::unseen(before, call.args([fd, 0, 0]).origin(self.origin), self.size(4));
        }
        if let Some(before) = before {
            // SAFETY: made, and with what came of it.
            unsafe { self.record(before, ret) };
        }
        match self.number {
            libc::SYS_recvmsg => {
                // SAFETY: unless `ret` is negative, the kernel has just filled the message.
                unsafe { descriptors(self.pointer(1), ret as isize, record::passed) };
            }
            libc::SYS_recvmmsg => {
                let count = c_int::try_from(ret).unwrap_or(-1);
                // SAFETY: the kernel has just filled the first `ret` messages.
                unsafe { Messages::received(self.pointer(1), count) }.descriptors(record::passed);
            }
            _ => {}
        }
        ret
    }

    /// Records a call on a socket.
    ///
    /// # Safety
    /// The call has just been made with this result.
    unsafe fn record(&self, before: Before, ret: c_long) {
        let moved = ret as isize;
        let buffer = || View::buffer(self.pointer(1), self.size(2), moved);
        match self.number {
            libc::SYS_read => record::call(before, self.call(Function::Read, ret), &buffer()),
            libc::SYS_write => record::call(before, self.call(Function::Write, ret), &buffer()),
            libc::SYS_readv | libc::SYS_writev | libc::SYS_preadv2 | libc::SYS_pwritev2 => {
                // SAFETY: unless `ret` is negative, the kernel has just walked the iovecs.
                let view = unsafe { View::iovecs(self.pointer::<iovec>(1), self.size(2), moved) };
                let call = match self.number {
                    libc::SYS_readv => self.call(Function::Readv, ret),
                    libc::SYS_writev => self.call(Function::Writev, ret),
                    libc::SYS_preadv2 => self.call(Function::Preadv2, ret).flags(self.int(5)),
                    _ => self.call(Function::Pwritev2, ret).flags(self.int(5)),
                };
                record::call(before, call, &view);
            }
            libc::SYS_sendfile => {
                let call = self.call(Function::Sendfile, ret).args([self.int(1), 0, 0]);
                record::unseen(before, call, self.size(3));
            }
            libc::SYS_splice => {
                let call = self.call(Function::SpliceFrom, ret).flags(self.int(5));
                record::unseen(before, call.args([self.int(2), 0, 0]), self.size(4));
            }
            libc::SYS_sendto => {
                let call = self.call(Function::Sendto, ret).flags(self.int(3));
                let view = buffer().sent_to(self.pointer::<sockaddr>(4), self.uint(5), moved);
                record::call(before, call, &view);
            }
            libc::SYS_recvfrom => {
                let call = self.call(Function::Recvfrom, ret).flags(self.int(3));
                let (from, len) = (self.pointer::<sockaddr>(4), self.pointer::<socklen_t>(5));
                // SAFETY: if there is an address, the kernel has just written its length.
                let view = unsafe { buffer().received_from(from, len, moved) };
                record::call(before, call, &view);
            }
            libc::SYS_sendmsg => {
                // SAFETY: unless `ret` is negative, the kernel has just accepted the message.
                let view = unsafe { View::sent(self.pointer::<msghdr>(1), moved) };
                record::call(before, self.call(Function::Sendmsg, ret).flags(self.int(2)), &view);
            }
            libc::SYS_recvmsg => {
                // SAFETY: unless `ret` is negative, the kernel has just filled the message.
                let view = unsafe { View::received(self.pointer::<msghdr>(1), moved) };
                record::call(before, self.call(Function::Recvmsg, ret).flags(self.int(2)), &view);
            }
            libc::SYS_sendmmsg | libc::SYS_recvmmsg => {
                let base = self.pointer::<mmsghdr>(1);
                let count = c_int::try_from(ret).unwrap_or(-1);
                let (function, messages) = if self.number == libc::SYS_sendmmsg {
                    // SAFETY: the kernel has just accepted the first `ret` messages.
                    (Function::Sendmmsg, unsafe { Messages::sent(base, count) })
                } else {
                    // SAFETY: the kernel has just filled the first `ret` messages.
                    (Function::Recvmmsg, unsafe { Messages::received(base, count) })
                };
                let call = self.call(function, ret).flags(self.int(3)).count(self.uint(2));
                record::messages(before, call, messages);
            }
            libc::SYS_bind | libc::SYS_connect => {
                let name = self.pointer::<sockaddr>(1);
                let view = View::nothing().sent_to(name, self.uint(2), moved);
                let is_bind = self.number == libc::SYS_bind;
                let function = if is_bind { Function::Bind } else { Function::Connect };
                record::change(before, self.call(function, ret), &view);
            }
            libc::SYS_getsockname => {
                let (name, len) = (self.pointer::<sockaddr>(1), self.pointer::<socklen_t>(2));
                // SAFETY: unless `ret` is negative, the kernel has just written the length.
                let view = unsafe { View::nothing().received_from(name, len, moved) };
                record::call(before, self.call(Function::Getsockname, ret), &view);
            }
            libc::SYS_setsockopt => {
                let arguments = [self.int(1), self.int(2), self.int(4)];
                let call = self.call(Function::Setsockopt, ret).args(arguments);
                let view = View::option(self.pointer::<c_void>(3), self.uint(4), ret as c_int);
                record::change(before, call, &view);
            }
            libc::SYS_getsockopt => {
                let len = self.pointer::<socklen_t>(4);
                // SAFETY: read only after the kernel has written it.
                let len = if ret < 0 { 0 } else { unsafe { returned(len) } };
                let arguments = [self.int(1), self.int(2), len.cast_signed()];
                let call = self.call(Function::Getsockopt, ret).args(arguments);
                let view = View::option(self.pointer::<c_void>(3), len, ret as c_int);
                record::call(before, call, &view);
            }
            _ => {}
        }
    }
}

/// `SECCOMP_SET_MODE_STRICT` and `SECCOMP_SET_MODE_FILTER`; the others ask.
const SECCOMP_SET_MODES: core::ops::RangeInclusive<c_int> = 0..=1;
