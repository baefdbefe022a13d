//! What only the running system knows: names of interfaces, of generic families and their multicast
//! groups, and what the kernel says of such a family's attributes.
//!
//! It is learned from the stream (a link message names its interface, the controller's answers
//! name families and groups, whoever asked), else asked of the kernel that the viewer runs on, where
//! that is the one that the process runs on too. What was asked goes into a capture, so that a
//! replay elsewhere shows the same text.

mod kernel;

use std::cell::RefCell;
use std::collections::HashMap;

use elsa::{FrozenMap, FrozenVec};
use nlproto::{Call, Name, NameKind};

use self::kernel::Kernel;
use super::process::Process;
use crate::decode::{Names, Policy};
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
/// `GENL_ID_CTRL`, and those of its commands that tell of families.
const NLCTRL: u16 = 16;
const CTRL_NEWFAMILY: u8 = 1;
const CTRL_NEWMCAST_GRP: u8 = 7;
const CTRL_GETPOLICY: u8 = 10;
const GENLMSGHDR_LEN: usize = 4;
const CTRL_FAMILY_ID: u16 = 1;
const CTRL_FAMILY_NAME: u16 = 2;
const CTRL_HDRSIZE: u16 = 4;
const CTRL_MCAST_GROUPS: u16 = 7;
const CTRL_MCAST_GRP_NAME: u16 = 1;
const CTRL_MCAST_GRP_ID: u16 = 2;

/// So many names are kept before all are forgotten, so that interfaces that come and go do not fill
/// the memory.
const MOST: usize = 1 << 15;

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

/// What the kernel says of the attributes of generic families, by message type. An empty one says
/// that it has been asked in vain.
#[derive(Default)]
struct Policies {
    by_family: FrozenMap<u16, Box<Policy>>,
    /// How much they are together.
    len: usize,
}

impl Policies {
    fn learn(&mut self, family: u16, message: &Message<'_>) {
        if message.payload.first() != Some(&CTRL_GETPOLICY) {
            return;
        }
        if self.len > MOST {
            *self = Self::default();
        }
        let policy = self.by_family.as_mut().entry(family).or_default();
        let before = policy.len();
        policy.learn(message);
        self.len = self.len.saturating_add(policy.len()).saturating_sub(before);
    }
}

/// All names.
#[derive(Default)]
pub struct NameTable {
    interfaces: Known,
    families: Known,
    groups: Known,
    /// Lengths of the headers that generic families have of their own, by message type.
    headers: RefCell<HashMap<u16, usize>>,
    policies: Policies,
    kernel: Option<Kernel>,
    /// What was not in the stream, not yet taken into the capture.
    asked: RefCell<Vec<(NameKind, Key, Vec<u8>)>>,
}

impl NameTable {
    /// A table that asks the running kernel for what it does not know.
    #[must_use]
    pub fn live() -> Self {
        Self { kernel: Some(Kernel::new()), ..Self::default() }
    }

    /// Learns from the messages that a call moved.
    pub fn observe(&mut self, process: &Process, call: &Call<'_>) {
        let place = place(process, call.head.fd);
        self.learn(place, call.head.protocol, call.payload);
    }

    /// Learns from a datagram of a text. Which systems' interfaces they are is only known to who wrote
    /// it, and names them there.
    pub fn observe_datagram(&mut self, protocol: u32, bytes: &[u8]) {
        if i32::try_from(protocol) == Ok(NETLINK_GENERIC) {
            self.learn(0, NETLINK_GENERIC, bytes);
        }
    }

    fn learn(&mut self, place: u64, protocol: i32, bytes: &[u8]) {
        for known in [&mut self.interfaces, &mut self.families, &mut self.groups] {
            if known.texts.len() > MOST {
                *known = Known::default();
            }
        }
        match protocol {
            NETLINK_ROUTE => messages(bytes, |message| {
                if let Some((index, name)) = link(message) {
                    self.interfaces.learn((place, index), Some(name));
                }
            }),
            NETLINK_GENERIC => messages(bytes, |message| {
                if let Some((id, name)) = family(message) {
                    self.families.learn((0, u32::from(id)), Some(name));
                    groups(message, name, |number, name| {
                        self.groups.learn((0, number), Some(name));
                    });
                }
                self.controller(message);
            }),
            _ => {}
        }
    }

    /// Takes a name from a capture.
    pub fn add(&mut self, name: &Name<'_>) {
        let text = std::str::from_utf8(name.name).ok().filter(|text| !text.is_empty());
        let key = (name.netns, name.id);
        if name.kind == NameKind::Interface as u32 {
            self.interfaces.learn(key, text);
        } else if name.kind == NameKind::GenericFamily as u32 {
            self.families.learn(key, text.filter(|text| is_plain(text)));
        } else if name.kind == NameKind::GenericGroup as u32 {
            self.groups.learn(key, text.filter(|text| is_plain(text)));
        } else if name.kind == NameKind::GenericPolicy as u32 {
            messages(name.name, |message| self.controller(message));
        }
    }

    /// Takes in what the controller says of a family beside its name.
    fn controller(&mut self, message: &Message<'_>) {
        if let Some(id) = family_id(message) {
            self.policies.learn(id, message);
            self.header(message);
        }
    }

    /// Takes in the length of a family's own header. Returns whether it has one.
    fn header(&self, message: &Message<'_>) -> bool {
        let Some((id, len)) = header(message) else { return false };
        self.headers.borrow_mut().insert(id, len);
        len != 0
    }

