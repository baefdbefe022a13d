//! Structs: members, arrays, unions, bit fields.

use super::context::{Decoder, Scope};
use super::{IssueKind, List, MAX_DEPTH, Opaque, Slot, StructHead, TextKind, Value, Visitor};
use crate::spec::model::{
    BitField, Count, Element, Index, Kind, Length, Member, MemberKind, Scalar, Short, Struct,
};
use crate::wire;

impl<'a, V: Visitor> Decoder<'a, V> {
    /// A struct at the front of `bytes`, as much of it as is there. Returns how many bytes it took.
    pub(super) fn structure(
        &mut self,
        slot: Slot<'_>,
        st: &'a Struct,
        bytes: &'a [u8],
        at: usize,
        parent: &Scope<'a, '_>,
        fixed_header: bool,
    ) -> usize {
        let short = bytes.len() < st.min_size;
        if short {
            self.issue(at, IssueKind::ShortStruct { need: st.min_size, have: bytes.len() });
        }
        let head = StructHead { name: &st.c_name, short, fixed_header };
        self.visitor.struct_begin(slot, &head);
        let scope = Scope::structure(st, bytes, parent);
        if V::STRACE && !st.strace_order.is_empty() {
            for member in st.strace_order.iter().filter_map(|at| st.members.get(*at)) {
                let offset = member.offset.unwrap_or(bytes.len());
                let rest = bytes.get(offset..).unwrap_or(&[]);
                self.member(st, member, rest, at.saturating_add(offset), &scope);
            }
            self.visitor.struct_end();
            return st.size.min(bytes.len());
        }
        let mut offset = 0;
        for member in &st.members {
            offset = member.offset.unwrap_or(offset);
            // Most members are numbers.
            if let MemberKind::Scalar(scalar) = &member.kind
                && !member.nonzero
            {
                let end = offset.saturating_add(usize::from(scalar.size));
                let Some(field) = bytes.get(offset..end) else { break };
                self.number(Slot::Field(&member.c_name), scalar, field);
                offset = end;
                continue;
            }
            let Some(rest) = bytes.get(offset..) else { break };
            let Some(len) = self.member(st, member, rest, at.saturating_add(offset), &scope) else {
                break;
            };
            offset = offset.saturating_add(len);
        }
        self.visitor.struct_end();
        // Padding at the end is part of it, unless somebody put something there.
        let padding = bytes.get(offset..st.size);
        if padding.is_some_and(|pad| pad.iter().all(|b| *b == 0)) { st.size } else { offset }
    }

    /// A struct that is cut short, as strace shows it.
    pub(super) fn short(
        &mut self,
        slot: Slot<'_>,
        short: Short,
        bytes: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let other = match short {
            Short::Text => return self.text(slot, TextKind::Raw, bytes),
            Short::Bytes => None,
            Short::Struct(id) => self.tables.structure(id),
        };
        match other {
            Some(st) => {
                let fixed_header = matches!(slot, Slot::Plain);
                self.structure(slot, st, bytes, at, scope, fixed_header);
            }
            None => self.bytes(slot, bytes, Opaque::Unknown),
        }
    }

    /// One member at the front of `rest`; its length, or None if it is not all there.
    #[inline]
    fn member(
        &mut self,
        st: &'a Struct,
        member: &'a Member,
        rest: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) -> Option<usize> {
        let slot = Slot::Field(&member.c_name);
        let zero = |bytes: &[u8]| bytes.iter().all(|b| *b == 0);
        match &member.kind {
            MemberKind::Pad(len) => Some(*len).filter(|len| *len <= rest.len()),
            MemberKind::Scalar(scalar) => {
                let field = rest.get(..usize::from(scalar.size))?;
                if !(member.nonzero && zero(field)) {
                    self.number(slot, scalar, field);
                }
                Some(field.len())
            }
            MemberKind::Bits(scalar, fields) => {
                let field = rest.get(..usize::from(scalar.size))?;
                self.bit_fields(scalar, fields, field);
                Some(field.len())
            }
            MemberKind::Shape(length, kind) => {
                let len = match length {
                    Length::Fixed(len) => *len,
                    Length::Rest => rest.len(),
                    Length::Member(of) => self.said_by(st, *of, scope).min(rest.len()),
                };
                let field = rest.get(..len)?;
                let skip = (member.nonzero && zero(field))
                    || (*length == Length::Rest && field.is_empty());
                if member.secret {
                    self.bytes(slot, field, Opaque::Secret);
                } else if !skip {
                    self.payload(slot, kind, field, at, scope);
                }
                Some(len)
            }
            MemberKind::Array(count, size, element, names) => {
                let fit = rest.len().checked_div(*size).unwrap_or(0);
                let count = match count {
                    Count::Fixed(n) => *n,
                    Count::Rest => fit,
                    Count::Member(of) => self.said_by(st, *of, scope),
                };
                let len = count.min(fit).saturating_mul(*size);
                let field = rest.get(..len)?;
                self.visitor.field_begin(&member.c_name);
                self.elements(element, *size, *names, field, at, scope);
                Some(len)
            }
        }
    }

