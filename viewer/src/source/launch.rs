//! Running a program under the shim.
//!
//! Its descriptors, terminal and signals stay its own. What a terminal sends to both of us we let
//! pass, so that the program decides; what is sent to us alone we hand on.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Error;
use super::place;
use super::preflight::Findings;
use super::signals::is_ignored;
use super::socket::Listener;
use crate::error::{exit, say};

/// How long a call of the program may wait for a viewer that is behind, in milliseconds. Longer than
/// the shim's own choice: who watches a program run would rather wait than miss something.
const BLOCK_MS: &str = "2000";

/// Listens on a socket for one run.
///
/// # Errors
/// There is no folder for it.
pub fn listen() -> Result<Listener, Error> {
    let bind = |folder: PathBuf| {
        Listener::bind(&folder.join(format!("nlview-run-{}.sock", std::process::id())))
    };
    // The program is told the path, so any folder of ours will do: XDG_RUNTIME_DIR may be another
    // user's (sudo), or too long.
    place::runtime_folder().and_then(bind).or_else(|_| place::temporary_folder().and_then(bind))
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    waiter: JoinHandle<io::Result<ExitStatus>>,
}

/// How a program is to be started.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// What was found out about it.
    pub findings: &'a Findings,
    /// Where its records go.
    pub socket: &'a Path,
    /// The shim; None where preloading it would keep the program from starting.
    pub preload: Option<&'a Path>,
    /// Whether the kernel is to give reasons for errors.
    pub explain: bool,
}

/// Starts a program. `stop` hears when it has ended.
///
/// # Errors
/// There is no such program, or it cannot be run.
pub fn start(command: &[OsString], start: &Start<'_>, stop: UnixStream) -> Result<Running, Error> {
    let Start { findings, socket, preload, explain } = *start;
    let mut environment = vec![(OsString::from("NLHOOK_SOCKET"), socket.into())];
    if let Some(shim) = preload {
        let before = std::env::var_os("LD_PRELOAD");
        environment.push(("LD_PRELOAD".into(), preload_list(shim, before.as_deref())));
    }
    for (name, value) in [("NLHOOK_WHEN_FULL", "block"), ("NLHOOK_BLOCK_MS", BLOCK_MS)] {
        if std::env::var_os(name).is_none() {
            environment.push((name.into(), value.into()));
        }
    }
    if explain {
        environment.push(("NLHOOK_EXPLAIN".into(), "1".into()));
    }
    if findings.asan {
        let options = std::env::var_os("ASAN_OPTIONS");
        environment.push(("ASAN_OPTIONS".into(), asan_options(options.as_deref())));
    }
    let finished = Arc::new(AtomicBool::new(false));
    let signals = handle_signals(&finished).map_err(Error::system("handle signals"))?;
    let child = spawn(command, &environment)?;
    supervise(child, signals, finished, stop).map_err(Error::system("watch over the program"))
}

/// Takes over the signals that would end us before the program. Handlers do not outlive an exec, so
/// the program starts with what we were started with; what we were started to ignore (nohup, a job
/// in the background) stays ignored by both.
fn handle_signals(finished: &Arc<AtomicBool>) -> io::Result<Signals> {
    let handled: Vec<i32> =
        [SIGINT, SIGQUIT, SIGTERM, SIGHUP].into_iter().filter(|n| !is_ignored(*n)).collect();
    for number in &handled {
        // Once the program is gone nothing keeps us from ending at once.
        let status = i32::from(exit::SIGNAL).saturating_add(*number);
        signal_hook::flag::register_conditional_shutdown(*number, status, Arc::clone(finished))?;
    }
    Signals::new(&handled)
}

impl Running {
    /// The status to end with: the program's own, or what its signal makes of it.
    ///
    /// # Errors
    /// The kernel does not say how it ended.
    pub fn status(self) -> Result<u8, Error> {
        let ended = match self.waiter.join() {
            Ok(ended) => ended,
            Err(_panicked) => Err(io::Error::other("the thread that waits for it is gone")),
        };
        Ok(status_code(ended.map_err(Error::system("wait for the program"))?))
    }
}

/// What a shell would call this end of a program.
fn status_code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => i32::from(exit::SIGNAL).saturating_add(signal),
        (None, None) => i32::from(exit::LAUNCH_FAILED),
    };
    u8::try_from(code & 0xff).unwrap_or(exit::LAUNCH_FAILED)
}

