//! Records of a type and a length of one byte each, without padding: 802.11's information elements,
//! the user data of nftables' tools.
//!
//! ```text
//! 0      1      2
//! ┌──────┬──────┬───────────┐
//! │ type │ len  │ payload   │ next record …
//! └──────┴──────┴───────────┘
//! ```
//! `len` counts the payload alone.

use super::Step;

/// Length of a record's header in bytes.
pub const HEADER_LEN: usize = 2;

/// A record as far as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Offset of its header in the list.
    pub at: usize,
    /// Its type.
    pub ty: u8,
    /// Its payload's length.
    pub len: u8,
    /// Its payload, cut by the end of the list.
    pub payload: &'a [u8],
    /// Whether anything follows it.
    pub more: bool,
}

impl Tlv<'_> {
    /// Whether its length reaches beyond the list.
    #[must_use]
    pub fn cut(&self) -> bool {
        self.payload.len() < usize::from(self.len)
    }
}

/// Walks a list of records.
#[derive(Debug, Clone)]
pub struct Tlvs<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tlvs<'a> {
    /// A walk from the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Step<'a, Tlv<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let at = self.at;
        let [ty, len, body @ ..] = rest else {
            self.at = self.bytes.len();
            return Some(Step::Trailing { at, bytes: rest });
        };
        let payload = body.get(..usize::from(*len)).unwrap_or(body);
        self.at = at.saturating_add(HEADER_LEN).saturating_add(payload.len());
        let more = self.at < self.bytes.len();
        Some(Step::Element(Tlv { at, ty: *ty, len: *len, payload, more }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Step, Tlv, Tlvs};

    #[test]
    fn whole_cut_and_left_over() {
        let steps: Vec<_> = Tlvs::new(&[1, 2, 9, 8, 3, 0, 7]).collect();
        assert_eq!(
            steps,
            [
                Step::Element(Tlv { at: 0, ty: 1, len: 2, payload: &[9, 8], more: true }),
                Step::Element(Tlv { at: 4, ty: 3, len: 0, payload: &[], more: true }),
                Step::Trailing { at: 6, bytes: &[7] },
            ]
        );
        let cut = Tlvs::new(&[1, 5, 9]).next();
        let Some(Step::Element(cut)) = cut else { panic!("{cut:?}") };
        assert!(cut.cut() && !cut.more);
    }
}
