//! Text that consists of names and values.

use super::context::Decoder;
use super::{MAX_DEPTH, Slot, StructHead, StructStyle, TextKind, Value, Visitor};
use crate::spec::model::{Form, Keys, KeysId, PairStyle, Scalar};

/// What comes next in such a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    /// Text that is no pair.
    Words(&'a [u8]),
    /// A name and its value, and the quotes that were around that.
    Pair(&'a str, &'a [u8], Option<u8>),
}

impl<'a, V: Visitor> Decoder<'a, V> {
    pub(super) fn pairs(
        &mut self,
        slot: Slot<'_>,
        style: PairStyle,
        keys: Option<KeysId>,
        bytes: &[u8],
        depth: usize,
    ) {
        let keys = keys.and_then(|id| self.tables.keys(id));
        match style {
            PairStyle::Words => self.words(slot, keys, bytes, depth),
            PairStyle::Lines => {
                self.begin(slot, StructStyle::Lines);
                let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
                for line in text.split(|b| *b == 0) {
                    match named(line) {
                        Some((name, value)) => self.pair(keys, name, value, None, depth),
                        None => self.plain(line),
                    }
                }
                self.visitor.struct_end();
            }
        }
    }

    fn words(&mut self, slot: Slot<'_>, keys: Option<&'a Keys>, bytes: &[u8], depth: usize) {
        self.begin(slot, StructStyle::Pairs);
        for piece in Pieces::new(bytes) {
            match piece {
                Piece::Words(words) => self.plain(words),
                Piece::Pair(name, value, quote) => self.pair(keys, name, value, quote, depth),
            }
        }
        self.visitor.struct_end();
    }

    fn begin(&mut self, slot: Slot<'_>, style: StructStyle) {
        let head = StructHead { name: "", short: false, fixed_header: false, style };
        self.visitor.struct_begin(slot, &head);
    }

    fn plain(&mut self, bytes: &[u8]) {
        self.visitor.value(Slot::Plain, &Value::Text { bytes, kind: TextKind::Raw });
    }

    fn pair(
        &mut self,
        keys: Option<&'a Keys>,
        name: &str,
        value: &[u8],
        quote: Option<u8>,
        depth: usize,
    ) {
        let slot = Slot::Field(name);
        let text = |bytes| Value::Text { bytes, kind: TextKind::Raw };
        match keys.and_then(|keys| keys.form(name)) {
            Some(Form::Number(base, scalar)) if quote.is_none() => {
                if !self.written_number(slot, *base, scalar, value) {
                    self.visitor.value(slot, &text(value));
                }
            }
            Some(Form::Encoded) if quote.is_none() => match decoded(value) {
                Some(bytes) => self.visitor.value(slot, &text(&bytes)),
                None => self.visitor.value(slot, &text(value)),
            },
            Some(Form::Pairs) if depth < MAX_DEPTH => {
                self.words(slot, keys, value, depth.saturating_add(1));
            }
            _ => self.visitor.value(slot, &text(value)),
        }
    }

    /// A number that stands as text; false if it is none, or none of this width.
    fn written_number(
        &mut self,
        slot: Slot<'_>,
        base: u32,
        scalar: &'a Scalar,
        text: &[u8],
    ) -> bool {
        let digits = std::str::from_utf8(text).ok();
        let digits = digits.map(|t| if base == 16 { t.strip_prefix("0x").unwrap_or(t) } else { t });
        let Some(number) = digits.and_then(|t| i128::from_str_radix(t, base).ok()) else {
            return false;
        };
        let bits = u32::from(scalar.size).saturating_mul(8).clamp(8, 64);
        let all = (1_i128 << bits).wrapping_sub(1);
        let least = if scalar.signed { -(1_i128 << (bits - 1)) } else { 0 };
        if number < least || number > all {
            return false;
        }
        let number = u64::try_from(number & all).unwrap_or(0);
        let size = usize::from(scalar.size).clamp(1, 8);
        let bytes = number.to_le_bytes();
        let mut field = bytes;
        let field = field.get_mut(..size).unwrap_or(&mut []);
        let big = scalar.order == super::Order::Big || cfg!(target_endian = "big");
        if big {
            field.reverse();
        }
        self.number(slot, scalar, field);
        true
    }
}

/// Splits `NAME=VALUE`.
fn named(line: &[u8]) -> Option<(&str, &[u8])> {
    let at = line.iter().position(|b| *b == b'=')?;
    let (name, value) = line.split_at_checked(at)?;
    Some((name_of(name)?, value.get(1..)?))
}

