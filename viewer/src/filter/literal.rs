//! What fields and attributes are compared with.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::decode::{Enum, Value};

/// The right-hand side of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    Number(i128),
    /// From the first to the last, both included.
    Range(i128, i128),
    /// The C name of a number or of bits.
    Name(String),
    Text(Vec<u8>),
    /// An address and how many of its bits count.
    Network(IpAddr, u8),
    /// Bytes, as a link-layer address is written.
    Bytes(Vec<u8>),
}

/// Units of times in nanoseconds, and of lengths in bytes.
const UNITS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

impl Operand {
    /// What a word stands for; an error says what is wrong with one that begins like a number.
    pub(super) fn of_word(word: &str) -> Result<Self, &'static str> {
        if let Some(found) = network(word)? {
            return Ok(found);
        }
        if let Some(bytes) = bytes(word) {
            return Ok(Self::Bytes(bytes));
        }
        let unsigned = word.strip_prefix('-').unwrap_or(word);
        if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Self::Name(word.to_owned()));
        }
        let number = number(unsigned).ok_or("this is no number")?;
        Ok(Self::Number(if unsigned.len() == word.len() {
            number
        } else {
            number.saturating_neg()
        }))
    }

    /// Whether a decoded value is this, and otherwise which is greater, if that can be said.
    pub(super) fn order(&self, value: &Value<'_>) -> Option<Ordering> {
        match self {
            Self::Number(wanted) => value.number().map(|number| number.cmp(wanted)),
            Self::Range(first, last) => value.number().map(|number| within(number, *first, *last)),
            Self::Name(wanted) => of_name(value, wanted),
            Self::Text(wanted) => text_of(value).map(|text| text.cmp(wanted.as_slice())),
            Self::Network(address, bits) => {
                let own = match value {
                    Value::Ipv4(octets) => IpAddr::V4(Ipv4Addr::from(*octets)),
                    Value::Ipv6(octets) => IpAddr::V6(Ipv6Addr::from(*octets)),
                    _ => return None,
                };
                Some(compare_networks(own, *address, *bits))
            }
            Self::Bytes(wanted) => match value {
                Value::Mac { bytes, .. } | Value::Bytes { bytes, .. } => {
                    Some((*bytes).cmp(wanted.as_slice()))
                }
                _ => None,
            },
        }
    }

    /// Whether any of the bits that this stands for is set.
    pub(super) fn is_in(&self, value: &Value<'_>) -> bool {
        let bits = match (self, value) {
            (Self::Number(bits), _) => Some(*bits),
            (Self::Name(name), Value::Flags { set, more, .. }) => {
                let find = |set: &Enum| set.number_of(name).map(i128::from);
                find(set).or_else(|| more.and_then(find))
            }
            _ => None,
        };
        bits.zip(value.number()).is_some_and(|(bits, number)| bits & number != 0)
    }
}

fn within(number: i128, first: i128, last: i128) -> Ordering {
    if number < first {
        Ordering::Less
    } else if number > last {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

/// Names are equal or not; which is greater only the numbers behind them could say.
fn of_name(value: &Value<'_>, wanted: &str) -> Option<Ordering> {
    let is_it = match *value {
        Value::Enum { name, .. } => name? == wanted,
        Value::Split { high, low, .. } => {
            low.name.is_some_and(|name| name == wanted)
                || high.name.is_some_and(|name| name == wanted)
        }
        Value::Errno { name, v } => name.map_or(v == 0 && wanted == "0", |name| name == wanted),
        Value::Interface { name, .. } => name? == wanted,
        Value::Flags { v, set, more, .. } => {
            let find = |set: &Enum| set.number_of(wanted);
            v == find(set).or_else(|| more.and_then(find))?
        }
        Value::Text { bytes, kind } => Value::text(bytes, kind) == wanted.as_bytes(),
        _ => return None,
    };
    // Unequal either way round; it is not asked which.
    Some(if is_it { Ordering::Equal } else { Ordering::Less })
}

/// The text that a value is, or is called by.
pub(super) fn text_of<'v>(value: &Value<'v>) -> Option<&'v [u8]> {
    match *value {
        Value::Text { bytes, kind } => Some(Value::text(bytes, kind)),
        Value::Enum { name, .. } | Value::Errno { name, .. } | Value::Interface { name, .. } => {
            name.map(str::as_bytes)
        }
        Value::Split { low, .. } => low.name.map(str::as_bytes),
        _ => None,
    }
}

