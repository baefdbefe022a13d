//! Why the command fails, what it then says, and the status it ends with.

use std::fmt;
use std::io::{self, Write};

use crate::{filter, source, spec};

/// The statuses the command ends with, besides the launched program's own.
pub mod exit {
    /// All done; also when whoever read our output went away.
    pub const DONE: u8 = 0;
    /// `--read`, `--listen` and the small tasks: something failed, or a capture is cut short.
    pub const FAILED: u8 = 1;
    /// `--check` has found something.
    pub const FINDINGS: u8 = 1;
    /// The command line makes no sense.
    pub const USAGE: u8 = 2;
    /// We ourselves failed while launching or recording a program, as with env(1) and timeout(1).
    pub const LAUNCH_FAILED: u8 = 125;
    /// The program is there but cannot be executed.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// There is no such program.
    pub const NOT_FOUND: u8 = 127;
    /// Added to the number of the signal that ended the program.
    pub const SIGNAL: u8 = 128;
}

/// Everything that ends the command early. Messages are fragments that fit after `nlview: `.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Records cannot be had.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// A spec cannot be used.
    #[error(transparent)]
    Spec(#[from] spec::Error),
    /// A filter makes no sense.
    #[error(transparent)]
    Filter(#[from] filter::Error),
    /// What was decoded cannot be written.
    #[error("cannot write to {to}: {}", reason(cause))]
    Output {
        /// File name, or what else the output is called.
        to: String,
        /// What the kernel says.
        cause: io::Error,
    },
}

impl Error {
    /// The status to end with; `launching` if a program was to be run.
    #[must_use]
    pub const fn exit_code(&self, launching: bool) -> u8 {
        match self {
            Self::Source(source::Error::NotFound { .. }) => exit::NOT_FOUND,
            Self::Source(source::Error::NotExecutable { .. }) => exit::NOT_EXECUTABLE,
            Self::Filter(_) => exit::USAGE,
            _ if launching => exit::LAUNCH_FAILED,
            _ => exit::FAILED,
        }
    }
}

/// What an error says, without the number that std appends.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text.get(..at).unwrap_or(&text).to_owned(),
        None => text,
    }
}

/// Writes one diagnostic line to stderr, from any thread.
///
/// Names in it come from other processes, so control characters are shown, not sent.
pub fn say(message: fmt::Arguments<'_>) {
    let mut line = String::from("nlview: ");
    for c in message.to_string().chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    write(&line);
}

/// Says what ends the command. A mistake in a filter is shown with its place, on lines of its own.
pub fn report(error: &Error) {
    match error {
        Error::Filter(mistake) => write(&format!("nlview: {mistake}\n")),
        other => say(format_args!("{other}")),
    }
}

fn write(line: &str) {
    // Without stderr there is nobody left to tell.
    let _nobody_to_tell = io::stderr().lock().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_no_number() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(reason(&error), "No such file or directory");
        assert_eq!(reason(&io::Error::other("plain")), "plain");
    }

    #[test]
    fn missing_programs_have_their_own_status() {
        let error = Error::from(source::Error::NotFound { program: "x".into() });
        assert_eq!(error.exit_code(true), exit::NOT_FOUND);
        let error = Error::Output { to: "x".into(), cause: io::Error::other("y") };
        assert_eq!(error.exit_code(true), exit::LAUNCH_FAILED);
        assert_eq!(error.exit_code(false), exit::FAILED);
    }
}
