//! What follows a message's header: a generic family's header, the fixed header, and the payload by its
//! operation; or what can be told of it where no spec describes the message.

use super::context::{Decoder, Scope};
use super::message::{GENL_HEADER_LEN, NLCTRL_ID};
use super::{
    Direction, IssueKind, Opaque, Order, Slot, StructHead, StructStyle, TextKind, Value, Visitor,
};
use crate::spec::model::{Body, Condition, Operation, Rest, Shape};
use crate::wire::attr::{self, Attrs};
use crate::wire::message::{self, DUMP, REQUEST};
use crate::wire::{self, Step};

impl<'a, V: Visitor> Decoder<'a, V> {
    /// The payload of a generic family's message.
    pub(super) fn generic(
        &mut self,
        operation: Option<&'a Operation>,
        listed: Option<&'a Operation>,
        header: &message::Nlmsghdr,
        payload: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let Some([command, version, reserved @ ..]) = payload.first_chunk::<GENL_HEADER_LEN>()
        else {
            return self.wrong_size(Slot::Plain, at, payload, GENL_HEADER_LEN);
        };
        let style = StructStyle::Members;
        let head = StructHead { name: "genlmsghdr", short: false, fixed_header: true, style };
        self.visitor.struct_begin(Slot::Plain, &head);
        let command_number = *command;
        self.command = Some(command_number);
        let v = u64::from(command_number);
        let name = listed.map(|op| &*op.c_name);
        let label = self.tables.unknown_message().filter(|_| header.ty == NLCTRL_ID);
        let command = Value::named(v, 1, name, label);
        self.member_at(at, "cmd", 0..1);
        self.visitor.value(Slot::Field("cmd"), &command);
        self.member_at(at, "version", 1..2);
        self.visitor.value(Slot::Field("version"), &Value::uint(u64::from(*version), 1));
        self.member_at(at, "reserved", 2..GENL_HEADER_LEN);
        if *reserved != [0, 0] {
            let v = u64::from(u16::from_ne_bytes(*reserved));
            let hint = super::Hint::Hex;
            let value = Value::Uint { v, size: 2, order: Order::Host, hint };
            self.visitor.value(Slot::Field("reserved"), &value);
            if self.checks() {
                let what = "genlmsghdr.reserved";
                self.issue(at.saturating_add(2), IssueKind::Reserved { what, v });
            }
        }
        self.visitor.struct_end();
        if self.checks() && listed.is_none() && !self.is_alien() {
            self.issue(at, IssueKind::UnknownCommand { number: command_number });
        }
        let rest = payload.get(GENL_HEADER_LEN..).unwrap_or(&[]);
        if rest.is_empty() && !V::PLACES {
            return;
        }
        let at = at.saturating_add(GENL_HEADER_LEN);
        if operation.is_some() {
            self.body(operation, header.flags, rest, at, scope);
        } else if self.tables.is_guarded() {
            self.guarded(Slot::Plain, at, rest, Opaque::Unknown, true);
        } else {
            self.nameless_body(header.ty, command_number, rest, at, scope);
        }
    }

    fn member_at(&mut self, at: usize, name: &str, member: std::ops::Range<usize>) {
        if V::PLACES {
            let place = |n: usize| at.saturating_add(n);
            self.visitor.member_at(name, place(member.start)..place(member.end));
        }
    }

    /// Attributes of a generic family's command that no spec describes. What the kernel says of them
    /// gives them types.
    fn nameless_body(
        &mut self,
        family: u16,
        command: u8,
        payload: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let names = self.engine.names;
        let (header, attrs) =
            payload.split_at_checked(names.generic_header(family)).unwrap_or((payload, &[]));
        if !header.is_empty() {
            self.unknown_bytes(header);
        }
        if attrs.is_empty() {
            return;
        }
        let at = at.saturating_add(header.len());
        let policy = names.generic_policy(family);
        match policy.and_then(|policy| Some((policy, policy.rules_of(command)?))) {
            Some((policy, rules)) => self.ruled(policy, rules, attrs, at, scope),
            None => self.attributes(None, false, attrs, at, scope),
        }
    }

    /// What follows the header of a message of some family.
    pub(super) fn body(
        &mut self,
        operation: Option<&'a Operation>,
        flags: u16,
        payload: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let sent = self.direction == Direction::Send;
        let body = operation.and_then(|op| op.body(sent, payload, flags, V::STRACE));
        let Some(body) = body else {
            return self.unknown_body(payload, at, scope);
        };
        self.known_body(body, payload, at, scope);
    }

