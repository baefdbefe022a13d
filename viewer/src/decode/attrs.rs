//! Attributes: lists of them, and the forms of their payloads.

use super::context::{Decoder, Scope, Seen};
use super::policy::{self, Form, Rule};
use super::scalar::sign_extend;
use super::{
    AttrHead, Hint, IssueKind, List, MAX_DEPTH, Opaque, Order, Policy, Slot, Value, Visitor,
};
use crate::spec::model::{
    AttrSet, ElementHeader, Enum, Format, Kind, Selector, TextKind, Union, When,
};
use crate::wire::attr::{self, Attrs};
use crate::wire::{self, Step};

/// How the elements of a list of attributes are decoded.
#[derive(Clone, Copy)]
enum Elements<'a> {
    /// By their number, in a set that may be unknown.
    Set(Option<&'a AttrSet>, bool),
    /// All alike; their types are indexes, which may have names.
    Alike(&'a Kind, Option<(&'a Enum, i64)>, Option<ElementHeader>),
    /// So many levels whose types are values, then a set.
    Levels(u8, &'a AttrSet),
    /// By their number, by the kernel's own rules.
    Ruled(&'a Policy, policy::Set),
    /// All alike by such rules; their types are indexes.
    RuledAlike(&'a Policy, policy::Set),
}

impl<'a> Elements<'a> {
    const fn set(self) -> Option<&'a AttrSet> {
        match self {
            Self::Set(set, _) => set,
            _ => None,
        }
    }

    /// How they begin, if they are no attributes of netlink's.
    fn header(self) -> Option<attr::Header> {
        match self {
            Self::Set(set, _) => set.and_then(header),
            Self::Alike(.., header) => header.map(on_the_wire),
            Self::Levels(..) | Self::Ruled(..) | Self::RuledAlike(..) => None,
        }
    }
}

/// How the elements of a set begin, if they are no attributes of netlink's.
pub(super) fn header(set: &AttrSet) -> Option<attr::Header> {
    set.header.map(on_the_wire)
}

fn on_the_wire(header: ElementHeader) -> attr::Header {
    attr::Header {
        type_len: header.type_len,
        length_len: header.length_len,
        length_first: header.length_first,
        big_endian: header.order == Order::Big,
        counts_header: header.counts_header,
        align: header.align,
    }
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

    /// A list of attributes that have rules instead of a spec.
    pub(super) fn ruled(
        &mut self,
        policy: &'a Policy,
        rules: policy::Set,
        bytes: &'a [u8],
        at: usize,
        parent: &Scope<'a, '_>,
    ) {
        self.list(Elements::Ruled(policy, rules), bytes, at, parent);
    }

    fn list(&mut self, elements: Elements<'a>, bytes: &'a [u8], at: usize, parent: &Scope<'a, '_>) {
        let guarded = match elements {
            Elements::Set(set, _) => set.is_some_and(|set| set.guarded),
            Elements::Alike(kind, ..) => self.tables.holds(kind),
            Elements::Levels(_, set) => set.guarded,
            Elements::Ruled(..) | Elements::RuledAlike(..) => false,
        };
        if parent.depth >= MAX_DEPTH {
            self.issue(at, IssueKind::TooDeep);
            return self.guarded(Slot::Plain, at, bytes, Opaque::Unknown, guarded);
        }
        let set = elements.set();
        let mut scope = Scope::set(set, parent);
        if let Some(set) = set {
            // What a payload is chosen by may stand after it.
            scope.look_ahead(set, bytes);
        }
        let own_header = elements.header();
        let header_len = own_header.map_or(attr::HEADER_LEN, |header| header.len());
        let mut many = None;
        for step in Attrs::with(bytes, own_header) {
            if many.is_none() {
                let more = matches!(step, Step::Element(first) if first.more);
                self.visitor.list_begin(List::Attributes, more);
                many = Some(more);
            }
            match step {
                Step::Element(found) => {
                    self.attribute(elements, own_header, found, at, &mut scope);
                }
                Step::Trailing { at: offset, bytes } => {
                    let at = at.saturating_add(offset);
                    let need = header_len;
                    self.issue(at, IssueKind::ShortHeader { need, have: bytes.len() });
                    self.guarded(Slot::Plain, at, bytes, Opaque::Trailing, guarded);
                }
                Step::Unreachable { at: offset, bytes } => {
                    let at = at.saturating_add(offset);
                    self.guarded(Slot::Plain, at, bytes, Opaque::Unreachable, guarded);
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
        own_header: Option<attr::Header>,
        found: attr::Attr<'a>,
        list_at: usize,
        scope: &mut Scope<'a, '_>,
    ) {
        let at = list_at.saturating_add(found.at);
        let number = if own_header.is_some() { found.raw_type } else { found.number() };
        let header_len = own_header.map_or(attr::HEADER_LEN, |header| header.len());
        // What the length does not count.
        let uncounted = own_header.map_or(0, |h| if h.counts_header { 0 } else { h.len() });
        let len = usize::from(found.len).saturating_add(uncounted);
        let (set, named_set) = match elements {
            Elements::Set(set, named) => (set, named && set.is_some()),
            _ => (None, false),
        };
        let known = set.and_then(|set| set.attr(number));
        let indexes = match elements {
            Elements::Alike(_, names, _) => names,
            _ => None,
        };
        let name = match indexes {
            Some((names, offset)) => {
                names.name_of(i64::from(number).saturating_add(offset).cast_unsigned())
            }
            None => known.map(|attr| &*attr.c_name),
        };
        let label = match indexes {
            Some((names, _)) => names.label.as_deref(),
            None => set.and_then(|set| set.label.as_deref()),
        };
        // Nor does strace call an attribute unknown where it knows none.
        let label = label.filter(|_| !(V::STRACE && self.strace_unnamed));
        let flags = set.and_then(|set| set.type_flags).and_then(|(mask, names)| {
            let bits = u64::from(number & mask);
            self.tables.enumeration(names).filter(|_| bits != 0).map(|names| (names, bits))
        });
        self.visitor.attr_begin(&AttrHead {
            at,
            len: found.len,
            raw_type: found.raw_type,
            name,
            label,
            flags,
            named_set,
            own_header: own_header.is_some(),
            payload: found.payload,
        });
        if len < header_len {
            self.issue(at, IssueKind::LengthTooSmall { len: u32::from(found.len) });
        } else if found.cut {
            let have = found.payload.len().saturating_add(header_len).saturating_sub(uncounted);
            self.issue(at, IssueKind::LengthTooLong { len: u32::from(found.len), have });
        }
        if known.is_none() && named_set {
            self.issue(at, IssueKind::UnknownAttribute { number });
        }
        let payload_at = at.saturating_add(header_len);
        // strace takes no notice of the bit where it decodes attributes.
        let net_order = own_header.is_none()
            && found.raw_type & attr::NET_BYTEORDER != 0
            && (!V::STRACE || self.strace_unnamed);
        let outer = std::mem::replace(&mut self.net_order, net_order);
        if found.payload.is_empty() {
            let kind = match elements {
                Elements::Alike(kind, ..) => Some(kind),
                _ => known.map(|attr| &attr.kind),
            };
            let rule = match elements {
                Elements::Ruled(policy, rules) => policy.rule(rules, number),
                _ => None,
            };
            let is_flag = rule.is_some_and(|rule| rule.form == Form::Flag);
            if is_flag || kind.is_some_and(|kind| self.is_flag(kind, scope)) {
                self.visitor.value(Slot::Plain, &Value::Present);
            }
        } else {
            match (elements, known) {
                (Elements::Set(..), Some(known))
                    if known.secret && self.hides(Slot::Plain, payload_at, found.payload) => {}
                (Elements::Set(..), Some(known)) if !matches!(known.kind, Kind::Unknown) => {
                    self.payload(Slot::Plain, &known.kind, found.payload, payload_at, scope);
                }
                (Elements::Set(..), _) if own_header.is_some() => {
                    self.bytes(Slot::Plain, found.payload, Opaque::Unknown);
                }
                (Elements::Set(..), _) => self.unknown(&found, payload_at, scope),
                (Elements::Ruled(policy, rules), _) => {
                    let rule = policy.rule(rules, number);
                    if !rule
                        .is_some_and(|rule| self.by_rule(policy, rule, &found, payload_at, scope))
                    {
                        self.unknown(&found, payload_at, scope);
                    }
                }
                (Elements::RuledAlike(policy, rules), _) => {
                    self.ruled(policy, rules, found.payload, payload_at, scope);
                }
                (Elements::Alike(kind, ..), _) => {
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
        self.net_order = outer;
        scope.remember(Seen::new(elements.set(), &found));
        self.visitor.attr_end();
    }

    /// A payload in the form that the kernel asks for, if it has that: answers may differ from the
    /// requests that rules are for. Returns whether it has.
    fn by_rule(
        &mut self,
        policy: &'a Policy,
        rule: Rule,
        found: &attr::Attr<'a>,
        at: usize,
        scope: &Scope<'a, '_>,
    ) -> bool {
        let payload = found.payload;
        let order = match found.raw_type & attr::NET_BYTEORDER {
            0 => Order::Host,
            _ => Order::Big,
        };
        let size = u8::try_from(payload.len()).unwrap_or(u8::MAX);
        let number = || wire::number(payload, order == Order::Big || cfg!(target_endian = "big"));
        let hint = Hint::None;
        let fits = match rule.form {
            Form::Unsigned(len) | Form::Signed(len) => payload.len() == len,
            Form::AnyUnsigned | Form::AnySigned => matches!(payload.len(), 4 | 8),
            Form::Nested | Form::NestedArray => Attrs::plausible(payload, attr::TYPE_MASK),
            Form::Bitfield32 => payload.len() == 8,
            Form::Text | Form::Binary => true,
            Form::Flag => false,
        };
        if !fits {
            return false;
        }
        match (rule.form, rule.within) {
            (Form::Unsigned(_) | Form::AnyUnsigned, _) => {
                self.visitor.value(Slot::Plain, &Value::Uint { v: number(), size, order, hint });
            }
            (Form::Signed(_) | Form::AnySigned, _) => {
                let v = sign_extend(number(), payload.len());
                self.visitor.value(Slot::Plain, &Value::Int { v, size, order, hint });
            }
            (Form::Text, _) => self.text(Slot::Plain, TextKind::Attribute, payload),
            (Form::Bitfield32, _) => self.bitfield32(Slot::Plain, None, payload, at),
            (Form::Nested, Some(rules)) => self.ruled(policy, rules, payload, at, scope),
            (Form::NestedArray, Some(rules)) => {
                self.list(Elements::RuledAlike(policy, rules), payload, at, scope);
            }
            (Form::Nested | Form::NestedArray, None) => {
                self.attributes(None, false, payload, at, scope);
            }
            (Form::Binary | Form::Flag, _) => {
                self.bytes(Slot::Plain, payload, Opaque::ByNature);
            }
        }
        true
    }

    /// An attribute that no spec describes: attributes if it says so and looks so, else bytes. In a
    /// family of which nothing is known it is enough that it can hardly be anything else.
    fn unknown(&mut self, found: &attr::Attr<'a>, at: usize, scope: &Scope<'a, '_>) {
        let nested =
            found.raw_type & attr::NESTED != 0 && Attrs::plausible(found.payload, attr::TYPE_MASK);
        if nested || (self.is_alien() && Attrs::likely(found.payload)) {
            self.attributes(None, false, found.payload, at, scope);
        } else {
            self.unknown_bytes(found.payload);
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
                let number =
                    found.as_ref().filter(|f| matches!(f.payload.len(), 1 | 2 | 4 | 8)).map(|f| {
                        let big_endian = f.big_endian || cfg!(target_endian = "big");
                        wire::number(f.payload, big_endian).cast_signed()
                    });
                return (found.map(|f| Value::text(f.payload, TextKind::CString)), number);
            }
            Selector::Header(name) => self
                .header
                .and_then(|(st, bytes)| super::context::member(self.tables, st, bytes, name)),
            Selector::Struct(name) => scope.member(self.tables, name),
            // Requests are not joined with their answers here.
            Selector::Request(_) => None,
            Selector::Length => i64::try_from(bytes.len()).ok(),
            Selector::Direction => Some(i64::from(self.direction == super::Direction::Receive)),
            Selector::Message => Some(i64::from(self.message_type)),
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