    /// The number in the member that another member's length or count refers to.
    fn said_by(&self, st: &Struct, of: usize, scope: &Scope<'a, '_>) -> usize {
        let name = st.members.get(of).map(|m| &*m.name);
        let said = name.and_then(|name| scope.member(name));
        said.and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    }

    fn bit_fields(&mut self, scalar: &'a Scalar, fields: &'a [BitField], field: &[u8]) {
        let big = scalar.order == super::Order::Big || cfg!(target_endian = "big");
        let mut left = wire::number(field, big);
        for bits in fields {
            let width = u32::from(bits.width).min(63);
            let mask = (1u64 << width).wrapping_sub(1);
            let v = if bits.order == super::Order::Big {
                (left & mask).swap_bytes() >> (64 - width)
            } else {
                left & mask
            };
            left >>= width;
            let names = bits.names.and_then(|id| self.tables.enumeration(id));
            let size = scalar.size;
            let value = match names {
                Some(set) => Value::Enum {
                    v,
                    size,
                    order: super::Order::Host,
                    name: set.name_of(v),
                    label: set.label.as_deref(),
                },
                None => Value::Uint { v, size, order: super::Order::Host, hint: bits.hint },
            };
            self.visitor.value(Slot::Field(&bits.c_name), &value);
        }
    }

    /// The elements of an array that fills `bytes`.
    pub(super) fn elements(
        &mut self,
        element: &'a Element,
        size: usize,
        names: Option<Index>,
        bytes: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let many = bytes.len() > size;
        self.visitor.list_begin(List::Array, many);
        let labels = names.and_then(|n| Some((self.tables.enumeration(n.names)?, n.offset)));
        for (i, field) in bytes.chunks_exact(size.max(1)).enumerate() {
            let slot = match labels {
                None => Slot::Plain,
                Some((set, offset)) => {
                    let number = i64::try_from(i).unwrap_or(i64::MAX).saturating_add(offset);
                    let number = number.cast_unsigned();
                    Slot::Index(number, set.name_of(number), set.label.as_deref())
                }
            };
            let at = at.saturating_add(i.saturating_mul(size));
            match element {
                Element::Scalar(scalar) => self.number(slot, scalar, field),
                Element::Struct(id) => match self.tables.structure(*id) {
                    Some(st) if scope.depth < MAX_DEPTH => {
                        self.structure(slot, st, field, at, scope, false);
                    }
                    _ => self.bytes(slot, field, Opaque::Unknown),
                },
                Element::Kind(kind) => self.payload(slot, kind, field, at, scope),
            }
        }
        self.visitor.list_end(List::Array, many);
    }

    /// Two words of 32 bits, the bits that are set and those that are meant.
    pub(super) fn bitfield32(
        &mut self,
        slot: Slot<'_>,
        names: Option<crate::spec::model::EnumId>,
        bytes: &'a [u8],
        at: usize,
    ) {
        let words = bytes.first_chunk::<8>().and_then(|b| b.as_chunks::<4>().0.first_chunk::<2>());
        let Some([value, selector]) = words else {
            return self.wrong_size(slot, at, bytes, 8);
        };
        let set = names.and_then(|id| self.tables.enumeration(id));
        let head = StructHead { name: "nla_bitfield32", short: false, fixed_header: false };
        self.visitor.struct_begin(slot, &head);
        for (name, word) in [("value", value), ("selector", selector)] {
            let v = u64::from(u32::from_ne_bytes(*word));
            let order = super::Order::Host;
            let value = match set {
                Some(set) => {
                    Value::Flags { v, size: 4, order, set, more: None, label: set.label.as_deref() }
                }
                None => Value::Uint { v, size: 4, order, hint: super::Hint::Hex },
            };
            self.visitor.value(Slot::Field(name), &value);
        }
        self.visitor.struct_end();
        self.rest(slot, at, bytes, 8);
    }

