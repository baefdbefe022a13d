//! Sockets: the program's, which are only asked about, and the shim's own to the viewer.

use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use core::mem::{MaybeUninit, offset_of, size_of};
use core::ptr;

use crate::sys::{self, Errno};
use crate::view::Span;

/// Room for a path in a unix address, in bytes.
pub(crate) const PATH_ROOM: usize =
    size_of::<libc::sockaddr_un>() - offset_of!(libc::sockaddr_un, sun_path);

/// An option of level `SOL_SOCKET`.
fn option<T: Copy>(fd: c_int, name: c_int, mut value: T) -> Option<T> {
    let mut len = c_uint::try_from(size_of::<T>()).ok()?;
    // SAFETY: `value` and `len` are valid for writes, and the kernel writes at most `len` bytes of
    // a type made of integers.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_getsockopt,
            c_long::from(fd),
            c_long::from(libc::SOL_SOCKET),
            c_long::from(name),
            &raw mut value,
            &raw mut len,
        )
    };
    (ret == 0).then_some(value)
}

/// An integer option of level `SOL_SOCKET`; fails with errno.
pub(crate) fn int_option(fd: c_int, name: c_int) -> Result<c_int, Errno> {
    option(fd, name, 0).ok_or_else(sys::errno)
}

/// The cookie of the network namespace that a socket lives in; 0 before Linux 5.14.
pub(crate) fn netns_cookie(fd: c_int) -> u64 {
    const SO_NETNS_COOKIE: c_int = 71;
    option(fd, SO_NETNS_COOKIE, 0_u64).unwrap_or(0)
}

/// The cookie of the network namespace that the process is in, by way of a socket of the moment.
pub(crate) fn own_netns_cookie() -> u64 {
    let Ok(fd) = stream() else { return 0 };
    let cookie = netns_cookie(fd);
    sys::file::close(fd);
    cookie
}

/// Port id and groups of a netlink socket.
pub(crate) fn netlink_name(fd: c_int) -> Option<(u32, u32)> {
    let mut name = MaybeUninit::<libc::sockaddr_nl>::zeroed();
    let mut len = c_uint::try_from(size_of::<libc::sockaddr_nl>()).ok()?;
    // SAFETY: `name` and `len` are valid for writes.
    let ret = unsafe {
        libc::syscall(libc::SYS_getsockname, c_long::from(fd), name.as_mut_ptr(), &raw mut len)
    };
    if ret != 0 {
        return None;
    }
    // SAFETY: zeroed, which is a value, then written by the kernel.
    let name = unsafe { name.assume_init_ref() };
    Some((name.nl_pid, name.nl_groups))
}

/// A new unix stream socket that never blocks.
pub(crate) fn stream() -> Result<c_int, Errno> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: touches no memory.
    let ret = unsafe {
        libc::syscall(libc::SYS_socket, c_long::from(libc::AF_UNIX), c_long::from(kind), 0_i64)
    };
    sys::descriptor(ret)
}

/// Where a unix socket's name lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// In the file system.
    Path,
    /// In the abstract namespace of the network namespace: a NUL in front, none behind.
    Abstract,
}

/// Connects to a unix socket.
pub(crate) fn connect(fd: c_int, name: &[u8], namespace: Namespace) -> Result<(), Errno> {
    #[repr(C)]
    struct Address {
        family: libc::sa_family_t,
        name: [u8; PATH_ROOM],
    }
    let mut address = Address { family: libc::AF_UNIX as libc::sa_family_t, name: [0; PATH_ROOM] };
    let front = usize::from(namespace == Namespace::Abstract);
    let end = front.saturating_add(name.len());
    let Some(room) = address.name.get_mut(front..end) else { return Err(libc::ENAMETOOLONG) };
    room.copy_from_slice(name);
    let used = match namespace {
        Namespace::Path => PATH_ROOM,
        Namespace::Abstract => end,
    };
    let len = offset_of!(Address, name).saturating_add(used);
    // SAFETY: the address is valid for the length given.
    let ret = unsafe {
        libc::syscall(libc::SYS_connect, c_long::from(fd), &raw const address, len as c_ulong)
    };
    sys::outcome(ret).map(|_zero| ())
}

/// The effective user id of the process that listens at the other end.
pub(crate) fn peer_uid(fd: c_int) -> Option<u32> {
    let nobody = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    option(fd, libc::SO_PEERCRED, nobody).map(|peer| peer.uid)
}

/// Makes the send buffer as large as asked, or as the system allows.
pub(crate) fn enlarge(fd: c_int, len: c_int) {
    for name in [libc::SO_SNDBUFFORCE, libc::SO_SNDBUF] {
        // SAFETY: the value is an int, of the length given.
        let ret = unsafe {
            libc::syscall(
                libc::SYS_setsockopt,
                c_long::from(fd),
                c_long::from(libc::SOL_SOCKET),
                c_long::from(name),
                &raw const len,
                size_of::<c_int>() as c_ulong,
            )
        };
        if ret == 0 {
            return;
        }
    }
}

/// One sendmsg of bytes and, along with them, a descriptor.
pub(crate) fn send_with_descriptor(fd: c_int, bytes: &[u8], passed: c_int) -> Result<usize, Errno> {
    /// A control message of one descriptor, laid out as CMSG_DATA and CMSG_SPACE have it.
    #[repr(C)]
    struct Control {
        head: libc::cmsghdr,
        descriptor: c_int,
        padding: c_int,
    }
    let mut control = Control {
        head: libc::cmsghdr {
            cmsg_len: offset_of!(Control, padding),
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        descriptor: passed,
        padding: 0,
    };
    let mut span = Span::of(bytes);
    let message = libc::msghdr {
        msg_name: ptr::null_mut::<c_void>(),
        msg_namelen: 0,
        msg_iov: (&raw mut span).cast::<libc::iovec>(),
        msg_iovlen: 1,
        msg_control: (&raw mut control).cast::<c_void>(),
        msg_controllen: size_of::<Control>(),
        msg_flags: 0,
    };
    // SAFETY: the header and what it points to are valid.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_sendmsg,
            c_long::from(fd),
            &raw const message,
            c_long::from(libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT),
        )
    };
    sys::outcome(ret)
}

/// One sendmsg that neither blocks nor raises SIGPIPE; the kernel reads the spans, so bad ones give
/// EFAULT.
pub(crate) fn send(fd: c_int, spans: &[Span]) -> Result<usize, Errno> {
    let message = libc::msghdr {
        msg_name: ptr::null_mut::<c_void>(),
        msg_namelen: 0,
        msg_iov: spans.as_ptr().cast_mut().cast::<libc::iovec>(),
        msg_iovlen: spans.len(),
        msg_control: ptr::null_mut::<c_void>(),
        msg_controllen: 0,
        msg_flags: 0,
    };
    // SAFETY: the header and its array are valid, and the kernel checks what the array points to.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_sendmsg,
            c_long::from(fd),
            &raw const message,
            c_long::from(libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT),
        )
    };
    sys::outcome(ret)
}
