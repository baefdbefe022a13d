//! Outputs: what is printed, one file a format.
//!
//! A format is one type that implements [`Output`] and one line in [`FORMATS`]; the command's
//! values, its help and the golden tests follow from there.

use crate::decode::{Direction, Engine, Wanted};
use crate::state::process::Process;
use nlproto::{Call, Function, Origin, Socket};
use reply::Unanswered;

pub mod check;
mod errno_names;
pub mod escape;
mod guess;
pub mod json;
pub mod paint;
pub mod reply;
#[cfg(test)]
mod samples;
pub mod socket_names;
pub mod strace;
pub mod summary;
pub mod text;
pub mod time;
pub mod tree;
pub mod units;

/// A libc call with all that is known around it.
#[derive(Clone, Copy)]
pub struct CallRecord<'a> {
    /// Who called.
    pub process: &'a Process,
    /// The call. Its payload is whole, however many parts it came in.
    pub call: &'a Call<'a>,
    /// The function called.
    pub function: Function,
    /// Who called it.
    pub origin: Origin,
    /// What is known of the socket.
    pub socket: Option<&'a Socket>,
    /// Counts the records, from 1.
    pub record: u64,
    /// Which of its messages are to be shown. A format that shows calls rather than messages shows it whole.
    pub wanted: Wanted<'a>,
}

impl CallRecord<'_> {
    /// Whether the call failed.
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.call.head.errno != 0
    }

    /// Whether it only looks into the queue: the call that takes the bytes out has them again.
    #[must_use]
    pub const fn is_peek(&self) -> bool {
        self.call.head.flags & socket_names::MSG_PEEK != 0
    }

    /// Whether it tells that messages were dropped for lack of room in the socket's buffer.
    #[must_use]
    pub fn is_overrun(&self) -> bool {
        self.direction() == Some(Direction::Receive)
            && socket_names::errno_name(self.call.head.errno) == Some("ENOBUFS")
    }

    /// Whether it is one whose netlink stays inside libc, and was not caught there.
    #[must_use]
    pub const fn is_uncaught(&self) -> bool {
        matches!(self.function.kind(), nlproto::function::Kind::Internal)
            && self.call.head.flags & nlproto::function::CAUGHT == 0
    }

    /// What to say of such a one.
    #[must_use]
    pub const fn uncaught(&self) -> &'static str {
        if self.call.head.flags & nlproto::function::PARTLY_CAUGHT == 0 {
            "netlink inside libc, not captured"
        } else {
            "netlink inside libc, not all captured"
        }
    }

    /// The direction of the bytes, for calls that move some.
    #[must_use]
    pub const fn direction(&self) -> Option<Direction> {
        match self.function.kind() {
            nlproto::function::Kind::Send => Some(Direction::Send),
            nlproto::function::Kind::Receive => Some(Direction::Receive),
            _ => None,
        }
    }
}

/// A datagram without a call around it, from hex text.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// The netlink protocol.
    pub protocol: u32,
    /// Which way it went.
    pub direction: Direction,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Counts the datagrams, from 1.
    pub record: u64,
    /// Which of its messages are to be shown.
    pub wanted: Wanted<'a>,
}

/// A format. Every method appends whole lines to `out`, which its caller writes and clears.
pub trait Output {
    /// A process begins to be recorded.
    fn process(&mut self, process: &Process, out: &mut Vec<u8>);
    /// A call.
    fn call(&mut self, engine: &Engine<'_>, call: &CallRecord<'_>, out: &mut Vec<u8>);
    /// A datagram without a call.
    fn datagram(&mut self, engine: &Engine<'_>, datagram: &Datagram<'_>, out: &mut Vec<u8>);
    /// Records of a process that did not arrive.
    fn lost(&mut self, process: &Process, count: u64, out: &mut Vec<u8>);
    /// A request that the kernel owes something gets no more answers, or has none yet as all ends.
    fn unanswered(&mut self, _engine: &Engine<'_>, _one: &Unanswered<'_>, _out: &mut Vec<u8>) {}
    /// A process ends.
    fn bye(&mut self, process: &Process, out: &mut Vec<u8>);
    /// No more will come.
    fn end(&mut self, _out: &mut Vec<u8>) {}
}

/// What all formats are told about how to print.
#[derive(Debug, Clone)]
pub struct Style {
    /// Escape sequences for colour.
    pub color: bool,
    /// Most bytes of a string that are shown.
    pub string_limit: usize,
    /// Hex beside the decode.
    pub hex: bool,
    /// How times are shown.
    pub time: TimeStyle,
    /// Columns of the terminal; None if the output is not one.
    pub width: Option<usize>,
    /// Show key material.
    pub show_secrets: bool,
    /// What the strace format says of descriptors.
    pub descriptors: Descriptors,
}

impl Style {
    /// Without colour, times, hex, secrets and a terminal; strings whole.
    pub const PLAIN: Self = Self {
        color: false,
        string_limit: 9999,
        hex: false,
        time: TimeStyle::None,
        width: None,
        show_secrets: false,
        descriptors: Descriptors::Number,
    };
}

/// What stands behind a descriptor in the strace format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Descriptors {
    /// Nothing: `3`.
    #[default]
    Number,
    /// What `/proc/self/fd` calls it: `3<socket:[4711]>`.
    Path,
    /// Protocol and port id, or the inode before there is one: `3<NETLINK:[ROUTE:1234]>`.
    Socket,
}

/// How times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeStyle {
    /// Not at all.
    #[default]
    None,
    /// Time of day with microseconds, UTC.
    Clock,
    /// Seconds since 1970 with microseconds.
    Epoch,
    /// Seconds since the first record.
    Relative,
}

/// A format's line in the registry.
pub struct Format {
    /// What `--format` calls it.
    pub name: &'static str,
    /// One sentence of help.
    pub about: &'static str,
    /// Makes one.
    pub make: fn(&Style) -> Box<dyn Output>,
    /// How its summary is printed.
    pub summary: summary::Form,
}

/// All formats; the first is the default.
pub const FORMATS: &[Format] = &[
    Format {
        name: "tree",
        about: "for people: one block a message",
        make: |style| Box::new(tree::Tree::new(style)),
        summary: summary::Form::Table,
    },
    Format {
        name: "strace",
        about: "the text that strace 7.2 prints for the same call",
        make: |style| Box::new(strace::Strace::new(style)),
        summary: summary::Form::Table,
    },
    Format {
        name: "json",
        about: "JSON Lines, one object a message",
        make: |style| Box::new(json::Json::new(style)),
        summary: summary::Form::Lines,
    },
];
