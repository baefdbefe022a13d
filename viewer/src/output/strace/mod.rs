//! The text that strace 7.2 prints for the same call, with the function's own name in front.
//!
//! `call` has the calls' arguments, `text` the buffers that are messages, `lexical` the
//! smallest pieces.

mod bpf;
mod call;
mod control;
mod lexical;
mod text;
mod value;

use self::call::Arguments;
use self::text::{Level, Text};
use super::time::Clock;
use super::{CallRecord, Datagram, Output, Style};
use crate::decode::{Direction, Engine, datagram};
use crate::state::process::Process;
use nlproto::Function;
use nlproto::function::Kind;

/// The `strace` format.
pub struct Strace {
    style: Style,
    clock: Clock,
    levels: Vec<Level>,
    /// Key of the first process; lines name theirs as soon as there is a second.
    first: Option<u64>,
    several: bool,
}

impl Strace {
    /// A new output.
    #[must_use]
    pub fn new(style: &Style) -> Self {
        Self {
            style: style.clone(),
            clock: Clock::default(),
            levels: Vec::new(),
            first: None,
            several: false,
        }
    }

    fn prefix(&mut self, process: &Process, monotonic_ns: u64, out: &mut Vec<u8>) {
        if self.several {
            out.extend_from_slice(b"[pid ");
            let pid = process.pid.to_string();
            out.resize(out.len().saturating_add(5usize.saturating_sub(pid.len())), b' ');
            out.extend_from_slice(pid.as_bytes());
            out.extend_from_slice(b"] ");
        }
        self.clock.styled(out, process.realtime_ns(monotonic_ns), self.style.time);
    }

    /// A line of strace's own about a process, `+++ … +++`.
    fn note(&mut self, process: &Process, text: &str, out: &mut Vec<u8>) {
        if self.several {
            out.extend_from_slice(format!("[pid {:>5}] ", process.pid).as_bytes());
        }
        out.extend_from_slice(b"+++ ");
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b" +++\n");
    }
}

/// Writes the text of a buffer that holds messages.
fn buffer(
    engine: &Engine<'_>,
    (protocol, direction): (u32, Direction),
    bytes: &[u8],
    style: &Style,
    levels: &mut Vec<Level>,
    out: &mut Vec<u8>,
) {
    if bytes.is_empty() {
        return out.extend_from_slice(b"\"\"");
    }
    let mut text = Text::new(out, levels, style.string_limit, style.show_secrets);
    datagram(engine, protocol, direction, bytes, &mut text);
}

impl Output for Strace {
    fn process(&mut self, process: &Process, _out: &mut Vec<u8>) {
        match self.first {
            None => self.first = Some(process.key),
            Some(first) => self.several |= first != process.key,
        }
    }

    fn call(&mut self, engine: &Engine<'_>, call: &CallRecord<'_>, out: &mut Vec<u8>) {
        // strace knows system calls: those within such a function have lines of their own.
        let is_internal = call.function.kind() == Kind::Internal && !call.is_uncaught();
        if is_internal || call.function == Function::Seccomp {
            return;
        }
        self.prefix(call.process, call.call.head.enter_ns, out);
        let mut arguments =
            Arguments { engine, record: call, style: &self.style, levels: &mut self.levels, out };
        arguments.write();
        out.push(b'\n');
    }

    fn datagram(&mut self, engine: &Engine<'_>, found: &Datagram<'_>, out: &mut Vec<u8>) {
        let kind = (found.protocol, found.direction);
        buffer(engine, kind, found.bytes, &self.style, &mut self.levels, out);
        out.push(b'\n');
    }

    fn lost(&mut self, process: &Process, count: u64, out: &mut Vec<u8>) {
        self.note(process, &format!("{count} records lost"), out);
    }

    fn bye(&mut self, _process: &Process, _out: &mut Vec<u8>) {}
}
