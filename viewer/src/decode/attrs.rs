//! Attributes: lists of them, by whatever says what they are.

use super::checks::Met;
use super::context::{Decoder, Scope, Seen};
use super::policy::{self, Form, Policy};
use super::{AttrHead, IssueKind, List, MAX_DEPTH, Opaque, Order, Slot, Value, Visitor};
use crate::spec::model::{AttrSet, ElementHeader, Enum, Kind};
use crate::wire::Step;
use crate::wire::attr::{self, Attrs};

/// How the elements of a list of attributes are decoded.
#[derive(Clone, Copy)]
pub(super) enum Elements<'a> {
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
    pub(super) fn header(self) -> Option<attr::Header> {
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

    /// A list of lists of such attributes.
    pub(super) fn ruled_array(
        &mut self,
        policy: &'a Policy,
        rules: policy::Set,
        bytes: &'a [u8],
        at: usize,
        parent: &Scope<'a, '_>,
    ) {
        self.list(Elements::RuledAlike(policy, rules), bytes, at, parent);
    }

    /// Whether key material may be in such a list.
    #[cold]
    fn holds(&self, elements: Elements<'_>) -> bool {
        match elements {
            Elements::Set(set, _) => set.is_some_and(|set| set.guarded),
            Elements::Alike(kind, ..) => self.tables.holds(kind),
            Elements::Levels(_, set) => set.guarded,
            Elements::Ruled(..) | Elements::RuledAlike(..) => false,
        }
    }

    pub(super) fn list(
        &mut self,
        elements: Elements<'a>,
        bytes: &'a [u8],
        at: usize,
        parent: &Scope<'a, '_>,
    ) {
        if parent.depth >= MAX_DEPTH {
            self.issue(at, IssueKind::TooDeep);
            return self.guarded(Slot::Plain, at, bytes, Opaque::Unknown, self.holds(elements));
        }
        let set = elements.set();
        let mut scope = Scope::set(set, parent);
        if let Some(set) = set {
            // What a payload is chosen by may stand after it.
            scope.look_ahead(set, bytes);
            if V::PLACES {
                self.visitor.set_of(set);
            }
        }
        let own_header = elements.header();
        let header_len = own_header.map_or(attr::HEADER_LEN, |header| header.len());
        let mut many = None;
        let mut met = self.checks().then(|| Met::new(bytes));
        for step in Attrs::with(bytes, own_header) {
            if many.is_none() {
                let more = matches!(step, Step::Element(first) if first.more);
                self.visitor.list_begin(List::Attributes, more);
                many = Some(more);
            }
            match step {
                Step::Element(found) => {
                    self.attribute(elements, own_header, found, at, &mut scope, met.as_mut());
                }
                Step::Trailing { at: offset, bytes } => {
                    let at = at.saturating_add(offset);
                    let need = header_len;
                    self.issue(at, IssueKind::ShortHeader { need, have: bytes.len() });
                    let guarded = self.holds(elements);
                    self.guarded(Slot::Plain, at, bytes, Opaque::Trailing, guarded);
                }
                Step::Unreachable { at: offset, bytes } => {
                    let at = at.saturating_add(offset);
                    let guarded = self.holds(elements);
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
        met: Option<&mut Met<'_>>,
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
        let outer_strict = self.strict;
        if let Some(met) = met {
            self.check_attribute(elements, &found, at, met, scope);
            // What a sub-message is belongs to other code, with rules of its own.
            let of_others = known.is_some_and(|known| matches!(known.kind, Kind::Union(_)));
            let said = known.and_then(|known| known.strict);
            self.strict = said.unwrap_or(self.strict && !of_others);
        }
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
            if V::PLACES
                && let Some(set) = kind.and_then(|kind| self.set_within(kind, scope))
            {
                self.visitor.set_of(set);
            }
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
        self.strict = outer_strict;
        if let Some(set) = set.filter(|set| set.has_selectors()) {
            scope.remember(Seen::new(Some(set), &found));
        }
        self.visitor.attr_end();
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
}
