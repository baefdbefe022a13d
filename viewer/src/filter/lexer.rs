//! Words, strings and signs of an expression.

use std::ops::Range;

use super::error::Error;

/// What a piece of an expression is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a number, an address: what letters, digits and a few signs make.
    Word(String),
    /// A text in quotes.
    Text(Vec<u8>),
    /// `==`, `&&`, `(` …
    Sign(&'static str),
    /// The end.
    End,
}

/// A token and its place in the text, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) token: Token,
    pub(super) place: Range<usize>,
}

/// Longer ones first.
const SIGNS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "=~", "!~", "..", "<", ">", "=", "!", "&", "(", ")", "{",
    "}", ",",
];

/// Parts an expression into pieces; the last one is the end.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Error> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_whitespace() {
            at = at.saturating_add(first.len_utf8());
            continue;
        }
        let (token, len) = if first == '"' || first == '\'' {
            quoted(text, at, rest, first)?
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            let len = word_len(rest);
            if len == 0 {
                let place = at..at.saturating_add(first.len_utf8());
                return Err(Error::new(text, place, format!("{first:?} means nothing here")));
            }
            (Token::Word(rest.get(..len).unwrap_or_default().to_owned()), len)
        };
        let end = at.saturating_add(len);
        all.push(Piece { token, place: at..end });
        at = end;
    }
    all.push(Piece { token: Token::End, place: at..at });
    Ok(all)
}

/// Names have `_`, `.` and `-`, addresses `.`, `:` and `/`, units `µ`. Two dots are a range's.
fn word_len(rest: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || "_.:/-µ".contains(c);
    let len = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
    rest.find("..").map_or(len, |range| range.min(len))
}

/// A text in quotes at the front of `rest`, and its length with them. Within `'` everything stands for
/// itself; within `"` there are C's escapes, and what is none is left as it is, for a regular expression.
fn quoted(text: &str, at: usize, rest: &str, quote: char) -> Result<(Token, usize), Error> {
    let wrong = |from: usize, message: &str| {
        let place = at.saturating_add(from)..text.len();
        Error::new(text, place, message)
    };
    let mut bytes = Vec::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((i, letter)) = letters.next() {
        if letter == quote {
            return Ok((Token::Text(bytes), i.saturating_add(letter.len_utf8())));
        }
        if letter != '\\' || quote == '\'' {
            push(&mut bytes, letter);
            continue;
        }
        match letters.next().map(|(_, escaped)| escaped) {
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('0') => bytes.push(0),
            Some('x') => {
                let digits: String = letters.by_ref().take(2).map(|(_, c)| c).collect();
                let byte = u8::from_str_radix(&digits, 16);
                bytes.push(byte.map_err(|_| wrong(i, "\\x takes two hexadecimal digits"))?);
            }
            Some(escaped @ ('"' | '\\')) => push(&mut bytes, escaped),
            Some(other) => {
                bytes.push(b'\\');
                push(&mut bytes, other);
            }
            None => break,
        }
    }
    Err(wrong(0, "this text has no end: a quote is missing"))
}

fn push(bytes: &mut Vec<u8>, letter: char) {
    let mut room = [0; 4];
    bytes.extend_from_slice(letter.encode_utf8(&mut room).as_bytes());
}
