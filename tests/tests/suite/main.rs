//! All tests that drive the built programs or hold the repository's files against each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

mod bad_input;
mod dependencies;
mod golden;
mod layering;
mod live;
mod names;
mod totality;
mod variants;

/// The formats that print text, which follow from the viewer's own list.
fn formats() -> Vec<String> {
    ["tree", "strace", "json"].map(str::to_owned).into()
}
