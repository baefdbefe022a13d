//! Signals that end the viewer, without losing what it has received.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

use crate::error::exit;

/// From now on the first signal that asks us to end writes a byte to `stop`; a second one ends us at
/// once.
///
/// # Errors
/// No handler can be installed.
pub fn stop_on_signals(stop: &UnixStream) -> io::Result<()> {
    for number in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|number| !is_ignored(*number)) {
        let asked = Arc::new(AtomicBool::new(false));
        let status = i32::from(exit::SIGNAL).saturating_add(number);
        // Handlers run in the order of their registration: this one sees what the next one set
        // only when the signal comes again.
        flag::register_conditional_shutdown(number, status, Arc::clone(&asked))?;
        flag::register(number, asked)?;
        pipe::register(number, stop.try_clone()?)?;
    }
    Ok(())
}

/// Whether a signal was ignored when we were started (nohup, a job in the background), which
/// a handler of ours would undo.
#[must_use]
pub fn is_ignored(number: i32) -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(number).ok().and_then(|number| number.checked_sub(1));
    mask.zip(bit).is_some_and(|(mask, bit)| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::{SIGPIPE, SIGUSR1};

    #[test]
    fn ignored_signals_are_known() {
        // What every Rust program begins with.
        assert!(is_ignored(SIGPIPE));
        assert!(!is_ignored(SIGUSR1));
        assert!(!is_ignored(0));
        assert!(!is_ignored(-1));
    }
}
