//! Messages: their operations, and what follows the header.

use super::{EnumId, Kind, SetId, ShapeId, Short, StructId};

/// One spec file's contribution.
#[derive(Debug)]
pub struct Family {
    /// Its name.
    pub name: Box<str>,
    /// Names of error numbers of its own, beyond those of C.
    pub errors: Option<EnumId>,
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
    /// What strace calls it, where that differs.
    pub strace_name: Option<Box<str>>,
    /// Index into the tables' families.
    pub(in crate::spec) family: usize,
    /// Meaning of its flags.
    pub class: Class,
    /// Whether the kernel holds a request that does something to all its rules, and one that dumps.
    pub strict: [bool; 2],
    /// Whether it is nobody's answer: a notification.
    pub unasked: bool,
    /// What strace takes them for.
    pub strace_class: Class,
    /// Names of further flags, which only this message has.
    pub header_flags: Option<EnumId>,
    /// What an answer must be like to be this one.
    pub reply_when: Option<Condition>,
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
    /// What strace takes them for, where that differs.
    pub strace_set: Option<SetId>,
    /// Whether strace names none of them.
    pub strace_unnamed: bool,
    /// What strace shows all as if the fixed header is cut short, where that differs.
    pub strace_short: Option<Short>,
    /// What is there instead of attributes.
    pub rest: Rest,
}

/// What follows a fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Attributes, of [`Body::set`] if it is known.
    Attrs,
    /// Something of another form.
    Shape(ShapeId),
    /// Bytes of no known form.
    Raw,
    /// Text.
    Text,
    /// Nothing; bytes there are left over.
    Nothing,
}

/// A payload that is no attributes.
#[derive(Debug)]
pub struct Shape {
    /// Its form.
    pub kind: Kind,
    /// The member of the fixed header that says how long it is.
    pub len: Option<Box<str>>,
}

/// When a variant applies. All that is given must hold.
#[derive(Debug, Default)]
pub struct Condition {
    /// A byte of the payload and the values it may have.
    pub byte: Option<(usize, Vec<u8>)>,
    /// Two bytes of it, as a number in host order.
    pub word: Option<(usize, Vec<u16>)>,
    /// The payload's beginning.
    pub prefix: Option<Box<[u8]>>,
    /// Least length of the payload.
    pub min_len: Option<usize>,
    /// Greatest length of the payload.
    pub max_len: Option<usize>,
    /// Whether NLM_F_REQUEST is set.
    pub request: Option<bool>,
    /// Whether all bits of NLM_F_DUMP are set.
    pub dump: Option<bool>,
    /// Whether strace has the message's own form all the same.
    pub not_strace: bool,
    /// The numbers that the first attribute may have.
    pub first_attr: Option<Vec<u16>>,
}
