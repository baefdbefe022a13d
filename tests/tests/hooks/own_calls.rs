//! The system calls that a program makes itself, as strace counts them, with the shim and without.
//!
//! A call is the program's own if the instruction that makes it lies in a library which is neither the shim
//! nor the loader: strace prints where each was made, and the loader's own calls say what is mapped there.
//! In programs of musl, where loader and libc are one, what comes before the first netlink socket is left
//! out as well.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nltests::artefacts::target_folder;
use nltests::programs::{Program, network};
use nltests::run::run;
use nltests::{cannot_run, installed};

use super::harness::{Scratch, TRANSPORTS, is_portable, shim, tracee, tracee_of};
use super::stream::{Frames, Viewer};

/// How often each call was made.
type Counts = BTreeMap<String, usize>;

/// A line of strace's log.
struct Line<'a> {
    /// Address behind the instruction.
    place: u64,
    name: &'a str,
    rest: &'a str,
}

impl<'a> Line<'a> {
    /// `[00007f…] name(arguments) = result`
    fn parse(line: &'a str) -> Option<Self> {
        let (place, call) = line.strip_prefix('[')?.split_once("] ")?;
        let (name, rest) = call.split_once('(')?;
        let is_call = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let place = u64::from_str_radix(place, 16).ok().filter(|_| is_call)?;
        Some(Self { place, name, rest })
    }

    fn result(&self) -> Option<u64> {
        let result = self.rest.rsplit_once("= ")?.1.split(' ').next()?;
        match result.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => result.parse().ok(),
        }
    }
}

