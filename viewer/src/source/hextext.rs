//! Datagrams as text, one a line, for fixtures and for bytes that come from elsewhere:
//!
//! ```text
//! # PROTOCOL DIRECTION HEX
//! NETLINK_ROUTE > 14000000 12000103 01000000 00000000 00000000
//! ROUTE <                                 # > to the kernel, < from it; this one is empty
//! 16 > 14 00 00 00 10 00 05 00 01 00 00 00
//!      00 00 00 00                        # goes on where the line begins with a blank
//! %ifname 7 eth0                          # names for what follows
//! %genl 21 nl80211                        # the rest of the line: names may have blanks
//! %reset                                  # forgets all names, and what was asked
//! ```
//!
//! It is read a line at a time, so its length is of no matter.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// Most bytes a line may have; a datagram can go on in the next one.
const MAX_LINE_LEN: usize = 16 << 20;
/// Most bytes a datagram may have.
const MAX_DATAGRAM_LEN: usize = 64 << 20;

/// What the text says next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A datagram.
    Datagram {
        /// The netlink protocol.
        protocol: u32,
        /// Whether it went to the kernel.
        is_sent: bool,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// `%ifname`: the interface with this index has this name.
    Interface(u32, &'a str),
    /// `%genl`: the generic family with this message type has this name.
    GenericFamily(u16, &'a str),
    /// `%reset`: names and requests are forgotten.
    Reset,
}

/// What is wrong with the text, and where. Displays as `LINE:COLUMN: reason`.
#[derive(Debug)]
pub struct Mistake {
    /// Counts from 1.
    pub line: u64,
    /// Counts from 1, in bytes.
    pub column: usize,
    /// What is wrong.
    pub what: What,
}

/// What can be wrong.
#[derive(Debug)]
pub enum What {
    /// No protocol has this name.
    Protocol(String),
    /// Neither `>` nor `<`.
    Direction,
    /// Neither a hex digit nor a blank.
    Digit(u8),
    /// A byte of only one digit.
    HalfByte,
    /// A line that goes on from nothing.
    NoDatagram,
    /// No such directive, or not so.
    Directive(&'static str),
    /// A line or a datagram is too long.
    TooLong(usize),
    /// The text cannot be read on.
    Io(io::Error),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        match &self.what {
            What::Protocol(name) => {
                write!(
                    f,
                    "unknown protocol {name}: expected a name like NETLINK_ROUTE, or a number"
                )
            }
            What::Direction => {
                write!(
                    f,
                    "no direction: expected > (to the kernel) or < (from it) after the protocol"
                )
            }
            What::Digit(b) => write!(f, "'{}' is no hex digit", b.escape_ascii()),
            What::HalfByte => write!(f, "a byte with only one hex digit"),
            What::NoDatagram => {
                write!(f, "a line that goes on, but there is no datagram before it")
            }
            What::Directive(usage) => write!(f, "expected {usage}"),
            What::TooLong(most) => write!(f, "longer than {most} bytes"),
            What::Io(e) => write!(f, "cannot read on: {}", crate::error::reason(e)),
        }
    }
}

/// Reads such text. `P` turns a protocol's name, with or without `NETLINK_`, into its number.
pub struct HexText<R, P> {
    reader: BufReader<R>,
    protocol: P,
    line: Vec<u8>,
    number: u64,
    /// The line has been read but not used.
    kept: bool,
    bytes: Vec<u8>,
    /// The last protocol's name and number: most often the next one's too.
    last: (Vec<u8>, u32),
}

impl<R: Read, P: Fn(&str) -> Option<u32>> HexText<R, P> {
    /// Reads from the beginning.
    pub fn new(reader: BufReader<R>, protocol: P) -> Self {
        Self {
            reader,
            protocol,
            line: Vec::new(),
            number: 0,
            kept: false,
            bytes: Vec::new(),
            last: (Vec::new(), 0),
        }
    }

    /// What comes next; None at the end.
    ///
    /// # Errors
    /// The text has a mistake. Reading does not go on behind it.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, Mistake> {
        loop {
            if !self.kept && !self.read_line()? {
                return Ok(None);
            }
            self.kept = false;
            if is_blank(&self.line) {
                continue;
            }
            return match self.line.first() {
                Some(b'%') => self.directive().map(Some),
                Some(b' ' | b'\t') => Err(self.mistake(0, What::NoDatagram)),
                _ => self.datagram().map(Some),
            };
        }
    }

    /// Whether the next item may have to be waited for.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        self.reader.buffer().is_empty()
    }

    fn datagram(&mut self) -> Result<Item<'_>, Mistake> {
        let (at, name) = word(&self.line, 0);
        let Some(protocol) = self.protocol_number(name) else {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(self.mistake(at, What::Protocol(name)));
        };
        if self.last.0 != name {
            self.last = (name.to_vec(), protocol);
        }
        let (at, sign) = word(&self.line, at.saturating_add(name.len()));
        let is_sent = match sign.first() {
            Some(b'>') => true,
            Some(b'<') => false,
            _ => return Err(self.mistake(at, What::Direction)),
        };
        self.bytes.clear();
        self.take_hex(at.saturating_add(1))?;
        while self.read_line()? {
            if is_blank(&self.line) {
                continue;
            }
            if !matches!(self.line.first(), Some(b' ' | b'\t')) {
                self.kept = true;
                break;
            }
            self.take_hex(0)?;
        }
        Ok(Item::Datagram { protocol, is_sent, bytes: &self.bytes })
    }

    /// A protocol by number or name.
    fn protocol_number(&self, name: &[u8]) -> Option<u32> {
        if self.last.0 == name {
            return Some(self.last.1);
        }
        let name = std::str::from_utf8(name).ok()?;
        number(name).or_else(|| (self.protocol)(name))
    }

    /// Appends the bytes that the line spells from `at` on.
    fn take_hex(&mut self, at: usize) -> Result<(), Mistake> {
        let mut high: Option<(usize, u8)> = None;
        for (column, byte) in self.line.iter().enumerate().skip(at) {
            let digit = match byte {
                b'0'..=b'9' => byte.wrapping_sub(b'0'),
                b'a'..=b'f' => byte.wrapping_sub(b'a' - 10),
                b'A'..=b'F' => byte.wrapping_sub(b'A' - 10),
                b' ' | b'\t' | b'\r' if high.is_none() => continue,
                b' ' | b'\t' | b'\r' => break,
                _ => return Err(self.mistake(column, What::Digit(*byte))),
            };
            high = match high {
                None => Some((column, digit)),
                Some((_, high)) => {
                    self.bytes.push(high << 4 | digit);
                    None
                }
            };
        }
        match high {
            Some((column, _)) => Err(self.mistake(column, What::HalfByte)),
            None if self.bytes.len() > MAX_DATAGRAM_LEN => {
                Err(self.mistake(0, What::TooLong(MAX_DATAGRAM_LEN)))
            }
            None => Ok(()),
        }
    }

    fn directive(&self) -> Result<Item<'_>, Mistake> {
        let wrong = |usage| self.mistake(0, What::Directive(usage));
        let mut words = self.line.split(|b| b.is_ascii_whitespace()).filter(|w| !w.is_empty());
        let mut next = || words.next().and_then(|word| std::str::from_utf8(word).ok());
        let item = match next().unwrap_or_default() {
            "%ifname" => {
                let usage = "%ifname INDEX NAME";
                let index = next().and_then(number).ok_or_else(|| wrong(usage))?;
                Item::Interface(index, next().ok_or_else(|| wrong(usage))?)
            }
            "%genl" => {
                let usage = "%genl ID NAME, with an ID below 65536";
                let id = next().and_then(number).and_then(|id| u16::try_from(id).ok());
                let id = id.ok_or_else(|| wrong(usage))?;
                // Some families have blanks in their names.
                let name = after_words(&self.line, 2).ok_or_else(|| wrong(usage))?;
                return Ok(Item::GenericFamily(id, name));
            }
            "%reset" => Item::Reset,
            _ => return Err(wrong("%ifname, %genl or %reset")),
        };
        match words.next() {
            None => Ok(item),
            Some(_) => Err(wrong("nothing more on this line")),
        }
    }

    /// Reads a line, without its end and its comment; false at the end of the text.
    fn read_line(&mut self) -> Result<bool, Mistake> {
        self.line.clear();
        self.number = self.number.saturating_add(1);
        let mut any = false;
        loop {
            let portion = match self.reader.fill_buf() {
                Ok(portion) => portion,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.mistake(0, What::Io(e))),
            };
            if portion.is_empty() {
                break;
            }
            any = true;
            let end = portion.iter().position(|b| *b == b'\n');
            self.line
                .extend_from_slice(portion.get(..end.unwrap_or(portion.len())).unwrap_or(portion));
            let used = end.map_or(portion.len(), |end| end.saturating_add(1));
            self.reader.consume(used);
            if self.line.len() > MAX_LINE_LEN {
                return Err(self.mistake(0, What::TooLong(MAX_LINE_LEN)));
            }
            if end.is_some() {
                break;
            }
        }
        if let Some(comment) = self.line.iter().position(|b| *b == b'#') {
            self.line.truncate(comment);
        }
        Ok(any)
    }

    fn mistake(&self, at: usize, what: What) -> Mistake {
        Mistake { line: self.number, column: at.saturating_add(1), what }
    }
}

