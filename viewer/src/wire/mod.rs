//! The wire format: bytes and lengths, no names.
//!
//! Both levels of netlink have one shape: a length, a type, a payload, padding to four bytes. The
//! walkers here ([`message::Messages`], [`attr::Attrs`]) yield what is there, whole or cut, and end;
//! they never fail.

pub mod attr;
pub mod message;

/// Rounds up to netlink's alignment of four bytes.
#[must_use]
pub const fn align(len: usize) -> usize {
    len.saturating_add(3) & !3
}

/// What a walk over a list comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a, T> {
    /// An element.
    Element(T),
    /// Bytes at the end, too few for a header.
    Trailing {
        /// Their offset in the list.
        at: usize,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Bytes that cannot be reached, since the element before them has a length smaller than its
    /// own header.
    Unreachable {
        /// Their offset in the list.
        at: usize,
        /// The bytes.
        bytes: &'a [u8],
    },
}

/// Reads a little- or big-endian number of 1 to 8 bytes.
#[must_use]
#[inline]
pub fn number(bytes: &[u8], big_endian: bool) -> u64 {
    // The widths that C has are a load each.
    match (bytes, big_endian) {
        (&[byte], _) => u64::from(byte),
        (&[a, b], false) => u64::from(u16::from_le_bytes([a, b])),
        (&[a, b], true) => u64::from(u16::from_be_bytes([a, b])),
        (&[a, b, c, d], false) => u64::from(u32::from_le_bytes([a, b, c, d])),
        (&[a, b, c, d], true) => u64::from(u32::from_be_bytes([a, b, c, d])),
        _ => wide(bytes, big_endian),
    }
}

fn wide(bytes: &[u8], big_endian: bool) -> u64 {
    if let Ok(all) = bytes.try_into() {
        return if big_endian { u64::from_be_bytes(all) } else { u64::from_le_bytes(all) };
    }
    let fold = |n: u64, b: &u8| (n << 8) | u64::from(*b);
    if big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
}

/// Reads a `u16` in host order.
#[must_use]
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_ne_bytes(*b))
}

/// Reads a `u32` in host order.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_ne_bytes(*b))
}
