//! The strace format against strace itself, both looking at the same run of a program.

use std::fs;
use std::process::Command;

use nltests::artefacts::{artefacts, target_folder};
use nltests::namespace::Namespace;
use nltests::programs::{BY_HAND, CHANGES, Program, QUERIES, VARYING, network};
use nltests::run::run;
use nltests::scratch::Scratch;
use nltests::strace_text::{Likeness, as_system_call, compare, netlink_calls, parting};
use nltests::{cannot_run, installed};

/// The version whose text the format has.
const VERSION: &str = "7.2";

/// strace of that version, as `tests/tools/fetch-strace` unpacks it.
fn strace() -> Option<std::path::PathBuf> {
    let folder = target_folder().join("strace");
    let found = fs::read_to_string(folder.join("version")).unwrap_or_default();
    if found.trim() != VERSION {
        cannot_run(&format!(
            "the strace format against strace {VERSION} (there is {found:?}): run tests/tools/fetch-strace"
        ));
        return None;
    }
    Some(folder.join("strace"))
}

/// What both say of one run: strace's lines about the netlink calls that move messages, and ours.
fn both(
    network: &Namespace,
    strace: &std::path::Path,
    program: &Program,
    options: &[&str],
) -> (Vec<String>, Vec<String>) {
    let scratch = Scratch::new();
    let (theirs, ours) = (scratch.path("strace"), scratch.path("ours"));
    let pid = scratch.path("pid");
    let mut command: Command = network.command(strace);
    command
        .args(["-ff", "--quiet=all", "-e", "trace=%network", "-e", "abbrev=none", "-s", "9999"])
        .args(options)
        .arg("-o")
        .arg(&theirs)
        .arg(&artefacts().nlview)
        .args(["-f", "strace", "-s", "9999"])
        .args(options)
        .arg("-o")
        .arg(&ours)
        // The shell leaves its process to the program, so both have the process id it writes.
        .args(["--", "sh", "-c", "echo $$ >\"$0\"; exec \"$@\""])
        .arg(&pid)
        .arg(program.program)
        .args(program.arguments);
    let out = run(&mut command);
    let pid = fs::read_to_string(&pid).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    let text = fs::read(format!("{}.{}", theirs.display(), pid.trim())).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let ours = String::from_utf8_lossy(&fs::read(&ours).unwrap_or_default()).into_owned();
    let moving = |line: &&str| {
        let name = line.split('(').next().unwrap_or_default();
        ["send", "recv"].iter().any(|beginning| name.starts_with(beginning))
    };
    (
        netlink_calls(&text).into_iter().map(str::to_owned).collect(),
        ours.lines().map(without_process).filter(moving).map(as_system_call).collect(),
    )
}

/// A line without what stands before the call.
fn without_process(line: &str) -> &str {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    rest.strip_prefix("[pid")
        .map_or(rest, |rest| rest.split_once("] ").map_or(rest, |(_, call)| call))
}

#[test]
fn the_text_is_that_of_strace() {
    let (Some(strace), Some(network)) = (strace(), network()) else { return };
    let (mut exact, mut more, mut wrong) = (0, 0, Vec::new());
    // What Python asks there, libc asks for it: strace sees those messages, a preloaded library the call.
    let tools = QUERIES.iter().chain(VARYING).chain(CHANGES).filter(|p| p.program != "python3");
    let (programs, missing): (Vec<_>, Vec<_>) =
        tools.chain(BY_HAND).partition(|p| installed(&[p.program]));
    assert!(programs.len() >= 60 || !missing.is_empty(), "only {} programs", programs.len());
    for program in programs {
        let (theirs, ours) = both(&network, &strace, program, &[]);
        if theirs.len() != ours.len() {
            wrong.push(format!(
                "{program:?}: {} calls by strace, {} by us\n{}",
                theirs.len(),
                ours.len(),
                parting(&theirs.join("\n"), &ours.join("\n")),
            ));
            continue;
        }
        for (theirs, ours) in theirs.iter().zip(&ours) {
            match compare(theirs, ours) {
                Likeness::Exact => exact += 1,
                Likeness::More => more += 1,
                Likeness::Different => {
                    wrong.push(format!("{program:?}\n{}", parting(theirs, ours)));
                }
            }
        }
    }
    println!("{exact} calls exactly as strace has them, {more} with more decoded");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(exact > 50, "only {exact} calls were the same");
}

/// What stands behind the descriptors, before and after the socket has a port id.
#[test]
fn descriptors_are_those_of_strace() {
    let (Some(strace), Some(network)) = (strace(), network()) else { return };
    let programs = [
        Program { program: "ip", arguments: &["route", "show", "table", "all"] },
        Program { program: "python3", arguments: &["-c", UNBOUND] },
    ];
    let options = ["-y", "-yy", "--decode-fds=socket"];
    let programs = programs.iter().map(|program| (program, &options[..]));
    let programs = programs.chain(BY_HAND.iter().map(|program| (program, &["-yy"][..])));
    for (program, options) in programs.filter(|(program, _)| installed(&[program.program])) {
        for option in options {
            let (theirs, ours) = both(&network, &strace, program, &[option]);
            let ends = |lines: &[String]| -> Vec<String> {
                let descriptor = |line: &String| line.split(", ").next().map(str::to_owned);
                lines.iter().filter_map(descriptor).collect()
            };
            assert_eq!(ends(&theirs), ends(&ours), "{program:?} {option}");
            assert!(ours.iter().any(|line| line.contains(":[")), "{ours:?}");
        }
    }
}

/// Sends before and after the kernel has given it a port id.
const UNBOUND: &str = "
import socket
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
header = bytes.fromhex('10000000 0100 0100 00000000 00000000')
for _ in range(2):
    s.send(header)
";