    /// A struct that is a payload, and what follows it there.
    pub(super) fn struct_payload(
        &mut self,
        slot: Slot<'_>,
        kind: (crate::spec::model::StructId, Option<crate::spec::model::SetId>),
        bytes: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let Some(st) = self.tables.structure(kind.0) else {
            return self.bytes(slot, bytes, Opaque::Unknown);
        };
        if bytes.len() < st.min_size {
            if V::STRACE
                && let Some(short) = st.strace_short
            {
                return self.short(slot, short, bytes, at, scope);
            }
            return self.wrong_size(slot, at, bytes, st.min_size);
        }
        let used = self.structure(slot, st, bytes, at, scope, false);
        let set = kind.1.and_then(|id| self.tables.set(id));
        let tail_at = if set.is_some() { wire::align(used) } else { used };
        let Some(tail) = bytes.get(tail_at..).filter(|tail| !tail.is_empty()) else { return };
        let at = at.saturating_add(tail_at);
        match set {
            Some(set) => {
                // What the attributes choose by may stand in the struct before them.
                let scope = Scope::structure(st, bytes, scope);
                self.attributes(Some(set), true, tail, at, &scope);
            }
            None => {
                self.issue(at, IssueKind::Trailing { len: tail.len() });
                let why = if st.show_tail { Opaque::Trailing } else { Opaque::Unreachable };
                self.bytes(Slot::Plain, tail, why);
            }
        }
    }

    /// Structs that carry their own length, each with attributes.
    pub(super) fn records(
        &mut self,
        slot: Slot<'_>,
        kind: &'a Kind,
        bytes: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let Kind::Records { record, length: (length_at, length_size), align, body } = kind else {
            return;
        };
        let Some(st) = self.tables.structure(*record) else {
            return self.bytes(slot, bytes, Opaque::Unknown);
        };
        if bytes.len() < st.size {
            return self.wrong_size(slot, at, bytes, st.size);
        }
        let length_of = |rest: &[u8]| {
            let field = rest.get(*length_at..length_at.saturating_add(usize::from(*length_size)));
            field
                .map(|f| wire::number(f, cfg!(target_endian = "big")))
                .and_then(|n| usize::try_from(n).ok())
        };
        self.list_in(slot);
        let many = length_of(bytes).is_some_and(|len| len < bytes.len());
        self.visitor.list_begin(List::Records, many);
        let mut offset = 0usize;
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            let here = at.saturating_add(offset);
            let (Some(len), true) = (length_of(rest), rest.len() >= st.size) else {
                self.issue(here, IssueKind::ShortHeader { need: st.size, have: rest.len() });
                self.bytes(Slot::Plain, rest, Opaque::Trailing);
                break;
            };
            let own = rest.get(..len.min(rest.len())).unwrap_or(rest);
            let follows = own.get(st.size..).filter(|follows| !follows.is_empty());
            self.visitor.list_begin(List::Group, follows.is_some());
            let record = rest.get(..st.size).unwrap_or(rest);
            self.structure(Slot::Plain, st, record, here, scope, false);
            if let Some(follows) = follows {
                let at = here.saturating_add(st.size);
                // What follows may be chosen by the record.
                let scope = Scope::structure(st, record, scope);
                self.payload(Slot::Plain, body, follows, at, &scope);
            }
            self.visitor.list_end(List::Group, follows.is_some());
            let step = own.len().next_multiple_of(*align);
            if step == 0 {
                self.issue(here, IssueKind::LengthTooSmall { len: 0 });
                if let Some(lost) = rest.get(st.size..).filter(|lost| !lost.is_empty()) {
                    self.bytes(Slot::Plain, lost, Opaque::Unreachable);
                }
                break;
            }
            offset = offset.saturating_add(step);
        }
        self.visitor.list_end(List::Records, many);
    }
}
