//! The requests that programs have made: the one place where they are remembered.
//!
//! What a message means may depend on the message that it answers. An answer names its request by
//! sequence number and port id alone, so requests are kept: whole, with the record that they came
//! in, when that was, and how they ended. Memory is bounded: the oldest are forgotten first, whether
//! they have ended or not, and of a very long one only the front is kept.
//!
//! ```text
//! sent ──► requests (oldest … newest) ──► what is forgotten
//!              ▲ by (socket, sequence number): the newest of that number
//! received ────┘ counts answers, notes the end
//! ```

use std::collections::{HashMap, HashSet, VecDeque};

use crate::decode::{self, Asked};
use crate::wire::message::{
    ACK, DONE, DUMP, DUMP_INTR, ERROR, HEADER_LEN, MIN_TYPE, MULTI, Message, Messages, Nlmsghdr,
    REQUEST,
};
use crate::wire::{self, Step};

use super::process::Process;

/// Most bytes that are kept of one request.
const MAX_REQUEST_LEN: usize = 64 << 10;
/// Most requests that are kept.
const MAX_COUNT: usize = 4096;
/// Most bytes that are kept of all of them.
const MAX_TOTAL_LEN: usize = 4 << 20;
/// Room that is kept for the next request where the one before it stood.
const SPARE_LEN: usize = 4 << 10;

const NETLINK_ROUTE: i32 = 0;

/// A socket, as far as requests and answers are told apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// By its inode, which forked processes share.
    Inode(u64),
    /// By its descriptor in a process, where the inode is not known.
    Descriptor(u64, i32),
    /// Text without calls, in which each protocol is one socket.
    Text(u32),
}

impl Place {
    /// The socket behind a process's descriptor.
    #[must_use]
    pub fn of(process: &Process, fd: i32) -> Self {
        match process.sockets.get(&fd).map(|socket| socket.inode).filter(|inode| *inode != 0) {
            Some(inode) => Self::Inode(inode),
            None => Self::Descriptor(process.key, fd),
        }
    }
}

/// What moved messages: where, and when.
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    /// On which socket.
    pub place: Place,
    /// The key of the process; 0 where there is none.
    pub process: u64,
    /// The socket's descriptor there; -1 where there is none.
    pub fd: i32,
    /// Its protocol.
    pub protocol: i32,
    /// Its port id; 0 where it is not known.
    pub portid: u32,
    /// The number of the record that shows it.
    pub record: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds: before it was sent, after it was received; 0 where it is not
    /// known.
    pub at_ns: u64,
}

/// A message that asks for something.
#[derive(Debug, Default)]
pub struct Request {
    key: Option<Key>,
    /// The key of the process that sent it; 0 where there is none.
    pub process: u64,
    /// The socket's descriptor there; -1 where there is none.
    pub fd: i32,
    /// The netlink protocol.
    pub protocol: i32,
    /// The number of the record that it came in.
    pub record: u64,
    /// Which message of that record it is, from 0.
    pub part: usize,
    /// `CLOCK_MONOTONIC` before it was sent, in nanoseconds; 0 where it is not known.
    pub sent_ns: u64,
    /// Its header.
    pub header: Nlmsghdr,
    /// Port id of the socket; 0 where it is not known.
    pub portid: u32,
    /// Whether it asks for many answers.
    pub is_dump: bool,
    /// How many messages have answered it, its end included.
    pub answers: u64,
    /// Their bytes.
    pub answers_len: u64,
    /// Whether one of them said that what a dump shows has changed meanwhile.
    pub is_interrupted: bool,
    /// Whether it was told that nothing will end it any more.
    is_given_up: bool,
    /// The number of the one before it with the same key, which had not ended then.
    before: Option<u64>,
    /// How it ended.
    pub end: Option<End>,
    bytes: Vec<u8>,
}

