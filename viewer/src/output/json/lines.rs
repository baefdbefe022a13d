//! The visitor that turns a datagram into lines, one a message.
//!
//! It writes as it is called, so all that it must remember is which brackets are open. An object
//! takes each of its keys once; what comes again, or where no key fits, goes into its `rest`.

use super::frames::{Frame, Key, Keys, Name, top};
use super::value;
use crate::decode::{
    AttrHead, Direction, Engine, Explanation, Issue, List, MAX_WALK_LEN, MessageHead, Slot,
    StructHead, StructStyle, Value, Visitor,
};
use crate::output::reply::{Dump, Reply};
use crate::output::{escape, text};

/// Buffers used again for every message.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What begins every line of a call, up to its record.
    pub(super) front: Vec<u8>,
    issues: Vec<u8>,
    /// The key of this name, while the keys before it are being written.
    pub(super) explanation: Vec<u8>,
    pub(super) frames: Vec<Frame>,
}

/// Prints a datagram's messages.
pub(super) struct Lines<'l> {
    pub(super) out: &'l mut Vec<u8>,
    pub(super) scratch: &'l mut Scratch,
    show_secrets: bool,
    engine: &'l Engine<'l>,
    /// `CLOCK_MONOTONIC` after the datagram was received, in nanoseconds; 0 where it is not known.
    received_ns: u64,
    /// Whether a line is begun.
    open: bool,
    /// Whether that line is netlink's own: an acknowledgement, an error, a dump's end.
    control: bool,
    /// How many bytes of requests may yet be walked through to explain answers.
    walk_left: usize,
}

impl<'l> Lines<'l> {
    /// The engine, and `CLOCK_MONOTONIC` after the datagram was received.
    pub(super) fn new(
        out: &'l mut Vec<u8>,
        scratch: &'l mut Scratch,
        show_secrets: bool,
        (engine, received_ns): (&'l Engine<'l>, u64),
    ) -> Self {
        scratch.frames.clear();
        scratch.issues.clear();
        scratch.explanation.clear();
        let walk_left = MAX_WALK_LEN;
        let (open, control) = (false, false);
        Self { out, scratch, show_secrets, engine, received_ns, open, control, walk_left }
    }

    /// Ends a line of what stands outside of any message.
    pub(super) fn finish(&mut self) {
        if self.open {
            while self.pop() {}
            self.end_line();
        }
    }

    fn begin_line(&mut self, part: Option<usize>) {
        self.out.extend_from_slice(&self.scratch.front);
        self.out.extend_from_slice(b",\"part\":");
        match part {
            Some(part) => text::decimal(self.out, part),
            None => self.out.extend_from_slice(b"null,\"type\":null,\"family\":null"),
        }
        self.open = true;
        self.scratch.issues.clear();
        self.scratch.frames.push(Frame::Message { keys: Keys::NONE });
    }

    fn end_line(&mut self) {
        self.out.extend_from_slice(&self.scratch.explanation);
        self.scratch.explanation.clear();
        self.out.extend_from_slice(b",\"issues\":[");
        self.out.extend_from_slice(&self.scratch.issues);
        self.out.extend_from_slice(b"]}\n");
        self.open = false;
        self.control = false;
    }

    /// Makes room for what belongs to no message.
    fn ensure_line(&mut self) {
        if !self.open {
            self.begin_line(None);
        }
    }

    /// Closes the innermost frame; false if there is none.
    pub(super) fn pop(&mut self) -> bool {
        let out = &mut *self.out;
        match self.scratch.frames.pop() {
            Some(Frame::Message { keys }) => {
                if keys.has(Keys::REST) {
                    out.push(b']');
                }
                if !keys.has(Keys::ATTRS) {
                    out.extend_from_slice(b",\"attrs\":[]");
                }
            }
            Some(Frame::Object { keys, close, .. }) => {
                if keys.has(Keys::REST) {
                    out.push(b']');
                }
                out.extend_from_slice(close);
            }
            Some(Frame::Array { waiting, close, .. }) => {
                if waiting {
                    out.push(b'}');
                }
                out.extend_from_slice(close);
            }
            Some(Frame::Clear) => {}
            None => return false,
        }
        true
    }

