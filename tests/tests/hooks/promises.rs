//! What the shim must not do.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::harness::{
    Scratch, TRANSPORTS, bare, both_ways, by, library, run, to_file, to_viewer, tracee,
};
use super::stream::{Frames, Viewer};

#[test]
fn results_errno_and_bad_pointers_are_as_without() {
    let (bare, traced) = both_ways("errors");
    assert!(bare.lines().count() > 60);
    assert_eq!(bare, traced);
}

#[test]
fn every_call_is_made_exactly_once() {
    let (bare, traced) = both_ways("once");
    let lines = |end| bare.lines().filter(|line| line.ends_with(end)).count();
    assert_eq!(lines(": 1") + lines(": 2"), bare.lines().count());
    assert!(lines(": 1") >= 6 && lines(": 2") == lines(": 1"), "{bare}");
    assert_eq!(bare, traced);
}

#[test]
fn descriptors_and_threads_are_as_without() {
    let (bare, traced) = both_ways("footprint");
    assert_eq!(bare, traced);
}

#[test]
fn hooks_do_not_allocate() {
    let (bare, traced) = both_ways("allocations");
    assert_eq!(bare, "0 allocations\n");
    assert_eq!(bare, traced);
}

#[test]
fn a_program_that_closes_everything_gets_no_foreign_byte() {
    for way in ["loop", "closefrom", "close_range", "unshare", "raw", "walk", "dup2", "fork"] {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("viewer.sock"));
        let mut command = to_viewer(tracee("closer"), &scratch.join("viewer.sock"));
        let said = run(command.env("NLHOOK_FILE", scratch.join("x.nlcap")).arg(way));
        assert_eq!(said, "0 foreign bytes\n", "{way}");
        // And goes on being recorded, as soon as there is a descriptor to be had.
        let seqs = |frames: &Frames| frames.sequence().iter().map(|it| it.1).collect::<Vec<_>>();
        let viewed: Vec<u32> = viewer.finish().iter().flat_map(seqs).collect();
        let filed = seqs(&Frames::of_file(&scratch.join("x.nlcap")));
        for got in [viewed, filed] {
            assert!(got.starts_with(&[1]) && got.ends_with(&[3, 4]), "{way}: {got:?}");
        }
    }
}

/// Most programs have nothing to do with netlink, and should not pay for those that have.
#[test]
fn a_program_without_netlink_does_not_even_connect() {
    for transport in TRANSPORTS {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("s"));
        let script = "echo a | sed s/a/b/; python3 -c 'import socket; socket.socketpair()'";
        let said = run(by(transport, "/bin/sh", &scratch.join("s")).args(["-c", script]));
        assert_eq!(said, "b\n");
        assert!(viewer.finish().is_empty(), "somebody came by {transport}");
    }
}

#[test]
fn without_a_viewer_there_is_nothing() {
    let scratch = Scratch::new();
    let plain = run(&mut bare(tracee("footprint")));
    let cases: [(&str, &Path); 5] = [
        ("NLHOOK_SOCKET", Path::new("/nonexistent/nlview.sock")),
        ("NLHOOK_SOCKET", Path::new("/etc/passwd")),
        ("NLHOOK_FILE", Path::new("/nonexistent/x.nlcap")),
        ("NLHOOK_FILE", Path::new("/dev/null")),
        ("XDG_RUNTIME_DIR", &scratch.join("")),
    ];
    for (name, value) in cases {
        let mut command = bare(tracee("footprint"));
        command.env("LD_PRELOAD", super::harness::shim()).env(name, value);
        assert_eq!(run(&mut command), plain, "{name}={}", value.display());
    }
    let long = "x".repeat(5000);
    for name in ["NLHOOK_SOCKET", "NLHOOK_FILE", "XDG_RUNTIME_DIR"] {
        let mut command = bare(tracee("footprint"));
        assert_eq!(run(command.env("LD_PRELOAD", super::harness::shim()).env(name, &long)), plain);
    }
    // A transport of another version: not even a viewer that is there is spoken to.
    let viewer = Viewer::listen(&scratch.join("viewer.sock"));
    let mut command = to_viewer(tracee("calls"), &scratch.join("viewer.sock"));
    run(command.env("NLHOOK_TRANSPORT", "pigeon"));
    assert!(viewer.finish().is_empty());
}

#[test]
fn the_default_sockets_are_found() {
    let scratch = Scratch::new();
    let viewer = Viewer::listen(&scratch.join("nlview.sock"));
    let mut command = bare(tracee("flood"));
    command.env("LD_PRELOAD", super::harness::shim()).env("XDG_RUNTIME_DIR", scratch.join(""));
    run(command.arg("1"));
    assert_eq!(viewer.only().sequence().len(), 1);
}

