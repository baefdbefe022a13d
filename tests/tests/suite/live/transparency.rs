//! A program says and does the same with us as without.

use std::process::Command;

use nltests::programs::{CHANGES, Program, QUERIES, network};
use nltests::run::{Finished, run};
use nltests::scratch::Scratch;
use nltests::{cannot_run, installed};

use super::{bare, traced};

fn differs(bare: &Finished, traced: &Finished) -> bool {
    bare.status != traced.status || bare.stdout != traced.stdout || bare.stderr != traced.stderr
}

fn complaint(program: &Program, bare: &Finished, traced: &Finished) -> String {
    format!("{program:?}\n== alone: {bare:?}\n== traced: {traced:?}")
}

/// What only asks is run twice in one namespace.
#[test]
fn queries_say_the_same() {
    let Some(network) = network() else { return };
    let scratch = Scratch::new();
    let log = scratch.path("log");
    let mut wrong = Vec::new();
    for program in QUERIES.iter().filter(|p| installed(&[p.program])) {
        // Some first fill caches that the second run would find.
        let _warm = run(&mut bare(&network, program));
        let alone = run(&mut bare(&network, program));
        let with = run(&mut traced(&network, &["-o", log.to_str().unwrap()], program));
        if differs(&alone, &with) {
            wrong.push(complaint(program, &alone, &with));
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        if said.is_empty() {
            wrong.push(format!("{program:?}: nothing was recorded"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What changes something is run in a namespace without us, and again in another with us.
#[test]
fn changes_end_the_same() {
    let (Some(alone), Some(with)) = (network(), network()) else { return };
    let scratch = Scratch::new();
    let log = scratch.path("log");
    let mut wrong = Vec::new();
    for program in CHANGES.iter().filter(|p| installed(&[p.program])) {
        let bare = run(&mut bare(&alone, program));
        let traced = run(&mut traced(&with, &["-o", log.to_str().unwrap()], program));
        if differs(&bare, &traced) {
            wrong.push(complaint(program, &bare, &traced));
        }
    }
    let state = |network| {
        let show = Program { program: "ip", arguments: &["-br", "link"] };
        run(&mut bare(network, &show)).out()
    };
    let names = |text: String| -> Vec<String> {
        text.lines().filter_map(|l| l.split_whitespace().next().map(str::to_owned)).collect()
    };
    assert_eq!(names(state(&alone)), names(state(&with)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The program has stdin, stdout and stderr to itself, and its signals end it.
#[test]
fn the_program_keeps_its_streams_and_its_end() {
    let Some(network) = network() else { return };
    let shell = |script: &'static str| {
        let mut command = network.command(&nltests::artefacts::artefacts().nlview);
        command.args(["-o", "/dev/null", "--", "sh", "-c", script]);
        command
    };
    let out = nltests::run::run_with_input(&mut shell("cat; echo error >&2; exit 7"), b"through\n");
    assert_eq!((out.status, out.out(), out.err()), (7, "through\n".into(), "error\n".into()));
    for (signal, status) in [("TERM", 143), ("KILL", 137), ("SEGV", 139)] {
        let script: &'static str = match signal {
            "TERM" => "kill -TERM $$",
            "KILL" => "kill -KILL $$",
            _ => "kill -SEGV $$",
        };
        assert_eq!(run(&mut shell(script)).status, status, "{signal}");
    }
}

/// Children of the program are recorded as well, each under its own name.
#[test]
fn children_are_recorded() {
    let Some(network) = network() else { return };
    let program =
        Program { program: "sh", arguments: &["-c", "ip link show lo; (ip route; true) | cat"] };
    let out = run(&mut traced(&network, &["-f", "json", "-o", "/dev/stderr"], &program)).expect(0);
    let text = out.err();
    for wanted in ["RTM_GETLINK", "RTM_GETROUTE"] {
        assert!(text.contains(wanted), "{wanted}: {out:?}");
    }
}

/// In a pid namespace of its own a program has a number that is somebody else's here: both are shown.
#[test]
fn programs_of_other_pid_namespaces_are_named_by_both_numbers() {
    /// What it sees of /proc is still the surrounding namespace's.
    const SCRIPT: &str = "import os, socket; print(os.getpid(), os.readlink('/proc/self'), flush=True); \
                  socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)";
    if !installed(&["unshare", "python3"]) {
        return;
    }
    let Some(network) = network() else { return };
    let program =
        Program { program: "unshare", arguments: &["-Urpf", "--", "python3", "-c", SCRIPT] };
    for (format, lead) in [("json", "\"pid_here\":"), ("tree", "begins which is here ")] {
        let options = ["-f", format, "-o", "/dev/stderr"];
        let out = run(&mut traced(&network, &options, &program)).expect(0);
        let (said, shown) = (out.out(), out.err());
        let (inside, here) = said.trim().split_once(' ').expect("two numbers");
        assert_eq!(inside, "1");
        assert!(shown.contains(&format!("{lead}{here}")), "{said}{shown}");
    }
}

/// Programs of a libc that the shim was not built for are left alone, and it is said.
#[test]
fn musl_programs_run() {
    if !installed(&["musl-gcc"]) {
        return;
    }
    let Some(network) = network() else { return };
    let scratch = Scratch::new();
    let source = scratch.file("hello.c", "#include <stdio.h>\nint main(void){puts(\"hello\");}\n");
    let program = scratch.path("hello");
    let out = run(Command::new("musl-gcc").arg("-o").arg(&program).arg(&source));
    if out.status != 0 {
        return cannot_run(&format!("musl-gcc does not build: {}", out.err()));
    }
    let mut command = network.command(&nltests::artefacts::artefacts().nlview);
    let out = run(command.args(["-o", "/dev/null", "--"]).arg(&program));
    assert_eq!((out.status, out.out()), (0, "hello\n".to_owned()), "{out:?}");
}
