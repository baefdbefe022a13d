//! The real `nlview`, as a viewer that can be stopped and killed.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nltests::artefacts::artefacts;
use nltests::run::{PATIENCE, plain_surroundings};

use super::harness::{Scratch, run};
use super::stream::Frames;

/// A viewer that listens on a socket and keeps what it hears in a capture.
pub(crate) struct Nlview {
    child: Child,
    scratch: Scratch,
}

/// What a viewer has heard.
pub(crate) struct Heard {
    /// The records.
    pub(crate) frames: Frames,
    /// How many more it says were lost.
    pub(crate) lost: u64,
}

impl Nlview {
    /// Starts to listen.
    pub(crate) fn listen() -> Self {
        let scratch = Scratch::new();
        let file = |name| File::create(scratch.join(name)).expect("a scratch file");
        let mut command = Command::new(&artefacts().nlview);
        plain_surroundings(&mut command);
        command.arg(format!("--listen={}", scratch.join("s").display()));
        command.args(["--format=strace", "--output=/dev/null", "--write"]);
        command.arg(scratch.join("heard.nlcap"));
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("complaints"));
        let viewer = Self { child: command.spawn().expect("nlview runs"), scratch };
        // The file is there a moment before anybody listens on it.
        wait_until("nlview listens", || UnixStream::connect(viewer.socket()).is_ok());
        viewer
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.scratch.join("s")
    }

    /// What it has heard so far, of what it has written out.
    pub(crate) fn so_far(&self) -> Frames {
        Frames::of(&fs::read(self.capture()).unwrap_or_default())
    }

    fn capture(&self) -> PathBuf {
        self.scratch.join("heard.nlcap")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits until it has nothing more to read, ends it, and says what it has heard.
    pub(crate) fn finish(mut self) -> Heard {
        self.signal("INT");
        let status = self.child.wait().expect("a child can be waited for");
        let complaints = self.complaints();
        assert!(status.success(), "{status}: {complaints}");
        let lost = complaints.lines().find_map(|line| line.strip_suffix(" records were lost"));
        let lost = lost.and_then(|line| line.rsplit(' ').next()).map_or(0, |count| {
            count.parse().unwrap_or_else(|error| panic!("{error}: {complaints}"))
        });
        Heard { frames: Frames::of_file(&self.capture()), lost }
    }

    /// What it has complained about.
    pub(crate) fn complaints(&self) -> String {
        fs::read_to_string(self.scratch.join("complaints")).unwrap_or_default()
    }
}

impl Drop for Nlview {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a process a signal.
pub(crate) fn signal(pid: u32, name: &str) {
    run(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]));
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not in time");
        thread::sleep(Duration::from_millis(2));
    }
}
