//! The summary: what all messages, calls and sockets come to, instead of them or after them.
//!
//! It is told what every format is told, looks at headers alone, and prints when no more will come.
//! `messages`, `calls`, `sockets` and `unseen` count, `latency` and `errors` are what they count with;
//! `people` makes tables of them (`table`, `units`), `lines` JSON Lines. Memory is bounded, however
//! long it counts.

mod calls;
mod errors;
mod latency;
mod lines;
mod messages;
mod people;
mod sockets;
mod table;
#[cfg(test)]
mod tests;
mod unseen;

use super::paint::Paint;
use super::reply::Unanswered;
use super::{CallRecord, Datagram, Format, Output, Style};
use crate::decode::Engine;
use crate::state::process::Process;
use calls::Calls;
use messages::{Messages, Moved};
use sockets::Sockets;
use unseen::Unseen;

/// How a summary is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As tables.
    Table,
    /// As JSON Lines, one object a row.
    Lines,
}

/// The summary of a format alone.
#[must_use]
pub fn alone(format: &Format, style: &Style) -> Box<dyn Output> {
    Box::new(Summary::new(format.summary, style))
}

/// An output of a format, and the summary after it.
#[must_use]
pub fn after(first: Box<dyn Output>, format: &Format, style: &Style) -> Box<dyn Output> {
    Box::new(After { first, summary: Summary::new(format.summary, style) })
}

/// How things look.
#[derive(Debug, Clone, Copy)]
struct Look {
    paint: Paint,
    width: Option<usize>,
}

/// Counts all that it is told.
#[derive(Debug)]
pub struct Summary {
    form: Form,
    look: Look,
    counts: Counts,
}

/// What has been counted.
#[derive(Debug, Default)]
struct Counts {
    messages: Messages,
    calls: Calls,
    sockets: Sockets,
    unseen: Unseen,
}

impl Summary {
    /// One of this form, in this style.
    #[must_use]
    pub fn new(form: Form, style: &Style) -> Self {
        let look = Look { paint: Paint::new(style.color), width: style.width };
        Self { form, look, counts: Counts::default() }
    }
}

impl Output for Summary {
    fn process(&mut self, _process: &Process, _out: &mut Vec<u8>) {}

    fn call(&mut self, engine: &Engine<'_>, record: &CallRecord<'_>, _out: &mut Vec<u8>) {
        let Counts { messages, calls, sockets, unseen } = &mut self.counts;
        let head = &record.call.head;
        calls.count(record);
        unseen.call(record);
        let is_peek = record.is_peek();
        let moved = record.direction().filter(|_| {
            // What is only peeked at comes again with the call that takes it.
            !record.failed() && !is_peek && !record.call.payload.is_empty()
        });
        let count = moved.map_or(0, |direction| {
            let moved = Moved {
                protocol: u32::try_from(head.protocol).unwrap_or(u32::MAX),
                direction,
                bytes: record.call.payload,
                at_ns: head.exit_ns,
                wanted: record.wanted,
                goes_on: head.index > 0,
            };
            messages.count(engine, &moved)
        });
        sockets.call(engine.groups(head.protocol), record, count);
    }

    fn datagram(&mut self, engine: &Engine<'_>, datagram: &Datagram<'_>, _out: &mut Vec<u8>) {
        let Datagram { protocol, direction, bytes, wanted, .. } = *datagram;
        if !bytes.is_empty() {
            let moved = Moved { protocol, direction, bytes, at_ns: 0, wanted, goes_on: false };
            self.counts.messages.count(engine, &moved);
        }
    }

    fn lost(&mut self, process: &Process, count: u64, _out: &mut Vec<u8>) {
        self.counts.unseen.lost(process, count);
    }

    fn bye(&mut self, process: &Process, _out: &mut Vec<u8>) {
        self.counts.sockets.end(process);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        match self.form {
            Form::Table => people::write(out, &self.look, &self.counts),
            Form::Lines => lines::write(out, &self.counts),
        }
    }
}

/// A format and the summary, one after the other.
struct After {
    first: Box<dyn Output>,
    summary: Summary,
}

impl Output for After {
    fn process(&mut self, process: &Process, out: &mut Vec<u8>) {
        self.first.process(process, out);
        self.summary.process(process, out);
    }

    fn call(&mut self, engine: &Engine<'_>, record: &CallRecord<'_>, out: &mut Vec<u8>) {
        self.first.call(engine, record, out);
        self.summary.call(engine, record, out);
    }

    fn datagram(&mut self, engine: &Engine<'_>, datagram: &Datagram<'_>, out: &mut Vec<u8>) {
        self.first.datagram(engine, datagram, out);
        self.summary.datagram(engine, datagram, out);
    }

    fn lost(&mut self, process: &Process, count: u64, out: &mut Vec<u8>) {
        self.first.lost(process, count, out);
        self.summary.lost(process, count, out);
    }

    fn unanswered(&mut self, engine: &Engine<'_>, one: &Unanswered<'_>, out: &mut Vec<u8>) {
        self.first.unanswered(engine, one, out);
        self.summary.unanswered(engine, one, out);
    }

    fn bye(&mut self, process: &Process, out: &mut Vec<u8>) {
        self.first.bye(process, out);
        self.summary.bye(process, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.first.end(out);
        if self.summary.form == Form::Table {
            out.push(b'\n');
        }
        self.summary.end(out);
    }
}
