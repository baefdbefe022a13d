//! Attributes and the forms that their payloads have.

use super::{Element, EnumId, Index, Scalar, SelectorId, SetId, StructId, TextKind, UnionId};

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
    /// Attributes whose types are indexes.
    Indexed(Box<Self>),
    /// So many levels of attributes whose types are values, then a set.
    TypeValue(u8, SetId),
    /// Chosen by a selector.
    Union(UnionId),
    /// Structs with their own length (at an offset, of a width), aligned, each before a body.
    Records {
        /// The struct.
        record: StructId,
        /// Offset and width of the length member.
        length: (usize, u8),
        /// Alignment of the next one.
        align: usize,
        /// The form of what follows each struct.
        body: Box<Self>,
    },
    /// Value and selector of 32 bits each.
    Bitfield32(Option<EnumId>),
    /// A form within which some names of struct members mean others around it.
    With(Box<Self>, Box<[Renamed]>),
    /// What it is, and what strace takes it for.
    Differs(Box<(Self, Self)>),
}

/// A name that means another in the struct around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// What is asked for.
    pub inner: Box<str>,
    /// What is meant.
    pub outer: Box<str>,
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
    /// An attribute of that request.
    RequestAttr(Box<str>),
    /// The payload's length.
    Length,
    /// The payload itself, as a number in host order.
    Value,
    /// The direction: 0 send, 1 receive.
    Direction,
    /// The message's type.
    Message,
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
