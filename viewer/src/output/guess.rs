//! What bytes might be of which nothing is known: a small number, or obvious text. A reader is told
//! beside the bytes, never instead of them.

/// Numbers of four and eight bytes beyond this are more likely something else.
const SMALL: u64 = 1 << 20;
/// So many characters are text even without a NUL after them.
const UNENDED: usize = 5;

/// A guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess<'a> {
    Number(u64),
    Text(&'a [u8]),
}

/// Guesses, if there is something to guess.
pub(super) fn guess(bytes: &[u8]) -> Option<Guess<'_>> {
    let number = match *bytes {
        [b] => Some(u64::from(b)),
        [a, b] => Some(u64::from(u16::from_ne_bytes([a, b]))),
        [a, b, c, d] => Some(u64::from(u32::from_ne_bytes([a, b, c, d]))),
        [a, b, c, d, e, f, g, h] => Some(u64::from_ne_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    };
    number.filter(|number| *number < SMALL).map(Guess::Number).or_else(|| text(bytes))
}

fn text(bytes: &[u8]) -> Option<Guess<'_>> {
    let end = bytes.iter().position(|b| *b == 0);
    let (text, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len()))?;
    let least = if end.is_some() { 2 } else { UNENDED };
    let is_text = text.len() >= least
        && rest.iter().all(|b| *b == 0)
        && text.iter().any(u8::is_ascii_alphanumeric)
        && str::from_utf8(text).is_ok_and(|text| !text.contains(char::is_control));
    is_text.then_some(Guess::Text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(guess(&[7]), Some(Guess::Number(7)));
        assert_eq!(guess(&300u16.to_ne_bytes()), Some(Guess::Number(300)));
        assert_eq!(guess(&1500u32.to_ne_bytes()), Some(Guess::Number(1500)));
        assert_eq!(guess(&0u64.to_ne_bytes()), Some(Guess::Number(0)));
        assert_eq!(guess(&[1, 2, 3]), None);
        assert_eq!(guess(&[192, 168, 0, 200]), None);
        assert_eq!(guess(&[]), None);
    }

    #[test]
    fn texts() {
        assert_eq!(guess(b"lo\0"), Some(Guess::Text(b"lo")));
        assert_eq!(guess(b"eth0\0\0\0\0"), Some(Guess::Text(b"eth0")));
        assert_eq!(guess(b"wlan0"), Some(Guess::Text(b"wlan0")));
        assert_eq!(guess("gr\u{fc}n\0".as_bytes()), Some(Guess::Text("gr\u{fc}n".as_bytes())));
        assert_eq!(guess(b"abcd"), None, "an address, perhaps");
        assert_eq!(guess(b"lo\0x"), None);
        assert_eq!(guess(b"\x1b[2J\0"), None);
        assert_eq!(guess(b"....\0"), None);
    }
}
