//! The viewer's memory is bounded, however long it reads.
//!
//! `tests/bench/memory.sh` runs this with a million messages and prints what each way of looking at them
//! takes. Here fewer are enough: what grows with them shows.

use std::env;
use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nltests::long_capture;
use nltests::run::{nlview, shell_status};

/// Most memory that the viewer may have resident, in KiB.
const MOST_KIB: u64 = 24 << 10;
/// What ten times the messages may add, in KiB.
const MOST_MORE_KIB: u64 = 3 << 10;

/// The ways of looking. One that adds to what the viewer remembers belongs here.
const WAYS: &[&[&str]] = &[
    &["-f", "tree"],
    &["-f", "json"],
    &["-f", "strace"],
    &["-f", "tree", "-e", "errno != 0"],
    &["-f", "json", "-e", "IFLA_IFNAME == \"v1\""],
    &["-f", "tree", "-e", "errno != 0", "--conversation"],
    &["-f", "json", "-e", "errno != 0", "--conversation"],
    &["-f", "tree", "--fold"],
    &["-c"],
    &["-f", "json", "-C"],
    &["--check"],
    &["--check=errors"],
];

/// What a run took.
struct Taken {
    peak_kib: u64,
    time: Duration,
}

/// Has the viewer read so many messages.
fn taken(options: &[&str], messages: u64) -> Taken {
    let began = Instant::now();
    let mut viewer = nlview()
        .args(["-r", "-", "-o", "/dev/null"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let input = viewer.stdin.take().unwrap();
    let writer = thread::spawn(move || long_capture::write(input, messages).unwrap());
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(resident(&viewer));
        if let Some(status) = viewer.try_wait().unwrap() {
            break status;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let time = began.elapsed();
    writer.join().unwrap();
    // A check ends with 1 if it has found anything.
    let checks = options.iter().any(|option| option.starts_with("--check"));
    assert_eq!(shell_status(status), i32::from(checks), "{options:?}");
    Taken { peak_kib, time }
}

/// The most memory that a process has had resident so far, in KiB; 0 of one that has ended.
fn resident(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

#[test]
fn memory_does_not_grow_with_the_messages() {
    let messages = env::var("NLTESTS_MESSAGES").map_or(50_000, |count| count.parse().unwrap());
    // The program itself takes more where it is not optimized.
    let most_kib = if env::var_os("NLTESTS_PROFILE").is_none() { MOST_KIB } else { 2 * MOST_KIB };
    let mut wrong = Vec::new();
    for options in WAYS {
        let [few, many] = [messages / 10, messages].map(|count| taken(options, count));
        let row = format!(
            "{:<46} {} messages: {:.1} MiB, {} messages: {:.1} MiB, {:.2} s",
            options.join(" "),
            messages / 10,
            few.peak_kib as f64 / 1024.0,
            messages,
            many.peak_kib as f64 / 1024.0,
            many.time.as_secs_f64(),
        );
        println!("{row}");
        if many.peak_kib > most_kib || many.peak_kib > few.peak_kib + MOST_MORE_KIB {
            wrong.push(row);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