    fn known_body(&mut self, body: Body, payload: &'a [u8], at: usize, scope: &Scope<'a, '_>) {
        let tables = self.tables;
        self.strace_unnamed = body.strace_unnamed;
        let mut used = 0;
        let header = body.header.and_then(|id| tables.structure(id));
        if let Some(st) = header {
            self.header = Some((st, payload));
            if V::STRACE
                && payload.len() < st.min_size
                && let Some(short) = body.strace_short.or(st.strace_short)
            {
                return self.short(Slot::Plain, (st, short), payload, at, scope);
            }
            let took = self.structure(Slot::Plain, st, payload, at, scope, true);
            if payload.len() < st.min_size {
                return;
            }
            // What follows begins behind its padding, whatever somebody left there.
            used = wire::align(took.max(st.size.min(payload.len())));
        }
        let rest = payload.get(used..).unwrap_or(&[]);
        if rest.is_empty() {
            if V::PLACES
                && let Some(set) = body.set.and_then(|id| tables.set(id))
            {
                self.visitor.set_of(set);
            }
            return;
        }
        let at = at.saturating_add(used);
        if self.hides_rest {
            return self.guarded(Slot::Plain, at, rest, Opaque::Unknown, true);
        }
        match body.rest {
            Rest::Text => self.text(Slot::Plain, TextKind::Raw, rest),
            Rest::Nothing => self.rest(Slot::Plain, at, rest, 0),
            Rest::Raw => self.bytes(Slot::Plain, rest, Opaque::Unknown),
            Rest::Shape(id) => {
                if let Some(shape) = tables.shape(id) {
                    self.shape(shape, rest, at, scope);
                }
            }
            Rest::Attrs => {
                let set = body.strace_set.filter(|_| V::STRACE).or(body.set);
                let set = set.and_then(|id| tables.set(id));
                if set.is_some() || (header.is_some() && !tables.is_guarded()) {
                    self.attributes(set, set.is_some(), rest, at, scope);
                } else {
                    self.unknown_body(rest, at, scope);
                }
            }
        }
    }

    /// A payload that is no attributes, as long as the fixed header says.
    fn shape(&mut self, shape: &'a Shape, rest: &'a [u8], at: usize, scope: &Scope<'a, '_>) {
        let member =
            |name| self.header.and_then(|(st, b)| super::context::member(self.tables, st, b, name));
        let said = shape.len.as_deref().and_then(member);
        let said = said.and_then(|n| usize::try_from(n).ok()).unwrap_or(rest.len());
        if said > rest.len() {
            let len = u32::try_from(said).unwrap_or(u32::MAX);
            self.issue(at, IssueKind::LengthTooLong { len, have: rest.len() });
        }
        let (own, after) = rest.split_at_checked(said).unwrap_or((rest, &[]));
        if !own.is_empty() {
            self.payload(Slot::Plain, &shape.kind, own, at, scope);
        }
        if !after.is_empty() {
            let at = at.saturating_add(own.len());
            self.issue(at, IssueKind::Trailing { len: after.len() });
            let guarded = self.tables.holds(&shape.kind);
            self.guarded(Slot::Plain, at, after, Opaque::Trailing, guarded);
        }
    }

    /// A payload of which nothing is known: attributes if it can be nothing else by its lengths,
    /// after a fixed header of some words if need be; else bytes.
    fn unknown_body(&mut self, payload: &'a [u8], at: usize, scope: &Scope<'a, '_>) {
        let attrs = payload.get(GENL_HEADER_LEN..).unwrap_or(&[]);
        if self.tables.is_guarded() {
            return self.guarded(Slot::Plain, at, payload, Opaque::Unknown, true);
        }
        if Attrs::plausible(payload, attr::LIKELY_TYPE) {
            self.attributes(None, false, payload, at, scope);
        } else if Attrs::plausible(attrs, attr::LIKELY_TYPE) {
            let head = payload.get(..GENL_HEADER_LEN).unwrap_or(&[]);
            self.unknown_bytes(head);
            self.attributes(None, false, attrs, at.saturating_add(GENL_HEADER_LEN), scope);
        } else {
            self.unknown_bytes(payload);
        }
    }

    /// A datagram of a protocol that has no message headers.
    pub(super) fn unframed(&mut self, bytes: &'a [u8]) {
        if bytes.is_empty() {
            return;
        }
        let scope = Scope::message(0);
        let sent = self.direction == Direction::Send;
        let operation = self.tables.by_number(0, sent).operation;
        self.body(operation, 0, bytes, 0, &scope);
    }
}

impl Operation {
    /// Its name, as C or as strace has it.
    pub(super) fn shown_name(&self, in_strace: bool) -> &str {
        self.strace_name.as_deref().filter(|_| in_strace).unwrap_or(&self.c_name)
    }

    /// What follows the header of one of its messages with this payload.
    pub(super) fn body(
        &self,
        sent: bool,
        payload: &[u8],
        flags: u16,
        in_strace: bool,
    ) -> Option<Body> {
        let seen = |when: &Condition| !(in_strace && when.not_strace);
        let mut variants = self.variants.iter();
        let variant = variants.find(|(when, _)| seen(when) && when.holds(payload, flags));
        let (first, second) =
            if sent { (self.request, self.reply) } else { (self.reply, self.request) };
        variant.map(|(_, body)| *body).or(first).or(second)
    }
}

impl Condition {
    /// Whether a message's payload and flags meet it.
    pub(super) fn holds(&self, payload: &[u8], flags: u16) -> bool {
        self.byte
            .as_ref()
            .is_none_or(|(at, values)| payload.get(*at).is_some_and(|byte| values.contains(byte)))
            && self.word.as_ref().is_none_or(|(at, values)| {
                wire::u16_at(payload, *at).is_some_and(|word| values.contains(&word))
            })
            && self.prefix.as_ref().is_none_or(|prefix| payload.starts_with(prefix))
            && self.min_len.is_none_or(|n| payload.len() >= n)
            && self.max_len.is_none_or(|n| payload.len() <= n)
            && self.request.is_none_or(|wanted| wanted == (flags & REQUEST != 0))
            && self.dump.is_none_or(|wanted| wanted == (flags & DUMP == DUMP))
            && self.first_attr.as_ref().is_none_or(|numbers| {
                let first = Attrs::new(payload).next();
                matches!(first, Some(Step::Element(attr)) if numbers.contains(&attr.number()))
            })
    }
}
