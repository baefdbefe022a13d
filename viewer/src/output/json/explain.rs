//! The key `explanation` of an error, a warning or a dump's end.

use super::frames::Frame;
use super::lines::Lines;
use super::value;
use crate::decode::{Crumb, Explanation, Limits, MessageHead};
use crate::output::{escape, socket_names, text};

impl Lines<'_> {
    /// Writes it where it waits until the line ends, since other keys of the line may stay open.
    pub(super) fn explain(&mut self, explanation: &Explanation<'_>) {
        // What is written goes into the scratch until it is swapped back.
        std::mem::swap(self.out, &mut self.scratch.explanation);
        self.out.extend_from_slice(b",\"explanation\":{");
        self.said(explanation);
        if explanation.culprit.is_some() {
            // The value's keys are those of a node, in this object.
            self.scratch.frames.push(Frame::object(false, b"}"));
            explanation.show_value(self);
            self.pop();
        } else {
            self.out.push(b'}');
        }
        std::mem::swap(self.out, &mut self.scratch.explanation);
    }

    /// All but the culprit's value. The meaning comes first, so that all other keys have a comma before.
    fn said(&mut self, explanation: &Explanation<'_>) {
        let out = &mut *self.out;
        out.extend_from_slice(b"\"meaning\":");
        let meaning = Some(explanation.errno).filter(|errno| *errno != 0);
        match meaning.filter(|errno| socket_names::errno_name(*errno).is_some()) {
            Some(errno) => drop(escape::json(out, socket_names::errno_text(errno).as_bytes())),
            None => out.extend_from_slice(b"null"),
        }
        if let Some(message) = explanation.message {
            out.extend_from_slice(b",\"message\":");
            escape::json(out, message.strip_suffix(&[0]).unwrap_or(message));
        }
        request(out, explanation);
        if let Some(limits) = &explanation.limits {
            out.extend_from_slice(b",\"policy\":");
            policy(out, limits);
        }
        if let Some(missing) = &explanation.missing {
            out.extend_from_slice(b",\"missing\":{\"name\":");
            string_or_null(out, missing.name.as_deref());
            out.extend_from_slice(b",\"type\":");
            text::decimal(out, missing.number);
            if !missing.nest.is_empty() {
                out.extend_from_slice(b",\"nest\":");
                path(out, &missing.nest);
            }
            out.push(b'}');
        }
        if let Some(cookie) = explanation.cookie {
            out.extend_from_slice(b",\"cookie\":");
            value::quoted(out, |out| text::hex_bytes(out, cookie));
        }
        if let Some(offset) = explanation.offset {
            out.extend_from_slice(b",\"offset\":");
            text::decimal(out, offset);
        }
        if let Some(culprit) = &explanation.culprit {
            if culprit.beyond > 0 {
                out.extend_from_slice(b",\"beyond\":");
                text::decimal(out, culprit.beyond);
            }
            out.extend_from_slice(b",\"path\":");
            path(out, &culprit.path);
        }
    }
}

/// Which request it is: where it was seen, what it is, and what it is about.
fn request(out: &mut Vec<u8>, explanation: &Explanation<'_>) {
    let mut opened = false;
    explanation.head(|head: &MessageHead<'_>| {
        opened = true;
        out.extend_from_slice(b",\"request\":{\"type\":");
        value::name_or_number(out, &head.ty);
        if let Some(operation) = head.operation {
            out.extend_from_slice(b",\"operation\":");
            escape::json(out, operation.as_bytes());
        }
    });
    if !opened {
        return;
    }
    if let Some((record, part)) = explanation.record {
        out.extend_from_slice(b",\"record\":");
        text::decimal(out, record);
        out.extend_from_slice(b",\"part\":");
        text::decimal(out, part);
    }
    out.extend_from_slice(b",\"about\":[");
    let mut separator: &[u8] = b"";
    explanation.identify(|name, identity| {
        out.extend_from_slice(std::mem::replace(&mut separator, b","));
        out.extend_from_slice(b"{\"name\":");
        escape::json(out, name.as_bytes());
        out.extend_from_slice(b",\"value\":");
        value::put(out, identity);
        out.push(b'}');
    });
    out.extend_from_slice(b"]}");
}

fn policy(out: &mut Vec<u8>, limits: &Limits<'_>) {
    out.extend_from_slice(b"{\"type\":");
    match (limits.type_name, limits.ty) {
        (Some(name), _) => drop(escape::json(out, name.as_bytes())),
        (None, Some(number)) => text::decimal(out, number),
        (None, None) => out.extend_from_slice(b"null"),
    }
    let mut number = |key: &[u8], number: Option<i128>| {
        if let Some(number) = number {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(key);
            out.extend_from_slice(b"\":");
            text::decimal(out, number);
        }
    };
    number(b"min", limits.min);
    number(b"max", limits.max);
    number(b"min_len", limits.min_len.map(Into::into));
    number(b"max_len", limits.max_len.map(Into::into));
    number(b"mask", limits.mask.map(Into::into));
    out.push(b'}');
}

/// An array of names; of what has none, the number.
fn path(out: &mut Vec<u8>, crumbs: &[Crumb]) {
    out.push(b'[');
    for (n, crumb) in crumbs.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        match crumb {
            Crumb::Name(name) => drop(escape::json(out, name.as_bytes())),
            Crumb::Unknown(number, _) => text::decimal(out, *number),
            Crumb::Index(index) => text::decimal(out, *index),
        }
    }
    out.push(b']');
}

fn string_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => drop(escape::json(out, text.as_bytes())),
        None => out.extend_from_slice(b"null"),
    }
}
