//! What the shim must see.

use super::harness::{Scratch, TRANSPORTS, bare, by, run, to_file, tracee};
use super::stream::{Frames, Viewer};
use super::text;

/// Compares what a tracee said it did with what was recorded.
fn compare(said: &str, frames: &Frames) {
    let recorded: Vec<String> =
        frames.calls().iter().map(|(_, call, bytes)| text::line(call, bytes)).collect();
    for (said, recorded) in said.lines().zip(&recorded) {
        assert_eq!(said, recorded);
    }
    assert_eq!(said.lines().count(), recorded.len(), "more or fewer records than calls");
}

fn self_expecting(name: &str) {
    let scratch = Scratch::new();
    let file = scratch.join("calls.nlcap");
    let said = run(to_file(tracee(name), &file).env("NLHOOK_LIBC", "name"));
    let frames = Frames::of_file(&file);
    frames.check();
    compare(&said, &frames);

    for transport in TRANSPORTS {
        let socket = scratch.join(transport);
        let viewer = Viewer::listen(&socket);
        let said = run(by(transport, tracee(name), &socket).env("NLHOOK_LIBC", "name"));
        let frames = viewer.only();
        frames.check();
        compare(&said, &frames);
    }
}

#[test]
fn every_hooked_call_is_recorded_to_the_byte() {
    self_expecting("calls");
}

#[test]
fn messages_of_unusual_shape_are_recorded_whole() {
    self_expecting("shapes");
}

#[test]
fn every_call_has_its_thread_and_its_times() {
    let scratch = Scratch::new();
    let file = scratch.join("x.nlcap");
    run(to_file(tracee("calls"), &file).env("NLHOOK_LIBC", "name"));
    let frames = Frames::of_file(&file);
    let hello = frames.hellos()[0].1;
    let mut last = hello.monotonic_ns;
    for (_, call, _) in frames.calls() {
        assert_eq!(call.head.tid, hello.pid);
        assert!(call.head.enter_ns >= last && call.head.exit_ns >= call.head.enter_ns);
        last = call.head.enter_ns;
    }
}

#[test]
fn hello_introduces_the_program() {
    let scratch = Scratch::new();
    let file = scratch.join("x.nlcap");
    run(to_file("/bin/echo", &file).args(["a b", "", "c"]));
    let frames = Frames::of_file(&file);
    frames.check();
    let hello = frames.hellos()[0].1;
    assert_eq!(hello.argv, b"/bin/echo\0a b\0\0c\0");
    assert_eq!(hello.comm, b"echo");
    assert!(hello.exe.ends_with(b"/echo"));
    assert_eq!(hello.shim, env!("CARGO_PKG_VERSION").as_bytes());
    assert_eq!((hello.forked, hello.ppid), (0, std::process::id()));
    let netns =
        std::fs::metadata("/proc/self/ns/net").map(|it| std::os::unix::fs::MetadataExt::ino(&it));
    assert_eq!(Some(hello.netns), netns.ok());
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64;
    assert!(now - hello.realtime_ns < 60_000_000_000);
}

#[test]
fn sockets_are_described_again_when_they_change() {
    let scratch = Scratch::new();
    let file = scratch.join("x.nlcap");
    run(&mut to_file(tracee("calls"), &file));
    let frames = Frames::of_file(&file);
    let sockets = frames.sockets();
    let first = sockets[0];
    assert_eq!(first.netns_cookie, frames.hellos()[0].1.netns_cookie);
    assert_eq!((first.kind, first.protocol, first.portid, first.groups), (3, 0, 0, 0));
    assert!(first.inode != 0 && first.netns_cookie != 0);
    // After bind, by the inode the same socket.
    let bound = sockets[1];
    assert_eq!((bound.inode, bound.groups), (first.inode, 1));
    assert!(bound.portid != 0);
    let last = sockets[sockets.len() - 1];
    assert_eq!((last.kind, last.protocol), (2, 16));
    assert_ne!(last.inode, first.inode);

    // A first send gives a socket its port id, and the record before it says so.
    run(to_file(tracee("flood"), &scratch.join("flood.nlcap")).arg("2"));
    let sockets = Frames::of_file(&scratch.join("flood.nlcap")).sockets();
    let portids: Vec<bool> = sockets.iter().map(|socket| socket.portid != 0).collect();
    assert_eq!(portids, [false, true]);
}

#[test]
fn nothing_but_netlink_is_recorded() {
    let scratch = Scratch::new();
    let file = scratch.join("x.nlcap");
    assert_eq!(run(&mut to_file(tracee("others"), &file)), "done\n");
    let frames = Frames::of_file(&file);
    frames.check();
    assert_eq!(frames.sequence().len(), 6);
    for (_, call, bytes) in frames.calls() {
        assert!(!bytes.contains(&b'x'), "{call:?}");
    }
}

#[test]
fn a_signal_handler_that_sends_is_recorded_whole() {
    let storm = |transport: &str| {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("viewer.sock"));
        let mut command = by(transport, tracee("storm"), &scratch.join("viewer.sock"));
        command.env("NLHOOK_FILE", scratch.join("x.nlcap")).env("NLHOOK_BLOCK_MS", "10000");
        let said = run(&mut command);
        let sent = said.split_whitespace().map(|n| n.parse().expect("a number"));
        let sent: Vec<usize> = sent.collect();
        [viewer.only(), Frames::of_file(&scratch.join("x.nlcap"))].map(|it| (it, sent.clone()))
    };
    for (frames, sent) in TRANSPORTS.iter().flat_map(|transport| storm(transport)) {
        assert_eq!((frames.skipped, frames.lost()), (0, (0, 0)));
        let by_handler = |it: &&(u64, u32)| it.1 & (1 << 30) != 0;
        let all = frames.sequence();
        assert_eq!(all.iter().filter(by_handler).count(), sent[1]);
        assert_eq!(all.len(), sent[0] + sent[1]);
    }
}

#[test]
fn threads_are_recorded_whatever_becomes_of_them() {
    let bare = run(&mut bare(tracee("threads")));
    let threads = |transport: &str| {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("viewer.sock"));
        let mut command = by(transport, tracee("threads"), &scratch.join("viewer.sock"));
        command.env("NLHOOK_FILE", scratch.join("x.nlcap")).env("NLHOOK_BLOCK_MS", "10000");
        assert_eq!(run(&mut command), bare);
        [viewer.only(), Frames::of_file(&scratch.join("x.nlcap"))]
    };
    for frames in TRANSPORTS.iter().flat_map(|transport| threads(transport)) {
        assert_eq!((frames.skipped, frames.lost()), (0, (0, 0)));
        assert_eq!(frames.sequence().len(), 4001);
        let tids = frames.calls().into_iter().map(|(_, call, _)| call.head.tid);
        assert!(tids.collect::<std::collections::HashSet<_>>().len() >= 5);
    }
}
