//! Messages: header, family, operation; what follows is [`super::body`]'s.

use super::checks;
use super::context::{Decoder, Scope};
use super::value::Part;
use super::{
    Direction, Engine, IssueKind, List, MAX_DEPTH, MessageHead, Opaque, Order, Slot, Value, Visitor,
};
use crate::spec::model::{Class, Condition, EnumId, Operation};
use crate::wire::Step;
use crate::wire::message::{self, DONE, DUMP, ERROR, MIN_TYPE, Message, Messages, Nlmsghdr};

/// `NETLINK_GENERIC`: message types are families, of run-time numbers.
pub const GENERIC: u32 = crate::spec::GENERIC;
/// The controller's number.
pub(super) const NLCTRL_ID: u16 = 0x10;
/// Length of a `struct genlmsghdr`.
pub(super) const GENL_HEADER_LEN: usize = 4;

/// Which messages of a datagram are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wanted<'p> {
    /// All.
    #[default]
    All,
    /// Those for which it says so, from the first on. What comes after the last message belongs to it.
    Parts(&'p [bool]),
}

impl<'p> Wanted<'p> {
    /// What is looked at of messages for which it says so; None if nothing is.
    #[must_use]
    pub fn of(parts: &'p [bool]) -> Option<Self> {
        match (parts.contains(&true), parts.contains(&false)) {
            (false, _) => None,
            (true, false) => Some(Self::All),
            (true, true) => Some(Self::Parts(parts)),
        }
    }

    /// Whether the message with this number, from 0, is looked at.
    #[must_use]
    pub fn has(self, part: usize) -> bool {
        match self {
            Self::All => true,
            Self::Parts(wanted) => wanted.get(part).or(wanted.last()).copied().unwrap_or(false),
        }
    }
}

/// Decodes the bytes that one call moved on a socket of a protocol.
pub fn datagram<V: Visitor>(
    engine: &Engine<'_>,
    protocol: u32,
    direction: Direction,
    bytes: &[u8],
    visitor: &mut V,
) {
    wanted(engine, protocol, direction, bytes, Wanted::All, visitor);
}

/// Decodes some of the messages that one call moved; the others are passed over.
pub fn wanted<V: Visitor>(
    engine: &Engine<'_>,
    protocol: u32,
    direction: Direction,
    bytes: &[u8],
    wanted: Wanted<'_>,
    visitor: &mut V,
) {
    let tables = engine.registry.protocol(protocol);
    if let Some(tables) = tables.filter(|tables| !tables.framed()) {
        let mut decoder = Decoder {
            engine: *engine,
            tables,
            protocol,
            direction,
            nlmsghdr: Nlmsghdr::default(),
            command: None,
            checked: false,
            strict: false,
            net_order: false,
            strace_unnamed: false,
            hides_rest: false,
            header: None,
            visitor,
        };
        return decoder.unframed(bytes);
    }
    let short = tables.is_some_and(|tables| tables.has_short_lengths())
        && direction == Direction::Receive
        && !V::STRACE;
    if let Some(found) = short.then(|| without_header_length(bytes)).flatten() {
        visitor.list_begin(List::Messages, false);
        one(engine, protocol, direction, &found, 0, 0, false, visitor);
        return visitor.list_end(List::Messages, false);
    }
    let mut many = None;
    let mut part = 0;
    // Whether what cannot be told from the last message may be key material.
    let mut guarded = tables.is_some_and(|tables| tables.is_guarded());
    for step in Messages::new(bytes) {
        if many.is_none() {
            let more = matches!(step, Step::Element(first) if first.more);
            visitor.list_begin(List::Messages, more);
            many = Some(more);
        }
        if !wanted.has(part) {
            part = part.saturating_add(usize::from(matches!(step, Step::Element(_))));
            continue;
        }
        let (at, bytes, why) = match step {
            Step::Element(found) => {
                guarded = one(engine, protocol, direction, &found, part, 0, false, visitor);
                if V::CHECKS && direction == Direction::Send {
                    checks::check_message_padding(bytes, &found, visitor);
                }
                part = part.saturating_add(1);
                continue;
            }
            Step::Trailing { at, bytes } => {
                let need = message::HEADER_LEN;
                let kind = IssueKind::ShortHeader { need, have: bytes.len() };
                visitor.issue(&super::Issue { at, kind });
                // What a datagram begins with is a header.
                guarded &= at > 0;
                (at, bytes, Opaque::Trailing)
            }
            Step::Unreachable { at, bytes } => (at, bytes, Opaque::Unreachable),
        };
        let hidden = guarded && !visitor.shows_secrets();
        if hidden {
            visitor.secret(at..at.saturating_add(bytes.len()));
        }
        let why = if hidden { Opaque::Secret } else { why };
        visitor.value(Slot::Plain, &Value::Bytes { bytes, why });
    }
    if let Some(many) = many {
        visitor.list_end(List::Messages, many);
    }
}

