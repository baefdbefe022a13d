//! Key material: what is not shown, and where it stands.
//!
//! The specs mark it. What cannot be decoded where some may be (a list that is cut, a struct that is
//! too short) is taken for it too.

use std::ops::Range;

use super::context::Decoder;
use super::message::datagram;
use super::{Direction, Engine, IssueKind, MessageHead, Opaque, Slot, Value, Visitor};
use crate::wire::message::{HEADER_LEN, MIN_TYPE};

impl<V: Visitor> Decoder<'_, V> {
    /// Shows bytes as bytes; not if key material may be among them.
    pub(super) fn guarded(
        &mut self,
        slot: Slot<'_>,
        at: usize,
        bytes: &[u8],
        why: Opaque,
        guarded: bool,
    ) {
        let hidden = guarded && !bytes.is_empty() && !self.visitor.shows_secrets();
        if hidden {
            self.visitor.secret(at..at.saturating_add(bytes.len()));
        }
        let why = if hidden { Opaque::Secret } else { why };
        self.visitor.value(slot, &Value::Bytes { bytes, why });
    }

    /// Shows the rest of a payload that its value leaves, if there is one; not if key material may be in
    /// it.
    pub(super) fn guarded_rest(
        &mut self,
        slot: Slot<'_>,
        at: usize,
        bytes: &[u8],
        used: usize,
        guarded: bool,
    ) {
        match bytes.get(used..).filter(|rest| guarded && !rest.is_empty()) {
            None => self.rest(slot, at, bytes, used),
            Some(rest) => {
                let at = at.saturating_add(used);
                self.issue(at, IssueKind::Trailing { len: rest.len() });
                self.guarded(Slot::Plain, at, rest, Opaque::Unreachable, guarded);
            }
        }
    }

    /// Shows key material, if it is to be shown; false if it was hidden.
    pub(super) fn hides(&mut self, slot: Slot<'_>, at: usize, bytes: &[u8]) -> bool {
        let hidden = !bytes.is_empty() && !self.visitor.shows_secrets();
        if hidden {
            self.guarded(slot, at, bytes, Opaque::Secret, true);
        }
        hidden
    }
}

/// Where key material stands in the bytes that one call moved, as offsets. What nobody could decode,
/// since its family is not known, is taken for it.
#[must_use]
pub fn secrets(
    engine: &Engine<'_>,
    protocol: u32,
    direction: Direction,
    bytes: &[u8],
) -> Vec<Range<usize>> {
    struct Places(Vec<Range<usize>>);
    impl Visitor for Places {
        fn secret(&mut self, at: Range<usize>) {
            self.0.push(at);
        }

        fn message_begin(&mut self, head: &MessageHead<'_>) {
            if head.family.is_none() && head.header.ty >= MIN_TYPE {
                let start = head.at.saturating_add(HEADER_LEN);
                self.0.push(start..start.saturating_add(head.payload.len()));
            }
        }
    }
    let mut places = Places(Vec::new());
    datagram(engine, protocol, direction, bytes, &mut places);
    places.0
}
