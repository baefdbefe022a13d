//! Decoding: the only place where bytes ([`crate::wire`]) and names ([`crate::spec`]) meet.
//!
//! Decoding is total. Whatever the bytes, a [`Visitor`] is shown all of them in some form, in time
//! linear in their number and at bounded depth; oddities are shown as [`Issue`]s where they occur.

mod asked;
mod attrs;
mod context;
mod control;
mod issue;
mod message;
mod scalar;
mod structs;
mod value;
mod visitor;

pub use issue::{Issue, IssueKind};
pub use message::{datagram, is_whole};
pub use value::{Hint, Opaque, Order, Part, TextKind, Value};
pub use visitor::{AttrHead, Ignore, List, MessageHead, Nlmsghdr, Slot, StructHead, Visitor};
// Part of what a visitor is shown.
pub use crate::spec::model::{Entry, Enum};

use crate::spec::Registry;
use crate::spec::model::Tables;

/// How deep attributes, structs and echoed messages may nest.
pub const MAX_DEPTH: usize = 32;

/// Which way bytes went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the program to the kernel (or to another program).
    Send,
    /// To the program.
    Receive,
}

/// Names that are not in the specs but learned at run time.
pub trait Names {
    /// The name of a network interface.
    fn interface(&self, index: u32) -> Option<&str>;
    /// The generic netlink family with this message type.
    fn generic_family(&self, id: u16) -> Option<&str>;
}

/// The multicast groups of a protocol.
#[derive(Clone, Copy)]
pub struct Groups<'e>(Option<&'e Tables>);

impl<'e> Groups<'e> {
    /// The C name of a group, by the number that NETLINK_ADD_MEMBERSHIP takes. Those of generic
    /// families have numbers at run time only.
    #[must_use]
    pub fn name(self, number: u32) -> Option<&'e str> {
        self.0?.groups().find(|(_, n)| *n == Some(number)).map(|(name, _)| name)
    }
}

impl<'e> Engine<'e> {
    /// The multicast groups of a socket's protocol.
    #[must_use]
    pub fn groups(&self, protocol: i32) -> Groups<'e> {
        let tables = u32::try_from(protocol).ok().and_then(|p| self.registry.protocol(p));
        Groups(tables)
    }
}

/// No names known.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoNames;

impl Names for NoNames {
    fn interface(&self, _index: u32) -> Option<&str> {
        None
    }

    fn generic_family(&self, _id: u16) -> Option<&str> {
        None
    }
}

/// A message that others answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The number of the record that it came in.
    pub record: u64,
    /// Which message of that record it is, from 0.
    pub part: usize,
    /// `CLOCK_MONOTONIC` before it was sent, in nanoseconds; 0 where it is not known.
    pub sent_ns: u64,
    /// Whether it asks for many answers.
    pub is_dump: bool,
    /// Header and payload; of a very long one only the front.
    pub bytes: &'a [u8],
}

/// The requests that messages may answer.
pub trait Requests {
    /// The request that the message with this header answers.
    fn asked(&self, answer: &Nlmsghdr) -> Option<Asked<'_>>;
}

/// No requests known.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoRequests;

impl Requests for NoRequests {
    fn asked(&self, _answer: &Nlmsghdr) -> Option<Asked<'_>> {
        None
    }
}

/// What the decoder works with.
#[derive(Clone, Copy)]
pub struct Engine<'e> {
    /// The specs.
    pub registry: &'e Registry,
    /// Names learned at run time.
    pub names: &'e dyn Names,
    /// What was asked before.
    pub requests: &'e dyn Requests,
}
