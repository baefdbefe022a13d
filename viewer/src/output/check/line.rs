//! A finding as a line.

use super::visit::Path;
use crate::decode::Direction;
use crate::output::paint::{Paint, Role};
use crate::output::time::Clock;
use crate::output::{CallRecord, Datagram, TimeStyle, escape, socket_names, text};
use crate::state::process::Process;
use nlproto::function::Kind;

/// What has been found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Finding<'f> {
    /// A word for it, stable for programs that read it.
    pub(super) code: &'static str,
    /// What it is.
    pub(super) words: &'f [u8],
    /// Which message of its datagram it is in, from 0; None if it is in none.
    pub(super) part: Option<usize>,
    /// The message's type or command.
    pub(super) message: &'f [u8],
    /// What it is within.
    pub(super) path: Option<&'f Path>,
    /// Its offset in the datagram, in bytes.
    pub(super) at: Option<usize>,
    /// The positive error number that the kernel answered, and its words.
    pub(super) error: Option<(i32, &'f [u8])>,
}

/// Writes lines, of which it knows the beginning.
#[derive(Debug)]
pub(super) struct Line {
    paint: Paint,
    time: TimeStyle,
    json: bool,
    clock: Clock,
    front: Vec<u8>,
}

impl Line {
    pub(super) fn new(color: bool, time: TimeStyle, json: bool) -> Self {
        let paint = Paint::new(color && !json);
        Self { paint, time, json, clock: Clock::default(), front: Vec::new() }
    }

    /// What follows is about a call.
    pub(super) fn begin_call(&mut self, record: &CallRecord<'_>) {
        let head = &record.call.head;
        let process = record.process;
        let at = if record.function.kind() == Kind::Send { head.enter_ns } else { head.exit_ns };
        let ns = process.realtime_ns(at);
        let out = &mut self.front;
        out.clear();
        if !self.json {
            if self.time != TimeStyle::None {
                let (clock, time) = (&mut self.clock, self.time);
                self.paint.with(out, Role::Dim, |out| clock.styled(out, ns, time));
            }
            program(out, self.paint, process);
            out.extend_from_slice(b" record ");
            return text::decimal(out, record.record);
        }
        out.extend_from_slice(b",\"time\":\"");
        self.clock.rfc3339(out, ns);
        out.extend_from_slice(b"\",\"pid\":");
        text::decimal(out, process.pid);
        out.extend_from_slice(b",\"tid\":");
        text::decimal(out, head.tid);
        out.extend_from_slice(b",\"comm\":");
        escape::json(out, process.comm.as_bytes());
        out.extend_from_slice(b",\"fd\":");
        text::decimal(out, head.fd);
        out.extend_from_slice(b",\"call\":\"");
        out.extend_from_slice(record.function.name().as_bytes());
        out.push(b'"');
        moved(out, record.direction(), head.protocol, record.record);
    }

    /// What follows is about a datagram that no call surrounds.
    pub(super) fn begin_datagram(&mut self, datagram: &Datagram<'_>) {
        let out = &mut self.front;
        out.clear();
        if self.json {
            let protocol = i32::try_from(datagram.protocol).unwrap_or(-1);
            return moved(out, Some(datagram.direction), protocol, datagram.record);
        }
        out.extend_from_slice(b"record ");
        text::decimal(out, datagram.record);
    }

    /// What follows is about a process.
    pub(super) fn begin_process(&mut self, process: &Process) {
        let out = &mut self.front;
        out.clear();
        if !self.json {
            return program(out, self.paint, process);
        }
        out.extend_from_slice(b",\"pid\":");
        text::decimal(out, process.pid);
        out.extend_from_slice(b",\"comm\":");
        escape::json(out, process.comm.as_bytes());
    }

    /// Appends a finding.
    pub(super) fn put(&self, out: &mut Vec<u8>, finding: &Finding<'_>) {
        if self.json {
            self.object(out, finding)
        } else {
            self.words(out, finding)
        }
        out.push(b'\n');
    }

    fn words(&self, out: &mut Vec<u8>, finding: &Finding<'_>) {
        let path = finding.path.filter(|path| !path.is_empty());
        out.extend_from_slice(&self.front);
        if let Some(part) = finding.part {
            out.extend_from_slice(b" part ");
            text::decimal(out, part);
        }
        if !finding.message.is_empty() {
            out.extend_from_slice(b"  ");
            self.paint.put(out, Role::Kind, finding.message);
        }
        if let Some(path) = path {
            out.extend_from_slice(b"  ");
            self.paint.with(out, Role::Name, |out| {
                for (nth, name) in path.names().enumerate() {
                    if nth > 0 {
                        out.push(b'.');
                    }
                    out.extend_from_slice(name.as_bytes());
                }
            });
        }
        if let Some(at) = finding.at {
            out.extend_from_slice(b" +");
            text::decimal(out, at);
        }
        out.extend_from_slice(b": ");
        let role = if finding.error.is_some() { Role::Error } else { Role::Warning };
        self.paint.put(out, role, finding.words);
        out.push(b' ');
        self.paint.with(out, Role::Dim, |out| {
            out.push(b'[');
            out.extend_from_slice(finding.code.as_bytes());
            out.push(b']');
        });
    }

    fn object(&self, out: &mut Vec<u8>, finding: &Finding<'_>) {
        out.extend_from_slice(b"{\"v\":1,\"kind\":\"finding\",\"code\":\"");
        out.extend_from_slice(finding.code.as_bytes());
        out.extend_from_slice(b"\",\"text\":");
        escape::json(out, finding.words);
        out.extend_from_slice(&self.front);
        if let Some(part) = finding.part {
            out.extend_from_slice(b",\"part\":");
            text::decimal(out, part);
        }
        if !finding.message.is_empty() {
            out.extend_from_slice(b",\"message\":");
            escape::json(out, finding.message);
        }
        if let Some(path) = finding.path {
            out.extend_from_slice(b",\"path\":[");
            for (nth, name) in path.names().enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                escape::json(out, name.as_bytes());
            }
            out.push(b']');
        }
        if let Some(at) = finding.at {
            out.extend_from_slice(b",\"at\":");
            text::decimal(out, at);
        }
        if let Some((number, words)) = finding.error {
            out.extend_from_slice(b",\"error\":{\"name\":");
            match socket_names::errno_name(number) {
                Some(name) => drop(escape::json(out, name.as_bytes())),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b",\"number\":");
            text::decimal(out, number);
            out.push(b'}');
            if !words.is_empty() {
                out.extend_from_slice(b",\"extack\":");
                escape::json(out, words);
            }
        }
        out.push(b'}');
    }
}

/// `comm[pid]`.
fn program(out: &mut Vec<u8>, paint: Paint, process: &Process) {
    paint.with(out, Role::Program, |out| escape::terminal_bare(out, &process.comm));
    paint.with(out, Role::Dim, |out| {
        out.push(b'[');
        text::decimal(out, process.pid);
        out.push(b']');
    });
}

fn moved(out: &mut Vec<u8>, direction: Option<Direction>, protocol: i32, record: u64) {
    out.extend_from_slice(match direction {
        Some(Direction::Send) => b",\"dir\":\"send\"",
        Some(Direction::Receive) => b",\"dir\":\"receive\"",
        None => b",\"dir\":null",
    });
    out.extend_from_slice(b",\"protocol\":");
    match socket_names::protocol_name(protocol) {
        Some(name) => drop(escape::json(out, name.as_bytes())),
        None => text::decimal(out, protocol),
    }
    out.extend_from_slice(b",\"record\":");
    text::decimal(out, record);
}
