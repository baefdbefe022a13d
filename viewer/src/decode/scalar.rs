//! Numbers and short values: an integer with names, an address, text.

use super::context::Decoder;
use super::{Hint, Opaque, Order, Slot, TextKind, Value, Visitor};
use crate::spec::model::{Enum, Meaning, Scalar, ValueNames};
use crate::wire;

impl<'a, V: Visitor> Decoder<'a, V> {
    /// A number at the front of `bytes`, if they have a size that it can have.
    pub(super) fn scalar(&mut self, slot: Slot<'_>, scalar: &'a Scalar, bytes: &[u8], at: usize) {
        let scalar = scalar.strace.as_deref().filter(|_| V::STRACE).unwrap_or(scalar);
        let have = bytes.len();
        let own = usize::from(scalar.size);
        // Times are numbers of the payload's own width, which grew from 32 to 64 bits over the years.
        let any_width = scalar.any_width || matches!(scalar.hint, Hint::ClockT | Hint::Msecs);
        // A member of a struct may have room for more than a number.
        let room = scalar.any_len || matches!(slot, Slot::Field(_));
        let named = scalar.names != ValueNames::None;
        let width = if any_width && have <= 8 {
            Some(have)
        } else if any_width {
            None
        } else if own == 0 {
            Some(have).filter(|n| *n == 4 || *n == 8)
        } else {
            Some(own).filter(|n| have >= *n && !(named && !room && have > 8))
        };
        match width.and_then(|n| bytes.get(..n)).filter(|field| !field.is_empty()) {
            Some(field) => {
                self.number(slot, scalar, field);
                if have > field.len() {
                    self.rest(slot, at, bytes, field.len());
                }
            }
            None => self.wrong_size(slot, at, bytes, own.max(1)),
        }
    }

    /// A number that fills `field`.
    pub(super) fn number(&mut self, slot: Slot<'_>, scalar: &'a Scalar, field: &[u8]) {
        let scalar = scalar.strace.as_deref().filter(|_| V::STRACE).unwrap_or(scalar);
        if V::STRACE && scalar.number_first {
            self.visitor.number_first();
        }
        let order = self.order(scalar);
        let v = wire::number(field, order == Order::Big || cfg!(target_endian = "big"));
        let len = field.len();
        // The most frequent ones are told apart here, so that what the visitor does with each is
        // compiled where it is known which it is.
        if scalar.names == ValueNames::None && scalar.meaning == Meaning::Number {
            let (size, hint) = (u8::try_from(len).unwrap_or(8), scalar.hint);
            return if scalar.signed {
                let v = sign_extend(v, len);
                self.visitor.value(slot, &Value::Int { v, size, order, hint });
            } else {
                self.visitor.value(slot, &Value::Uint { v, size, order, hint });
            };
        }
        let value = self.meaning(scalar, v, len, order);
        match value {
            Value::Enum { .. } => self.visitor.value(slot, &value),
            _ => self.visitor.value(slot, &value),
        }
    }

    /// The order of a number's bytes.
    #[inline]
    const fn order(&self, scalar: &Scalar) -> Order {
        if self.net_order { Order::Big } else { scalar.order }
    }

