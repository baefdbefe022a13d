//! Opening what `--read` names, and seeing by its first bytes what it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use nlproto::MAGIC;

use super::Error;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A stream of frames.
    Capture,
    /// Datagrams as text; see [`super::hextext`].
    HexText,
}

/// An open file.
pub struct Input {
    /// What messages call it.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// All of its bytes.
    pub reader: Box<dyn Read>,
}

/// Opens a file; `-` is stdin.
///
/// # Errors
/// It cannot be read, or is of no known kind.
pub fn open(path: &Path) -> Result<Input, Error> {
    let (name, mut reader): (String, Box<dyn Read>) = if path == Path::new("-") {
        ("stdin".into(), Box::new(io::stdin().lock()))
    } else {
        let file = File::open(path).map_err(Error::file("read", path))?;
        (path.display().to_string(), Box::new(file))
    };
    let mut head = Vec::new();
    reader
        .by_ref()
        .take(MAGIC.len() as u64)
        .read_to_end(&mut head)
        .map_err(Error::file("read", path))?;
    let kind = kind_of(&head).map_err(|found| Error::UnknownKind { file: name.clone(), found })?;
    Ok(Input { name, kind, reader: Box::new(io::Cursor::new(head).chain(reader)) })
}

/// The kind of a file that begins so, or what it seems to be instead.
fn kind_of(head: &[u8]) -> Result<Kind, &'static str> {
    const OTHERS: &[(&[u8], &str)] = &[
        (b"\x0a\x0d\x0d\x0a", "a pcapng file"),
        (b"\xd4\xc3\xb2\xa1", "a pcap file"),
        (b"\xa1\xb2\xc3\xd4", "a pcap file"),
        (b"\x4d\x3c\xb2\xa1", "a pcap file"),
        (b"\x1f\x8b", "compressed by gzip; unpack it first"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it first"),
        (b"\x89NLCAP", "a capture whose line ends were changed by a transfer as text"),
        (b"\x09NLCAP", "a capture whose high bits were lost by a transfer as text"),
    ];
    // Less than the magic may be all that reached the disk.
    if !head.is_empty() && (head.starts_with(&MAGIC) || MAGIC.starts_with(head)) {
        return Ok(Kind::Capture);
    }
    if let Some((_, found)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(found);
    }
    let is_text = |b: &u8| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
    // The last character may be cut.
    let is_utf8 = std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true);
    if is_utf8 && head.iter().all(is_text) { Ok(Kind::HexText) } else { Err("it is binary") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_seen_by_content() {
        assert_eq!(kind_of(&MAGIC), Ok(Kind::Capture));
        assert_eq!(kind_of(&MAGIC[..3]), Ok(Kind::Capture));
        assert_eq!(kind_of(b""), Ok(Kind::HexText));
        assert_eq!(kind_of(b"ROUTE > "), Ok(Kind::HexText));
        assert_eq!(kind_of("# größe".as_bytes()), Ok(Kind::HexText));
        assert_eq!(kind_of(&"# größe".as_bytes()[..6]), Ok(Kind::HexText));
        assert_eq!(kind_of(b"\x7fELF\x02\x01\x01\x00"), Err("it is binary"));
        assert_eq!(kind_of(b"\x0a\x0d\x0d\x0a\x01\x02\x03\x04"), Err("a pcapng file"));
        assert!(kind_of(b"\x89NLCAP\n\x01").is_err());
    }

    #[test]
    fn nothing_is_lost_by_looking() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "ROUTE > 0102\n").unwrap();
        let mut input = open(&path).unwrap();
        let mut all = String::new();
        input.reader.read_to_string(&mut all).unwrap();
        assert_eq!(all, "ROUTE > 0102\n");
    }
}