impl Request {
    /// Header and payload, as far as they are kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the kernel owed it an end before this record came: an acknowledgement, a dump's end, or
    /// the one answer that a request of its type always has.
    #[must_use]
    pub fn is_owed(&self, record: u64) -> bool {
        let gets = self.protocol == NETLINK_ROUTE && is_get(&self.header);
        self.end.is_none_or(|end| end.record == record)
            && !self.is_given_up
            && (self.is_dump || gets || self.header.flags & ACK != 0)
    }

    /// Whether an error's or acknowledgement's echo is its header.
    fn is_echoed(&self, echo: &Nlmsghdr) -> bool {
        let own = &self.header;
        (own.ty, own.flags, own.seq, own.len) == (echo.ty, echo.flags, echo.seq, echo.len)
    }
}

/// A request's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The number of the record that told it.
    pub record: u64,
    /// `CLOCK_MONOTONIC` after it was received, in nanoseconds; 0 where it is not known.
    pub at_ns: u64,
    /// How.
    pub how: Ending,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By the one answer that it asked for.
    Answered,
    /// By an acknowledgement.
    Acknowledged,
    /// By the end of a dump.
    Done,
    /// By an error number, positive as errno has it.
    Failed(i32),
}

/// A request by its socket and sequence number.
type Key = (Place, u32);

/// The requests.
#[derive(Debug, Default)]
pub struct Requests {
    /// Oldest first.
    kept: VecDeque<Request>,
    /// How many have been forgotten: the number of the oldest one that is kept.
    forgotten: u64,
    by_key: HashMap<Key, u64>,
    total_len: usize,
    /// Where the last answer's request was: a dump's answers come in a row.
    last: Option<(Key, u64)>,
    /// Sockets of which all requests are known, as they were made before our eyes.
    whole: HashSet<Place>,
}

impl Requests {
    /// Remembers the requests among the messages that were sent.
    pub fn sent(&mut self, moved: &Moved, bytes: &[u8]) {
        let mut part = 0;
        for step in Messages::new(bytes) {
            let Step::Element(message) = step else { continue };
            // One that is no request is acknowledged all the same.
            if message.header.flags & (REQUEST | ACK) != 0 {
                self.remember(moved, part, &message, bytes);
            }
            part = part.saturating_add(1);
        }
    }

    /// Learns from the messages that were received how requests go on and end.
    pub fn received(&mut self, moved: &Moved, bytes: &[u8]) {
        if self.by_key.is_empty() {
            return;
        }
        for step in Messages::new(bytes) {
            let Step::Element(message) = step else { continue };
            let key = (moved.place, message.header.seq);
            let echo = (message.header.ty == ERROR).then(|| message.payload.get(4..));
            let echo = echo.flatten().and_then(Nlmsghdr::read);
            let Some(number) = self.number(key, echo.as_ref(), moved.record) else { continue };
            let Some(request) = self.get_mut(number) else { continue };
            if !request.is_answered_by(&message.header, moved.portid) {
                continue;
            }
            request.answers = request.answers.saturating_add(1);
            request.answers_len = request.answers_len.saturating_add(u64::from(message.header.len));
            request.is_dump |= message.header.flags & MULTI != 0;
            request.is_interrupted |= message.header.flags & DUMP_INTR != 0;
            let how = request.ending(&message);
            if let Some(how) = how {
                request.end = Some(End { record: moved.record, at_ns: moved.at_ns, how });
            }
            let goes_on = how.is_none() && request.before.is_none() && request.is_dump;
            self.last = goes_on.then_some((key, number));
        }
    }