/// The next word from `at` on, and where it begins.
fn word(line: &[u8], at: usize) -> (usize, &[u8]) {
    let rest = line.get(at..).unwrap_or_default();
    let blanks = rest.len().saturating_sub(rest.trim_ascii_start().len());
    let rest = rest.get(blanks..).unwrap_or_default();
    let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
    (at.saturating_add(blanks), rest.get(..end).unwrap_or(rest))
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// What follows so many words of a line, if that is anything.
fn after_words(line: &[u8], count: usize) -> Option<&str> {
    let mut rest = line.trim_ascii();
    for _ in 0..count {
        let end = rest.iter().position(u8::is_ascii_whitespace)?;
        rest = rest.get(end..)?.trim_ascii_start();
    }
    std::str::from_utf8(rest).ok().filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(name: &str) -> Option<u32> {
        match name {
            "NETLINK_ROUTE" | "ROUTE" => Some(0),
            "GENERIC" => Some(16),
            _ => None,
        }
    }

    /// All items as text, and the mistake at which reading ended.
    fn read(text: &str) -> (Vec<String>, Option<String>) {
        // A tiny buffer, so that lines are cut everywhere.
        let reader = BufReader::with_capacity(3, text.as_bytes());
        let mut text = HexText::new(reader, protocol);
        let mut items = Vec::new();
        loop {
            match text.next_item() {
                Ok(Some(Item::Datagram { protocol, is_sent, bytes })) => {
                    let sign = if is_sent { '>' } else { '<' };
                    items.push(format!("{protocol}{sign}{bytes:?}"));
                }
                Ok(Some(item)) => items.push(format!("{item:?}")),
                Ok(None) => return (items, None),
                Err(mistake) => return (items, Some(mistake.to_string())),
            }
        }
    }

    fn good(text: &str) -> Vec<String> {
        let (items, mistake) = read(text);
        assert_eq!(mistake, None);
        items
    }

    fn bad(text: &str) -> String {
        read(text).1.unwrap()
    }

    #[test]
    fn a_line_is_a_datagram() {
        assert_eq!(good("NETLINK_ROUTE > 0a0B\n"), ["0>[10, 11]"]);
        assert_eq!(good("ROUTE < 0a 0B"), ["0<[10, 11]"]);
        assert_eq!(good("GENERIC <0a\r\n"), ["16<[10]"]);
        assert_eq!(good("12 >\n0x10 <\n"), ["12>[]", "16<[]"]);
    }

    #[test]
    fn lines_go_on_after_white_space() {
        assert_eq!(good("0 > 01\n  02\n\n\t03 # c\n# d\n 04\n0 < 05"), ["0>[1, 2, 3, 4]", "0<[5]"]);
    }

    #[test]
    fn comments_and_blank_lines_are_nothing() {
        assert_eq!(good("# a\n\n   # b\n0 > # c\n"), ["0>[]"]);
        assert_eq!(good(""), Vec::<String>::new());
    }

    #[test]
    fn directives() {
        assert_eq!(
            good("%ifname 7 eth0 # x\n%genl 21 nl80211\n%reset\n"),
            ["Interface(7, \"eth0\")", "GenericFamily(21, \"nl80211\")", "Reset"]
        );
        assert_eq!(good("%genl 31 802.15.4 MAC  # x\n"), ["GenericFamily(31, \"802.15.4 MAC\")"]);
        assert_eq!(bad("%genl 31"), "1:1: expected %genl ID NAME, with an ID below 65536");
        assert_eq!(bad("%ifname x eth0"), "1:1: expected %ifname INDEX NAME");
        assert_eq!(bad("%ifname 7"), "1:1: expected %ifname INDEX NAME");
        assert_eq!(bad("%genl 65536 x"), "1:1: expected %genl ID NAME, with an ID below 65536");
        assert_eq!(bad("%reset all"), "1:1: expected nothing more on this line");
        assert_eq!(bad("%nonsense"), "1:1: expected %ifname, %genl or %reset");
    }

    #[test]
    fn mistakes_say_where() {
        assert_eq!(
            bad("# x\nNOPE > 00"),
            "2:1: unknown protocol NOPE: expected a name like NETLINK_ROUTE, or a number"
        );
        assert_eq!(bad("ROUTE > 0g"), "1:10: 'g' is no hex digit");
        assert_eq!(bad("ROUTE > 000"), "1:11: a byte with only one hex digit");
        assert_eq!(bad("ROUTE > 0 00"), "1:9: a byte with only one hex digit");
        assert_eq!(bad("ROUTE > 00\n 0\n"), "2:2: a byte with only one hex digit");
        assert_eq!(
            bad("ROUTE 00"),
            "1:7: no direction: expected > (to the kernel) or < (from it) after the protocol"
        );
        assert_eq!(bad("  00"), "1:1: a line that goes on, but there is no datagram before it");
    }

    #[test]
    fn what_stands_before_a_mistake_is_read() {
        let (items, mistake) = read("0 > 01\n0 > 02\n0 > zz\n0 > 03\n");
        assert_eq!(items, ["0>[1]", "0>[2]"]);
        assert_eq!(mistake.unwrap(), "3:5: 'z' is no hex digit");
    }
}