    /// Begins an object that is an element, of the innermost array or of the innermost object's
    /// rest, with its name if it has one.
    fn element(&mut self, name: Name<'_>) {
        self.ensure_line();
        // Literals are appended where they stand, which compiles to a store or two; one slice
        // chosen here and appended below would be a call.
        let out = &mut *self.out;
        match top(&mut self.scratch.frames) {
            Some(Frame::Array { empty, waiting, .. }) => {
                if std::mem::take(waiting) {
                    out.push(b'}');
                }
                if !std::mem::take(empty) {
                    out.push(b',');
                }
            }
            Some(Frame::Message { keys }) => {
                out.push(b',');
                if keys.add(Keys::REST) {
                    out.extend_from_slice(b"\"rest\":[");
                }
            }
            Some(Frame::Object { keys, bare, .. }) => {
                if !std::mem::take(bare) {
                    out.push(b',');
                }
                if keys.add(Keys::REST) {
                    out.extend_from_slice(b"\"rest\":[");
                }
            }
            Some(Frame::Clear) | None => {}
        }
        match name {
            Name::Is(name) => named(out, name),
            Name::Unknown => out.extend_from_slice(b"{\"name\":null"),
            Name::None => out.push(b'{'),
        }
    }

    /// Begins a key where a value of this slot belongs: in the innermost object if it has no such
    /// key yet, else in an element of its own. Returns whether that is an element, which the value
    /// has to close.
    fn place(&mut self, slot: Slot<'_>, key: Key) -> bool {
        self.ensure_line();
        let plain = matches!(slot, Slot::Plain);
        let bits = key.bits();
        let (in_element, comma) = match top(&mut self.scratch.frames) {
            Some(Frame::Array { empty, waiting: false, .. }) => {
                // Most values are members of structs and elements of arrays.
                if !std::mem::take(empty) {
                    self.out.push(b',');
                }
                (true, element(self.out, slot))
            }
            Some(Frame::Message { keys }) if plain && keys.takes(bits) => {
                keys.add(bits);
                (false, true)
            }
            Some(Frame::Object { keys, bare, group, .. })
                if plain && keys.takes(key.bits_in(*group)) =>
            {
                keys.add(key.bits_in(*group));
                (false, !std::mem::take(bare))
            }
            Some(Frame::Array { waiting, .. }) => {
                *waiting = false;
                (true, true)
            }
            _ => (true, self.slot(slot)),
        };
        if comma {
            self.out.push(b',');
        }
        key.put(self.out);
        in_element
    }

    /// Begins an element with the keys that say where it stands. Returns whether it has any.
    fn slot(&mut self, slot: Slot<'_>) -> bool {
        match slot {
            Slot::Plain => {
                self.element(Name::None);
                false
            }
            Slot::Field(name) => {
                self.element(Name::Is(name));
                true
            }
            Slot::Index(index, name, _) => {
                self.element(name.map_or(Name::Unknown, Name::Is));
                self.out.extend_from_slice(b",\"index\":");
                text::decimal(self.out, index);
                true
            }
        }
    }

    fn push_array(&mut self, in_element: bool) {
        self.out.push(b'[');
        self.scratch.frames.push(Frame::array(if in_element { b"]}" } else { b"]" }));
    }

    /// Whether a value stands where an error or a dump's end has its error number.
    fn takes_error(&mut self) -> bool {
        match top(&mut self.scratch.frames) {
            Some(Frame::Message { keys }) => keys.takes(Keys::ERROR) && keys.add(Keys::ERROR),
            _ => false,
        }
    }

    /// Writes a value that is an error's number; false if it is something else.
    #[cold]
    fn put_error(&mut self, value: &Value<'_>) -> bool {
        let Some(number) = value.number().filter(|_| self.takes_error()) else { return false };
        let number = i32::try_from(number).unwrap_or(i32::MIN).saturating_neg();
        let name = match *value {
            Value::Errno { name, .. } => name,
            _ => None,
        };
        self.out.extend_from_slice(b",\"error\":");
        error(self.out, name, number);
        true
    }

