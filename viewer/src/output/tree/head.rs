//! The line that begins a block: who, which way, what, and how it ended.

use std::ops::Range;

use super::Look;
use super::block::{NLMSGERR_ATTR_MSG, NLMSGERR_ATTR_POLICY, Scratch};
use super::rows::spaces;
use crate::decode::{MessageHead, Value};
use crate::output::paint::{self, Role};
use crate::output::reply::Dump;
use crate::output::{escape, socket_names, text, units};
use crate::wire::message::{DONE, DUMP_INTR, ERROR, HEADER_LEN};

/// Where sequence number and size stand if the output is no terminal.
const TAIL_COLUMN: usize = 72;
/// Where they end at most, however wide the terminal is.
const MAX_WIDTH: usize = 100;

/// How much of an extended ack is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Explained {
    Nothing,
    /// All but its policy, which says what is not known.
    Most,
    All,
}

/// What is kept of a message until it ends.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) ty: u16,
    control: bool,
    seq: u32,
    /// Offset in the datagram.
    pub(super) at: usize,
    /// Header and payload as far as they are there, in bytes.
    pub(super) len: usize,
    /// What an error or a dump's end reports: 0 or a negative errno.
    pub(super) error: Option<i32>,
    /// Which attributes of an extended ack are shown as something else.
    pub(super) explained: Explained,
    interrupted: bool,
}

impl Message {
    pub(super) fn new(head: &MessageHead<'_>) -> Self {
        Self {
            ty: head.header.ty,
            control: head.control,
            seq: head.header.seq,
            at: head.at,
            len: head.payload.len().saturating_add(HEADER_LEN),
            error: None,
            explained: Explained::Nothing,
            interrupted: head.header.flags & DUMP_INTR != 0,
        }
    }

    /// Whether an attribute of an extended ack is not shown by itself.
    pub(super) const fn hides(&self, extack: u16) -> bool {
        match extack {
            NLMSGERR_ATTR_MSG => true,
            NLMSGERR_ATTR_POLICY => matches!(self.explained, Explained::All),
            2..=6 => !matches!(self.explained, Explained::Nothing),
            _ => false,
        }
    }

    /// Whether it is an acknowledgement, an error, or a dump's end.
    pub(super) const fn is_control(&self) -> bool {
        self.control
    }
}

/// The head line of a message that carries data.
pub(super) fn message(out: &mut Vec<u8>, look: &Look, scratch: &Scratch, head: &MessageHead<'_>) {
    let start = begin(out, scratch);
    name(out, look, head);
    answered(out, look, scratch);
    let len = head.payload.len().saturating_add(HEADER_LEN);
    tail(out, look, scratch, start, Some(head.header.seq), len);
}

/// The head line of an acknowledgement, an error, or a dump's end.
pub(super) fn control(out: &mut Vec<u8>, look: &Look, scratch: &Scratch, message: &Message) {
    let start = begin(out, scratch);
    let errno = message.error.unwrap_or(0).saturating_neg();
    let end: &[u8] = if message.ty == DONE { b"done" } else { b"ack" };
    if message.error.is_none() && message.ty == ERROR {
        look.paint.put(out, Role::Error, b"NLMSG_ERROR");
    } else if errno == 0 {
        look.paint.put(out, Role::Success, end);
    } else {
        if message.ty == DONE {
            out.extend_from_slice(b"done ");
        }
        look.paint.with(out, Role::Error, |out| match socket_names::errno_name(errno) {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => text::decimal(out, errno.saturating_neg()),
        });
    }
    if message.interrupted {
        out.push(b' ');
        look.paint.put(out, Role::Warning, b"dump_intr");
    }
    if !scratch.words.is_empty() {
        out.extend_from_slice(b"  ");
        let role = if errno == 0 { Role::Warning } else { Role::Error };
        look.paint.with(out, role, |out| {
            out.push(b'"');
            out.extend_from_slice(&scratch.words);
            out.push(b'"');
        });
    } else if errno > 0 && socket_names::errno_name(errno).is_some() {
        look.paint.with(out, Role::Dim, |out| {
            out.extend_from_slice(b" (");
            out.extend_from_slice(socket_names::errno_text(errno).as_bytes());
            out.push(b')');
        });
    }
    answered(out, look, scratch);
    tail(out, look, scratch, start, Some(message.seq), message.len);
}

/// What a message answers, and what came of it.
fn answered(out: &mut Vec<u8>, look: &Look, scratch: &Scratch) {
    if !scratch.answered.is_empty() {
        look.paint.put(out, Role::Dim, b"  to ");
        out.extend_from_slice(&scratch.answered);
    }
    if let Some(Dump { messages, len, is_interrupted }) = scratch.dump {
        out.extend_from_slice(b"  ");
        text::decimal(out, messages);
        out.extend_from_slice(if messages == 1 { b" message, " } else { b" messages, " });
        units::size(out, len);
        if is_interrupted {
            look.paint.put(out, Role::Warning, b"  changed meanwhile");
        }
    }
    if scratch.is_unasked {
        look.paint.put(out, Role::Warning, "  ⚠ nobody asked".as_bytes());
    }
}

/// The head line of bytes that belong to no message.
pub(super) fn bare(out: &mut Vec<u8>, look: &Look, scratch: &Scratch, len: usize) {
    let start = begin(out, scratch);
    tail(out, look, scratch, start, None, len);
}