    /// The requests as the answers that were moved see them; to a multicast message nothing was asked.
    #[must_use]
    pub const fn scope(&self, moved: &Moved, sender: Sender) -> Scope<'_> {
        Scope { requests: self, moved: *moved, sender }
    }

    /// A socket has been made, so that all its requests will be known.
    pub fn made(&mut self, place: Place) {
        if self.whole.len() >= MAX_COUNT {
            self.whole.clear();
        }
        self.whole.insert(place);
    }

    /// Some of what was sent is not known: no answer is known for one that nobody asked for.
    pub fn missed(&mut self) {
        self.whole.clear();
    }

    /// A process has closed a socket, or with `None` ended: calls `each` with those of its requests that
    /// the kernel still owes something, the oldest first.
    pub fn give_up(&mut self, process: u64, place: Option<Place>, mut each: impl FnMut(&Request)) {
        if let Some(place) = place {
            self.whole.remove(&place);
        }
        let is_its = |request: &&mut Request| {
            let at = request.key.map(|(at, _)| at);
            request.process == process && (place.is_none() || place == at)
        };
        for request in self.kept.iter_mut().filter(is_its) {
            if request.is_owed(u64::MAX) {
                each(request);
            }
            request.is_given_up = true;
        }
    }

    /// The request with an answer's sequence number on its socket. If there are several, answers come in
    /// their order; errors and acknowledgements say by an `echo` of its header which it is.
    #[must_use]
    pub fn find(
        &self,
        moved: &Moved,
        answer: &Nlmsghdr,
        echo: Option<&Nlmsghdr>,
    ) -> Option<&Request> {
        let request = self.get(self.number((moved.place, answer.seq), echo, moved.record)?)?;
        Some(request).filter(|request| request.is_answered_by(answer, moved.portid))
    }

    /// All that are kept, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Request> {
        self.kept.iter()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The request that an answer in this record is to.
    fn number(&self, key: Key, echo: Option<&Nlmsghdr>, record: u64) -> Option<u64> {
        /// Requests with one sequence number that are looked at: programs that give all the same one
        /// and ask for nothing to be acknowledged leave them all open.
        const MAX_ALIKE: usize = 64;
        match self.last {
            Some((last, number)) if last == key && echo.is_none() => return Some(number),
            _ => {}
        }
        let newest = *self.by_key.get(&key)?;
        let (mut open, mut ended) = (None, None);
        let mut next = Some(newest);
        for _ in 0..MAX_ALIKE {
            let Some(number) = next else { break };
            let Some(request) = self.get(number) else { break };
            let is_open = request.end.is_none_or(|end| end.record == record);
            let is_likely = echo.is_some() || number == newest || request.is_owed(record);
            if echo.is_none_or(|echo| request.is_echoed(echo)) {
                if is_open && is_likely {
                    open = Some(number);
                }
                ended = ended.or(Some(number));
            }
            next = request.before;
        }
        open.or(ended)
    }

    fn get(&self, number: u64) -> Option<&Request> {
        self.kept.get(usize::try_from(number.checked_sub(self.forgotten)?).ok()?)
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Request> {
        self.kept.get_mut(usize::try_from(number.checked_sub(self.forgotten)?).ok()?)
    }

    fn remember(&mut self, moved: &Moved, part: usize, message: &Message<'_>, all: &[u8]) {
        let header = message.header;
        let from = all.get(message.at..).unwrap_or(&[]);
        let len = HEADER_LEN.saturating_add(message.payload.len());
        let kept = from.get(..len.min(MAX_REQUEST_LEN)).unwrap_or(from);
        let mut bytes = Vec::new();
        while self.kept.len() >= MAX_COUNT
            || self.total_len.saturating_add(kept.len()) > MAX_TOTAL_LEN
        {
            let Some(oldest) = self.forget() else { break };
            if oldest.capacity() <= SPARE_LEN {
                bytes = oldest;
            }
        }
        bytes.clear();
        bytes.extend_from_slice(kept);
        self.total_len = self.total_len.saturating_add(kept.len());
        let key = (moved.place, header.seq);
        let number = self.forgotten.saturating_add(self.kept.len() as u64);
        let before = self.by_key.insert(key, number);
        let is_open = |before: &u64| self.get(*before).is_some_and(|r| r.end.is_none());
        let before = before.filter(is_open);
        self.last = None;
        self.kept.push_back(Request {
            key: Some(key),
            process: moved.process,
            fd: moved.fd,
            protocol: moved.protocol,
            record: moved.record,
            part,
            sent_ns: moved.at_ns,
            header,
            portid: moved.portid,
            is_dump: asks_for_dump(moved.protocol, &header),
            answers: 0,
            answers_len: 0,
            is_interrupted: false,
            is_given_up: false,
            before,
            end: None,
            bytes,
        });
    }

    /// Forgets the oldest one and returns the room that it took.
    fn forget(&mut self) -> Option<Vec<u8>> {
        let oldest = self.kept.pop_front()?;
        if let Some(key) = oldest.key {
            if self.by_key.get(&key) == Some(&self.forgotten) {
                self.by_key.remove(&key);
            }
            if oldest.end.is_none() {
                self.whole.remove(&key.0);
            }
        }
        self.last = None;
        self.forgotten = self.forgotten.saturating_add(1);
        self.total_len = self.total_len.saturating_sub(oldest.bytes.len());
        Some(oldest.bytes)
    }
}

