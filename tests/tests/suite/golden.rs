//! What each format prints of the fixtures in `tests/fixtures/golden`.
//!
//! A fixture is `NAME.nlhex`; beside it `NAME.FORMAT` has the text that is expected, which
//! `BLESS=1` rewrites. `tests/tools/record-fixtures` records fixtures from real programs.

use std::fs;
use std::path::PathBuf;

use nltests::run::replay;
use nltests::{fixtures, golden};

use crate::formats;

/// The fixtures, by name.
pub(crate) fn recorded() -> Vec<PathBuf> {
    let folder = fixtures().join("golden");
    let files = fs::read_dir(folder).expect("the fixtures' folder");
    let mut files: Vec<PathBuf> = files
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "nlhex"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_format_prints_what_is_expected() {
    let mut wrong = Vec::new();
    for fixture in recorded() {
        for format in formats() {
            let out = replay(&fixture, &format, &[]);
            if out.status != 0 || !out.stderr.is_empty() {
                wrong.push(format!("{} {format}: {out:?}", fixture.display()));
                continue;
            }
            wrong.extend(golden::compare(&fixture.with_extension(&format), &out.out()));
        }
    }
    assert!(wrong.is_empty(), "{} texts:\n{}", wrong.len(), wrong.join("\n"));
}

/// Expected texts of fixtures or formats that are no more.
#[test]
fn no_expected_text_is_left_over() {
    let formats = formats();
    let folder = fixtures().join("golden");
    for entry in fs::read_dir(folder).expect("the fixtures' folder") {
        let path = entry.expect("an entry").path();
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let known =
            ending == "nlhex" || formats.contains(&ending) && path.with_extension("nlhex").exists();
        assert!(known, "{} belongs to nothing", path.display());
    }
}
