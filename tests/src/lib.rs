//! What the tests share: the built programs, network namespaces, golden files, and an independent
//! reader of the specs.
//!
//! The tests themselves are in `tests/tests/`. Nothing here is used by the programs.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

pub mod artefacts;
pub mod compiler;
pub mod golden;
pub mod hextext;
pub mod long_capture;
pub mod namespace;
pub mod programs;
pub mod random;
pub mod run;
pub mod scratch;
pub mod sources;
pub mod spec_facts;
pub mod spec_layout;
pub mod spec_messages;
pub mod strace_text;
pub mod whole;

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// The folder of the fixtures.
#[must_use]
pub fn fixtures() -> PathBuf {
    root().join("tests/fixtures")
}

/// Says that a test cannot run here, and why. With `CI=true` that is a failure.
///
/// Written past the test harness, which keeps what a passing test prints to itself;
/// `tests/check` repeats it at the end.
pub fn cannot_run(reason: &str) {
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "cannot run: {reason}");
    let line = format!("\nSKIPPED: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr takes a line");
}

/// Whether all these programs are installed; says so if one is not.
#[must_use]
pub fn installed(programs: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    for program in programs {
        let found = env::split_paths(&path)
            .chain(["/sbin".into(), "/usr/sbin".into()])
            .any(|folder| folder.join(program).exists());
        if !found {
            cannot_run(&format!("{program} is not installed"));
            return false;
        }
    }
    true
}
