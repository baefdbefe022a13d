//! The values that a [`Visitor`](super::Visitor) is shown: decoded, typed, borrowed.

use super::scalar::sign_extend;
use crate::spec::model::Enum;
pub use crate::spec::model::{Hint, Order, TextKind};

/// Why bytes are shown as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opaque {
    /// They are bytes by nature (a cookie, a hash).
    ByNature,
    /// Nothing is known of them.
    Unknown,
    /// Nothing is known of them, nor of the family that they are of.
    Alien,
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
    /// (`AF_???`), if the set has a word for it. `v` has the bits of the wire, also if it is `signed`.
    Enum {
        v: u64,
        size: u8,
        order: Order,
        signed: bool,
        name: Option<&'a str>,
        label: Option<&'a str>,
    },
    /// Named numbers of so many `bits` each, packed into one, the first in the highest bits; zeros
    /// before it are none.
    Sequence { v: u64, size: u8, order: Order, bits: u8, set: &'a Enum },
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
    /// Bits by number: words of `word` bytes, from the lowest bit of the first one up. The numbers may
    /// have names.
    Bitmap { bytes: &'a [u8], word: u8, set: Option<&'a Enum> },
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

    /// One of named numbers, in host order.
    #[must_use]
    pub const fn named(v: u64, size: u8, name: Option<&'a str>, label: Option<&'a str>) -> Self {
        Self::Enum { v, size, order: Order::Host, signed: false, name, label }
    }

    /// The value as a number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<i128> {
        match *self {
            Value::Enum { v, size, signed: true, .. } => {
                Some(i128::from(sign_extend(v, size.into())))
            }
            Value::Uint { v, .. }
            | Value::Enum { v, .. }
            | Value::Sequence { v, .. }
            | Value::NamedPart { v, .. }
            | Value::Flags { v, .. }
            | Value::Split { v, .. } => Some(i128::from(v)),
            Value::Int { v, .. } => Some(i128::from(v)),
            Value::Interface { index, .. } => Some(i128::from(index)),
            Value::Errno { v, .. } => Some(i128::from(v)),
            _ => None,
        }
    }

    /// The ranges of bits that are set in a [`Value::Bitmap`], first and last of each.
    pub fn bit_ranges(bytes: &'a [u8], word: u8) -> impl Iterator<Item = (usize, usize)> + 'a {
        let word = usize::from(word).max(1);
        let bit = move |n: usize| {
            let (at, shift) = (n / 8, n % 8);
            // On a big-endian machine a word's lowest byte is its last.
            let at = if cfg!(target_endian = "big") {
                let start = at - at % word;
                start.saturating_add(word.saturating_sub(1)).saturating_sub(at % word)
            } else {
                at
            };
            bytes.get(at).is_some_and(|byte| byte >> shift & 1 == 1)
        };
        let count = bytes.len().saturating_mul(8);
        let mut next = 0;
        std::iter::from_fn(move || {
            let first = (next..count).find(|n| bit(*n))?;
            let end = (first..count).find(|n| !bit(*n)).unwrap_or(count);
            next = end;
            Some((first, end.saturating_sub(1)))
        })
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

/// The parts of a [`Value::Sequence`], from the first: each number, and its C name if it has one.
pub fn parts<'a>(
    v: u64,
    bits: u8,
    set: &'a Enum,
) -> impl Iterator<Item = (u64, Option<&'a str>)> + use<'a> {
    let bits = u32::from(bits).clamp(1, 63);
    let count = u64::BITS.saturating_sub(v.leading_zeros()).div_ceil(bits).max(1);
    let mask = (1u64 << bits).wrapping_sub(1);
    (0..count).rev().map(move |part| {
        let number = v.checked_shr(part.saturating_mul(bits)).unwrap_or(0) & mask;
        (number, set.name_of(number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_from_the_highest_bits_down() {
        let set = Enum::default();
        let numbers = |v, bits| parts(v, bits, &set).map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(numbers(7 << 12 | 13 << 6 | 1, 6), [7, 13, 1]);
        assert_eq!(numbers(0, 6), [0]);
        assert_eq!(numbers(7 << 6, 6), [7, 0]);
        assert_eq!(numbers(u64::MAX, 63), [1, u64::MAX >> 1]);
    }
}