    /// Takes the name of a generic family from a person, for the capture too.
    pub fn give(&mut self, id: u16, name: &str) {
        self.ask(&self.families, NameKind::GenericFamily, (0, u32::from(id)), Some(name));
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

    /// What was not in the stream but is known since the last call, for the capture.
    pub fn take_asked(&self, mut each: impl FnMut(&Name<'_>)) {
        for (kind, (netns, id), name) in self.asked.borrow_mut().drain(..) {
            each(&Name { kind: kind as u32, id, netns, name: &name });
        }
    }

    fn ask(&self, known: &Known, kind: NameKind, key: Key, name: Option<&str>) {
        known.learn(key, name);
        self.keep(kind, key, name.unwrap_or_default().as_bytes());
    }

    /// For the capture.
    fn keep(&self, kind: NameKind, key: Key, bytes: &[u8]) {
        self.asked.borrow_mut().push((kind, key, bytes.to_vec()));
    }

    /// Asks the kernel for all generic families and their groups. What the stream has said holds.
    fn ask_families(&self, kernel: &Kernel) {
        kernel.families(&mut |message, bytes| {
            let Some((id, name)) = family(message) else { return };
            let key = (0, u32::from(id));
            if self.families.look_up(key).is_none() {
                self.ask(&self.families, NameKind::GenericFamily, key, Some(name));
                if self.header(message) {
                    self.keep(NameKind::GenericPolicy, key, bytes);
                }
            }
            groups(message, name, |number, name| {
                let key = (0, number);
                if self.groups.look_up(key).is_none() {
                    self.ask(&self.groups, NameKind::GenericGroup, key, Some(name));
                }
            });
        });
    }

    /// Asks the kernel what it says of a family's attributes.
    fn ask_policy(&self, kernel: &Kernel, id: u16) -> &Policy {
        let mut policy = Box::<Policy>::default();
        kernel.policy(id, &mut |message, bytes| {
            if policy.learn(message) {
                self.keep(NameKind::GenericPolicy, (0, u32::from(id)), bytes);
            }
        });
        self.policies.by_family.insert(id, policy)
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
        let name = kernel.interface(index);
        self.table.ask(&self.table.interfaces, NameKind::Interface, key, name.as_deref());
        self.table.interfaces.look_up(key).flatten()
    }

    fn generic_family(&self, id: u16) -> Option<&str> {
        let families = &self.table.families;
        let key = (0, u32::from(id));
        if let Some(found) = families.look_up(key) {
            return found;
        }
        self.table.ask_families(self.table.kernel.as_ref()?);
        if families.look_up(key).is_none() {
            self.table.ask(families, NameKind::GenericFamily, key, None);
        }
        families.look_up(key).flatten()
    }

    fn generic_group(&self, number: u32) -> Option<&str> {
        let groups = &self.table.groups;
        if let Some(found) = groups.look_up((0, number)) {
            return found;
        }
        self.table.ask_families(self.table.kernel.as_ref()?);
        if groups.look_up((0, number)).is_none() {
            self.table.ask(groups, NameKind::GenericGroup, (0, number), None);
        }
        groups.look_up((0, number)).flatten()
    }

    fn generic_header(&self, id: u16) -> usize {
        self.table.headers.borrow().get(&id).copied().unwrap_or(0)
    }

    fn generic_policy(&self, id: u16) -> Option<&Policy> {
        match self.table.policies.by_family.get(&id) {
            Some(policy) => Some(policy),
            None => Some(self.table.ask_policy(self.table.kernel.as_ref()?, id)),
        }
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

/// What the controller says of a family: command and attributes.
fn told<'a>(message: &Message<'a>) -> Option<(u8, &'a [u8])> {
    let Message { header: Nlmsghdr { ty: NLCTRL, .. }, payload, .. } = message else {
        return None;
    };
    Some((*payload.first()?, payload.get(GENLMSGHDR_LEN..)?))
}

fn family_id(message: &Message<'_>) -> Option<u16> {
    crate::wire::u16_at(attribute(told(message)?.1, CTRL_FAMILY_ID)?, 0)
}

/// The generic family that the controller names.
fn family<'a>(message: &Message<'a>) -> Option<(u16, &'a str)> {
    let (command, attrs) = told(message)?;
    if ![CTRL_NEWFAMILY, CTRL_NEWMCAST_GRP].contains(&command) {
        return None;
    }
    let name = text(attribute(attrs, CTRL_FAMILY_NAME)?).filter(|name| is_plain(name))?;
    Some((family_id(message)?, name))
}

/// Whether the name of a family or group can stand anywhere, in comments too. The kernel's all can.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_graphic() || b == b' ') && !name.contains("*/")
}

/// A family and the length of its own header, where the controller says that.
fn header(message: &Message<'_>) -> Option<(u16, usize)> {
    let (_, attrs) = told(message).filter(|(command, _)| *command == CTRL_NEWFAMILY)?;
    let len = crate::wire::u32_at(attribute(attrs, CTRL_HDRSIZE)?, 0)?;
    Some((family_id(message)?, usize::try_from(len).ok()?))
}

/// Calls `each` with the number and the name of every multicast group that the controller names.
fn groups(message: &Message<'_>, family: &str, mut each: impl FnMut(u32, &str)) {
    let groups = told(message).and_then(|(_, attrs)| attribute(attrs, CTRL_MCAST_GROUPS));
    for step in Attrs::new(groups.unwrap_or_default()) {
        let Step::Element(group) = step else { continue };
        let number = attribute(group.payload, CTRL_MCAST_GRP_ID).unwrap_or_default();
        let name = attribute(group.payload, CTRL_MCAST_GRP_NAME).unwrap_or_default();
        if let (Some(number), Some(name)) = (crate::wire::u32_at(number, 0), text(name)) {
            let name = format!("{family}/{name}");
            if is_plain(&name) {
                each(number, &name);
            }
        }
    }
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
