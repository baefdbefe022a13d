//! Values as people read them: with units, names and quotes.

use super::Look;
use super::rows::Rows;
use crate::decode::{Enum, Hint, Opaque, Part, TextKind, Value, parts};
use crate::output::guess::{Guess, guess};
use crate::output::paint::Role;
use crate::output::{escape, text, time};

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Whether a value is the one that says nothing where it stands among others.
#[inline(always)]
pub(super) fn is_zero(value: &Value<'_>) -> bool {
    let zeros = |bytes: &[u8]| bytes.iter().all(|b| *b == 0);
    match value {
        Value::Uint { v, .. }
        | Value::Enum { v, .. }
        | Value::Sequence { v, .. }
        | Value::NamedPart { v, .. }
        | Value::Flags { v, .. }
        | Value::Split { v, .. } => *v == 0,
        Value::Int { v, .. } => *v == 0,
        Value::Interface { index, .. } => *index == 0,
        Value::Errno { v, .. } => *v == 0,
        Value::Ipv4(bytes) => zeros(bytes),
        Value::Ipv6(bytes) | Value::Uuid(bytes) => zeros(bytes),
        Value::Mac { bytes, .. }
        | Value::Bitmap { bytes, .. }
        | Value::Text { bytes, .. }
        | Value::Bytes { bytes, why: Opaque::ByNature } => zeros(bytes),
        Value::Bytes { .. } | Value::Present => false,
    }
}

/// Appends a value to the last item.
#[inline(always)]
pub(super) fn put(rows: &mut Rows, look: &Look, value: &Value<'_>) {
    let out = rows.text();
    match *value {
        Value::Present => look.paint.put(out, Role::Dim, b"present"),
        Value::Uint { v, size, hint, .. } => number(out, look, v, size, hint),
        Value::Int { v, size, hint, .. } => {
            if v < 0 {
                out.push(b'-');
            }
            number(out, look, v.unsigned_abs(), size, hint);
        }
        Value::Enum { name, label, signed: true, .. } => {
            named(out, look, value.number().unwrap_or(0), name, label);
        }
        Value::Enum { v, name, label, .. } => named(out, look, v, name, label),
        Value::Sequence { v, bits, set, .. } => {
            for (at, (number, name)) in parts(v, bits, set).enumerate() {
                if at > 0 {
                    look.paint.put(out, Role::Dim, b" . ");
                }
                named(out, look, number, name, set.label.as_deref());
            }
        }
        Value::Flags { v, set, more, .. } => flags(out, look, v, set, more),
        Value::NamedPart { name, rest, .. } => {
            look.paint.put(out, Role::Constant, name.as_bytes());
            out.push(b' ');
            text::decimal(out, rest);
        }
        Value::Split { v, high, low, .. } => split(out, look, v, high, low),
        Value::Interface { index, name: Some(name) } => {
            look.paint.with(out, Role::Interface, |out| {
                escape::terminal(out, name.as_bytes(), usize::MAX);
            });
            look.paint.with(out, Role::Dim, |out| {
                out.extend_from_slice(b" (");
                text::decimal(out, index);
                out.push(b')');
            });
        }
        Value::Interface { index, name: None } => text::decimal(out, index),
        Value::Ipv4(address) => text::ipv4(out, address),
        Value::Ipv6(address) => text::ipv6(out, address),
        Value::Mac { bytes, .. } => text::hex_joined(out, bytes, b':'),
        Value::Uuid(bytes) => text::uuid(out, bytes),
        Value::Errno { v, name } => errno(out, look, v, name),
        Value::Bitmap { bytes, word, set } => bitmap(rows, look, bytes, word, set),
        Value::Text { bytes, kind } => string(out, look, bytes, kind),
        Value::Bytes { bytes, why } => opaque(rows, look, bytes, why),
    }
}

/// The bits that are set: as ranges, or if they have names as a list of those.
fn bitmap(rows: &mut Rows, look: &Look, bytes: &[u8], word: u8, set: Option<&Enum>) {
    let out = rows.text();
    if bytes.iter().all(|byte| *byte == 0) {
        return look.paint.put(out, Role::Dim, b"none");
    }
    let Some(set) = set else {
        return text::ranges(out, Value::bit_ranges(bytes, word), b',');
    };
    out.push(b'[');
    let bits = Value::bit_ranges(bytes, word).flat_map(|(first, last)| first..=last);
    for (nth, bit) in bits.enumerate() {
        let out = if nth > 0 { rows.item() } else { rows.text() };
        let bit = u64::try_from(bit).unwrap_or(u64::MAX);
        named(out, look, bit, set.name_of(bit), set.label.as_deref());
    }
    rows.text().push(b']');
}

