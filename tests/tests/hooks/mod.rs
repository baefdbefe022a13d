//! The shim in programs made to try it: `tests/hooks/*.c`, compiled as the tests need them.
//!
//! `records` is what it must see, `promises` is what it must not do, `links` and `ring` are how
//! records travel, `machine` is what the built library may contain. Everything is tried on both builds:
//! `shim.rs` and `shim_portable.rs` beside this folder say which.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where what it relies on does not hold"
)]

mod confined;
mod families;
mod harness;
mod hostile;
mod inside;
mod launched;
mod links;
mod machine;
mod nlview;
mod own_calls;
mod promises;
mod records;
mod ring;
mod signals;
mod steps;
mod stream;
mod text;
mod viewers;