    fn meaning(&self, scalar: &'a Scalar, v: u64, len: usize, order: Order) -> Value<'a> {
        let size = u8::try_from(len).unwrap_or(8);
        let names = match scalar.names {
            ValueNames::Enum(id) | ValueNames::Flags(id) => self.tables.enumeration(id),
            ValueNames::None => None,
        };
        let named = |set: &'a Enum| {
            let negative = scalar.signed.then(|| sign_extend(v, len).cast_unsigned());
            set.name_of(v).or_else(|| set.name_of(negative?))
        };
        // A name for the whole number comes before names for its parts.
        if let (Some(bits), Some(set)) = (scalar.part_bits, names)
            && (v < 1 << bits || set.name_of(v).is_none())
        {
            return Value::Sequence { v, size, order, bits, set };
        }
        if let Some(set) = names {
            let label = scalar.label.as_deref().or(set.label.as_deref());
            let is_flags = matches!(scalar.names, ValueNames::Flags(_));
            if is_flags && (set.is_flags || !set.partial) {
                return Value::Flags { v, size, order, set, more: None, label };
            }
            let name = named(set);
            let part = if name.is_none() { set.part_of(v) } else { None };
            match part {
                _ if is_flags && (name.is_some() || part.is_some()) => {
                    return Value::Flags { v, size, order, set, more: None, label };
                }
                Some((name, rest)) => return Value::NamedPart { v, size, order, name, rest },
                // Of a set that names only some numbers the others are plain.
                None if name.is_none() && set.partial && !set.is_flags => {}
                None => {
                    let signed = scalar.signed;
                    return Value::Enum { v, size, order, signed, name, label };
                }
            }
        }
        match scalar.meaning {
            Meaning::Interface => {
                let index = if scalar.signed { sign_extend(v, len) } else { v.cast_signed() };
                let low = u32::try_from(v & 0xffff_ffff).unwrap_or(0);
                Value::Interface { index, name: self.engine.names.interface(low) }
            }
            Meaning::Errno if i32::try_from(sign_extend(v, len)).is_ok() => {
                self.errno(sign_extend(v, len))
            }
            Meaning::Errno => Value::Int { v: sign_extend(v, len), size, order, hint: Hint::None },
            Meaning::Ipv4 => Value::Ipv4(u32::try_from(v & 0xffff_ffff).unwrap_or(0).to_be_bytes()),
            Meaning::Number if scalar.signed => {
                Value::Int { v: sign_extend(v, len), size, order, hint: scalar.hint }
            }
            Meaning::Number => Value::Uint { v, size, order, hint: scalar.hint },
        }
    }

    /// An error number as the kernel writes it, negative.
    pub(super) fn errno(&self, v: i64) -> Value<'a> {
        let v32 = i32::try_from(v).unwrap_or(i32::MAX);
        let names = self.tables.control().errors.and_then(|id| self.tables.enumeration(id));
        let name = if v32 < 0 {
            names.and_then(|names| names.name_of(u64::from(v32.unsigned_abs())))
        } else {
            None
        };
        Value::Errno { v: v32, name }
    }

    pub(super) fn text(&mut self, slot: Slot<'_>, kind: TextKind, bytes: &[u8]) {
        self.visitor.value(slot, &Value::Text { bytes, kind });
    }

    pub(super) fn ipv4(&mut self, slot: Slot<'_>, bytes: &[u8], at: usize) {
        match bytes.first_chunk() {
            Some(address) => {
                self.visitor.value(slot, &Value::Ipv4(*address));
                self.rest(slot, at, bytes, address.len());
            }
            None => self.wrong_size(slot, at, bytes, 4),
        }
    }

    pub(super) fn ipv6(&mut self, slot: Slot<'_>, bytes: &[u8], at: usize) {
        match bytes.first_chunk() {
            Some(address) => {
                self.visitor.value(slot, &Value::Ipv6(*address));
                self.rest(slot, at, bytes, address.len());
            }
            None => self.wrong_size(slot, at, bytes, 16),
        }
    }

    /// An address of either kind, told by its length.
    pub(super) fn ip(&mut self, slot: Slot<'_>, bytes: &[u8]) {
        match bytes.len() {
            4 => self.ipv4(slot, bytes, 0),
            16 => self.ipv6(slot, bytes, 0),
            _ => self.bytes(slot, bytes, Opaque::ByNature),
        }
    }

    pub(super) fn uuid(&mut self, slot: Slot<'_>, bytes: &[u8], at: usize) {
        match <[u8; 16]>::try_from(bytes) {
            Ok(uuid) => self.visitor.value(slot, &Value::Uuid(uuid)),
            Err(_) => self.wrong_size(slot, at, bytes, 16),
        }
    }
}

/// Reads `len` bytes' worth of a number as signed.
#[inline]
pub(super) fn sign_extend(v: u64, len: usize) -> i64 {
    match len {
        1..8 => {
            let unused = (8 - len) * 8;
            (v << unused).cast_signed() >> unused
        }
        _ => v.cast_signed(),
    }
}
