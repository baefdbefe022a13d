//! The tables: a spec with all names, numbers and references resolved.
//!
//! One [`Tables`] holds all families of a netlink protocol, or one generic family. References are
//! indexes into its arenas, so that recursion in a spec costs nothing.

use std::collections::HashMap;

/// Byte order of a scalar on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The order of the machine that the message was recorded on.
    #[default]
    Host,
    /// Network order.
    Big,
}

/// How a number wants to be read by a person. A hint, never a change of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "each variant is the unit or base of that name")]
pub enum Hint {
    #[default]
    None,
    Hex,
    /// Hexadecimal with all digits of the field's width.
    HexPadded,
    /// Hundredths of a second (`clock_t` of user space).
    ClockT,
    Jiffies,
    Seconds,
    Msecs,
    Usecs,
    Nsecs,
    Bytes,
    Uid,
    Gid,
    Pid,
    Fd,
    Port,
    PrefixLen,
    /// Queueing discipline handle, `major:minor`.
    TcHandle,
    Percent,
    Bool,
    /// A device number, `major:minor` in the kernel's 32-bit form.
    Dev,
}

/// What kind of character data bytes are; decides where a text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// One NUL at the end belongs to it and is not shown; others are content.
    Attribute,
    /// Ends at the first NUL.
    CString,
    /// A character array in a struct: ends at the first NUL, and its last byte is never content.
    Field,
    /// All bytes are content.
    Raw,
}

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
    pub(super) operations: HashMap<u16, Vec<Operation>>,
    /// For message types without an operation, by the family's high byte; `None` for all others.
    pub(super) defaults: HashMap<Option<u8>, Operation>,
    /// Names of the high byte of message types, where they are split.
    pub(super) type_split: Option<EnumId>,
    /// What to call an unknown message type.
    pub(super) unknown_message: Option<Box<str>>,
    /// What to call an unknown low byte of a split type, by high byte.
    pub(super) unknown_low: HashMap<u8, Box<str>>,
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

/// One spec file's contribution.
#[derive(Debug)]
pub struct Family {
    /// Its name.
    pub name: Box<str>,
}

/// What the flag bits 0x100 to 0x800 of a message's header mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the operations")]
pub enum Class {
    New,
    Del,
    Get,
    None,
    /// By the low two bits of the message type, as rtnetlink numbers its messages: new, del, get.
    ByType,
}

/// A message type or command.
#[derive(Debug)]
pub struct Operation {
    /// Its C name; empty for a family's default.
    pub c_name: Box<str>,
    /// Index into the tables' families.
    pub(super) family: usize,
    /// Meaning of its flags.
    pub class: Class,
    /// Which message it is on the way to the kernel.
    pub request: Option<Body>,
    /// … and from it.
    pub reply: Option<Body>,
    /// Forms that some messages take instead.
    pub variants: Vec<(Condition, Body)>,
}

/// What follows the header.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// The fixed header.
    pub header: Option<StructId>,
    /// The attributes after it.
    pub set: Option<SetId>,
    /// What is there instead of attributes.
    pub rest: Rest,
}

/// What follows a fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Attributes, of [`Body::set`] if it is known.
    Attrs,
    /// Bytes of no known form.
    Raw,
    /// Text.
    Text,
}

/// When a variant applies. All that is given must hold.
#[derive(Debug, Default)]
pub struct Condition {
    /// A byte of the payload and the values it may have.
    pub byte: Option<(usize, Vec<u8>)>,
    /// The payload's beginning.
    pub prefix: Option<Box<[u8]>>,
    /// Least length of the payload.
    pub min_len: Option<usize>,
    /// Greatest length of the payload.
    pub max_len: Option<usize>,
    /// Whether NLM_F_REQUEST is set.
    pub request: Option<bool>,
}

/// Named numbers, or named bits.
#[derive(Debug, Default)]
pub struct Enum {
    /// The definition's name.
    pub name: Box<str>,
    /// What to call a number without a name.
    pub label: Option<Box<str>>,
    /// The names, in the order written.
    pub entries: Vec<Entry>,
    /// Whether the definition is `flags`, whose users need not say `enum-as-flags`.
    pub is_flags: bool,
    /// Whether it names some numbers only, and the others are plain.
    pub partial: bool,
    /// Index of the entry for small numbers, plus one.
    pub(super) dense: Vec<u16>,
    /// Entries of the other numbers.
    pub(super) sparse: HashMap<u64, u16>,
}

/// A named number.
#[derive(Debug)]
pub struct Entry {
    /// Name in the spec.
    pub name: Box<str>,
    /// C name.
    pub c_name: Box<str>,
    /// The number.
    pub value: u64,
    /// The bits it stands for among flags.
    pub mask: u64,
}

impl Enum {
    /// The C name of a number.
    #[must_use]
    pub fn name_of(&self, v: u64) -> Option<&str> {
        let at = match usize::try_from(v).ok().and_then(|v| self.dense.get(v)) {
            Some(at) => usize::from(*at).checked_sub(1)?,
            None => usize::from(*self.sparse.get(&v)?),
        };
        self.entries.get(at).map(|entry| &*entry.c_name)
    }

