//! Messages: header, family, operation, fixed header; what follows is [`super::attrs`]'s.

use super::context::{Decoder, Scope};
use super::value::Part;
use super::{
    Direction, Engine, IssueKind, List, MAX_DEPTH, MessageHead, Opaque, Order, Slot, StructHead,
    TextKind, Value, Visitor,
};
use crate::spec::model::{Body, Class, Condition, EnumId, Operation, Rest};
use crate::wire::attr::Attrs;
use crate::wire::message::{self, Message, Messages, Nlmsghdr};
use crate::wire::{self, Step};

/// `NETLINK_GENERIC`: message types are families, of run-time numbers.
pub(super) const GENERIC: u32 = crate::spec::GENERIC;
/// `GENL_ID_CTRL`: the one family with a fixed number.
const NLCTRL_ID: u16 = 0x10;
/// `NLMSG_MIN_TYPE`: smaller types are netlink's own.
pub(super) const MIN_TYPE: u16 = 0x10;
/// `NLMSG_ERROR`.
pub(super) const ERROR: u16 = 2;
/// `NLMSG_DONE`.
pub(super) const DONE: u16 = 3;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// Length of a `struct genlmsghdr`.
pub(super) const GENL_HEADER_LEN: usize = 4;

/// Decodes the bytes that one call moved on a socket of a protocol.
pub fn datagram<V: Visitor>(
    engine: &Engine<'_>,
    protocol: u32,
    direction: Direction,
    bytes: &[u8],
    visitor: &mut V,
) {
    let tables = engine.registry.protocol(protocol);
    if let Some(tables) = tables.filter(|tables| !tables.framed()) {
        let nlmsghdr = Nlmsghdr::default();
        let mut decoder = Decoder {
            engine: *engine,
            tables,
            protocol,
            direction,
            nlmsghdr,
            header: None,
            visitor,
        };
        return decoder.unframed(bytes);
    }
    let mut many = None;
    let mut part = 0;
    for step in Messages::new(bytes) {
        if many.is_none() {
            let more = matches!(step, Step::Element(first) if first.more);
            visitor.list_begin(List::Messages, more);
            many = Some(more);
        }
        match step {
            Step::Element(found) => {
                one(engine, protocol, direction, &found, part, 0, false, visitor);
                part = part.saturating_add(1);
            }
            Step::Trailing { at, bytes } => {
                let need = message::HEADER_LEN;
                let kind = IssueKind::ShortHeader { need, have: bytes.len() };
                visitor.issue(&super::Issue { at, kind });
                visitor.value(Slot::Plain, &Value::Bytes { bytes, why: Opaque::Trailing });
            }
            Step::Unreachable { bytes, .. } => {
                visitor.value(Slot::Plain, &Value::Bytes { bytes, why: Opaque::Unreachable });
            }
        }
    }
    if let Some(many) = many {
        visitor.list_end(List::Messages, many);
    }
}

/// Whether bytes are messages without a rest, so that they can be decoded by themselves.
#[must_use]
pub fn is_whole(bytes: &[u8]) -> bool {
    Messages::new(bytes).all(|step| matches!(step, Step::Element(found) if !found.cut))
}

