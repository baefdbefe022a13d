//! Messages by protocol, type and direction; and how requests of a type ended.
//!
//! A message is counted by its own type. What an answer says of its request (that it failed, how
//! long it took) is counted with the request's type.

use std::collections::HashMap;

use super::errors::Errors;
use super::latency::Latency;
use crate::decode::{
    self, Asked, Direction, Engine, GENERIC, MessageHead, Nlmsghdr, Slot, Value, Visitor, Wanted,
};
use crate::wire;
use crate::wire::message::{ACK, CAPPED, ERROR, HEADER_LEN, MIN_TYPE, MULTI};

/// Most types that are told apart; the rest is counted together by direction.
const MAX_ROWS: usize = 512;

/// The messages counted.
#[derive(Debug, Default)]
pub(super) struct Messages {
    rows: Vec<Row>,
    by_key: HashMap<Key, usize>,
    /// Where the message before was counted: those of a dump come in a row.
    last: Option<(Key, usize)>,
    /// Counts the calls that moved any.
    pub(super) calls: u64,
}

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    protocol: u32,
    direction: Direction,
    kind: Kind,
}

/// What kind of thing moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// A message by its type, in a generic family also by command.
    Type(u16, Option<u8>),
    /// Bytes that are no message.
    Bytes,
    /// Of all protocols what has no row of its own.
    Others,
}

/// What is known of the messages of one type in one direction.
#[derive(Debug)]
pub(super) struct Row {
    key: Key,
    /// What they are called.
    pub(super) name: Name,
    /// Calls that moved any.
    pub(super) calls: u64,
    last_call: u64,
    /// How many there are.
    pub(super) messages: u64,
    /// Their length with headers.
    pub(super) bytes: u64,
    /// How the kernel refused such requests.
    pub(super) errors: Errors,
    /// How long such requests took to their end.
    pub(super) latency: Latency,
    /// The request that ended last, by record and part: it ends once.
    last_ended: Option<(u64, usize)>,
}

/// What a type is called.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// The type's name, or the generic family's.
    pub(super) ty: Option<Box<str>>,
    /// What to call it without one.
    pub(super) label: Option<Box<str>>,
    /// The generic family's command.
    pub(super) operation: Option<Box<str>>,
    /// The spec that describes it.
    pub(super) family: Option<Box<str>>,
}

impl Row {
    fn new(key: Key, name: Name) -> Self {
        Self {
            key,
            name,
            calls: 0,
            last_call: 0,
            messages: 0,
            bytes: 0,
            errors: Errors::default(),
            latency: Latency::default(),
            last_ended: None,
        }
    }

    /// The protocol; None for what has no row of its own.
    pub(super) const fn protocol(&self) -> Option<u32> {
        match self.key.kind {
            Kind::Others => None,
            _ => Some(self.key.protocol),
        }
    }

    /// The direction.
    pub(super) const fn direction(&self) -> Direction {
        self.key.direction
    }

    /// The type's number, and the command's; None for bytes that are no message.
    pub(super) const fn number(&self) -> Option<(u16, Option<u8>)> {
        match self.key.kind {
            Kind::Type(ty, command) => Some((ty, command)),
            _ => None,
        }
    }

    fn add(&mut self, call: u64, len: usize) {
        if self.last_call != call {
            self.last_call = call;
            self.calls = self.calls.saturating_add(1);
        }
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(len as u64);
    }
}

/// A datagram that was moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved<'a> {
    pub(super) protocol: u32,
    pub(super) direction: Direction,
    pub(super) bytes: &'a [u8],
    /// `CLOCK_MONOTONIC` after it was received, in nanoseconds; 0 where it is not known.
    pub(super) at_ns: u64,
    /// Which of its messages count.
    pub(super) wanted: Wanted<'a>,
    /// Whether the call before moved its front: a further message of one sendmmsg.
    pub(super) goes_on: bool,
}

impl Messages {
    /// Counts the messages of a datagram, and returns how many they are.
    pub(super) fn count(&mut self, engine: &Engine<'_>, moved: &Moved<'_>) -> u64 {
        if !moved.goes_on {
            self.calls = self.calls.saturating_add(1);
        }
        let mut heads = Heads { engine, moved, messages: self, count: 0 };
        let Moved { protocol, direction, bytes, wanted, .. } = *moved;
        decode::wanted(engine, protocol, direction, bytes, wanted, &mut heads);
        let count = heads.count;
        if count == 0 {
            let Moved { protocol, direction, .. } = *moved;
            let key = Key { protocol, direction, kind: Kind::Bytes };
            let row = self.row(key, None);
            self.add(row, moved.bytes.len());
        }
        count.max(1)
    }

