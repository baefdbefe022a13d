//! Finds what is wrong with the messages of a datagram.

use std::io::Write as _;

use super::line::{Finding, Line};
use super::{Level, Tally};
use crate::decode::{
    AttrHead, Crumb, Direction, Explanation, Issue, IssueKind, MessageHead, Nlmsghdr, Part, Slot,
    StructHead, TextKind, Value, Visitor,
};
use crate::output::{escape, socket_names, text};
use crate::wire::message::DONE;

/// The longest text of the kernel's that is shown, in bytes.
const TEXT_LEN: usize = 512;

/// Names of what is open, outermost first.
#[derive(Debug, Default)]
pub(super) struct Path {
    text: String,
    ends: Vec<usize>,
}

impl Path {
    pub(super) const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The names, outermost first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let name = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            name
        })
    }

    fn innermost(&self) -> Option<&str> {
        self.names().last()
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    fn push_attribute(&mut self, head: &AttrHead<'_>) {
        match head.name {
            Some(name) => self.push(name),
            None => self.push(&head.number().to_string()),
        }
    }

    fn pop(&mut self) {
        self.ends.pop();
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }
}

/// Where in a datagram one is.
#[derive(Debug, Default)]
pub(super) struct Place {
    path: Path,
    part: usize,
    /// The datagram's length.
    len: usize,
    /// Whether what is taken for a message is but zeros after the last one.
    is_rest: bool,
    /// What the message is called.
    message: Vec<u8>,
    /// How many echoed requests are open.
    echoed: usize,
    /// Of a message of netlink's own its header, and what it says.
    control: Option<Nlmsghdr>,
    errno: i32,
    said: Vec<u8>,
    culprit: Option<usize>,
    /// What stands where it points at.
    pointed: Path,
    words: Vec<u8>,
}

impl Place {
    /// A datagram begins.
    pub(super) fn begin(&mut self, len: usize) {
        self.len = len;
        self.is_rest = false;
        self.path.clear();
        self.message.clear();
        self.part = 0;
        self.echoed = 0;
        self.control = None;
    }
}

/// A visitor that writes what it finds.
pub(super) struct Findings<'f> {
    pub(super) tally: &'f Tally,
    pub(super) line: &'f mut Line,
    pub(super) place: &'f mut Place,
    /// Whether there is a spec of the protocol.
    pub(super) is_known: bool,
    /// Whether it is the kernel that reads it.
    pub(super) to_kernel: bool,
    /// The socket's port id; 0 if it is not known.
    pub(super) portid: u32,
    /// How many bytes of requests may yet be walked through to explain answers.
    pub(super) walk_left: usize,
    pub(super) out: &'f mut Vec<u8>,
}

impl Findings<'_> {
    fn put(&mut self, code: &'static str, at: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if self.tally.level == Level::Errors {
            return;
        }
        self.tally.add();
        let place = &mut *self.place;
        place.words.clear();
        write(&mut place.words);
        let finding = Finding {
            code,
            words: &place.words,
            part: Some(place.part),
            message: &place.message,
            path: Some(&place.path),
            at: Some(at),
            error: None,
        };
        self.line.put(self.out, &finding);
    }

    /// Whether an oddity is one of what is said, and none of what is known here.
    const fn counts(&self, kind: IssueKind) -> bool {
        match kind {
            // Lengths hold whoever speaks.
            IssueKind::ShortHeader { .. }
            | IssueKind::LengthTooSmall { .. }
            | IssueKind::LengthTooLong { .. }
            | IssueKind::ShortStruct { .. } => true,
            IssueKind::NoFormat => false,
            IssueKind::UnknownMessage { .. } => self.to_kernel && self.is_known,
            // A newer kernel may say more than is known here.
            _ => self.to_kernel,
        }
    }

    /// What the kernel answered, if it is no success.
    fn answer(&mut self, header: Nlmsghdr) {
        let place = &mut *self.place;
        let is_end = header.ty == DONE;
        let code = match place.errno {
            0 if place.said.is_empty() || self.tally.level == Level::Errors => return,
            0 => "kernel-warning",
            _ if is_end => "dump-error",
            _ => "kernel-error",
        };
        std::mem::swap(&mut place.path, &mut place.pointed);
        let words = &mut place.words;
        words.clear();
        match place.errno {
            0 => {}
            errno => match socket_names::errno_name(errno) {
                Some(name) => words.extend_from_slice(name.as_bytes()),
                None => text::decimal(words, errno),
            },
        }
        if !place.said.is_empty() {
            if !words.is_empty() {
                words.push(b' ');
            }
            words.push(b'"');
            escape::terminal(words, &place.said, TEXT_LEN);
            words.push(b'"');
        } else if place.errno != 0 {
            words.extend_from_slice(b" (");
            words.extend_from_slice(socket_names::errno_text(place.errno).as_bytes());
            words.push(b')');
        }
        self.tally.add();
        let finding = Finding {
            code,
            words: &place.words,
            part: Some(place.part),
            message: &place.message,
            path: Some(&place.path),
            at: place.culprit,
            error: (place.errno != 0).then_some((place.errno, &place.said)),
        };
        self.line.put(self.out, &finding);
    }
}

