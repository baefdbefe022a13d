//! What is wrong: one finding a line, instead of the messages themselves.
//!
//! ```text
//! ip[4242] record 7 part 0  RTM_NEWLINK  IFLA_LINKINFO.IFLA_INFO_KIND +44: 2 bytes of padding are not zero [padding-not-zero]
//! ```
//!
//! Requests are held to all that the decoder checks; what the kernel says, to what cannot be read of it, and
//! to the errors in it. `visit` finds what is wrong with a message, here is what calls tell, `line` writes.

mod line;
#[cfg(test)]
mod tests;
mod visit;

use std::cell::Cell;
use std::rc::Rc;

use super::{CallRecord, Datagram, Output, Style, TimeStyle, socket_names};
use crate::decode::{self, Direction, Engine, MAX_WALK_LEN};
use crate::state::process::Process;
use line::{Finding, Line};
use nlproto::SockaddrNl;
use nlproto::function::Kind;
use visit::{Findings, Place};

/// `ENOBUFS`: the kernel had more to say than the socket could hold.
const ENOBUFS: i32 = 105;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Everything.
    All,
    /// What the kernel says went wrong.
    Errors,
}

/// What is looked for, and how much has been found.
#[derive(Debug, Clone)]
pub struct Tally {
    /// What is looked for.
    pub level: Level,
    count: Rc<Cell<u64>>,
}

impl Tally {
    /// Nothing found yet.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self { level, count: Rc::default() }
    }

    /// How many findings there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    fn add(&self) {
        self.count.set(self.count.get().saturating_add(1));
    }
}

/// Findings, as text or as JSON Lines.
#[derive(Debug)]
pub struct Check {
    tally: Tally,
    line: Line,
    place: Place,
}

impl Check {
    /// One that adds to a tally.
    #[must_use]
    pub fn new(style: &Style, tally: &Tally, json: bool) -> Self {
        Self {
            tally: tally.clone(),
            line: Line::new(style.color, if json { TimeStyle::None } else { style.time }, json),
            place: Place::default(),
        }
    }

    /// A finding about a call as a whole.
    fn call_finding(&mut self, out: &mut Vec<u8>, code: &'static str, words: &[u8]) {
        self.tally.add();
        self.line.put(out, &Finding { code, words, ..Finding::default() });
    }

    fn messages(
        &mut self,
        engine: &Engine<'_>,
        datagram: &Datagram<'_>,
        (to_kernel, portid): (bool, u32),
        out: &mut Vec<u8>,
    ) {
        let Datagram { protocol, direction, bytes, wanted, .. } = *datagram;
        self.place.begin(bytes.len());
        let mut findings = Findings {
            tally: &self.tally,
            line: &mut self.line,
            place: &mut self.place,
            is_known: engine.has_spec(protocol),
            to_kernel,
            portid,
            walk_left: MAX_WALK_LEN,
            out,
        };
        decode::wanted(engine, protocol, direction, bytes, wanted, &mut findings);
    }
}

impl Output for Check {
    fn process(&mut self, _process: &Process, _out: &mut Vec<u8>) {}

    fn call(&mut self, engine: &Engine<'_>, record: &CallRecord<'_>, out: &mut Vec<u8>) {
        let CallRecord { call, function, socket, .. } = *record;
        let Some(direction) = record.direction() else { return };
        let head = &call.head;
        self.line.begin_call(record);
        if record.failed() {
            if function.kind() == Kind::Receive && head.errno == ENOBUFS {
                self.call_finding(out, "overrun", b"ENOBUFS: messages to the socket were lost");
            }
            return;
        }
        // The receive that takes the bytes out of the queue has them again.
        if call.payload.is_empty() || record.is_peek() {
            return;
        }
        let protocol = u32::try_from(head.protocol).unwrap_or(u32::MAX);
        // Only some functions are told; else it can be seen.
        let is_full = head.buf_len == u64::try_from(call.payload.len()).unwrap_or(u64::MAX);
        let is_cut = head.msg_flags & socket_names::MSG_TRUNC != 0
            || (is_full && engine.is_cut(protocol, call.payload));
        if direction == Direction::Receive && is_cut {
            if self.tally.level == Level::All {
                let words = format!("the buffer of {} bytes cut the datagram", head.buf_len);
                self.call_finding(out, "truncated-receive", words.as_bytes());
            }
            return;
        }
        let peer = SockaddrNl::read(call.name);
        let to_kernel = direction == Direction::Send
            && peer.is_none_or(|peer| (peer.portid, peer.groups) == (0, 0));
        let (bytes, wanted, record) = (call.payload, record.wanted, record.record);
        let datagram = Datagram { protocol, direction, bytes, record, wanted };
        let portid = socket.map_or(0, |socket| socket.portid);
        self.messages(engine, &datagram, (to_kernel, portid), out);
    }

    fn datagram(&mut self, engine: &Engine<'_>, datagram: &Datagram<'_>, out: &mut Vec<u8>) {
        self.line.begin_datagram(datagram);
        self.messages(engine, datagram, (datagram.direction == Direction::Send, 0), out);
    }

    fn lost(&mut self, process: &Process, count: u64, out: &mut Vec<u8>) {
        if self.tally.level == Level::All {
            self.line.begin_process(process);
            let words = format!("{count} record{} lost", if count == 1 { "" } else { "s" });
            self.call_finding(out, "records-lost", words.as_bytes());
        }
    }

    fn bye(&mut self, _process: &Process, _out: &mut Vec<u8>) {}
}