#[inline]
fn number(out: &mut Vec<u8>, look: &Look, v: u64, size: u8, hint: Hint) {
    if hint == Hint::None {
        return text::decimal(out, v);
    }
    let unit: &[u8] = match hint {
        Hint::Hex => return text::hex(out, v, 0),
        Hint::HexPadded => return text::hex(out, v, usize::from(size).saturating_mul(2)),
        Hint::TcHandle => return tc_handle(out, look, v),
        Hint::Dev => {
            // linux/kdev_t.h: 12 bits of major between the low 8 and the high 12 of minor.
            text::decimal(out, (v >> 8) & 0xfff);
            out.push(b':');
            return text::decimal(out, (v & 0xff) | ((v >> 12) & 0xf_ff00));
        }
        Hint::Bool if v < 2 => {
            let word: &[u8] = if v == 1 { b"true" } else { b"false" };
            return look.paint.put(out, Role::Constant, word);
        }
        Hint::Octal => {
            out.push(b'0');
            return text::octal(out, v);
        }
        Hint::Millicelsius => return thousandths(out, look, v, " °C"),
        Hint::UnixTime | Hint::UnixNsecs if v > 0 => {
            let (second, rest) = match hint {
                Hint::UnixTime => (v, None),
                _ => (v / NS_PER_SECOND, Some(v % NS_PER_SECOND)),
            };
            time::date_time(out, i64::try_from(second).unwrap_or(i64::MAX));
            if let Some(rest) = rest {
                out.push(b'.');
                text::padded(out, rest, 9);
            }
            return out.push(b'Z');
        }
        // INFINITY_LIFE_TIME, as addresses have it that do not expire.
        Hint::Seconds if v == u64::from(u32::MAX) => {
            return look.paint.put(out, Role::Constant, b"forever");
        }
        Hint::ClockT => {
            text::decimal(out, v / 100);
            if !v.is_multiple_of(100) {
                out.push(b'.');
                text::padded(out, v % 100, 2);
            }
            return look.paint.put(out, Role::Dim, b" s");
        }
        Hint::Mbm => {
            text::decimal(out, v / 100);
            if !v.is_multiple_of(100) {
                out.push(b'.');
                text::padded(out, v % 100, 2);
            }
            return look.paint.put(out, Role::Dim, b" dBm");
        }
        Hint::PrefixLen => b"",
        Hint::Jiffies => b" jiffies",
        Hint::Seconds => b" s",
        Hint::Msecs => b" ms",
        Hint::Usecs => " µs".as_bytes(),
        Hint::Nsecs => b" ns",
        Hint::Picoseconds => b" ps",
        Hint::Bytes => b" B",
        Hint::Kbytes => b" KiB",
        Hint::Kbits => b" kbit/s",
        Hint::BytesPerSecond => b" B/s",
        Hint::Mbps => b" Mb/s",
        Hint::Hz => b" Hz",
        Hint::Khz => b" kHz",
        Hint::Mhz => b" MHz",
        Hint::Milliwatt => b" mW",
        Hint::Dbm => b" dBm",
        Hint::Percent => b" %",
        Hint::None | Hint::Uid | Hint::Gid | Hint::Pid | Hint::Fd | Hint::Port | Hint::Bool => b"",
        // Zero is no time.
        Hint::UnixTime | Hint::UnixNsecs => b"",
    };
    if hint == Hint::PrefixLen {
        out.push(b'/');
    }
    text::decimal(out, v);
    if !unit.is_empty() {
        look.paint.put(out, Role::Dim, unit);
    }
}

/// A number of thousandths.
fn thousandths(out: &mut Vec<u8>, look: &Look, v: u64, unit: &str) {
    text::decimal(out, v / 1000);
    if !v.is_multiple_of(1000) {
        out.push(b'.');
        text::padded(out, v % 1000, 3);
    }
    look.paint.put(out, Role::Dim, unit.as_bytes());
}

/// A handle as tc writes it: `major:minor` in hexadecimal, a zero left out.
fn tc_handle(out: &mut Vec<u8>, look: &Look, v: u64) {
    match v {
        0 => look.paint.put(out, Role::Constant, b"none"),
        0xffff_ffff => look.paint.put(out, Role::Constant, b"root"),
        0xffff_fff1 => look.paint.put(out, Role::Constant, b"ingress"),
        _ => {
            let (major, minor) = (v >> 16, v & 0xffff);
            if major != 0 {
                text::hex_digits(out, major, 0);
            }
            out.push(b':');
            if minor != 0 {
                text::hex_digits(out, minor, 0);
            }
        }
    }
}

fn named(
    out: &mut Vec<u8>,
    look: &Look,
    v: impl itoa::Integer + TryInto<u8>,
    name: Option<&str>,
    label: Option<&str>,
) {
    match (name, label) {
        (Some(name), _) => look.paint.put(out, Role::Constant, name.as_bytes()),
        (None, Some(label)) if !label.is_empty() => {
            look.paint.put(out, Role::Warning, label.as_bytes());
            out.push(b' ');
            text::decimal(out, v);
        }
        (None, _) => text::decimal(out, v),
    }
}

