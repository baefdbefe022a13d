//! A block: the head line and the rows of one message, while the decoder walks through it.
//!
//! `visit` is told what comes and calls what is here.

use std::ops::Range;

use super::Look;
use super::head::{self, Message};
use super::rows::Rows;
use super::value;
use crate::decode::{Direction, Engine, MAX_WALK_LEN, MessageHead, Slot, Value};
use crate::output::paint::Role;
use crate::output::reply::{self, Dump, Reply};
use crate::output::{escape, text};
use crate::wire::message::MULTI;

/// Attribute of an extended ack: the kernel's words.
pub(super) const NLMSGERR_ATTR_MSG: u16 = 1;
/// Attribute of an extended ack: what the culprit has to be.
pub(super) const NLMSGERR_ATTR_POLICY: u16 = 4;

/// What is open around the next call of the visitor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Frame {
    Message,
    /// The request echoed in an error; its rows are those from this number on.
    Echo {
        first_row: usize,
    },
    /// Attributes.
    Attributes,
    /// Structs that are each followed by attributes.
    Records,
    /// One of them.
    Record,
    /// An array. Scalars stand in one line in brackets, anything else has rows of its own.
    Array {
        row: usize,
        index: usize,
        open: bool,
        /// Whether it stands in a struct's line, and structs in it too.
        inline: bool,
        /// Named elements that are not shown.
        zeros: usize,
    },
    Attr {
        row: usize,
    },
    /// An attribute of an extended ack that is shown in other words than its own; its rows are those
    /// from a number on.
    Extack {
        number: u16,
        first_row: usize,
        /// Whether there is something odd about it, which has to be shown.
        odd: bool,
    },
    Struct {
        row: usize,
        fixed_header: bool,
        braces: bool,
        shown: usize,
        zeros: usize,
        /// Members are shown even if they are zero.
        all: bool,
        /// They are shown without their names.
        bare: bool,
    },
    /// Names and values, a row each.
    Lines,
    /// What only groups: an error's parts.
    Clear,
}

/// Buffers used again for every block.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What begins every block of a call: time, process, descriptor, protocol, arrow.
    pub(super) who: Vec<u8>,
    /// The columns that it takes.
    pub(super) who_columns: usize,
    /// What the call knows beside the message: group, peer.
    pub(super) note: Vec<u8>,
    /// The name of the request that the message answers.
    pub(super) answered: Vec<u8>,
    /// How long that took, in nanoseconds.
    pub(super) latency_ns: Option<u64>,
    /// What a dump brought that ends here.
    pub(super) dump: Option<Dump>,
    /// Whether the message answers what nobody asked.
    pub(super) is_unasked: bool,
    /// The kernel's words in an extended ack.
    pub(super) words: Vec<u8>,
    pub(super) rows: Rows,
    /// Open frames, each with the depth of rows around it.
    pub(super) frames: Vec<(Frame, usize)>,
    /// Where key material is in the datagram.
    pub(super) hidden: Vec<Range<usize>>,
    /// What a fixed header's members begin with (`ifi_`).
    prefix: Vec<u8>,
}

/// What stands around a datagram.
#[derive(Clone, Copy)]
pub(super) struct Around<'b> {
    pub(super) engine: &'b Engine<'b>,
    pub(super) protocol: u32,
    /// `CLOCK_MONOTONIC` after it was received, in nanoseconds; 0 where it is not known.
    pub(super) received_ns: u64,
    /// Whether requests echoed in errors are shown whole. They are not where the request itself was.
    pub(super) echoes: bool,
}

/// Prints a datagram's messages.
pub(super) struct Block<'b> {
    pub(super) out: &'b mut Vec<u8>,
    pub(super) look: &'b Look,
    pub(super) scratch: &'b mut Scratch,
    bytes: &'b [u8],
    pub(super) around: Around<'b>,
    pub(super) message: Option<Message>,
    pub(super) depth: usize,
    /// Where the last message ended.
    pub(super) done: usize,
    /// How many bytes of requests may yet be walked through to explain answers.
    pub(super) walk_left: usize,
    /// Whether some request failed for no reason that the kernel gave.
    pub(super) is_unexplained: bool,
}

impl<'b> Block<'b> {
    pub(super) fn new(
        out: &'b mut Vec<u8>,
        look: &'b Look,
        scratch: &'b mut Scratch,
        bytes: &'b [u8],
        around: Around<'b>,
    ) -> Self {
        scratch.rows.start(look.paint, look.width);
        scratch.frames.clear();
        scratch.hidden.clear();
        Self {
            out,
            look,
            scratch,
            bytes,
            around,
            message: None,
            depth: 0,
            done: 0,
            walk_left: MAX_WALK_LEN,
            is_unexplained: false,
        }
    }

