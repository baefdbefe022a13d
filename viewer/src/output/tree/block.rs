//! The visitor that turns a datagram into blocks, one a message.

use super::Look;
use super::head::{self, Message};
use super::rows::Rows;
use super::value;
use crate::decode::{
    AttrHead, Direction, Issue, IssueKind, List, MessageHead, Slot, StructHead, Value, Visitor,
};
use crate::output::paint::Role;
use crate::output::{escape, text};

/// Type of an error or acknowledgement.
const NLMSG_ERROR: u16 = 2;
/// Type of a dump's end.
const NLMSG_DONE: u16 = 3;
/// Attribute of an extended ack: the kernel's words.
const NLMSGERR_ATTR_MSG: u16 = 1;
/// Attribute of an extended ack: where in the request the culprit is.
const NLMSGERR_ATTR_OFFS: u16 = 2;
/// Place of a row that no offset leads to.
const NOWHERE: usize = usize::MAX;

/// What is open around the next call of the visitor.
#[derive(Debug, Clone, Copy)]
enum Frame {
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
    /// An attribute of an extended ack that the head line shows.
    Extack(u16),
    Struct {
        row: usize,
        fixed_header: bool,
        braces: bool,
        shown: usize,
        zeros: usize,
    },
    /// What only groups: an error's parts.
    Clear,
}

/// Buffers used again for every block.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What begins every block of a call: time, process, descriptor, protocol, arrow.
    pub(super) who: Vec<u8>,
    /// What the call knows beside the message: group, peer.
    pub(super) note: Vec<u8>,
    /// The name of the request that an error answers.
    pub(super) answered: Vec<u8>,
    /// The kernel's words in an extended ack.
    pub(super) words: Vec<u8>,
    rows: Rows,
    /// Open frames, each with the depth of rows around it.
    frames: Vec<(Frame, usize)>,
    /// What a fixed header's members begin with (`ifi_`).
    prefix: Vec<u8>,
}

/// Prints a datagram's messages.
pub(super) struct Block<'b> {
    out: &'b mut Vec<u8>,
    look: &'b Look,
    scratch: &'b mut Scratch,
    bytes: &'b [u8],
    /// Whether requests echoed in errors are shown whole. They are not where the request itself was.
    echoes: bool,
    message: Option<Message>,
    depth: usize,
    /// Where the last message ended.
    done: usize,
}

