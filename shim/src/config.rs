//! What the environment says, copied at load: the program may change or overwrite it later.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use nlproto::ring::Layout;
use once_cell::race::OnceRef;

use crate::sys;
use crate::sys::socket::PATH_ROOM;

/// Room for a file's path, in bytes.
const FILE_ROOM: usize = libc::PATH_MAX as usize;

/// How long a record waits for a slow viewer unless `NLHOOK_BLOCK_MS` says otherwise.
const BLOCK_MS: u64 = 50;

/// Bytes of data that a ring holds unless `NLHOOK_RING` says otherwise.
const RING_LEN: u64 = 4 << 20;

/// No setting may stop the program for longer.
const MAX_BLOCK_MS: u64 = 10_000;

/// A byte string of limited length, kept in place.
pub(crate) struct Bytes<const ROOM: usize> {
    bytes: [u8; ROOM],
    len: usize,
}

impl<const ROOM: usize> Bytes<ROOM> {
    const fn new() -> Self {
        Self { bytes: [0; ROOM], len: 0 }
    }

    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// Appends all of `bytes`, or nothing if they do not fit.
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.checked_add(bytes.len())?;
        self.bytes.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    fn of(parts: &[&[u8]]) -> Option<Self> {
        let mut all = Self::new();
        for part in parts {
            all.push(part)?;
        }
        Some(all)
    }

    fn filled_by(fill: impl FnOnce(&mut [u8]) -> usize) -> Self {
        let mut all = Self::new();
        all.len = fill(&mut all.bytes).min(ROOM);
        all
    }
}

/// What is done about the functions whose netlink stays inside libc.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Libc {
    /// Nothing.
    Off,
    /// They are recorded as calls.
    Name,
    /// Their netlink is caught where that can be.
    Capture,
}

/// The shim's settings.
pub(crate) struct Config {
    /// Path of the viewer's socket; `None` if there is to be no viewer.
    pub(crate) socket: Option<Bytes<{ PATH_ROOM - 1 }>>,
    /// Whether `NLHOOK_SOCKET` named it.
    pub(crate) socket_is_named: bool,
    /// The shape of the ring to share with the viewer; `None` if records are to go over the socket.
    pub(crate) ring: Option<Layout>,
    /// What is done about netlink inside libc.
    pub(crate) libc: Libc,
    /// Whether the kernel is to give its reasons to programs that did not ask for them.
    pub(crate) explains: bool,
    /// Path of the capture file, absolute and terminated.
    file: Option<&'static Bytes<FILE_ROOM>>,
    /// How long a record waits for a slow viewer; 0 to drop it at once.
    pub(crate) block_ns: u64,
}

impl Config {
    /// Whether there is to be a capture file.
    pub(crate) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Path of the capture file, if there is to be one.
    pub(crate) fn file(&self) -> Option<&CStr> {
        CStr::from_bytes_until_nul(self.file?.as_slice()).ok()
    }
}

static CONFIG: OnceRef<'static, Config> = OnceRef::new();

/// The settings; `None` before the constructor, and for good where the shim is to do nothing.
pub(crate) fn current() -> Option<&'static Config> {
    CONFIG.get()
}

/// The settings as text, unset or empty ones absent.
#[derive(Default)]
struct Environment<'a> {
    socket: Option<&'a [u8]>,
    file: Option<&'a [u8]>,
    transport: Option<&'a [u8]>,
    ring: Option<&'a [u8]>,
    when_full: Option<&'a [u8]>,
    block_ms: Option<&'a [u8]>,
    libc: Option<&'a [u8]>,
    explain: Option<&'a [u8]>,
    runtime_dir: Option<&'a [u8]>,
}

