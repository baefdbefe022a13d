//! The smallest pieces of strace's text: numbers, strings, names in comments.

use std::net::Ipv6Addr;

use crate::decode::{TextKind, Value};
use crate::output::text;

/// Writes an unsigned decimal.
#[inline]
pub(super) fn dec(out: &mut Vec<u8>, v: u64) {
    text::decimal(out, v);
}

/// Writes a signed decimal.
#[inline]
pub(super) fn signed(out: &mut Vec<u8>, v: i64) {
    text::decimal(out, v);
}

/// Writes `0x…` without leading zeros; zero is `0`.
pub(super) fn hex(out: &mut Vec<u8>, v: u64) {
    if v == 0 { out.push(b'0') } else { text::hex(out, v, 1) }
}

/// Writes `0x…` padded with zeros to twice as many characters as the number has bytes, the `0x`
/// counted; zero has none.
pub(super) fn hex_padded(out: &mut Vec<u8>, v: u64, size: u8) {
    let width = usize::from(size).saturating_mul(2);
    if v == 0 {
        text::hex_digits(out, 0, width)
    } else {
        text::hex(out, v, width.saturating_sub(2))
    }
}

/// Writes ` /* text */`.
pub(super) fn comment(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b" /* ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b" */");
}

/// Writes bytes as `"\x01\x02"`, at most `limit` of them.
pub(super) fn hex_string(out: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    out.push(b'"');
    for byte in bytes.get(..limit).unwrap_or(bytes) {
        out.extend_from_slice(b"\\x");
        text::hex_byte(out, *byte);
    }
    out.push(b'"');
    if bytes.len() > limit {
        out.extend_from_slice(b"...");
    }
}

/// Writes bytes as a C string literal.
pub(super) fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x0b => out.extend_from_slice(b"\\v"),
            0x20..=0x7e => out.push(*byte),
            _ => {
                // Fewer octal digits, unless the next character would be read as one more.
                let next = at.checked_add(1).and_then(|n| bytes.get(n));
                let all = next.is_some_and(|n| (b'0'..=b'7').contains(n));
                out.push(b'\\');
                if all || *byte >= 0o100 {
                    out.push(b'0' + (byte >> 6));
                }
                if all || *byte >= 0o10 {
                    out.push(b'0' + ((byte >> 3) & 7));
                }
                out.push(b'0' + (byte & 7));
            }
        }
    }
    out.push(b'"');
}

/// Writes character data as its kind wants it, at most `limit` bytes.
pub(super) fn string(out: &mut Vec<u8>, bytes: &[u8], kind: TextKind, limit: usize) {
    let content = Value::text(bytes, kind);
    let ended = match kind {
        TextKind::Attribute => bytes.last() == Some(&0),
        TextKind::CString => bytes.contains(&0),
        TextKind::Field => {
            content.len() < bytes.len().saturating_sub(1) || bytes.last() == Some(&0)
        }
        TextKind::Raw => true,
    };
    // The NUL that ends an attribute's text counts.
    let counted = match kind {
        TextKind::Attribute => bytes.len(),
        _ => content.len(),
    };
    if counted > limit && kind != TextKind::Field {
        quoted(out, content.get(..limit).unwrap_or(content));
        return out.extend_from_slice(b"...");
    }
    quoted(out, content);
    if !ended {
        out.extend_from_slice(b"...");
    }
}

/// Writes a link-layer address.
pub(super) fn mac(out: &mut Vec<u8>, bytes: &[u8]) {
    text::hex_joined(out, bytes, b':');
}

/// Writes `inet_addr("…")`.
pub(super) fn ipv4(out: &mut Vec<u8>, address: [u8; 4]) {
    out.extend_from_slice(b"inet_addr(\"");
    text::ipv4(out, address);
    out.extend_from_slice(b"\")");
}

/// Writes an IPv6 address as inet_ntop(3) does. It differs from Rust's `Display` in addresses of
/// exactly six leading zero groups, whose last 32 bits are dotted.
pub(super) fn ipv6(out: &mut Vec<u8>, address: [u8; 16]) {
    let [a, b, c, d, e, f, g, _] = Ipv6Addr::from(address).segments();
    if [a, b, c, d, e, f] == [0; 6] && g != 0 {
        let [.., g1, g2, h1, h2] = address;
        out.extend_from_slice(b"::");
        text::ipv4(out, [g1, g2, h1, h2]);
    } else {
        text::ipv6(out, address);
    }
}