/// What a message is: its type, or family and operation.
pub(super) fn kind(out: &mut Vec<u8>, look: &Look, ty: &Value<'_>, operation: Option<&str>) {
    if let Some(operation) = operation {
        type_name(out, look, Role::Dim, ty);
        out.push(b' ');
        look.paint.put(out, Role::Kind, operation.as_bytes());
    } else {
        type_name(out, look, Role::Kind, ty);
    }
}

/// What a message is, and its flags.
pub(super) fn name(out: &mut Vec<u8>, look: &Look, head: &MessageHead<'_>) {
    kind(out, look, &head.ty, head.operation);
    if let Value::Flags { v, set, more, .. } = head.flags {
        let mut separator: &[u8] = b"  ";
        let mut each = |name: &str| {
            out.extend_from_slice(separator);
            separator = b" ";
            let short = name.strip_prefix("NLM_F_").unwrap_or(name);
            if short == "DUMP_INTR" {
                return look.paint.put(out, Role::Warning, b"dump_intr");
            }
            out.extend(short.bytes().map(|b| b.to_ascii_lowercase()));
        };
        if v != 0 {
            let mut rest = set.flags(v, &mut each);
            if let Some(more) = more
                && rest != 0
            {
                rest = more.flags(rest, &mut each);
            }
            if rest != 0 {
                out.extend_from_slice(separator);
                text::hex(out, rest, 0);
            }
        }
    }
}

fn type_name(out: &mut Vec<u8>, look: &Look, role: Role, ty: &Value<'_>) {
    let (name, label) = match *ty {
        Value::Enum { name, label, .. } => (name, label),
        Value::Split { low, .. } => (low.name, low.label),
        _ => (None, None),
    };
    if let Some(name) = name {
        // Names of generic families are learned from the stream.
        return look.paint.with(out, role, |out| {
            escape::terminal(out, name.as_bytes(), usize::MAX);
        });
    }
    look.paint.with(out, Role::Warning, |out| {
        out.extend_from_slice(label.unwrap_or("type").as_bytes());
        out.push(b' ');
        text::decimal(out, ty.number().unwrap_or(0));
    });
}

/// Begins a line and returns where it does.
fn begin(out: &mut Vec<u8>, scratch: &Scratch) -> usize {
    let start = out.len();
    out.extend_from_slice(&scratch.who);
    start
}

/// Ends the line with what is looked at least: sequence number and size, to the right.
fn tail(
    out: &mut Vec<u8>,
    look: &Look,
    scratch: &Scratch,
    start: usize,
    seq: Option<u32>,
    len: usize,
) {
    out.extend_from_slice(&scratch.note);
    let after_who = start.saturating_add(scratch.who.len());
    let used = paint::columns(out.get(after_who..).unwrap_or(&[]));
    let used = used.saturating_add(scratch.who_columns);
    let column = look.width.map_or(TAIL_COLUMN, |width| {
        // Room for "seq 1795456800  1234 B  1.20 ms".
        width.min(MAX_WIDTH).saturating_sub(31)
    });
    let gap = column.saturating_sub(used).max(2);
    let mut seq = seq;
    if let Some(width) = look.width {
        // In a narrow terminal the number goes that the line above has as well.
        let mut all = Vec::new();
        numbers(&mut all, seq, len, scratch.latency_ns);
        let needed = used.saturating_add(gap).saturating_add(paint::columns(&all));
        seq = seq.filter(|_| needed <= width || scratch.answered.is_empty());
    }
    spaces(out, gap);
    look.paint.with(out, Role::Dim, |out| numbers(out, seq, len, scratch.latency_ns));
    out.push(b'\n');
}

fn numbers(out: &mut Vec<u8>, seq: Option<u32>, len: usize, latency_ns: Option<u64>) {
    if let Some(seq) = seq {
        out.extend_from_slice(b"seq ");
        text::decimal(out, seq);
        out.extend_from_slice(b"  ");
    }
    text::decimal(out, len);
    out.extend_from_slice(b" B");
    if let Some(ns) = latency_ns {
        out.extend_from_slice(b"  ");
        units::duration(out, ns);
    }
}

/// The bytes of a message that begins at `at` of its datagram, sixteen a line. Stars stand for those
/// in `hidden`, which are ranges of the datagram.
pub(super) fn hex_dump(
    out: &mut Vec<u8>,
    look: &Look,
    bytes: &[u8],
    at: usize,
    hidden: &[Range<usize>],
) {
    for (line, chunk) in bytes.chunks(16).enumerate() {
        let start = line.saturating_mul(16);
        let shown = |n: usize| {
            let place = at.saturating_add(start).saturating_add(n);
            !hidden.iter().any(|range| range.contains(&place))
        };
        spaces(out, 6);
        look.paint.with(out, Role::Dim, |out| {
            text::hex_digits(out, start as u64, 4);
            out.push(b' ');
            for (n, byte) in chunk.iter().enumerate() {
                out.push(b' ');
                if shown(n) { text::hex_byte(out, *byte) } else { out.extend_from_slice(b"**") }
            }
            spaces(out, 16_usize.saturating_sub(chunk.len()).saturating_mul(3).saturating_add(2));
            out.push(b'|');
            let character =
                |(n, b): (usize, &u8)| if shown(n) { text::printable(*b) } else { b'*' };
            out.extend(chunk.iter().enumerate().map(character));
            out.push(b'|');
        });
        out.push(b'\n');
    }
}
