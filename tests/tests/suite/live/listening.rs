//! `nlview --listen` with programs that come and go.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nltests::artefacts::artefacts;
use nltests::namespace::Namespace;
use nltests::run::{PATIENCE, nlview, run, shell_status};
use nltests::scratch::Scratch;

/// A viewer that listens until it is told to stop.
struct Listener {
    viewer: Child,
    scratch: Scratch,
}

impl Listener {
    fn start(format: &str) -> Self {
        let scratch = Scratch::new();
        let socket = scratch.path("s");
        let viewer = nlview()
            .arg(format!("--listen={}", socket.display()))
            .args(["-f", format, "-o"])
            .arg(scratch.path("out"))
            .stdin(Stdio::null())
            .spawn()
            .expect("nlview runs");
        let listener = Self { viewer, scratch };
        listener.wait_for("its socket", || socket.exists());
        listener
    }

    fn socket(&self) -> std::path::PathBuf {
        self.scratch.path("s")
    }

    fn said(&self) -> String {
        fs::read_to_string(self.scratch.path("out")).unwrap_or_default()
    }

    fn wait_for(&self, what: &str, done: impl Fn() -> bool) {
        let began = Instant::now();
        while !done() {
            assert!(began.elapsed() < PATIENCE, "no {what} in time; so far:\n{}", self.said());
            sleep(Duration::from_millis(5));
        }
    }

    /// Interrupts it, and returns its status and what it wrote.
    fn stop(mut self) -> (i32, String) {
        let pid = self.viewer.id().to_string();
        let _out = run(Command::new("kill").args(["-INT", &pid])).expect(0);
        let status = self.viewer.wait().expect("a child can be waited for");
        (shell_status(status), self.said())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.viewer.kill());
        drop(self.viewer.wait());
    }
}

fn preload(command: &mut Command, socket: &Path) {
    command.env("LD_PRELOAD", &artefacts().nlhook).env("NLHOOK_SOCKET", socket);
}

/// Many programs at once, in one namespace and in new ones: all that they say arrives.
#[test]
fn several_programs_at_once() {
    let Some(network) = Namespace::new() else { return };
    let listener = Listener::start("json");
    let programs: Vec<Child> = (0..8)
        .map(|number| {
            let mut command = network.command(if number % 2 == 0 { "ip" } else { "unshare" });
            if number % 2 == 1 {
                command.args(["-n", "ip"]);
            }
            preload(&mut command, &listener.socket());
            command.args(["link", "show", &format!("nosuch{number}")]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("ip runs")
        })
        .collect();
    for mut program in programs {
        assert!(!program.wait().expect("a child can be waited for").success());
    }
    listener.wait_for("all names", || {
        let said = listener.said();
        (0..8).all(|number| said.contains(&format!("nosuch{number}")))
    });
    let (status, said) = listener.stop();
    assert_eq!(status, 0, "{said}");
    for line in said.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
}

/// A program that enters a named namespace is recorded there.
#[test]
fn inside_of_ip_netns_exec() {
    let listener = Listener::start("strace");
    // In a mount namespace, so that the name does not outlive the test.
    let mut command = Command::new("unshare");
    command.args(["-mn", "sh", "-ec"]).arg(
        "mount -t tmpfs none /run; ip netns add inner 2>/dev/null
         ip netns exec inner ip link show nosuchlink || true",
    );
    nltests::run::plain_surroundings(&mut command);
    preload(&mut command, &listener.socket());
    let out = run(&mut command);
    if out.status != 0 {
        return nltests::cannot_run(&format!("ip netns exec: {}", out.err()));
    }
    listener.wait_for("the name", || listener.said().contains("nosuchlink"));
    assert_eq!(listener.stop().0, 0);
}

/// A viewer that goes away takes nothing with it.
#[test]
fn programs_outlive_the_viewer() {
    let Some(network) = Namespace::new() else { return };
    let listener = Listener::start("strace");
    let mut command = network.command("sh");
    preload(&mut command, &listener.socket());
    command.args(["-c", "ip link show lo; sleep 1; ip link show lo"]);
    let program = command.stdout(Stdio::piped()).spawn().expect("sh runs");
    listener.wait_for("the first call", || listener.said().contains("RTM_GETLINK"));
    drop(listener);
    let out = program.wait_with_output().expect("a child can be waited for");
    assert!(out.status.success());
    assert_eq!(String::from_utf8_lossy(&out.stdout).matches("LOOPBACK").count(), 2);
}

/// Without a viewer the shim changes nothing.
#[test]
fn no_viewer_is_no_matter() {
    let Some(network) = Namespace::new() else { return };
    let mut command = network.command("ip");
    preload(&mut command, Path::new("/nonexistent/socket"));
    let out = run(command.args(["link", "show", "lo"])).expect(0);
    assert!(out.stderr.is_empty(), "{out:?}");
}
