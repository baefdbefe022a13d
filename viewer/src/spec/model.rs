//! The tables: a spec with all names, numbers and references resolved.
//!
//! One [`Tables`] holds all families of a netlink protocol, or one generic family. References are
//! indexes into its arenas, so that recursion in a spec costs nothing.

mod attrs;
mod enums;
mod keys;
mod operations;
mod structs;
mod words;

use std::collections::BTreeMap;

pub use attrs::{
    Attr, AttrSet, Checks, ElementHeader, Format, Kind, PairStyle, Renamed, Selector, Side, Union,
    When,
};
pub use enums::{Entry, Enum};
pub use keys::{Form, Keys};
pub use operations::{Body, Class, Condition, Family, Operation, Rest, Shape};
pub use structs::{
    BitField, Column, Count, Element, Index, Length, Meaning, Member, MemberKind, Scalar, Short,
    Struct, Table, ValueNames,
};
pub use words::{Hint, Order, TextKind};

/// Selectors ask for no more attributes of one set than this.
pub const MAX_SELECTORS: usize = 4;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub(super) u32);)*
    };
}

id! {
    /// An [`Enum`] in its tables.
    EnumId
    /// A [`Struct`] in its tables.
    StructId
    /// An [`AttrSet`] in its tables.
    SetId
    /// A [`Union`] in its tables.
    UnionId
    /// An attribute's name that some selector uses.
    SelectorId
    /// A [`Shape`] in its tables.
    ShapeId
    /// A set of [`Keys`] in its tables.
    KeysId
}

/// Everything that decodes one protocol or generic family.
#[derive(Debug, Default)]
pub struct Tables {
    pub(super) enums: Vec<Enum>,
    pub(super) structs: Vec<Struct>,
    pub(super) sets: Vec<AttrSet>,
    pub(super) unions: Vec<Union>,
    pub(super) shapes: Vec<Shape>,
    pub(super) keys: Vec<Keys>,
    pub(super) families: Vec<Family>,
    /// Operations by message type (generic families: by command).
    pub(super) operations: BTreeMap<u16, Vec<Operation>>,
    /// For message types without an operation, by the type's high part; `None` for all others.
    pub(super) defaults: BTreeMap<Option<u8>, Operation>,
    /// Names of the high part of message types, where they are split.
    pub(super) type_split: Option<EnumId>,
    /// How many bits the low part has.
    pub(super) type_shift: u8,
    /// Whether message types below 16 are not netlink's own.
    pub(super) no_control: bool,
    /// Whether the length of a message that was received may leave out its header.
    pub(super) short_lengths: bool,
    /// Whether the kernel passes over messages without NLM_F_REQUEST.
    pub(super) request_flag: bool,
    /// Whether any message holds key material.
    pub(super) guarded: bool,
    /// What to call an unknown message type.
    pub(super) unknown_message: Option<Box<str>>,
    /// What to call an unknown low part of a split type, by high part.
    pub(super) unknown_low: BTreeMap<u8, Box<str>>,
    /// Whether messages have an nlmsghdr.
    pub(super) unframed: bool,
    pub(super) groups: Vec<(Box<str>, Option<u32>)>,
    /// Resolved ones of `netlink.yaml`, which every protocol needs.
    pub(super) control: Control,
}

/// The parts of netlink itself that every protocol's messages use.
#[derive(Debug, Default, Clone, Copy)]
#[allow(missing_docs, reason = "named after the definitions in netlink.yaml")]
pub struct Control {
    pub message_types: Option<EnumId>,
    pub flags_common: Option<EnumId>,
    pub flags_get: Option<EnumId>,
    pub flags_new: Option<EnumId>,
    pub flags_del: Option<EnumId>,
    pub flags_ack: Option<EnumId>,
    pub errors: Option<EnumId>,
    pub error_attrs: Option<SetId>,
}

/// What a message's type says, once resolved.
#[derive(Debug, Clone, Copy)]
pub struct Resolved<'t> {
    /// The operation, if the type is known or its family has a default.
    pub operation: Option<&'t Operation>,
    /// Whether it is that default.
    pub is_default: bool,
}

impl Tables {
    /// All enums.
    #[must_use]
    pub fn enums(&self) -> &[Enum] {
        &self.enums
    }

    /// All structs.
    #[must_use]
    pub fn structs(&self) -> &[Struct] {
        &self.structs
    }

    /// All sets of attributes.
    #[must_use]
    pub fn sets(&self) -> &[AttrSet] {
        &self.sets
    }

