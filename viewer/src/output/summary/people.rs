//! The summary as tables.

use super::calls::Calls;
use super::errors::Errors;
use super::messages::{Messages, Row};
use super::sockets::{Group, Setting, Socket, Sockets, Traffic};
use super::table::{Column, Table};
use super::unseen::{Unseen, Why};
use super::{Counts, Look};
use crate::decode::Direction;
use crate::output::paint::Role;
use crate::output::units;
use crate::output::{escape, socket_names, text};
use nlproto::Origin;

const MESSAGES: &[Column] = &[
    Column::left("Messages"),
    Column::right("calls").spare(4),
    Column::right("count"),
    Column::right("bytes").spare(1),
    Column::right("errors"),
    Column::right("fastest").spare(3),
    Column::right("median"),
    Column::right("p99").spare(2),
    Column::right("slowest"),
];

const CALLS: &[Column] = &[
    Column::left("Calls"),
    Column::right("count"),
    Column::right("errors"),
    Column::right("time"),
    Column::right("% time").spare(1),
    Column::right("per call").spare(2),
];

const SOCKETS: &[Column] = &[
    Column::left("Sockets"),
    Column::right("portid").spare(3),
    Column::right("sent"),
    Column::right("bytes").spare(1),
    Column::right("received"),
    Column::right("bytes").spare(1),
    Column::right("rcvbuf").spare(2),
    Column::right("unread"),
    Column::right("drops"),
    Column::right("overruns"),
    Column::right("truncated"),
];

/// Most sockets that have a row; nobody reads more.
const MAX_SOCKETS: usize = 32;

const UNSEEN: &[Column] = &[Column::left("Not seen"), Column::right("count"), Column::left("of")];

/// Appends the tables of all that was counted.
pub(super) fn write(out: &mut Vec<u8>, look: &Look, counts: &Counts) {
    let tables = [
        messages(look, &counts.messages),
        calls(look, &counts.calls),
        sockets(look, &counts.sockets),
        unseen(look, &counts.unseen),
    ];
    let start = out.len();
    for table in tables {
        let before = out.len();
        if before > start {
            out.push(b'\n');
        }
        let begun = out.len();
        table.write(out, look);
        if out.len() == begun {
            out.truncate(before);
        }
    }
    if out.len() == start {
        out.extend_from_slice(b"no netlink was recorded\n");
    }
}

