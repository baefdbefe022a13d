//! Messages: their operations, and what follows the header.

use super::{SetId, Short, StructId};

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
    pub(in crate::spec) family: usize,
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
    /// What strace takes them for, where that differs.
    pub strace_set: Option<SetId>,
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
    /// Bytes of no known form.
    Raw,
    /// Text.
    Text,
    /// Nothing; bytes there are left over.
    Nothing,
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
