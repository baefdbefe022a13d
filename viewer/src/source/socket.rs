//! The socket that shims connect to: its name, its making and its end, and who may speak.
//!
//! A socket has two names, a file and the same name in the abstract name space: the file is reached
//! from other network namespaces, the abstract name from other mount namespaces and chroots.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Pid;

use super::Error;
use super::place::{self, own_uid};
use crate::error::{reason, say};

/// Longest path of a socket: `sun_path` less the NUL.
pub const MAX_PATH_LEN: usize = 107;

/// Where a viewer listens unless told otherwise, in a folder that is ours alone.
///
/// # Errors
/// There is no such folder.
pub fn default_path() -> Result<PathBuf, Error> {
    Ok(place::runtime_folder()?.join("nlview.sock"))
}

/// Listens; the socket's file goes when this goes.
#[derive(Debug)]
pub struct Listener {
    path: PathBuf,
    /// Device and inode of the file, by which it is known to be ours still.
    identity: Option<(u64, u64)>,
    sockets: Vec<UnixListener>,
}

impl Listener {
    /// Listens on a path, and on the abstract name like it. A socket that a viewer left behind is
    /// replaced.
    ///
    /// # Errors
    /// The name is too long, or taken.
    pub fn bind(path: &Path) -> Result<Self, Error> {
        let path = std::path::absolute(path).map_err(Error::file("find", path))?;
        let len = path.as_os_str().len();
        if len > MAX_PATH_LEN {
            return Err(Error::SocketPathTooLong { path, len });
        }
        let by_path = match UnixListener::bind(&path) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(&path)?;
                UnixListener::bind(&path)
            }
            other => other,
        }
        .map_err(Error::file("listen on", &path))?;
        let identity = fs::symlink_metadata(&path).ok().map(|found| (found.dev(), found.ino()));
        // From here on, dropping removes the file.
        let mut listener = Self { path, identity, sockets: vec![by_path] };
        match SocketAddr::from_abstract_name(listener.path.as_os_str().as_bytes())
            .and_then(|name| UnixListener::bind_addr(&name))
        {
            Ok(by_name) => listener.sockets.push(by_name),
            Err(e) => say(format_args!(
                "cannot listen on the abstract name @{} ({}): programs in a chroot will not be heard",
                listener.path.display(),
                reason(&e)
            )),
        }
        for socket in &listener.sockets {
            socket.set_nonblocking(true).map_err(Error::file("listen on", &listener.path))?;
        }
        Ok(listener)
    }

    /// The socket's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The sockets to accept from, none of which blocks.
    #[must_use]
    pub fn sockets(&self) -> &[UnixListener] {
        &self.sockets
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path).ok().map(|found| (found.dev(), found.ino()));
        if found.is_some() && found == self.identity {
            // If it stays, the next viewer finds it stale and removes it.
            let _stays = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket that nobody listens on any more.
fn remove_stale(path: &Path) -> Result<(), Error> {
    let found = fs::symlink_metadata(path).map_err(Error::file("look at", path))?;
    if !found.file_type().is_socket() {
        return Err(Error::NotASocket(path.into()));
    }
    match probe(path) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
        // Not even a full queue of connections means that nobody is there.
        _ => return Err(Error::InUse(path.into())),
    }
    if found.uid() != own_uid() {
        return Err(Error::StaleOfOther { path: path.into(), uid: found.uid() });
    }
    fs::remove_file(path).map_err(Error::file("remove the old socket", path))
}

/// Connects and hangs up, without waiting for a listener that is stopped.
fn probe(path: &Path) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?)
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Process id as we see it; 0 if it lives outside our pid namespace.
    pub pid: u32,
    /// User id as we see it.
    pub uid: u32,
}

impl Peer {
    /// Asks the kernel who connected.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn of(connection: &UnixStream) -> io::Result<Self> {
        let credentials = rustix::net::sockopt::socket_peercred(connection)?;
        let pid = Pid::as_raw(Some(credentials.pid));
        Ok(Self { pid: u32::try_from(pid).unwrap_or(0), uid: credentials.uid.as_raw() })
    }
}

/// Whom a listener listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Our own user, and root.
    OwnUser,
    /// Those, and whatever descends from this process: the program we run may change its user.
    Descendants,
}

impl Admission {
    /// Whether this peer may speak.
    #[must_use]
    pub fn admits(self, peer: Peer) -> bool {
        peer.uid == own_uid()
            || peer.uid == 0
            || (self == Self::Descendants && descends_from(peer.pid, std::process::id()))
    }
}

/// Whether a process descends from another, as /proc tells it now.
fn descends_from(mut pid: u32, ancestor: u32) -> bool {
    /// Deeper trees than this are none that anybody grows.
    const MAX_GENERATIONS: usize = 256;
    for _generation in 0..MAX_GENERATIONS {
        if pid == ancestor {
            return true;
        }
        match parent_of(pid) {
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    false
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may itself hold some: `1234 (a) b) S 1 …`.
    let after = stat.iter().rposition(|b| *b == b')')?.checked_add(1)?;
    let text = std::str::from_utf8(stat.get(after..)?).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn the_file_goes_with_the_listener() {
        let folder = folder();
        let path = folder.path().join("s");
        let listener = Listener::bind(&path).unwrap();
        assert!(path.exists());
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_second_listener_is_told_of_the_first() {
        let folder = folder();
        let path = folder.path().join("s");
        let _first = Listener::bind(&path).unwrap();
        assert!(matches!(Listener::bind(&path), Err(Error::InUse(_))));
        assert!(path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced() {
        let folder = folder();
        let path = folder.path().join("s");
        // std leaves the file behind.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        Listener::bind(&path).unwrap();
    }

    #[test]
    fn other_files_are_left_alone() {
        let folder = folder();
        let path = folder.path().join("s");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(Listener::bind(&path), Err(Error::NotASocket(_))));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_name_may_have_107_bytes() {
        let folder = folder();
        let base = folder.path().as_os_str().len();
        let path = |len: usize| folder.path().join("x".repeat(len - base - 1));
        assert_eq!(path(107).as_os_str().len(), 107);
        assert!(Listener::bind(&path(107)).is_ok());
        let error = Listener::bind(&path(108)).unwrap_err();
        assert!(matches!(error, Error::SocketPathTooLong { len: 108, .. }));
    }

    #[test]
    fn both_names_reach_the_listener() {
        let folder = folder();
        let path = folder.path().join("s");
        let _listener = Listener::bind(&path).unwrap();
        let name = SocketAddr::from_abstract_name(path.as_os_str().as_bytes()).unwrap();
        let by_name = UnixStream::connect_addr(&name).unwrap();
        let by_path = UnixStream::connect(&path).unwrap();
        for stream in [by_name, by_path] {
            let peer = Peer::of(&stream).unwrap();
            assert_eq!(peer, Peer { pid: std::process::id(), uid: own_uid() });
            assert!(Admission::OwnUser.admits(peer));
        }
    }

    #[test]
    fn strangers_are_not_admitted() {
        let stranger = Peer { pid: 1, uid: own_uid().wrapping_add(1) };
        assert!(!Admission::OwnUser.admits(stranger) || stranger.uid == 0);
        let child = Peer { pid: std::process::id(), ..stranger };
        assert!(Admission::Descendants.admits(child));
    }
}