/// Bytes as a name, if they are one: none that could be taken for something else, or move a
/// terminal.
fn name_of(bytes: &[u8]) -> Option<&str> {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"_-.:[]+/".contains(b);
    let name = std::str::from_utf8(bytes).ok()?;
    (!bytes.is_empty() && bytes.iter().all(fits)).then_some(name)
}

/// The bytes that hexadecimal digits stand for.
fn decoded(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return None;
    }
    let byte = |pair: &[u8; 2]| {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        u8::try_from((high? << 4) | low?).ok()
    };
    pairs.iter().map(byte).collect()
}

/// The pieces of a text whose words are set apart by blanks.
struct Pieces<'a> {
    text: &'a [u8],
    /// Quotes that are known not to end any more, so that nobody looks for it twice.
    endless: Vec<u8>,
}

const fn is_blank(byte: u8) -> bool {
    // The audit system's daemon sets apart what it adds by a group separator.
    matches!(byte, b' ' | b'\n' | b'\t' | 0 | 0x1d)
}

impl<'a> Pieces<'a> {
    const fn new(text: &'a [u8]) -> Self {
        Self { text, endless: Vec::new() }
    }

    /// A pair at the front, and what follows it.
    fn pair(&mut self, text: &'a [u8]) -> Option<(Piece<'a>, &'a [u8])> {
        let word_len = text.iter().position(|b| is_blank(*b)).unwrap_or(text.len());
        let (name, _) = named(text.get(..word_len)?)?;
        let value = text.get(name.len().checked_add(1)?..)?;
        if let Some((quote @ (b'"' | b'\''), quoted)) = value.split_first()
            && !self.endless.contains(quote)
        {
            let ends = |at: &usize| {
                quoted.get(*at) == Some(quote)
                    && (*quote == b'"'
                        || quoted.get(at.saturating_add(1)).is_none_or(|b| is_blank(*b)))
            };
            if let Some(end) = (0..quoted.len()).find(ends) {
                let rest = quoted.get(end.checked_add(1)?..)?;
                return Some((Piece::Pair(name, quoted.get(..end)?, Some(*quote)), rest));
            }
            self.endless.push(*quote);
        }
        let len = value.iter().position(|b| is_blank(*b)).unwrap_or(value.len());
        Some((Piece::Pair(name, value.get(..len)?, None), value.get(len..)?))
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let start = self.text.iter().position(|b| !is_blank(*b))?;
        let text = self.text.get(start..)?;
        if let Some((piece, rest)) = self.pair(text) {
            self.text = rest;
            return Some(piece);
        }
        // Words go together up to the next pair.
        let mut end = 0;
        loop {
            let rest = text.get(end..).unwrap_or(&[]);
            let len = rest.iter().position(|b| is_blank(*b)).unwrap_or(rest.len());
            let last = end.saturating_add(len);
            let more = text.get(last..).unwrap_or(&[]);
            let Some(gap) = more.iter().position(|b| !is_blank(*b)) else {
                self.text = &[];
                return Some(Piece::Words(text.get(..last)?));
            };
            end = last.saturating_add(gap);
            let next = text.get(end..)?;
            if self.pair(next).is_some() {
                self.text = next;
                return Some(Piece::Words(text.get(..last)?));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_pairs() {
        let text = b"audit(1.5:7): avc:  denied { read } for pid=12 comm=\"a b\" msg='op=x acct=\"r\"' e= k==v\n\0";
        let pieces: Vec<_> = Pieces::new(text).collect();
        assert_eq!(
            pieces,
            [
                Piece::Words(b"audit(1.5:7): avc:  denied { read } for"),
                Piece::Pair("pid", b"12", None),
                Piece::Pair("comm", b"a b", Some(b'"')),
                Piece::Pair("msg", b"op=x acct=\"r\"", Some(b'\'')),
                Piece::Pair("e", b"", None),
                Piece::Pair("k", b"=v", None),
            ]
        );
    }

    #[test]
    fn quotes_that_do_not_end_are_characters() {
        let pieces: Vec<_> = Pieces::new(b"a=\"x b='y").collect();
        assert_eq!(pieces, [Piece::Pair("a", b"\"x", None), Piece::Pair("b", b"'y", None)]);
        assert_eq!(
            Pieces::new(b"=x \x1b[2J=y").collect::<Vec<_>>(),
            [Piece::Words(b"=x \x1b[2J=y")]
        );
        assert_eq!(Pieces::new(b"  \0").next(), None);
    }

    #[test]
    fn hexadecimal_texts() {
        assert_eq!(decoded(b"2F62696E").as_deref(), Some(&b"/bin"[..]));
        assert_eq!(decoded(b"(null)"), None);
        assert_eq!(decoded(b"abc"), None);
        assert_eq!(decoded(b""), None);
    }
}
