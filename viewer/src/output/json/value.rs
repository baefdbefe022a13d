//! Values as JSON.

use crate::decode::{Enum, Opaque, Part, TextKind, Value, parts};
use crate::output::guess::{Guess, guess};
use crate::output::{escape, text};

/// Appends a value, and where it does not say all, `,"raw":…`.
#[inline(always)]
pub(super) fn put(out: &mut Vec<u8>, value: &Value<'_>) {
    match *value {
        Value::Present => out.extend_from_slice(b"true"),
        Value::Uint { v, .. } => text::decimal(out, v),
        Value::Int { v, .. } => text::decimal(out, v),
        Value::Enum { signed: true, name, .. } => {
            let number = value.number().unwrap_or(0);
            match name {
                Some(name) => constant(out, name),
                None => text::decimal(out, number),
            }
            out.extend_from_slice(b",\"raw\":");
            text::decimal(out, number);
        }
        Value::Enum { v, name, .. } => named(out, v, name),
        Value::Sequence { v, bits, set, .. } => {
            out.push(b'[');
            for (at, (number, name)) in parts(v, bits, set).enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                match name {
                    Some(name) => drop(escape::json(out, name.as_bytes())),
                    None => text::decimal(out, number),
                }
            }
            out.push(b']');
            raw_number(out, v);
        }
        Value::Flags { v, set, more, .. } => {
            flags(out, v, set, more);
            raw_number(out, v);
        }
        Value::NamedPart { v, name, rest, .. } => {
            out.push(b'[');
            constant(out, name);
            out.push(b',');
            quoted(out, |out| text::hex(out, rest, 0));
            out.push(b']');
            raw_number(out, v);
        }
        Value::Split { v, high, low, .. } => {
            split(out, v, high, low);
            raw_number(out, v);
        }
        Value::Interface { index, name } => {
            match name {
                Some(name) => drop(escape::json(out, name.as_bytes())),
                None => text::decimal(out, index),
            }
            out.extend_from_slice(b",\"raw\":");
            text::decimal(out, index);
        }
        Value::Ipv4(address) => quoted(out, |out| text::ipv4(out, address)),
        Value::Ipv6(address) => quoted(out, |out| text::ipv6(out, address)),
        Value::Mac { bytes, .. } => quoted(out, |out| text::hex_joined(out, bytes, b':')),
        Value::Uuid(bytes) => quoted(out, |out| text::uuid(out, bytes)),
        Value::Errno { v, name } => {
            match name {
                Some(name) => drop(escape::json(out, name.as_bytes())),
                None => text::decimal(out, v),
            }
            out.extend_from_slice(b",\"raw\":");
            text::decimal(out, v);
        }
        Value::Bitmap { bytes, word, set } => {
            bitmap(out, bytes, word, set);
            raw_bytes(out, bytes);
        }
        Value::Text { bytes, kind } => string(out, bytes, kind),
        Value::Bytes { bytes, why: Opaque::Secret } => {
            quoted(out, |out| text::redacted(out, bytes.len()));
            out.extend_from_slice(b",\"secret\":");
            text::decimal(out, bytes.len());
        }
        Value::Bytes { bytes, why } => {
            out.extend_from_slice(b"null");
            raw_bytes(out, bytes);
            if why == Opaque::Alien {
                maybe(out, bytes);
            }
        }
    }
}

fn named(out: &mut Vec<u8>, v: u64, name: Option<&str>) {
    match name {
        Some(name) => constant(out, name),
        None => text::decimal(out, v),
    }
    raw_number(out, v);
}

/// Appends an array of the bits that are set: names, and numbers of those that have none.
fn bitmap(out: &mut Vec<u8>, bytes: &[u8], word: u8, set: Option<&Enum>) {
    out.push(b'[');
    let bits = Value::bit_ranges(bytes, word).flat_map(|(first, last)| first..=last);
    for (nth, bit) in bits.enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        match set.and_then(|set| set.name_of(u64::try_from(bit).ok()?)) {
            Some(name) => drop(escape::json(out, name.as_bytes())),
            None => text::decimal(out, bit),
        }
    }
    out.push(b']');
}

/// Appends the name of a number, or the number if it has none.
pub(super) fn name_or_number(out: &mut Vec<u8>, value: &Value<'_>) {
    match *value {
        Value::Enum { name: Some(name), .. }
        | Value::Split { low: Part { name: Some(name), .. }, .. } => {
            escape::json(out, name.as_bytes());
        }
        Value::Flags { v, set, more, .. } => flags(out, v, set, more),
        _ => text::decimal(out, value.number().unwrap_or(0)),
    }
}

/// Appends an array of names; bits without one come last, as one string of hexadecimal digits.
pub(super) fn flags(out: &mut Vec<u8>, v: u64, set: &Enum, more: Option<&Enum>) {
    out.push(b'[');
    if v != 0 {
        let mut any = false;
        let mut each = |name: &str| {
            if any {
                out.push(b',');
            }
            any = true;
            constant(out, name);
        };
        let mut rest = set.flags(v, &mut each);
        if let Some(more) = more
            && rest != 0
        {
            rest = more.flags(rest, &mut each);
        }
        if rest != 0 {
            if any {
                out.push(b',');
            }
            quoted(out, |out| text::hex(out, rest, 0));
        }
    }
    out.push(b']');
}

fn split(out: &mut Vec<u8>, v: u64, high: Part<'_>, low: Part<'_>) {
    match (high.name, low.name) {
        (_, Some(name)) => drop(escape::json(out, name.as_bytes())),
        _ => text::decimal(out, v),
    }
}

/// Appends a string. What a string of JSON cannot hold, bytes that are no UTF-8 and bytes after
/// the text's end, follows whole as `raw`.
fn string(out: &mut Vec<u8>, bytes: &[u8], kind: TextKind) {
    let shown = Value::text(bytes, kind);
    let whole = escape::json(out, shown);
    let hidden = bytes.get(shown.len()..).unwrap_or(&[]);
    if !whole || hidden.iter().any(|b| *b != 0) {
        raw_bytes(out, bytes);
    }
}

fn raw_number(out: &mut Vec<u8>, v: u64) {
    out.extend_from_slice(b",\"raw\":");
    text::decimal(out, v);
}

fn raw_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b",\"raw\":");
    quoted(out, |out| text::hex_bytes(out, bytes));
}

/// Appends what bytes might be.
fn maybe(out: &mut Vec<u8>, bytes: &[u8]) {
    let Some(guess) = guess(bytes) else { return };
    out.extend_from_slice(b",\"maybe\":");
    match guess {
        Guess::Number(number) => text::decimal(out, number),
        Guess::Text(text) => drop(escape::json(out, text)),
    }
}

/// Appends a name of a spec, which needs no escapes (`spec::load` sees to that).
fn constant(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}

/// Appends in quotes what needs no escapes.
pub(super) fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}
