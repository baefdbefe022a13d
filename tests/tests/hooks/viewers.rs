//! The real viewer stopped, killed and slow: nobody waits for it, and what was sent is received or
//! counted as lost.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::harness::{Random, Scratch, TRANSPORTS, bare, by, run, shim, succeeded, times, tracee};
use super::nlview::{Nlview, wait_until};
use super::stream::Frames;

/// So many floods of so many messages.
pub(super) fn floods(
    transport: &str,
    viewer: &Nlview,
    programs: usize,
    count: u32,
    block_ms: u32,
) -> Vec<Child> {
    let start = |_| {
        let mut command = by(transport, tracee("flood"), &viewer.socket());
        command.env("NLHOOK_BLOCK_MS", block_ms.to_string()).arg(count.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
    };
    (0..programs).map(start).collect()
}

/// Waits for floods; returns how many messages they sent, and the longest a send took in milliseconds.
pub(super) fn ended(floods: Vec<Child>) -> (u64, u64) {
    floods.into_iter().fold((0, 0), |(sum, longest), child| {
        let said = succeeded(&child.wait_with_output().expect("it ends"));
        let mut words = said.split_whitespace().map(|word| word.parse::<u64>().expect("a number"));
        let mut word = || words.next().expect("two numbers");
        (sum + word(), longest.max(word()))
    })
}

/// What was received of each process is in order and without a hole.
fn is_in_order(frames: &Frames) {
    let mut last = HashMap::new();
    for (process, seq) in frames.sequence() {
        let last = last.entry(process).or_insert(0);
        assert_eq!(seq, *last + 1);
        *last = seq;
    }
}

#[test]
fn a_stopped_nlview_gets_all_of_200_programs_afterwards() {
    for transport in TRANSPORTS {
        let viewer = Nlview::listen();
        viewer.signal("STOP");
        let begin = Instant::now();
        let (sent, longest_ms) = ended(floods(transport, &viewer, 200, 1000, 50));
        // Each has room enough: nobody waits at all.
        assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
        viewer.signal("CONT");
        let heard = viewer.finish();
        is_in_order(&heard.frames);
        let received = heard.frames.sequence().len() as u64;
        assert_eq!((sent, received, heard.lost), (200_000, 200_000, 0), "{transport}");
        println!("{transport}: the longest send took {longest_ms} ms");
    }
}

#[test]
fn a_killed_nlview_takes_nobody_along() {
    for transport in TRANSPORTS {
        let mut random = Random::new();
        for _ in 0..times(3, 30) {
            let viewer = Nlview::listen();
            let floods = floods(transport, &viewer, 4, 50_000, 50);
            thread::sleep(Duration::from_micros(random.below(100_000)));
            viewer.signal("KILL");
            let (sent, longest_ms) = ended(floods);
            assert_eq!(sent, 200_000);
            assert!(longest_ms < 2000, "{transport}: {longest_ms} ms");
        }
    }
}

/// A viewer that is stopped again and again while programs send more than there is room for.
#[test]
fn a_slow_nlview_is_told_of_every_loss() {
    for (transport, block_ms) in TRANSPORTS.iter().flat_map(|it| [(it, 0), (it, 50)]) {
        let mut random = Random::new();
        for _ in 0..times(1, 20) {
            let viewer = Nlview::listen();
            let mut floods = floods(transport, &viewer, 4, 30_000, block_ms);
            while floods.iter_mut().any(|it| it.try_wait().expect("a child").is_none()) {
                viewer.signal("STOP");
                thread::sleep(Duration::from_micros(random.below(60_000)));
                viewer.signal("CONT");
                thread::sleep(Duration::from_micros(random.below(20_000)));
            }
            let (sent, _) = ended(floods);
            let heard = viewer.finish();
            let received = heard.frames.sequence().len() as u64;
            println!("{transport}, {block_ms} ms: {received} received, {} lost", heard.lost);
            assert_eq!(received + heard.lost, sent, "{transport}, {block_ms} ms");
        }
    }
}

/// Programs that have the same number, each in a pid namespace of its own, are told apart; that their
/// threads' numbers are others' here makes nobody take them for dead.
#[test]
fn programs_of_other_pid_namespaces_are_told_apart() {
    for transport in TRANSPORTS {
        let viewer = Nlview::listen();
        let start = |_| {
            let mut command = by(transport, "unshare", &viewer.socket());
            command.args(["-Urpf", "--"]).arg(tracee("flood")).arg("2000");
            command.env("NLHOOK_BLOCK_MS", "10000").stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("starts")
        };
        let (sent, _) = ended((0..8).map(start).collect());
        let heard = viewer.finish();
        is_in_order(&heard.frames);
        assert_eq!((heard.frames.sequence().len() as u64, heard.lost), (sent, 0), "{transport}");
        let hellos = heard.frames.hellos();
        let keys: HashSet<u64> = hellos.iter().filter(|it| it.1.pid == 1).map(|it| it.0).collect();
        assert_eq!(keys.len(), 8, "{transport}");
    }
}

/// A program of another user's is not listened to, which it does not notice; and it is named by the number
/// that it has where the viewer is.
#[test]
fn another_users_program_runs_and_is_refused() {
    let ids = ["--reuid=65534", "--regid=65534", "--clear-groups", "--", "unshare", "-Urpf", "--"];
    if !bare("setpriv").args(ids).arg("true").output().expect("it starts").status.success() {
        return nltests::cannot_run(
            "only root can play two users, and namespaces may be forbidden",
        );
    }
    // Everything where nobody may go.
    let folder = Scratch::new();
    let everybody: Permissions = PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.join(""), everybody.clone()).expect("it is ours");
    fs::copy(shim(), folder.join("libnlhook.so")).expect("a copy");
    fs::copy(tracee("flood"), folder.join("flood")).expect("a copy");
    for transport in TRANSPORTS {
        let viewer = Nlview::listen();
        fs::set_permissions(viewer.socket(), PermissionsExt::from_mode(0o777)).expect("ours");
        let mut command = by(transport, "setpriv", &viewer.socket());
        command.env("LD_PRELOAD", folder.join("libnlhook.so"));
        let said = run(command.args(ids).arg(folder.join("flood")).arg("100"));
        assert!(said.starts_with("100 "), "{said}");
        wait_until("the refusal", || viewer.complaints().contains("it belongs to user 65534"));
        let complaints = viewer.complaints();
        assert!(!complaints.contains("process 1 "), "{complaints}");
        assert_eq!(viewer.finish().frames.sequence().len(), 0, "{transport}");
    }
}
