//! Names of numbers that only the running system knows: interfaces and generic families.
//!
//! They are learned from the stream (a link message names its interface, the controller's answers
//! name families, whoever asked), else asked of the kernel that the viewer runs on, where that is
//! the one that the process runs on too. What was asked goes into a capture, so that a replay
//! elsewhere shows the same text.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use elsa::FrozenVec;
use nlproto::{Call, Name, NameKind};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

use super::process::Process;
use crate::decode::Names;
use crate::wire::Step;
use crate::wire::attr::Attrs;
use crate::wire::message::{Message, Messages, Nlmsghdr};

const NETLINK_ROUTE: i32 = 0;
const NETLINK_GENERIC: i32 = 16;
/// `RTM_NEWLINK`, and the struct that its attributes follow.
const NEWLINK: u16 = 16;
const IFINFOMSG_LEN: usize = 16;
const IFINFOMSG_INDEX: usize = 4;
const IFLA_IFNAME: u16 = 3;
/// `GENL_ID_CTRL`, `CTRL_CMD_NEWFAMILY`, `CTRL_CMD_GETFAMILY`.
const NLCTRL: u16 = 16;
const CTRL_NEWFAMILY: u8 = 1;
const CTRL_GETFAMILY: u8 = 3;
const GENLMSGHDR_LEN: usize = 4;
const CTRL_FAMILY_ID: u16 = 1;
const CTRL_FAMILY_NAME: u16 = 2;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const LAST: [u16; 2] = [2, 3];

/// So many names are kept before all are forgotten, so that interfaces that come and go do not fill
/// the memory.
const MOST: usize = 1 << 16;

/// A number, in the network namespace that it belongs to (0 where it belongs to none).
type Key = (u64, u32);

/// Names of one kind. A number may be known to have no name.
#[derive(Default)]
struct Known {
    /// Names are only added, so that they can be borrowed while others are asked for.
    texts: FrozenVec<Box<str>>,
    by_number: RefCell<HashMap<Key, Option<usize>>>,
}

impl Known {
    fn look_up(&self, key: Key) -> Option<Option<&str>> {
        let found = *self.by_number.borrow().get(&key)?;
        Some(found.and_then(|at| self.texts.get(at)))
    }

    fn learn(&self, key: Key, name: Option<&str>) {
        if self.look_up(key) == Some(name) {
            return;
        }
        let at = name.map(|name| {
            self.texts.push(name.into());
            self.texts.len().saturating_sub(1)
        });
        self.by_number.borrow_mut().insert(key, at);
    }
}

/// All names.
#[derive(Default)]
pub struct NameTable {
    interfaces: Known,
    families: Known,
    kernel: Option<Kernel>,
    /// What the kernel said, not yet taken into the capture.
    asked: RefCell<Vec<(NameKind, Key, Option<String>)>>,
}

impl NameTable {
    /// A table that asks the running kernel for what it does not know.
    #[must_use]
    pub fn live() -> Self {
        Self { kernel: Some(Kernel::new()), ..Self::default() }
    }

    /// Learns from the messages that a call received from the kernel.
    pub fn observe(&mut self, process: &Process, call: &Call<'_>) {
        if self.interfaces.texts.len() > MOST {
            self.interfaces = Known::default();
        }
        let place = place(process, call.head.fd);
        match call.head.protocol {
            NETLINK_ROUTE => messages(call.payload, |message| {
                if let Some((index, name)) = link(message) {
                    self.interfaces.learn((place, index), Some(name));
                }
            }),
            NETLINK_GENERIC => messages(call.payload, |message| {
                if let Some((id, name)) = family(message) {
                    self.families.learn((0, u32::from(id)), Some(name));
                }
            }),
            _ => {}
        }
    }

    /// Takes a name from a capture, or from a person.
    pub fn add(&mut self, name: &Name<'_>) {
        let text = std::str::from_utf8(name.name).ok().filter(|text| !text.is_empty());
        if name.kind == NameKind::Interface as u32 {
            self.interfaces.learn((name.netns, name.id), text);
        } else if name.kind == NameKind::GenericFamily as u32 {
            self.families.learn((name.netns, name.id), text);
        }
    }

    /// The names as a process sees them on one of its sockets; without a process those of [`add`].
    ///
    /// [`add`]: Self::add
    #[must_use]
    pub fn scope(&self, process: Option<&Process>, fd: i32) -> Scope<'_> {
        Scope {
            table: self,
            place: process.map_or(0, |process| place(process, fd)),
            here: process.is_some_and(|process| {
                self.kernel.as_ref().is_some_and(|kernel| kernel.is_home(process, fd))
            }),
        }
    }

    /// What the kernel has said since the last call, for the capture.
    pub fn take_asked(&self, mut each: impl FnMut(&Name<'_>)) {
        for (kind, (netns, id), name) in self.asked.borrow_mut().drain(..) {
            let name = name.as_deref().unwrap_or_default().as_bytes();
            each(&Name { kind: kind as u32, id, netns, name });
        }
    }

    fn ask(&self, kind: NameKind, key: Key, name: Option<String>) {
        let known = match kind {
            NameKind::Interface => &self.interfaces,
            NameKind::GenericFamily => &self.families,
        };
        known.learn(key, name.as_deref());
        self.asked.borrow_mut().push((kind, key, name));
    }
}