impl<'a> Environment<'a> {
    fn read(strings: impl Iterator<Item = &'a CStr>) -> Self {
        let mut all = Self::default();
        for string in strings.map(CStr::to_bytes) {
            let Some(equals) = string.iter().position(|byte| *byte == b'=') else { continue };
            let Some((name, rest)) = string.split_at_checked(equals) else { continue };
            let place = match name {
                b"NLHOOK_SOCKET" => &mut all.socket,
                b"NLHOOK_FILE" => &mut all.file,
                b"NLHOOK_TRANSPORT" => &mut all.transport,
                b"NLHOOK_RING" => &mut all.ring,
                b"NLHOOK_WHEN_FULL" => &mut all.when_full,
                b"NLHOOK_BLOCK_MS" => &mut all.block_ms,
                b"NLHOOK_LIBC" => &mut all.libc,
                b"NLHOOK_EXPLAIN" => &mut all.explain,
                b"XDG_RUNTIME_DIR" => &mut all.runtime_dir,
                _ => continue,
            };
            // The first of several counts, as for getenv.
            if place.is_none() {
                *place = rest.get(1..).filter(|value| !value.is_empty());
            }
        }
        all
    }
}

/// Copies the settings; the library's constructor calls it once.
///
/// Without a transport that this version knows, and in a program with more rights than its caller,
/// there are none.
pub(crate) fn start<'a>(environment: impl Iterator<Item = &'a CStr>) {
    if sys::is_secure() {
        return;
    }
    let environment = Environment::read(environment);
    let ring_len = environment.ring.and_then(number).unwrap_or(RING_LEN);
    let ring = match environment.transport {
        None | Some(b"ring") => Some(Layout::with_room(ring_len)),
        Some(b"socket") => None,
        Some(_) => return,
    };
    let block_ms = match environment.when_full {
        Some(b"drop") => 0,
        _ => environment.block_ms.and_then(number).unwrap_or(BLOCK_MS).min(MAX_BLOCK_MS),
    };
    let config = Config {
        socket: socket_path(&environment),
        socket_is_named: environment.socket.is_some(),
        ring,
        libc: match environment.libc {
            Some(b"off") => Libc::Off,
            Some(b"name") => Libc::Name,
            _ => Libc::Capture,
        },
        explains: environment.explain == Some(b"1"),
        file: environment.file.and_then(absolute).and_then(sys::memory::keep),
        block_ns: block_ms.saturating_mul(1_000_000),
    };
    if let Some(config) = sys::memory::keep(config) {
        // Fails only if there are some already.
        let _ = CONFIG.set(config);
    }
}

/// Where the viewer listens. The default counts only if no file is named: whoever names a file
/// wants that and no more.
fn socket_path(environment: &Environment<'_>) -> Option<Bytes<{ PATH_ROOM - 1 }>> {
    if let Some(path) = environment.socket {
        return Bytes::of(&[path]);
    }
    if environment.file.is_some() {
        return None;
    }
    if let Some(dir) = environment.runtime_dir {
        return Bytes::of(&[dir, b"/nlview.sock"]);
    }
    let mut digits = [0_u8; 10];
    Bytes::of(&[b"/tmp/nlview-", decimal(sys::euid(), &mut digits), b"/nlview.sock"])
}

/// A path as it will still be right after a chdir, terminated.
fn absolute(path: &[u8]) -> Option<Bytes<FILE_ROOM>> {
    if path.starts_with(b"/") {
        return Bytes::of(&[path, b"\0"]);
    }
    let mut all = Bytes::filled_by(sys::file::working_directory);
    // The kernel counts the NUL, and marks a directory that it cannot reach with a parenthesis.
    all.len = all.len.checked_sub(1).filter(|_len| all.bytes.starts_with(b"/"))?;
    all.push(b"/")?;
    all.push(path)?;
    all.push(b"\0")?;
    Some(all)
}

fn number(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn decimal(mut value: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut used = 0_usize;
    for place in digits.iter_mut().rev() {
        *place = b'0'.wrapping_add(u8::try_from(value % 10).unwrap_or(0));
        value /= 10;
        used = used.saturating_add(1);
        if value == 0 {
            break;
        }
    }
    digits.get(digits.len().saturating_sub(used)..).unwrap_or(&[])
}
