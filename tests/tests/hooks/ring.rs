//! The shared ring: a reader of it, and what must hold of it alone.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nlproto::ring::{Consumer, Found, Word, Words};
use nlring::{Access, Map};

use super::harness::{Random, Scratch, bare, by, run, times, tracee};
use super::links::{flood, go_on, paused};
use super::stream::{Frames, Viewer};

/// Reads a ring until nobody has it mapped any more. Torn records are passed over; returns how many
/// records are lost: those, and the ones that found no room.
pub(crate) fn read_all(file: &OwnedFd, paused: &AtomicBool, bytes: &mut Vec<u8>) -> Lost {
    let open = |access| Map::new(file.as_raw_fd(), access).expect("a ring");
    let mut map = open(Access::Shared);
    let mut consumer = Consumer::new(map.layout());
    let mut end = None;
    let mut torn = 0;
    loop {
        while paused.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(1));
        }
        map.store(Word::Heartbeat, now_ms());
        let mut beaten = Instant::now();
        while end != Some(consumer.head()) {
            if beaten.elapsed() > Duration::from_millis(100) {
                // A fast program may keep us here for long.
                map.store(Word::Heartbeat, now_ms());
                beaten = Instant::now();
            }
            let head = consumer.head();
            let slot = match consumer.look(head, &map) {
                Some(Found::Record(len, slot)) => {
                    let start = bytes.len();
                    bytes.resize(start + len, 0);
                    assert!(map.copy_out(head, &mut bytes[start..]));
                    slot
                }
                Some(Found::Busy(slot)) if end.is_some() => {
                    torn += 1;
                    slot
                }
                Some(Found::Pad(slot)) => slot,
                Some(Found::Broken) => panic!("a broken ring"),
                Some(Found::Busy(_) | Found::Nothing) | None => break,
            };
            consumer.free_all(slot, &map);
        }
        if end.is_some() {
            return Lost { full: map.load(Word::Lost), torn };
        }
        thread::sleep(Duration::from_micros(500));
        drop(map);
        map = if nlring::seal_if_unmapped(file.as_raw_fd()) {
            let map = open(Access::Rest);
            end = Some(consumer.head() + map.layout().granules());
            map
        } else {
            open(Access::Shared)
        };
    }
}

/// Records that a ring's programs have lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// There was no room for them.
    pub(crate) full: u64,
    /// Nobody finished them.
    pub(crate) torn: u64,
}

/// `CLOCK_MONOTONIC`, of which the standard library does not tell the value.
fn now_ms() -> u64 {
    let uptime = fs::read_to_string("/proc/uptime").expect("proc");
    let seconds = uptime.split_whitespace().next().expect("a number");
    (seconds.parse::<f64>().expect("a number") * 1000.0) as u64
}

#[test]
fn no_descriptor_is_kept() {
    let list = "ls -l /proc/self/fd | sed 's/.* //; s/\\[.*\\]//' | wc -l; exec 7</dev/null; ls /proc/self/fd";
    let scratch = Scratch::new();
    let socket = scratch.join("viewer.sock");
    let viewer = Viewer::listen(&socket);
    let plain = run(bare("/bin/sh").args(["-c", list]));
    let traced = run(by("ring", "/bin/sh", &socket).args(["-c", list]));
    assert_eq!(plain, traced);
    viewer.finish();
}

#[test]
fn closing_everything_and_going_elsewhere_loses_nothing() {
    for way in ["loop", "closefrom", "close_range", "unshare", "raw", "walk", "dup2", "fork"] {
        let scratch = Scratch::new();
        let socket = scratch.join("viewer.sock");
        let viewer = Viewer::listen(&socket);
        let said = run(by("ring", tracee("closer"), &socket).arg(way));
        assert_eq!(said, "0 foreign bytes\n", "{way}");
        let frames = viewer.only();
        frames.check();
        let seqs: Vec<u32> = frames.sequence().iter().map(|it| it.1).collect();
        assert_eq!(seqs, [1, 2, 3, 4], "{way}");
    }
}

/// Whether `NLHOOK_RING` is far too small or too large, records come whole, and in parts.
#[test]
fn rings_of_every_size_hold_records_of_every_size() {
    for len in ["0", "65536", "100000", "1048576", "99999999999", "nonsense"] {
        let scratch = Scratch::new();
        let socket = scratch.join("viewer.sock");
        let viewer = Viewer::listen(&socket);
        let mut command = by("ring", tracee("shapes"), &socket);
        command.env("NLHOOK_RING", len).env("NLHOOK_BLOCK_MS", "10000");
        let said = run(&mut command);
        let frames = viewer.only();
        frames.check();
        assert_eq!(frames.calls().len(), said.lines().count(), "{len}");
    }
}

