//! Attributes: lists of them, and the forms of their payloads.

use super::context::{Decoder, Scope};
use super::{AttrHead, IssueKind, List, MAX_DEPTH, Opaque, Slot, Value, Visitor};
use crate::spec::model::{Attr, AttrSet, Format, Kind, Selector, TextKind, Union, When};
use crate::wire::attr::{self, Attrs};
use crate::wire::{self, Step};

/// How the elements of a list of attributes are decoded.
#[derive(Clone, Copy)]
enum Elements<'a> {
    /// By their number, in a set that may be unknown.
    Set(Option<&'a AttrSet>, bool),
    /// All alike; their types are indexes.
    Alike(&'a Kind),
    /// So many levels whose types are values, then a set.
    Levels(u8, &'a AttrSet),
}

impl<'a, V: Visitor> Decoder<'a, V> {
    /// A list of attributes of a set. `named` is false where even the kind of set is unknown.
    pub(super) fn attributes(
        &mut self,
        set: Option<&'a AttrSet>,
        named: bool,
        bytes: &'a [u8],
        at: usize,
        parent: &Scope<'a, '_>,
    ) {
        self.list(Elements::Set(set, named), bytes, at, parent);
    }

    fn list(&mut self, elements: Elements<'a>, bytes: &'a [u8], at: usize, parent: &Scope<'a, '_>) {
        if parent.depth >= MAX_DEPTH {
            self.issue(at, IssueKind::TooDeep);
            return self.bytes(Slot::Plain, bytes, Opaque::Unknown);
        }
        let set = match elements {
            Elements::Set(set, _) => set,
            _ => None,
        };
        let mut scope = Scope::set(set, parent);
        if let Some(set) = set {
            // What a payload is chosen by may stand after it.
            scope.look_ahead(set, bytes);
        }
        let mut many = None;
        for step in Attrs::new(bytes) {
            if many.is_none() {
                let more = matches!(step, Step::Element(first) if first.more);
                self.visitor.list_begin(List::Attributes, more);
                many = Some(more);
            }
            match step {
                Step::Element(found) => self.attribute(elements, found, at, &mut scope),
                Step::Trailing { at: offset, bytes } => {
                    let at = at.saturating_add(offset);
                    let need = attr::HEADER_LEN;
                    self.issue(at, IssueKind::ShortHeader { need, have: bytes.len() });
                    self.bytes(Slot::Plain, bytes, Opaque::Trailing);
                }
                Step::Unreachable { bytes, .. } => {
                    self.bytes(Slot::Plain, bytes, Opaque::Unreachable);
                }
            }
        }
        if let Some(many) = many {
            self.visitor.list_end(List::Attributes, many);
        }
    }

    fn attribute(
        &mut self,
        elements: Elements<'a>,
        found: attr::Attr<'a>,
        list_at: usize,
        scope: &mut Scope<'a, '_>,
    ) {
        let at = list_at.saturating_add(found.at);
        let number = found.number();
        let (known, label, named_set) = match elements {
            Elements::Set(set, named) => (
                set.and_then(|set| set.attr(number)),
                set.and_then(|set| set.label.as_deref()),
                named && set.is_some(),
            ),
            _ => (None, None, false),
        };
        self.visitor.attr_begin(&AttrHead {
            at,
            len: found.len,
            raw_type: found.raw_type,
            name: known.map(|a| &*a.c_name),
            label,
            named_set,
            payload: found.payload,
        });
        if usize::from(found.len) < attr::HEADER_LEN {
            self.issue(at, IssueKind::LengthTooSmall { len: u32::from(found.len) });
        } else if found.cut {
            let have = found.payload.len().saturating_add(attr::HEADER_LEN);
            self.issue(at, IssueKind::LengthTooLong { len: u32::from(found.len), have });
        }
        if known.is_none() && named_set {
            self.issue(at, IssueKind::UnknownAttribute { number });
        }
        let payload_at = at.saturating_add(attr::HEADER_LEN);
        if found.payload.is_empty() {
            if matches!(known, Some(Attr { kind: Kind::Flag, .. })) {
                self.visitor.value(Slot::Plain, &Value::Present);
            }
        } else {
            match (elements, known) {
                (Elements::Set(..), Some(known)) if known.secret => {
                    self.bytes(Slot::Plain, found.payload, Opaque::Secret);
                }
                (Elements::Set(..), Some(known)) if !matches!(known.kind, Kind::Unknown) => {
                    self.payload(Slot::Plain, &known.kind, found.payload, payload_at, scope);
                }
                (Elements::Set(..), _) => self.unknown(&found, payload_at, scope),
                (Elements::Alike(kind), _) => {
                    self.payload(Slot::Plain, kind, found.payload, payload_at, scope);
                }
                (Elements::Levels(0 | 1, set), _) => {
                    self.attributes(Some(set), true, found.payload, payload_at, scope);
                }
                (Elements::Levels(more, set), _) => {
                    let elements = Elements::Levels(more.saturating_sub(1), set);
                    self.list(elements, found.payload, payload_at, scope);
                }
            }
        }
        scope.remember(number, found.payload);
        self.visitor.attr_end();
    }

    /// An attribute that no spec describes: attributes if it says so and looks so, else bytes.
    fn unknown(&mut self, found: &attr::Attr<'a>, at: usize, scope: &Scope<'a, '_>) {
        let nested = found.raw_type & attr::NESTED != 0;
        if nested && Attrs::plausible(found.payload, attr::TYPE_MASK) {
            self.attributes(None, false, found.payload, at, scope);
        } else {
            self.bytes(Slot::Plain, found.payload, Opaque::Unknown);
        }
    }

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
            return self.bytes(slot, bytes, Opaque::Unknown);
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
                if bytes.len() < *size {
                    return self.wrong_size(slot, at, bytes, *size);
                }
                self.list_in(slot);
                self.elements(element, *size, *names, bytes, at, scope);
                let left = bytes.len().checked_rem(*size).unwrap_or(0);
                self.rest(slot, at, bytes, bytes.len().saturating_sub(left));
            }
            Kind::Nest(set) => {
                self.list_in(slot);
                self.attributes(self.tables.set(*set), true, bytes, at, scope);
            }
            Kind::Indexed(kind) => {
                self.list_in(slot);
                self.list(Elements::Alike(kind), bytes, at, scope);
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
                match tables.union(*id).map(|u| (u, self.choose(u, bytes, scope))) {
                    Some((_, Some(format))) => self.format(slot, format, bytes, at, scope),
                    _ => {
                        self.issue(at, IssueKind::NoFormat);
                        self.bytes(slot, bytes, Opaque::Unknown);
                    }
                }
            }
            Kind::Records { .. } => self.records(slot, kind, bytes, at, scope),
            Kind::With(kind, names) => {
                self.payload(slot, kind, bytes, at, &Scope::with(names, scope));
            }
            Kind::Differs(kinds) => {
                let (real, strace) = &**kinds;
                let kind = if V::STRACE { strace } else { real };
                self.payload(slot, kind, bytes, at, scope);
            }
            Kind::Bitfield32(names) => self.bitfield32(slot, *names, bytes, at),
        }
    }

    /// Announces the list that comes as a struct's member, where it is one.
    pub(super) fn list_in(&mut self, slot: Slot<'_>) {
        if let Slot::Field(name) = slot {
            self.visitor.field_begin(name);
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
            return self.wrong_size(slot, at, bytes, st.min_size);
        }
        let used = wire::align(self.structure(slot, st, bytes, at, scope, false));
        if let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let scope = Scope::structure(st, bytes, scope);
            self.payload(Slot::Plain, &format.kind, rest, at.saturating_add(used), &scope);
        }
    }

    /// The form that a union takes here.
    fn choose(
        &self,
        union: &'a Union,
        bytes: &'a [u8],
        scope: &Scope<'a, '_>,
    ) -> Option<&'a Format> {
        let mut text: Option<&[u8]> = None;
        let number = match &union.selector {
            Selector::Attr(id) => {
                let found = scope.selected(*id);
                text = found.as_ref().map(|f| Value::text(f.payload, TextKind::CString));
                found.and_then(|f| f.number())
            }
            Selector::Header(name) => {
                self.header.and_then(|(st, bytes)| super::context::member(st, bytes, name))
            }
            Selector::Struct(name) => scope.member(name),
            Selector::Request(name) => self.asked().and_then(|asked| asked.member(name)),
            Selector::RequestAttr(name) => {
                let found = self.asked().and_then(|asked| asked.attribute(name));
                text = found.as_ref().map(|f| Value::text(f.payload, TextKind::CString));
                found.and_then(|f| f.number())
            }
            Selector::Length => i64::try_from(bytes.len()).ok(),
            Selector::Value => Some(bytes)
                .filter(|b| matches!(b.len(), 1..=8))
                .map(|b| wire::number(b, cfg!(target_endian = "big")).cast_signed()),
            Selector::Direction => Some(i64::from(self.direction == super::Direction::Receive)),
            Selector::Message => Some(i64::from(self.nlmsghdr.ty)),
        };
        union.formats.iter().find(|format| {
            format.when.iter().any(|when| match when {
                When::Text(wanted) => text == Some(wanted.as_bytes()),
                When::Number(wanted) => number == Some(*wanted),
                When::Range(low, high) => number.is_some_and(|n| (*low..=*high).contains(&n)),
                When::Always => true,
            })
        })
    }
}
