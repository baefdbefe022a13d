//! Attributes and the forms that their payloads have.

use super::{
    Element, EnumId, Index, Order, Scalar, SelectorId, SetId, StructId, TextKind, UnionId,
};

/// The form of an attribute's payload.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Nothing is known.
    Unknown,
    /// Nothing is there, presence says all.
    Flag,
    /// A number.
    Scalar(Scalar),
    /// Text.
    Text(TextKind),
    /// Bytes by nature.
    Bytes,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// Either, by length.
    Ip,
    /// A link-layer address.
    Mac,
    /// A link-layer address, in a message whose header has an address family.
    HwAddress,
    /// A UUID.
    Uuid,
    /// A struct, then attributes if there is a set.
    Struct(StructId, Option<SetId>),
    /// An array.
    Array(Element, usize, Option<Index>),
    /// Attributes.
    Nest(SetId),
    /// Attributes whose types are indexes, which may have names.
    Indexed(Box<Self>, Option<Index>),
    /// So many levels of attributes whose types are values, then a set.
    TypeValue(u8, SetId),
    /// Chosen by a selector.
    Union(UnionId),
    /// Structs with their own length (at an offset, of a width, in an order), aligned, then attributes.
    Records {
        /// The struct.
        record: StructId,
        /// Offset, width and order of the length member.
        length: (usize, u8, Order),
        /// Alignment of the next one.
        align: usize,
        /// The attributes after each struct; without them the struct is all of the record.
        set: Option<SetId>,
    },
    /// Value and selector of 32 bits each.
    Bitfield32(Option<EnumId>),
    /// Numbered bits in words of so many bytes.
    Bitmap(Option<EnumId>, usize),
    /// Records of an u8 type and an u8 length, by the numbers of a set.
    Tlvs(SetId),
    /// A command of the generic family that an attribute names, or of the message's own.
    Command(Scalar, Option<SelectorId>, Side),
    /// So many bytes at the front; zeros after them are the room that longer forms need.
    Front(usize, Box<Self>),
    /// What it is, and what strace takes it for.
    Differs(Box<(Self, Self)>),
}

impl Kind {
    /// Whether it is shown as a list of elements.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Array(..)
                | Self::Nest(_)
                | Self::Indexed(..)
                | Self::Records { .. }
                | Self::Bitmap(..)
                | Self::Tlvs(_)
        )
    }
}

/// Which of two messages with the same number is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The request.
    Request,
    /// The one that goes the way of the message in which the number stands.
    Message,
}

/// A payload whose form depends on something else.
#[derive(Debug)]
pub struct Union {
    /// On what.
    pub selector: Selector,
    /// The forms and when they apply.
    pub formats: Vec<Format>,
}

/// One form of a [`Union`].
#[derive(Debug)]
pub struct Format {
    /// When it applies: any of these.
    pub when: Vec<When>,
    /// A struct that precedes.
    pub header: Option<StructId>,
    /// The form.
    pub kind: Kind,
}

/// A format's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// The selector is this text.
    Text(Box<str>),
    /// The selector is this number.
    Number(i64),
    /// The selector lies in between.
    Range(i64, i64),
    /// Always.
    Always,
}

/// What a union's form depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// An attribute that stands before.
    Attr(SelectorId),
    /// A member of the message's fixed header.
    Header(Box<str>),
    /// A member of the struct around.
    Struct(Box<str>),
    /// A member of the fixed header of the request that this answers.
    Request(Box<str>),
    /// The payload's length.
    Length,
    /// The direction: 0 send, 1 receive.
    Direction,
    /// The message's type.
    Message,
    /// The command of a generic family's message.
    Command,
}

/// A set of attributes.
#[derive(Debug, Default)]
pub struct AttrSet {
    /// The set's name.
    pub name: Box<str>,
    /// What to call an unknown type.
    pub label: Option<Box<str>>,
    /// The attributes.
    pub attrs: Vec<Attr>,
    /// Index of the attribute by number, plus one.
    pub(in crate::spec) by_number: Vec<u16>,
    /// Attributes that selectors ask for.
    pub(in crate::spec) selectors: Vec<(u16, SelectorId)>,
}

impl AttrSet {
    /// The attribute with this number.
    #[must_use]
    pub fn attr(&self, number: u16) -> Option<&Attr> {
        let at = usize::from(*self.by_number.get(usize::from(number))?).checked_sub(1)?;
        self.attrs.get(at)
    }

    /// Whether the set defines the attribute that a selector asks for, and its number.
    #[must_use]
    pub fn selector(&self, id: SelectorId) -> Option<u16> {
        self.selectors.iter().find(|(_, s)| *s == id).map(|(n, _)| *n)
    }

    /// Whether selectors ask for any of the set's attributes.
    #[must_use]
    pub fn has_selectors(&self) -> bool {
        !self.selectors.is_empty()
    }

    /// Whether a selector asks for the attribute with this number.
    #[must_use]
    pub fn is_selector(&self, number: u16) -> bool {
        self.selectors.iter().any(|(n, _)| *n == number)
    }
}

/// An attribute.
#[derive(Debug)]
pub struct Attr {
    /// Name in the spec.
    pub name: Box<str>,
    /// C name.
    pub c_name: Box<str>,
    /// Number.
    pub number: u16,
    /// Form of the payload.
    pub kind: Kind,
    /// Key material.
    pub secret: bool,
}
