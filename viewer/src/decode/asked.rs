//! The request that a message answers, as far as the answer's meaning depends on it.

use super::context::{self, Decoder, Seen, Selected};
use super::message::{GENERIC, GENL_HEADER_LEN};
use super::{Direction, Visitor};
use crate::spec::model::{AttrSet, Condition, Struct, Tables};
use crate::wire::attr::Attrs;
use crate::wire::message::{HEADER_LEN, MIN_TYPE, Nlmsghdr};
use crate::wire::{self, Step};

/// Fixed header and attributes of a request.
pub(super) struct Parts<'a> {
    header: Option<(&'a Struct, &'a [u8])>,
    attrs: Option<(&'a AttrSet, &'a [u8])>,
}

impl<'a> Parts<'a> {
    /// The number in a member of its fixed header.
    pub(super) fn member(&self, tables: &Tables, name: &str) -> Option<i64> {
        let (st, bytes) = self.header?;
        context::member(tables, st, bytes, name)
    }

    /// An attribute, by its name in the spec.
    pub(super) fn attribute(&self, name: &str) -> Option<Selected<'a>> {
        let (set, bytes) = self.attrs?;
        Attrs::new(bytes).find_map(|step| match step {
            Step::Element(found) => {
                let known = set.attr(found.number())?;
                let seen = Seen::new(Some(set), &found);
                (&*known.name == name).then(|| Selected::new(Some(&known.kind), seen))
            }
            _ => None,
        })
    }
}

impl<'a, V: Visitor> Decoder<'a, V> {
    /// What the message answers, taken apart by the tables of the message, since both are of one
    /// protocol or generic family.
    pub(super) fn asked(&self) -> Option<Parts<'a>> {
        if self.direction == Direction::Send {
            return None;
        }
        let bytes = self.engine.requests.asked(&self.nlmsghdr)?.bytes;
        let header = Nlmsghdr::read(bytes)?;
        let payload = bytes.get(HEADER_LEN..)?;
        let (number, payload) = if self.protocol == GENERIC && header.ty >= MIN_TYPE {
            // The tables are one family's.
            if header.ty != self.nlmsghdr.ty {
                return None;
            }
            (u16::from(*payload.first()?), payload.get(GENL_HEADER_LEN..)?)
        } else {
            (header.ty, payload)
        };
        let tables = self.tables;
        let holds = |when: &Condition| when.holds(payload, header.flags);
        let operation = tables.resolve(number, true, false, holds).operation?;
        let body = operation.body(true, payload, header.flags, V::STRACE)?;
        let st = body.header.and_then(|id| tables.structure(id));
        let used = st.map_or(0, |st| wire::align(st.size));
        let attrs = payload.get(used..).unwrap_or(&[]);
        Some(Parts {
            header: st.map(|st| (st, payload)),
            attrs: body.set.and_then(|id| tables.set(id)).map(|set| (set, attrs)),
        })
    }
}
