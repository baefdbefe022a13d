//! What a payload's meaning may depend on: the message around it, and what stood before it.

use super::{Direction, Engine, Issue, IssueKind, Opaque, Slot, TextKind, Value, Visitor};
use crate::spec::model::{
    AttrSet, Kind, MAX_SELECTORS, MemberKind, Order, Renamed, Selector, SelectorId, Struct,
    StructId, Table, Tables, Union, When,
};
use crate::wire::attr::{self, Attrs};
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
    /// The command, in a generic family.
    pub(super) command: Option<u8>,
    /// Whether this is a request whose mistakes somebody wants to know.
    pub(super) checked: bool,
    /// Whether the kernel holds what is open to all its rules.
    pub(super) strict: bool,
    /// Whether the attribute that is open says that its number is in network order.
    pub(super) net_order: bool,
    /// Whether strace names none of the attributes here.
    pub(super) strace_unnamed: bool,
    /// Nothing describes the message, and key material may be in it.
    pub(super) hides_rest: bool,
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
    /// A row of a table, and the table's bytes.
    Row(&'a Table, &'a [u8], usize),
    /// Names of members that mean others around here.
    With(&'a [Renamed]),
    /// A set, and the payloads seen of attributes that selectors ask for.
    Set(Option<&'a AttrSet>, [Option<Seen<'a>>; MAX_SELECTORS]),
}

/// An attribute that a selector asks for.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    number: u16,
    /// Whether its type says that it is in network order.
    net_order: bool,
    payload: &'a [u8],
}

impl<'a> Seen<'a> {
    /// One as a list of a set has it.
    pub(super) fn new(set: Option<&AttrSet>, found: &attr::Attr<'a>) -> Self {
        let own_header = set.is_some_and(|set| set.header.is_some());
        Self {
            number: if own_header { found.raw_type } else { found.number() },
            net_order: !own_header && found.raw_type & attr::NET_BYTEORDER != 0,
            payload: found.payload,
        }
    }
}

/// What a selector found.
pub(super) struct Selected<'a> {
    /// The attribute's payload.
    pub(super) payload: &'a [u8],
    /// Whether it is a number in network order.
    pub(super) big_endian: bool,
}

impl<'a> Selected<'a> {
    pub(super) fn new(kind: Option<&Kind>, seen: Seen<'a>) -> Self {
        let big_endian = matches!(kind, Some(Kind::Scalar(scalar)) if scalar.order == Order::Big);
        Self { payload: seen.payload, big_endian: big_endian || seen.net_order }
    }

    /// The payload as text, and as a number if it can be one.
    pub(super) fn said(&self) -> (Option<&'a [u8]>, Option<i64>) {
        let big_endian = self.big_endian || cfg!(target_endian = "big");
        let number = matches!(self.payload.len(), 1 | 2 | 4 | 8)
            .then(|| wire::number(self.payload, big_endian).cast_signed());
        (Some(Value::text(self.payload, TextKind::CString)), number)
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

    pub(super) fn row(table: &'a Table, bytes: &'a [u8], row: usize, parent: &'s Self) -> Self {
        let depth = parent.depth.saturating_add(1);
        Self { parent: Some(parent), open: Open::Row(table, bytes, row), depth }
    }

    /// Keeps the payloads of a list that selectors ask for, before it is walked.
    pub(super) fn look_ahead(&mut self, set: &AttrSet, bytes: &'a [u8]) {
        if !set.has_selectors() {
            return;
        }
        for step in Attrs::with(bytes, super::attrs::header(set)) {
            if let Step::Element(found) = step {
                self.remember(Seen::new(Some(set), &found));
            }
        }
    }

    /// Keeps an attribute's payload for selectors that ask for it.
    pub(super) fn remember(&mut self, one: Seen<'a>) {
        let Open::Set(Some(set), seen) = &mut self.open else { return };
        if !set.is_selector(one.number) {
            return;
        }
        let slot = match seen.iter().position(|s| s.is_some_and(|s| s.number == one.number)) {
            Some(at) => seen.get_mut(at),
            None => seen.iter_mut().find(|s| s.is_none()),
        };
        if let Some(slot) = slot {
            *slot = Some(one);
        }
    }

    /// The attribute a selector asks for, in the innermost set that defines it.
    pub(super) fn selected(&self, id: SelectorId) -> Option<Selected<'a>> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Open::Set(Some(set), seen) = &here.open
                && let Some(number) = set.selector(id)
            {
                let found = seen.iter().flatten().find(|s| s.number == number)?;
                return Some(Selected::new(set.attr(number).map(|attr| &attr.kind), *found));
            }
            scope = here.parent;
        }
        None
    }

    /// The number in the named member of the innermost struct that has one.
    pub(super) fn member(&self, tables: &Tables, name: &'s str) -> Option<i64> {
        let mut name = name;
        let mut scope = Some(self);
        while let Some(here) = scope {
            let found = match &here.open {
                Open::Struct(st, bytes) => member(tables, st, bytes, name),
                Open::Row(table, bytes, row) => table.number(bytes, *row, name),
                Open::With(names) => {
                    let meant = names.iter().find(|renamed| *renamed.inner == *name);
                    name = meant.map_or(name, |renamed| &renamed.outer);
                    None
                }
                Open::Message | Open::Set(..) => None,
            };
            if found.is_some() {
                return found;
            }
            scope = here.parent;
        }
        None
    }
}

