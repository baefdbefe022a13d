//! What a payload's meaning may depend on: the message around it, and what stood before it.

use super::{Direction, Engine, Issue, IssueKind, Opaque, Slot, Value, Visitor};
use crate::spec::model::{
    AttrSet, Kind, MAX_SELECTORS, MemberKind, Order, Renamed, SelectorId, Struct, Tables,
};
use crate::wire::attr::Attrs;
use crate::wire::message::Nlmsghdr;
use crate::wire::{self, Step};

/// The decoder of one message.
pub(super) struct Decoder<'a, V> {
    pub(super) engine: Engine<'a>,
    /// The tables of the message's protocol or generic family.
    pub(super) tables: &'a Tables,
    pub(super) protocol: u32,
    pub(super) direction: Direction,
    /// The message's header; all zero where the protocol has none.
    pub(super) nlmsghdr: Nlmsghdr,
    /// The fixed header.
    pub(super) header: Option<(&'a Struct, &'a [u8])>,
    pub(super) visitor: &'a mut V,
}

/// What is open around a payload, innermost first.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a, 's> {
    pub(super) parent: Option<&'s Self>,
    pub(super) open: Open<'a>,
    pub(super) depth: usize,
}

#[derive(Clone, Copy)]
pub(super) enum Open<'a> {
    Message,
    Struct(&'a Struct, &'a [u8]),
    /// Names of members that mean others around here.
    With(&'a [Renamed]),
    /// A set, and the payloads seen of attributes that selectors ask for.
    Set(Option<&'a AttrSet>, [Option<(u16, &'a [u8])>; MAX_SELECTORS]),
}

/// What a selector found.
pub(super) struct Selected<'a> {
    /// The attribute's payload.
    pub(super) payload: &'a [u8],
    /// Whether it is a number in network order.
    pub(super) big_endian: bool,
}

impl<'a> Selected<'a> {
    pub(super) fn new(kind: Option<&Kind>, payload: &'a [u8]) -> Self {
        let big_endian = matches!(kind, Some(Kind::Scalar(scalar)) if scalar.order == Order::Big);
        Self { payload, big_endian }
    }

    /// The payload as a number, if it can be one.
    pub(super) fn number(&self) -> Option<i64> {
        let big_endian = self.big_endian || cfg!(target_endian = "big");
        matches!(self.payload.len(), 1 | 2 | 4 | 8)
            .then(|| wire::number(self.payload, big_endian).cast_signed())
    }
}

impl<'a, 's> Scope<'a, 's> {
    pub(super) const fn message(depth: usize) -> Self {
        Self { parent: None, open: Open::Message, depth }
    }

    pub(super) fn set(set: Option<&'a AttrSet>, parent: &'s Self) -> Self {
        let depth = parent.depth.saturating_add(1);
        Self { parent: Some(parent), open: Open::Set(set, [None; MAX_SELECTORS]), depth }
    }

    pub(super) fn with(names: &'a [Renamed], parent: &'s Self) -> Self {
        Self { parent: Some(parent), open: Open::With(names), depth: parent.depth }
    }

    pub(super) fn structure(st: &'a Struct, bytes: &'a [u8], parent: &'s Self) -> Self {
        let depth = parent.depth.saturating_add(1);
        Self { parent: Some(parent), open: Open::Struct(st, bytes), depth }
    }

    /// Keeps the payloads of a list that selectors ask for, before it is walked.
    pub(super) fn look_ahead(&mut self, set: &AttrSet, bytes: &'a [u8]) {
        if !set.has_selectors() {
            return;
        }
        for step in Attrs::new(bytes) {
            if let Step::Element(found) = step {
                self.remember(found.number(), found.payload);
            }
        }
    }

    /// Keeps an attribute's payload for selectors that ask for it.
    pub(super) fn remember(&mut self, number: u16, payload: &'a [u8]) {
        let Open::Set(Some(set), seen) = &mut self.open else { return };
        if !set.is_selector(number) {
            return;
        }
        let slot = match seen.iter().position(|s| s.is_some_and(|(n, _)| n == number)) {
            Some(at) => seen.get_mut(at),
            None => seen.iter_mut().find(|s| s.is_none()),
        };
        if let Some(slot) = slot {
            *slot = Some((number, payload));
        }
    }

    /// The attribute a selector asks for, in the innermost set that defines it.
    pub(super) fn selected(&self, id: SelectorId) -> Option<Selected<'a>> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Open::Set(Some(set), seen) = &here.open
                && let Some(number) = set.selector(id)
            {
                let (_, payload) = seen.iter().flatten().find(|(n, _)| *n == number)?;
                return Some(Selected::new(set.attr(number).map(|attr| &attr.kind), payload));
            }
            scope = here.parent;
        }
        None
    }

    /// The number in the named member of the innermost struct that has one.
    pub(super) fn member(&self, name: &'s str) -> Option<i64> {
        let mut name = name;
        let mut scope = Some(self);
        while let Some(here) = scope {
            match &here.open {
                Open::Struct(st, bytes) => {
                    if let Some(number) = member(st, bytes, name) {
                        return Some(number);
                    }
                }
                Open::With(names) => {
                    let meant = names.iter().find(|renamed| *renamed.inner == *name);
                    name = meant.map_or(name, |renamed| &renamed.outer);
                }
                Open::Message | Open::Set(..) => {}
            }
            scope = here.parent;
        }
        None
    }
}

/// The number in a struct's named member.
pub(super) fn member(st: &Struct, bytes: &[u8], name: &str) -> Option<i64> {
    let member = st.member(name)?;
    let MemberKind::Scalar(scalar) = &member.kind else { return None };
    let at = member.offset?;
    let field = bytes.get(at..at.checked_add(usize::from(scalar.size))?)?;
    Some(
        wire::number(field, scalar.order == Order::Big || cfg!(target_endian = "big"))
            .cast_signed(),
    )
}

impl<V: Visitor> Decoder<'_, V> {
    pub(super) fn issue(&mut self, at: usize, kind: IssueKind) {
        self.visitor.issue(&Issue { at, kind });
    }

    /// Shows bytes as bytes.
    pub(super) fn bytes(&mut self, slot: Slot<'_>, bytes: &[u8], why: Opaque) {
        self.visitor.value(slot, &Value::Bytes { bytes, why });
    }

    /// Shows the rest of a payload that its value leaves, if there is one. In a struct's member,
    /// which has room for the longest form, zeros are no rest.
    pub(super) fn rest(&mut self, slot: Slot<'_>, at: usize, bytes: &[u8], used: usize) {
        let room = matches!(slot, Slot::Field(_));
        let counts = |rest: &&[u8]| {
            if room { rest.iter().any(|b| *b != 0) } else { !rest.is_empty() }
        };
        if let Some(rest) = bytes.get(used..).filter(counts) {
            self.issue(at.saturating_add(used), IssueKind::Trailing { len: rest.len() });
            self.bytes(Slot::Plain, rest, Opaque::Unreachable);
        }
    }

    /// Shows bytes of a size that their type does not have.
    pub(super) fn wrong_size(&mut self, slot: Slot<'_>, at: usize, bytes: &[u8], need: usize) {
        self.issue(at, IssueKind::WrongSize { need, have: bytes.len() });
        self.bytes(slot, bytes, Opaque::WrongSize);
    }

    /// The address family of the message: its fixed header's first byte, where that is one.
    pub(super) fn address_family(&self) -> Option<u64> {
        let (st, bytes) = self.header?;
        let first = st.members.first()?;
        if !first.name.ends_with("family") {
            return None;
        }
        bytes.first().map(|b| u64::from(*b))
    }
}
