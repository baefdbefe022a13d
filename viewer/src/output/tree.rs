//! The format for people: one block a message.
//!
//! ```text
//! ip[4242] 3 ROUTE ▶ RTM_NEWLINK  request ack excl create        seq 1  92 B
//!       ifinfomsg             AF_UNSPEC  others 0
//!       IFLA_MTU              7
//!       IFLA_IFNAME           "v0"
//! ip[4242] 3 ROUTE ◀ EINVAL  "mtu less than device minimum"  to RTM_NEWLINK …
//!       at IFLA_MTU 7
//! ```
//!
//! Structs stand in one line, without the members that are zero. A request echoed in an error is
//! not shown again, but for what the error is about. `head` writes the first line, `visit` and
//! `block` what follows, `rows` lines it up, `value` writes values, `life` the calls without a message.

mod block;
mod explain;
mod head;
mod life;
mod rows;
#[cfg(test)]
mod tests;
mod value;
mod visit;

use std::collections::HashSet;

use super::paint::{self, Paint, Role};
use super::reply::{self, Unanswered, Why};
use super::time::Clock;
use super::{CallRecord, Datagram, Output, Style, TimeStyle, escape, socket_names, text};
use crate::decode::{self, Direction, Engine, Groups};
use crate::state::{control, process::Process};
use block::{Around, Block, Scratch};
use nlproto::function::Kind;
use nlproto::{Call, Origin, SockaddrNl};

/// How things look, from the user's [`Style`].
#[derive(Debug)]
struct Look {
    paint: Paint,
    string_limit: usize,
    hex: bool,
    width: Option<usize>,
    show_secrets: bool,
    time: TimeStyle,
}

/// The format for people.
#[derive(Debug)]
pub struct Tree {
    look: Look,
    clock: Clock,
    scratch: Scratch,
    /// Processes that have been told how to get reasons for errors.
    advised: HashSet<u64>,
}

impl Tree {
    /// One in this style.
    #[must_use]
    pub fn new(style: &Style) -> Self {
        let look = Look {
            paint: Paint::new(style.color),
            string_limit: style.string_limit,
            hex: style.hex,
            width: style.width,
            show_secrets: style.show_secrets,
            time: style.time,
        };
        let (clock, scratch) = (Clock::default(), Scratch::default());
        Self { look, clock, scratch, advised: HashSet::new() }
    }

