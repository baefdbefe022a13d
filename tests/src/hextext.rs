//! Datagrams as commented hex text, the form of the fixtures.
//!
//! A line is `PROTOCOL > HEX` for what a program sent or `PROTOCOL < HEX` for what it received; it
//! goes on in lines that begin with a blank. `#` begins a comment, and lines that begin with `%`
//! are about names: `%ifname INDEX NAME`, `%genl ID NAME`, `%reset`.

use std::fmt::Write as _;

/// A datagram as it stands in hex text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `NETLINK_ROUTE` …
    pub protocol: String,
    /// Whether a program sent it.
    pub sent: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Line {
    /// The line, without its end.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {} {}", self.protocol, if self.sent { '>' } else { '<' }, hex(&self.bytes))
    }
}

/// The datagrams of a text. Lines that begin with a blank go on from the line before.
///
/// # Panics
/// If the text is not of this form.
#[must_use]
pub fn parse(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim_end();
        if line.is_empty() || line.starts_with('%') {
            continue;
        }
        if line.starts_with(' ') {
            lines.last_mut().expect("a line to go on from").bytes.extend(unhex(line));
            continue;
        }
        let (protocol, rest) = line.split_once(' ').expect("PROTOCOL > HEX");
        let (direction, digits) = rest.split_at(1);
        assert!(matches!(direction, ">" | "<"), "{line}");
        lines.push(Line {
            protocol: protocol.to_owned(),
            sent: direction == ">",
            bytes: unhex(digits),
        });
    }
    lines
}

/// Bytes as hex digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes all");
    }
    text
}

/// The bytes that hex digits say; spaces between them do not count.
///
/// # Panics
/// If something else stands there.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).unwrap_or_else(|| panic!("not a hex digit: {c}")) as u8)
        .collect();
    assert!(digits.len().is_multiple_of(2), "half a byte: {text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
