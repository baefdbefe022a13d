//! What the decoder says, turned into rows.

use std::ops::Range;

use super::block::{Block, Frame, NLMSGERR_ATTR_MSG};
use super::head::{self, Message};
use crate::decode::{
    AttrHead, Explanation, Issue, IssueKind, List, MessageHead, Order, Slot, StructHead,
    StructStyle, Value, Visitor,
};
use crate::output::paint::Role;
use crate::output::text;

impl Visitor for Block<'_> {
    const EXPLAINS: bool = true;

    fn shows_secrets(&self) -> bool {
        self.look.show_secrets
    }

    fn secret(&mut self, at: Range<usize>) {
        if self.look.hex {
            self.scratch.hidden.push(at);
        }
    }

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        if head.echoed {
            let first_row = self.scratch.rows.count();
            let look = self.look;
            self.push(Frame::Echo { first_row });
            if self.scratch.answered.is_empty() {
                head::kind(&mut self.scratch.answered, look, &head.ty, head.operation);
            }
            if self.around.echoes {
                let paint = look.paint;
                self.scratch.rows.begin(self.depth, |out| {
                    paint.put(out, Role::Name, b"request");
                });
                head::name(self.scratch.rows.item(), look, head);
                self.depth = self.depth.saturating_add(1);
            }
            return;
        }
        self.finish();
        self.note_reply(head);
        self.scratch.words.clear();
        let message = Message::new(head);
        if !message.is_control() {
            head::message(self.out, self.look, self.scratch, head);
        }
        self.scratch.rows.expect(head.header.ty);
        self.message = Some(message);
        self.push(Frame::Message);
    }

    fn message_end(&mut self) {
        if let Some(Frame::Echo { first_row }) = self.pop() {
            if !self.around.echoes {
                self.scratch.rows.hide_from(first_row);
            }
            return;
        }
        let Some(message) = &self.message else { return };
        let (at, len) = (message.at, message.len);
        if message.is_control() {
            head::control(self.out, self.look, self.scratch, message);
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
                    _ => (self.scratch.rows.begin(self.depth, |_| {}), false),
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
        if self.in_error() && self.message.as_ref().is_some_and(|message| message.hides(number)) {
            let first_row = self.scratch.rows.count();
            return self.push(Frame::Extack { number, first_row, odd: false });
        }
        let paint = self.look.paint;
        let row = self.scratch.rows.begin(self.depth, |out| match head.name {
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
        if let Some((names, bits)) = head.flags {
            let value = Value::Flags {
                v: bits,
                size: 2,
                order: Order::Host,
                set: names,
                more: None,
                label: None,
            };
            self.put(row, &value);
        }
        self.push(Frame::Attr { row });
    }

    fn attr_end(&mut self) {
        if let Some(Frame::Extack { first_row, odd: false, .. }) = self.pop() {
            self.scratch.rows.hide_from(first_row);
        }
    }

    fn struct_begin(&mut self, slot: Slot<'_>, head: &StructHead<'_>) {
        if self.in_error() {
            return self.push(Frame::Clear);
        }
        if head.style == StructStyle::Lines {
            let inner = matches!(self.top(), Some(Frame::Attr { .. } | Frame::Struct { .. }));
            if let (Some(Frame::Struct { row, .. }), Slot::Field(name)) = (self.top(), slot) {
                self.member(row, name.as_bytes(), None);
            }
            self.push(Frame::Lines);
            self.depth = self.depth.saturating_add(usize::from(inner));
            return;
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
            // As C has it, members of a struct without a name are those of the one around it.
            (Some(Frame::Struct { row, .. }), Slot::Field("")) => row,
            (Some(Frame::Struct { row, .. } | Frame::Array { row, open: true, .. }), slot) => {
                braces = true;
                if let Slot::Field(name) = slot {
                    self.member(row, name.as_bytes(), None);
                    self.scratch.rows.glue();
                }
                if let Some((Frame::Struct { shown, .. }, _)) = self.scratch.frames.last_mut() {
                    *shown = shown.saturating_add(1);
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
            all: head.style != StructStyle::Members,
            bare: head.style == StructStyle::Row,
        });
    }

    fn struct_end(&mut self) {
        let Some(Frame::Struct { row, braces, shown, zeros, .. }) = self.top() else {
            self.pop();
            return;
        };
        if braces {
            self.zeros(row, zeros, shown > 0);
            return self.close_bracket(b'}');
        }
        self.pop();
        match self.scratch.frames.last_mut() {
            // Without a name it was a part of the one around it.
            Some((Frame::Struct { shown: all_shown, zeros: all_zeros, .. }, _)) => {
                *all_shown = all_shown.saturating_add(shown);
                *all_zeros = all_zeros.saturating_add(zeros);
            }
            _ => self.zeros(row, zeros, shown > 0),
        }
    }

    fn field_begin(&mut self, name: &str) {
        if let Some(Frame::Struct { row, .. }) = self.top() {
            self.member(row, name.as_bytes(), None);
            self.scratch.rows.glue();
        }
    }

    #[inline(always)]
    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        match (self.scratch.frames.last(), slot) {
            (Some((Frame::Extack { number, .. }, _)), _) => {
                // Copies here and below, so that other values need not be in memory.
                let (number, value) = (*number, *value);
                if number == NLMSGERR_ATTR_MSG {
                    self.words(&value);
                }
            }
            (Some((Frame::Struct { .. }, _)), Slot::Field(name)) => self.field(name, value),
            (Some((Frame::Lines, _)), Slot::Field(name)) => self.line(name, value),
            (Some((Frame::Array { .. }, _)), slot) => self.element(slot, value),
            (Some((Frame::Attr { row } | Frame::Struct { row, .. }, _)), _) => {
                self.put(*row, value);
            }
            _ => {
                let value = *value;
                self.loose_value(&value);
            }
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
        // The name that is shown says these already.
        if matches!(
            issue.kind,
            IssueKind::UnknownAttribute { .. } | IssueKind::UnknownMessage { .. }
        ) {
            return;
        }
        for (frame, _) in &mut self.scratch.frames {
            if let Frame::Extack { odd, .. } = frame {
                *odd = true;
            }
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
