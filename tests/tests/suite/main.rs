//! All tests that drive the built programs or hold the repository's files against each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

use nltests::run::{nlview, run};

mod added_family;
mod bad_input;
mod dependencies;
mod filters;
mod golden;
mod language;
mod layering;
mod live;
mod memory;
mod names;
mod secrets;
mod summary;
mod totality;
mod variants;
mod whole;

/// The formats, by the viewer's own word: what it says when it is asked for none of them.
fn formats() -> Vec<String> {
    let out = run(nlview().args(["--format", "", "--read", "/dev/null"])).expect(2).err();
    let list = out.split("[possible values: ").nth(1).and_then(|rest| rest.split(']').next());
    let formats = list.unwrap_or_else(|| panic!("no list of formats in {out}"));
    formats.split(", ").map(str::to_owned).collect()
}