    /// The rows, those with most messages first.
    pub(super) fn by_count(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.messages, row.bytes)));
        rows
    }

    fn add(&mut self, row: usize, len: usize) {
        let call = self.calls;
        if let Some(row) = self.rows.get_mut(row) {
            row.add(call, len);
        }
    }

    /// Where a message is counted.
    fn row(&mut self, key: Key, head: Option<&MessageHead<'_>>) -> usize {
        if let Some((last, at)) = self.last
            && last == key
            && self.is_named(at, head)
        {
            return at;
        }
        let at = match self.by_key.get(&key) {
            Some(at) if self.is_named(*at, head) => *at,
            Some(at) => self.renamed(*at, key, head),
            None => self.push(key, head),
        };
        self.last = Some((key, at));
        at
    }

    fn is_named(&self, at: usize, head: Option<&MessageHead<'_>>) -> bool {
        let Some((row, head)) = self.rows.get(at).zip(head) else { return true };
        let (ty, _) = type_name(head);
        row.key.kind == Kind::Others
            || (row.name.ty.as_deref() == ty && row.name.operation.as_deref() == head.operation)
    }

    /// Where messages are counted whose number had another name before: the number is a generic
    /// family's, or its meaning depends on more than the number.
    #[cold]
    fn renamed(&mut self, known: usize, key: Key, head: Option<&MessageHead<'_>>) -> usize {
        let Some(head) = head else { return known };
        let name = Name::new(head);
        if let Some(row) = self.rows.get_mut(known)
            && row.name.ty.is_none()
        {
            row.name = name;
            return known;
        }
        let same = self.rows.iter().position(|row| row.key == key && row.name == name);
        match same {
            Some(at) => {
                self.by_key.insert(key, at);
                at
            }
            None => self.push(key, Some(head)),
        }
    }

    #[cold]
    fn push(&mut self, key: Key, head: Option<&MessageHead<'_>>) -> usize {
        let others = Key { protocol: 0, direction: key.direction, kind: Kind::Others };
        if self.rows.len() >= MAX_ROWS {
            if let Some(at) = self.by_key.get(&others) {
                return *at;
            }
            return self.insert(others, Name::default());
        }
        self.insert(key, head.map(Name::new).unwrap_or_default())
    }

    fn insert(&mut self, key: Key, name: Name) -> usize {
        let at = self.rows.len();
        self.rows.push(Row::new(key, name));
        self.by_key.insert(key, at);
        at
    }

    /// Where a request of these bytes is counted, or would be if it had been seen.
    fn row_of_request(
        &mut self,
        engine: &Engine<'_>,
        protocol: u32,
        bytes: &[u8],
    ) -> Option<usize> {
        let header = Nlmsghdr::read(bytes)?;
        let payload = bytes.get(HEADER_LEN..).unwrap_or(&[]);
        let key = key(protocol, Direction::Send, &header, payload);
        if let Some(at) = self.by_key.get(&key) {
            return Some(*at);
        }
        let mut naming = Naming { messages: self, key, at: None };
        decode::datagram(engine, protocol, Direction::Send, bytes, &mut naming);
        naming.at
    }
}

fn key(protocol: u32, direction: Direction, header: &Nlmsghdr, payload: &[u8]) -> Key {
    let is_generic = protocol == GENERIC && header.ty >= MIN_TYPE;
    let command = payload.first().copied().filter(|_| is_generic);
    Key { protocol, direction, kind: Kind::Type(header.ty, command) }
}

impl Name {
    fn new(head: &MessageHead<'_>) -> Self {
        let (ty, label) = type_name(head);
        let owned = |text: Option<&str>| text.map(Box::from);
        Self {
            ty: owned(ty),
            label: owned(label),
            operation: owned(head.operation),
            family: owned(head.family),
        }
    }
}

