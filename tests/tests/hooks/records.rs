//! What the shim must see.

use std::path::Path;

use super::harness::{Scratch, TRANSPORTS, bare, by, run, times, to_file, tracee, tracee_of};
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
    expecting(&tracee(name));
}

fn expecting(program: &Path) {
    let scratch = Scratch::new();
    let file = scratch.join("calls.nlcap");
    let said = run(to_file(program, &file).env("NLHOOK_LIBC", "name"));
    let frames = Frames::of_file(&file);
    frames.check();
    compare(&said, &frames);

    for transport in TRANSPORTS {
        let socket = scratch.join(transport);
        let viewer = Viewer::listen(&socket);
        let said = run(by(transport, program, &socket).env("NLHOOK_LIBC", "name"));
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
fn calls_by_number_are_recorded_to_the_byte() {
    self_expecting("numbers");
}

/// What the compiler makes of calls whose lengths are to be checked.
#[test]
fn calls_of_fortified_programs_are_recorded_to_the_byte() {
    let options = ["-O2", "-D_FORTIFY_SOURCE=3"];
    expecting(&tracee_of("cc", "fortified.c", &options));
    expecting(&tracee_of("cc", "calls.c", &options));
    expecting(&tracee_of("cc", "calls.c", &["-O0"]));
}

/// Messages many times as long as a frame, sent and taken in all ways.
#[test]
fn megabytes_are_recorded_whole() {
    for len in [100_000_usize, 1 << 20, 3 << 20] {
        let plain = run(bare(tracee("big")).arg(len.to_string()));
        if plain == "refused\n" {
            return nltests::cannot_run("messages of megabytes take the rights of root");
        }
        assert_eq!(plain.lines().count(), 10);
        for transport in TRANSPORTS.iter().chain(&["file"]) {
            let scratch = Scratch::new();
            let viewer = (*transport != "file").then(|| Viewer::listen(&scratch.join("s")));
            let mut command = match *transport {
                "file" => to_file(tracee("big"), &scratch.join("x.nlcap")),
                transport => by(transport, tracee("big"), &scratch.join("s")),
            };
            command.env("NLHOOK_BLOCK_MS", "10000");
            assert_eq!(run(command.arg(len.to_string())), plain, "{transport}");
            let frames = match viewer {
                Some(viewer) => viewer.only(),
                None => Frames::of_file(&scratch.join("x.nlcap")),
            };
            frames.check();
            let big = frames.calls().into_iter().filter(|it| it.1.head.payload_total >= 1000);
            let big: Vec<Vec<u8>> = big.map(|it| it.2).collect();
            assert_eq!(big.len(), 10, "{transport}");
            for (index, bytes) in big.iter().enumerate() {
                let byte = |n: usize| (n * 7 + n / 256 + index / 2) as u8;
                let head = 16;
                assert_eq!(bytes.len(), len);
                let wrong = (head..len).find(|n| bytes[*n] != byte(*n));
                assert_eq!(wrong, None, "{transport}: call {index}");
            }
        }
    }
}

/// Nothing is left to be found when it is first used.
#[test]
fn programs_that_bind_all_at_once_start() {
    let scratch = Scratch::new();
    for transport in TRANSPORTS {
        let viewer = Viewer::listen(&scratch.join(transport));
        for program in [Path::new("/bin/true"), &tracee("flood")] {
            let mut command = by(transport, program, &scratch.join(transport));
            run(command.env("LD_BIND_NOW", "1").arg("3"));
        }
        let all = viewer.finish();
        assert_eq!(all.iter().map(|it| it.sequence().len()).sum::<usize>(), 3);
    }
}

/// Whoever is the first of a process to have to do with netlink: nothing that it sends, or another at the
/// same time, goes by unnoticed.
#[test]
fn whoever_comes_first_is_recorded_from_the_first_message_on() {
    for transport in TRANSPORTS {
        for round in 0..times(10, 1000) {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            let said = run(by(transport, tracee("first"), &scratch.join("s")).arg("threads"));
            assert_eq!(said, "160\n");
            // Who has waited for another in vain connects by itself.
            let all = viewer.finish();
            let mut sent: Vec<u32> = all.iter().flat_map(Frames::sequence).map(|it| it.1).collect();
            sent.sort_unstable();
            assert_eq!(sent, (1..=160).collect::<Vec<_>>(), "{transport}, round {round}");
        }
        for (who, forked) in [("child", 1), ("thread", 0)] {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            let program = tracee("first");
            let said = run(by(transport, &program, &scratch.join("s")).args([who, "a b"]));
            assert_eq!(said, "20\n");
            let frames = viewer.only();
            frames.check();
            assert_eq!(frames.sequence().len(), 20, "{who} by {transport}");
            let hello = frames.hellos()[0].1;
            let argv = format!("{}\0{who}\0a b\0", program.display());
            assert_eq!(hello.argv.escape_ascii().to_string(), argv.replace('\0', "\\x00"));
            assert_eq!(hello.forked, forked, "{who}");
            let name = program.file_name().expect("a name").as_encoded_bytes();
            let name = &name[..name.len().min(15)];
            assert_eq!(hello.comm, name, "{who}");
        }
    }
}

#[test]
fn sockets_that_are_passed_on_are_noticed_though_they_are_only_written_to() {
    for transport in TRANSPORTS {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("s"));
        assert_eq!(run(&mut by(transport, tracee("passed"), &scratch.join("s"))), "3\n");
        let all = viewer.finish();
        all.iter().for_each(Frames::check);
        // The one that passes them on sends nothing itself.
        let speaking = all.iter().filter(|frames| !frames.sequence().is_empty());
        let [frames] = speaking.collect::<Vec<_>>()[..] else { panic!("one speaks: {all:?}") };
        let sent: Vec<u32> = frames.sequence().iter().map(|it| it.1).collect();
        assert_eq!(sent, [1, 2, 3], "{transport}");
        let acknowledged = frames.calls().into_iter().filter(|it| it.1.head.payload_total == 36);
        assert_eq!(acknowledged.count(), 3);
    }
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
    let mut all = vec![vec![Frames::of_file(&file)]];
    for transport in TRANSPORTS {
        let viewer = Viewer::listen(&scratch.join(transport));
        assert_eq!(run(&mut by(transport, tracee("others"), &scratch.join(transport))), "done\n");
        // The program closes what it has not opened, so that there is a second connection.
        all.push(viewer.finish());
    }
    for all in all {
        assert_eq!(all.iter().map(|frames| frames.sequence().len()).sum::<usize>(), 6);
        for (_, call, bytes) in all.iter().flat_map(Frames::calls) {
            assert!(!bytes.contains(&b'x'), "{call:?}");
        }
        assert!(all.iter().all(|frames| frames.skipped == 0));
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
