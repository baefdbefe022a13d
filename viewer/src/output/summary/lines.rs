//! The summary as JSON Lines: one object a row. `viewer/docs/json.md` is the schema.

use super::Counts;
use super::errors::Errors;
use super::messages::Row;
use super::sockets::{Socket, Traffic};
use super::unseen::Why;
use crate::decode::Direction;
use crate::output::{escape, socket_names, text};
use nlproto::Origin;

/// Appends a line for each row of all that was counted.
pub(super) fn write(out: &mut Vec<u8>, counts: &Counts) {
    for row in counts.messages.by_count() {
        message(out, row);
    }
    for function in counts.calls.by_time() {
        begin(out, "calls");
        key(out, "call");
        string(out, Some(function.name));
        match function.origin {
            Origin::Program => {}
            Origin::Syscall => out.extend_from_slice(b",\"via\":\"syscall\""),
            Origin::Libc => out.extend_from_slice(b",\"via\":\"libc\""),
        }
        number(out, "calls", function.calls);
        number(out, "time_ns", function.time_ns);
        errors(out, &function.errors);
        end(out);
    }
    for open in counts.sockets.by_messages() {
        socket(out, open);
    }
    if counts.sockets.forgotten > 0 {
        begin(out, "sockets");
        number(out, "sockets", counts.sockets.forgotten);
        traffic(out, &counts.sockets.others);
        end(out);
    }
    for row in counts.unseen.by_count() {
        begin(out, if row.why == Why::Lost { "lost" } else { "unseen" });
        process(out, &row.comm, row.pid);
        if let Why::Inside(function, why) = row.why {
            key(out, "call");
            string(out, Some(function));
            key(out, "note");
            string(out, Some(why));
        }
        number(out, "count", row.count);
        end(out);
    }
    if counts.unseen.lost_by_others > 0 {
        begin(out, "lost");
        out.extend_from_slice(b",\"pid\":null,\"comm\":null");
        number(out, "count", counts.unseen.lost_by_others);
        end(out);
    }
}

fn message(out: &mut Vec<u8>, row: &Row) {
    begin(out, "messages");
    key(out, "protocol");
    protocol(out, row.protocol().and_then(|number| i32::try_from(number).ok()));
    key(out, "dir");
    string(
        out,
        Some(match row.direction() {
            Direction::Send => "send",
            Direction::Receive => "receive",
        }),
    );
    key(out, "type");
    match (&row.name.ty, row.number()) {
        (None, Some((ty, _))) => text::decimal(out, ty),
        (name, _) => string(out, name.as_deref()),
    }
    key(out, "family");
    string(out, row.name.family.as_deref());
    if let Some((_, Some(command))) = row.number() {
        if let Some(operation) = &row.name.operation {
            key(out, "operation");
            string(out, Some(operation));
        }
        number(out, "command", command.into());
    }
    number(out, "calls", row.calls);
    number(out, "messages", row.messages);
    number(out, "bytes", row.bytes);
    errors(out, &row.errors);
    if let Some(figures) = row.latency.figures() {
        out.extend_from_slice(b",\"latency\":{\"count\":");
        text::decimal(out, figures.count);
        number(out, "min_ns", figures.min_ns);
        number(out, "median_ns", figures.median_ns);
        number(out, "p99_ns", figures.p99_ns);
        number(out, "max_ns", figures.max_ns);
        out.push(b'}');
    }
    end(out);
}

fn socket(out: &mut Vec<u8>, socket: &Socket) {
    begin(out, "socket");
    process(out, &socket.comm, socket.pid);
    key(out, "fd");
    text::decimal(out, socket.fd);
    key(out, "protocol");
    protocol(out, Some(socket.protocol));
    number(out, "portid", socket.portid.into());
    key(out, "closed");
    out.extend_from_slice(if socket.closed { b"true" } else { b"false" });
    key(out, "groups");
    array(out, &socket.groups, |out, group| {
        out.extend_from_slice(b"{\"number\":");
        text::decimal(out, group.number);
        key(out, "name");
        string(out, group.name.as_deref());
        out.push(b'}');
    });
    key(out, "options");
    array(out, &socket.options, |out, option| {
        out.extend_from_slice(b"{\"level\":");
        name_or_number(out, socket_names::level_name(option.level), option.level);
        key(out, "option");
        let name = socket_names::option_name(option.level, option.name);
        name_or_number(out, name, option.name);
        key(out, "value");
        number_or_null(out, option.value);
        out.push(b'}');
    });
    key(out, "rcvbuf_set");
    number_or_null(out, socket.rcvbuf_set);
    key(out, "sndbuf_set");
    number_or_null(out, socket.sndbuf_set);
    key(out, "rcvbuf");
    number_or_null(out, socket.rcvbuf);
    traffic(out, &socket.traffic);
    end(out);
}

fn traffic(out: &mut Vec<u8>, traffic: &Traffic) {
    for (name, moved) in [("sent", &traffic.sent), ("received", &traffic.received)] {
        key(out, name);
        out.extend_from_slice(b"{\"messages\":");
        text::decimal(out, moved.messages);
        number(out, "bytes", moved.bytes);
        out.push(b'}');
    }
    number(out, "unread_bytes", traffic.unread);
    number(out, "drops", traffic.drops);
    number(out, "overruns", traffic.overruns);
    number(out, "truncated", traffic.truncated);
}

fn errors(out: &mut Vec<u8>, errors: &Errors) {
    number(out, "errors", errors.total);
    let kinds = errors.by_count();
    if kinds.is_empty() {
        return;
    }
    key(out, "by_error");
    array(out, &kinds, |out, kind| {
        out.extend_from_slice(b"{\"name\":");
        string(out, kind.name());
        key(out, "number");
        text::decimal(out, kind.number);
        number(out, "count", kind.count);
        out.push(b'}');
    });
}

fn process(out: &mut Vec<u8>, comm: &str, pid: u32) {
    number(out, "pid", pid.into());
    key(out, "comm");
    string(out, Some(comm));
}

fn protocol(out: &mut Vec<u8>, protocol: Option<i32>) {
    match protocol.filter(|protocol| *protocol >= 0) {
        Some(number) => name_or_number(out, socket_names::protocol_name(number), number),
        None => out.extend_from_slice(b"null"),
    }
}

fn begin(out: &mut Vec<u8>, of: &str) {
    out.extend_from_slice(b"{\"v\":1,\"kind\":\"summary\",\"of\":\"");
    out.extend_from_slice(of.as_bytes());
    out.push(b'"');
}

fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}\n");
}

fn key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn number(out: &mut Vec<u8>, name: &str, v: u64) {
    key(out, name);
    text::decimal(out, v);
}

fn number_or_null(out: &mut Vec<u8>, v: Option<i32>) {
    match v {
        Some(v) => text::decimal(out, v),
        None => out.extend_from_slice(b"null"),
    }
}

fn string(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => drop(escape::json(out, text.as_bytes())),
        None => out.extend_from_slice(b"null"),
    }
}

fn name_or_number(out: &mut Vec<u8>, name: Option<&str>, v: i32) {
    match name {
        Some(name) => string(out, Some(name)),
        None => text::decimal(out, v),
    }
}

fn array<T>(out: &mut Vec<u8>, items: &[T], mut each: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}
