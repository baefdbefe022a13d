//! Asking the kernel that the viewer runs on.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

use super::super::process::Process;
use super::{CTRL_FAMILY_ID, NLCTRL};
use crate::wire::Step;
use crate::wire::message::{DONE, DUMP, ERROR, Message, Messages, REQUEST};

/// `CTRL_CMD_GETFAMILY` and `CTRL_CMD_GETPOLICY`.
const GETFAMILY: u8 = 3;
const GETPOLICY: u8 = 10;
/// What ends a dump.
const LAST: [u16; 2] = [ERROR, DONE];

/// The kernel that the viewer runs on.
pub(super) struct Kernel {
    /// Inode of the viewer's own network namespace.
    netns: Option<u64>,
    socket: Option<OwnedFd>,
}

impl Kernel {
    pub(super) fn new() -> Self {
        let netns = std::fs::metadata("/proc/self/ns/net").ok().map(|m| m.ino());
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        );
        Self { netns, socket: socket.ok() }
    }

    /// Whether a process's socket lives in the viewer's own network namespace.
    pub(super) fn is_home(&self, process: &Process, fd: i32) -> bool {
        let cookie = process.sockets.get(&fd).map_or(0, |socket| socket.netns_cookie);
        let moved = cookie != 0 && process.netns_cookie != 0 && cookie != process.netns_cookie;
        process.netns != 0 && self.netns == Some(process.netns) && !moved
    }

    pub(super) fn interface(&self, index: u32) -> Option<String> {
        rustix::net::netdevice::index_to_name(self.socket.as_ref()?, index).ok()
    }

    /// Calls `each` with what the controller says of every generic family, and its bytes.
    pub(super) fn families(&self, each: &mut dyn FnMut(&Message<'_>, &[u8])) {
        let _unavailable = dump(GETFAMILY, &[], each);
    }

    /// Calls `each` with what the controller says of the attributes of one, and its bytes.
    pub(super) fn policy(&self, family: u16, each: &mut dyn FnMut(&Message<'_>, &[u8])) {
        let [len, ty] = [6u16.to_ne_bytes(), CTRL_FAMILY_ID.to_ne_bytes()];
        let attr = [len, ty, family.to_ne_bytes(), [0; 2]].concat();
        let _unavailable = dump(GETPOLICY, &attr, each);
    }
}

/// Has the controller list something.
fn dump(
    command: u8,
    attrs: &[u8],
    each: &mut dyn FnMut(&Message<'_>, &[u8]),
) -> rustix::io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::GENERIC),
    )?;
    // nlmsghdr: length, type, flags, sequence number, port id; genlmsghdr: command, version.
    let mut request = vec![0; 4];
    request.extend_from_slice(&NLCTRL.to_ne_bytes());
    request.extend_from_slice(&(REQUEST | DUMP).to_ne_bytes());
    request.extend_from_slice(&[0; 8]);
    request.extend_from_slice(&[command, 2, 0, 0]);
    request.extend_from_slice(attrs);
    let len = u32::try_from(request.len()).unwrap_or(0).to_ne_bytes();
    for (byte, len) in request.iter_mut().zip(len) {
        *byte = len;
    }
    let kernel = netlink::SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request, SendFlags::empty(), &kernel)?;
    let mut room = vec![0; 64 << 10];
    let mut last = false;
    while !last {
        let (len, _) = rustix::net::recv(&socket, room.as_mut_slice(), RecvFlags::empty())?;
        last = len == 0;
        let bytes = room.get(..len).unwrap_or_default();
        for step in Messages::new(bytes) {
            let Step::Element(message) = step else { continue };
            last |= LAST.contains(&message.header.ty);
            let end = message.at.saturating_add(message.header.len as usize);
            each(&message, bytes.get(message.at..end).unwrap_or_default());
        }
    }
    Ok(())
}
