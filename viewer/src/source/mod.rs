//! Where records come from: programs that connect, a program that we run, files.
//!
//! Nothing here interprets a record; [`crate::state`] does.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::error::reason;

pub mod capture;
pub mod file;
pub mod hextext;
pub mod launch;
pub mod place;
pub mod preflight;
pub mod reader;
pub mod ring;
pub mod shim_library;
pub mod signals;
pub mod socket;
pub mod stream;

/// Why records cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refuses something about a file.
    #[error("cannot {doing} {}: {}", path.display(), reason(cause))]
    File {
        /// A verb, and what goes between it and the file's name.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        cause: io::Error,
    },
    /// The kernel refuses something else.
    #[error("cannot {doing}: {}", reason(cause))]
    System {
        /// A verb and its object.
        doing: &'static str,
        /// What the kernel says.
        cause: io::Error,
    },
    /// Somebody answers on the socket.
    #[error("another nlview listens on {}: end it, or choose another socket (--listen=SOCKET)", .0.display())]
    InUse(PathBuf),
    /// The socket's name is taken by something else.
    #[error("{} exists and is not a socket: remove it, or choose another name (--listen=SOCKET)", .0.display())]
    NotASocket(PathBuf),
    /// A dead socket that we may not remove.
    #[error("{} is a socket that user {uid} left behind: remove it, or choose another name (--listen=SOCKET)", path.display())]
    StaleOfOther {
        /// The socket.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// The kernel has no room for the name.
    #[error("{} has {len} bytes, but a socket's path can have at most {}", path.display(), socket::MAX_PATH_LEN)]
    SocketPathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// A folder that should be ours alone belongs to somebody else.
    #[error("the folder {} belongs to user {uid}, not to us: remove it, or set another place ({instead})", path.display())]
    FolderOfOther {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// How to choose another.
        instead: &'static str,
    },
    /// A folder that should be ours alone can be written by others.
    #[error("the folder {} has mode {mode:03o}, so others could tamper with it: set it to {wanted:03o}", path.display())]
    FolderTooOpen {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode it should have.
        wanted: u32,
    },
    /// It should be a folder and is not.
    #[error("{} is no folder: remove it, or set another place ({instead})", path.display())]
    NotAFolder {
        /// What it is called.
        path: PathBuf,
        /// How to choose another.
        instead: &'static str,
    },
    /// No place is fit to hold the shim.
    #[error("nowhere to put libnlhook.so: {0}; set NLVIEW_SHIM to a copy of it")]
    NoPlaceForShim(String),
    /// `LD_PRELOAD` separates names by blanks and colons.
    #[error("{} cannot stand in LD_PRELOAD, which ends a name at a blank or a colon: set NLVIEW_SHIM to another path", .0.display())]
    UnfitShimPath(PathBuf),
    /// There is no such program.
    #[error("{}: no such program", program.display())]
    NotFound {
        /// As the user named it.
        program: OsString,
    },
    /// The program cannot be executed.
    #[error("cannot run {}: {}", program.display(), reason(cause))]
    NotExecutable {
        /// As the user named it.
        program: OsString,
        /// What the kernel says.
        cause: io::Error,
    },
    /// A file of another kind.
    #[error("{file}: neither a capture nor hex text ({found})")]
    UnknownKind {
        /// The file.
        file: String,
        /// What it looks like instead.
        found: &'static str,
    },
    /// A stream that cannot be read on.
    #[error("{file}: {error}; {records} records were read before")]
    Stream {
        /// The file.
        file: String,
        /// What is wrong.
        error: nlproto::Error,
        /// Frames before.
        records: u64,
    },
    /// A capture that ends within a frame.
    #[error("{file}: cut short after {records} records ({left} bytes left over)")]
    CutShort {
        /// The file.
        file: String,
        /// Frames before.
        records: u64,
        /// Bytes behind them.
        left: usize,
    },
    /// A capture with bytes in it that belong to no frame.
    #[error("{file}: damaged: {skipped} bytes belong to no record and were passed over")]
    Damaged {
        /// The file.
        file: String,
        /// Bytes passed over.
        skipped: usize,
    },
    /// Hex text with a mistake.
    #[error("{file}:{error}")]
    Text {
        /// The file.
        file: String,
        /// Where, and what.
        error: hextext::Mistake,
    },
    /// Hex text has no calls, of which captures consist.
    #[error("{file}: hex text has no calls to write into a capture; leave out --write")]
    TextToCapture {
        /// The file.
        file: String,
    },
}

impl Error {
    /// For `map_err`: the kernel refused `doing` with `path`.
    pub(crate) fn file<E: Into<io::Error>>(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        move |cause| Self::File { doing, path: path.into(), cause: cause.into() }
    }

    /// For `map_err`: the kernel refused `doing`.
    pub(crate) fn system<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |cause| Self::System { doing, cause: cause.into() }
    }
}
