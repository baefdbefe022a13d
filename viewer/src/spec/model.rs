//! The tables: a spec with all names, numbers and references resolved.
//!
//! One [`Tables`] holds all families of a netlink protocol, or one generic family. References are
//! indexes into its arenas, so that recursion in a spec costs nothing.

mod attrs;
mod enums;
mod operations;
mod structs;
mod words;

use std::collections::BTreeMap;

pub use attrs::{Attr, AttrSet, Format, Kind, Renamed, Selector, Union, When};
pub use enums::{Entry, Enum};
pub use operations::{Body, Class, Condition, Family, Operation, Rest};
pub use structs::{
    BitField, Count, Element, Index, Length, Meaning, Member, MemberKind, Scalar, Short, Struct,
    ValueNames,
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
}

/// Everything that decodes one protocol or generic family.
#[derive(Debug, Default)]
pub struct Tables {
    pub(super) enums: Vec<Enum>,
    pub(super) structs: Vec<Struct>,
    pub(super) sets: Vec<AttrSet>,
    pub(super) unions: Vec<Union>,
    pub(super) families: Vec<Family>,
    /// Operations by message type (generic families: by command).
    pub(super) operations: BTreeMap<u16, Vec<Operation>>,
    /// For message types without an operation, by the family's high byte; `None` for all others.
    pub(super) defaults: BTreeMap<Option<u8>, Operation>,
    /// Names of the high byte of message types, where they are split.
    pub(super) type_split: Option<EnumId>,
    /// What to call an unknown message type.
    pub(super) unknown_message: Option<Box<str>>,
    /// What to call an unknown low byte of a split type, by high byte.
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

    /// Whether messages have an nlmsghdr at all.
    #[must_use]
    pub const fn framed(&self) -> bool {
        !self.unframed
    }

    /// Names of the high byte of message types, if this protocol splits them.
    #[must_use]
    pub fn type_split(&self) -> Option<&Enum> {
        self.enumeration(self.type_split?)
    }

    /// What to call an unknown message type.
    #[must_use]
    pub fn unknown_message(&self) -> Option<&str> {
        self.unknown_message.as_deref()
    }

    /// What to call an unknown low byte of a split type.
    #[must_use]
    pub fn unknown_low(&self, high: u8) -> Option<&str> {
        self.unknown_low.get(&high).map(|l| &**l)
    }

    /// The multicast groups: C name and number.
    pub fn groups(&self) -> impl Iterator<Item = (&str, Option<u32>)> {
        self.groups.iter().map(|(name, number)| (&**name, *number))
    }

    /// The operation of a message type or command, in the direction it has.
    #[must_use]
    pub fn resolve(&self, number: u16, sent: bool) -> Resolved<'_> {
        let listed = self.operations.get(&number).and_then(|candidates| {
            candidates
                .iter()
                .find(|op| if sent { op.request.is_some() } else { op.reply.is_some() })
                .or_else(|| candidates.first())
        });
        if listed.is_some() {
            return Resolved { operation: listed, is_default: false };
        }
        let high = number.to_be_bytes()[0];
        let default = self.defaults.get(&Some(high)).or_else(|| self.defaults.get(&None));
        Resolved { operation: default, is_default: true }
    }
}
