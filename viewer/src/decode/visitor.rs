//! What the decoder tells an output: a message's structure and values, pushed in wire order.
//!
//! ```text
//! list_begin(Messages)
//!   message_begin                      the nlmsghdr; type and flags already named
//!     struct_begin value… struct_end   fixed headers
//!     list_begin(Attributes)
//!       attr_begin                     the nlattr header
//!         value | struct… | list…      its payload, none if it has none
//!       attr_end
//!     list_end
//!   message_end
//! list_end
//! ```
//!
//! Every begin has its end, nesting is bounded by [`super::MAX_DEPTH`], and nothing is built: all
//! arguments borrow from the datagram or from the spec tables.

use std::ops::Range;

use super::value::Value;
use super::{Direction, Enum, Explanation, Issue};
use crate::spec::model::AttrSet;
use crate::wire::attr;
pub use crate::wire::message::Nlmsghdr;

/// A message's header as it is announced.
#[derive(Debug, Clone, Copy)]
pub struct MessageHead<'a> {
    /// Offset of the header in the datagram, in bytes.
    pub at: usize,
    /// Which message of its list this is, from 0.
    pub part: usize,
    /// The header's fields.
    pub header: Nlmsghdr,
    /// `nlmsg_type` with its name.
    pub ty: Value<'a>,
    /// `nlmsg_flags` with their names.
    pub flags: Value<'a>,
    /// The spec that decodes the payload, e.g. `rt-link`.
    pub family: Option<&'a str>,
    /// Name of the operation within a generic family (`CTRL_CMD_GETFAMILY`); for other protocols
    /// the message type says it all.
    pub operation: Option<&'a str>,
    /// Which way the message went. The request echoed in an error is [`Direction::Send`].
    pub direction: Direction,
    /// The payload's bytes that are there (cut by `nlmsg_len` and by the datagram's end).
    pub payload: &'a [u8],
    /// True for the request echoed in an NLMSG_ERROR.
    pub echoed: bool,
    /// True for netlink's own messages: errors, acknowledgements, ends of dumps.
    pub control: bool,
}

/// An attribute's header as it is announced.
#[derive(Debug, Clone, Copy)]
pub struct AttrHead<'a> {
    /// Offset of the header in the datagram, in bytes.
    pub at: usize,
    /// `nla_len`, as the wire has it.
    pub len: u16,
    /// `nla_type`, with its two flag bits.
    pub raw_type: u16,
    /// The attribute's C name, if the spec knows it.
    pub name: Option<&'a str>,
    /// What to call an unknown type of this set (`IFLA_???`).
    pub label: Option<&'a str>,
    /// Names of the set's own flags in the type, and which are set.
    pub flags: Option<(&'a Enum, u64)>,
    /// True if types of this set are names at all; false in lists whose types are just indexes.
    pub named_set: bool,
    /// True if this is no `struct nlattr` but a type and a length of its set's own kind; the type then
    /// has no flag bits.
    pub own_header: bool,
    /// The payload's bytes that are there.
    pub payload: &'a [u8],
}

impl AttrHead<'_> {
    /// The type without the flag bits.
    #[must_use]
    pub const fn number(&self) -> u16 {
        if self.own_header { self.raw_type } else { self.raw_type & attr::TYPE_MASK }
    }

    /// Whether the type says that the payload is attributes (`NLA_F_NESTED`).
    #[must_use]
    pub const fn is_nested(&self) -> bool {
        !self.own_header && self.raw_type & attr::NESTED != 0
    }

    /// Whether the type says that the payload is in network order (`NLA_F_NET_BYTEORDER`).
    #[must_use]
    pub const fn is_net_byteorder(&self) -> bool {
        !self.own_header && self.raw_type & attr::NET_BYTEORDER != 0
    }
}

/// What a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// The messages of a datagram.
    Messages,
    /// Attributes.
    Attributes,
    /// The elements of an array.
    Array,
    /// Structs that carry their own length, each with attributes (`struct rtnexthop`).
    Records,
    /// A struct and the attributes that belong to it, where no attribute or message holds both: a
    /// record, an error and its extended ack. `many` says whether there are attributes.
    Group,
}

