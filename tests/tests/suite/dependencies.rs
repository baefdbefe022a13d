//! The dependencies: their licences and where they come from, by the rules of `deny.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use nltests::root;
use serde_json::Value;

/// What cargo knows of the packages of a lock file.
fn packages(manifest: &str) -> Vec<Value> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--manifest-path", manifest])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("cargo writes JSON");
    metadata["packages"].as_array().cloned().expect("packages")
}

/// The licences that `deny.toml` allows.
fn allowed() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let list = text.split("allow = [").nth(1).and_then(|rest| rest.split(']').next());
    let quoted = list.expect("a list of licences").split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// Whether an SPDX expression can be met with the allowed licences. Parentheses bind, AND binds
/// more than OR, and `/` is an old way to write OR.
fn acceptable(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    any_of(&mut words, allowed)
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all_of(words, allowed);
    }
    met
}

fn all_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let met = any_of(words, allowed);
        words.next();
        return met;
    }
    let mut licence = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        licence = format!("{licence} WITH {}", words.next().unwrap_or_default());
    }
    allowed.contains(&licence)
}

#[test]
fn licences_and_sources_are_allowed() {
    let allowed = allowed();
    let mut wrong = Vec::new();
    for manifest in ["Cargo.toml", "viewer/fuzz/Cargo.toml"] {
        for package in packages(manifest) {
            let name = format!("{} {}", package["name"], package["version"]);
            match package["source"].as_str() {
                None => continue,
                Some(source) if source.starts_with("registry+") => {}
                Some(source) => wrong.push(format!("{name}: comes from {source}")),
            }
            match package["license"].as_str() {
                // libFuzzer is under two licences at once; it is in no program that is shipped.
                Some(licence) if acceptable(licence, &allowed) => {}
                Some("(MIT OR Apache-2.0) AND NCSA") if manifest.contains("fuzz") => {}
                other => wrong.push(format!("{name}: licence {other:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn licence_expressions_are_understood() {
    let allowed: BTreeSet<String> = ["MIT", "Zlib", "X WITH Y"].map(str::to_owned).into();
    for good in ["MIT", "GPL-2.0 OR MIT", "MIT/GPL-2.0", "(GPL-2.0 OR Zlib) AND MIT", "X WITH Y"] {
        assert!(acceptable(good, &allowed), "{good}");
    }
    for bad in ["GPL-2.0", "MIT AND GPL-2.0", "(MIT OR Zlib) AND GPL-2.0", "X", "MIT WITH Y"] {
        assert!(!acceptable(bad, &allowed), "{bad}");
    }
}

/// Everything that the shipped programs carry stands in the lock file once.
#[test]
fn no_crate_stands_twice_in_the_programs() {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix=none", "--edges=normal", "--format={p}"])
        .args(["-p", "nlview", "-p", "nlhook"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    let twice: Vec<_> = versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
