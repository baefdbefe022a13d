//! Programs that are interrupted, stopped and killed after each machine instruction.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use super::harness::{
    Random, Scratch, TRANSPORTS, bare, by, library, run, shim, succeeded, times, tracee,
};
use super::nlview::{Heard, Nlview, wait_until};
use super::stream::{Frames, Viewer};

/// This number and those beyond are of `stepper`'s children.
const CHILDREN: u32 = 1 << 20;

/// How often each number of a child, and how many numbers of its own `stepper` has sent; checks that of
/// these none is missing.
fn sent(frames: &Frames) -> (HashMap<u32, u32>, u32) {
    let (mut children, mut own) = (HashMap::new(), 0);
    for (_, seq) in frames.sequence() {
        if seq >= CHILDREN {
            *children.entry(seq).or_insert(0) += 1;
        } else {
            own += 1;
            assert_eq!(seq, own, "a message of the survivor's is missing, or twice");
        }
    }
    (children, own)
}

fn numbers(line: &str) -> Vec<u32> {
    line.split_whitespace().map(|word| word.parse().expect("a number")).collect()
}

/// A signal's handler makes hooked calls at any point of the shim's constructor, and before it.
#[test]
fn a_handler_may_run_at_any_point_of_the_constructor() {
    let mut random = Random::new();
    let mut preload = shim().as_os_str().to_owned();
    preload.push(":");
    preload.push(library("hasty"));
    for round in 0..times(12, 500) {
        let transport = TRANSPORTS[round as usize % 2];
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("s"));
        let mut command = bare(tracee("stepper"));
        command.env("NLHOOK_SOCKET", scratch.join("s")).env("NLHOOK_TRANSPORT", transport);
        command.env("NLHOOK_BLOCK_MS", "10000");
        // The first that comes finds nothing resolved, the later ones all.
        let (first, stride) = (random.below(60_000), random.below(2000) + 20);
        command.arg("start").args([first.to_string(), stride.to_string()]).arg(&preload);
        let said = run(command.arg(tracee("marked")));
        assert!(said.ends_with(" status 0\n"), "{first}, {stride}: {said}");
        let frames = viewer.only();
        frames.check();
        let sequence = frames.sequence();
        let last = &sequence[sequence.len() - 3..];
        assert!(last.iter().map(|it| it.1).eq(CHILDREN + 1..=CHILDREN + 3), "{last:?}");
    }
}

/// Whatever a producer was doing when it was killed: its record is there whole or not at all, and the
/// others' are all there.
#[test]
fn a_producer_may_be_killed_after_each_instruction() {
    let mut random = Random::new();
    for transport in TRANSPORTS {
        let viewer = Nlview::listen();
        let stride = times(5, 1);
        let first = random.below(stride);
        let mut command = by(transport, tracee("stepper"), &viewer.socket());
        command.arg("kill").args([first.to_string(), stride.to_string()]);
        let [tried, survivors] = numbers(&run(&mut command))[..] else { panic!("two numbers") };
        let Heard { frames, lost } = viewer.finish();
        let (children, own) = sent(&frames);
        assert_eq!(own, survivors, "{transport}");
        let whole = children.iter().filter(|(seq, _)| **seq < 2 * CHILDREN).count() as u64;
        println!("{transport}: {tried} instructions, {whole} delivered, {lost} torn");
        assert!(children.iter().all(|(seq, count)| *seq >= 2 * CHILDREN || *count == 1));
        // The last one came to its end.
        assert!(children.contains_key(&(CHILDREN + tried - 1)), "{children:?}");
        assert!(whole > 1 && whole < u64::from(tried));
        // Between the claim and the commit a record is torn; a stream takes it at once.
        assert_eq!(lost > 0, transport == "ring", "{lost}");
        assert!(whole + lost <= u64::from(tried));
    }
}

/// Producers that are stopped after each instruction, all at the same time, keep nobody waiting, though
/// what is sent meanwhile is more than the ring holds. Those that go on afterwards have lost nothing.
#[test]
fn producers_may_be_stopped_after_each_instruction() {
    let mut random = Random::new();
    for transport in TRANSPORTS {
        let viewer = Nlview::listen();
        let stride = times(5, 1);
        let first = random.below(stride);
        let mut command = by(transport, tracee("stepper"), &viewer.socket());
        command.env("NLHOOK_RING", "1048576").env("NLHOOK_BLOCK_MS", "5000");
        command.arg("stop").args([first.to_string(), stride.to_string(), "20000".into()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("text");
        let [tried, survivors] = numbers(&line)[..] else { panic!("two numbers: {line}") };
        wait_until("all that was sent meanwhile", || sent(&viewer.so_far()).1 == survivors);
        let before = sent(&viewer.so_far()).0.len();

        child.stdin.take().expect("piped").write_all(b"x").expect("it waits");
        line.clear();
        output.read_line(&mut line).expect("text");
        succeeded(&child.wait_with_output().expect("it ends"));
        let Heard { frames, lost } = viewer.finish();
        let (children, own) = sent(&frames);
        assert_eq!(vec![own], numbers(&line), "{transport}");
        println!(
            "{transport}: {tried} stopped, {before} and {} delivered, {lost} torn",
            children.len()
        );
        // Every second one went on.
        for index in (0..tried).step_by(2) {
            assert_eq!(
                children.get(&(CHILDREN + index)),
                Some(&1),
                "{transport}: {index} of {tried}"
            );
        }
        let whole = children.keys().filter(|seq| **seq < 2 * CHILDREN).count() as u64;
        assert!(whole + lost <= u64::from(tried));
    }
}
