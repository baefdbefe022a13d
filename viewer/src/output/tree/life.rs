//! Calls that are one line: those of a socket's life, and those that moved no message.

use super::Look;
use crate::decode::Groups;
use crate::output::paint::Role;
use crate::output::reply::LeftOver;
use crate::output::{CallRecord, escape, socket_names, text, units};
use nlproto::function::EXPLAINED;
use nlproto::{Function, SockaddrNl};

/// Appends what a call said, without what stands before it and without the line's end.
pub(super) fn call(
    out: &mut Vec<u8>,
    look: &Look,
    names: Option<Groups<'_>>,
    record: &CallRecord<'_>,
) {
    let name = record.function.name();
    look.paint.put(out, Role::Kind, name.as_bytes());
    arguments(out, look, names, record);
    if let Some(LeftOver { unread, drops, .. }) = LeftOver::of(record) {
        look.paint.with(out, Role::Warning, |out| {
            if unread > 0 {
                out.extend_from_slice("  ⚠ unread: ".as_bytes());
                units::size(out, unread.into());
                out.extend_from_slice(b" of messages");
            }
            if drops > 0 {
                out.extend_from_slice("  ⚠ dropped for lack of room: ".as_bytes());
                text::decimal(out, drops);
            }
        });
    }
    if record.failed() {
        out.push(b' ');
        failure(out, look, record);
    }
}

/// How a call failed, as strace says it.
pub(super) fn failure(out: &mut Vec<u8>, look: &Look, record: &CallRecord<'_>) {
    let head = &record.call.head;
    out.extend_from_slice(b"= ");
    text::decimal(out, head.ret);
    out.push(b' ');
    look.paint.with(out, Role::Error, |out| match socket_names::errno_name(head.errno) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => text::decimal(out, head.errno),
    });
    out.extend_from_slice(b" (");
    out.extend_from_slice(socket_names::errno_text(head.errno).as_bytes());
    out.push(b')');
    if record.is_overrun() {
        let words = "  ⚠ the socket's buffer was full: messages are gone";
        look.paint.put(out, Role::Warning, words.as_bytes());
    }
}

fn arguments(out: &mut Vec<u8>, look: &Look, names: Option<Groups<'_>>, record: &CallRecord<'_>) {
    let head = &record.call.head;
    match record.function {
        Function::Socket => {
            let [_, kind, _] = head.args;
            let ty = kind & socket_names::SOCK_TYPE_MASK;
            out.extend_from_slice(b"  ");
            match socket_names::socket_type_name(ty) {
                Some(name) => look.paint.put(out, Role::Constant, name.as_bytes()),
                None => text::decimal(out, ty),
            }
            let rest = kind & !socket_names::SOCK_TYPE_MASK;
            named_bits(out, look, socket_names::SOCK_FLAGS, rest);
            if head.flags & EXPLAINED != 0 {
                look.paint.put(out, Role::Dim, b"  NETLINK_EXT_ACK turned on for --explain");
            }
        }
        Function::Bind | Function::Connect | Function::Getsockname => {
            address(out, look, names, record.call.name);
        }
        Function::Setsockopt | Function::Getsockopt => option(out, look, names, record),
        Function::Getifaddrs | Function::IfNameindex | Function::Getaddrinfo
            if record.is_uncaught() =>
        {
            look.paint.put(out, Role::Warning, b"  ");
            look.paint.put(out, Role::Warning, record.uncaught().as_bytes());
        }
        Function::Seccomp => {
            let what =
                b"  the program confines itself; over a socket or into a file nothing follows";
            look.paint.put(out, Role::Warning, what);
        }
        _ => {}
    }
}

/// Names of bits, each with a `|` before it.
fn named_bits(out: &mut Vec<u8>, look: &Look, table: &[(i32, &'static str)], v: i32) {
    let rest = socket_names::flags(table, v, |name| {
        look.paint.put(out, Role::Dim, b"|");
        look.paint.put(out, Role::Constant, name.as_bytes());
    });
    if rest != 0 {
        look.paint.put(out, Role::Dim, b"|");
        text::hex(out, u64::from(rest.cast_unsigned()), 0);
    }
}

/// A `struct sockaddr_nl`.
fn address(out: &mut Vec<u8>, look: &Look, names: Option<Groups<'_>>, name: &[u8]) {
    let Some(SockaddrNl { portid, groups, .. }) = SockaddrNl::read(name) else {
        if !name.is_empty() {
            out.extend_from_slice(b"  ");
            text::hex_joined(out, name, b' ');
        }
        return;
    };
    look.paint.put(out, Role::Name, b"  portid ");
    text::decimal(out, portid);
    if groups != 0 {
        out.extend_from_slice(b"  ");
        super::groups(out, look, names, groups);
    }
}

fn option(out: &mut Vec<u8>, look: &Look, names: Option<Groups<'_>>, record: &CallRecord<'_>) {
    let [level, name, _] = record.call.head.args;
    out.extend_from_slice(b"  ");
    if let Some(name) = socket_names::option_name(level, name) {
        look.paint.put(out, Role::Constant, name.as_bytes());
    } else {
        match socket_names::level_name(level) {
            Some(level) => look.paint.put(out, Role::Constant, level.as_bytes()),
            None => text::decimal(out, level),
        }
        look.paint.put(out, Role::Dim, b" option ");
        text::decimal(out, name);
    }
    let value = record.call.payload;
    if value.is_empty() {
        return;
    }
    out.push(b' ');
    match value.first_chunk::<4>() {
        Some(number)
            if value.len() == 4
                && level == socket_names::SOL_NETLINK
                && socket_names::MEMBERSHIP.contains(&name) =>
        {
            super::group(out, look, names, u32::from_ne_bytes(*number));
        }
        Some(number) if value.len() == 4 => text::decimal(out, i32::from_ne_bytes(*number)),
        _ => {
            let shown = value.get(..look.string_limit).unwrap_or(value);
            text::hex_joined(out, shown, b' ');
            if shown.len() < value.len() {
                out.extend_from_slice("…".as_bytes());
            }
        }
    }
}

/// `comm[pid]`, with the thread where it is not the first one.
pub(super) fn program(out: &mut Vec<u8>, look: &Look, comm: &str, pid: u32, tid: u32) {
    look.paint.with(out, Role::Program, |out| escape::terminal_bare(out, comm));
    look.paint.with(out, Role::Dim, |out| {
        out.push(b'[');
        text::decimal(out, pid);
        if tid != pid && tid != 0 {
            out.push(b'/');
            text::decimal(out, tid);
        }
        out.push(b']');
    });
}