/// A lone message whose length counts its payload alone.
fn without_header_length(bytes: &[u8]) -> Option<Message<'_>> {
    let header = Nlmsghdr::read(bytes)?;
    let payload = bytes.get(message::HEADER_LEN..)?;
    let is_so = header.len as usize == payload.len();
    is_so.then_some(Message { at: 0, header, payload, cut: false, more: false })
}

/// Whether bytes are messages without a rest, so that they can be decoded by themselves.
#[must_use]
pub fn is_whole(bytes: &[u8]) -> bool {
    Messages::new(bytes).all(|step| matches!(step, Step::Element(found) if !found.cut))
}

/// Decodes one message, with the tables of its own family. Returns whether they know of key material.
#[allow(clippy::too_many_arguments, reason = "the context of a message, passed once a level")]
pub(super) fn one<V: Visitor>(
    engine: &Engine<'_>,
    protocol: u32,
    direction: Direction,
    found: &Message<'_>,
    part: usize,
    depth: usize,
    echoed: bool,
    visitor: &mut V,
) -> bool {
    let ty = found.header.ty;
    let family = match protocol {
        GENERIC if ty >= MIN_TYPE => engine.generic_family(ty),
        _ => None,
    };
    let tables = match protocol {
        GENERIC => family.and_then(|name| engine.registry.generic(name)),
        _ => engine.registry.protocol(protocol),
    };
    let tables = tables.unwrap_or_else(|| engine.registry.bare());
    let mut decoder = Decoder {
        engine: *engine,
        tables,
        protocol,
        direction,
        nlmsghdr: found.header,
        command: None,
        checked: V::CHECKS && direction == Direction::Send && !echoed,
        strict: false,
        net_order: false,
        strace_unnamed: false,
        hides_rest: false,
        header: None,
        visitor,
    };
    decoder.message(protocol, found, family, part, depth, echoed);
    tables.is_guarded()
}

impl<'a, V: Visitor> Decoder<'a, V> {
    fn message(
        &mut self,
        protocol: u32,
        found: &Message<'a>,
        generic_family: Option<&'a str>,
        part: usize,
        depth: usize,
        echoed: bool,
    ) {
        let header = found.header;
        let generic = protocol == GENERIC && header.ty >= MIN_TYPE;
        let sent = self.direction == Direction::Send;
        let tables = self.tables;
        let number = match (generic, found.payload.first()) {
            (true, Some(command)) => Some(u16::from(*command)),
            (true, None) => None,
            (false, _) => Some(header.ty),
        };
        let control =
            header.ty < MIN_TYPE && (tables.has_control() || (V::STRACE && self.is_no_body(found)));
        // The kernel answers a port; what it tells by itself comes from none.
        let unasked = generic && !sent && header.portid == 0;
        let skipped = if generic { GENL_HEADER_LEN } else { 0 };
        let body = found.payload.get(skipped..).unwrap_or(&[]);
        let holds = |when: &Condition| when.holds(body, header.flags);
        let resolved = number.filter(|_| !control).map(|n| tables.resolve(n, sent, unasked, holds));
        let operation = resolved.and_then(|r| r.operation);
        let listed = operation.filter(|_| resolved.is_some_and(|r| !r.is_default));
        self.hides_rest = listed.is_none() && tables.is_guarded();
        let family = operation.and_then(|op| tables.family(op)).or(generic_family);
        let flags = self.message_flags(protocol, &header, control, operation);
        self.visitor.message_begin(&MessageHead {
            at: found.at,
            part,
            header,
            ty: self.message_type(protocol, header.ty, generic_family, listed),
            flags,
            family,
            operation: listed.filter(|_| generic).map(|op| &*op.c_name),
            direction: self.direction,
            payload: found.payload,
            echoed,
            control: control && matches!(header.ty, ERROR | DONE),
        });
        if V::HEADS_ONLY {
            return self.visitor.message_end();
        }
        if header.len as usize == found.payload.len() && tables.has_short_lengths() {
            // Its length leaves out the header, as this protocol's may.
        } else if (header.len as usize) < message::HEADER_LEN {
            self.issue(found.at, IssueKind::LengthTooSmall { len: header.len });
        } else if found.cut {
            let have = found.payload.len().saturating_add(message::HEADER_LEN);
            self.issue(found.at, IssueKind::LengthTooLong { len: header.len, have });
        }
        if self.checks() {
            self.check_header(found, &flags, control);
            let dumps = usize::from(header.flags & DUMP == DUMP);
            self.strict = listed.and_then(|op| op.strict.get(dumps)).is_some_and(|strict| *strict);
        }
        let at = found.at.saturating_add(message::HEADER_LEN);
        let scope = Scope::message(depth);
        if found.payload.is_empty() {
        } else if depth >= MAX_DEPTH {
            self.issue(at, IssueKind::TooDeep);
            let guarded = tables.is_guarded();
            self.guarded(Slot::Plain, at, found.payload, Opaque::Unknown, guarded);
        } else if control {
            self.control(protocol, &header, found.payload, at, &scope);
        } else if generic {
            self.generic(operation, listed, &header, found.payload, at, &scope);
        } else {
            if listed.is_none() && tables.has_control() {
                self.issue(found.at, IssueKind::UnknownMessage { number: header.ty });
            }
            self.body(operation, header.flags, found.payload, at, &scope);
        }
        self.visitor.message_end();
    }

