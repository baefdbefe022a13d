//! Decoding: the only place where bytes ([`crate::wire`]) and names ([`crate::spec`]) meet.
//!
//! Decoding is total. Whatever the bytes, a [`Visitor`] is shown all of them in some form, in time
//! linear in their number and at bounded depth; oddities are shown as [`Issue`]s where they occur.

mod asked;
mod attrs;
mod body;
mod checks;
mod context;
mod control;
mod explain;
mod forms;
mod heads;
mod issue;
mod message;
mod pairs;
mod payload;
mod policy;
mod ruled;
mod scalar;
mod secret;
mod structs;
mod table;
mod value;
mod visitor;

pub use explain::{Crumb, Culprit, Explanation, Limits, Listener, MAX_WALK_LEN, Missing};
pub use issue::{Issue, IssueKind};
pub use message::{GENERIC, Wanted, datagram, is_whole, wanted};
pub use policy::Policy;
pub use secret::secrets;
pub use value::{Hint, Opaque, Order, Part, TextKind, Value, parts};
pub use visitor::{
    AttrHead, Ignore, List, MessageHead, Nlmsghdr, Slot, StructHead, StructStyle, Visitor,
};
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
    /// The multicast group of a generic family with this number, as `FAMILY/GROUP`.
    fn generic_group(&self, number: u32) -> Option<&str>;
    /// How long that family's own header is, before its attributes.
    fn generic_header(&self, id: u16) -> usize;
    /// What the kernel says of that family's attributes.
    fn generic_policy(&self, id: u16) -> Option<&Policy>;
}

/// The multicast groups of a protocol.
#[derive(Clone, Copy)]
pub struct Groups<'e> {
    tables: Option<&'e Tables>,
    /// Those of generic families have numbers at run time, but for a few.
    generic: Option<(&'e Registry, &'e dyn Names)>,
}

impl<'e> Groups<'e> {
    /// The name of a group, by the number that NETLINK_ADD_MEMBERSHIP takes: C's, or in generic
    /// families `FAMILY/GROUP`.
    #[must_use]
    pub fn name(self, number: u32) -> Option<&'e str> {
        if let Some((registry, names)) = self.generic {
            return names.generic_group(number).or_else(|| registry.fixed_group(number));
        }
        self.tables?.groups().find(|(_, n)| *n == Some(number)).map(|(name, _)| name)
    }
}

impl<'e> Engine<'e> {
    /// The multicast groups of a socket's protocol.
    #[must_use]
    pub fn groups(&self, protocol: i32) -> Groups<'e> {
        let protocol = u32::try_from(protocol).ok();
        Groups {
            tables: protocol.and_then(|p| self.registry.protocol(p)),
            generic: (protocol == Some(crate::spec::GENERIC))
                .then_some((self.registry, self.names)),
        }
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

    fn generic_group(&self, _number: u32) -> Option<&str> {
        None
    }

    fn generic_header(&self, _id: u16) -> usize {
        0
    }

    fn generic_policy(&self, _id: u16) -> Option<&Policy> {
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
    /// How many messages have answered it so far, its end included. Those of the datagram that is
    /// shown are among them.
    pub answers: u64,
    /// Their bytes.
    pub answers_len: u64,
    /// Whether a dump's answers said that what they show has changed meanwhile (`NLM_F_DUMP_INTR`).
    pub is_interrupted: bool,
}

impl<'a> Asked<'a> {
    /// A request in the first record, at an unknown time, with one answer so far.
    #[must_use]
    pub const fn once(bytes: &'a [u8]) -> Self {
        Self {
            record: 1,
            part: 0,
            sent_ns: 0,
            is_dump: false,
            bytes,
            answers: 1,
            answers_len: 0,
            is_interrupted: false,
        }
    }
}

/// The requests that messages may answer.
pub trait Requests {
    /// The request that the message with this header answers.
    fn asked(&self, answer: &Nlmsghdr) -> Option<Asked<'_>>;

    /// The same of an error or acknowledgement, which echoes the header of its request.
    fn asked_by(&self, answer: &Nlmsghdr, _echo: &Nlmsghdr) -> Option<Asked<'_>> {
        self.asked(answer)
    }

    /// Whether the message with this header answers what nobody asked, as far as all that was asked is
    /// known.
    fn is_unasked(&self, _answer: &Nlmsghdr) -> bool {
        false
    }
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