/// A cell.
fn cell(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// A number, or nothing for 0.
fn number(v: u64) -> Vec<u8> {
    if v == 0 { Vec::new() } else { cell(|out| text::decimal(out, v)) }
}

/// A number that is no good news.
fn bad(look: &Look, role: Role, v: u64) -> Vec<u8> {
    if v == 0 {
        return Vec::new();
    }
    cell(|out| look.paint.with(out, role, |out| text::decimal(out, v)))
}

fn bytes(len: u64) -> Vec<u8> {
    if len == 0 { Vec::new() } else { cell(|out| units::size(out, len)) }
}

fn duration(ns: u64) -> Vec<u8> {
    cell(|out| units::duration(out, ns))
}

fn messages(look: &Look, messages: &Messages) -> Table {
    let mut table = Table::new(MESSAGES);
    let rows = messages.by_count();
    let [mut count, mut len, mut failed] = [0_u64; 3];
    for row in &rows {
        count = count.saturating_add(row.messages);
        len = len.saturating_add(row.bytes);
        failed = failed.saturating_add(row.errors.total);
        let figures = row.latency.figures();
        let time = |ns: Option<u64>| ns.map(duration).unwrap_or_default();
        table.row(vec![
            kind(look, row),
            number(row.calls),
            number(row.messages),
            bytes(row.bytes),
            bad(look, Role::Error, row.errors.total),
            time(figures.map(|f| f.min_ns)),
            time(figures.map(|f| f.median_ns)),
            time(figures.map(|f| f.p99_ns)),
            time(figures.map(|f| f.max_ns)),
        ]);
        table.note("failed", errors(look, &row.errors));
    }
    if rows.len() > 1 {
        let failed = bad(look, Role::Error, failed);
        table.row(vec![total(look), number(messages.calls), number(count), bytes(len), failed]);
    }
    table
}

fn total(look: &Look) -> Vec<u8> {
    cell(|out| look.paint.put(out, Role::Dim, b"total"))
}

/// What messages are: protocol, direction, type.
fn kind(look: &Look, row: &Row) -> Vec<u8> {
    cell(|out| {
        if let Some(number) = row.protocol() {
            socket_names::short_protocol(out, i32::try_from(number).ok());
        }
        let (role, arrow) = match row.direction() {
            Direction::Send => (Role::Send, "▶"),
            Direction::Receive => (Role::Receive, "◀"),
        };
        look.paint.put(out, role, arrow.as_bytes());
        out.push(b' ');
        match row.number() {
            Some(numbers) => name(out, look, row, numbers),
            None if row.protocol().is_some() => out.extend_from_slice(b"(no message)"),
            None => out.extend_from_slice(b"(other types)"),
        }
    })
}

fn name(out: &mut Vec<u8>, look: &Look, row: &Row, (ty, command): (u16, Option<u8>)) {
    let role = if command.is_some() { Role::Dim } else { Role::Kind };
    match &row.name.ty {
        // Names of generic families are learned from the stream.
        Some(name) => look.paint.with(out, role, |out| escape::terminal_bare(out, name)),
        None => look.paint.with(out, Role::Warning, |out| {
            out.extend_from_slice(row.name.label.as_deref().unwrap_or("type").as_bytes());
            out.push(b' ');
            text::decimal(out, ty);
        }),
    }
    match (&row.name.operation, command) {
        (Some(operation), _) => {
            out.push(b' ');
            look.paint.put(out, Role::Kind, operation.as_bytes());
        }
        (None, Some(command)) => {
            out.extend_from_slice(b" command ");
            text::decimal(out, command);
        }
        (None, None) => {}
    }
}

fn errors(look: &Look, errors: &Errors) -> Vec<Vec<u8>> {
    let kinds = errors.by_count();
    let each = kinds.iter().map(|kind| {
        cell(|out| {
            look.paint.with(out, Role::Error, |out| match kind.name() {
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => text::decimal(out, kind.number),
            });
            out.push(b' ');
            text::decimal(out, kind.count);
        })
    });
    each.collect()
}

fn calls(look: &Look, calls: &Calls) -> Table {
    let mut table = Table::new(CALLS);
    let functions = calls.by_time();
    let sum = |of: fn(&super::calls::Function) -> u64| {
        functions.iter().fold(0_u64, |sum, function| sum.saturating_add(of(function)))
    };
    let time_ns = sum(|function| function.time_ns);
    for function in &functions {
        let name = cell(|out| {
            look.paint.put(out, Role::Kind, function.name.as_bytes());
            let via: &[u8] = match function.origin {
                Origin::Program => b"",
                Origin::Syscall => b" by number",
                Origin::Libc => b" in libc",
            };
            look.paint.put(out, Role::Dim, via);
        });
        let share = u128::from(function.time_ns)
            .saturating_mul(1000)
            .checked_div(u128::from(time_ns))
            .unwrap_or(0);
        table.row(vec![
            name,
            number(function.calls),
            bad(look, Role::Error, function.errors.total),
            duration(function.time_ns),
            cell(|out| {
                text::decimal(out, share / 10);
                out.push(b'.');
                text::decimal(out, share % 10);
            }),
            duration(function.time_ns.checked_div(function.calls).unwrap_or(0)),
        ]);
        table.note("failed", errors(look, &function.errors));
    }
    if functions.len() > 1 {
        let failed = sum(|function| function.errors.total);
        let count = number(sum(|function| function.calls));
        table.row(vec![total(look), count, bad(look, Role::Error, failed), duration(time_ns)]);
    }
    table
}

fn sockets(look: &Look, sockets: &Sockets) -> Table {
    let mut table = Table::new(SOCKETS);
    let kept = sockets.by_messages();
    let (shown, rest) = kept.split_at_checked(MAX_SOCKETS).unwrap_or((&kept, &[]));
    for socket in shown {
        let whose = cell(|out| {
            program(out, look, &socket.comm, socket.pid);
            out.push(b' ');
            text::decimal(out, socket.fd);
            out.push(b' ');
            socket_names::short_protocol(out, Some(socket.protocol));
            out.pop();
        });
        let rcvbuf = socket.rcvbuf.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        let portid = u64::from(socket.portid);
        table.row(traffic(look, whose, number(portid), bytes(rcvbuf), &socket.traffic));
        table.note("groups", socket.groups.iter().map(|g| group(look, g)).collect());
        table.note("set", settings(look, socket));
    }
    let others = sockets.forgotten.saturating_add(rest.len() as u64);
    if others > 0 {
        let whose = cell(|out| {
            text::decimal(out, others);
            out.extend_from_slice(if others == 1 { b" other" } else { b" others" });
        });
        let mut all = sockets.others;
        for socket in rest {
            all.add(&socket.traffic);
        }
        table.row(traffic(look, whose, Vec::new(), Vec::new(), &all));
    }
    table
}

fn traffic(
    look: &Look,
    whose: Vec<u8>,
    portid: Vec<u8>,
    rcvbuf: Vec<u8>,
    traffic: &Traffic,
) -> Vec<Vec<u8>> {
    let warning = |v| bad(look, Role::Warning, v);
    let unread = cell(|out| {
        if traffic.unread > 0 {
            look.paint.with(out, Role::Warning, |out| units::size(out, traffic.unread));
        }
    });
    vec![
        whose,
        portid,
        number(traffic.sent.messages),
        bytes(traffic.sent.bytes),
        number(traffic.received.messages),
        bytes(traffic.received.bytes),
        rcvbuf,
        unread,
        warning(traffic.drops),
        warning(traffic.overruns),
        warning(traffic.truncated),
    ]
}

/// A group's name, or its number if it has none.
fn group(look: &Look, group: &Group) -> Vec<u8> {
    cell(|out| match &group.name {
        Some(name) => {
            look.paint.with(out, Role::Constant, |out| escape::terminal_bare(out, name));
        }
        None => text::decimal(out, group.number),
    })
}

fn settings(look: &Look, socket: &Socket) -> Vec<Vec<u8>> {
    let buffer = |name: &str, size: Option<i32>| {
        size.map(|size| {
            cell(|out| {
                look.paint.put(out, Role::Constant, name.as_bytes());
                out.push(b' ');
                text::decimal(out, size);
            })
        })
    };
    let buffers = [buffer("SO_RCVBUF", socket.rcvbuf_set), buffer("SO_SNDBUF", socket.sndbuf_set)];
    let options = socket.options.iter().map(|option| setting(look, option));
    options.chain(buffers.into_iter().flatten()).collect()
}

/// An option, and its value unless that just turns it on.
fn setting(look: &Look, option: &Setting) -> Vec<u8> {
    cell(|out| {
        if let Some(name) = socket_names::option_name(option.level, option.name) {
            look.paint.put(out, Role::Constant, name.as_bytes());
        } else {
            match socket_names::level_name(option.level) {
                Some(level) => look.paint.put(out, Role::Constant, level.as_bytes()),
                None => text::decimal(out, option.level),
            }
            out.extend_from_slice(b" option ");
            text::decimal(out, option.name);
        }
        if let Some(value) = option.value.filter(|value| *value != 1) {
            out.push(b' ');
            text::decimal(out, value);
        }
    })
}

/// `comm[pid]`.
fn program(out: &mut Vec<u8>, look: &Look, comm: &str, pid: u32) {
    look.paint.with(out, Role::Program, |out| escape::terminal_bare(out, comm));
    look.paint.with(out, Role::Dim, |out| {
        out.push(b'[');
        text::decimal(out, pid);
        out.push(b']');
    });
}

fn unseen(look: &Look, unseen: &Unseen) -> Table {
    let mut table = Table::new(UNSEEN);
    for row in unseen.by_count() {
        let what = cell(|out| {
            look.paint.with(out, Role::Warning, |out| match row.why {
                Why::Lost => out.extend_from_slice(b"records lost"),
                Why::Inside(function, why) => {
                    out.extend_from_slice(function.as_bytes());
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(why.as_bytes());
                }
            });
        });
        let whose = cell(|out| program(out, look, &row.comm, row.pid));
        table.row(vec![whose, bad(look, Role::Warning, row.count), what]);
    }
    if unseen.lost_by_others > 0 {
        let what = cell(|out| look.paint.put(out, Role::Warning, b"records lost"));
        let count = bad(look, Role::Warning, unseen.lost_by_others);
        table.row(vec![b"others".to_vec(), count, what]);
    }
    table
}