/// Where a value or struct stands.
#[derive(Debug, Clone, Copy)]
pub enum Slot<'a> {
    /// By itself: an attribute's payload, an array's element, a message's header.
    Plain,
    /// A struct's member, by its C name.
    Field(&'a str),
    /// An array's element with a meaning of its own: index, C name, label for the unknown.
    Index(u64, Option<&'a str>, Option<&'a str>),
}

/// A struct as it is announced.
#[derive(Debug, Clone, Copy)]
pub struct StructHead<'a> {
    /// The C name (`ifinfomsg`).
    pub name: &'a str,
    /// True if the bytes end before its fixed size does; only the members that are there follow.
    pub short: bool,
    /// True for a message's fixed header.
    pub fixed_header: bool,
    /// What kind of thing it is.
    pub style: StructStyle,
}

/// What is announced as a struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructStyle {
    /// A C struct; members that are zero say nothing.
    Members,
    /// A row of a table; it has no name.
    Row,
    /// Names and values in a text; it has no name. Text without a name is a plain value.
    Pairs,
    /// The same, one a line.
    Lines,
}

/// An output's view of decoding. Methods do nothing by default, so that a visitor names only what it
/// wants to see.
pub trait Visitor {
    /// Whether it wants what strace makes of values where that differs from what they mean.
    const STRACE: bool = false;

    /// Whether it wants to see messages' headers only.
    const HEADS_ONLY: bool = false;

    /// Whether it wants to be told where members of structs stand, and what sets lists are of.
    const PLACES: bool = false;

    /// Whether it wants explanations of answers.
    const EXPLAINS: bool = false;
    /// Whether it wants to be told too what the kernel finds wrong with requests, or takes no notice of,
    /// though it can be shown without a doubt.
    const CHECKS: bool = false;

    /// Whether key material is shown. If not, it is [`Opaque::Secret`](super::Opaque::Secret).
    fn shows_secrets(&self) -> bool {
        false
    }
    /// Key material stands at these offsets in the datagram. It is announced before it is shown.
    fn secret(&mut self, _at: Range<usize>) {}
    /// A message begins.
    fn message_begin(&mut self, _head: &MessageHead<'_>) {}
    /// It ends.
    fn message_end(&mut self) {}
    /// A list begins. `many` says whether more than its first element will follow, as far as the
    /// first one's length tells.
    fn list_begin(&mut self, _list: List, _many: bool) {}
    /// It ends.
    fn list_end(&mut self, _list: List, _many: bool) {}
    /// An attribute begins.
    fn attr_begin(&mut self, _head: &AttrHead<'_>) {}
    /// It ends.
    fn attr_end(&mut self) {}
    /// A struct begins.
    fn struct_begin(&mut self, _slot: Slot<'_>, _head: &StructHead<'_>) {}
    /// It ends.
    fn struct_end(&mut self) {}
    /// An array or a nested list stands in a struct's member: its elements follow as a list.
    fn field_begin(&mut self, _name: &str) {}
    /// The value that comes next is one that strace shows as a number first.
    fn number_first(&mut self) {}
    /// A value.
    fn value(&mut self, _slot: Slot<'_>, _value: &Value<'_>) {}
    /// The member that comes next stands at these offsets.
    fn member_at(&mut self, _name: &str, _at: Range<usize>) {}
    /// The attributes that come next, or that might, are of this set.
    fn set_of(&mut self, _set: &AttrSet) {}
    /// Whether a request of so many bytes may be walked through for an explanation.
    fn may_walk(&mut self, _len: usize) -> bool {
        true
    }
    /// Why the answer that has just begun is none that one hopes for.
    fn explanation(&mut self, _explanation: &Explanation<'_>) {}
    /// Something odd about what was just shown or is about to be shown.
    fn issue(&mut self, _issue: &Issue) {}
}

/// A visitor that only listens, for measuring the decoder alone.
#[derive(Debug, Default, Clone, Copy)]
pub struct Ignore;

impl Visitor for Ignore {}
