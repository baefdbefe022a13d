//! Running programs to their end.

use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::artefacts::artefacts;

/// How long a program may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How a program ended.
pub struct Finished {
    /// Its status as a shell gives it: 128 + n for a signal.
    pub status: i32,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Its stdout as text.
    #[must_use]
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its stderr as text.
    #[must_use]
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Panics unless it ended with this status; shows what it wrote.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}\n-- stdout\n{}-- stderr\n{}", self.status, self.out(), self.err())
    }
}

/// A status as a shell gives it.
#[must_use]
pub fn shell_status(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Runs a command to its end with an empty stdin.
///
/// # Panics
/// If it cannot be started, or takes longer than [`PATIENCE`].
#[track_caller]
pub fn run(command: &mut Command) -> Finished {
    run_with_input(command, b"")
}

/// Runs a command to its end with these bytes as its stdin.
///
/// # Panics
/// As [`run`].
#[track_caller]
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // A program that does not read its input closes the pipe: not an error.
    thread::spawn(move || drop(stdin.write_all(&input)));
    let stdout = read_all(child.stdout.take().expect("it is piped"));
    let stderr = read_all(child.stderr.take().expect("it is piped"));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().expect("a child can be killed");
            panic!("{command:?} takes longer than {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(1));
    };
    let read = |reader: thread::JoinHandle<Vec<u8>>| reader.join().expect("a reader ends");
    Finished { status: shell_status(status), stdout: read(stdout), stderr: read(stderr) }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

/// `nlview` with nothing of the caller's surroundings that would change what it prints.
#[must_use]
pub fn nlview() -> Command {
    let mut command = Command::new(&artefacts().nlview);
    plain_surroundings(&mut command);
    command
}

/// Takes out of a command's environment what would change what `nlview` or the shim do.
pub fn plain_surroundings(command: &mut Command) {
    for name in [
        "NLHOOK_SOCKET",
        "NLHOOK_FILE",
        "NLHOOK_TRANSPORT",
        "NLHOOK_RING",
        "NLHOOK_WHEN_FULL",
        "NLHOOK_BLOCK_MS",
        "LD_PRELOAD",
        "NO_COLOR",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C");
}

/// `nlview --read FILE --format FORMAT`, run to its end.
#[track_caller]
pub fn replay(file: &Path, format: &str, more: &[&str]) -> Finished {
    let arguments = [OsStr::new("--read"), file.as_os_str(), "--format".as_ref(), format.as_ref()];
    run(nlview().args(arguments).args(["--color", "never"]).args(more))
}