    /// The keys that say what a message answers.
    fn reply(&mut self, head: &MessageHead<'_>) {
        if head.direction == Direction::Send {
            return;
        }
        let out = &mut *self.out;
        let Some(reply) = Reply::of(self.engine, head, self.received_ns) else {
            if self.engine.requests.is_unasked(&head.header) {
                out.extend_from_slice(b",\"reply_to\":null");
            }
            return;
        };
        out.extend_from_slice(b",\"reply_to\":");
        text::decimal(out, reply.asked.record);
        if reply.asked.part > 0 {
            out.extend_from_slice(b",\"reply_to_part\":");
            text::decimal(out, reply.asked.part);
        }
        if let Some(ns) = reply.latency_ns {
            out.extend_from_slice(b",\"latency_ns\":");
            text::decimal(out, ns);
        }
        if let Some(Dump { messages, len, is_interrupted }) = reply.dump {
            out.extend_from_slice(b",\"dump\":{\"messages\":");
            text::decimal(out, messages);
            out.extend_from_slice(b",\"len\":");
            text::decimal(out, len);
            let interrupted: &[u8] =
                if is_interrupted { b",\"interrupted\":true}" } else { b",\"interrupted\":false}" };
            out.extend_from_slice(interrupted);
        }
    }

    /// The keys that say what a message is.
    fn head(&mut self, head: &MessageHead<'_>) {
        let out = &mut *self.out;
        out.extend_from_slice(b"\"type\":");
        value::name_or_number(out, &head.ty);
        out.extend_from_slice(b",\"family\":");
        string_or_null(out, head.family);
        if let Some(operation) = head.operation {
            out.extend_from_slice(b",\"operation\":");
            escape::json(out, operation.as_bytes());
        }
        out.extend_from_slice(b",\"flags\":");
        match head.flags {
            Value::Flags { .. } => value::name_or_number(out, &head.flags),
            _ => out.extend_from_slice(b"[]"),
        }
        let header = head.header;
        out.extend_from_slice(b",\"seq\":");
        text::decimal(out, header.seq);
        out.extend_from_slice(b",\"nlmsghdr\":{\"len\":");
        text::decimal(out, header.len);
        out.extend_from_slice(b",\"type\":");
        text::decimal(out, header.ty);
        out.extend_from_slice(b",\"flags\":");
        text::decimal(out, header.flags);
        out.extend_from_slice(b",\"seq\":");
        text::decimal(out, header.seq);
        out.extend_from_slice(b",\"pid\":");
        text::decimal(out, header.portid);
        out.push(b'}');
    }
}

/// Begins an object with a name. Names of specs need no escapes (`spec::load` sees to that).
#[inline]
fn named(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"{\"name\":\"");
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}

/// Begins an array's element with the keys that say where it stands. Returns whether it has any.
#[inline]
fn element(out: &mut Vec<u8>, slot: Slot<'_>) -> bool {
    match slot {
        Slot::Plain => {
            out.push(b'{');
            return false;
        }
        Slot::Field(name) => named(out, name),
        Slot::Index(index, name, _) => {
            match name {
                Some(name) => named(out, name),
                None => out.extend_from_slice(b"{\"name\":null"),
            }
            out.extend_from_slice(b",\"index\":");
            text::decimal(out, index);
        }
    }
    true
}

fn string_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => drop(escape::json(out, text.as_bytes())),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends an error by name and number.
pub(super) fn error(out: &mut Vec<u8>, name: Option<&str>, number: i32) {
    out.extend_from_slice(b"{\"name\":");
    string_or_null(out, name);
    out.extend_from_slice(b",\"number\":");
    text::decimal(out, number);
    out.push(b'}');
}

