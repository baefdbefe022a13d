//! What a message answers: the request, how long that took, and at a dump's end all that came of it.

use nlproto::Function;

use crate::decode::{Asked, Engine, MessageHead, Value};
use crate::state::process::Process;
use crate::state::requests::Request;
use crate::wire::message::{DONE, ERROR, HEADER_LEN, Nlmsghdr};

/// A message's place in its conversation.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// What it answers.
    pub asked: Asked<'a>,
    /// From before the request was sent until after the answer was received, in nanoseconds, where both
    /// are known.
    pub latency_ns: Option<u64>,
    /// What a dump brought, at its end.
    pub dump: Option<Dump>,
}

/// What a dump brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dump {
    /// Messages, without the one that ends it.
    pub messages: u64,
    /// Their bytes, in bytes.
    pub len: u64,
    /// What it shows changed meanwhile, so that it may be neither the old state nor the new.
    pub is_interrupted: bool,
}

impl<'a> Reply<'a> {
    /// What a message that was received at a time answers, if anything. The time is `CLOCK_MONOTONIC` in
    /// nanoseconds, 0 where it is not known.
    #[must_use]
    pub fn of(engine: &Engine<'a>, head: &MessageHead<'_>, received_ns: u64) -> Option<Self> {
        let asked = engine.answered(head)?;
        let timed = asked.sent_ns != 0 && received_ns != 0;
        let latency_ns = timed.then(|| received_ns.saturating_sub(asked.sent_ns));
        let ends = matches!(head.header.ty, ERROR | DONE) && head.control;
        // A request that is refused at once has one answer, the error.
        let dump =
            (asked.is_dump && ends && (head.header.ty == DONE || asked.answers > 1)).then(|| {
                Dump {
                    messages: asked.answers.saturating_sub(1),
                    len: asked.answers_len.saturating_sub(u64::from(head.header.len)),
                    is_interrupted: asked.is_interrupted,
                }
            });
        Some(Self { asked, latency_ns, dump })
    }
}

/// What a request asks: its type, and the operation of a generic family.
#[must_use]
pub fn request_kind<'e>(
    engine: &Engine<'e>,
    protocol: u32,
    request: &[u8],
) -> (Value<'e>, Option<&'e str>) {
    let ty = Nlmsghdr::read(request).map_or(0, |header| header.ty);
    let command = request.get(HEADER_LEN);
    let operation = command.and_then(|command| engine.request_operation(protocol, ty, *command));
    (engine.request_type(protocol, ty), operation)
}

/// A request that the kernel owes something, where nothing can come any more, or has not come yet.
#[derive(Debug, Clone, Copy)]
pub struct Unanswered<'a> {
    /// Who asked.
    pub process: &'a Process,
    /// What.
    pub request: &'a Request,
    /// Why it is told now.
    pub why: Why,
}

/// Why a request without an end is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its socket is closed.
    Closed,
    /// The process has ended.
    Ended,
    /// The recording ends; the answer may still come.
    Cut,
}

impl Why {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "close",
            Self::Ended => "exit",
            Self::Cut => "end",
        }
    }
}

/// What a socket still held when it was closed, as `SO_MEMINFO` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOver {
    /// Bytes that were not read, as the kernel counts their memory.
    pub unread: u32,
    /// Room for such bytes.
    pub room: u32,
    /// Datagrams that were dropped for lack of room.
    pub drops: u32,
}

impl LeftOver {
    /// That of a close, if there is anything to say.
    #[must_use]
    pub fn of(record: &super::CallRecord<'_>) -> Option<Self> {
        let [unread, room, drops] = record.call.head.args.map(i32::cast_unsigned);
        let is_close = record.function == Function::Close;
        (is_close && (unread > 0 || drops > 0)).then_some(Self { unread, room, drops })
    }
}
