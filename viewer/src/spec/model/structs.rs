//! Structs and the numbers in them.

use super::{EnumId, Hint, Kind, Order, StructId};

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
    /// Zeros after it are its padding.
    pub padded: bool,
    /// Whether it holds key material, at any depth.
    pub guarded: bool,
    /// Indexes of the members in the order that strace shows them, where that differs.
    pub strace_order: Box<[usize]>,
    /// What strace shows one as that is cut short, where that differs.
    pub strace_short: Option<Short>,
}

/// What strace shows a struct as that is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Short {
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Another struct.
    Struct(StructId),
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
    /// Which member says how many of its elements or bytes mean something.
    pub used: Option<usize>,
    /// Key material.
    pub secret: bool,
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
    /// Arrays that stand one behind the other, shown row by row.
    Table(Table),
}

/// Arrays of the same length whose elements belong together.
#[derive(Debug)]
pub struct Table {
    /// How many rows are used: the index of the member that says so.
    pub rows: usize,
    /// How many there is room for.
    pub room: usize,
    /// Length of all arrays together, in bytes.
    pub len: usize,
    /// The arrays, in the order in which a row shows them.
    pub columns: Vec<Column>,
}

/// One of a table's arrays.
#[derive(Debug)]
pub struct Column {
    /// Name in the spec.
    pub name: Box<str>,
    /// C name.
    pub c_name: Box<str>,
    /// Where the array begins in the table, in bytes.
    pub at: usize,
    /// Size of an element.
    pub size: usize,
    /// Its form.
    pub cell: Kind,
    /// Where a row shows it.
    pub(in crate::spec) place: u32,
}

/// A bit field.
#[derive(Debug)]
pub struct BitField {
    /// C name.
    pub c_name: Box<str>,
    /// Width in bits.
    pub width: u8,
    /// Order of its bytes, if it has several whole ones.
    pub order: Order,
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
    /// As many as hold the bits that the member with this index counts.
    MemberBits(usize),
    /// Four for each that the member with this index counts.
    MemberWords(usize),
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
    /// Bits of each part, if it is a sequence of named numbers, the first in the highest bits.
    pub part_bits: Option<u8>,
    /// How it wants to be read.
    pub hint: Hint,
    /// What it is beside a number.
    pub meaning: Meaning,
    /// Takes a payload of 1 to 8 bytes, whatever its own width.
    pub any_width: bool,
    /// Takes the front of a payload of any length.
    pub any_len: bool,
    /// Shown as a number, with the name in a comment; for strace's forms.
    pub number_first: bool,
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
