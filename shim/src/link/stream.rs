//! The viewer's unix socket.
#![forbid(unsafe_code)]

use core::sync::atomic::Ordering;

use super::Outcome;
use crate::config::Config;
use crate::process::Account;
use crate::sys;
use crate::sys::socket::Namespace;
use crate::view::Span;

/// Room asked for in the socket, in bytes: so much may wait while the viewer does not read.
const BUFFER_LEN: i32 = 4 << 20;

/// How much of it is kept for a process's last words, in bytes: more than a frame takes, since the kernel
/// lets one begin as long as there is any room.
const RESERVE_LEN: i32 = 64 << 10;

/// Room may be free long before the kernel calls the socket writable, which it does when three
/// quarters are; so a waiting record also tries every so often.
const RETRY_NS: u64 = 2_000_000;

/// Connects to the viewer, if there is one and it may be told.
///
/// By the path first, which other network namespaces share; then by the abstract name, which a
/// changed root or mount namespace does.
pub(super) fn open(config: &Config) -> Option<i32> {
    let path = config.socket.as_ref()?.as_slice();
    let fd = sys::socket::stream().ok()?;
    let connected = match sys::socket::connect(fd, path, Namespace::Path) {
        // The viewer is there, but cannot take us now; nobody waits for it.
        Err(libc::EAGAIN) => false,
        Err(_) => sys::socket::connect(fd, path, Namespace::Abstract).is_ok(),
        Ok(()) => true,
    };
    if !connected || !is_trusted(fd, config) {
        sys::file::close(fd);
        return None;
    }
    Some(fd)
}

/// Makes room on a connection over which records are to go.
pub(super) fn prepare(fd: i32) {
    sys::socket::set_buffer_len(fd, BUFFER_LEN);
    let allowed = sys::socket::buffer_len(fd);
    if allowed > 2 * RESERVE_LEN {
        sys::socket::set_buffer_len(fd, allowed.saturating_sub(RESERVE_LEN));
    }
}

/// Whether the viewer may see what this program sees. Anybody can listen in /tmp and under an
/// abstract name.
fn is_trusted(fd: i32, config: &Config) -> bool {
    let Some(viewer) = sys::socket::peer_uid(fd) else { return false };
    let euid = sys::euid();
    viewer == 0 || viewer == euid || viewer == sys::uid() || (euid == 0 && config.socket_is_named)
}

/// Whether the socket is far from full.
pub(super) fn has_room(fd: i32) -> bool {
    sys::wait_writable(fd, 0)
}

/// Calls `write` while there is more room than for others, so that a process's last words find some.
pub(super) fn with_reserve<R>(fd: i32, write: impl FnOnce() -> R) -> R {
    let usual = sys::socket::buffer_len(fd);
    sys::socket::set_buffer_len(fd, usual.saturating_add(RESERVE_LEN));
    let result = write();
    sys::socket::set_buffer_len(fd, usual);
    result
}

/// Writes one frame, and waits for room at most as long as the settings say: once, and then not
/// again until there is some.
pub(super) fn write(config: &Config, account: &Account, fd: i32, frame: &[Span]) -> Outcome {
    let len = frame.iter().fold(0_usize, |sum, span| sum.saturating_add(span.len()));
    let mut patience = Patience::new(config, account);
    loop {
        match sys::socket::send(fd, frame) {
            Ok(sent) if sent >= len => {
                account.stalled.store(false, Ordering::Relaxed);
                return Outcome::Sent;
            }
            Ok(sent) => return finish(patience, fd, frame, sent),
            Err(libc::EAGAIN) if patience.wait(fd) => {}
            Err(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => return Outcome::Full,
            Err(libc::EFAULT) => return Outcome::Unreadable,
            Err(_) => return Outcome::Dead,
        }
    }
}

/// Writes the rest of a frame of which the kernel took only a part. It takes frames of this size
/// whole; if ever it does not, an unfinished frame must not be followed by another.
fn finish(mut patience: Patience<'_>, fd: i32, frame: &[Span], mut sent: usize) -> Outcome {
    for span in frame {
        let mut rest = span.after(sent);
        sent = sent.saturating_sub(span.len());
        while rest.len() > 0 {
            match sys::socket::send(fd, &[rest]) {
                Ok(n) => rest = rest.after(n),
                Err(libc::EAGAIN) if patience.wait(fd) => {}
                Err(_) => return Outcome::Dead,
            }
        }
    }
    Outcome::Sent
}

/// How long a record still waits.
struct Patience<'a> {
    account: &'a Account,
    budget_ns: u64,
    /// When it ends; known after the first wait.
    deadline_ns: Option<u64>,
}

impl<'a> Patience<'a> {
    fn new(config: &Config, account: &'a Account) -> Self {
        Self { account, budget_ns: config.block_ns, deadline_ns: None }
    }

    /// Waits a little; `false` if there is no use in trying again.
    fn wait(&mut self, fd: i32) -> bool {
        if self.budget_ns == 0 || self.account.stalled.load(Ordering::Relaxed) {
            return false;
        }
        let now = sys::monotonic_ns();
        let deadline = *self.deadline_ns.get_or_insert(now.saturating_add(self.budget_ns));
        if now >= deadline {
            self.account.stalled.store(true, Ordering::Relaxed);
            return false;
        }
        sys::wait_writable(fd, deadline.saturating_sub(now).min(RETRY_NS));
        true
    }
}
