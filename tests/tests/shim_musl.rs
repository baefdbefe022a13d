//! The shim without the standard library, the same file, in programs of musl.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where what it relies on does not hold"
)]

/// What does not depend on the programs' libc is left to the other test programs.
#[allow(dead_code, reason = "what is left out uses the rest")]
mod hooks {
    mod confined;
    mod families;
    mod harness;
    mod inside;
    mod links;
    mod nlview;
    mod promises;
    mod records;
    mod ring;
    mod signals;
    mod steps;
    mod stream;
    mod text;
}

/// The features that it is built with besides the default ones.
const FEATURES: &[&str] = &["portable"];

/// What the programs are compiled with.
const COMPILER: &str = "musl-gcc";
