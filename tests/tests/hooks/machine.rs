//! What the built library may contain: its symbols, and what a hook can reach.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use super::harness::{is_portable, root, run, shim};

fn tool(name: &str, arguments: &[&str]) -> String {
    run(Command::new(name).args(arguments).arg(shim()))
}

/// The names in a section of a list; those before any are in the section "".
fn listed(file: &str, section: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("shim").join(file)).expect("the list");
    let mut current = "";
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => current = name,
            None if current == section => {
                names.insert(line.to_owned());
            }
            None => {}
        }
    }
    names
}

fn without_version(symbol: &str) -> &str {
    symbol.split_once('@').map_or(symbol, |(name, _)| name)
}

fn symbols(which: &str) -> BTreeSet<String> {
    let text = tool("nm", &["-D", which]);
    let names = text.lines().filter_map(|line| line.split_whitespace().last());
    names.map(|name| without_version(name).to_owned()).collect()
}

/// Unsafe code has an address: every other file of the shim forbids it.
#[test]
fn unsafe_code_is_where_it_is_said_to_be() {
    let folder = root().join("shim/src");
    let mut ahead = vec![folder.clone()];
    let mut without = BTreeSet::new();
    while let Some(path) = ahead.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            ahead.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if !fs::read_to_string(&path).expect("text").contains("#![forbid(unsafe_code)]") {
            let name = path.strip_prefix(&folder).expect("in the folder");
            without.insert(name.components().next().expect("a name").as_os_str().to_owned());
        }
    }
    let allowed = ["hooks", "init.rs", "interpose", "lib.rs", "sys", "thread.rs", "view", "window"];
    assert_eq!(without, allowed.map(Into::into).into());
}

#[test]
fn it_exports_the_hooks_and_nothing_else() {
    assert_eq!(symbols("--defined-only"), listed("exports.txt", ""));
}

#[test]
fn it_imports_nothing_new() {
    let std = if is_portable() { BTreeSet::new() } else { listed("imports.txt", "std") };
    let known = &listed("imports.txt", "hooks") | &std;
    let new: Vec<String> = symbols("--undefined-only").difference(&known).cloned().collect();
    assert!(new.is_empty(), "{new:?}");
}

/// A library that is missing, or a version of a symbol, would keep a program of another system from
/// starting.
#[test]
fn the_portable_build_needs_a_libc_and_nothing_newer_than_2_17() {
    if !is_portable() {
        return;
    }
    let dynamic = tool("readelf", &["-d"]);
    let needed: Vec<&str> = dynamic.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(matches!(needed[..], [only] if only.ends_with("[libc.so.6]")), "{needed:?}");
    for line in tool("objdump", &["-T"]).lines().filter(|line| line.contains("GLIBC_")) {
        let version = line.split("GLIBC_").nth(1).and_then(|rest| rest.split([')', ' ']).next());
        let version: Vec<u32> =
            version.expect("a version").split('.').map_while(|part| part.parse().ok()).collect();
        assert!(version <= vec![2, 17], "{line}");
    }
}

#[test]
fn it_is_bound_at_load_and_never_unloaded() {
    let dynamic = tool("readelf", &["-d"]);
    let flags = dynamic.lines().find(|line| line.contains("FLAGS_1")).expect("flags");
    assert!(flags.contains("NOW") && flags.contains("NODELETE"), "{flags}");
}

/// How the instructions begin that call or jump.
const JUMPS: &[&str] =
    if cfg!(target_arch = "aarch64") { &["b", "cb", "tb"] } else { &["call", "j"] };

/// Who calls whom, by the machine code: direct calls and jumps, and those through the table of
/// imports. What is reached through a pointer is the real functions alone.
fn calls() -> BTreeMap<String, BTreeSet<String>> {
    let mut calls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in tool("objdump", &["-d", "--no-show-raw-insn"]).lines() {
        if let Some(name) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
            current = name.1.to_owned();
            continue;
        }
        let Some((_, instruction)) = line.split_once('\t') else { continue };
        let instruction = instruction.split_once("  //").map_or(instruction, |(before, _)| before);
        let jumps = JUMPS.iter().any(|jump| instruction.starts_with(jump));
        let target = instruction.rsplit_once('<').and_then(|(_, name)| name.strip_suffix('>'));
        if let Some(target) = target.filter(|_| jumps) {
            let target = target.rsplit_once("+0x").map_or(target, |(name, _)| name);
            calls.entry(current.clone()).or_default().insert(without_version(target).to_owned());
        }
    }
    calls
}

/// No code behind a hook can panic: everything it can reach is this project's or core's, or on the
/// short list of imports. The one exception is redhook's own `Once`, which is done with when the constructor
/// has run.
#[test]
fn no_hook_can_reach_a_panic() {
    let calls = calls();
    let imports = listed("imports.txt", "hooks");
    let hooks = listed("exports.txt", "");
    let mut reached = BTreeSet::new();
    let mut ahead: Vec<(String, String)> =
        hooks.iter().map(|hook| (hook.clone(), "the program".to_owned())).collect();
    while let Some((function, caller)) = ahead.pop() {
        if !reached.insert(function.clone()) {
            continue;
        }
        let ours = ["6nlhook", "6nlring", "7nlproto", "7bincode", "5serde", "4core"];
        let is_ours = ours.iter().any(|name| function.contains(name))
            && !function.contains("panic")
            && !function.contains("fail");
        let is_redhooks_once = function.contains("4once5futex");
        assert!(
            is_ours || is_redhooks_once || imports.contains(&function) || hooks.contains(&function),
            "{function}, called by {caller}"
        );
        if is_ours || hooks.contains(&function) {
            let next = calls.get(&function).into_iter().flatten();
            ahead.extend(next.map(|next| (next.clone(), function.clone())));
        }
    }
    // The walk has really been there.
    assert!(reached.contains("memcpy") && reached.len() > hooks.len() + 20, "{}", reached.len());
}
