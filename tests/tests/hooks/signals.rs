//! Signals, cancellation and jumps: whatever leaves or interrupts a hooked call.

use std::fs;

use nlproto::Origin;

use super::harness::{
    Random, Scratch, TRANSPORTS, bare, both_ways, by, run, times, to_file, tracee, tracee_of,
};
use super::nlview::Nlview;
use super::stream::Viewer;

#[test]
fn calls_that_wait_are_interrupted_and_restarted_as_without() {
    let (bare, traced) = both_ways("interrupted");
    assert_eq!(bare.lines().filter(|line| line.ends_with("interrupted")).count(), 27);
    assert_eq!(bare, traced);
}

/// A deferred cancellation acts where the call waits, one at once anywhere.
#[test]
fn cancelled_threads_clean_up_and_what_others_sent_is_whole() {
    for (transport, how) in TRANSPORTS.iter().flat_map(|it| [(it, None), (it, Some("at-once"))]) {
        let count = times(100, 5000);
        let viewer = Nlview::listen();
        let mut command = by(transport, tracee("cancelled"), &viewer.socket());
        command.env("NLHOOK_BLOCK_MS", "10000").arg(count.to_string()).args(how);
        let said = run(&mut command);
        let bare = run(bare(tracee("cancelled")).arg("1"));
        let (ends, sent) = said.rsplit_once("sent ").expect("a count");
        assert_eq!(ends, bare.rsplit_once("sent ").expect("a count").0);

        let sent: u64 = sent.trim().parse().expect("a number");
        let heard = viewer.finish();
        let received = heard.frames.sequence().len() as u64;
        // Of each thread that was cancelled at once, the last send may have returned to nobody, and its
        // record may be half done.
        let more = if how.is_some() { count } else { 0 };
        let lost = heard.lost;
        assert!(
            (sent..=sent + more).contains(&received),
            "{transport}, {how:?}: {received} of {sent}, {lost} lost"
        );
        assert!(heard.lost <= more, "{transport}: {} lost", heard.lost);
    }
}

#[test]
fn what_stands_above_a_cancelled_call_is_destroyed() {
    let scratch = Scratch::new();
    let program = tracee_of("c++", "unwound.cc", &[]);
    let plain = run(&mut bare(&program));
    assert_eq!(plain.matches("destroyed").count(), 8);
    for transport in TRANSPORTS {
        let viewer = Viewer::listen(&scratch.join(transport));
        assert_eq!(run(&mut by(transport, &program, &scratch.join(transport))), plain);
        viewer.only().check();
    }
}

/// Jumps out of sends, in which they leave what is half done for ever: all that returned is received,
/// and what comes afterwards, many times what a ring holds.
#[test]
fn jumps_out_of_sends_lose_nothing_that_returned() {
    let mut random = Random::new();
    let rings = ["65536", "1000000", "4194304"];
    for (transport, ring) in TRANSPORTS.iter().flat_map(|it| rings.map(|ring| (it, ring))) {
        for _ in 0..times(1, 10) {
            let scratch = Scratch::new();
            let viewer = Nlview::listen();
            let mut command = by(transport, tracee("jumper"), &viewer.socket());
            command.env("NLHOOK_RING", ring).env("NLHOOK_BLOCK_MS", "10000");
            let len = (1 + random.below(12_000)) * 16;
            let after = times(20_000, 200_000);
            command.arg(scratch.join("returned")).arg(times(50, 1000).to_string());
            let said = run(command.args([len.to_string(), after.to_string()]));
            let numbers = said.split_whitespace().map(|word| word.parse().expect("a number"));
            let [sends, jumps, next]: [usize; 3] =
                numbers.collect::<Vec<_>>().try_into().expect("three numbers");
            let heard = viewer.finish();
            println!(
                "{transport}, {ring}: {len} bytes, {sends} sends, {jumps} jumps, lost {}",
                heard.lost
            );
            assert!(jumps > 20, "{said}");
            // Standard descriptors, the file and the socket.
            assert_eq!(next, 5, "a descriptor was left open");
            let mut received = vec![false; sends + 1];
            for (_, seq) in heard.frames.sequence() {
                assert!(!std::mem::replace(&mut received[seq as usize], true), "{seq} twice");
            }
            let returned = fs::read(scratch.join("returned")).expect("the file");
            let missing = (1..=sends).filter(|seq| returned[*seq] == 1 && !received[*seq]);
            assert_eq!(missing.collect::<Vec<_>>(), [0; 0], "{transport}, {ring}, {len}");
        }
    }
}

/// A handler's stack of the least size that there is, with nothing below it: what the hooks take of it,
/// also where they have most to do, is known and little.
#[test]
fn small_stacks_are_large_enough() {
    let depths = |errors: &[u8]| -> Vec<u64> {
        let text = String::from_utf8_lossy(errors).into_owned();
        let last = |line: &str| line.rsplit(' ').next().and_then(|word| word.parse().ok());
        text.lines().map(|line| last(line).unwrap_or_else(|| panic!("{text}"))).collect()
    };
    let output = bare(tracee("small")).output().expect("it starts");
    assert_eq!(output.stdout, b"done\n", "{output:?}");
    let [_, plain, ..] = depths(&output.stderr)[..] else { panic!("{output:?}") };
    for transport in ["inert", "file"].iter().chain(&TRANSPORTS) {
        let scratch = Scratch::new();
        let socket = scratch.join("viewer.sock");
        let viewer = TRANSPORTS.contains(transport).then(|| Viewer::listen(&socket));
        let mut command = match *transport {
            "file" => to_file(tracee("small"), &scratch.join("x.nlcap")),
            "inert" => by("ring", tracee("small"), &socket),
            transport => by(transport, tracee("small"), &socket),
        };
        let output = command.output().expect("it starts");
        assert_eq!(output.stdout, b"done\n", "{transport}: {output:?}");
        let [_, again, child, new] = depths(&output.stderr)[..] else { panic!("{output:?}") };
        let (usual, most) = if *transport == "inert" { (512, 512) } else { (2560, 3072) };
        assert!(again <= plain + usual, "{transport}: {again} bytes instead of {plain}");
        assert!(child.max(new) <= plain + most, "{transport}: {child}, {new} instead of {plain}");
        if let Some(viewer) = viewer {
            let frames = viewer.only();
            frames.check();
            // Four handlers' and the thread's; and libc's own, where they are caught.
            let by_program = |it: &(u64, nlproto::Call<'_>, Vec<u8>)| {
                it.1.head.payload_total == 16
                    && Origin::split(it.1.head.function).1 == Origin::Program
            };
            assert_eq!(frames.calls().into_iter().filter(by_program).count(), 5);
        }
    }
}
