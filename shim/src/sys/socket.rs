//! Sockets: the program's, which are only asked about, and the shim's own to the viewer.

use core::ffi::{c_int, c_uint, c_void};
use core::mem::{MaybeUninit, offset_of, size_of};
use core::ptr;

use nlring::kernel::call;

use super::{Errno, descriptor, int, pointer};
use crate::view::Span;

/// Room for a path in a unix address, in bytes.
pub(crate) const PATH_ROOM: usize =
    size_of::<libc::sockaddr_un>() - offset_of!(libc::sockaddr_un, sun_path);

/// An option of level `SOL_SOCKET`.
fn option<T: Copy>(fd: c_int, name: c_int, mut value: T) -> Result<T, Errno> {
    let mut len = size_of::<T>() as c_uint;
    let (place, room) = (pointer(&raw mut value), pointer(&raw mut len));
    let arguments = [int(fd), int(libc::SOL_SOCKET), int(name), place, room, 0];
    // SAFETY: `value` and `len` are valid for writes, and the kernel writes at most `len` bytes of
    // a type made of integers.
    unsafe { call(libc::SYS_getsockopt, arguments) }.map(|_zero| value)
}

/// An integer option of level `SOL_SOCKET`.
pub(crate) fn int_option(fd: c_int, name: c_int) -> Result<c_int, Errno> {
    option(fd, name, 0)
}

/// Whether a descriptor is a netlink socket.
pub(crate) fn is_netlink(fd: c_int) -> bool {
    int_option(fd, libc::SO_DOMAIN) == Ok(libc::AF_NETLINK)
}

/// The cookie of the network namespace that a socket lives in; 0 before Linux 5.14.
pub(crate) fn netns_cookie(fd: c_int) -> u64 {
    const SO_NETNS_COOKIE: c_int = 71;
    option(fd, SO_NETNS_COOKIE, 0_u64).unwrap_or(0)
}

/// What a socket's memory says: bytes received and not yet read, by the kernel's account; the room for
/// them; and how many messages found none.
pub(crate) fn memory(fd: c_int) -> Option<[c_int; 3]> {
    const SO_MEMINFO: c_int = 55;
    // Of the nine `SK_MEMINFO_*`.
    let [received, room, _, _, _, _, _, _, drops] = option(fd, SO_MEMINFO, [u32::MAX; 9]).ok()?;
    Some([received, room, drops].map(|number| c_int::try_from(number).unwrap_or(-1)))
}

/// Has the kernel give its reasons for errors (`NETLINK_EXT_ACK`).
pub(crate) fn explain(fd: c_int) -> bool {
    let on: c_int = 1;
    let (level, name) = (int(libc::SOL_NETLINK), int(libc::NETLINK_EXT_ACK));
    let arguments = [int(fd), level, name, pointer(&raw const on), size_of::<c_int>(), 0];
    // SAFETY: the value is an int, of the length given.
    unsafe { call(libc::SYS_setsockopt, arguments) }.is_ok()
}

/// Port id and groups of a netlink socket.
pub(crate) fn netlink_name(fd: c_int) -> Option<(u32, u32)> {
    let mut name = MaybeUninit::<libc::sockaddr_nl>::zeroed();
    let mut len = size_of::<libc::sockaddr_nl>() as c_uint;
    let arguments = [int(fd), pointer(name.as_mut_ptr()), pointer(&raw mut len), 0, 0, 0];
    // SAFETY: `name` and `len` are valid for writes.
    unsafe { call(libc::SYS_getsockname, arguments) }.ok()?;
    // SAFETY: zeroed, which is a value, then written by the kernel.
    let name = unsafe { name.assume_init_ref() };
    Some((name.nl_pid, name.nl_groups))
}

/// A new unix stream socket that never blocks.
pub(crate) fn stream() -> Result<c_int, Errno> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: touches no memory.
    descriptor(unsafe { call(libc::SYS_socket, [int(libc::AF_UNIX), int(kind), 0, 0, 0, 0]) })
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
    let arguments = [int(fd), pointer(&raw const address), len, 0, 0, 0];
    // SAFETY: the address is valid for the length given.
    unsafe { call(libc::SYS_connect, arguments) }.map(|_zero| ())
}

/// The effective user id of the process that listens at the other end.
pub(crate) fn peer_uid(fd: c_int) -> Option<u32> {
    let nobody = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    option(fd, libc::SO_PEERCRED, nobody).ok().map(|peer| peer.uid)
}

/// Length of the send buffer, as [`set_buffer_len`] takes it.
pub(crate) fn buffer_len(fd: c_int) -> c_int {
    // The kernel keeps twice what it is asked for, and says so.
    int_option(fd, libc::SO_SNDBUF).unwrap_or(0) / 2
}

/// Makes the send buffer as long as asked, or as the system allows.
pub(crate) fn set_buffer_len(fd: c_int, len: c_int) {
    for name in [libc::SO_SNDBUFFORCE, libc::SO_SNDBUF] {
        let (value, size) = (pointer(&raw const len), size_of::<c_int>());
        let arguments = [int(fd), int(libc::SOL_SOCKET), int(name), value, size, 0];
        // SAFETY: the value is an int, of the length given.
        if unsafe { call(libc::SYS_setsockopt, arguments) }.is_ok() {
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
    // SAFETY: what the header points to is valid.
    unsafe { send_message(fd, &message) }
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
    // SAFETY: the array is valid, and the kernel checks what it points to.
    unsafe { send_message(fd, &message) }
}

/// One sendmsg that neither blocks nor raises SIGPIPE.
///
/// # Safety
/// What the header points to is valid, but for what its iovecs point to.
unsafe fn send_message(fd: c_int, message: &libc::msghdr) -> Result<usize, Errno> {
    let flags = int(libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT);
    let arguments = [int(fd), pointer(&raw const *message), flags, 0, 0, 0];
    // SAFETY: the header is valid, and what it points to by the caller's promise.
    unsafe { call(libc::SYS_sendmsg, arguments) }
}
