//! Children of every kind, what becomes of them, and how a program ends.

use std::collections::HashSet;
use std::fs;
use std::process::Stdio;

use nltests::installed;
use nltests::run::shell_status;

use super::harness::{Scratch, TRANSPORTS, bare, by, run, times, to_file, tracee};
use super::nlview::{Nlview, wait_until};
use super::stream::{Frames, Viewer};

#[test]
fn each_kind_of_child_is_recorded_as_itself() {
    let alike = ["fork", "_Fork", "raw", "clone", "clone3", "session", "double"];
    let others = ["shared", "vfork", "closer", "spawn", "exec", "system", "popen"];
    let ways = alike.iter().chain(&others);
    for (transport, way) in TRANSPORTS.iter().flat_map(|it| ways.clone().map(move |way| (it, *way)))
    {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("viewer.sock"));
        let command = &mut by(transport, tracee("family"), &scratch.join("viewer.sock"));
        let said = run(command.env("NLHOOK_FILE", scratch.join("x.nlcap")).arg(way));
        let mut streams = viewer.finish();
        streams.push(Frames::of_file(&scratch.join("x.nlcap")));
        // An exec'd program makes a connection of its own; all others share one.
        match way {
            "spawn" | "exec" => assert_eq!(streams.len(), 3, "{way}"),
            // A shell is in between, which may give its process away.
            "system" | "popen" => assert!((3..=4).contains(&streams.len()), "{way}"),
            _ => assert_eq!(streams.len(), 2, "{way}"),
        }

        for frames in &streams {
            frames.check();
        }
        let file = streams.pop().expect("the file's");
        let viewed: Vec<_> = streams.iter().flat_map(sent).collect();
        for mut sent in [sent(&file), viewed] {
            sent.sort_by_key(|(_, seq, _)| *seq);
            let told: String = sent
                .iter()
                .map(|(pid, seq, _)| {
                    format!("{} {pid} {seq}\n", if *seq == 2 { "child" } else { "parent" })
                })
                .collect();
            assert_eq!(told, said, "{way}");
            if alike.contains(&way) {
                assert_eq!(sent.iter().map(|it| it.2).collect::<Vec<_>>(), [0, 1, 0], "{way}");
            }
        }
    }

    /// Thread, number and whether the process is a forked one, of each message sent.
    fn sent(frames: &Frames) -> Vec<(u32, u32, u32)> {
        let hellos = frames.hellos();
        let calls = frames.calls().into_iter().filter(|(_, call, _)| call.head.payload_total == 16);
        calls
            .map(|(process, call, bytes)| {
                let hello = hellos.iter().find(|it| it.0 == process).expect("a Hello").1;
                let seq = u32::from_ne_bytes(bytes[8..12].try_into().expect("a header"));
                (call.head.tid, seq, hello.forked)
            })
            .collect()
    }
}

/// Children are forked while other threads are in the midst of recording.
#[test]
fn forks_of_a_program_whose_threads_send_lose_nothing() {
    for transport in TRANSPORTS {
        let viewer = Nlview::listen();
        let mut command = by(transport, tracee("forks"), &viewer.socket());
        command.env("NLHOOK_BLOCK_MS", "10000").arg(times(150, 5000).to_string());
        let sent: u64 = run(&mut command).trim().parse().expect("a number");
        let heard = viewer.finish();
        let all = heard.frames.sequence();
        let different: HashSet<u32> = all.iter().map(|it| it.1).collect();
        assert_eq!((all.len() as u64, heard.lost), (sent, 0), "{transport}");
        assert_eq!(different.len(), all.len());
    }
}

#[test]
fn a_program_that_becomes_another_goes_on_being_recorded() {
    for transport in TRANSPORTS {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("s"));
        assert_eq!(run(by(transport, tracee("chain"), &scratch.join("s")).arg("20")), "1\n");
        let all = viewer.finish();
        assert_eq!(all.len(), 20);
        all.iter().for_each(Frames::check);
        let mut sent: Vec<u32> = all.iter().flat_map(Frames::sequence).map(|it| it.1).collect();
        sent.sort_unstable();
        assert_eq!(sent, (1..=20).collect::<Vec<_>>());

        let viewer = Viewer::listen(&scratch.join("t"));
        let mut shell = by(transport, "/bin/sh", &scratch.join("t"));
        let script =
            "/bin/sh -c 'exec /bin/sh -c \"exec \\\"$0\\\" 3\" \"$0\"' \"$0\"; exec \"$0\" 4";
        run(shell.args(["-c", script]).arg(tracee("flood")));
        let all = viewer.finish();
        let sent: usize = all.iter().map(|frames| frames.sequence().len()).sum();
        assert_eq!(sent, 7);
        // Every image that has to do with netlink says who it is; the shells have not.
        let names = all.iter().flat_map(|frames| frames.hellos()).map(|it| it.1.comm.to_vec());
        let names: Vec<Vec<u8>> = names.collect();
        let flood = tracee("flood");
        let flood = flood.file_name().expect("a name").as_encoded_bytes();
        assert_eq!(names, [&flood[..flood.len().min(15)]; 2]);
    }
}

