//! JSON Lines: one object a message, or a call without one. `viewer/docs/json.md` is its schema.
//!
//! `lines` visits a datagram, `frames` remembers what is open, `value` writes values; here is what
//! stands around messages.

mod explain;
mod frames;
mod lines;
#[cfg(test)]
mod tests;
mod value;

use super::reply::{self, LeftOver, Unanswered};
use super::time::Clock;
use super::{CallRecord, Datagram, Output, Style, escape, socket_names, text};
use crate::decode::{self, Direction, Engine, Groups};
use crate::state::{control, process::Process};
use lines::{Lines, Scratch};
use nlproto::function::{EXPLAINED, Kind};
use nlproto::{Function, Origin, SockaddrNl};

/// JSON Lines.
#[derive(Debug)]
pub struct Json {
    show_secrets: bool,
    clock: Clock,
    scratch: Scratch,
}

impl Json {
    /// One in this style, of which only the secrets matter: JSON is whole and never coloured.
    #[must_use]
    pub fn new(style: &Style) -> Self {
        Self {
            show_secrets: style.show_secrets,
            clock: Clock::default(),
            scratch: Scratch::default(),
        }
    }

    /// Shows one call; `feed` drives the visitor through the bytes it moved.
    fn show_call(
        &mut self,
        engine: &Engine<'_>,
        record: &CallRecord<'_>,
        out: &mut Vec<u8>,
        feed: impl FnOnce(&mut Lines<'_>),
    ) {
        let call = record.call;
        let names = Some(engine.groups(call.head.protocol));
        let peek = record.is_peek();
        let moved = record.direction().is_some() && !call.payload.is_empty() && !record.failed();
        // What was only peeked at comes again with the call that takes it.
        if moved && !peek {
            self.front(names, record, b"message");
            let mut lines =
                Lines::new(out, &mut self.scratch, self.show_secrets, (engine, call.head.exit_ns));
            feed(&mut lines);
            return lines.finish();
        }
        self.front(names, record, b"call");
        out.extend_from_slice(&self.scratch.front);
        result(out, record);
        arguments(out, names, record);
        out.extend_from_slice(b"}\n");
    }

    fn show_datagram(
        &mut self,
        engine: &Engine<'_>,
        datagram: &Datagram<'_>,
        out: &mut Vec<u8>,
        feed: impl FnOnce(&mut Lines<'_>),
    ) {
        let front = &mut self.scratch.front;
        front.clear();
        front.extend_from_slice(b"{\"v\":1,\"kind\":\"message\",\"dir\":");
        direction(front, datagram.direction);
        front.extend_from_slice(b",\"protocol\":");
        protocol(front, i32::try_from(datagram.protocol).ok());
        front.extend_from_slice(b",\"record\":");
        text::decimal(front, datagram.record);
        let mut lines = Lines::new(out, &mut self.scratch, self.show_secrets, (engine, 0));
        feed(&mut lines);
        lines.finish();
    }

    /// The keys that all lines of a call have, up to `record` and what is rare.
    fn front(&mut self, names: Option<Groups<'_>>, record: &CallRecord<'_>, kind: &[u8]) {
        let CallRecord { process, call, function, .. } = *record;
        let head = &call.head;
        let out = &mut self.scratch.front;
        out.clear();
        out.extend_from_slice(b"{\"v\":1,\"kind\":\"");
        out.extend_from_slice(kind);
        out.extend_from_slice(b"\",\"time\":\"");
        let ns = if function.kind() == Kind::Send { head.enter_ns } else { head.exit_ns };
        self.clock.rfc3339(out, process.realtime_ns(ns));
        out.extend_from_slice(b"\",\"pid\":");
        text::decimal(out, process.pid);
        out.extend_from_slice(b",\"tid\":");
        text::decimal(out, head.tid);
        out.extend_from_slice(b",\"comm\":");
        escape::json(out, process.comm.as_bytes());
        out.extend_from_slice(b",\"fd\":");
        number_or_null(out, (head.fd >= 0).then_some(head.fd));
        out.extend_from_slice(b",\"call\":\"");
        out.extend_from_slice(function.name().as_bytes());
        out.push(b'"');
        match record.origin {
            Origin::Program => {}
            Origin::Syscall => out.extend_from_slice(b",\"via\":\"syscall\""),
            Origin::Libc => out.extend_from_slice(b",\"via\":\"libc\""),
        }
        out.extend_from_slice(b",\"dir\":");
        match record.direction() {
            Some(which) => direction(out, which),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"protocol\":");
        let internal = function.kind() == Kind::Internal;
        protocol(out, (head.protocol >= 0 && !internal).then_some(head.protocol));
        out.extend_from_slice(b",\"portid\":");
        number_or_null(out, record.socket.map(|socket| socket.portid));
        out.extend_from_slice(b",\"netns\":");
        number_or_null(out, Some(process.netns).filter(|netns| *netns != 0));
        out.extend_from_slice(b",\"record\":");
        text::decimal(out, record.record);
        if record.direction().is_some() {
            if let Some((portid, groups)) = address(call.name).filter(|peer| *peer != (0, 0)) {
                out.extend_from_slice(b",\"peer\":");
                socket_address(out, names, portid, groups);
            }
            if let Some(group) = control::group(call.control) {
                out.extend_from_slice(b",\"group\":");
                text::decimal(out, group);
                group_name(out, names, group);
            }
            flags(out, b"call_flags", head.flags);
            flags(out, b"msg_flags", head.msg_flags);
        }
    }

    fn process_line(process: &Process, kind: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"v\":1,\"kind\":\"");
        out.extend_from_slice(kind);
        out.extend_from_slice(b"\",\"pid\":");
        text::decimal(out, process.pid);
        out.extend_from_slice(b",\"comm\":");
        escape::json(out, process.comm.as_bytes());
    }
}

/// What a call returned.
fn result(out: &mut Vec<u8>, record: &CallRecord<'_>) {
    let head = &record.call.head;
    out.extend_from_slice(b",\"ret\":");
    text::decimal(out, head.ret);
    if record.failed() {
        out.extend_from_slice(b",\"error\":");
        lines::error(out, socket_names::errno_name(head.errno), head.errno);
    }
    if record.is_overrun() {
        out.extend_from_slice(b",\"overrun\":true");
    }
    if let Some(LeftOver { unread, room, drops }) = LeftOver::of(record) {
        for (key, number) in [("unread", unread), ("room", room), ("drops", drops)] {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            text::decimal(out, number);
        }
    }
}

/// What a call was given, where there is more to say than its name.
fn arguments(out: &mut Vec<u8>, names: Option<Groups<'_>>, record: &CallRecord<'_>) {
    let call = record.call;
    match record.function {
        Function::Socket => {
            let [_, kind, _] = call.head.args;
            let ty = kind & socket_names::SOCK_TYPE_MASK;
            out.extend_from_slice(b",\"type\":");
            name_or_number(out, socket_names::socket_type_name(ty), ty);
            let rest = kind & !socket_names::SOCK_TYPE_MASK;
            out.extend_from_slice(b",\"flags\":");
            flag_names(out, socket_names::SOCK_FLAGS, rest);
            if call.head.flags & EXPLAINED != 0 {
                out.extend_from_slice(b",\"explained\":true");
            }
        }
        Function::Bind | Function::Connect | Function::Getsockname => {
            out.extend_from_slice(b",\"address\":");
            match address(call.name) {
                Some((portid, groups)) => socket_address(out, names, portid, groups),
                None => raw(out, call.name),
            }
        }
        Function::Setsockopt | Function::Getsockopt => {
            let [level, name, _] = call.head.args;
            out.extend_from_slice(b",\"level\":");
            name_or_number(out, socket_names::level_name(level), level);
            out.extend_from_slice(b",\"option\":");
            name_or_number(out, socket_names::option_name(level, name), name);
            out.extend_from_slice(b",\"value\":");
            match call.payload.first_chunk::<4>() {
                Some(number) if call.payload.len() == 4 => {
                    text::decimal(out, i32::from_ne_bytes(*number));
                    if level == socket_names::SOL_NETLINK
                        && socket_names::MEMBERSHIP.contains(&name)
                    {
                        group_name(out, names, u32::from_ne_bytes(*number));
                    }
                }
                _ => raw(out, call.payload),
            }
        }
        _ if record.is_uncaught() => {
            out.extend_from_slice(b",\"note\":\"");
            out.extend_from_slice(record.uncaught().as_bytes());
            out.push(b'"');
        }
        _ => {}
    }
}

/// Bytes of which nothing is known.
fn raw(out: &mut Vec<u8>, bytes: &[u8]) {
    value::quoted(out, |out| text::hex_bytes(out, bytes));
}

/// Port id and group mask of a `struct sockaddr_nl`.
fn address(name: &[u8]) -> Option<(u32, u32)> {
    SockaddrNl::read(name).map(|address| (address.portid, address.groups))
}

/// The groups of a mask are listed by the numbers that NETLINK_ADD_MEMBERSHIP takes.
fn socket_address(out: &mut Vec<u8>, names: Option<Groups<'_>>, portid: u32, groups: u32) {
    out.extend_from_slice(b"{\"portid\":");
    text::decimal(out, portid);
    out.extend_from_slice(b",\"groups\":[");
    let mut separator: &[u8] = b"";
    let numbers = || (1..=32).filter(|number| groups & (1 << (number - 1)) != 0);
    for number in numbers() {
        out.extend_from_slice(separator);
        separator = b",";
        text::decimal(out, number);
    }
    out.push(b']');
    let name = |number| names.and_then(|names| names.name(number));
    if numbers().any(|number| name(number).is_some()) {
        let mut separator: &[u8] = b"";
        out.extend_from_slice(b",\"group_names\":[");
        for number in numbers() {
            out.extend_from_slice(separator);
            separator = b",";
            match name(number) {
                Some(name) => drop(escape::json(out, name.as_bytes())),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b']');
    }
    out.push(b'}');
}

/// The name of a multicast group under a key, if it has one.
fn group_name(out: &mut Vec<u8>, names: Option<Groups<'_>>, number: u32) {
    if let Some(name) = names.and_then(|names| names.name(number)) {
        out.extend_from_slice(b",\"group_name\":");
        escape::json(out, name.as_bytes());
    }
}

/// `MSG_*` flags under a key, if there are any.
fn flags(out: &mut Vec<u8>, key: &[u8], v: i32) {
    if v != 0 {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key);
        out.extend_from_slice(b"\":");
        flag_names(out, socket_names::MSG_FLAGS, v);
    }
}

fn flag_names(out: &mut Vec<u8>, table: &[(i32, &'static str)], v: i32) {
    let mut separator: &[u8] = b"";
    out.push(b'[');
    let rest = socket_names::flags(table, v, |name| {
        out.extend_from_slice(separator);
        separator = b",";
        value::quoted(out, |out| out.extend_from_slice(name.as_bytes()));
    });
    if rest != 0 {
        out.extend_from_slice(separator);
        value::quoted(out, |out| text::hex(out, u64::from(rest.cast_unsigned()), 0));
    }
    out.push(b']');
}

fn name_or_number(out: &mut Vec<u8>, name: Option<&'static str>, number: i32) {
    match name {
        Some(name) => value::quoted(out, |out| out.extend_from_slice(name.as_bytes())),
        None => text::decimal(out, number),
    }
}

fn number_or_null(out: &mut Vec<u8>, number: Option<impl text::Integer>) {
    match number {
        Some(number) => text::decimal(out, number),
        None => out.extend_from_slice(b"null"),
    }
}

fn protocol(out: &mut Vec<u8>, protocol: Option<i32>) {
    match protocol {
        Some(number) => name_or_number(out, socket_names::protocol_name(number), number),
        None => out.extend_from_slice(b"null"),
    }
}

fn direction(out: &mut Vec<u8>, direction: Direction) {
    out.extend_from_slice(match direction {
        Direction::Send => b"\"send\"",
        Direction::Receive => b"\"receive\"",
    });
}

impl Output for Json {
    fn process(&mut self, process: &Process, out: &mut Vec<u8>) {
        Self::process_line(process, b"process", out);
        if let Some(pid) = process.pid_here {
            out.extend_from_slice(b",\"pid_here\":");
            text::decimal(out, pid);
        }
        out.extend_from_slice(b",\"ppid\":");
        text::decimal(out, process.ppid);
        out.extend_from_slice(b",\"uid\":");
        text::decimal(out, process.uid);
        out.extend_from_slice(if process.forked {
            b",\"forked\":true"
        } else {
            b",\"forked\":false"
        });
        out.extend_from_slice(b",\"netns\":");
        number_or_null(out, Some(process.netns).filter(|netns| *netns != 0));
        out.extend_from_slice(b",\"exe\":");
        escape::json(out, process.exe.as_bytes());
        out.extend_from_slice(b",\"argv\":[");
        for (n, argument) in process.argv.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            escape::json(out, argument.as_bytes());
        }
        out.extend_from_slice(b"],\"shim\":");
        escape::json(out, process.shim.as_bytes());
        out.extend_from_slice(b"}\n");
    }

    fn call(&mut self, engine: &Engine<'_>, record: &CallRecord<'_>, out: &mut Vec<u8>) {
        let direction = record.direction().unwrap_or(Direction::Receive);
        let protocol = u32::try_from(record.call.head.protocol).unwrap_or(u32::MAX);
        self.show_call(engine, record, out, |lines| {
            decode::wanted(engine, protocol, direction, record.call.payload, record.wanted, lines);
        });
    }

    fn datagram(&mut self, engine: &Engine<'_>, datagram: &Datagram<'_>, out: &mut Vec<u8>) {
        let Datagram { protocol, direction, bytes, wanted, .. } = *datagram;
        self.show_datagram(engine, datagram, out, |lines| {
            decode::wanted(engine, protocol, direction, bytes, wanted, lines);
        });
    }

    fn lost(&mut self, process: &Process, count: u64, out: &mut Vec<u8>) {
        Self::process_line(process, b"lost", out);
        out.extend_from_slice(b",\"count\":");
        text::decimal(out, count);
        out.extend_from_slice(b",\"total\":");
        text::decimal(out, process.lost);
        out.extend_from_slice(b"}\n");
    }

    fn unanswered(&mut self, engine: &Engine<'_>, one: &Unanswered<'_>, out: &mut Vec<u8>) {
        let request = one.request;
        Self::process_line(one.process, b"unanswered", out);
        out.extend_from_slice(b",\"fd\":");
        text::decimal(out, request.fd);
        out.extend_from_slice(b",\"protocol\":");
        protocol(out, Some(request.protocol));
        out.extend_from_slice(b",\"at\":\"");
        out.extend_from_slice(one.why.word().as_bytes());
        out.extend_from_slice(b"\",\"request\":{\"record\":");
        text::decimal(out, request.record);
        out.extend_from_slice(b",\"part\":");
        text::decimal(out, request.part);
        out.extend_from_slice(b",\"type\":");
        let number = u32::try_from(request.protocol).unwrap_or(u32::MAX);
        let (ty, operation) = reply::request_kind(engine, number, request.bytes());
        value::name_or_number(out, &ty);
        if let Some(operation) = operation {
            out.extend_from_slice(b",\"operation\":");
            escape::json(out, operation.as_bytes());
        }
        out.extend_from_slice(b",\"seq\":");
        text::decimal(out, request.header.seq);
        out.extend_from_slice(b"},\"answers\":");
        text::decimal(out, request.answers);
        out.extend_from_slice(b"}\n");
    }

    fn bye(&mut self, process: &Process, out: &mut Vec<u8>) {
        Self::process_line(process, b"bye", out);
        out.extend_from_slice(b",\"lost\":");
        text::decimal(out, process.lost);
        out.extend_from_slice(b"}\n");
    }
}
