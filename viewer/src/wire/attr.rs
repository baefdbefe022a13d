//! Attributes.
//!
//! ```text
//! 0      2      4                 nla_len
//! ┌──────┬──────┬─────────────────┬───────┐
//! │ len  │ type │ payload         │ pad 4 │ next attribute …
//! └──────┴──────┴─────────────────┴───────┘
//!          └ bit 15 nested, bit 14 network byte order, 14 bits of type
//! ```
//! `len` counts header and payload, not the padding (`linux/netlink.h`).
//!
//! Some payloads hold lists of the same kind with headers of their own, one byte each of type and length
//! for instance. A [`Header`] says how those lie.

use super::{Step, align, number, u16_at};

/// Length of a `struct nlattr` in bytes.
pub const HEADER_LEN: usize = 4;
/// The bit of `nla_type` that says that the payload is attributes.
pub const NESTED: u16 = 0x8000;
/// The bit of `nla_type` that says that the payload is in network byte order.
pub const NET_BYTEORDER: u16 = 0x4000;
/// The bits of `nla_type` that are the type.
pub const TYPE_MASK: u16 = 0x3fff;
/// Types beyond this are more likely chance than attributes.
pub const LIKELY_TYPE: u16 = 255;

/// How the elements of a list begin that are no `struct nlattr`: a type and a length, of one or two
/// bytes each.
///
/// ```text
/// ┌──────┬─────┬──────────┐        ┌───────────┬───────────┬──────────┬─────┐
/// │ type │ len │ payload  │        │ len       │ type      │ payload  │ pad │
/// └──────┴─────┴──────────┘        └───────────┴───────────┴──────────┴─────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the type.
    pub type_len: u8,
    /// Bytes of the length.
    pub length_len: u8,
    /// Whether the length stands first.
    pub length_first: bool,
    /// Whether both are in network order.
    pub big_endian: bool,
    /// Whether the length counts the header too.
    pub counts_header: bool,
    /// What each element begins at a multiple of.
    pub align: u8,
}

impl Header {
    /// Length of type and length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        (self.type_len as usize).saturating_add(self.length_len as usize)
    }

    /// Whether it takes no bytes at all, which no list can be walked by.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Type and length at the front of `bytes`.
    fn read(&self, bytes: &[u8]) -> Option<(u16, u16)> {
        let first = if self.length_first { self.length_len } else { self.type_len };
        let (one, two) = bytes.get(..self.len())?.split_at_checked(first.into())?;
        let read = |field| {
            let big_endian = self.big_endian || cfg!(target_endian = "big");
            u16::try_from(number(field, big_endian)).unwrap_or(u16::MAX)
        };
        Some(if self.length_first { (read(two), read(one)) } else { (read(one), read(two)) })
    }
}

/// An attribute as far as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr<'a> {
    /// Offset of its header in the list.
    pub at: usize,
    /// `nla_len`.
    pub len: u16,
    /// `nla_type`, with its flag bits.
    pub raw_type: u16,
    /// Its payload, cut by its length and by the end of the list.
    pub payload: &'a [u8],
    /// Whether its length reaches beyond the list.
    pub cut: bool,
    /// Whether anything follows it in the list.
    pub more: bool,
}

impl Attr<'_> {
    /// The type without the flag bits.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.raw_type & TYPE_MASK
    }
}

/// Walks a list of attributes.
#[derive(Debug, Clone)]
pub struct Attrs<'a> {
    bytes: &'a [u8],
    at: usize,
    ended: bool,
    header: Option<Header>,
}

impl<'a> Attrs<'a> {
    /// A walk from the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, ended: false, header: None }
    }

    /// A walk through elements that begin in another way, where one is said.
    #[must_use]
    pub const fn with(bytes: &'a [u8], header: Option<Header>) -> Self {
        Self { bytes, at: 0, ended: false, header }
    }

    /// Whether `bytes` are a list of attributes without a flaw: every length plausible, nothing
    /// left over, and no type beyond `max_type`.
    #[must_use]
    pub fn plausible(bytes: &'a [u8], max_type: u16) -> bool {
        !bytes.is_empty()
            && Self::new(bytes).all(|step| match step {
                Step::Element(attr) => {
                    attr.len as usize >= HEADER_LEN && !attr.cut && attr.number() <= max_type
                }
                _ => false,
            })
    }
}

