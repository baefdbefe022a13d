//! Payloads that are neither numbers, structs nor netlink's own attributes: bitmaps, records with
//! headers of two bytes, commands of another family.

use super::context::{Decoder, Scope};
use super::{
    AttrHead, Direction, Hint, IssueKind, List, MAX_DEPTH, Opaque, Order, Slot, TextKind, Value,
    Visitor,
};
use crate::spec::model::{AttrSet, EnumId, Kind, Scalar, Side, Tables};
use crate::wire::tlv::{self, Tlvs};
use crate::wire::{self, Step};

impl<'a, V: Visitor> Decoder<'a, V> {
    /// The bits that are set, each as an element of a list. Bits are counted from the lowest one of
    /// the first word, which has `word` bytes.
    pub(super) fn bitmap(
        &mut self,
        slot: Slot<'_>,
        names: Option<EnumId>,
        word: usize,
        bytes: &[u8],
        at: usize,
    ) {
        let whole = bytes.len().checked_rem(word).and_then(|left| bytes.len().checked_sub(left));
        let Some(map) = whole.and_then(|len| bytes.get(..len)).filter(|map| !map.is_empty()) else {
            return self.wrong_size(slot, at, bytes, word);
        };
        let names = names.and_then(|id| self.tables.enumeration(id));
        let set: u32 = map.iter().map(|byte| byte.count_ones()).sum();
        self.visitor.list_begin(List::Array, set > 1);
        for (nth, word) in map.chunks_exact(word).enumerate() {
            let bits = wire::number(word, cfg!(target_endian = "big"));
            let first = nth.saturating_mul(word.len()).saturating_mul(8);
            for bit in (0..64u64).filter(|bit| bits >> bit & 1 != 0) {
                let v = u64::try_from(first).unwrap_or(0).saturating_add(bit);
                let (size, order) = (4, Order::Host);
                let value = match names {
                    None => Value::Uint { v, size, order, hint: Hint::None },
                    Some(names) => {
                        let label = names.label.as_deref();
                        Value::Enum { v, size, order, name: names.name_of(v), label }
                    }
                };
                self.visitor.value(Slot::Plain, &value);
            }
        }
        self.visitor.list_end(List::Array, set > 1);
        self.rest(slot, at, bytes, map.len());
    }

    /// Records of an u8 type and an u8 length; told to the visitor as attributes are.
    pub(super) fn tlvs(
        &mut self,
        set: &'a AttrSet,
        bytes: &'a [u8],
        at: usize,
        parent: &Scope<'a, '_>,
    ) {
        if parent.depth >= MAX_DEPTH {
            self.issue(at, IssueKind::TooDeep);
            return self.bytes(Slot::Plain, bytes, Opaque::Unknown);
        }
        let mut scope = Scope::set(Some(set), parent);
        let mut many = None;
        for step in Tlvs::new(bytes) {
            if many.is_none() {
                let more = matches!(step, Step::Element(first) if first.more);
                self.visitor.list_begin(List::Attributes, more);
                many = Some(more);
            }
            match step {
                Step::Element(found) => self.tlv(set, found, at, &mut scope),
                Step::Trailing { at: offset, bytes } | Step::Unreachable { at: offset, bytes } => {
                    let (need, have) = (tlv::HEADER_LEN, bytes.len());
                    self.issue(at.saturating_add(offset), IssueKind::ShortHeader { need, have });
                    self.bytes(Slot::Plain, bytes, Opaque::Trailing);
                }
            }
        }
        if let Some(many) = many {
            self.visitor.list_end(List::Attributes, many);
        }
    }

    fn tlv(
        &mut self,
        set: &'a AttrSet,
        found: tlv::Tlv<'a>,
        list_at: usize,
        scope: &mut Scope<'a, '_>,
    ) {
        let at = list_at.saturating_add(found.at);
        let number = u16::from(found.ty);
        let known = set.attr(number);
        let header = u16::try_from(tlv::HEADER_LEN).unwrap_or(0);
        self.visitor.attr_begin(&AttrHead {
            at,
            len: u16::from(found.len).saturating_add(header),
            raw_type: number,
            name: known.map(|attr| &*attr.c_name),
            label: set.label.as_deref(),
            named_set: true,
            payload: found.payload,
        });
        if found.cut() {
            let len = u32::from(found.len);
            self.issue(at, IssueKind::LengthTooLong { len, have: found.payload.len() });
        }
        if known.is_none() {
            self.issue(at, IssueKind::UnknownAttribute { number });
        }
        let payload_at = at.saturating_add(tlv::HEADER_LEN);
        match known {
            Some(attr) if found.payload.is_empty() => {
                if matches!(attr.kind, Kind::Flag) {
                    self.visitor.value(Slot::Plain, &Value::Present);
                }
            }
            Some(attr) if attr.secret => self.bytes(Slot::Plain, found.payload, Opaque::Secret),
            Some(attr) => {
                self.payload(Slot::Plain, &attr.kind, found.payload, payload_at, scope);
            }
            None if found.payload.is_empty() => {}
            None => self.bytes(Slot::Plain, found.payload, Opaque::Unknown),
        }
        scope.remember(number, found.payload);
        self.visitor.attr_end();
    }

    /// The tables of the generic family that an attribute names.
    pub(super) fn family_tables(&self, name: Option<&[u8]>) -> Option<&'a Tables> {
        let name = Value::text(name?, TextKind::CString);
        self.engine.registry.generic(std::str::from_utf8(name).ok()?)
    }

    /// A number that is a command of a generic family.
    pub(super) fn command(
        &mut self,
        slot: Slot<'_>,
        scalar: &'a Scalar,
        tables: Option<&'a Tables>,
        side: Side,
        bytes: &[u8],
        at: usize,
    ) {
        let field = bytes.get(..usize::from(scalar.size)).filter(|field| !field.is_empty());
        let (Some(tables), Some(field)) = (tables, field) else {
            return self.scalar(slot, scalar, bytes, at);
        };
        let v = wire::number(field, cfg!(target_endian = "big"));
        let sent = side == Side::Request || self.direction == Direction::Send;
        let found =
            u16::try_from(v).ok().map(|number| tables.resolve(number, sent, false, |_| false));
        let name = found.filter(|found| !found.is_default).and_then(|found| found.operation);
        let value = Value::Enum {
            v,
            size: scalar.size,
            order: scalar.order,
            name: name.map(|operation| &*operation.c_name),
            label: tables.unknown_message(),
        };
        self.visitor.value(slot, &value);
        self.rest(slot, at, bytes, field.len());
    }
}
