//! Netlink that functions of libc speak inside themselves, and the window through which it is caught.

use std::process::Command;

use nlproto::function::{CAUGHT, PARTLY_CAUGHT};
use nlproto::{Call, Function, Origin};
use nltests::artefacts::target_folder;
use nltests::run::shell_status;

use super::harness::{Scratch, TRANSPORTS, bare, by, run, tracee};
use super::stream::{Frames, Viewer};

/// Whether the machine's kernel can open a window; elsewhere such functions are only named.
const HAS_WINDOWS: bool = cfg!(target_arch = "x86_64");

const FUNCTIONS: [&str; 3] = ["getifaddrs", "if_nameindex", "getaddrinfo"];

/// Name and result of each netlink call that strace sees, from the socket's making to its end.
fn by_strace(command: &Command) -> Option<Vec<(String, i64)>> {
    let found = target_folder().join("strace/strace");
    let strace = if found.exists() {
        found
    } else if nltests::installed(&["strace"]) {
        "strace".into()
    } else {
        return None;
    };
    let scratch = Scratch::new();
    let mut traced = bare(strace);
    traced.args(["-e", "trace=%network,close", "-o"]).arg(scratch.join("log"));
    run(traced.arg(command.get_program()).args(command.get_args()));
    let log = std::fs::read_to_string(scratch.join("log")).expect("strace's log");
    let mut socket = String::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((name, rest)) = line.split_once('(') else { continue };
        let ret = rest.rsplit_once(" = ").and_then(|(_, ret)| ret.split(' ').next()).unwrap_or("");
        if name == "socket" && rest.starts_with("AF_NETLINK") {
            ret.clone_into(&mut socket);
        } else if rest.split([',', ')']).next() != Some(&socket) {
            continue;
        }
        // Which number the socket has is another matter.
        let ret = if name == "socket" { 0 } else { ret.parse().expect("a number") };
        calls.push((name.to_owned(), ret));
        if name == "close" {
            socket.clear();
        }
    }
    Some(calls)
}

/// Name and result of each call that libc made inside.
fn by_libc(calls: &[(u64, Call<'_>, Vec<u8>)]) -> Vec<(String, i64)> {
    let inner = calls.iter().filter(|it| Origin::split(it.1.head.function).1 == Origin::Libc);
    let name = |(_, call, _): &(u64, Call<'_>, Vec<u8>)| {
        let function = Function::from_number(Origin::split(call.head.function).0).expect("known");
        let ret = if function == Function::Socket { 0 } else { call.head.ret };
        (function.name().to_owned(), ret)
    };
    inner.map(name).collect()
}

/// The calls of the functions themselves: their flags, which say how much was caught.
fn outer(frames: &Frames) -> Vec<i32> {
    let calls = frames.calls().into_iter().filter(|(_, call, _)| {
        let function = Function::from_number(Origin::split(call.head.function).0).expect("known");
        FUNCTIONS.contains(&function.name())
    });
    calls.map(|(_, call, _)| call.head.flags).collect()
}

fn traced(transport: &str, arguments: [&str; 2]) -> (String, Frames) {
    let scratch = Scratch::new();
    let viewer = Viewer::listen(&scratch.join("s"));
    let mut command = by(transport, tracee("inside"), &scratch.join("s"));
    command.env("NLHOOK_BLOCK_MS", "10000");
    (run(command.args(arguments)), viewer.only())
}

#[test]
fn what_libc_says_inside_is_what_strace_sees() {
    if !HAS_WINDOWS {
        return;
    }
    for function in FUNCTIONS {
        let mut plain = bare(tracee("inside"));
        plain.args([function, "plain"]);
        let Some(theirs) = by_strace(&plain) else { return };
        for transport in TRANSPORTS {
            let (said, frames) = traced(transport, [function, "plain"]);
            assert_eq!(said, run(&mut plain), "{function}");
            frames.check();
            let calls = frames.calls();
            assert_eq!(by_libc(&calls), theirs, "{function} by {transport}");
            // Every reply that is no error says so itself.
            assert_eq!(outer(&frames), [if theirs.is_empty() { PARTLY_CAUGHT } else { CAUGHT }]);
        }
    }
}

/// Whatever the surroundings, the functions do the same as without; and what they say is caught, but in a
/// program that has a use of its own for SIGSYS, where they are named.
#[test]
fn windows_leave_the_program_as_it_was() {
    if !HAS_WINDOWS {
        return;
    }
    let ways = [
        "blocked", "stack", "storm", "threads", "cancel", "children", "vfork", "ignored", "own",
        "narrow", "raised",
    ];
    for (function, how) in FUNCTIONS.iter().flat_map(|it| ways.map(|how| (*it, how))) {
        if (function, how) == ("getaddrinfo", "children") {
            // glibc's own lock may be held by the thread that is not there in the child.
            continue;
        }
        let plain = bare(tracee("inside")).args([function, how]).output().expect("it starts");
        for transport in TRANSPORTS {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            let mut command = by(transport, tracee("inside"), &scratch.join("s"));
            command.env("NLHOOK_BLOCK_MS", "10000").args([function, how]);
            let output = command.output().expect("it starts");
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(text, String::from_utf8_lossy(&plain.stdout), "{function} {how}");
            assert_eq!(shell_status(output.status), shell_status(plain.status), "{function} {how}");
            assert_eq!(output.stderr, plain.stderr);
            let all = viewer.finish();
            let flags: Vec<i32> = all.iter().flat_map(outer).collect();
            let lost: u64 = all.iter().map(Frames::lost_for_certain).sum();
            assert!(lost == 0, "{function} {how}: {lost} lost");
            if function == "getaddrinfo" && crate::COMPILER != "cc" {
                // Which in musl speaks no netlink.
                continue;
            }
            match how {
                "blocked" | "stack" => assert_eq!(flags, [CAUGHT], "{function} {how}"),
                "ignored" => assert_eq!(flags, [0], "{function} {how}"),
                // The last comes when there is a filter, of which a stream can say no more.
                "own" => assert_eq!(flags, vec![0; if transport == "ring" { 3 } else { 2 }]),
                "storm" => {
                    assert!(
                        flags.len() > 1000 && flags.iter().all(|it| *it == CAUGHT),
                        "{function}"
                    );
                }
                "threads" => assert_eq!(flags, [CAUGHT; 1201], "{function} {how}"),
                "children" => assert_eq!(flags, [CAUGHT; 441], "{function} {how}"),
                _ => {}
            }
        }
    }
}

/// How much is recorded of them is a setting.
#[test]
fn libc_may_be_left_alone_or_only_named() {
    for function in FUNCTIONS {
        for setting in ["off", "name", "capture"] {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            let mut command = by("ring", tracee("inside"), &scratch.join("s"));
            let said = run(command.env("NLHOOK_LIBC", setting).args([function, "plain"]));
            assert_eq!(said, run(bare(tracee("inside")).args([function, "plain"])));
            if setting == "off" {
                assert!(viewer.finish().is_empty());
                continue;
            }
            let frames = viewer.only();
            frames.check();
            let (outer, inner) = (outer(&frames), by_libc(&frames.calls()).len());
            match setting {
                "name" => assert_eq!((outer, inner), (vec![0], 0)),
                _ => assert!(outer.len() == 1 && (inner > 0) == (outer == [CAUGHT])),
            }
        }
    }
}
