//! How records travel.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nlproto::Record;

use super::harness::{Scratch, bare, run, succeeded, to_file, to_viewer, tracee};
use super::stream::{Frames, Viewer};

/// Starts a flood that pauses, and waits until it does.
pub(super) fn flood(mut command: Command, count: u32, pause_at: u32) -> Child {
    command.args([count.to_string(), pause_at.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("starts")
}

/// Waits until a flood pauses.
pub(super) fn paused(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("text");
    assert_eq!(line, "paused\n");
    output
}

/// Lets a flood go on to its end; returns how many were sent and the longest send in milliseconds.
pub(super) fn go_on(
    mut child: Child,
    mut output: BufReader<std::process::ChildStdout>,
) -> (usize, u64) {
    child.stdin.take().expect("piped").write_all(b"x").expect("it waits");
    let mut line = String::new();
    output.read_line(&mut line).expect("text");
    succeeded(&child.wait_with_output().expect("it ends"));
    let mut words = line.split_whitespace();
    let mut word = || words.next().expect("two numbers").parse::<u64>().expect("a number");
    (word() as usize, word())
}

#[test]
fn a_stopped_viewer_costs_one_bounded_wait_and_every_loss_is_counted() {
    let scratch = Scratch::new();
    let viewer = Viewer::listen(&scratch.join("viewer.sock"));
    viewer.pause(true);
    let mut command = to_viewer(tracee("flood"), &scratch.join("viewer.sock"));
    command.env("NLHOOK_BLOCK_MS", "200");
    let mut child = flood(command, 60_001, 60_000);
    let output = paused(&mut child);
    viewer.pause(false);
    std::thread::sleep(Duration::from_millis(300));
    let (sent, longest_ms) = go_on(child, output);
    assert_eq!(sent, 60_001);
    assert!((200..2000).contains(&longest_ms), "{longest_ms} ms");

    let frames = viewer.only();
    assert_eq!(frames.skipped, 0);
    let (lost, total) = frames.lost();
    assert!(lost > 0 && lost == total);
    assert_eq!(frames.sequence().len() as u64 + lost, sent as u64);
    let last = frames.all.last().map(|frame| frame.record());
    assert!(matches!(last, Some(Record::Bye(bye)) if bye.lost == lost), "{last:?}");
}

#[test]
fn dropping_at_once_is_a_setting() {
    let scratch = Scratch::new();
    let viewer = Viewer::listen(&scratch.join("viewer.sock"));
    viewer.pause(true);
    let mut command = to_viewer(tracee("flood"), &scratch.join("viewer.sock"));
    command.env("NLHOOK_WHEN_FULL", "drop").env("NLHOOK_BLOCK_MS", "10000");
    let mut child = flood(command, 60_001, 60_000);
    let output = paused(&mut child);
    viewer.pause(false);
    std::thread::sleep(Duration::from_millis(300));
    let (sent, longest_ms) = go_on(child, output);
    assert!(longest_ms < 1000, "{longest_ms} ms");
    let frames = viewer.only();
    assert_eq!(frames.sequence().len() as u64 + frames.lost().0, sent as u64);
}

#[test]
fn a_slow_viewer_loses_nothing() {
    let scratch = Scratch::new();
    let viewer = Viewer::listen(&scratch.join("viewer.sock"));
    let mut command = to_viewer(tracee("flood"), &scratch.join("viewer.sock"));
    command.env("NLHOOK_BLOCK_MS", "10000").arg("100000");
    run(&mut command);
    let frames = viewer.only();
    frames.check();
    assert_eq!(frames.sequence().len(), 100_000);
}

#[test]
fn a_dead_viewer_is_forgotten() {
    let scratch = Scratch::new();
    let path = scratch.join("viewer.sock");
    let listener = UnixListener::bind(&path).expect("a free name");
    let command = to_viewer(tracee("flood"), &path);
    let mut child = flood(command, 2000, 1000);
    let output = paused(&mut child);
    drop(listener);
    assert_eq!(go_on(child, output).0, 2000);
}

#[test]
fn a_viewer_that_comes_later_is_found_at_the_next_socket() {
    let scratch = Scratch::new();
    let path = scratch.join("viewer.sock");
    // A shell has no netlink; the viewer comes before what it runs.
    let mut shell = to_viewer("/bin/sh", &path);
    shell.args(["-c", "echo paused; read x; exec \"$0\" 3"]).arg(tracee("flood"));
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = shell.spawn().expect("starts");
    let output = paused(&mut child);
    let viewer = Viewer::listen(&path);
    child.stdin.take().expect("piped").write_all(b"\n").expect("it waits");
    drop(output);
    child.wait().expect("it ends");
    assert_eq!(viewer.only().sequence().len(), 3);

    // The same within one process: the second round's socket is the first that finds it.
    let path = scratch.join("later.sock");
    let mut late = bare(tracee("late"));
    late.env("LD_PRELOAD", super::harness::shim()).env("NLHOOK_SOCKET", &path);
    late.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = late.spawn().expect("starts");
    let mut output = paused(&mut child);
    let viewer = Viewer::listen(&path);
    child.stdin.take().expect("piped").write_all(b"x").expect("it waits");
    let mut line = String::new();
    output.read_line(&mut line).expect("text");
    child.wait().expect("it ends");
    let frames = viewer.only();
    frames.check();
    // The older socket is recorded from then on, too.
    let seqs: Vec<u32> = frames.sequence().iter().map(|it| it.1).collect();
    assert_eq!(seqs, [2, 3]);
}

#[test]
fn another_root_is_left_by_the_abstract_name() {
    use std::os::linux::net::SocketAddrExt;
    let scratch = Scratch::new();
    let path = scratch.join("viewer.sock");
    let name =
        std::os::unix::net::SocketAddr::from_abstract_name(path.as_os_str().as_encoded_bytes());
    let listener = UnixListener::bind_addr(&name.expect("short enough")).expect("a free name");
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut bytes).expect("the stream");
        bytes
    });
    run(to_viewer(tracee("flood"), &path).arg("5"));
    let frames = Frames::of(&reader.join().expect("the reader ends well"));
    assert_eq!(frames.sequence().len(), 5);
}

