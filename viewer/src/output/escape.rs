//! Strings from the wire, made safe: for a terminal, and for JSON.
//!
//! Bytes of a message reach the screen of whoever traces, often as root, so none of them may act
//! on the terminal: control characters (C0, DEL, C1), and the invisible ones that reorder or hide
//! text, are always escaped.

use super::text;

/// Appends text for a terminal, with `"` and `\` escaped so that it can stand in quotes. Shows
/// what fits into `limit` bytes and returns whether that was all.
pub fn terminal(out: &mut Vec<u8>, bytes: &[u8], limit: usize) -> bool {
    let shown = bytes.get(..limit).unwrap_or(bytes);
    if plain(shown) {
        out.extend_from_slice(shown);
        return shown.len() == bytes.len();
    }
    let mut used = 0_usize;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            used = used.saturating_add(c.len_utf8());
            if used > limit {
                return false;
            }
            terminal_char(out, c);
        }
        for byte in chunk.invalid() {
            used = used.saturating_add(1);
            if used > limit {
                return false;
            }
            out.extend_from_slice(b"\\x");
            text::hex_byte(out, *byte);
        }
    }
    true
}

/// Appends text for a terminal where no quotes stand around it, as a process's name.
pub fn terminal_bare(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '"' | '\\' => out.push(c as u8),
            _ => terminal_char(out, c),
        }
    }
}

fn terminal_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\x1f' | '\x7f' => {
            out.extend_from_slice(b"\\x");
            text::hex_byte(out, c as u8);
        }
        _ if acts(c) => {
            out.extend_from_slice(b"\\u{");
            text::hex_digits(out, u64::from(u32::from(c)), 0);
            out.push(b'}');
        }
        _ => push_char(out, c),
    }
}

/// Whether a character beyond ASCII acts on the text around it instead of being seen.
const fn acts(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'         // C1 controls
        | '\u{ad}'                  // soft hyphen
        | '\u{61c}'                 // Arabic letter mark
        | '\u{180e}'                // Mongolian vowel separator
        | '\u{200b}'..='\u{200f}'   // zero width space to right-to-left mark
        | '\u{2028}'..='\u{202e}'   // line and paragraph separators, embeddings, overrides
        | '\u{2060}'..='\u{206f}'   // word joiner to isolates and deprecated controls
        | '\u{feff}'                // byte order mark
        | '\u{fff9}'..='\u{fffb}'   // interlinear annotation
        | '\u{1d173}'..='\u{1d17a}' // invisible musical controls
        | '\u{e0000}'..='\u{e0fff}' // tags and variation selectors
    )
}

fn push_char(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Appends a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD; returns whether
/// there were none.
pub fn json(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    out.push(b'"');
    let whole = json_inner(out, bytes);
    out.push(b'"');
    whole
}

/// Appends what stands between the quotes of a JSON string, as [`json`] does.
pub fn json_inner(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    if plain(bytes) {
        out.extend_from_slice(bytes);
        return true;
    }
    let mut whole = true;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            json_char(out, c);
        }
        if !chunk.invalid().is_empty() {
            whole = false;
            push_char(out, char::REPLACEMENT_CHARACTER);
        }
    }
    whole
}

/// Whether all bytes are ASCII that neither a terminal nor JSON wants escaped.
///
/// Nearly all strings are so and every name and string passes here, so it looks at eight bytes at
/// once: in a word of which no byte has its high bit set, `word - 0x01…01` sets the high bit of the
/// bytes that were zero (and of some above a zero, which changes nothing about whether there is one).
fn plain(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(ONES.wrapping_mul(limit as u64))
    }
    const fn equal(word: u64, byte: u8) -> u64 {
        below(word ^ ONES.wrapping_mul(byte as u64), 1)
    }
    let odd = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        word | below(word, b' ') | equal(word, b'"') | equal(word, b'\\') | equal(word, 0x7f)
    };
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\'));
    };
    // The last word overlaps the one before rather than leave single bytes.
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().fold(odd(last), |found, word| found | odd(word)) & HIGH == 0
}

fn json_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        // JSON asks for C0 only; the others are escaped since people look at JSON in terminals.
        _ if c < ' ' || c == '\x7f' || acts(c) => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                text::hex_digits(out, u64::from(*unit), 4);
            }
        }
        _ => push_char(out, c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal_text(bytes: &[u8], limit: usize) -> (String, bool) {
        let mut out = Vec::new();
        let whole = terminal(&mut out, bytes, limit);
        (String::from_utf8_lossy(&out).into_owned(), whole)
    }

    #[test]
    fn one_odd_byte_anywhere_is_found() {
        for len in 0..20 {
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'x'; len];
                    if let Some(b) = bytes.get_mut(at) {
                        *b = byte;
                    }
                    let expected = matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
                    assert_eq!(plain(&bytes), expected, "{byte:#x} at {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn plain_text_passes() {
        assert_eq!(terminal_text(b"eth0", 99), ("eth0".into(), true));
        assert_eq!(terminal_text("zażółć".as_bytes(), 99), ("zażółć".into(), true));
    }

    #[test]
    fn nothing_drives_the_terminal() {
        assert_eq!(terminal_text(b"\x1b[2J\x07\0\n\"\\", 99).0, r#"\x1b[2J\x07\x00\n\"\\"#);
        let c1 = "\u{9b}31m";
        assert_eq!(terminal_text(c1.as_bytes(), 99).0, r"\u{9b}31m");
        assert_eq!(terminal_text(b"\x9b31m", 99).0, r"\x9b31m");
        for c in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            let shown = terminal_text(c.to_string().as_bytes(), 99).0;
            assert!(shown.is_ascii(), "{shown}");
        }
    }

    #[test]
    fn the_limit_counts_bytes_and_splits_no_character() {
        assert_eq!(terminal_text(b"abcdef", 3), ("abc".into(), false));
        assert_eq!(terminal_text("aé".as_bytes(), 2), ("a".into(), false));
        assert_eq!(terminal_text("aé".as_bytes(), 3), ("aé".into(), true));
        assert_eq!(terminal_text(b"\xff\xff", 1), (r"\xff".into(), false));
    }

    #[test]
    fn json_strings_read_back() -> Result<(), serde_json::Error> {
        for c in ('\0'..='\u{3000}').chain('\u{e0000}'..='\u{e0100}') {
            let text = format!("a{c}b");
            let mut out = Vec::new();
            assert!(json(&mut out, text.as_bytes()));
            assert_eq!(serde_json::from_slice::<String>(&out)?, text);
            assert!(!out.iter().any(u8::is_ascii_control));
        }
        Ok(())
    }

    #[test]
    fn json_says_what_it_could_not_keep() -> Result<(), serde_json::Error> {
        let mut out = Vec::new();
        assert!(!json(&mut out, b"a\xffb"));
        assert_eq!(serde_json::from_slice::<String>(&out)?, "a\u{fffd}b");
        Ok(())
    }
}