impl Visitor for Findings<'_> {
    const CHECKS: bool = true;

    const EXPLAINS: bool = true;

    fn may_walk(&mut self, len: usize) -> bool {
        let left = self.walk_left.checked_sub(len);
        self.walk_left = left.unwrap_or(self.walk_left);
        left.is_some()
    }

    fn explanation(&mut self, explanation: &Explanation<'_>) {
        let place = &mut *self.place;
        // The request itself says what it is.
        explanation.head(|head| call(&mut place.message, head));
        for crumb in explanation.culprit.iter().flat_map(|culprit| &culprit.path) {
            match crumb {
                Crumb::Name(name) => place.pointed.push(name),
                Crumb::Unknown(number, _) => place.pointed.push(&number.to_string()),
                Crumb::Index(index) => place.pointed.push(&index.to_string()),
            }
        }
    }

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        let place = &mut *self.place;
        if head.echoed {
            place.echoed = place.echoed.saturating_add(1);
            if place.echoed == 1 {
                call(&mut place.message, head);
            }
            return;
        }
        place.is_rest = head.part > 0 && head.header == Nlmsghdr::default();
        if place.is_rest {
            place.control = None;
            return;
        }
        place.path.clear();
        place.part = head.part;
        call(&mut place.message, head);
        let is_answer = head.control && head.direction == Direction::Receive;
        place.control = is_answer.then_some(head.header);
        place.errno = 0;
        place.said.clear();
        place.culprit = None;
        place.pointed.clear();
        let portid = head.header.portid;
        if self.to_kernel && portid != 0 && self.portid != 0 && portid != self.portid {
            let own = self.portid;
            self.put("portid-mismatch", head.at, |words| {
                // A vector takes all.
                drop(write!(words, "nlmsg_pid {portid} is not the socket's port id {own}"));
            });
        }
    }

    fn message_end(&mut self) {
        if let Some(left) = self.place.echoed.checked_sub(1) {
            self.place.echoed = left;
        } else if let Some(header) = self.place.control.take() {
            self.answer(header);
        }
    }

    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        self.place.path.push_attribute(head);
    }

    fn attr_end(&mut self) {
        self.place.path.pop();
    }

    fn struct_begin(&mut self, _slot: Slot<'_>, head: &StructHead<'_>) {
        self.place.path.push(head.name);
    }

    fn struct_end(&mut self) {
        self.place.path.pop();
    }

    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        let place = &mut *self.place;
        if place.control.is_none() || place.echoed > 0 {
            return;
        }
        let attribute = place.path.innermost();
        match (value, slot) {
            (Value::Errno { v: v @ ..=-1, .. }, Slot::Field("error") | Slot::Plain)
                if place.errno == 0 =>
            {
                place.errno = v.saturating_neg();
            }
            (Value::Text { bytes, .. }, Slot::Plain) if attribute == Some("NLMSGERR_ATTR_MSG") => {
                place.said.clear();
                place.said.extend_from_slice(Value::text(bytes, TextKind::CString));
            }
            (Value::Uint { v, .. }, Slot::Plain) if attribute == Some("NLMSGERR_ATTR_OFFS") => {
                place.culprit = usize::try_from(*v).ok();
            }
            _ => {}
        }
    }

    fn issue(&mut self, issue: &Issue) {
        if self.place.is_rest {
            if let IssueKind::LengthTooSmall { .. } = issue.kind {
                let len = self.place.len.saturating_sub(issue.at);
                let rest = Issue { at: issue.at, kind: IssueKind::Trailing { len } };
                // A vector takes all.
                self.put(rest.code(), rest.at, |words| drop(write!(words, "{rest}")));
            }
            return;
        }
        if self.place.echoed == 0 && self.counts(issue.kind) {
            // A vector takes all.
            self.put(issue.code(), issue.at, |words| drop(write!(words, "{issue}")));
        }
    }
}

/// What a message is called: its command, or its type.
fn call(out: &mut Vec<u8>, head: &MessageHead<'_>) {
    out.clear();
    let name = match head.ty {
        Value::Enum { name, .. } | Value::Split { low: Part { name, .. }, .. } => name,
        _ => None,
    };
    match head.operation.or(name) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => {
            out.extend_from_slice(b"type ");
            text::decimal(out, head.header.ty);
        }
    }
}
