//! Payloads: the form that a spec gives them, where need be chosen by what stands around.

use super::attrs::Elements;
use super::context::{Decoder, Scope};
use super::{IssueKind, MAX_DEPTH, Opaque, Slot, TextKind, Value, Visitor};
use crate::spec::model::{AttrSet, Format, Kind, Selector, Union, When};
use crate::wire;

impl<'a, V: Visitor> Decoder<'a, V> {
    /// A payload that is not empty, in the form that the spec gives.
    pub(super) fn payload(
        &mut self,
        slot: Slot<'_>,
        kind: &'a Kind,
        bytes: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        if scope.depth >= MAX_DEPTH {
            self.issue(at, IssueKind::TooDeep);
            let guarded = self.tables.holds(kind);
            return self.guarded(slot, at, bytes, Opaque::Unknown, guarded);
        }
        match kind {
            Kind::Unknown => self.bytes(slot, bytes, Opaque::Unknown),
            Kind::Flag => {
                self.issue(at, IssueKind::Trailing { len: bytes.len() });
                self.bytes(slot, bytes, Opaque::Trailing);
            }
            Kind::Scalar(scalar) => self.scalar(slot, scalar, bytes, at),
            Kind::Text(kind) => self.text(slot, *kind, bytes),
            Kind::Bytes => self.bytes(slot, bytes, Opaque::ByNature),
            Kind::Ipv4 => self.ipv4(slot, bytes, at),
            Kind::Ipv6 => self.ipv6(slot, bytes, at),
            Kind::Ip => self.ip(slot, bytes),
            Kind::Mac => self.visitor.value(slot, &Value::Mac { bytes, family: None }),
            Kind::HwAddress => {
                let family = self.address_family();
                self.visitor.value(slot, &Value::Mac { bytes, family });
            }
            Kind::Uuid => self.uuid(slot, bytes, at),
            Kind::Struct(id, then) => self.struct_payload(slot, (*id, *then), bytes, at, scope),
            Kind::Array(element, size, names) => {
                let guarded = self.tables.holds(kind);
                if bytes.len() < *size {
                    self.issue(at, IssueKind::WrongSize { need: *size, have: bytes.len() });
                    return self.guarded(slot, at, bytes, Opaque::WrongSize, guarded);
                }
                self.list_in(slot);
                self.elements(element, *size, *names, bytes, at, scope);
                let left = bytes.len().checked_rem(*size).unwrap_or(0);
                let used = bytes.len().saturating_sub(left);
                self.guarded_rest(slot, at, bytes, used, guarded);
            }
            Kind::Nest(set) => {
                self.list_in(slot);
                self.attributes(self.tables.set(*set), true, bytes, at, scope);
            }
            Kind::Indexed(kind, index, header) => {
                let names = index
                    .and_then(|index| Some((self.tables.enumeration(index.names)?, index.offset)));
                self.list_in(slot);
                self.list(Elements::Alike(kind, names, *header), bytes, at, scope);
            }
            Kind::TypeValue(levels, set) => match self.tables.set(*set) {
                Some(set) => {
                    self.list_in(slot);
                    self.list(Elements::Levels(*levels, set), bytes, at, scope);
                }
                None => self.bytes(slot, bytes, Opaque::Unknown),
            },
            Kind::Union(id) => {
                let tables = self.tables;
                let union = tables.union(*id);
                match union.and_then(|union| self.choose(union, bytes, scope)) {
                    Some(format) if format.secret && self.hides(slot, at, bytes) => {}
                    Some(format) => self.format(slot, format, bytes, at, scope),
                    None => {
                        self.issue(at, IssueKind::NoFormat);
                        let guarded = union.is_some_and(|union| union.guarded);
                        self.guarded(slot, at, bytes, Opaque::Unknown, guarded);
                    }
                }
            }
            Kind::Records { .. } => self.records(slot, kind, bytes, at, scope),
            Kind::Room(len, kind) => {
                let (own, room) = bytes.split_at_checked(*len).unwrap_or((bytes, &[]));
                let zeros = room.iter().all(|b| *b == 0);
                self.payload(slot, kind, if zeros { own } else { bytes }, at, scope);
            }
            Kind::Readable if is_text(bytes) => self.text(slot, TextKind::Attribute, bytes),
            Kind::Readable => self.bytes(slot, bytes, Opaque::Unknown),
            Kind::Pairs(style, keys) => self.pairs(slot, *style, *keys, bytes, scope.depth),
            // It means something only where there is a table around.
            Kind::Cut(_) => self.bytes(slot, bytes, Opaque::ByNature),
            Kind::With(kind, names) => {
                self.payload(slot, kind, bytes, at, &Scope::with(names, scope));
            }
            Kind::Differs(kinds) => {
                let (real, strace) = &**kinds;
                let kind = if V::STRACE { strace } else { real };
                self.payload(slot, kind, bytes, at, scope);
            }
            Kind::Bitfield32(names) => self.bitfield32(slot, *names, bytes, at),
            Kind::Bitmap(names, word) => self.bitmap(slot, *names, *word, bytes, at),
            Kind::Command(scalar, family, side) => {
                let tables = match family {
                    Some(id) => self.family_tables(scope.selected(*id).map(|found| found.payload)),
                    None => Some(self.tables),
                };
                self.command(slot, scalar, tables, *side, bytes, at);
            }
        }
    }

