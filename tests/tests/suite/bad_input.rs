//! What is said and done when something is wrong: one line that names the file or program, the
//! status that scripts rely on, and all that was received before.

use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nltests::run::{Finished, nlview, replay, run, run_with_input};
use nltests::scratch::Scratch;
use nltests::{cannot_run, installed};

/// `--read` or `--listen` failed.
const FAILED: i32 = 1;
/// The command line makes no sense.
const USAGE: i32 = 2;
/// We failed, not the program.
const OURS: i32 = 125;

const HEX: &str = "NETLINK_ROUTE > 14000000 12000103 01000000 00000000 00000000\n";

/// It ended with this status and said one thing, in which all these words stand.
#[track_caller]
fn says(out: &Finished, status: i32, words: &[&str]) {
    assert_eq!(out.status, status, "{out:?}");
    let err = out.err();
    assert!(err.starts_with("nlview: "), "{out:?}");
    for word in words {
        assert!(err.contains(word), "no `{word}` in {out:?}");
    }
    assert!(!err.contains("panicked"), "{out:?}");
}

/// A capture that the program itself wrote.
fn capture(scratch: &Scratch) -> std::path::PathBuf {
    let file = scratch.path("whole.nlcap");
    let mut command = nlview();
    command.arg("-w").arg(&file).args(["-o", "/dev/null", "--", "ip", "link", "show", "lo"]);
    let _out = run(&mut command).expect(0);
    file
}

#[test]
fn no_such_file() {
    let out = replay(Path::new("/nonexistent/x.nlcap"), "tree", &[]);
    says(&out, FAILED, &["/nonexistent/x.nlcap", "No such file"]);
    let out = replay(Path::new("/"), "tree", &[]);
    says(&out, FAILED, &["directory"]);
}