/// By the bits that count.
fn compare_networks(own: IpAddr, wanted: IpAddr, bits: u8) -> Ordering {
    let cut = |address: u128, width: u32| {
        let unused = width.saturating_sub(u32::from(bits));
        address.checked_shr(unused).unwrap_or(0)
    };
    match (own, wanted) {
        (IpAddr::V4(own), IpAddr::V4(wanted)) => {
            cut(u128::from(own.to_bits()), 32).cmp(&cut(u128::from(wanted.to_bits()), 32))
        }
        (IpAddr::V6(own), IpAddr::V6(wanted)) => {
            cut(own.to_bits(), 128).cmp(&cut(wanted.to_bits(), 128))
        }
        (IpAddr::V4(_), IpAddr::V6(_)) => Ordering::Less,
        (IpAddr::V6(_), IpAddr::V4(_)) => Ordering::Greater,
    }
}

/// An IP address, perhaps with the length of a prefix.
fn network(word: &str) -> Result<Option<Operand>, &'static str> {
    let (address, prefix) = match word.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (word, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else { return Ok(None) };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match prefix {
        Some(prefix) => prefix.parse().ok().filter(|bits| *bits <= most),
        None => Some(most),
    };
    let bits = bits.ok_or("the prefix is longer than the address")?;
    Ok(Some(Operand::Network(address, bits)))
}

/// `02:00:5e:10:00:01`: two digits each, at least two of them.
fn bytes(word: &str) -> Option<Vec<u8>> {
    let digits =
        |part: &str| (part.len() == 2).then(|| u8::from_str_radix(part, 16).ok()).flatten();
    let bytes: Option<Vec<u8>> = word.split(':').map(digits).collect();
    bytes.filter(|bytes| bytes.len() > 1)
}

/// A number, perhaps with a unit.
fn number(word: &str) -> Option<i128> {
    if let Some(digits) = word.strip_prefix("0x") {
        return i128::from_str_radix(digits, 16).ok();
    }
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    let (digits, unit) = word.split_at_checked(end)?;
    let factor = match unit {
        "" => 1,
        unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut sum = whole.parse::<i128>().ok()?.checked_mul(factor)?;
    let mut part = factor;
    if fraction.is_empty() && digits.contains('.') {
        return None;
    }
    for digit in fraction.chars() {
        // Less than one of the unit's parts is nothing.
        part /= 10;
        sum = sum.checked_add(part.checked_mul(i128::from(digit.to_digit(10)?))?)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        for (word, expected) in [
            ("0", 0),
            ("42", 42),
            ("0xff", 255),
            ("1ms", 1_000_000),
            ("1.5us", 1_500),
            ("2µs", 2_000),
            ("2s", 2_000_000_000),
            ("10KB", 10_000),
            ("4KiB", 4096),
        ] {
            assert_eq!(number(word), Some(expected), "{word}");
        }
        for word in ["1x", "1.ms", "0xg", "1.2.3", ""] {
            assert_eq!(number(word), None, "{word}");
        }
    }

    #[test]
    fn words_are_told_apart() {
        let of = |word| Operand::of_word(word);
        assert_eq!(of("-5"), Ok(Operand::Number(-5)));
        assert_eq!(of("RTM_GETLINK"), Ok(Operand::Name("RTM_GETLINK".into())));
        assert_eq!(of("rt-link"), Ok(Operand::Name("rt-link".into())));
        assert_eq!(of("ab:cd"), Ok(Operand::Bytes(vec![0xab, 0xcd])));
        assert_eq!(of("10.0.0.0/8"), Ok(Operand::Network("10.0.0.0".parse().unwrap(), 8)));
        assert_eq!(of("fe80::1"), Ok(Operand::Network("fe80::1".parse().unwrap(), 128)));
        assert!(of("10.0.0.0/33").is_err());
        assert!(of("12abc").is_err());
    }

    #[test]
    fn prefixes_compare_by_their_bits() {
        let is_in = |own: &str, net: &str, bits| {
            compare_networks(own.parse().unwrap(), net.parse().unwrap(), bits).is_eq()
        };
        assert!(is_in("10.1.2.3", "10.0.0.0", 8));
        assert!(!is_in("11.1.2.3", "10.0.0.0", 8));
        assert!(is_in("1.2.3.4", "9.9.9.9", 0));
        assert!(is_in("fe80::1", "fe80::", 10));
        assert!(!is_in("fe80::1", "10.0.0.0", 0));
    }
}