    /// Whether a message is too short for what its protocol's messages begin with. strace knows such
    /// types as netlink's own only.
    fn is_no_body(&self, found: &Message<'_>) -> bool {
        let sent = self.direction == Direction::Send;
        let operation = self.tables.by_number(found.header.ty, sent).operation;
        let body = operation.and_then(|op| if sent { op.request } else { op.reply });
        let header = body.and_then(|body| body.header).and_then(|id| self.tables.structure(id));
        header.is_none_or(|st| found.payload.len() < st.min_size)
    }

    fn message_type(
        &self,
        protocol: u32,
        ty: u16,
        generic_family: Option<&'a str>,
        listed: Option<&'a Operation>,
    ) -> Value<'a> {
        let tables = self.tables;
        let v = u64::from(ty);
        let named = |name, label| Value::named(v, 2, name, label);
        let own = tables.control().message_types.and_then(|id| tables.enumeration(id));
        let own_label = own.and_then(|own| own.label.as_deref());
        let name = listed.map(|op| op.shown_name(V::STRACE));
        let name = name.filter(|name| !name.is_empty());
        if ty < MIN_TYPE {
            let name = name.filter(|_| !tables.has_control());
            return named(name.or_else(|| own.and_then(|own| own.name_of(v))), own_label);
        }
        if protocol == GENERIC {
            return named(generic_family, Some("GENERIC_FAMILY_???"));
        }
        let (high, low, shift) = tables.split_type(ty);
        match tables.type_split() {
            Some(set) if !(name.is_some() && high == 0) => {
                let high_v = u64::from(high);
                Value::Split {
                    v,
                    high: Part {
                        v: high_v,
                        name: set.name_of(high_v),
                        label: set.label.as_deref(),
                    },
                    low: Part { v: u64::from(low), name, label: tables.unknown_low(high) },
                    shift,
                }
            }
            _ => named(name, tables.unknown_message().or(own_label)),
        }
    }

    fn message_flags(
        &self,
        protocol: u32,
        header: &Nlmsghdr,
        own: bool,
        operation: Option<&Operation>,
    ) -> Value<'a> {
        let Nlmsghdr { ty, flags, .. } = *header;
        let control = self.tables.control();
        let find = |id: Option<EnumId>| id.and_then(|id| self.tables.enumeration(id));
        let v = u64::from(flags);
        let class = |op: &Operation| if V::STRACE { op.strace_class } else { op.class };
        let class = match operation.map(class) {
            _ if protocol == GENERIC => Class::Get,
            Some(Class::ByType) => match ty & 3 {
                0 => Class::New,
                1 => Class::Del,
                2 => Class::Get,
                _ => Class::None,
            },
            Some(class) => class,
            None => Class::None,
        };
        let more = if own && ty == ERROR {
            find(control.flags_ack)
        } else if own {
            None
        } else if let Some(names) = find(operation.and_then(|op| op.header_flags)) {
            Some(names)
        } else {
            match class {
                Class::New => find(control.flags_new),
                Class::Del => find(control.flags_del),
                Class::Get => find(control.flags_get),
                Class::None | Class::ByType => None,
            }
        };
        match find(control.flags_common) {
            Some(set) => Value::Flags {
                v,
                size: 2,
                order: Order::Host,
                set,
                more,
                label: set.label.as_deref(),
            },
            None => Value::uint(v, 2),
        }
    }
}
