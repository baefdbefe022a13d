//! Attributes and the forms that their payloads have.

use super::{
    Element, EnumId, Index, KeysId, Order, Scalar, SelectorId, SetId, StructId, TextKind, UnionId,
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
    /// Attributes whose types are indexes, which may have names, and how they begin if they are none of
    /// netlink's.
    Indexed(Box<Self>, Option<Index>, Option<ElementHeader>),
    /// So many levels of attributes whose types are values, then a set.
    TypeValue(u8, SetId),
    /// Chosen by a selector.
    Union(UnionId),
    /// Structs with their own length (at an offset, of a width, in an order), aligned, and what follows each.
    Records {
        /// The struct.
        record: StructId,
        /// Offset, width and order of the length member.
        length: (usize, u8, Order),
        /// Whether that length counts only what follows the struct.
        of_body: bool,
        /// Alignment of the next one.
        align: usize,
        /// What follows each struct; without it the struct is all of the record.
        body: Option<Box<Self>>,
    },
    /// So many bytes of a form; zeros behind them are room for a longer one.
    Room(usize, Box<Self>),
    /// Text if it is some, else bytes.
    Readable,
    /// Text that consists of names and values.
    Pairs(PairStyle, Option<KeysId>),
    /// In a table: the length of a text that is cut from a member of this name.
    Cut(Box<str>),
    /// Value and selector of 32 bits each.
    Bitfield32(Option<EnumId>),
    /// Numbered bits in words of so many bytes.
    Bitmap(Option<EnumId>, u8),
    /// A command of the generic family that an attribute names, or of the message's own.
    Command(Scalar, Option<SelectorId>, Side),
    /// A form within which some names of struct members mean others around it.
    With(Box<Self>, Box<[Renamed]>),
    /// What it is, and what strace takes it for.
    Differs(Box<(Self, Self)>),
}

/// How names and values stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairStyle {
    /// `name=value`, with blanks between; values with blanks in quotes.
    Words,
    /// `NAME=VALUE`, each ended by a NUL.
    Lines,
}

/// Which of two messages with the same number is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The request.
    Request,
    /// The one that goes the way of the message in which the number stands.
    Message,
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
    /// On what: the first of these that a format has a condition for.
    pub selectors: Vec<Selector>,
    /// The forms and when they apply.
    pub formats: Vec<Format>,
    /// Whether any of them holds key material.
    pub guarded: bool,
}

/// One form of a [`Union`].
#[derive(Debug)]
pub struct Format {
    /// When it applies: any of these.
    pub when: Vec<When>,
    /// A struct that precedes.
    pub header: Option<StructId>,
    /// Key material.
    pub secret: bool,
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
    /// A member of the message's fixed header; structs within it by a path with dots.
    Header(Box<str>),
    /// A member of the struct around, by such a path.
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
    /// How its elements begin, if they are no attributes of netlink's.
    pub header: Option<ElementHeader>,
    /// The attributes.
    pub attrs: Vec<Attr>,
    /// Bits of the type that are flags of this set's own.
    pub type_flags: Option<(u16, EnumId)>,
    /// Whether it holds key material, at any depth.
    pub guarded: bool,
    /// Index of the attribute by number, plus one.
    pub(in crate::spec) by_number: Vec<u16>,
    /// Attributes that selectors ask for.
    pub(in crate::spec) selectors: Vec<(u16, SelectorId)>,
}

impl AttrSet {
    /// The attribute with this number, whatever the set's own flags in it.
    #[must_use]
    pub fn attr(&self, number: u16) -> Option<&Attr> {
        let number = self.type_flags.map_or(number, |(mask, _)| number & !mask);
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

/// Type and length of elements that are no attributes of netlink's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementHeader {
    /// Bytes of the type.
    pub type_len: u8,
    /// Bytes of the length.
    pub length_len: u8,
    /// Whether the length stands first.
    pub length_first: bool,
    /// Byte order of both.
    pub order: Order,
    /// Whether the length counts them too.
    pub counts_header: bool,
    /// What each element begins at a multiple of, in bytes.
    pub align: u8,
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
    /// Whether it may stand more than once in a list.
    pub multi: bool,
    /// Whether the kernel holds it, and what is in it, to all its rules, where that is not as around it.
    pub strict: Option<bool>,
    /// What its value has to be like.
    pub checks: Option<Box<Checks>>,
}

/// What the kernel checks a value by. Lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checks {
    /// The least number.
    pub min: Option<i128>,
    /// The greatest number.
    pub max: Option<i128>,
    /// The least length; of a text without the NUL that ends it.
    pub min_len: Option<usize>,
    /// The greatest length, likewise.
    pub max_len: Option<usize>,
    /// The only length.
    pub exact_len: Option<usize>,
    /// The only bits that may be set.
    pub mask: Option<u64>,
    /// Whether a NUL must end the text.
    pub terminated: bool,
}
