//! Comparison with what was printed before.
//!
//! With `BLESS=1` the files are rewritten, and the diff is for the reviewer to read.

use std::path::Path;
use std::{env, fs};

/// Whether the golden files are to be rewritten.
#[must_use]
pub fn blessing() -> bool {
    env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// Compares with a file, or rewrites it. Returns what differs, if something does.
#[must_use]
pub fn compare(file: &Path, actual: &str) -> Option<String> {
    if blessing() {
        fs::write(file, actual).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        return None;
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    (expected != actual).then(|| {
        format!(
            "{} is not what is printed now (BLESS=1 rewrites it)\n{}",
            file.display(),
            difference(&expected, actual)
        )
    })
}

/// The first lines that differ.
#[must_use]
pub fn difference(expected: &str, actual: &str) -> String {
    let (mut old, mut new) = (expected.lines(), actual.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (old.next(), new.next()) {
            (None, None) => return "only the line ends differ".to_owned(),
            (a, b) if a == b => {}
            (a, b) => {
                let show = |line: Option<&str>| line.unwrap_or("(no such line)").to_owned();
                return format!("line {number}\n expected {}\n actual   {}", show(a), show(b));
            }
        }
    }
}
