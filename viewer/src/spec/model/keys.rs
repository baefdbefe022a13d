//! Names that occur in texts, and the forms of their values.

use super::Scalar;

/// What is known of the names in a kind of text.
#[derive(Debug, Default)]
pub struct Keys {
    /// The names, in the order written.
    pub(in crate::spec) entries: Vec<(Box<str>, Form)>,
}

/// The form of a value that is written as text.
#[derive(Debug, Clone)]
pub enum Form {
    /// Text as it stands, quotes taken off.
    Plain,
    /// Text in quotes, or its bytes as hexadecimal digits.
    Encoded,
    /// More names and values, in quotes.
    Pairs,
    /// A number, written in a base.
    Number(u32, Scalar),
}

impl Keys {
    /// The form of a name's value. An entry that ends in `*` is of all names that begin so.
    #[must_use]
    pub fn form(&self, name: &str) -> Option<&Form> {
        let is = |entry: &str| match entry.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => entry == name,
        };
        self.entries.iter().find(|(entry, _)| is(entry)).map(|(_, form)| form)
    }
}