    /// Prints what stands outside of any message: text of a protocol without messages, stray bytes.
    pub(super) fn finish(&mut self) {
        if self.message.is_none() && !self.scratch.rows.is_empty() {
            let rest = self.bytes.get(self.done..).unwrap_or(&[]);
            head::bare(self.out, self.look, self.scratch, rest.len());
            self.scratch.rows.flush(self.out, self.look.paint, self.look.width);
            self.hex(self.done, rest.len());
            self.done = self.bytes.len();
        }
    }

    pub(super) fn hex(&mut self, at: usize, len: usize) {
        if self.look.hex {
            let bytes = self.bytes.get(at..).unwrap_or(&[]);
            let bytes = bytes.get(..len).unwrap_or(bytes);
            head::hex_dump(self.out, self.look, bytes, at, &self.scratch.hidden);
        }
    }

    /// Notes what a message answers, for its head line.
    pub(super) fn note_reply(&mut self, head: &MessageHead<'_>) {
        let Around { engine, protocol, received_ns, .. } = self.around;
        let scratch = &mut *self.scratch;
        scratch.answered.clear();
        scratch.dump = None;
        scratch.latency_ns = None;
        scratch.is_unasked =
            head.direction == Direction::Receive && engine.requests.is_unasked(&head.header);
        let is_one_of_many = head.header.flags & MULTI != 0 && !head.control;
        let reply = Reply::of(engine, head, received_ns).filter(|_| !is_one_of_many);
        let Some(reply) = reply else { return };
        scratch.dump = reply.dump;
        scratch.latency_ns = reply.latency_ns;
        let (ty, operation) = reply::request_kind(engine, protocol, reply.asked.bytes);
        head::kind(&mut scratch.answered, self.look, &ty, operation);
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.scratch.frames.push((frame, self.depth));
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        let (frame, depth) = self.scratch.frames.pop()?;
        self.depth = depth;
        Some(frame)
    }

    pub(super) fn top(&self) -> Option<Frame> {
        self.scratch.frames.last().map(|(frame, _)| *frame)
    }

    /// Changes the row that the innermost frame writes to.
    pub(super) fn move_top(&mut self, to: usize) {
        if let Some((
            Frame::Attr { row } | Frame::Struct { row, .. } | Frame::Array { row, .. },
            _,
        )) = self.scratch.frames.last_mut()
        {
            *row = to;
        }
    }

    /// Whether what comes belongs to an error itself, not to the request that it echoes.
    pub(super) fn in_error(&self) -> bool {
        self.message.as_ref().is_some_and(Message::is_control)
            && self.scratch.frames.iter().all(|(frame, _)| {
                matches!(frame, Frame::Message | Frame::Clear | Frame::Attributes)
            })
    }

    /// Begins an item of this row, or of a new one without a name if others came after it.
    #[inline]
    pub(super) fn item(&mut self, row: usize) -> &mut Vec<u8> {
        if row.saturating_add(1) != self.scratch.rows.count() {
            let fresh = self.scratch.rows.begin(self.depth, |_| {});
            self.move_top(fresh);
        }
        self.scratch.rows.item()
    }

    #[inline(always)]
    pub(super) fn put(&mut self, row: usize, value: &Value<'_>) {
        self.item(row);
        value::put(&mut self.scratch.rows, self.look, value);
    }

    /// A value that stands in nothing: an error's number, or a row of its own.
    #[cold]
    pub(super) fn loose_value(&mut self, value: &Value<'_>) {
        if self.in_error()
            && let Some(number) = value.number().and_then(|n| i32::try_from(n).ok())
            && let Some(message) = &mut self.message
            && message.error.is_none()
        {
            message.error = Some(number);
            return;
        }
        self.loose_row();
        value::put(&mut self.scratch.rows, self.look, value);
    }

    pub(super) fn loose_row(&mut self) -> &mut Vec<u8> {
        self.scratch.rows.begin(self.depth, |_| {});
        self.scratch.rows.item()
    }

    /// A named item: a struct's member, or an array's element with a meaning.
    #[inline(always)]
    pub(super) fn member(&mut self, row: usize, name: &[u8], value: Option<&Value<'_>>) {
        let look = self.look;
        let out = self.item(row);
        if !name.is_empty() {
            look.paint.put(out, Role::Name, name);
            out.push(b' ');
        }
        if let Some(value) = value {
            value::put(&mut self.scratch.rows, look, value);
        }
    }