#[test]
fn a_daemon_gets_no_foreign_byte_and_goes_on_being_recorded() {
    let scratch = Scratch::new();
    let result = |name: &str| {
        let file = scratch.join(name);
        wait_until("the daemon's last word", || {
            fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'))
        });
        fs::read_to_string(file).expect("text")
    };
    run(bare(tracee("daemon")).arg(scratch.join("bare")));
    assert_eq!(result("bare"), "0 foreign bytes, socket 5, 201 sent\n");
    for transport in TRANSPORTS {
        let viewer = Viewer::listen(&scratch.join("s").with_extension(transport));
        let mut command =
            by(transport, tracee("daemon"), &scratch.join("s").with_extension(transport));
        run(command.arg(scratch.join(transport)));
        assert_eq!(result(transport), result("bare"), "{transport}");
        let all = viewer.finish();
        let mut sent: Vec<u32> = all.iter().flat_map(Frames::sequence).map(|it| it.1).collect();
        sent.sort_unstable();
        assert_eq!(sent, (1..=201).collect::<Vec<_>>(), "{transport}");
    }
}

/// Python's subprocess is a vfork whose child closes descriptors, in its parent's memory.
#[test]
fn a_python_program_that_runs_others_stays_as_it_was() {
    if !installed(&["python3"]) {
        return;
    }
    let script = "
import os, socket, struct, subprocess, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
for seq in range(1, 21):
    s.send(struct.pack('=IHHII', 16, 1, 1, seq, 0))
    out = subprocess.run(['/bin/sh', '-c', 'echo ' + str(seq)], capture_output=True, close_fds=True)
    assert out.stdout == b'%d\\n' % seq and out.stderr == b''
    os.write(s.fileno(), struct.pack('=IHHII', 16, 1, 1, seq + 100, 0))
print(os.listdir('/proc/self/task') == [str(os.getpid())], s.fileno())
s.close()
";
    let plain = run(bare("python3").args(["-W", "error", "-c", script]));
    for transport in TRANSPORTS {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("s"));
        let said =
            run(by(transport, "python3", &scratch.join("s")).args(["-W", "error", "-c", script]));
        assert_eq!(said, plain);
        let all = viewer.finish();
        all.iter().for_each(Frames::check);
        let sent: Vec<u32> = all.iter().flat_map(Frames::sequence).map(|it| it.1).collect();
        let expected: Vec<u32> = (1..=20).flat_map(|seq| [seq, seq + 100]).collect();
        assert_eq!(sent, expected, "{transport}");
    }
}

/// However a program ends, and whatever sends on the way: all of it is received.
#[test]
fn whatever_ends_a_program_all_that_it_sent_is_received() {
    let ways = [
        ("return", 1002),
        ("exit", 1002),
        ("_exit", 1000),
        ("quick_exit", 1001),
        ("exit_group", 1000),
        ("abort", 1000),
        ("segv", 1000),
        ("fpe", 1000),
        ("kill", 1000),
        ("term", 1000),
        ("exec", 1000),
        ("fork", 1001),
        ("thread", 1003),
        ("thread-exit", 1002),
        ("main-first", 1003),
        ("pthread_exit", 1002),
        ("SYS_exit", 1000),
    ];
    for (way, count) in ways {
        let bare = bare(tracee("ends")).arg(way).output().expect("it starts");
        assert_eq!(bare.stdout, b"1000\n", "{way}");
        for transport in TRANSPORTS {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            let mut command = by(transport, tracee("ends"), &scratch.join("s"));
            command.env("NLHOOK_FILE", scratch.join("x.nlcap")).stdin(Stdio::null());
            let traced = command.arg(way).output().expect("it starts");
            assert_eq!(shell_status(traced.status), shell_status(bare.status), "{way}");
            assert_eq!((traced.stdout, traced.stderr), (bare.stdout.clone(), bare.stderr.clone()));
            let viewed = viewer.finish();
            let filed = [Frames::of_file(&scratch.join("x.nlcap"))];
            for all in [&viewed[..], &filed] {
                let sent = all.iter().flat_map(Frames::sequence).map(|it| it.1);
                let sent: Vec<u32> = sent.collect();
                assert_eq!(sent, (1..=count).collect::<Vec<_>>(), "{way} by {transport}");
            }
        }
    }
}

#[test]
fn an_inherited_socket_is_noticed_though_it_is_only_written_to() {
    let is_whole = |frames: &Frames| {
        frames.check();
        let seqs: Vec<u32> = frames.sequence().into_iter().map(|(_, seq)| seq).collect();
        assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
    };
    let scratch = Scratch::new();
    let file = scratch.join("x.nlcap");
    run(&mut to_file(tracee("inherited"), &file));
    is_whole(&Frames::of_file(&file));
    for transport in TRANSPORTS {
        let viewer = Viewer::listen(&scratch.join(transport));
        run(&mut by(transport, tracee("inherited"), &scratch.join(transport)));
        let all = viewer.finish();
        // The program that passes the socket on sends nothing itself.
        let speaking = all.iter().filter(|frames| !frames.sequence().is_empty());
        let [frames] = speaking.collect::<Vec<_>>()[..] else { panic!("one speaks: {all:?}") };
        is_whole(frames);
    }
}
