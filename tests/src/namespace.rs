//! Network namespaces for tests: what a test does to the network stays in there.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::cannot_run;
use crate::run::plain_surroundings;

/// A network namespace with `lo` up; it goes away with the value.
///
/// Made as root, or in a user namespace of its own where that is allowed.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
    user: bool,
}

impl Namespace {
    /// A new one, or `None` where none can be made, which is said.
    #[must_use]
    pub fn new() -> Option<Self> {
        // A user who is not root becomes it in a user namespace.
        for user in [false, true] {
            let mut holder = Command::new("unshare")
                .arg(if user { "-rn" } else { "-n" })
                .args(["sh", "-c", "ip link set lo up && echo up && exec sleep 600"])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("unshare runs");
            let mut line = String::new();
            let stdout = holder.stdout.take().expect("it is piped");
            BufReader::new(stdout).read_line(&mut line).expect("a pipe can be read");
            if line == "up\n" {
                return Some(Self { holder, user });
            }
            holder.wait().expect("a child can be waited for");
        }
        cannot_run("no network namespace can be made here (unshare -n and -rn fail)");
        None
    }

    /// A command that will run in the namespace.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.holder.id().to_string()]);
        if self.user {
            command.args(["--user", "--preserve-credentials"]);
        }
        plain_surroundings(&mut command);
        command.arg("--").arg(program);
        command
    }

    /// Runs a shell script in the namespace, to set it up.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn script(&self, script: &str) {
        let out = crate::run::run(self.command("sh").args(["-ec", script]));
        assert_eq!(out.status, 0, "{script}\n{out:?}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}
