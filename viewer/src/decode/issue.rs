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
    /// Padding that is not zero.
    PaddingNotZero {
        /// How many bytes it has.
        len: usize,
    },
    /// The next one begins where padding should be.
    PaddingMissing,
    /// Attributes without NLA_F_NESTED, where the kernel wants it.
    NestedMissing,
    /// NLA_F_NESTED on what is no attributes.
    NestedUnexpected,
    /// The same attribute stands before, and the kernel heeds one of them only.
    Duplicate,
    /// Something reserved is in use.
    Reserved {
        /// The field.
        what: &'static str,
        /// What it has, or of flags those bits.
        v: u64,
    },
    /// A message to the kernel without NLM_F_REQUEST.
    NoRequestFlag,
    /// A message of netlink's own that goes to the kernel.
    ControlSent,
    /// A command that the family does not have.
    UnknownCommand {
        /// The command.
        number: u8,
    },
    /// A number less than it may be.
    BelowMin {
        /// The number.
        v: i128,
        /// The least one.
        min: i128,
    },
    /// A number greater than it may be.
    AboveMax {
        /// The number.
        v: i128,
        /// The greatest one.
        max: i128,
    },
    /// A value shorter than it may be.
    TooShort {
        /// Its length.
        len: usize,
        /// The least one.
        min: usize,
    },
    /// A value longer than it may be.
    TooLong {
        /// Its length.
        len: usize,
        /// The greatest one.
        max: usize,
    },
    /// A text without the NUL that has to end it.
    Unterminated,
    /// A number without a name, where only those with one are taken.
    UnknownValue {
        /// The number.
        v: i128,
    },
    /// Bits without a name, where only those with one are taken.
    UnknownBits {
        /// The bits.
        bits: u64,
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
            IssueKind::PaddingNotZero { len } => write!(f, "padding of {len} bytes is not zero"),
            IssueKind::PaddingMissing => write!(f, "no padding before what comes next"),
            IssueKind::NestedMissing => write!(f, "NLA_F_NESTED is missing"),
            IssueKind::NestedUnexpected => write!(f, "NLA_F_NESTED on what is no nest"),
            IssueKind::Duplicate => write!(f, "stands twice, one is not heeded"),
            IssueKind::Reserved { what: "nla_type", .. } => write!(f, "nla_type 0 is reserved"),
            IssueKind::Reserved { what, v } => write!(f, "{what} has {v:#x}, which is reserved"),
            IssueKind::NoRequestFlag => write!(f, "no NLM_F_REQUEST, the kernel passes it over"),
            IssueKind::ControlSent => write!(f, "netlink's own message, the kernel passes it over"),
            IssueKind::UnknownCommand { number } => write!(f, "unknown command {number}"),
            IssueKind::BelowMin { v, min } => write!(f, "{v} is below the minimum {min}"),
            IssueKind::AboveMax { v, max } => write!(f, "{v} is above the maximum {max}"),
            IssueKind::TooShort { len, min } => {
                write!(f, "{len} bytes where at least {min} are expected")
            }
            IssueKind::TooLong { len, max } => {
                write!(f, "{len} bytes where at most {max} are expected")
            }
            IssueKind::Unterminated => write!(f, "no NUL ends the text"),
            IssueKind::UnknownValue { v } => write!(f, "{v} is no value that it can have"),
            IssueKind::UnknownBits { bits } => write!(f, "bits {bits:#x} have no meaning"),
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
            IssueKind::PaddingNotZero { .. } => "padding-not-zero",
            IssueKind::PaddingMissing => "padding-missing",
            IssueKind::NestedMissing => "nested-flag-missing",
            IssueKind::NestedUnexpected => "nested-flag-unexpected",
            IssueKind::Duplicate => "duplicate-attribute",
            IssueKind::Reserved { .. } => "reserved",
            IssueKind::NoRequestFlag => "no-request-flag",
            IssueKind::ControlSent => "control-message-sent",
            IssueKind::UnknownCommand { .. } => "unknown-command",
            IssueKind::BelowMin { .. } => "below-minimum",
            IssueKind::AboveMax { .. } => "above-maximum",
            IssueKind::TooShort { .. } => "too-short",
            IssueKind::TooLong { .. } => "too-long",
            IssueKind::Unterminated => "unterminated-string",
            IssueKind::UnknownValue { .. } => "unknown-value",
            IssueKind::UnknownBits { .. } => "unknown-bits",
        }
    }
}