/// The shim first, so that its hooks see what the others' do.
fn preload_list(shim: &Path, before: Option<&OsStr>) -> OsString {
    let mut list = shim.as_os_str().to_owned();
    if let Some(before) = before.filter(|before| !before.is_empty()) {
        list.push(":");
        list.push(before);
    }
    list
}

/// AddressSanitizer insists on being the first library, unless told otherwise.
fn asan_options(before: Option<&OsStr>) -> OsString {
    let mut options = before.unwrap_or_default().to_owned();
    if !options.is_empty() {
        options.push(":");
    }
    options.push("verify_asan_link_order=0");
    options
}

fn spawn(command: &[OsString], environment: &[(OsString, OsString)]) -> Result<Child, Error> {
    let [program, arguments @ ..] = command else {
        return Err(Error::NotFound { program: OsString::new() });
    };
    let run = |program: &OsStr, script: Option<&OsStr>| {
        Command::new(program)
            .args(script)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .spawn()
    };
    match run(program, None) {
        Ok(child) => Ok(child),
        // A script without `#!`: for the shell, as execvp(3) has it.
        Err(e) if e.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            let script = super::preflight::look_up(program).unwrap_or_else(|| program.into());
            run("/bin/sh".as_ref(), Some(script.as_os_str()))
        }
        Err(e) => Err(e),
    }
    .map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound if super::preflight::look_up(program).is_none() => {
            Error::NotFound { program: program.clone() }
        }
        _ => Error::NotExecutable { program: program.clone(), cause },
    })
}

/// Whether the program has ended; locked while it is signalled, so that no signal goes to another
/// process that got its number.
#[derive(Debug, Default)]
struct Ended(Mutex<bool>);

impl Ended {
    fn signal(&self, pid: Pid, signal: Signal) {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !*ended {
            // It may be another user's by now; then the signal was not ours to send either.
            let _not_allowed = kill_process(pid, signal);
        }
    }

    fn set(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

fn supervise(
    mut child: Child,
    mut signals: Signals,
    finished: Arc<AtomicBool>,
    mut stop: UnixStream,
) -> io::Result<Running> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("the program has no process id"))?;
    let ended = Arc::new(Ended::default());
    let forwarding = Arc::clone(&ended);
    thread::Builder::new().name("signals".into()).spawn(move || {
        for number in &mut signals {
            match number {
                SIGTERM => forwarding.signal(pid, Signal::TERM),
                SIGHUP => forwarding.signal(pid, Signal::HUP),
                // The terminal has sent these to the program as well.
                _ => {}
            }
        }
    })?;
    let waiter = thread::Builder::new().name("waiter".into()).spawn(move || {
        // First without reaping, so that its number stays its own until nobody signals it any more.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(pid), options).is_err_and(|e| e == Errno::INTR) {}
        ended.set();
        let status = child.wait();
        finished.store(true, Ordering::Relaxed);
        // It fails if the reader has ended already.
        let _has_ended = stop.write_all(&[0]);
        status
    })?;
    Ok(Running { waiter })
}

/// Says which of these processes still run, unrecorded from now on.
pub fn report_left(processes: &[(u32, String)]) {
    let alive: Vec<String> = processes
        .iter()
        .filter(|(pid, _)| Path::new("/proc").join(pid.to_string()).exists())
        .map(|(pid, name)| format!("{name}[{pid}]"))
        .collect();
    if !alive.is_empty() {
        say(format_args!("still running, and no longer recorded: {}", alive.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shim_comes_first_and_others_stay() {
        let shim = Path::new("/s.so");
        assert_eq!(preload_list(shim, None), "/s.so");
        assert_eq!(preload_list(shim, Some("".as_ref())), "/s.so");
        assert_eq!(preload_list(shim, Some("/a.so /b.so".as_ref())), "/s.so:/a.so /b.so");
    }

    #[test]
    fn sanitizer_options_are_added_to() {
        assert_eq!(asan_options(None), "verify_asan_link_order=0");
        assert_eq!(
            asan_options(Some("detect_leaks=0".as_ref())),
            "detect_leaks=0:verify_asan_link_order=0"
        );
    }

    #[test]
    fn statuses_are_those_of_a_shell() {
        assert_eq!(status_code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(status_code(ExitStatus::from_raw(9)), 137);
        assert_eq!(status_code(ExitStatus::from_raw(11 | 0x80)), 139);
    }
}
