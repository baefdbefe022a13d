//! The architecture's rules that can be read off the sources.

use std::fs;

use nltests::root;
use nltests::sources::{Source, rust_files, test_modules};

/// Which of the viewer's modules may name which others. `wire` knows bytes and no names, `spec`
/// knows names and no bytes, and only `decode` joins them: nothing else names both, but the
/// application, which puts everything together. Outputs see what `decode` shows them, and read the
/// numbers in socket addresses and options.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("spec", &[]),
    ("decode", &["wire", "spec"]),
    ("state", &["decode", "wire"]),
    ("filter", &["decode", "state", "wire"]),
    ("output", &["decode", "state", "wire"]),
    ("source", &["decode", "error"]),
    ("error", &["filter", "source", "spec"]),
    ("app", &["decode", "error", "filter", "output", "source", "spec", "state", "wire"]),
    ("cli", &["app", "error"]),
    ("lib", &[]),
    ("main", &["cli", "error"]),
];

/// The files that may have unsafe code: the mapping of shared memory; and of the shim's the hooks and
/// what they call, the one that reads the caller's memory, a thread's own memory, system calls, the window
/// into libc, and the constructor.
const UNSAFE: &[&str] = &[
    "proto/ring-map/src/",
    "shim/src/hooks/",
    "shim/src/init.rs",
    "shim/src/interpose/",
    "shim/src/sys/",
    "shim/src/thread.rs",
    "shim/src/view/mod.rs",
    "shim/src/window/",
];

/// What a file of more than 500 lines of code says at its top.
const LONG_BECAUSE: &str = "//! Long because ";

fn check(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} breaches:\n{}", wrong.len(), wrong.join("\n"));
}

/// The module that a file of the viewer belongs to.
fn module(source: &Source) -> &str {
    let inside = source.path.strip_prefix("viewer/src/").expect("a file of the viewer");
    inside.split(['/', '.']).next().unwrap_or(inside)
}

#[test]
fn modules_name_only_what_they_may() {
    let mut wrong = Vec::new();
    let sources = rust_files("viewer/src");
    let tests = test_modules(&sources);
    for source in sources.iter().filter(|source| !tests.contains(&source.path)) {
        let own = module(source);
        let start = if own == "main" { "nlview::" } else { "crate::" };
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == own) else {
            wrong.push(format!("{}: module {own} has no place in the table", source.path));
            continue;
        };
        for (line, named) in source.modules_named(start) {
            // What is no module (a macro, a re-exported type) belongs to the crate's root.
            let known = MAY_NAME.iter().any(|(name, _)| *name == named);
            if known && named != own && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}:{line}: {own} may not name {named}", source.path));
            }
        }
    }
    check(&wrong);
}

#[test]
fn unsafe_code_stands_in_named_files_only() {
    let mut wrong = Vec::new();
    for folder in ["proto", "shim", "viewer", "tests"] {
        for source in rust_files(folder) {
            let named = UNSAFE.iter().any(|path| source.path.starts_with(path));
            let uses = source.code().find(|(_, line)| {
                line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe")
            });
            if let (Some((line, text)), false) = (uses, named) {
                // Only the name of the lint, or text about it.
                if !text.contains("unsafe_code") && !text.contains('"') {
                    wrong.push(format!("{}:{line}: unsafe code", source.path));
                }
            }
        }
    }
    for file in ["proto/src/lib.rs", "viewer/src/lib.rs", "viewer/src/main.rs", "tests/src/lib.rs"]
    {
        let text = fs::read_to_string(root().join(file)).unwrap_or_default();
        if !forbids_unsafe(&text) {
            wrong.push(format!("{file}: does not forbid unsafe code"));
        }
    }
    for source in rust_files("shim/src") {
        let may = UNSAFE.iter().any(|path| source.path.starts_with(path));
        if !may && source.path != "shim/src/lib.rs" && !forbids_unsafe(&source.text) {
            wrong.push(format!("{}: does not forbid unsafe code", source.path));
        }
    }
    check(&wrong);
}

fn forbids_unsafe(text: &str) -> bool {
    text.lines().any(|line| line == "#![forbid(unsafe_code)]")
}

#[test]
fn long_files_say_why() {
    let mut wrong = Vec::new();
    for folder in ["proto", "shim", "viewer", "tests"] {
        for source in rust_files(folder) {
            // Comments, blank lines and unit tests make no file hard to hold in mind.
            let lines = source.code_before_tests().filter(|(_, line)| !line.is_empty()).count();
            if lines > 500 && !source.text.lines().any(|line| line.starts_with(LONG_BECAUSE)) {
                wrong.push(format!(
                    "{}: {lines} lines of code and no `{LONG_BECAUSE}…`",
                    source.path
                ));
            }
        }
    }
    check(&wrong);
}

#[test]
fn the_records_encoding_is_named_in_one_file() {
    let mut wrong = Vec::new();
    for folder in ["proto/src", "shim/src", "viewer/src"] {
        for source in rust_files(folder) {
            for (line, text) in source.code() {
                if text.contains("bincode") && source.path != "proto/src/codec.rs" {
                    wrong.push(format!("{}:{line}: names bincode", source.path));
                }
            }
        }
    }
    check(&wrong);
}

#[test]
fn nothing_is_left_undone() {
    // Put together here, so that this file is not found.
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X:"].concat()];
    let calls =
        [["todo", "!("].concat(), ["unimplemented", "!("].concat(), ["#[ig", "nore"].concat()];
    let mut wrong = Vec::new();
    for folder in ["proto", "shim", "viewer", "tests"] {
        for source in rust_files(folder) {
            for (index, line) in source.text.lines().enumerate() {
                if marks.iter().chain(&calls).any(|mark| line.contains(mark.as_str())) {
                    wrong.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
                }
            }
        }
    }
    check(&wrong);
}