/// The number in a struct's named member; a name with dots is a path through structs within it.
pub(super) fn member(tables: &Tables, st: &Struct, bytes: &[u8], name: &str) -> Option<i64> {
    // Most names are no paths.
    let (member, within) = match st.member(name) {
        Some(member) => (member, None),
        None => {
            let (name, within) = name.split_once('.')?;
            (st.member(name)?, Some(within))
        }
    };
    let at = member.offset?;
    match (&member.kind, within) {
        (MemberKind::Scalar(scalar) | MemberKind::Bits(scalar, _), None) => {
            let field = bytes.get(at..at.checked_add(usize::from(scalar.size))?)?;
            Some(number(field, scalar.order))
        }
        (MemberKind::Shape(_, kind), Some(within)) => {
            let id = match kind {
                Kind::Struct(id, _) => *id,
                Kind::Union(id) => chosen(tables, tables.union(*id)?, st, bytes)?,
                _ => return None,
            };
            self::member(tables, tables.structure(id)?, bytes.get(at..)?, within)
        }
        _ => None,
    }
}

/// The struct that a union in a struct is, where members of that struct choose it.
fn chosen(tables: &Tables, union: &Union, st: &Struct, bytes: &[u8]) -> Option<StructId> {
    let said = union.selectors.iter().find_map(|selector| match selector {
        Selector::Struct(name) => member(tables, st, bytes, name),
        _ => None,
    })?;
    let format = union.formats.iter().find(|format| format.when.contains(&When::Number(said)))?;
    match format.kind {
        Kind::Struct(id, _) => Some(id),
        _ => None,
    }
}

fn number(field: &[u8], order: Order) -> i64 {
    wire::number(field, order == Order::Big || cfg!(target_endian = "big")).cast_signed()
}

impl Table {
    /// The number in a row's named column.
    fn number(&self, bytes: &[u8], row: usize, name: &str) -> Option<i64> {
        let column = self.columns.iter().find(|column| *column.name == *name)?;
        let Kind::Scalar(scalar) = &column.cell else { return None };
        let start = column.at.checked_add(row.checked_mul(column.size)?)?;
        Some(number(bytes.get(start..start.checked_add(column.size)?)?, scalar.order))
    }
}

impl<V: Visitor> Decoder<'_, V> {
    pub(super) fn issue(&mut self, at: usize, kind: IssueKind) {
        self.visitor.issue(&Issue { at, kind });
    }

    /// Shows bytes as bytes.
    pub(super) fn bytes(&mut self, slot: Slot<'_>, bytes: &[u8], why: Opaque) {
        self.visitor.value(slot, &Value::Bytes { bytes, why });
    }

    /// Whether no spec says anything of the message's family.
    pub(super) fn is_alien(&self) -> bool {
        std::ptr::eq(self.tables, self.engine.registry.bare())
    }

    /// Shows bytes of which nothing is known.
    pub(super) fn unknown_bytes(&mut self, bytes: &[u8]) {
        let why = if self.is_alien() { Opaque::Alien } else { Opaque::Unknown };
        self.bytes(Slot::Plain, bytes, why);
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