impl<'b> Block<'b> {
    pub(super) fn new(
        out: &'b mut Vec<u8>,
        look: &'b Look,
        scratch: &'b mut Scratch,
        bytes: &'b [u8],
        echoes: bool,
    ) -> Self {
        scratch.rows.start(look.paint, look.width);
        scratch.frames.clear();
        Self { out, look, scratch, bytes, echoes, message: None, depth: 0, done: 0 }
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

    fn hex(&mut self, at: usize, len: usize) {
        if self.look.hex {
            let bytes = self.bytes.get(at..).unwrap_or(&[]);
            head::hex_dump(self.out, self.look, bytes.get(..len).unwrap_or(bytes));
        }
    }

    fn push(&mut self, frame: Frame) {
        self.scratch.frames.push((frame, self.depth));
    }

    fn pop(&mut self) -> Option<Frame> {
        let (frame, depth) = self.scratch.frames.pop()?;
        self.depth = depth;
        Some(frame)
    }

    fn top(&self) -> Option<Frame> {
        self.scratch.frames.last().map(|(frame, _)| *frame)
    }

    /// Changes the row that the innermost frame writes to.
    fn move_top(&mut self, to: usize) {
        if let Some((
            Frame::Attr { row } | Frame::Struct { row, .. } | Frame::Array { row, .. },
            _,
        )) = self.scratch.frames.last_mut()
        {
            *row = to;
        }
    }

    /// Whether what comes belongs to an error itself, not to the request that it echoes.
    fn in_error(&self) -> bool {
        self.message.as_ref().is_some_and(Message::is_control)
            && self.scratch.frames.iter().all(|(frame, _)| {
                matches!(frame, Frame::Message | Frame::Clear | Frame::Attributes)
            })
    }

    /// Begins an item of this row, or of a new one without a name if others came after it.
    fn item(&mut self, row: usize) -> &mut Vec<u8> {
        if row.saturating_add(1) != self.scratch.rows.count() {
            let fresh = self.scratch.rows.begin(self.depth, NOWHERE, |_| {});
            self.move_top(fresh);
        }
        self.scratch.rows.item()
    }

    fn put(&mut self, row: usize, value: &Value<'_>) {
        self.item(row);
        value::put(&mut self.scratch.rows, self.look, value);
    }

    fn loose_row(&mut self) -> &mut Vec<u8> {
        self.scratch.rows.begin(self.depth, NOWHERE, |_| {});
        self.scratch.rows.item()
    }

    /// A named item: a struct's member, or an array's element with a meaning.
    fn member(&mut self, row: usize, name: &[u8], value: Option<&Value<'_>>) {
        let look = self.look;
        let out = self.item(row);
        look.paint.put(out, Role::Name, name);
        out.push(b' ');
        if let Some(value) = value {
            value::put(&mut self.scratch.rows, look, value);
        }
    }

    fn field(&mut self, name: &str, value: &Value<'_>) {
        let Some((Frame::Struct { row, fixed_header, shown, zeros, .. }, _)) =
            self.scratch.frames.last_mut()
        else {
            return;
        };
        // A fixed header's first member says what the rest is about, so it always stands.
        let first = *fixed_header && *shown == 0 && *zeros == 0;
        if !first && value::is_zero(value) {
            *zeros = zeros.saturating_add(1);
            return;
        }
        *shown = shown.saturating_add(1);
        let (row, fixed_header) = (*row, *fixed_header);
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

    fn element(&mut self, slot: Slot<'_>, value: &Value<'_>) {
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

    /// What stands for members that are not shown.
    fn zeros(&mut self, row: usize, zeros: usize, any_shown: bool) {
        if zeros > 0 {
            let paint = self.look.paint;
            let words: &[u8] = if any_shown { b"others 0" } else { b"all 0" };
            paint.put(self.item(row), Role::Dim, words);
        }
    }

    fn open_bracket(&mut self, row: usize, bracket: u8) {
        let paint = self.look.paint;
        paint.put(self.item(row), Role::Dim, &[bracket]);
        self.scratch.rows.glue();
    }

    /// Ends what [`Self::open_bracket`] began, and lets what is around it go on in the same row.
    fn close_bracket(&mut self, bracket: u8) {
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
    fn element_row(&mut self, name: Option<&str>) -> usize {
        let mut index_shown = 0;
        if let Some((Frame::Array { index, .. }, _)) = self.scratch.frames.last_mut() {
            index_shown = *index;
            *index = index.saturating_add(1);
        }
        let paint = self.look.paint;
        self.scratch.rows.begin(self.depth, NOWHERE, |out| match name {
            Some(name) => paint.put(out, Role::Name, name.as_bytes()),
            None => paint.with(out, Role::Dim, |out| {
                out.push(b'[');
                text::decimal(out, index_shown);
                out.push(b']');
            }),
        })
    }

    fn extack(&mut self, number: u16, value: &Value<'_>) {
        match *value {
            Value::Text { bytes, kind } if number == NLMSGERR_ATTR_MSG => {
                let words = Value::text(bytes, kind);
                escape::terminal(&mut self.scratch.words, words, self.look.string_limit);
            }
            _ => {
                let offset = value.number().and_then(|n| usize::try_from(n).ok());
                if let Some(message) = &mut self.message {
                    message.culprit = offset.or(message.culprit);
                }
            }
        }
    }

    /// What in the request an error is about, where the request is echoed.
    fn culprit(&mut self) {
        let Some(offset) = self.message.as_ref().and_then(|message| message.culprit) else {
            return;
        };
        let echo = self.message.as_ref().and_then(|message| message.echo);
        let out = &mut *self.out;
        head::culprit(out, self.look);
        let found = echo.is_some_and(|(echo_at, first_row)| {
            self.scratch.rows.locate(out, echo_at.saturating_add(offset), first_row)
        });
        if !found {
            out.extend_from_slice(b"offset ");
            text::decimal(out, offset);
            out.extend_from_slice(b" of the request");
        }
        out.push(b'\n');
    }
}

impl Visitor for Block<'_> {
    fn message_begin(&mut self, head: &MessageHead<'_>) {
        if head.echoed {
            let first_row = self.scratch.rows.count();
            let look = self.look;
            self.push(Frame::Echo { first_row });
            if let Some(message) = &mut self.message
                && message.echo.is_none()
            {
                message.echo = Some((head.at, first_row));
                head::kind(&mut self.scratch.answered, look, head);
            }
            if self.echoes {
                let paint = look.paint;
                self.scratch.rows.begin(self.depth, NOWHERE, |out| {
                    paint.put(out, Role::Name, b"request");
                });
                head::name(self.scratch.rows.item(), look, head);
                self.depth = self.depth.saturating_add(1);
            }
            return;
        }
        self.finish();
        self.scratch.answered.clear();
        self.scratch.words.clear();
        let message = Message::new(head);
        if !matches!(message.ty, NLMSG_ERROR | NLMSG_DONE) {
            head::message(self.out, self.look, self.scratch, head);
        }
        self.message = Some(message);
        self.push(Frame::Message);
    }

    fn message_end(&mut self) {
        if let Some(Frame::Echo { first_row }) = self.pop() {
            if !self.echoes {
                self.scratch.rows.hide_from(first_row);
            }
            return;
        }
        let Some(message) = &self.message else { return };
        let (at, len) = (message.at, message.len);
        if message.is_control() {
            head::control(self.out, self.look, self.scratch, message);
            self.culprit();
        }
        self.scratch.rows.flush(self.out, self.look.paint, self.look.width);
        self.hex(at, len);
        self.done = at.saturating_add(len);
        self.message = None;
        self.depth = 0;
    }

    fn list_begin(&mut self, list: List, _many: bool) {
        let top = self.top();
        match list {
            List::Messages => self.push(Frame::Clear),
            List::Group if !matches!(top, Some(Frame::Records)) => self.push(Frame::Clear),
            List::Group => self.push(Frame::Record),
            List::Attributes | List::Records => {
                // An element of an array that is a list of attributes has a row to stand under.
                if matches!(top, Some(Frame::Array { .. })) {
                    self.element_row(None);
                }
                self.push(if list == List::Records { Frame::Records } else { Frame::Attributes });
                if !matches!(top, None | Some(Frame::Message | Frame::Echo { .. } | Frame::Clear)) {
                    self.depth = self.depth.saturating_add(1);
                }
            }
            List::Array => {
                let (row, inline) = match top {
                    Some(Frame::Attr { row }) => (row, false),
                    Some(Frame::Struct { row, .. }) => (row, true),
                    Some(Frame::Array { .. }) => (self.element_row(None), false),
                    _ => (self.scratch.rows.begin(self.depth, NOWHERE, |_| {}), false),
                };
                self.push(Frame::Array { row, index: 0, open: false, inline, zeros: 0 });
                self.depth = self.depth.saturating_add(1);
            }
        }
    }

    fn list_end(&mut self, _list: List, _many: bool) {
        match self.top() {
            Some(Frame::Array { row, index: 0, open, zeros, .. }) => {
                if !open {
                    self.open_bracket(row, b'[');
                }
                self.zeros(row, zeros, true);
                self.close_bracket(b']');
            }
            _ => drop(self.pop()),
        }
    }

    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        let number = head.number();
        if self.in_error() && matches!(number, NLMSGERR_ATTR_MSG | NLMSGERR_ATTR_OFFS) {
            return self.push(Frame::Extack(number));
        }
        let paint = self.look.paint;
        let row = self.scratch.rows.begin(self.depth, head.at, |out| match head.name {
            Some(name) => paint.put(out, Role::Name, name.as_bytes()),
            None if !head.named_set => paint.with(out, Role::Dim, |out| {
                out.push(b'[');
                text::decimal(out, number);
                out.push(b']');
            }),
            None => paint.with(out, Role::Warning, |out| {
                out.extend_from_slice(head.label.unwrap_or("attribute").as_bytes());
                out.push(b' ');
                text::decimal(out, number);
            }),
        });
        self.push(Frame::Attr { row });
    }

    fn attr_end(&mut self) {
        self.pop();
    }

    fn struct_begin(&mut self, slot: Slot<'_>, head: &StructHead<'_>) {
        if self.in_error() {
            return self.push(Frame::Clear);
        }
        let mut braces = false;
        if let Some((Frame::Array { row, open, inline: true, .. }, _)) =
            self.scratch.frames.last_mut()
            && !*open
        {
            *open = true;
            let row = *row;
            self.open_bracket(row, b'[');
        }
        let row = match (self.top(), slot) {
            (Some(Frame::Attr { row }), _) => row,
            (Some(Frame::Struct { row, .. } | Frame::Array { row, open: true, .. }), slot) => {
                braces = true;
                if let Slot::Field(name) = slot {
                    self.member(row, name.as_bytes(), None);
                    self.scratch.rows.glue();
                }
                self.open_bracket(row, b'{');
                row
            }
            (Some(Frame::Array { .. }), Slot::Index(_, name, _)) => self.element_row(name),
            (Some(Frame::Array { .. }), _) => self.element_row(None),
            _ => self.element_row(Some(head.name)),
        };
        self.push(Frame::Struct {
            row,
            fixed_header: head.fixed_header,
            braces,
            shown: 0,
            zeros: 0,
        });
    }

    fn struct_end(&mut self) {
        if let Some(Frame::Struct { row, braces, shown, zeros, .. }) = self.top() {
            self.zeros(row, zeros, shown > 0);
            if braces {
                return self.close_bracket(b'}');
            }
        }
        self.pop();
    }

    fn field_begin(&mut self, name: &str) {
        if let Some(Frame::Struct { row, .. }) = self.top() {
            self.member(row, name.as_bytes(), None);
            self.scratch.rows.glue();
        }
    }

    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        match (self.scratch.frames.last(), slot) {
            (Some((Frame::Extack(number), _)), _) => self.extack(*number, value),
            (Some((Frame::Struct { .. }, _)), Slot::Field(name)) => self.field(name, value),
            (Some((Frame::Array { .. }, _)), slot) => self.element(slot, value),
            (Some((Frame::Attr { row } | Frame::Struct { row, .. }, _)), _) => {
                self.put(*row, value);
            }
            _ => {
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
        }
    }

    fn issue(&mut self, issue: &Issue) {
        // The name that is shown says these already.
        if matches!(
            issue.kind,
            IssueKind::UnknownAttribute { .. } | IssueKind::UnknownMessage { .. }
        ) {
            return;
        }
        let paint = self.look.paint;
        let out = match self.top() {
            Some(Frame::Attr { row } | Frame::Struct { row, .. } | Frame::Array { row, .. }) => {
                self.item(row)
            }
            _ => self.loose_row(),
        };
        paint.with(out, Role::Warning, |out| {
            use std::io::Write as _;
            // Writing to a Vec cannot fail.
            let _ = write!(out, "⚠ {issue}");
        });
    }
}

/// Which way an arrow points.
pub(super) const fn arrow(direction: Direction) -> (Role, &'static str) {
    match direction {
        Direction::Send => (Role::Send, "▶"),
        Direction::Receive => (Role::Receive, "◀"),
    }
}
