//! Colour by role, with the sixteen colours that every terminal has and its user has chosen.

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The name of the program that speaks.
    Program,
    /// Bytes to the kernel.
    Send,
    /// Bytes from the kernel.
    Receive,
    /// What the message is.
    Kind,
    /// The name of an attribute, struct or member.
    Name,
    /// A string.
    Text,
    /// A named number.
    Constant,
    /// A network interface's name.
    Interface,
    /// An error.
    Error,
    /// Something odd.
    Warning,
    /// It went well.
    Success,
    /// Punctuation, units, and what is rarely looked at.
    Dim,
}

impl Role {
    const fn escape(self) -> &'static [u8] {
        match self {
            Self::Program => b"\x1b[1m",
            Self::Send => b"\x1b[1;34m",
            Self::Receive => b"\x1b[1;35m",
            Self::Kind => b"\x1b[1m",
            Self::Name => b"\x1b[36m",
            Self::Text => b"\x1b[32m",
            Self::Constant => b"\x1b[33m",
            Self::Interface => b"\x1b[35m",
            Self::Error => b"\x1b[1;31m",
            Self::Warning => b"\x1b[1;33m",
            Self::Success => b"\x1b[32m",
            Self::Dim => b"\x1b[2m",
        }
    }
}

/// Ends all colour.
pub const RESET: &[u8] = b"\x1b[0m";

/// Puts colours around text, or does not.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// One that paints if `on`.
    #[must_use]
    pub const fn new(on: bool) -> Self {
        Self { on }
    }

    /// Whether it paints.
    #[must_use]
    pub const fn on(self) -> bool {
        self.on
    }

    /// Appends `text` in the colour of `role`.
    #[inline]
    pub fn put(self, out: &mut Vec<u8>, role: Role, text: &[u8]) {
        if self.on { put(out, role, text) } else { out.extend_from_slice(text) }
    }

    /// Appends what `write` does, in the colour of `role`.
    #[inline]
    pub fn with<T>(
        self,
        out: &mut Vec<u8>,
        role: Role,
        write: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> T {
        if !self.on {
            return write(out);
        }
        out.extend_from_slice(role.escape());
        let result = write(out);
        out.extend_from_slice(RESET);
        result
    }
}

fn put(out: &mut Vec<u8>, role: Role, text: &[u8]) {
    out.extend_from_slice(role.escape());
    out.extend_from_slice(text);
    out.extend_from_slice(RESET);
}

/// How many columns text takes on a terminal: characters, not counting colours. Wide characters
/// count as one.
#[must_use]
pub fn columns(text: &[u8]) -> usize {
    // Colours are rare in what is measured; without them each character is a column.
    if !text.iter().fold(false, |escapes, byte| escapes | (*byte == 0x1b)) {
        return text.iter().fold(0, |columns, byte| columns + usize::from(starts_char(*byte)));
    }
    let mut columns = 0_usize;
    let mut escaped = false;
    for byte in text {
        match (escaped, byte) {
            (true, b'm') => escaped = false,
            (true, _) => {}
            (false, 0x1b) => escaped = true,
            (false, _) if starts_char(*byte) => columns = columns.saturating_add(1),
            (false, _) => {}
        }
    }
    columns
}

/// The length in bytes of so much of `text` as fits into `width` columns.
#[must_use]
pub fn fitting(text: &[u8], width: usize) -> usize {
    let mut columns = 0_usize;
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match (escaped, byte) {
            (true, b'm') => escaped = false,
            (true, _) => {}
            (false, 0x1b) => escaped = true,
            (false, _) if starts_char(*byte) => {
                if columns == width {
                    return at;
                }
                columns = columns.saturating_add(1);
            }
            (false, _) => {}
        }
    }
    text.len()
}

/// Whether a byte of UTF-8 is a character's first.
const fn starts_char(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_only_when_on() {
        let mut out = Vec::new();
        Paint::new(false).put(&mut out, Role::Error, b"E");
        assert_eq!(out, b"E");
        out.clear();
        Paint::new(true).put(&mut out, Role::Error, b"E");
        assert_eq!(out, b"\x1b[1;31mE\x1b[0m");
    }

    #[test]
    fn counts_what_is_seen() {
        assert_eq!(columns("a▶b".as_bytes()), 3);
        assert_eq!(columns(b"\x1b[1;31mE\x1b[0m!"), 2);
        assert_eq!(fitting("a▶b".as_bytes(), 2), 4);
        assert_eq!(fitting(b"\x1b[1mab\x1b[0m", 1), 5);
        assert_eq!(fitting(b"ab", 9), 2);
    }
}