impl<'a> Attrs<'a> {
    /// An element with a header of its own at the front of `rest`.
    #[cold]
    fn element(&mut self, header: Header, rest: &'a [u8]) -> Step<'a, Attr<'a>> {
        let at = self.at;
        let (Some((raw_type, len)), false) = (header.read(rest), header.is_empty()) else {
            self.at = self.bytes.len();
            return Step::Trailing { at, bytes: rest };
        };
        let own = header.len();
        let full = if header.counts_header { len.into() } else { own.saturating_add(len.into()) };
        let payload = rest.get(own..full.clamp(own, rest.len())).unwrap_or(&[]);
        self.ended = full < own;
        let taken = full.max(own).next_multiple_of(usize::from(header.align).max(1));
        self.at = at.saturating_add(taken.min(rest.len()));
        let more = !self.ended && rest.len() > taken;
        Step::Element(Attr { at, len, raw_type, payload, cut: full > rest.len(), more })
    }

    /// Whether `bytes` can hardly be anything but attributes, though nothing says that they are: without
    /// a flaw, of small types, with something in them, and padded with zeros. Types from 0 on are an
    /// array's indexes.
    #[must_use]
    pub fn likely(bytes: &'a [u8]) -> bool {
        let mut count = 0u16;
        let mut zero_based = false;
        let mut content = false;
        for step in Self::new(bytes) {
            let Step::Element(attr) = step else { return false };
            let end = attr.at.saturating_add(usize::from(attr.len));
            let padding = bytes.get(end..align(end).min(bytes.len())).unwrap_or(&[]);
            let sound = usize::from(attr.len) >= HEADER_LEN && !attr.cut;
            if !sound || attr.number() > LIKELY_TYPE || padding.iter().any(|b| *b != 0) {
                return false;
            }
            match attr.number() {
                0 if count == 0 => zero_based = true,
                0 => return false,
                number if zero_based && number != count => return false,
                _ => {}
            }
            content |= !attr.payload.is_empty();
            count = count.saturating_add(1);
        }
        content && (count > 1 || !zero_based)
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Step<'a, Attr<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let at = self.at;
        if self.ended {
            self.at = self.bytes.len();
            return Some(Step::Unreachable { at, bytes: rest });
        }
        if let Some(header) = self.header {
            return Some(self.element(header, rest));
        }
        let (Some(len), Some(raw_type)) = (u16_at(rest, 0), u16_at(rest, 2)) else {
            self.at = self.bytes.len();
            return Some(Step::Trailing { at, bytes: rest });
        };
        let full = usize::from(len);
        let payload = rest.get(HEADER_LEN..full.clamp(HEADER_LEN, rest.len())).unwrap_or(&[]);
        self.ended = full < HEADER_LEN;
        let taken = align(full.max(HEADER_LEN)).min(rest.len());
        self.at = at.saturating_add(taken);
        let more = !self.ended && rest.len() > align(full);
        Some(Step::Element(Attr { at, len, raw_type, payload, cut: full > rest.len(), more }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8], header: Header) -> Vec<(u16, Vec<u8>)> {
        Attrs::with(bytes, Some(header))
            .map(|step| match step {
                Step::Element(found) => (found.raw_type, found.payload.to_vec()),
                Step::Trailing { bytes, .. } => (0xfff1, bytes.to_vec()),
                Step::Unreachable { bytes, .. } => (0xfff2, bytes.to_vec()),
            })
            .collect()
    }

    #[test]
    fn elements_with_bytes_for_type_and_length_follow_each_other() {
        let header = Header {
            type_len: 1,
            length_len: 1,
            length_first: false,
            big_endian: false,
            counts_header: false,
            align: 1,
        };
        let found = walk(&[0, 2, b'a', 0, 7, 0, 9, 3, 1], header);
        assert_eq!(found, [(0, vec![b'a', 0]), (7, vec![]), (9, vec![1])]);
        assert_eq!(walk(&[0, 0, 5], header), [(0, vec![]), (0xfff1, vec![5])]);
    }

    #[test]
    fn a_length_may_stand_first_and_count_all() {
        let header = Header {
            type_len: 2,
            length_len: 2,
            length_first: true,
            big_endian: true,
            counts_header: true,
            align: 4,
        };
        let bytes = [0, 5, 1, 2, 9, 0, 0, 0, 0, 4, 0, 1, 0, 3, 0, 0, 7];
        let found = walk(&bytes, header);
        assert_eq!(found, [(0x102, vec![9]), (1, vec![]), (0, vec![]), (0xfff2, vec![7])]);
    }
}