/// A type's name, and what to call it without one.
const fn type_name<'a>(head: &MessageHead<'a>) -> (Option<&'a str>, Option<&'a str>) {
    match head.ty {
        Value::Enum { name, label, .. } => (name, label),
        Value::Split { low, .. } => (low.name, low.label),
        _ => (None, None),
    }
}

/// Counts the messages that it is shown the headers of.
struct Heads<'h, 'e> {
    engine: &'h Engine<'e>,
    moved: &'h Moved<'h>,
    messages: &'h mut Messages,
    count: u64,
}

impl Visitor for Heads<'_, '_> {
    const HEADS_ONLY: bool = true;

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        self.count = self.count.saturating_add(1);
        let Moved { protocol, direction, .. } = *self.moved;
        let row =
            self.messages.row(key(protocol, direction, &head.header, head.payload), Some(head));
        self.messages.add(row, head.payload.len().saturating_add(HEADER_LEN));
        if direction == Direction::Receive {
            self.answer(head);
        }
    }
}

impl Heads<'_, '_> {
    /// Counts with a request what its answer says of it.
    fn answer(&mut self, head: &MessageHead<'_>) {
        let header = &head.header;
        if !head.control && (header.ty < MIN_TYPE || header.flags & MULTI != 0) {
            return;
        }
        let code = wire::u32_at(head.payload, 0).filter(|_| head.control);
        let errno = code.map_or(0, u32::cast_signed).min(0).saturating_neg();
        let protocol = self.moved.protocol;
        match self.engine.answered(head) {
            Some(asked) => {
                let request = Nlmsghdr::read(asked.bytes).unwrap_or_default();
                if !head.control && request.flags & ACK != 0 {
                    return;
                }
                let row = self.messages.row_of_request(self.engine, protocol, asked.bytes);
                self.failed(row, errno, head);
                self.ended(row, &asked);
            }
            // Its record is lost, or it was sent before all records. The error itself tells of it.
            None if errno != 0 && header.ty == ERROR => {
                let request = echo(head).unwrap_or_default();
                let row = self.messages.row_of_request(self.engine, protocol, request);
                self.failed(row, errno, head);
            }
            None => {}
        }
    }

    fn failed(&mut self, row: Option<usize>, errno: i32, head: &MessageHead<'_>) {
        let row = row.and_then(|row| self.messages.rows.get_mut(row)).filter(|_| errno != 0);
        let Some(row) = row else { return };
        let Moved { protocol, direction, bytes, .. } = *self.moved;
        row.errors.count(errno, || {
            let len = head.payload.len().saturating_add(HEADER_LEN);
            let message = bytes.get(head.at..)?.get(..len)?;
            let mut naming = ErrorName(None);
            decode::datagram(self.engine, protocol, direction, message, &mut naming);
            naming.0
        });
    }

    fn ended(&mut self, row: Option<usize>, asked: &Asked<'_>) {
        let Some(row) = row.and_then(|row| self.messages.rows.get_mut(row)) else { return };
        let request = Some((asked.record, asked.part));
        let is_first = std::mem::replace(&mut row.last_ended, request) != request;
        if is_first && asked.sent_ns != 0 && self.moved.at_ns != 0 {
            row.latency.record(self.moved.at_ns.saturating_sub(asked.sent_ns));
        }
    }
}

/// The request that an error echoes, as far as it does.
fn echo<'a>(error: &MessageHead<'a>) -> Option<&'a [u8]> {
    let echo = error.payload.get(4..)?;
    let header = Nlmsghdr::read(echo)?;
    let said = if error.header.flags & CAPPED != 0 { 0 } else { header.len as usize };
    echo.get(..said.clamp(HEADER_LEN, echo.len()))
}

/// Makes a row for a request that was not counted.
struct Naming<'n> {
    messages: &'n mut Messages,
    key: Key,
    at: Option<usize>,
}

impl Visitor for Naming<'_> {
    const HEADS_ONLY: bool = true;

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        if self.at.is_none() {
            self.at = Some(self.messages.row(self.key, Some(head)));
        }
    }
}

/// The name that a family has for an error of its own.
struct ErrorName(Option<Box<str>>);

impl Visitor for ErrorName {
    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        if let (Slot::Field("error"), Value::Errno { name: Some(name), .. }) = (slot, value)
            && self.0.is_none()
        {
            self.0 = Some(Box::from(*name));
        }
    }
}
