//! The shim in programs made to try it: `tests/hooks/*.c`, compiled as the tests need them.
//!
//! `records` is what it must see, `promises` is what it must not do, `links` and `ring` are how
//! records travel, `machine` is what the built library may contain.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where what it relies on does not hold"
)]

#[path = "hooks/harness.rs"]
mod harness;
#[path = "hooks/links.rs"]
mod links;
#[path = "hooks/machine.rs"]
mod machine;
#[path = "hooks/promises.rs"]
mod promises;
#[path = "hooks/records.rs"]
mod records;
#[path = "hooks/ring.rs"]
mod ring;
#[path = "hooks/stream.rs"]
mod stream;
#[path = "hooks/text.rs"]
mod text;
