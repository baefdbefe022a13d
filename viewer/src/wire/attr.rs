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

use super::{Step, align, u16_at};

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
}

impl<'a> Attrs<'a> {
    /// A walk from the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, ended: false }
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

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let at = self.at;
        if self.ended {
            self.at = self.bytes.len();
            return Some(Step::Unreachable { at, bytes: rest });
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