impl Visitor for Lines<'_> {
    const EXPLAINS: bool = true;

    fn shows_secrets(&self) -> bool {
        self.show_secrets
    }

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        if head.echoed {
            let in_element = self.place(Slot::Plain, Key::Request);
            self.out.push(b'{');
            self.head(head);
            let close: &[u8] = if in_element { b"}}" } else { b"}" };
            return self.scratch.frames.push(Frame::object(false, close));
        }
        if self.open {
            self.pop();
            self.end_line();
        }
        self.begin_line(Some(head.part));
        self.control = head.control;
        self.out.push(b',');
        self.head(head);
        self.reply(head);
    }

    fn message_end(&mut self) {
        let line = matches!(self.scratch.frames.last(), Some(Frame::Message { .. }));
        self.pop();
        if line {
            self.end_line();
        }
    }

    fn list_begin(&mut self, list: List, _many: bool) {
        if list == List::Messages {
            return self.scratch.frames.push(Frame::Clear);
        }
        self.ensure_line();
        let in_array = matches!(top(&mut self.scratch.frames), Some(Frame::Array { .. }));
        match list {
            List::Group if in_array => {
                self.element(Name::None);
                self.scratch.frames.push(Frame::group(b"}"));
            }
            List::Group | List::Messages => self.scratch.frames.push(Frame::Clear),
            List::Attributes => {
                let in_element = self.place(Slot::Plain, Key::Attrs);
                self.push_array(in_element);
            }
            List::Array | List::Records => {
                let in_element = self.place(Slot::Plain, Key::Items);
                self.push_array(in_element);
            }
        }
    }

    fn list_end(&mut self, list: List, _many: bool) {
        if list == List::Messages
            && matches!(self.scratch.frames.last(), Some(Frame::Message { .. }))
        {
            // Bytes after the last message have begun a line of their own.
            self.pop();
            self.end_line();
        }
        self.pop();
    }

    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        self.element(head.name.map_or(Name::Unknown, Name::Is));
        self.out.extend_from_slice(b",\"type\":");
        text::decimal(self.out, head.number());
        if head.is_nested() {
            self.out.extend_from_slice(b",\"nested\":true");
        }
        if head.is_net_byteorder() {
            self.out.extend_from_slice(b",\"net_byteorder\":true");
        }
        if let Some((names, bits)) = head.flags {
            self.out.extend_from_slice(b",\"flags\":");
            value::flags(self.out, bits, names, None);
        }
        self.scratch.frames.push(Frame::object(false, b"}"));
    }

    fn attr_end(&mut self) {
        self.pop();
    }

    fn struct_begin(&mut self, slot: Slot<'_>, head: &StructHead<'_>) {
        self.ensure_line();
        let place = top(&mut self.scratch.frames);
        if self.control && matches!(place, Some(Frame::Message { .. })) {
            return self.scratch.frames.push(Frame::Clear);
        }
        let first = match place {
            Some(Frame::Message { keys } | Frame::Object { keys, .. }) => !keys.has(Keys::HEADER),
            _ => false,
        };
        if head.style != StructStyle::Members {
            let in_element = self.place(slot, Key::Fields);
            return self.push_array(in_element);
        }
        let in_element = match (head.fixed_header, first) {
            (true, true) => self.place(slot, Key::Header),
            (true, false) => self.place(slot, Key::UserHeader),
            (false, _) => self.place(slot, Key::Struct),
        };
        if head.fixed_header {
            self.out.extend_from_slice(b"{\"name\":");
        }
        self.out.push(b'"');
        self.out.extend_from_slice(head.name.as_bytes());
        self.out.extend_from_slice(b"\",\"fields\":[");
        self.scratch.frames.push(Frame::array(match (head.fixed_header, in_element) {
            (true, true) => b"]}}",
            (true, false) | (false, true) => b"]}",
            (false, false) => b"]",
        }));
    }

    fn struct_end(&mut self) {
        self.pop();
    }

    fn field_begin(&mut self, name: &str) {
        if matches!(top(&mut self.scratch.frames), Some(Frame::Array { .. })) {
            self.element(Name::Is(name));
            if let Some(Frame::Array { waiting, .. }) = top(&mut self.scratch.frames) {
                *waiting = true;
            }
        }
    }

    #[inline(always)]
    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        if self.control {
            // A copy, so that in all other cases the value need not be in memory.
            let value = *value;
            if self.put_error(&value) {
                return;
            }
        }
        let in_element = self.place(slot, Key::Value);
        value::put(self.out, value);
        if in_element {
            self.out.push(b'}');
        }
    }

    fn may_walk(&mut self, len: usize) -> bool {
        let left = self.walk_left.checked_sub(len);
        self.walk_left = left.unwrap_or(self.walk_left);
        left.is_some()
    }

    fn explanation(&mut self, explanation: &Explanation<'_>) {
        self.explain(explanation);
    }

    fn issue(&mut self, issue: &Issue) {
        use std::io::Write as _;
        self.ensure_line();
        let out = &mut self.scratch.issues;
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"at\":");
        text::decimal(out, issue.at);
        out.extend_from_slice(b",\"code\":");
        escape::json(out, issue.code().as_bytes());
        // Writing to a Vec cannot fail; the words of an issue need no escapes.
        let _ = write!(out, ",\"text\":\"{issue}\"}}");
    }
}