    /// All operations.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values().flatten()
    }

    /// An enum.
    #[must_use]
    pub fn enumeration(&self, id: EnumId) -> Option<&Enum> {
        self.enums.get(id.0 as usize)
    }

    /// A struct.
    #[must_use]
    pub fn structure(&self, id: StructId) -> Option<&Struct> {
        self.structs.get(id.0 as usize)
    }

    /// A set of attributes.
    #[must_use]
    pub fn set(&self, id: SetId) -> Option<&AttrSet> {
        self.sets.get(id.0 as usize)
    }

    /// A union.
    #[must_use]
    pub fn union(&self, id: UnionId) -> Option<&Union> {
        self.unions.get(id.0 as usize)
    }

    /// A payload that is no attributes.
    #[must_use]
    pub fn shape(&self, id: ShapeId) -> Option<&Shape> {
        self.shapes.get(id.0 as usize)
    }

    /// Names in texts.
    #[must_use]
    pub fn keys(&self, id: KeysId) -> Option<&Keys> {
        self.keys.get(id.0 as usize)
    }

    /// The names of netlink's own parts.
    #[must_use]
    pub const fn control(&self) -> &Control {
        &self.control
    }

    /// The family that an operation comes from.
    #[must_use]
    pub fn family(&self, operation: &Operation) -> Option<&str> {
        self.families.get(operation.family).map(|f| &*f.name)
    }

    /// Names of the errors that only the family of an operation has.
    #[must_use]
    pub fn errors(&self, operation: &Operation) -> Option<&Enum> {
        self.families.get(operation.family).and_then(|f| self.enumeration(f.errors?))
    }

    /// Whether messages have an nlmsghdr at all.
    #[must_use]
    pub const fn framed(&self) -> bool {
        !self.unframed
    }

    /// Names of the high part of message types, if this protocol splits them.
    #[must_use]
    pub fn type_split(&self) -> Option<&Enum> {
        self.enumeration(self.type_split?)
    }

    /// A message type's high and low part, and how far the high one is shifted.
    #[must_use]
    pub fn split_type(&self, ty: u16) -> (u8, u16, u8) {
        let shift = if self.type_shift == 0 { 8 } else { self.type_shift.clamp(8, 15) };
        let high = u8::try_from(ty >> shift).unwrap_or(u8::MAX);
        (high, ty & (1_u16 << shift).wrapping_sub(1), shift)
    }

    /// Whether message types below 16 are netlink's own, as they are in most protocols.
    #[must_use]
    pub const fn has_control(&self) -> bool {
        !self.no_control
    }

    /// Whether the length of a message that was received may leave out its header.
    #[must_use]
    pub const fn has_short_lengths(&self) -> bool {
        self.short_lengths
    }

    /// Whether the kernel passes over messages without NLM_F_REQUEST, and over netlink's own.
    #[must_use]
    pub const fn takes_requests(&self) -> bool {
        self.request_flag
    }

    /// Whether any message holds key material.
    #[must_use]
    pub const fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// What to call an unknown message type.
    #[must_use]
    pub fn unknown_message(&self) -> Option<&str> {
        self.unknown_message.as_deref()
    }

    /// What to call an unknown low part of a split type.
    #[must_use]
    pub fn unknown_low(&self, high: u8) -> Option<&str> {
        self.unknown_low.get(&high).map(|l| &**l)
    }

    /// The multicast groups: C name and number.
    pub fn groups(&self) -> impl Iterator<Item = (&str, Option<u32>)> {
        self.groups.iter().map(|(name, number)| (&**name, *number))
    }

    /// The operation of a message type or command, where no more is known of the message.
    #[must_use]
    pub fn by_number(&self, number: u16, sent: bool) -> Resolved<'_> {
        self.resolve(number, sent, false, |_| false)
    }

    /// The operation of a message type or command, in the direction it has. An answer and a
    /// notification may have the same number; `unasked` says which of them it is, unless the answer has
    /// a condition.
    #[must_use]
    pub fn resolve(
        &self,
        number: u16,
        sent: bool,
        unasked: bool,
        holds: impl Fn(&Condition) -> bool,
    ) -> Resolved<'_> {
        let listed = self.operations.get(&number).and_then(|candidates| {
            let goes =
                |op: &&Operation| if sent { op.request.is_some() } else { op.reply.is_some() };
            let condition = |op: &Operation| op.reply_when.as_ref().filter(|_| !sent).map(&holds);
            candidates
                .iter()
                .find(|op| goes(op) && condition(op) == Some(true))
                .or_else(|| {
                    let fits = |op: &&Operation| goes(op) && condition(op).is_none();
                    let mut fitting = candidates.iter().filter(fits);
                    let alike = |op: &&Operation| op.unasked == unasked;
                    let of_kind = fitting.clone().find(alike);
                    of_kind
                        .or_else(|| candidates.iter().filter(goes).find(alike))
                        .or_else(|| fitting.next())
                })
                .or_else(|| candidates.first())
        });
        if listed.is_some() {
            return Resolved { operation: listed, is_default: false };
        }
        let (high, _, _) = self.split_type(number);
        let default = self.defaults.get(&Some(high)).or_else(|| self.defaults.get(&None));
        Resolved { operation: default, is_default: true }
    }
}