#[test]
fn many_processes_append_to_one_file() {
    let scratch = Scratch::new();
    let file = scratch.join("x.nlcap");
    let children: Vec<Child> = (0..8)
        .map(|_| {
            let mut command = to_file(tracee("flood"), &file);
            command.arg("500").stdout(Stdio::null());
            command.spawn().expect("starts")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    let frames = Frames::of_file(&file);
    frames.check();
    assert_eq!((frames.preambles, frames.hellos().len()), (8, 8));
    assert_eq!(frames.sequence().len(), 4000);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&file).expect("the file").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_relative_file_stays_where_the_program_began() {
    let scratch = Scratch::new();
    let mut shell = to_file("/bin/sh", "x.nlcap".as_ref());
    shell.current_dir(scratch.join("")).args(["-c", "cd /; exec 9>&-; echo"]);
    run(&mut shell);
    assert_eq!(Frames::of_file(&scratch.join("x.nlcap")).hellos().len(), 1);
}

#[test]
fn a_full_disk_loses_records_and_says_so() {
    let scratch = Scratch::new();
    let script = "mount -t tmpfs -o size=64k none \"$1\" && cd \"$1\" \
        && NLHOOK_FILE=x.nlcap LD_PRELOAD=$2 \"$0\" 1000 900 && cat x.nlcap >&2";
    let mut command = bare("unshare");
    command.args(["-rm", "/bin/sh", "-c", script]).arg(tracee("flood"));
    command.arg(scratch.join("")).arg(super::harness::shim());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(b"x").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\n1000 "));
    let frames = Frames::of(&output.stderr);
    let seqs: Vec<u32> = frames.sequence().iter().map(|it| it.1).collect();
    assert!(seqs.len() > 100 && seqs.len() < 1000, "{}", seqs.len());
    assert_eq!(seqs, (1..=seqs.len() as u32).collect::<Vec<_>>());
}