    /// Names the struct's member that the list which comes next stands in.
    pub(super) fn list_in(&mut self, slot: Slot<'_>) {
        if let Slot::Field(name) = slot {
            self.visitor.field_begin(name);
        }
    }

    /// Whether an attribute without payload says all by being there.
    pub(super) fn is_flag(&self, kind: &'a Kind, scope: &Scope<'a, '_>) -> bool {
        match kind {
            Kind::Flag => true,
            Kind::Union(id) => {
                let format = self.tables.union(*id).and_then(|u| self.choose(u, &[], scope));
                format.is_some_and(|f| f.header.is_none() && matches!(f.kind, Kind::Flag))
            }
            Kind::Differs(kinds) => {
                self.is_flag(if V::STRACE { &kinds.1 } else { &kinds.0 }, scope)
            }
            _ => false,
        }
    }

    /// The set that attributes within would be of, were there any.
    pub(super) fn set_within(&self, kind: &'a Kind, scope: &Scope<'a, '_>) -> Option<&'a AttrSet> {
        match kind {
            Kind::Nest(id) => self.tables.set(*id),
            Kind::With(kind, _) => self.set_within(kind, scope),
            Kind::Differs(kinds) => self.set_within(&kinds.0, scope),
            Kind::Union(id) => match self.choose(self.tables.union(*id)?, &[], scope)? {
                Format { header: None, kind: Kind::Nest(id), .. } => self.tables.set(*id),
                _ => None,
            },
            _ => None,
        }
    }

    fn format(
        &mut self,
        slot: Slot<'_>,
        format: &'a Format,
        bytes: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let Some(st) = format.header.and_then(|id| self.tables.structure(id)) else {
            return self.payload(slot, &format.kind, bytes, at, scope);
        };
        if bytes.len() < st.min_size {
            self.issue(at, IssueKind::WrongSize { need: st.min_size, have: bytes.len() });
            let guarded = st.guarded || self.tables.holds(&format.kind);
            return self.guarded(slot, at, bytes, Opaque::WrongSize, guarded);
        }
        let used = wire::align(self.structure(slot, st, bytes, at, scope, false).max(st.size));
        if let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let scope = Scope::structure(st, bytes, scope);
            self.payload(Slot::Plain, &format.kind, rest, at.saturating_add(used), &scope);
        }
    }

    /// The form that a union takes here: that of the first selector which has one of its own, else
    /// the one for all others.
    pub(super) fn choose(
        &self,
        union: &'a Union,
        bytes: &'a [u8],
        scope: &Scope<'a, '_>,
    ) -> Option<&'a Format> {
        for selector in &union.selectors {
            let (text, number) = self.selected(selector, bytes, scope);
            let holds = |when: &When| match when {
                When::Text(wanted) => text == Some(wanted.as_bytes()),
                When::Number(wanted) => number == Some(*wanted),
                When::Range(low, high) => number.is_some_and(|n| (*low..=*high).contains(&n)),
                When::Always => false,
            };
            if let Some(format) = union.formats.iter().find(|f| f.when.iter().any(holds)) {
                return Some(format);
            }
        }
        union.formats.iter().find(|format| format.when.contains(&When::Always))
    }

    /// What a selector finds: text, a number.
    fn selected(
        &self,
        selector: &Selector,
        bytes: &[u8],
        scope: &Scope<'a, '_>,
    ) -> (Option<&'a [u8]>, Option<i64>) {
        let number = match selector {
            Selector::Attr(id) => {
                let found = scope.selected(*id);
                return found.map_or((None, None), |found| found.said());
            }
            Selector::Header(name) => self
                .header
                .and_then(|(st, bytes)| super::context::member(self.tables, st, bytes, name)),
            Selector::Struct(name) => scope.member(self.tables, name),
            Selector::Request(name) => {
                self.asked().and_then(|asked| asked.member(self.tables, name))
            }
            Selector::RequestAttr(name) => {
                let found = self.asked().and_then(|asked| asked.attribute(name));
                return found.map_or((None, None), |found| found.said());
            }
            Selector::Length => i64::try_from(bytes.len()).ok(),
            Selector::Direction => Some(i64::from(self.direction == super::Direction::Receive)),
            Selector::Value => Some(bytes)
                .filter(|b| matches!(b.len(), 1..=8))
                .map(|b| wire::number(b, cfg!(target_endian = "big")).cast_signed()),
            Selector::Message => Some(i64::from(self.nlmsghdr.ty)),
            Selector::Command => self.command.map(i64::from),
        };
        (None, number)
    }
}

/// Whether bytes are text that people write: printable, with a NUL at the end at most.
fn is_text(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes.strip_suffix(&[0]).unwrap_or(bytes));
    text.is_ok_and(|text| {
        !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t'))
    })
}