#[test]
fn a_tight_limit_on_descriptors_is_survived() {
    let scratch = Scratch::new();
    for limit in ["4", "5", "8", "64"] {
        let file = scratch.join(limit);
        let script = format!("ulimit -n {limit}; exec \"$0\" 3");
        let mut shell = to_file("/bin/sh", &file);
        let said = run(shell.arg("-c").arg(script).arg(tracee("flood")));
        assert!(said.starts_with("3 "), "{limit}: {said}");
    }
    assert_eq!(Frames::of_file(&scratch.join("64")).sequence().len(), 3);
}

#[test]
fn a_limit_on_file_sizes_never_ends_the_program() {
    let scratch = Scratch::new();
    for limit in ["0", "1", "100", "4096", "10000"] {
        let file = scratch.join(limit);
        let said = run(to_file(tracee("limits"), &file).arg(limit));
        assert_eq!(said, "alive\n", "{limit}");
        let bytes = std::fs::metadata(&file).expect("the file").len();
        let hello = 16 + 400;
        assert!(bytes <= limit.parse::<u64>().expect("a number").max(hello), "{limit}: {bytes}");
        assert_eq!(Frames::of_file(&file).skipped, 0, "a torn frame");
    }
}

#[test]
fn nobody_waits_for_a_viewer_that_does_not_accept() {
    let scratch = Scratch::new();
    let path = scratch.join("viewer.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a free name");
    // As few as there can be may wait to be accepted, and they do.
    rustix::net::listen(&listener, 0).expect("a shorter queue");
    let connect = || {
        let (family, kind) = (rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM);
        let flags = rustix::net::SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(family, kind, flags, None).expect("a socket");
        let name = rustix::net::SocketAddrUnix::new(&path).expect("short enough");
        rustix::net::connect(&socket, &name).map(|()| socket)
    };
    let waiting: Vec<_> = std::iter::from_fn(|| connect().ok()).take(100).collect();
    assert!((1..100).contains(&waiting.len()), "the queue is never full");
    for transport in TRANSPORTS {
        let begin = Instant::now();
        for _ in 0..100 {
            run(&mut by(transport, "/bin/true", &path));
        }
        let said = run(by(transport, tracee("flood"), &path).arg("1000"));
        assert!(said.starts_with("1000 "), "{said}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
    // And where all of them find a place in the queue, but nobody ever reads what they say.
    rustix::net::listen(&listener, 4096).expect("a longer queue");
    for transport in TRANSPORTS {
        let begin = Instant::now();
        for _ in 0..100 {
            run(&mut by(transport, "/bin/true", &path));
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
}

#[test]
fn calls_before_the_constructor_and_after_the_end_are_made() {
    let scratch = Scratch::new();
    // glibc begins with the last, musl with the first.
    let mut libraries = [super::harness::shim().to_owned(), library("early")];
    if crate::COMPILER != "cc" {
        libraries.reverse();
    }
    let libraries = std::env::join_paths(libraries).expect("paths without colons");
    let flood = |mut command: Command| {
        command.env("LD_PRELOAD", &libraries).env("NLHOOK_LIBC", "name");
        assert!(run(command.arg("1")).starts_with("1 "));
    };
    let file = scratch.join("x.nlcap");
    flood(to_file(tracee("flood"), &file));
    let mut all = vec![Frames::of_file(&file)];
    for transport in TRANSPORTS {
        let viewer = Viewer::listen(&scratch.join(transport));
        flood(by(transport, tracee("flood"), &scratch.join(transport)));
        all.push(viewer.only());
    }
    for frames in all {
        frames.check();
        let seqs: Vec<u32> = frames.sequence().iter().map(|it| it.1).collect();
        assert_eq!(seqs, [1, 200, 200]);
    }
}

#[test]
fn a_strangers_viewer_is_told_nothing_unless_root_names_it() {
    let id = run(bare("id").arg("-u"));
    if id != "0\n" {
        // Only root can play two users.
        return;
    }
    for (name, is_told) in [("XDG_RUNTIME_DIR", false), ("NLHOOK_SOCKET", true)] {
        let scratch = Scratch::new();
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(scratch.join(""), everybody).expect("it is ours");
        let path = scratch.join("nlview.sock");
        let mut stranger = bare(tracee("stranger"));
        let mut stranger = stranger.arg(&path).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut said = BufReader::new(stranger.stdout.take().expect("piped")).lines();
        assert_eq!(said.next().expect("a line").expect("text"), "listening");

        let mut command = bare(tracee("flood"));
        command.env("LD_PRELOAD", super::harness::shim()).arg("5");
        run(command.env(name, if is_told { path } else { scratch.join("") }));
        let told: u64 = said.next().expect("a line").expect("text").parse().expect("a number");
        assert_eq!(told > 0, is_told, "{name}: {told} bytes");
        assert!(stranger.wait().expect("it ends").success());
    }
}