    #[inline(always)]
    pub(super) fn field(&mut self, name: &str, value: &Value<'_>) {
        let Some((Frame::Struct { row, fixed_header, shown, zeros, all, bare, .. }, _)) =
            self.scratch.frames.last_mut()
        else {
            return;
        };
        // A fixed header's first member says what the rest is about, so it always stands.
        let first = *fixed_header && *shown == 0 && *zeros == 0;
        if !first && !*all && value::is_zero(value) {
            *zeros = zeros.saturating_add(1);
            return;
        }
        *shown = shown.saturating_add(1);
        let (row, fixed_header) = (*row, *fixed_header);
        if *bare {
            return self.put(row, value);
        }
        if !fixed_header {
            return self.member(row, name.as_bytes(), Some(value));
        }
        if first {
            let len = name.find('_').map_or(0, |n| n.saturating_add(1));
            self.scratch.prefix.clear();
            self.scratch.prefix.extend(name.bytes().take(len));
        }
        if matches!(value, Value::Enum { name: Some(_), .. }) {
            return self.put(row, value);
        }
        let name = name.as_bytes();
        let short = name.strip_prefix(&*self.scratch.prefix).unwrap_or(name);
        self.member(row, short, Some(value));
    }

    #[inline(always)]
    pub(super) fn element(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        let Some((Frame::Array { row, open, zeros, .. }, _)) = self.scratch.frames.last_mut()
        else {
            return;
        };
        let (row, was_open) = (*row, *open);
        *open = true;
        let named = !matches!(slot, Slot::Plain);
        let hidden = named && value::is_zero(value);
        if hidden {
            *zeros = zeros.saturating_add(1);
        }
        if !was_open {
            self.open_bracket(row, b'[');
        }
        match slot {
            _ if hidden => {}
            Slot::Index(index, name, label) => {
                let mut unnamed = itoa::Buffer::new();
                let name = name.or(label).unwrap_or_else(|| unnamed.format(index));
                self.member(row, name.as_bytes(), Some(value));
            }
            Slot::Field(name) => self.member(row, name.as_bytes(), Some(value)),
            Slot::Plain => self.put(row, value),
        }
    }

    /// A name and its value, as a row of their own.
    pub(super) fn line(&mut self, name: &str, value: &Value<'_>) {
        let look = self.look;
        self.scratch.rows.begin(self.depth, |out| {
            look.paint.put(out, Role::Name, name.as_bytes());
        });
        self.scratch.rows.item();
        value::put(&mut self.scratch.rows, look, value);
    }

    /// What stands for members that are not shown.
    pub(super) fn zeros(&mut self, row: usize, zeros: usize, any_shown: bool) {
        if zeros > 0 {
            let paint = self.look.paint;
            let words: &[u8] = if any_shown { b"others 0" } else { b"all 0" };
            paint.put(self.item(row), Role::Dim, words);
        }
    }

    pub(super) fn open_bracket(&mut self, row: usize, bracket: u8) {
        let paint = self.look.paint;
        paint.put(self.item(row), Role::Dim, &[bracket]);
        self.scratch.rows.glue();
    }

    /// Ends what [`Self::open_bracket`] began, and lets what is around it go on in the same row.
    pub(super) fn close_bracket(&mut self, bracket: u8) {
        let Some(Frame::Attr { row } | Frame::Struct { row, .. } | Frame::Array { row, .. }) =
            self.top()
        else {
            return;
        };
        self.scratch.rows.glue();
        let paint = self.look.paint;
        paint.put(self.item(row), Role::Dim, &[bracket]);
        self.pop();
        self.move_top(self.scratch.rows.count().saturating_sub(1));
    }

    /// A row for an element of an array that is no scalar.
    pub(super) fn element_row(&mut self, name: Option<&str>) -> usize {
        let mut index_shown = 0;
        if let Some((Frame::Array { index, .. }, _)) = self.scratch.frames.last_mut() {
            index_shown = *index;
            *index = index.saturating_add(1);
        }
        let paint = self.look.paint;
        self.scratch.rows.begin(self.depth, |out| match name {
            Some(name) => paint.put(out, Role::Name, name.as_bytes()),
            None => paint.with(out, Role::Dim, |out| {
                out.push(b'[');
                text::decimal(out, index_shown);
                out.push(b']');
            }),
        })
    }

    /// The kernel's words.
    pub(super) fn words(&mut self, value: &Value<'_>) {
        if let Value::Text { bytes, kind } = *value {
            let words = Value::text(bytes, kind);
            escape::terminal(&mut self.scratch.words, words, self.look.string_limit);
        }
    }
}

/// Which way an arrow points.
pub(super) const fn arrow(direction: Direction) -> (Role, &'static str) {
    match direction {
        Direction::Send => (Role::Send, "▶"),
        Direction::Receive => (Role::Receive, "◀"),
    }
}
