//! Structs: members, arrays, unions, bit fields.

use super::context::{Decoder, Scope};
use super::table::Taken;
use super::{
    IssueKind, List, MAX_DEPTH, Opaque, Slot, StructHead, StructStyle, TextKind, Value, Visitor,
};
use crate::spec::model::{
    BitField, Count, Element, Index, Kind, Length, Member, MemberKind, Order, Scalar, Short, Struct,
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
        if self.checks() {
            self.check_struct(st, bytes, at, fixed_header);
        }
        // An attribute's network order is that of its number, and the spec says a struct's.
        let outer = std::mem::replace(&mut self.net_order, false);
        let style = StructStyle::Members;
        let head = StructHead { name: &st.c_name, short, fixed_header, style };
        self.visitor.struct_begin(slot, &head);
        let scope = Scope::structure(st, bytes, parent);
        if V::STRACE && !st.strace_order.is_empty() {
            let mut taken = None;
            for member in st.strace_order.iter().filter_map(|at| st.members.get(*at)) {
                let offset = member.offset.unwrap_or(bytes.len());
                let rest = bytes.get(offset..).unwrap_or(&[]);
                self.member(st, member, rest, at.saturating_add(offset), &scope, &mut taken);
            }
            self.visitor.struct_end();
            self.net_order = outer;
            return st.size.min(bytes.len());
        }
        let mut offset = 0;
        let mut taken = None;
        for member in &st.members {
            offset = member.offset.unwrap_or(offset);
            // Most members are numbers.
            if let MemberKind::Scalar(scalar) = &member.kind
                && !member.nonzero
                && !member.secret
                && let end = offset.saturating_add(usize::from(scalar.size))
                && let Some(field) = bytes.get(offset..end)
            {
                if V::PLACES {
                    let at = at.saturating_add(offset)..at.saturating_add(end);
                    self.visitor.member_at(&member.c_name, at);
                }
                self.number(Slot::Field(&member.c_name), scalar, field);
                offset = end;
                continue;
            }
            let Some(rest) = bytes.get(offset..) else { break };
            let at = at.saturating_add(offset);
            let Some(len) = self.member(st, member, rest, at, &scope, &mut taken) else {
                self.cut_member(member, rest, at, &scope);
                break;
            };
            offset = offset.saturating_add(len);
        }
        self.visitor.struct_end();
        self.net_order = outer;
        // Padding at the end is part of it, unless somebody put something there.
        let padding = bytes.get(offset..st.size);
        if padding.is_some_and(|pad| pad.iter().all(|b| *b == 0)) { st.size } else { offset }
    }

    /// As much as is there of a member that is not all there.
    fn cut_member(&mut self, member: &'a Member, rest: &'a [u8], at: usize, scope: &Scope<'a, '_>) {
        let slot = Slot::Field(&member.c_name);
        match &member.kind {
            _ if rest.is_empty() => {}
            MemberKind::Shape(_, Kind::Struct(id, None)) if !member.secret => {
                if let Some(st) = self.tables.structure(*id).filter(|_| scope.depth < MAX_DEPTH) {
                    self.structure(slot, st, rest, at, scope, false);
                }
            }
            kind => {
                let guarded = member.secret || self.tables.in_member(kind);
                self.guarded(slot, at, rest, Opaque::WrongSize, guarded);
            }
        }
    }

    /// A struct that is cut short, as strace shows it.
    pub(super) fn short(
        &mut self,
        slot: Slot<'_>,
        (st, short): (&Struct, Short),
        bytes: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let other = match short {
            _ if st.guarded && self.hides(slot, at, bytes) => return,
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
        taken: &mut Taken<'a>,
    ) -> Option<usize> {
        let slot = Slot::Field(&member.c_name);
        let zero = |bytes: &[u8]| bytes.iter().all(|b| *b == 0);
        if V::PLACES {
            let len = self.len(st, member, rest, scope).unwrap_or(rest.len());
            self.visitor.member_at(&member.c_name, at..at.saturating_add(len));
        }
        if member.secret
            && let Some(len) = self.len(st, member, rest, scope).filter(|len| *len <= rest.len())
            && self.hides(slot, at, rest.get(..len)?)
        {
            return Some(len);
        }
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
                let len = self.len(st, member, rest, scope)?;
                let whole = rest.get(..len)?;
                let field = self.used(st, member, whole, 1, scope);
                let skip = (member.nonzero && zero(field))
                    || (*length == Length::Rest && field.is_empty());
                match taken {
                    Some((name, taken)) if **name == *member.name => {
                        self.left_over(member, field, at, *taken);
                    }
                    _ if !skip => self.payload(slot, kind, field, at, scope),
                    _ => {}
                }
                Some(len)
            }
            MemberKind::Array(_, size, element, names) => {
                let len = self.len(st, member, rest, scope)?;
                let field = self.used(st, member, rest.get(..len)?, *size, scope);
                self.visitor.field_begin(&member.c_name);
                self.elements(element, *size, *names, field, at, scope);
                Some(len)
            }
            MemberKind::Table(table) => {
                let (len, cut) = self.table((st, table), rest, at, scope);
                *taken = cut.or(*taken);
                len
            }
        }
    }

    /// How many bytes a member takes, of those that are there or more.
    fn len(
        &self,
        st: &Struct,
        member: &Member,
        rest: &[u8],
        scope: &Scope<'a, '_>,
    ) -> Option<usize> {
        Some(match &member.kind {
            MemberKind::Pad(len) => *len,
            MemberKind::Scalar(scalar) | MemberKind::Bits(scalar, _) => usize::from(scalar.size),
            MemberKind::Table(table) => table.len,
            MemberKind::Shape(length, _) => match length {
                Length::Fixed(len) => *len,
                Length::Rest => rest.len(),
                Length::Member(of) => self.said_by(st, *of, scope).min(rest.len()),
                Length::MemberWords(of) => {
                    self.said_by(st, *of, scope).saturating_mul(4).min(rest.len())
                }
                Length::MemberBits(of) => self.said_by(st, *of, scope).div_ceil(8).min(rest.len()),
            },
            MemberKind::Array(count, size, ..) => {
                let fit = rest.len().checked_div(*size).unwrap_or(0);
                let count = match count {
                    Count::Fixed(n) => *n,
                    Count::Rest => fit,
                    Count::Member(of) => self.said_by(st, *of, scope),
                };
                count.min(fit).saturating_mul(*size)
            }
        })
    }

    /// The part of a member that means something, where another member says how much of its room that
    /// is; the elements up to the last that is not zero, where there is something beyond.
    fn used<'f>(
        &self,
        st: &Struct,
        member: &Member,
        field: &'f [u8],
        size: usize,
        scope: &Scope<'a, '_>,
    ) -> &'f [u8] {
        let Some(by) = member.used else { return field };
        let said = self.said_by(st, by, scope).saturating_mul(size).min(field.len());
        let last = field.iter().rposition(|b| *b != 0).map_or(0, |at| at.saturating_add(1));
        let len = last.next_multiple_of(size.max(1)).max(said);
        field.get(..len).unwrap_or(field)
    }

    /// The number in the member that another member's length or count refers to.
    pub(super) fn said_by(&self, st: &Struct, of: usize, scope: &Scope<'a, '_>) -> usize {
        let name = st.members.get(of).map(|m| &*m.name);
        let said = name.and_then(|name| scope.member(self.tables, name));
        said.and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    }

    fn bit_fields(&mut self, scalar: &'a Scalar, fields: &'a [BitField], field: &[u8]) {
        let big = scalar.order == Order::Big || cfg!(target_endian = "big");
        let mut left = wire::number(field, big);
        for bits in fields {
            let width = u32::from(bits.width).min(63);
            let mask = (1u64 << width).wrapping_sub(1);
            let v = if bits.order == Order::Big {
                (left & mask).swap_bytes() >> (64 - width)
            } else {
                left & mask
            };
            left >>= width;
            let names = bits.names.and_then(|id| self.tables.enumeration(id));
            let size = scalar.size;
            let value = match names {
                Some(set) => Value::named(v, size, set.name_of(v), set.label.as_deref()),
                None => Value::Uint { v, size, order: Order::Host, hint: bits.hint },
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
                    Some(st) => self.guarded(slot, at, field, Opaque::Unknown, st.guarded),
                    None => self.bytes(slot, field, Opaque::Unknown),
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
        let style = StructStyle::Members;
        let head = StructHead { name: "nla_bitfield32", short: false, fixed_header: false, style };
        self.visitor.struct_begin(slot, &head);
        for (name, word) in [("value", value), ("selector", selector)] {
            let v = u64::from(u32::from_ne_bytes(*word));
            let order = Order::Host;
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
                return self.short(slot, (st, short), bytes, at, scope);
            }
            self.issue(at, IssueKind::WrongSize { need: st.min_size, have: bytes.len() });
            return self.guarded(slot, at, bytes, Opaque::WrongSize, st.guarded);
        }
        let used = self.structure(slot, st, bytes, at, scope, false);
        let set = kind.1.and_then(|id| self.tables.set(id));
        let tail_at = if set.is_some() { wire::align(used.max(st.size)) } else { used };
        let Some(tail) = bytes.get(tail_at..).filter(|tail| !tail.is_empty()) else { return };
        let room = matches!(slot, Slot::Field(_)) && tail.iter().all(|b| *b == 0);
        if set.is_none() && room {
            // A member has room for the longest form.
            return;
        }
        let at = at.saturating_add(tail_at);
        match set {
            Some(set) => {
                // What the attributes choose by may stand in the struct before them.
                let scope = Scope::structure(st, bytes, scope);
                self.attributes(Some(set), true, tail, at, &scope);
            }
            None if st.padded && tail.iter().all(|b| *b == 0) => {}
            None => {
                self.issue(at, IssueKind::Trailing { len: tail.len() });
                let why = if st.show_tail { Opaque::Trailing } else { Opaque::Unreachable };
                // A key's length may say less than there is of it.
                self.guarded(Slot::Plain, at, tail, why, st.guarded);
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
        let Kind::Records { record, length: (length_at, length_size, order), of_body, align, body } =
            kind
        else {
            return;
        };
        let guarded = self.tables.holds(kind);
        let Some(st) = self.tables.structure(*record) else {
            return self.guarded(slot, at, bytes, Opaque::Unknown, guarded);
        };
        if bytes.len() < st.size {
            self.issue(at, IssueKind::WrongSize { need: st.size, have: bytes.len() });
            return self.guarded(slot, at, bytes, Opaque::WrongSize, guarded);
        }
        let length_of = |rest: &[u8]| {
            let field = rest.get(*length_at..length_at.saturating_add(usize::from(*length_size)));
            field
                .map(|f| wire::number(f, *order == Order::Big || cfg!(target_endian = "big")))
                .and_then(|n| usize::try_from(n).ok())
                .map(|n| if *of_body { n.saturating_add(st.size) } else { n })
        };
        self.list_in(slot);
        let many = length_of(bytes).is_some_and(|len| len < bytes.len());
        self.list_in(slot);
        self.visitor.list_begin(List::Records, many);
        let mut offset = 0usize;
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            let here = at.saturating_add(offset);
            let (Some(len), true) = (length_of(rest), rest.len() >= st.size) else {
                self.issue(here, IssueKind::ShortHeader { need: st.size, have: rest.len() });
                self.guarded(Slot::Plain, here, rest, Opaque::Trailing, guarded);
                break;
            };
            let own = rest.get(..len.min(rest.len())).unwrap_or(rest);
            let front = rest.get(..st.size).unwrap_or(rest);
            let follows = own.get(st.size..).filter(|follows| !follows.is_empty());
            let follows = body.as_ref().zip(follows);
            self.visitor.list_begin(List::Group, follows.is_some());
            if body.is_some() || own.len() < st.size {
                self.structure(Slot::Plain, st, front, here, scope, false);
            } else {
                let used = self.structure(Slot::Plain, st, own, here, scope, false);
                self.guarded_rest(Slot::Plain, here, own, used, guarded);
            }
            if *of_body && len > rest.len() {
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                self.issue(here, IssueKind::LengthTooLong { len, have: rest.len() });
            }
            if let Some((body, follows)) = follows {
                let at = here.saturating_add(st.size);
                // What follows may be chosen by the record.
                let scope = Scope::structure(st, front, scope);
                self.payload(Slot::Plain, body, follows, at, &scope);
            }
            self.visitor.list_end(List::Group, follows.is_some());
            let step = own.len().next_multiple_of(*align);
            if step == 0 {
                self.issue(here, IssueKind::LengthTooSmall { len: 0 });
                if let Some(lost) = rest.get(st.size..).filter(|lost| !lost.is_empty()) {
                    let at = here.saturating_add(st.size);
                    self.guarded(Slot::Plain, at, lost, Opaque::Unreachable, guarded);
                }
                break;
            }
            offset = offset.saturating_add(step);
        }
        self.visitor.list_end(List::Records, many);
    }
}