#[test]
fn not_a_capture() {
    let scratch = Scratch::new();
    let file = scratch.file("x", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0");
    says(&replay(&file, "tree", &[]), FAILED, &[file.to_str().unwrap()]);
}

#[test]
fn an_empty_file_is_no_error_without_a_word() {
    let scratch = Scratch::new();
    let file = scratch.file("empty.nlcap", b"");
    let out = replay(&file, "tree", &[]);
    assert!(out.stdout.is_empty() && [0, FAILED].contains(&out.status), "{out:?}");
}

#[test]
fn another_version() {
    let scratch = Scratch::new();
    let mut bytes = fs::read(capture(&scratch)).unwrap();
    bytes[8] = 0xfe;
    let file = scratch.file("new.nlcap", &bytes);
    says(&replay(&file, "tree", &[]), FAILED, &["new.nlcap", "version 254"]);
}

/// A later writer of another version ends the reading, but not before all before it is shown.
#[test]
fn another_version_in_the_middle() {
    let scratch = Scratch::new();
    let whole = capture(&scratch);
    let mut bytes = fs::read(&whole).unwrap();
    let expected = replay(&whole, "strace", &[]).expect(0).out();
    let mut preamble = bytes[..16].to_vec();
    preamble[8] = 0xfe;
    bytes.extend(preamble);
    let file = scratch.file("mixed.nlcap", &bytes);
    let out = replay(&file, "strace", &[]);
    says(&out, FAILED, &["mixed.nlcap", "version 254"]);
    assert_eq!(out.out(), expected);
}

#[test]
fn a_truncated_capture() {
    let scratch = Scratch::new();
    let bytes = fs::read(capture(&scratch)).unwrap();
    let cut = scratch.file("cut.nlcap", &bytes[..bytes.len() - 5]);
    let out = replay(&cut, "strace", &[]);
    says(&out, FAILED, &["cut.nlcap"]);
    assert!(out.out().contains("RTM_GETLINK"), "what was whole is shown: {out:?}");
}

/// Bytes in the middle that are none of ours are passed over, and said.
#[test]
fn a_damaged_capture() {
    let scratch = Scratch::new();
    let whole = capture(&scratch);
    let bytes = fs::read(&whole).unwrap();
    let expected = replay(&whole, "strace", &[]).expect(0).out();
    // Between the preamble and the first frame: all frames are whole.
    let damaged = [&bytes[..16], b"torn bytes", &bytes[16..]].concat();
    let file = scratch.file("damaged.nlcap", &damaged);
    let out = replay(&file, "strace", &[]);
    assert_eq!(out.out(), expected);
    assert!(out.err().contains("damaged.nlcap"), "{out:?}");
}

#[test]
fn hex_text_names_file_and_line() {
    let scratch = Scratch::new();
    for (bad, words) in [
        ("NETLINK_ROUTE > 1400000x\n", &["bad.nlhex:3"]),
        ("NETLINK_ROUTE > 140\n", &["bad.nlhex:3"]),
        ("NETLINK_NOSUCH > 14\n", &["bad.nlhex:3"]),
        ("NETLINK_ROUTE = 14\n", &["bad.nlhex:3"]),
        ("%nosuch\n", &["bad.nlhex:3"]),
        ("%ifname x lo\n", &["bad.nlhex:3"]),
    ] {
        let file = scratch.file("bad.nlhex", format!("# a comment\n{HEX}{bad}{HEX}"));
        let out = replay(&file, "strace", &[]);
        says(&out, FAILED, words);
        assert!(out.out().contains("RTM_GETLINK"), "what stands before is shown: {out:?}");
    }
}

#[test]
fn stdin_is_read() {
    let mut command = nlview();
    command.args(["--read", "-", "--format", "strace"]);
    let out = run_with_input(&mut command, HEX.as_bytes()).expect(0);
    assert!(out.out().contains("RTM_GETLINK"), "{out:?}");
}

#[test]
fn programs_that_cannot_run() {
    let scratch = Scratch::new();
    let out = run(nlview().args(["--", "nosuchprogram"]));
    says(&out, 127, &["nosuchprogram"]);
    let out = run(nlview().args(["--", "/nonexistent/program"]));
    says(&out, 127, &["/nonexistent/program"]);
    let file = scratch.file("plain", "not a program\n");
    says(&run(nlview().arg("--").arg(&file)), 126, &["plain"]);
    says(&run(nlview().args(["--", "/"])), 126, &["/"]);
}

#[test]
fn programs_that_cannot_be_recorded() {
    if !installed(&["gcc"]) {
        return;
    }
    let scratch = Scratch::new();
    let source = scratch.file("x.c", "int main(void) { return 5; }\n");
    let program = scratch.path("program");
    let _out =
        run(Command::new("gcc").arg("-static").arg("-o").arg(&program).arg(&source)).expect(0);
    says(&run(nlview().arg("--").arg(&program)), 5, &["program", "static"]);
    let _out = run(Command::new("gcc").arg("-o").arg(&program).arg(&source)).expect(0);
    let out = run(nlview().args(["-o", "/dev/null", "--"]).arg(&program)).expect(5);
    assert!(out.stderr.is_empty(), "{out:?}");
    says(&run(nlview().arg("--").arg(&program)), 5, &["no netlink was recorded"]);
    // Setuid to somebody else only then changes what the loader does.
    let owner = Command::new("chown").arg("65534").arg(&program).status();
    if owner.is_ok_and(|status| status.success()) {
        fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
        says(&run(nlview().arg("--").arg(&program)), 5, &["program"]);
    } else {
        cannot_run("a setuid program: only root can make one");
    }
}

#[test]
fn sockets_that_cannot_be_listened_on() {
    let scratch = Scratch::new();
    let listen = |path: &Path| run(nlview().arg(format!("--listen={}", path.display())));
    let plain = scratch.file("plain", "kept");
    says(&listen(&plain), FAILED, &["plain", "not a socket"]);
    assert_eq!(fs::read_to_string(&plain).unwrap(), "kept");
    let long = scratch.path("x".repeat(120));
    says(&listen(&long), FAILED, &["xxxx", "socket"]);
    says(&listen(&scratch.path("no/folder/s")), FAILED, &["no/folder/s"]);
    let taken = scratch.path("taken");
    let listener = UnixListener::bind(&taken).unwrap();
    says(&listen(&taken), FAILED, &["taken"]);
    drop(listener);
}

/// A socket that a dead viewer left behind is ours to take.
#[test]
fn a_dead_socket_is_taken_over() {
    let scratch = Scratch::new();
    let path = scratch.path("dead");
    drop(UnixListener::bind(&path).unwrap());
    let mut viewer = nlview()
        .arg(format!("--listen={}", path.display()))
        .args(["-o", "/dev/null"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let answered = (0..400).any(|_| {
        sleep(Duration::from_millis(5));
        UnixStream::connect(&path).is_ok()
    });
    let pid = viewer.id().to_string();
    let _out = run(Command::new("kill").args(["-TERM", &pid])).expect(0);
    let status = viewer.wait().unwrap();
    assert!(answered && status.success(), "{answered} {status}");
    assert!(!path.exists(), "it removes its socket");
}

/// A stranger that connects and sends nonsense is dropped; the viewer goes on.
#[test]
fn strangers_on_the_socket() {
    let scratch = Scratch::new();
    let path = scratch.path("s");
    let out = scratch.path("out");
    let mut viewer = nlview()
        .arg(format!("--listen={}", path.display()))
        .args(["-f", "strace", "-o"])
        .arg(&out)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !path.exists() {
        sleep(Duration::from_millis(5));
    }
    for bytes in [&b"GET / HTTP/1.0\r\n\r\n"[..], b"", b"\x89NLCAP\r\n\xfe\0\0\0\0\0\0\0"] {
        // A viewer that takes only one kind of socket refuses the stranger at once.
        if let Ok(mut stream) = UnixStream::connect(&path) {
            drop(stream.write_all(bytes));
        }
    }
    let mut traced = Command::new("ip");
    nltests::run::plain_surroundings(&mut traced);
    traced.env("LD_PRELOAD", &nltests::artefacts::artefacts().nlhook).env("NLHOOK_SOCKET", &path);
    let _out = run(traced.args(["link", "show", "lo"])).expect(0);
    let seen = (0..400).any(|_| {
        sleep(Duration::from_millis(5));
        fs::read_to_string(&out).is_ok_and(|text| text.contains("RTM_GETLINK"))
    });
    let pid = viewer.id().to_string();
    let _out = run(Command::new("kill").args(["-INT", &pid])).expect(0);
    let status = viewer.wait().unwrap();
    let mut err = String::new();
    viewer.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(seen && status.success(), "{seen} {status} {err}");
    assert!(!err.contains("panicked"), "{err}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let scratch = Scratch::new();
    let file = scratch.file("long.nlhex", HEX.repeat(200_000));
    for format in crate::formats() {
        let mut command = nlview();
        command.arg("--read").arg(&file).args(["--format", &format]);
        let mut viewer = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut some = [0; 100];
        let mut stdout = viewer.stdout.take().unwrap();
        stdout.read_exact(&mut some).unwrap();
        drop(stdout);
        let out = viewer.wait_with_output().unwrap();
        assert!(out.status.success(), "{format}: {out:?}");
        assert!(out.stderr.is_empty(), "{format}: {out:?}");
    }
}

#[test]
fn a_full_disk_is_said() {
    let scratch = Scratch::new();
    let file = scratch.file("x.nlhex", HEX);
    let mut command = nlview();
    command.arg("--read").arg(&file).stdout(File::create("/dev/full").unwrap());
    let mut viewer = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut err = String::new();
    viewer.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(viewer.wait().unwrap().code(), Some(FAILED), "{err}");
    assert!(err.starts_with("nlview: ") && err.contains("No space left"), "{err}");
    // The program runs to its end all the same, and its status is its own, unless ours failed.
    let out = run(nlview().args(["-o", "/dev/full", "--", "ip", "link", "show", "lo"]));
    assert!(out.out().contains("LOOPBACK"), "{out:?}");
    says(&out, OURS, &["/dev/full", "No space left"]);
    let out = run(nlview().args(["-w", "/dev/full", "-o", "/dev/null", "--", "ip", "link"]));
    assert!(out.out().contains("LOOPBACK"), "{out:?}");
    says(&out, OURS, &["/dev/full", "No space left"]);
}

#[test]
fn command_lines_that_make_no_sense() {
    for arguments in [
        &["--no-such-option"][..],
        &[],
        &["--format", "nosuch", "--", "true"],
        &["--read", "x", "--listen"],
        &["--read", "x", "--", "true"],
        &["--filter", "((", "--", "true"],
    ] {
        let out = run(nlview().args(arguments));
        assert_eq!(out.status, USAGE, "{arguments:?}: {out:?}");
        assert!(!out.stderr.is_empty() && out.stdout.is_empty(), "{arguments:?}: {out:?}");
    }
}

#[test]
fn specs_that_do_not_load() {
    let scratch = Scratch::new();
    let file = scratch.file("x.nlhex", HEX);
    for (name, text) in [
        ("broken.yaml", "name: [\n"),
        ("empty.yaml", ""),
        ("list.yaml", "- 1\n- 2\n"),
        ("bad.yaml", "name: x\nprotocol: nosuch\n"),
    ] {
        let spec = scratch.file(name, text);
        let out = replay(&file, "tree", &["--spec", spec.to_str().unwrap()]);
        says(&out, FAILED, &[name]);
    }
    says(&replay(&file, "tree", &["--spec", "/nonexistent.yaml"]), FAILED, &["/nonexistent.yaml"]);
}