/// Decodes one message, with the tables of its own family.
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
) {
    let ty = found.header.ty;
    let family = match protocol {
        GENERIC if ty == NLCTRL_ID => Some("nlctrl"),
        GENERIC if ty > NLCTRL_ID => engine.names.generic_family(ty),
        _ => None,
    };
    let tables = match protocol {
        GENERIC => family.and_then(|name| engine.registry.generic(name)),
        _ => engine.registry.protocol(protocol),
    };
    let mut decoder = Decoder {
        engine: *engine,
        tables: tables.unwrap_or_else(|| engine.registry.bare()),
        protocol,
        direction,
        nlmsghdr: found.header,
        header: None,
        visitor,
    };
    decoder.message(protocol, found, family, part, depth, echoed);
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
        let resolved = number.filter(|_| header.ty >= MIN_TYPE).map(|n| tables.resolve(n, sent));
        let operation = resolved.and_then(|r| r.operation);
        let listed = operation.filter(|_| resolved.is_some_and(|r| !r.is_default));
        let family = operation.and_then(|op| tables.family(op)).or(generic_family);
        self.visitor.message_begin(&MessageHead {
            at: found.at,
            part,
            header,
            ty: self.message_type(protocol, header.ty, generic_family, listed),
            flags: self.message_flags(protocol, header.ty, header.flags, operation),
            family,
            operation: listed.filter(|_| generic).map(|op| &*op.c_name),
            direction: self.direction,
            payload: found.payload,
            echoed,
        });
        if (header.len as usize) < message::HEADER_LEN {
            self.issue(found.at, IssueKind::LengthTooSmall { len: header.len });
        } else if found.cut {
            let have = found.payload.len().saturating_add(message::HEADER_LEN);
            self.issue(found.at, IssueKind::LengthTooLong { len: header.len, have });
        }
        let at = found.at.saturating_add(message::HEADER_LEN);
        let scope = Scope::message(depth);
        if found.payload.is_empty() {
        } else if depth >= MAX_DEPTH {
            self.issue(at, IssueKind::TooDeep);
            self.bytes(Slot::Plain, found.payload, Opaque::Unknown);
        } else if header.ty < MIN_TYPE {
            self.control(protocol, &header, found.payload, at, &scope);
        } else if generic {
            self.generic(operation, listed, &header, found.payload, at, &scope);
        } else {
            if listed.is_none() {
                self.issue(found.at, IssueKind::UnknownMessage { number: header.ty });
            }
            self.body(operation, header.flags, found.payload, at, &scope);
        }
        self.visitor.message_end();
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
        let named = |name, label| Value::Enum { v, size: 2, order: Order::Host, name, label };
        let own = tables.control().message_types.and_then(|id| tables.enumeration(id));
        let own_label = own.and_then(|own| own.label.as_deref());
        if ty < MIN_TYPE {
            return named(own.and_then(|own| own.name_of(v)), own_label);
        }
        if protocol == GENERIC {
            return named(generic_family, Some("GENERIC_FAMILY_???"));
        }
        let name = listed.map(|op| &*op.c_name);
        let [high, low] = ty.to_be_bytes();
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
                    shift: 8,
                }
            }
            _ => named(name, tables.unknown_message().or(own_label)),
        }
    }

    fn message_flags(
        &self,
        protocol: u32,
        ty: u16,
        flags: u16,
        operation: Option<&Operation>,
    ) -> Value<'a> {
        let control = self.tables.control();
        let find = |id: Option<EnumId>| id.and_then(|id| self.tables.enumeration(id));
        let v = u64::from(flags);
        let class = match operation.map(|op| op.class) {
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
        let more = if ty == ERROR {
            find(control.flags_ack)
        } else if ty < MIN_TYPE {
            None
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

    /// The payload of a generic family's message.
    fn generic(
        &mut self,
        operation: Option<&'a Operation>,
        listed: Option<&'a Operation>,
        header: &Nlmsghdr,
        payload: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let Some([command, version, reserved @ ..]) = payload.first_chunk::<GENL_HEADER_LEN>()
        else {
            return self.wrong_size(Slot::Plain, at, payload, GENL_HEADER_LEN);
        };
        let head = StructHead { name: "genlmsghdr", short: false, fixed_header: true };
        self.visitor.struct_begin(Slot::Plain, &head);
        let v = u64::from(*command);
        let name = listed.map(|op| &*op.c_name);
        let label = self.tables.unknown_message();
        let command = Value::Enum { v, size: 1, order: Order::Host, name, label };
        self.visitor.value(Slot::Field("cmd"), &command);
        self.visitor.value(Slot::Field("version"), &Value::uint(u64::from(*version), 1));
        if *reserved != [0, 0] {
            let v = u64::from(u16::from_ne_bytes(*reserved));
            let hint = super::Hint::Hex;
            let value = Value::Uint { v, size: 2, order: Order::Host, hint };
            self.visitor.value(Slot::Field("reserved"), &value);
        }
        self.visitor.struct_end();
        let Some(rest) = payload.get(GENL_HEADER_LEN..).filter(|rest| !rest.is_empty()) else {
            return;
        };
        let at = at.saturating_add(GENL_HEADER_LEN);
        if operation.is_some() {
            self.body(operation, header.flags, rest, at, scope);
        } else {
            self.attributes(None, false, rest, at, scope);
        }
    }

    /// What follows the header of a message of some family.
    fn body(
        &mut self,
        operation: Option<&'a Operation>,
        flags: u16,
        payload: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let sent = self.direction == Direction::Send;
        let body = operation.and_then(|op| op.body(sent, payload, flags));
        let Some(body) = body else {
            return self.unknown_body(payload, at, scope);
        };
        self.known_body(body, payload, at, scope);
    }

    fn known_body(&mut self, body: Body, payload: &'a [u8], at: usize, scope: &Scope<'a, '_>) {
        let tables = self.tables;
        let mut used = 0;
        let header = body.header.and_then(|id| tables.structure(id));
        if let Some(st) = header {
            self.header = Some((st, payload));
            if V::STRACE
                && payload.len() < st.min_size
                && let Some(short) = body.strace_short.or(st.strace_short)
            {
                return self.short(Slot::Plain, short, payload, at, scope);
            }
            let took = self.structure(Slot::Plain, st, payload, at, scope, true);
            if payload.len() < st.min_size {
                return;
            }
            used = wire::align(took);
        }
        let Some(rest) = payload.get(used..).filter(|rest| !rest.is_empty()) else { return };
        let at = at.saturating_add(used);
        match body.rest {
            Rest::Text => self.text(Slot::Plain, TextKind::Raw, rest),
            Rest::Nothing => self.rest(Slot::Plain, at, rest, 0),
            Rest::Raw => self.bytes(Slot::Plain, rest, Opaque::Unknown),
            Rest::Attrs => {
                let set = body.strace_set.filter(|_| V::STRACE).or(body.set);
                let set = set.and_then(|id| tables.set(id));
                if set.is_some() || header.is_some() {
                    self.attributes(set, set.is_some(), rest, at, scope);
                } else {
                    self.unknown_body(rest, at, scope);
                }
            }
        }
    }

    /// A payload of which nothing is known: attributes if it can be nothing else by its lengths,
    /// after a fixed header of some words if need be; else bytes.
    fn unknown_body(&mut self, payload: &'a [u8], at: usize, scope: &Scope<'a, '_>) {
        /// Types beyond this are more likely chance than attributes.
        const LIKELY_TYPE: u16 = 255;
        let attrs = payload.get(GENL_HEADER_LEN..).unwrap_or(&[]);
        if Attrs::plausible(payload, LIKELY_TYPE) {
            self.attributes(None, false, payload, at, scope);
        } else if Attrs::plausible(attrs, LIKELY_TYPE) {
            let head = payload.get(..GENL_HEADER_LEN).unwrap_or(&[]);
            self.bytes(Slot::Plain, head, Opaque::Unknown);
            self.attributes(None, false, attrs, at.saturating_add(GENL_HEADER_LEN), scope);
        } else {
            self.bytes(Slot::Plain, payload, Opaque::Unknown);
        }
    }

    /// A datagram of a protocol that has no message headers.
    fn unframed(&mut self, bytes: &'a [u8]) {
        if bytes.is_empty() {
            return;
        }
        let scope = Scope::message(0);
        let operation = self.tables.resolve(0, self.direction == Direction::Send).operation;
        self.body(operation, 0, bytes, 0, &scope);
    }
}

impl Operation {
    /// What follows the header of one of its messages with this payload.
    pub(super) fn body(&self, sent: bool, payload: &[u8], flags: u16) -> Option<Body> {
        let variant = self.variants.iter().find(|(when, _)| when.holds(payload, flags));
        let (first, second) =
            if sent { (self.request, self.reply) } else { (self.reply, self.request) };
        variant.map(|(_, body)| *body).or(first).or(second)
    }
}

impl Condition {
    /// Whether a message's payload and flags meet it.
    fn holds(&self, payload: &[u8], flags: u16) -> bool {
        self.byte
            .as_ref()
            .is_none_or(|(at, values)| payload.get(*at).is_some_and(|byte| values.contains(byte)))
            && self.prefix.as_ref().is_none_or(|prefix| payload.starts_with(prefix))
            && self.min_len.is_none_or(|n| payload.len() >= n)
            && self.max_len.is_none_or(|n| payload.len() <= n)
            && self.request.is_none_or(|wanted| wanted == (flags & REQUEST != 0))
    }
}