/// The network namespace that a socket belongs to, as the key of names.
fn place(process: &Process, fd: i32) -> u64 {
    let cookie = process.sockets.get(&fd).map_or(0, |socket| socket.netns_cookie);
    match [cookie, process.netns_cookie, process.netns] {
        [0, 0, inode] => inode,
        [0, cookie, _] | [cookie, _, _] => cookie,
    }
}

/// Names as seen from one place.
#[derive(Clone, Copy)]
pub struct Scope<'t> {
    table: &'t NameTable,
    place: u64,
    /// Whether the viewer runs in the same network namespace.
    here: bool,
}

impl Names for Scope<'_> {
    fn interface(&self, index: u32) -> Option<&str> {
        let key = (self.place, index);
        if let Some(found) = self.table.interfaces.look_up(key) {
            return found;
        }
        let kernel = self.table.kernel.as_ref().filter(|_| self.here && index != 0)?;
        self.table.ask(NameKind::Interface, key, kernel.interface(index));
        self.table.interfaces.look_up(key).flatten()
    }

    fn generic_family(&self, id: u16) -> Option<&str> {
        let key = (0, u32::from(id));
        if let Some(found) = self.table.families.look_up(key) {
            return found;
        }
        let kernel = self.table.kernel.as_ref()?;
        let mut found = false;
        kernel.families(&mut |family, name| {
            found |= family == id;
            let key = (0, u32::from(family));
            if self.table.families.look_up(key).is_none() {
                self.table.ask(NameKind::GenericFamily, key, Some(name.to_owned()));
            }
        });
        if !found {
            self.table.ask(NameKind::GenericFamily, key, None);
        }
        self.table.families.look_up(key).flatten()
    }
}

/// The kernel that the viewer runs on.
struct Kernel {
    /// Inode of the viewer's own network namespace.
    netns: Option<u64>,
    socket: Option<OwnedFd>,
}

impl Kernel {
    fn new() -> Self {
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
    fn is_home(&self, process: &Process, fd: i32) -> bool {
        let cookie = process.sockets.get(&fd).map_or(0, |socket| socket.netns_cookie);
        let moved = cookie != 0 && process.netns_cookie != 0 && cookie != process.netns_cookie;
        process.netns != 0 && self.netns == Some(process.netns) && !moved
    }

    fn interface(&self, index: u32) -> Option<String> {
        rustix::net::netdevice::index_to_name(self.socket.as_ref()?, index).ok()
    }

    /// Calls `each` with the id and name of every generic family.
    fn families(&self, each: &mut dyn FnMut(u16, &str)) {
        let _unavailable = Self::try_families(each);
    }

    fn try_families(each: &mut dyn FnMut(u16, &str)) -> rustix::io::Result<()> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::GENERIC),
        )?;
        // nlmsghdr: length, type, flags, sequence number, port id; genlmsghdr: command, version.
        let mut request = Vec::with_capacity(20);
        request.extend_from_slice(&20u32.to_ne_bytes());
        request.extend_from_slice(&NLCTRL.to_ne_bytes());
        request.extend_from_slice(&DUMP.to_ne_bytes());
        request.extend_from_slice(&[0; 8]);
        request.extend_from_slice(&[CTRL_GETFAMILY, 2, 0, 0]);
        let kernel = netlink::SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&socket, &request, SendFlags::empty(), &kernel)?;
        let mut room = vec![0; 64 << 10];
        let mut last = false;
        while !last {
            let (len, _) = rustix::net::recv(&socket, room.as_mut_slice(), RecvFlags::empty())?;
            last = len == 0;
            messages(room.get(..len).unwrap_or_default(), |message| {
                last |= LAST.contains(&message.header.ty);
                if let Some((id, name)) = family(message) {
                    each(id, name);
                }
            });
        }
        Ok(())
    }
}

fn messages(bytes: &[u8], mut each: impl FnMut(&Message<'_>)) {
    for step in Messages::new(bytes) {
        if let Step::Element(message) = step {
            each(&message);
        }
    }
}

/// The interface that a link message names.
fn link<'a>(message: &Message<'a>) -> Option<(u32, &'a str)> {
    let Message { header: Nlmsghdr { ty: NEWLINK, .. }, payload, .. } = message else {
        return None;
    };
    let index = crate::wire::u32_at(payload, IFINFOMSG_INDEX).filter(|index| *index != 0)?;
    let name = attribute(payload.get(IFINFOMSG_LEN..)?, IFLA_IFNAME)?;
    Some((index, text(name)?))
}

/// The generic family that an answer of the controller names.
fn family<'a>(message: &Message<'a>) -> Option<(u16, &'a str)> {
    let Message { header: Nlmsghdr { ty: NLCTRL, .. }, payload, .. } = message else {
        return None;
    };
    let attrs =
        payload.get(GENLMSGHDR_LEN..).filter(|_| payload.first() == Some(&CTRL_NEWFAMILY))?;
    let id = crate::wire::u16_at(attribute(attrs, CTRL_FAMILY_ID)?, 0)?;
    Some((id, text(attribute(attrs, CTRL_FAMILY_NAME)?)?))
}

fn attribute(bytes: &[u8], number: u16) -> Option<&[u8]> {
    Attrs::new(bytes).find_map(|step| match step {
        Step::Element(attr) if attr.number() == number => Some(attr.payload),
        _ => None,
    })
}

fn text(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    std::str::from_utf8(bytes.get(..end)?).ok().filter(|text| !text.is_empty())
}