/// Where files are mapped: beginning, length, and whether it is the shim.
fn mappings(lines: &[Line<'_>]) -> Vec<(u64, u64, bool)> {
    let shim = shim().to_string_lossy();
    let mut open: BTreeMap<u64, bool> = BTreeMap::new();
    let mut mapped = Vec::new();
    for line in lines {
        let arguments: Vec<&str> = line.rest.split(", ").collect();
        match (line.name, line.result()) {
            ("openat" | "open", Some(fd)) => drop(open.insert(fd, line.rest.contains(&*shim))),
            ("mmap", Some(start)) => {
                let number = |index: usize| arguments.get(index).and_then(|it| it.parse().ok());
                let is_shim = number(4).and_then(|fd: u64| open.get(&fd).copied());
                if let (Some(len), Some(is_shim)) = (number(1), is_shim) {
                    mapped.push((start, len, is_shim));
                }
            }
            _ => {}
        }
    }
    mapped
}

/// Counts the own calls in all of strace's logs in a folder.
fn own_calls(folder: &Path, is_of_musl: bool) -> Counts {
    let logs = fs::read_dir(folder).expect("the logs");
    let logs = logs.map(|log| fs::read(log.expect("a log").path()).expect("a log"));
    let logs: Vec<String> =
        logs.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    let lines: Vec<Vec<Line<'_>>> =
        logs.iter().map(|log| log.lines().filter_map(Line::parse).collect()).collect();
    // A child has its parent's mappings.
    let mapped: Vec<_> = lines.iter().flat_map(|lines| mappings(lines)).collect();
    let mut counts = Counts::new();
    for lines in &lines {
        let is_socket =
            |line: &Line<'_>| line.name == "socket" && line.rest.starts_with("AF_NETLINK");
        let first = if is_of_musl { lines.iter().position(is_socket).unwrap_or(0) } else { 0 };
        for line in &lines[first..] {
            let inside =
                |(start, len, _): &&(u64, u64, bool)| line.place.wrapping_sub(*start) < *len;
            let is_own = match mapped.iter().find(inside) {
                Some((_, _, is_shim)) => !is_shim,
                None => is_of_musl,
            };
            // Children that end at the same time make one signal, or two.
            if is_own && line.name != "rt_sigreturn" {
                *counts.entry(line.name.to_owned()).or_default() += 1;
            }
        }
    }
    counts
}

/// What a program says, without numbers that differ each time: process ids.
fn said(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split(' ').map(|word| {
        let is_id = word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_digit());
        if is_id { "ID" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What differs, as text.
fn difference(plain: &Counts, traced: &Counts) -> String {
    let names = plain.keys().chain(traced.keys());
    let mut different: Vec<String> = names
        .filter(|name| plain.get(*name) != traced.get(*name))
        .map(|name| {
            let count = |counts: &Counts| counts.get(name).copied().unwrap_or(0);
            format!("{name}: {} alone, {} traced", count(plain), count(traced))
        })
        .collect();
    different.dedup();
    different.join("\n")
}

#[test]
fn programs_make_the_calls_that_they_make_without() {
    let Some(network) = network() else { return };
    let found = target_folder().join("strace/strace");
    let strace = if found.exists() { found } else { PathBuf::from("strace") };
    if !strace.is_absolute() && !installed(&["strace"]) {
        return;
    }
    let p = |program, arguments| Program { program, arguments };
    let of_test = |name: &str, arguments: &[&str]| {
        let words = arguments.iter().map(|word| (*word).to_owned());
        std::iter::once(tracee(name).to_string_lossy().into_owned()).chain(words).collect()
    };
    let real = [
        p("ip", &["link"]),
        p("ip", &["-d", "-s", "address"]),
        p("ip", &["route", "get", "198.51.100.7"]),
        p("ip", &["link", "show", "nosuch"]),
        p("ss", &["-tuan"]),
        p("bridge", &["fdb"]),
        p("tc", &["qdisc", "show", "dev", "v0"]),
        p("nft", &["list", "ruleset"]),
        p("ethtool", &["v0"]),
        p("iw", &["dev"]),
        p("conntrack", &["-L"]),
        p("ipset", &["list"]),
        p("python3", &["-c", "import socket; print(socket.if_nameindex())"]),
        p("unshare", &["-Urn", "ip", "link"]),
        p("setpriv", &["--no-new-privs", "--bounding-set", "-all", "ip", "link"]),
        p("sh", &["-c", "ip link show lo | cat; ip route; exit 3"]),
        p("true", &[]),
    ];
    let words = |it: &Program| {
        std::iter::once(it.program).chain(it.arguments.iter().copied()).map(str::to_owned).collect()
    };
    let mut programs: Vec<(Vec<String>, bool)> =
        real.iter().filter(|it| installed(&[it.program])).map(|it| (words(it), false)).collect();
    let daemon = Scratch::new();
    let result = daemon.join("result").to_string_lossy().into_owned();
    programs.push((of_test("daemon", &[&result]), false));
    programs.push((of_test("filtered", &["strict", "little"]), false));
    programs.push((of_test("filtered", &["prctl", "calls"]), false));
    programs.push((of_test("flood", &["50"]), false));
    programs.push((of_test("once", &[]), false));
    programs.push((of_test("family", &["fork"]), false));
    programs.push((of_test("family", &["vfork"]), false));
    if is_portable() && installed(&["musl-gcc"]) {
        let program = tracee_of("musl-gcc", "flood.c", &["-O1"]);
        programs.push((vec![program.to_string_lossy().into_owned(), "50".into()], true));
    }

    let mut wrong = Vec::new();
    for (words, is_of_musl) in &programs {
        let counts = |preload: Option<(&str, &Path)>| {
            let logs = Scratch::new();
            let mut command: Command = network.command(&strace);
            command.args(["-ff", "-i", "--quiet=all", "-o"]).arg(logs.join("log"));
            let (transport, socket) = preload.unwrap_or(("none", Path::new("/tmp/nlhook-0-0/s")));
            for (name, value) in [
                ("LD_PRELOAD", shim().to_string_lossy()),
                ("NLHOOK_SOCKET", socket.to_string_lossy()),
                ("NLHOOK_TRANSPORT", transport.into()),
                // What is caught in a window the shim makes in libc's place.
                ("NLHOOK_LIBC", "name".into()),
            ] {
                // Alone, a program has as long an environment: some programs' memory depends on that.
                let name = if preload.is_some() { name.to_owned() } else { name.to_lowercase() };
                command.arg("-E").arg(format!("{name}={value}"));
            }
            let out = run(command.args(words));
            let mut stdout = said(&out.stdout);
            if words[0].contains("flood") {
                // Behind how many it sent it says how long that took.
                stdout.truncate(stdout.find(' ').unwrap_or(0));
            }
            let said = (out.status, stdout, said(&out.stderr));
            (own_calls(&logs.join(""), *is_of_musl), said)
        };
        let _fills_caches = counts(None);
        let (mut plain, mut said_alone) = counts(None);
        assert!(plain.values().sum::<usize>() > 1, "{words:?}: strace has seen nothing");
        for transport in TRANSPORTS {
            // Now and then a program does more when it is slow; then it does not each time.
            let mut last = String::new();
            let is_alike = (0..6).any(|turn| {
                if turn > 0 {
                    (plain, said_alone) = counts(None);
                }
                let scratch = Scratch::new();
                let viewer = Viewer::listen(&scratch.join("s"));
                let (traced, also_said) = counts(Some((transport, &scratch.join("s"))));
                viewer.finish().iter().for_each(|it: &Frames| assert_eq!(it.skipped, 0));
                last = difference(&plain, &traced);
                if also_said != said_alone {
                    last = format!("it says {also_said:?} instead of {said_alone:?}");
                }
                last.is_empty()
            });
            if !is_alike {
                wrong.push(format!("{words:?} by {transport}\n{last}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    if programs.len() < real.len() {
        cannot_run("some programs whose calls would be counted are missing");
    }
}
