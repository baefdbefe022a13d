//! The values that a [`Visitor`](super::Visitor) is shown: decoded, typed, borrowed.

use crate::spec::model::Enum;
pub use crate::spec::model::{Hint, Order, TextKind};

/// Why bytes are shown as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opaque {
    /// They are bytes by nature (a cookie, a hash).
    ByNature,
    /// Nothing is known of them.
    Unknown,
    /// They are too short or too long for what they should be.
    WrongSize,
    /// They are left over after what was expected.
    Trailing,
    /// They come after what ends what can be said: a length that no list goes on behind, a value that
    /// leaves a rest of its payload. strace does not show them.
    Unreachable,
    /// Key material, shown only when asked for.
    Secret,
}

/// A decoded value. Numbers keep their wire width in bytes as `size`.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "field names are explained by the variant")]
pub enum Value<'a> {
    /// An attribute that says all by its presence.
    Present,
    /// An unsigned number.
    Uint { v: u64, size: u8, order: Order, hint: Hint },
    /// A signed number.
    Int { v: i64, size: u8, order: Order, hint: Hint },
    /// One of named numbers. `name` is the C name; without one `label` is what to call the unknown
    /// (`AF_???`), if the set has a word for it.
    Enum { v: u64, size: u8, order: Order, name: Option<&'a str>, label: Option<&'a str> },
    /// A number of which some bits have a name and the others, `rest`, are a number of their own.
    NamedPart { v: u64, size: u8, order: Order, name: &'a str, rest: u64 },
    /// Bits with names: those of `set`, in its order, then those of `more`.
    Flags {
        v: u64,
        size: u8,
        order: Order,
        set: &'a Enum,
        more: Option<&'a Enum>,
        label: Option<&'a str>,
    },
    /// A number made of two named parts, as nfnetlink's message types (`high << 8 | low`).
    Split { v: u64, high: Part<'a>, low: Part<'a>, shift: u8 },
    /// A network interface by index; the name if it is known.
    Interface { index: i64, name: Option<&'a str> },
    /// An IPv4 address.
    Ipv4([u8; 4]),
    /// An IPv6 address.
    Ipv6([u8; 16]),
    /// A link-layer address of any length. `family` is the address family of the message's fixed
    /// header, where it has one.
    Mac { bytes: &'a [u8], family: Option<u64> },
    /// A universally unique identifier.
    Uuid([u8; 16]),
    /// A negative errno, or 0, or a positive number that is none.
    Errno { v: i32, name: Option<&'a str> },
    /// Character data.
    Text { bytes: &'a [u8], kind: TextKind },
    /// Bytes as bytes.
    Bytes { bytes: &'a [u8], why: Opaque },
}

/// One half of a [`Value::Split`].
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The number.
    pub v: u64,
    /// Its C name.
    pub name: Option<&'a str>,
    /// What to call it without a name.
    pub label: Option<&'a str>,
}

impl<'a> Value<'a> {
    /// A plain number in host order.
    #[must_use]
    pub const fn uint(v: u64, size: u8) -> Self {
        Self::Uint { v, size, order: Order::Host, hint: Hint::None }
    }

    /// The value as a number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<i128> {
        match *self {
            Value::Uint { v, .. }
            | Value::Enum { v, .. }
            | Value::NamedPart { v, .. }
            | Value::Flags { v, .. }
            | Value::Split { v, .. } => Some(i128::from(v)),
            Value::Int { v, .. } => Some(i128::from(v)),
            Value::Interface { index, .. } => Some(i128::from(index)),
            Value::Errno { v, .. } => Some(i128::from(v)),
            _ => None,
        }
    }

    /// The text up to where its kind ends it.
    #[must_use]
    pub fn text(bytes: &'a [u8], kind: TextKind) -> &'a [u8] {
        let nul = || bytes.iter().position(|b| *b == 0);
        match kind {
            TextKind::Raw => bytes,
            TextKind::Attribute => bytes.strip_suffix(&[0]).unwrap_or(bytes),
            TextKind::CString => nul().and_then(|n| bytes.get(..n)).unwrap_or(bytes),
            TextKind::Field => nul()
                .and_then(|n| bytes.get(..n))
                .or_else(|| bytes.get(..bytes.len().saturating_sub(1)))
                .unwrap_or(bytes),
        }
    }
}
