//! Oddities of a message, reported in line next to what was decoded.

use std::fmt;

/// Something that does not fit, and where: `at` is the offset in the datagram, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issue {
    /// Offset in the datagram.
    pub at: usize,
    /// What is odd.
    pub kind: IssueKind,
}

/// What is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueKind {
    /// Fewer bytes are left than a header takes.
    ShortHeader {
        /// Bytes that a header takes.
        need: usize,
        /// Bytes that are left.
        have: usize,
    },
    /// A length smaller than the header that holds it: what follows cannot be found.
    LengthTooSmall {
        /// The length on the wire.
        len: u32,
    },
    /// A length that reaches beyond the bytes that are there.
    LengthTooLong {
        /// The length on the wire.
        len: u32,
        /// The bytes that are there.
        have: usize,
    },
    /// A fixed header or struct is cut short.
    ShortStruct {
        /// Its size.
        need: usize,
        /// The bytes that are there.
        have: usize,
    },
    /// A payload of a size that its type does not have.
    WrongSize {
        /// The size its type has (the least one).
        need: usize,
        /// The bytes that are there.
        have: usize,
    },
    /// An attribute type that the spec does not know.
    UnknownAttribute {
        /// The type without flag bits.
        number: u16,
    },
    /// A message type that no spec knows.
    UnknownMessage {
        /// The type.
        number: u16,
    },
    /// The payload's form depends on another value that is missing or unknown.
    NoFormat,
    /// Nested deeper than [`super::MAX_DEPTH`].
    TooDeep,
    /// Bytes after the end of what was expected.
    Trailing {
        /// How many.
        len: usize,
    },
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            IssueKind::ShortHeader { need, have } => {
                write!(f, "{have} bytes left where a header takes {need}")
            }
            IssueKind::LengthTooSmall { len } => {
                write!(f, "length {len} is smaller than its own header")
            }
            IssueKind::LengthTooLong { len, have } => {
                write!(f, "length {len}, but only {have} bytes are there")
            }
            IssueKind::ShortStruct { need, have } => {
                write!(f, "struct of {need} bytes cut to {have}")
            }
            IssueKind::WrongSize { need, have } => {
                write!(f, "{have} bytes where {need} are expected")
            }
            IssueKind::UnknownAttribute { number } => write!(f, "unknown attribute {number}"),
            IssueKind::UnknownMessage { number } => write!(f, "unknown message type {number}"),
            IssueKind::NoFormat => write!(f, "form depends on a value that is missing or unknown"),
            IssueKind::TooDeep => write!(f, "nested too deep to follow"),
            IssueKind::Trailing { len } => write!(f, "{len} bytes left over"),
        }
    }
}

impl Issue {
    /// A word for the kind, stable for programs that read it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.kind {
            IssueKind::ShortHeader { .. } => "short-header",
            IssueKind::LengthTooSmall { .. } => "length-too-small",
            IssueKind::LengthTooLong { .. } => "length-too-long",
            IssueKind::ShortStruct { .. } => "short-struct",
            IssueKind::WrongSize { .. } => "wrong-size",
            IssueKind::UnknownAttribute { .. } => "unknown-attribute",
            IssueKind::UnknownMessage { .. } => "unknown-message",
            IssueKind::NoFormat => "no-format",
            IssueKind::TooDeep => "too-deep",
            IssueKind::Trailing { .. } => "trailing-bytes",
        }
    }
}