#[test]
fn where_there_can_be_no_ring_the_socket_is_used() {
    let scratch = Scratch::new();
    for limit in ["ulimit -f 1", "ulimit -v 20000; export NLHOOK_RING=200000000"] {
        let socket = scratch.join(if limit.contains('f') { "f" } else { "v" });
        let viewer = Viewer::listen(&socket);
        let mut shell = bare("/bin/sh");
        let script = format!(
            "{limit}; export LD_PRELOAD={} NLHOOK_SOCKET={}; exec \"$0\" 3",
            super::harness::shim().display(),
            socket.display()
        );
        assert!(run(shell.args(["-c", &script]).arg(tracee("flood"))).starts_with("3 "));
        let frames = viewer.only();
        frames.check();
        assert_eq!(frames.sequence().len(), 3, "{limit}");
    }
}

/// Two hundred programs, with a viewer that is stopped meanwhile.
#[test]
fn a_stopped_viewer_gets_everything_afterwards() {
    let scratch = Scratch::new();
    let socket = scratch.join("viewer.sock");
    let viewer = Viewer::listen(&socket);
    viewer.pause(true);
    let begin = Instant::now();
    let children: Vec<Child> = (0..200)
        .map(|_| {
            let mut command = by("ring", tracee("flood"), &socket);
            command.arg("1000").stdout(Stdio::null()).spawn().expect("starts")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    viewer.pause(false);
    let all = viewer.finish();
    assert_eq!(all.len(), 200);
    for frames in &all {
        frames.check();
        let (lost, _) = frames.lost();
        assert_eq!(frames.sequence().len() as u64 + lost, 1000);
    }
}

/// More than the ring holds, with a viewer that does not look: one bounded wait, and each loss
/// counted, though the end comes while the ring is full.
#[test]
fn a_full_ring_costs_one_bounded_wait_and_every_loss_is_counted() {
    let scratch = Scratch::new();
    let socket = scratch.join("viewer.sock");
    let viewer = Viewer::listen(&socket);
    viewer.pause(true);
    let mut command = by("ring", tracee("flood"), &socket);
    command.env("NLHOOK_RING", "65536").env("NLHOOK_BLOCK_MS", "200").arg("20000");
    let said = run(&mut command);
    let longest_ms: u64 = said.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("ms");
    assert!((200..2000).contains(&longest_ms), "{longest_ms} ms");
    viewer.pause(false);
    let frames = viewer.only();
    let received = frames.sequence().len() as u64;
    assert!((100..1000).contains(&received), "{received}");
    assert_eq!(received + frames.lost_for_certain(), 20_000);
}

/// A viewer that has not looked for a second may be dead: nobody waits for it.
#[test]
fn a_full_ring_of_a_silent_viewer_costs_no_wait() {
    let scratch = Scratch::new();
    let socket = scratch.join("viewer.sock");
    let viewer = Viewer::listen(&socket);
    viewer.pause(true);
    let mut command = by("ring", tracee("flood"), &socket);
    command.env("NLHOOK_RING", "65536").env("NLHOOK_BLOCK_MS", "5000");
    let mut child = flood(command, 20_000, 1);
    let output = paused(&mut child);
    thread::sleep(Duration::from_millis(1500));
    let (sent, longest_ms) = go_on(child, output);
    assert!(longest_ms < 500, "{longest_ms} ms");
    viewer.pause(false);
    let frames = viewer.only();
    assert_eq!(frames.sequence().len() as u64 + frames.lost_for_certain(), sent as u64);
}

/// How many messages each thread and child of `crowd` has sent for certain.
fn counts(file: &Path) -> Vec<u32> {
    let bytes = fs::read(file).unwrap_or_default();
    let words = bytes.chunks_exact(4);
    words.map(|word| u32::from_ne_bytes(word.try_into().expect("four bytes"))).collect()
}

/// What a program has sent is received, whenever it is killed: its threads' records, its children's,
/// and all that they sent after others of them were killed.
#[test]
fn a_killed_program_loses_nothing_that_it_has_sent() {
    let mut random = Random::new();
    let mut received_in_all = 0;
    for round in 0..times(40, 600) {
        let scratch = Scratch::new();
        let (socket, file) = (scratch.join("viewer.sock"), scratch.join("counts"));
        let viewer = Viewer::listen(&socket);
        let mut command = by("ring", tracee("crowd"), &socket);
        command.env("NLHOOK_BLOCK_MS", "10000").arg(&file).stdout(Stdio::null());
        let mut child = command.spawn().expect("starts");
        thread::sleep(Duration::from_micros(random.below(60_000)));
        child.kill().expect("a child can be killed");
        assert_eq!(child.wait().expect("it ends").signal(), Some(9));
        // Its children die with it, and those must have ended for the ring to be read to its end.
        let all = viewer.finish();
        let mut received = [0_u32; 8];
        for (_, seq) in all.iter().flat_map(Frames::sequence) {
            let (who, number) = ((seq >> 24) as usize, seq & 0xff_ffff);
            assert_eq!(number, received[who] + 1, "round {round}: {who} has a hole");
            received[who] = number;
        }
        for (who, count) in counts(&file).into_iter().enumerate() {
            assert!(received[who] >= count, "round {round}: {who} sent {count}: {received:?}");
        }
        received_in_all += received.iter().sum::<u32>();
    }
    println!("{received_in_all} records");
    assert!(received_in_all > 10_000);
}