    /// Shows one call; `feed` drives the visitor through the bytes it moved.
    fn show_call(
        &mut self,
        engine: &Engine<'_>,
        record: &CallRecord<'_>,
        out: &mut Vec<u8>,
        feed: impl FnOnce(&mut Block<'_>),
    ) {
        let names = Some(engine.groups(record.call.head.protocol));
        let call = record.call;
        self.begin(record);
        let direction = record.direction();
        if let Some(direction) = direction {
            let (role, arrow) = block::arrow(direction);
            let who = &mut self.scratch.who;
            self.look.paint.put(who, role, arrow.as_bytes());
            who.push(b' ');
        }
        if direction.is_none() || record.failed() || call.payload.is_empty() {
            out.extend_from_slice(&self.scratch.who);
            if direction.is_none() {
                life::call(out, &self.look, names, record);
            } else {
                self.nothing_moved(record, out);
            }
            return out.push(b'\n');
        }
        if record.is_peek() {
            // The receive that takes the bytes out of the queue shows them.
            out.extend_from_slice(&self.scratch.who);
            self.peek(call, out);
            return out.push(b'\n');
        }
        self.scratch.who_columns = paint::columns(&self.scratch.who);
        self.note(names, record);
        let bytes = call.payload;
        let around = Around {
            engine,
            protocol: u32::try_from(call.head.protocol).unwrap_or(u32::MAX),
            received_ns: call.head.exit_ns,
            echoes: false,
        };
        let mut block = Block::new(out, &self.look, &mut self.scratch, bytes, around);
        feed(&mut block);
        block.finish();
        let is_unexplained = block.is_unexplained && !record.process.is_explained(call.head.fd);
        if is_unexplained && self.advised.insert(record.process.key) {
            let advice = b"      no reason given; --explain asks the kernel for one\n";
            self.look.paint.put(out, Role::Dim, advice);
        }
        if direction == Some(Direction::Receive)
            && call.head.msg_flags & socket_names::MSG_TRUNC != 0
        {
            out.extend_from_slice(&self.scratch.who);
            self.look.paint.with(out, Role::Warning, |out| {
                out.extend_from_slice("⚠ cut: the buffer took ".as_bytes());
                text::decimal(out, call.head.buf_len);
                out.extend_from_slice(b" bytes, the rest of the datagram is gone");
            });
            out.push(b'\n');
        }
    }

    fn show_datagram(
        &mut self,
        engine: &Engine<'_>,
        datagram: &Datagram<'_>,
        out: &mut Vec<u8>,
        feed: impl FnOnce(&mut Block<'_>),
    ) {
        let who = &mut self.scratch.who;
        who.clear();
        self.scratch.note.clear();
        self.look.paint.with(who, Role::Dim, |who| {
            who.push(b'#');
            text::decimal(who, datagram.record);
        });
        who.push(b' ');
        socket_names::short_protocol(who, i32::try_from(datagram.protocol).ok());
        let (role, arrow) = block::arrow(datagram.direction);
        self.look.paint.put(who, role, arrow.as_bytes());
        who.push(b' ');
        self.scratch.who_columns = paint::columns(&self.scratch.who);
        let around = Around { engine, protocol: datagram.protocol, received_ns: 0, echoes: true };
        let mut block = Block::new(out, &self.look, &mut self.scratch, datagram.bytes, around);
        feed(&mut block);
        block.finish();
    }

    /// Who calls, on what.
    fn begin(&mut self, record: &CallRecord<'_>) {
        let head = &record.call.head;
        let who = &mut self.scratch.who;
        who.clear();
        if self.look.time != TimeStyle::None {
            let sends = record.function.kind() == Kind::Send;
            let at = if sends { head.enter_ns } else { head.exit_ns };
            let (clock, time) = (&mut self.clock, self.look.time);
            let ns = record.process.realtime_ns(at);
            self.look.paint.with(who, Role::Dim, |who| clock.styled(who, ns, time));
        }
        life::program(who, &self.look, &record.process.comm, record.process.pid, head.tid);
        who.push(b' ');
        if head.fd >= 0 {
            text::decimal(who, head.fd);
            who.push(b' ');
        }
        if record.function.kind() != Kind::Internal {
            socket_names::short_protocol(who, Some(head.protocol));
        }
    }

    /// What the call knows of a datagram: its sender, its multicast groups.
    fn note(&mut self, names: Option<Groups<'_>>, record: &CallRecord<'_>) {
        let note = &mut self.scratch.note;
        note.clear();
        let via: &[u8] = match record.origin {
            Origin::Program => b"",
            Origin::Syscall => b"  by number",
            Origin::Libc => b"  in libc",
        };
        self.look.paint.put(note, Role::Dim, via);
        let peer = SockaddrNl::read(record.call.name);
        let (portid, mask) = peer.map_or((0, 0), |peer| (peer.portid, peer.groups));
        if portid != 0 {
            note.extend_from_slice(b"  ");
            self.look.paint.put(note, Role::Name, b"portid ");
            text::decimal(note, portid);
        }
        if mask != 0 {
            note.extend_from_slice(b"  ");
            groups(note, &self.look, names, mask);
        } else if let Some(number) = control::group(record.call.control) {
            // Groups beyond 32 have no bit in an address.
            self.look.paint.put(note, Role::Name, b"  group ");
            group(note, &self.look, names, number);
        }
    }

    fn nothing_moved(&self, record: &CallRecord<'_>, out: &mut Vec<u8>) {
        let head = &record.call.head;
        if record.is_peek() && !record.failed() {
            return self.peek(record.call, out);
        }
        self.look.paint.put(out, Role::Kind, record.function.name().as_bytes());
        out.push(b' ');
        if record.failed() {
            return life::failure(out, &self.look, record);
        }
        out.extend_from_slice(b"= ");
        text::decimal(out, head.ret);
    }

    fn peek(&self, call: &Call<'_>, out: &mut Vec<u8>) {
        self.look.paint.put(out, Role::Kind, b"peek");
        out.extend_from_slice(b"  ");
        text::decimal(out, call.head.ret);
        self.look.paint.put(out, Role::Dim, b" B waiting");
    }

    fn process_line(&self, process: &Process, out: &mut Vec<u8>, what: &[u8], role: Role) {
        life::program(out, &self.look, &process.comm, process.pid, process.pid);
        out.push(b' ');
        self.look.paint.put(out, role, what);
    }
}

/// The multicast groups of a mask, by the numbers that NETLINK_ADD_MEMBERSHIP takes.
fn groups(out: &mut Vec<u8>, look: &Look, names: Option<Groups<'_>>, mask: u32) {
    let word: &[u8] = if mask.is_power_of_two() { b"group" } else { b"groups" };
    look.paint.put(out, Role::Name, word);
    for bit in (0..32).filter(|bit| mask & (1 << bit) != 0) {
        out.push(b' ');
        group(out, look, names, bit + 1);
    }
}

/// A multicast group by its name, or by its number if it has none.
fn group(out: &mut Vec<u8>, look: &Look, names: Option<Groups<'_>>, number: u32) {
    match names.and_then(|names| names.name(number)) {
        Some(name) => look.paint.put(out, Role::Constant, name.as_bytes()),
        None => text::decimal(out, number),
    }
}

impl Output for Tree {
    fn process(&mut self, process: &Process, out: &mut Vec<u8>) {
        self.process_line(process, out, b"begins", Role::Kind);
        if process.forked {
            self.look.paint.put(out, Role::Dim, b" as a fork of ");
            text::decimal(out, process.ppid);
        }
        if let Some(pid) = process.pid_here {
            self.look.paint.put(out, Role::Dim, b" which is here ");
            text::decimal(out, pid);
        }
        out.push(b' ');
        for argument in &process.argv {
            out.push(b' ');
            escape::terminal_bare(out, argument);
        }
        out.push(b'\n');
    }

    fn call(&mut self, engine: &Engine<'_>, record: &CallRecord<'_>, out: &mut Vec<u8>) {
        let direction = record.direction().unwrap_or(Direction::Receive);
        let protocol = u32::try_from(record.call.head.protocol).unwrap_or(u32::MAX);
        self.show_call(engine, record, out, |block| {
            decode::wanted(engine, protocol, direction, record.call.payload, record.wanted, block);
        });
    }

    fn datagram(&mut self, engine: &Engine<'_>, datagram: &Datagram<'_>, out: &mut Vec<u8>) {
        let Datagram { protocol, direction, bytes, wanted, .. } = *datagram;
        self.show_datagram(engine, datagram, out, |block| {
            decode::wanted(engine, protocol, direction, bytes, wanted, block);
        });
    }

    fn lost(&mut self, process: &Process, count: u64, out: &mut Vec<u8>) {
        self.process_line(process, out, "⚠ ".as_bytes(), Role::Warning);
        self.look.paint.with(out, Role::Warning, |out| {
            text::decimal(out, count);
            out.extend_from_slice(if count == 1 { b" record lost" } else { b" records lost" });
        });
        out.push(b'\n');
    }

    fn unanswered(&mut self, engine: &Engine<'_>, one: &Unanswered<'_>, out: &mut Vec<u8>) {
        let request = one.request;
        life::program(out, &self.look, &one.process.comm, one.process.pid, 0);
        out.push(b' ');
        text::decimal(out, request.fd);
        out.push(b' ');
        socket_names::short_protocol(out, Some(request.protocol));
        let words = match one.why {
            Why::Closed => "⚠ closed before all answers to ",
            Why::Ended => "⚠ ended before all answers to ",
            Why::Cut => "⚠ not answered yet: ",
        };
        self.look.paint.put(out, Role::Warning, words.as_bytes());
        let number = u32::try_from(request.protocol).unwrap_or(u32::MAX);
        let (ty, operation) = reply::request_kind(engine, number, request.bytes());
        head::kind(out, &self.look, &ty, operation);
        self.look.paint.with(out, Role::Dim, |out| {
            out.extend_from_slice(b"  seq ");
            text::decimal(out, request.header.seq);
        });
        out.push(b'\n');
    }

    fn bye(&mut self, process: &Process, out: &mut Vec<u8>) {
        self.advised.remove(&process.key);
        self.process_line(process, out, b"ends", Role::Kind);
        if process.lost > 0 {
            self.look.paint.with(out, Role::Warning, |out| {
                out.extend_from_slice(b", records lost: ");
                text::decimal(out, process.lost);
            });
        }
        out.push(b'\n');
    }
}