    /// Calls `f` with the C name of every flag in `v`, and returns the bits without one. An entry of
    /// no bits counts only if nothing else is set.
    pub fn flags(&self, v: u64, f: &mut dyn FnMut(&str)) -> u64 {
        let mut left = v;
        for entry in &self.entries {
            if (entry.mask != 0 && left & entry.mask == entry.mask) || (v == 0 && entry.mask == 0) {
                f(&entry.c_name);
                left &= !entry.mask;
                if v == 0 {
                    break;
                }
            }
        }
        left
    }

    /// The number with this name in the spec or in C.
    #[must_use]
    pub fn number_of(&self, name: &str) -> Option<u64> {
        self.entries
            .iter()
            .find(|e| &*e.name == name || &*e.c_name == name)
            .map(|e| if self.is_flags { e.mask } else { e.value })
    }
}

/// A C struct.
#[derive(Debug, Default)]
pub struct Struct {
    /// C name.
    pub c_name: Box<str>,
    /// Members in order.
    pub members: Vec<Member>,
    /// Size in bytes of the part that is always there, with padding at its end.
    pub size: usize,
    /// Fewest bytes that are this struct, as an older kernel has it.
    pub min_size: usize,
    /// Greatest alignment of a member, for structs within structs.
    pub align: usize,
    /// Show bytes after it.
    pub show_tail: bool,
}

impl Struct {
    /// The member with this name in the spec.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|m| &*m.name == name)
    }
}

/// A struct's member.
#[derive(Debug)]
pub struct Member {
    /// Name in the spec.
    pub name: Box<str>,
    /// C name.
    pub c_name: Box<str>,
    /// Offset in bytes; None after a member of variable length.
    pub offset: Option<usize>,
    /// What it is.
    pub kind: MemberKind,
    /// Shown only if a byte of it is not zero.
    pub nonzero: bool,
}

/// What a struct's member is.
#[derive(Debug)]
pub enum MemberKind {
    /// Not shown.
    Pad(usize),
    /// A number.
    Scalar(Scalar),
    /// Any other form, over a number of bytes.
    Shape(Length, Kind),
    /// Elements of a size each.
    Array(Count, usize, Element, Option<Index>),
    /// Bit fields of a number, from the lowest bit up.
    Bits(Scalar, Vec<BitField>),
}

/// A bit field.
#[derive(Debug)]
pub struct BitField {
    /// C name.
    pub c_name: Box<str>,
    /// Width in bits.
    pub width: u8,
    /// Names of its values.
    pub names: Option<EnumId>,
    /// How it wants to be read.
    pub hint: Hint,
}

/// How long a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Fixed(usize),
    /// As many as the member with this index says.
    Member(usize),
    /// All that is left.
    Rest,
}

/// How many elements an array has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Fixed(usize),
    /// As many as the member with this index says.
    Member(usize),
    /// As many as fit.
    Rest,
}

/// An array's element.
#[derive(Debug, Clone)]
pub enum Element {
    /// A number.
    Scalar(Scalar),
    /// A struct.
    Struct(StructId),
    /// Bytes of a fixed size in another form.
    Kind(Box<Kind>),
}

/// Names for an array's indexes.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    /// The names.
    pub names: EnumId,
    /// The names that strace has for them, where they differ.
    pub strace: Option<EnumId>,
    /// Element `i` is number `i + offset`.
    pub offset: i64,
}

/// A number on the wire.
#[derive(Debug, Clone)]
pub struct Scalar {
    /// Width in bytes; 0 for one of 4 or 8 bytes by the payload's length.
    pub size: u8,
    /// Whether it has a sign.
    pub signed: bool,
    /// Its byte order.
    pub order: Order,
    /// Names of its values or bits.
    pub names: ValueNames,
    /// What to call the unknown, instead of the enum's own word.
    pub label: Option<Box<str>>,
    /// How it wants to be read.
    pub hint: Hint,
    /// What it is beside a number.
    pub meaning: Meaning,
    /// Takes a payload of 1 to 8 bytes, whatever its own width.
    pub any_width: bool,
    /// Takes the front of a payload of any length.
    pub any_len: bool,
    /// What strace shows instead, where it knows less or something else.
    pub strace: Option<Box<Self>>,
}

/// Names of a number's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueNames {
    /// None.
    None,
    /// Of values.
    Enum(EnumId),
    /// Of bits.
    Flags(EnumId),
}

/// What a number is beside a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the thing of that name")]
pub enum Meaning {
    Number,
    Interface,
    Errno,
    Ipv4,
}

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
    /// Structs with their own length (at an offset, of a width), aligned, then attributes.
    Records {
        /// The struct.
        record: StructId,
        /// Offset and width of the length member.
        length: (usize, u8),
        /// Alignment of the next one.
        align: usize,
        /// The attributes after each struct.
        set: SetId,
    },
    /// Value and selector of 32 bits each.
    Bitfield32(Option<EnumId>),
    /// What it is, and what strace takes it for.
    Differs(Box<(Self, Self)>),
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
    pub(super) by_number: Vec<u16>,
    /// Attributes that selectors ask for.
    pub(super) selectors: Vec<(u16, SelectorId)>,
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
