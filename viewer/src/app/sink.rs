//! Where the decoded text goes.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::error::Error;

/// An output file, or one of the standard streams.
#[derive(Debug)]
pub(super) struct Sink {
    name: String,
    to: Target,
    is_open: bool,
}

#[derive(Debug)]
enum Target {
    Stdout(io::Stdout),
    Stderr(io::Stderr),
    File(File),
}

impl Sink {
    /// The standard output.
    pub(super) fn stdout() -> Self {
        Self { name: "the standard output".into(), to: Target::Stdout(io::stdout()), is_open: true }
    }

    /// The standard error stream.
    pub(super) fn stderr() -> Self {
        Self {
            name: "the standard error stream".into(),
            to: Target::Stderr(io::stderr()),
            is_open: true,
        }
    }

    /// A file, made or emptied; `-` is the standard output.
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Ok(Self::stdout());
        }
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self { name, to: Target::File(file), is_open: true }),
            Err(cause) => Err(Error::Output { to: name, cause }),
        }
    }

    /// Whether somebody may still read what is written.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Columns of the terminal, if it is one.
    pub(super) fn width(&self) -> Option<usize> {
        let size = rustix::termios::tcgetwinsize(self.fd()).ok()?;
        Some(usize::from(size.ws_col)).filter(|width| *width > 0)
    }

    /// Whether it is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.fd().is_terminal()
    }

    /// Writes all of it, by one call if the kernel takes it so. Where nobody reads any more, or
    /// writing failed before, it is dropped.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if !self.is_open || bytes.is_empty() {
            return Ok(());
        }
        let written = match &mut self.to {
            Target::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
            Target::Stderr(stderr) => stderr.lock().write_all(bytes),
            Target::File(file) => file.write_all(bytes),
        };
        match written {
            Ok(()) => Ok(()),
            Err(cause) => {
                self.is_open = false;
                // Whoever read us has seen enough (`| head`): no failure.
                if cause.kind() == ErrorKind::BrokenPipe {
                    return Ok(());
                }
                Err(Error::Output { to: self.name.clone(), cause })
            }
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.to {
            Target::Stdout(stdout) => stdout.as_fd(),
            Target::Stderr(stderr) => stderr.as_fd(),
            Target::File(file) => file.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_once() {
        let mut sink = Sink::create(Path::new("/dev/full")).unwrap();
        let error = sink.write(b"x").unwrap_err().to_string();
        assert_eq!(error, "cannot write to /dev/full: No space left on device");
        assert!(!sink.is_open());
        sink.write(b"y").unwrap();
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let mut sink = Sink { name: "pipe".into(), to: Target::File(file), is_open: true };
        sink.write(b"x").unwrap();
        assert!(!sink.is_open());
    }
}