impl Request {
    /// Whether a message with its sequence number on its socket may be an answer, by port ids: the
    /// kernel answers to the port that asked, and a notification about what somebody else did has
    /// theirs.
    const fn is_answered_by(&self, answer: &Nlmsghdr, portid: u32) -> bool {
        let own = if self.portid != 0 { self.portid } else { portid };
        own == 0 || answer.portid == 0 || answer.portid == own
    }

    /// How an answer ends it, if it does.
    fn ending(&self, answer: &Message<'_>) -> Option<Ending> {
        let code = wire::u32_at(answer.payload, 0).map_or(0, u32::cast_signed);
        match answer.header.ty {
            ERROR | DONE if code < 0 => Some(Ending::Failed(code.saturating_neg())),
            ERROR => Some(Ending::Acknowledged),
            DONE => Some(Ending::Done),
            ty if ty < MIN_TYPE => None,
            _ if answer.header.flags & MULTI != 0 || self.header.flags & ACK != 0 => None,
            _ => Some(Ending::Answered),
        }
    }
}

/// Whether a request asks for many answers. In messages that make something the same bits mean
/// something else; rtnetlink's types tell which those are.
const fn asks_for_dump(protocol: i32, header: &Nlmsghdr) -> bool {
    header.flags & DUMP == DUMP && (protocol != NETLINK_ROUTE || is_get(header))
}

/// Whether an rtnetlink message asks for what there is, by its type.
const fn is_get(header: &Nlmsghdr) -> bool {
    header.ty >= MIN_TYPE && header.ty & 3 == 2
}

/// Who sent a datagram, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Nobody knows.
    Unknown,
    /// The kernel, to this socket.
    Kernel,
    /// A program, to this socket.
    Program,
    /// Somebody, to a multicast group.
    Group,
}

/// The requests that messages on one socket may answer.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'r> {
    requests: &'r Requests,
    moved: Moved,
    sender: Sender,
}

impl<'r> Scope<'r> {
    fn answered(&self, answer: &Nlmsghdr, echo: Option<&Nlmsghdr>) -> Option<Asked<'r>> {
        if self.sender == Sender::Group {
            return None;
        }
        let request = self.requests.find(&self.moved, answer, echo)?;
        Some(Asked {
            record: request.record,
            part: request.part,
            sent_ns: request.sent_ns,
            is_dump: request.is_dump,
            bytes: request.bytes(),
            answers: request.answers,
            answers_len: request.answers_len,
            is_interrupted: request.is_interrupted,
        })
    }
}

impl decode::Requests for Scope<'_> {
    fn asked(&self, answer: &Nlmsghdr) -> Option<Asked<'_>> {
        self.answered(answer, None)
    }

    fn asked_by(&self, answer: &Nlmsghdr, echo: &Nlmsghdr) -> Option<Asked<'_>> {
        self.answered(answer, Some(echo))
    }

    fn is_unasked(&self, answer: &Nlmsghdr) -> bool {
        matches!(self.sender, Sender::Kernel | Sender::Unknown)
            // What the kernel says by itself is from no port.
            && answer.portid != 0
            && answer.portid == self.moved.portid
            && self.requests.whole.contains(&self.moved.place)
            && self.requests.find(&self.moved, answer, None).is_none()
    }
}

#[cfg(test)]
mod tests;
