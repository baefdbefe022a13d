//! What is wrong with an expression, and where.

use std::fmt;
use std::ops::Range;

/// A mistake, with the expression below and a mark under its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    text: String,
    place: Range<usize>,
    message: String,
}

impl Error {
    /// `place` is a range of bytes of `text`.
    pub(super) fn new(text: &str, place: Range<usize>, message: impl Into<String>) -> Self {
        Self { text: text.to_owned(), place, message: message.into() }
    }

    /// Column of the mistake, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.before().chars().count().saturating_add(1)
    }

    fn before(&self) -> &str {
        self.text.get(..self.place.start).unwrap_or(&self.text)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marked = self.text.get(self.place.clone()).unwrap_or_default().chars().count();
        // Line ends and tabs would put the mark elsewhere.
        let shown: String =
            self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let indent = self.before().chars().count();
        writeln!(f, "filter, column {}: {}", self.column(), self.message)?;
        writeln!(f, "  {shown}")?;
        write!(f, "  {}{}", " ".repeat(indent), "^".repeat(marked.max(1)))
    }
}

impl std::error::Error for Error {}

/// Of all that there is, what was probably meant: the nearest by letters to be changed, if near at all.
pub(super) fn nearest<'n>(word: &str, all: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let most = (word.chars().count() / 3).clamp(1, 4);
    all.map(|name| (distance(word, name), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, name)| (*distance, name.len()))
        .map(|(_, name)| name)
}

/// How many letters must be changed, put in or taken out.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in (1..).zip(a.chars()) {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), i);
        let mut left = i;
        for (cell, other) in row.iter_mut().skip(1).zip(&b) {
            let change = diagonal.saturating_add(usize::from(letter != *other));
            diagonal = *cell;
            left = change.min(cell.saturating_add(1)).min(left.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
