//! Payloads that are neither numbers, structs nor attributes: bitmaps, and commands of another family.

use super::context::Decoder;
use super::{Direction, Slot, TextKind, Value, Visitor};
use crate::spec::model::{EnumId, Scalar, Side, Tables};
use crate::wire;

impl<'a, V: Visitor> Decoder<'a, V> {
    /// Numbered bits, in whole words.
    pub(super) fn bitmap(
        &mut self,
        slot: Slot<'_>,
        names: Option<EnumId>,
        word: u8,
        bytes: &[u8],
        at: usize,
    ) {
        let size = usize::from(word);
        let whole = bytes.len().checked_rem(size).and_then(|left| bytes.len().checked_sub(left));
        let Some(map) = whole.and_then(|len| bytes.get(..len)).filter(|map| !map.is_empty()) else {
            return self.wrong_size(slot, at, bytes, size);
        };
        let set = names.and_then(|id| self.tables.enumeration(id));
        self.visitor.value(slot, &Value::Bitmap { bytes: map, word, set });
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
        let found = u16::try_from(v).ok().map(|number| tables.by_number(number, sent));
        let name = found.filter(|found| !found.is_default).and_then(|found| found.operation);
        let value = Value::Enum {
            v,
            size: scalar.size,
            order: scalar.order,
            signed: false,
            name: name.map(|operation| operation.shown_name(V::STRACE)),
            label: tables.unknown_message(),
        };
        self.visitor.value(slot, &value);
        self.rest(slot, at, bytes, field.len());
    }
}