fn flags(out: &mut Vec<u8>, look: &Look, v: u64, set: &Enum, more: Option<&Enum>) {
    let mut any = false;
    let mut each = |name: &str| {
        if any {
            look.paint.put(out, Role::Dim, b"|");
        }
        any = true;
        look.paint.put(out, Role::Constant, name.as_bytes());
    };
    let mut rest = set.flags(v, &mut each);
    if let Some(more) = more
        && rest != 0
    {
        rest = more.flags(rest, &mut each);
    }
    if rest != 0 || !any {
        if any {
            look.paint.put(out, Role::Dim, b"|");
        }
        if rest == 0 { out.push(b'0') } else { text::hex(out, rest, 0) }
    }
}

fn split(out: &mut Vec<u8>, look: &Look, v: u64, high: Part<'_>, low: Part<'_>) {
    if let Some(name) = low.name {
        return look.paint.put(out, Role::Constant, name.as_bytes());
    }
    if high.name.is_none() {
        return text::decimal(out, v);
    }
    named(out, look, high.v, high.name, high.label);
    look.paint.put(out, Role::Dim, b" ");
    named(out, look, low.v, None, low.label);
}

fn errno(out: &mut Vec<u8>, look: &Look, v: i32, name: Option<&str>) {
    match name {
        Some(name) => look.paint.put(out, Role::Error, name.as_bytes()),
        None => text::decimal(out, v),
    }
}

/// A string in quotes. One that holds several, each ended by a NUL (a kernel object's event), is
/// shown as several.
fn string(out: &mut Vec<u8>, look: &Look, bytes: &[u8], kind: TextKind) {
    let several = kind == TextKind::Raw;
    let mut shown = Value::text(bytes, kind);
    if several {
        shown = shown.strip_suffix(&[0]).unwrap_or(shown);
    }
    let mut parts = shown.split(|b| several && *b == 0);
    let mut room = look.string_limit;
    let Some(first) = parts.next() else { return };
    let mut whole = quoted(out, look, first, room);
    for part in parts {
        room = room.saturating_sub(part.len());
        if !whole || room == 0 {
            whole = false;
            break;
        }
        out.push(b' ');
        whole = quoted(out, look, part, room);
    }
    if !whole {
        look.paint.put(out, Role::Dim, "…".as_bytes());
    }
}

fn quoted(out: &mut Vec<u8>, look: &Look, bytes: &[u8], limit: usize) -> bool {
    look.paint.with(out, Role::Text, |out| {
        out.push(b'"');
        let whole = escape::terminal(out, bytes, limit);
        out.push(b'"');
        whole
    })
}

/// Bytes in hexadecimal, sixteen an item; what is not known is also shown as characters, if most of
/// it are some.
/// Most zeros that are shown one by one.
const MAX_ZEROS: usize = 32;

fn opaque(rows: &mut Rows, look: &Look, bytes: &[u8], why: Opaque) {
    let out = rows.text();
    if why == Opaque::Secret {
        return look.paint.with(out, Role::Dim, |out| text::redacted(out, bytes.len()));
    }
    if bytes.is_empty() {
        return look.paint.put(out, Role::Dim, b"empty");
    }
    if bytes.len() > MAX_ZEROS && bytes.iter().all(|byte| *byte == 0) {
        return look.paint.with(out, Role::Dim, |out| {
            text::decimal(out, bytes.len());
            out.extend_from_slice(b" bytes of 0");
        });
    }
    let shown = bytes.get(..look.string_limit).unwrap_or(bytes);
    let graphic = shown.iter().filter(|b| b.is_ascii_graphic()).count();
    let guess = guess(bytes).filter(|_| why == Opaque::Alien && shown.len() == bytes.len());
    let readable = why != Opaque::ByNature
        && graphic > 1
        && graphic.saturating_mul(2) > shown.len()
        && guess.is_none();
    for (n, line) in shown.chunks(16).enumerate() {
        let out = if n > 0 { rows.item() } else { rows.text() };
        text::hex_joined(out, line, b' ');
        if readable {
            look.paint.with(out, Role::Dim, |out| {
                out.extend_from_slice(b"  |");
                out.extend(line.iter().map(|b| text::printable(*b)));
                out.push(b'|');
            });
        }
    }
    if shown.len() < bytes.len() {
        let out = rows.text();
        look.paint.with(out, Role::Dim, |out| {
            out.extend_from_slice("… ".as_bytes());
            text::decimal(out, bytes.len());
            out.extend_from_slice(b" bytes");
        });
    } else if why == Opaque::Alien {
        let out = rows.text();
        look.paint.with(out, Role::Dim, |out| {
            out.extend_from_slice(b"  ");
            text::decimal(out, bytes.len());
            out.extend_from_slice(b" B");
            match guess {
                Some(Guess::Number(number)) => {
                    out.extend_from_slice(b", ");
                    text::decimal(out, number);
                    out.push(b'?');
                }
                Some(Guess::Text(text)) => {
                    out.extend_from_slice(b", \"");
                    let _whole = escape::terminal(out, text, look.string_limit);
                    out.extend_from_slice(b"\"?");
                }
                None => {}
            }
        });
    }
}
