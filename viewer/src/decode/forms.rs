//! Payloads that are neither numbers, structs nor attributes: bitmaps, and commands of another family.

use super::context::Decoder;
use super::{Direction, Hint, List, Order, Slot, TextKind, Value, Visitor};
use crate::spec::model::{EnumId, Scalar, Side, Tables};
use crate::wire;

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
        self.list_in(slot);
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
                        Value::Enum { v, size, order, signed: false, name: names.name_of(v), label }
                    }
                };
                self.visitor.value(Slot::Plain, &value);
            }
        }
        self.visitor.list_end(List::Array, set > 1);
        self.rest(slot, at, bytes, map.len());
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
        let found = u16::try_from(v).ok().map(|number| tables.resolve(number, sent, false));
        let name = found.filter(|found| !found.is_default).and_then(|found| found.operation);
        let value = Value::Enum {
            v,
            size: scalar.size,
            order: scalar.order,
            signed: false,
            name: name.map(|operation| &*operation.c_name),
            label: tables.unknown_message(),
        };
        self.visitor.value(slot, &value);
        self.rest(slot, at, bytes, field.len());
    }
}
