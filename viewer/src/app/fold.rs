//! `--fold`: of every dump only the first answers are shown, and how many more there were.

use std::collections::HashMap;

use crate::decode::{self, Direction, Engine, MessageHead, Visitor, Wanted};
use crate::output::reply::{Reply, Unanswered};
use crate::output::{CallRecord, Datagram, Output};
use crate::state::process::Process;

/// Most dumps that are counted at a time; those beyond begin anew.
const MAX_DUMPS: usize = 1024;

/// A request: its record, and which message of that it is.
type Key = (u64, usize);

/// A format that is shown the front of dumps.
pub(super) struct Folded {
    output: Box<dyn Output>,
    /// Answers of each dump that are shown.
    limit: u64,
    /// Answers so far of dumps that have begun.
    dumps: HashMap<Key, u64>,
    /// Which messages of the record at hand are shown.
    shown: Vec<bool>,
}

impl Folded {
    pub(super) fn new(output: Box<dyn Output>, limit: u64) -> Self {
        Self { output, limit, dumps: HashMap::new(), shown: Vec::new() }
    }

    /// Finds out which messages are shown, and writes how many were not of a dump that ends.
    fn look(
        &mut self,
        engine: &Engine<'_>,
        (protocol, direction, bytes): (u32, Direction, &[u8]),
        wanted: Wanted<'_>,
        out: &mut Vec<u8>,
    ) {
        self.shown.clear();
        if direction == Direction::Send {
            return;
        }
        let mut dumps = Dumps { engine, all: Vec::new() };
        decode::datagram(engine, protocol, direction, bytes, &mut dumps);
        for (part, answer) in dumps.all.into_iter().enumerate() {
            let shown = match answer {
                Answer::Other => true,
                Answer::OfDump(_) if !wanted.has(part) => false,
                Answer::OfDump(key) => {
                    if self.dumps.len() >= MAX_DUMPS && !self.dumps.contains_key(&key) {
                        self.dumps.clear();
                    }
                    let count = self.dumps.entry(key).or_default();
                    *count = count.saturating_add(1);
                    *count <= self.limit
                }
                Answer::End(key) => {
                    let count = self.dumps.remove(&key).unwrap_or(0);
                    let folded = count.saturating_sub(self.limit);
                    if folded > 0 {
                        let noun = if folded == 1 { "message" } else { "messages" };
                        out.extend_from_slice(format!("      … {folded} more {noun}\n").as_bytes());
                    }
                    true
                }
            };
            self.shown.push(shown && wanted.has(part));
        }
    }
}

/// What is wanted of a record, if only these messages of it are shown. One without messages is shown.
fn left<'s>(shown: &'s [bool], wanted: Wanted<'s>) -> Option<Wanted<'s>> {
    if shown.is_empty() { Some(wanted) } else { Wanted::of(shown) }
}

/// What a message is to a dump.
enum Answer {
    OfDump(Key),
    End(Key),
    Other,
}

/// Collects what each message is.
struct Dumps<'e> {
    engine: &'e Engine<'e>,
    all: Vec<Answer>,
}

impl Visitor for Dumps<'_> {
    const HEADS_ONLY: bool = true;

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        let reply = Reply::of(self.engine, head, 0).filter(|reply| reply.asked.is_dump);
        self.all.push(match reply.map(|reply| (reply.asked.record, reply.asked.part)) {
            Some(key) if head.control => Answer::End(key),
            Some(key) => Answer::OfDump(key),
            None => Answer::Other,
        });
    }
}

impl Output for Folded {
    fn process(&mut self, process: &Process, out: &mut Vec<u8>) {
        self.output.process(process, out);
    }

    fn call(&mut self, engine: &Engine<'_>, record: &CallRecord<'_>, out: &mut Vec<u8>) {
        self.shown.clear();
        // What is only looked at is counted when it is taken out of the queue.
        let moves = !record.failed() && !record.is_peek();
        if let (Some(direction), Ok(protocol), true) =
            (record.direction(), u32::try_from(record.call.head.protocol), moves)
        {
            let moved = (protocol, direction, record.call.payload);
            self.look(engine, moved, record.wanted, out);
        }
        if let Some(wanted) = left(&self.shown, record.wanted) {
            self.output.call(engine, &CallRecord { wanted, ..*record }, out);
        }
    }

    fn datagram(&mut self, engine: &Engine<'_>, datagram: &Datagram<'_>, out: &mut Vec<u8>) {
        let moved = (datagram.protocol, datagram.direction, datagram.bytes);
        self.look(engine, moved, datagram.wanted, out);
        if let Some(wanted) = left(&self.shown, datagram.wanted) {
            self.output.datagram(engine, &Datagram { wanted, ..*datagram }, out);
        }
    }

    fn lost(&mut self, process: &Process, count: u64, out: &mut Vec<u8>) {
        self.output.lost(process, count, out);
    }

    fn unanswered(&mut self, engine: &Engine<'_>, one: &Unanswered<'_>, out: &mut Vec<u8>) {
        self.output.unanswered(engine, one, out);
    }

    fn bye(&mut self, process: &Process, out: &mut Vec<u8>) {
        self.output.bye(process, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.output.end(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Asked, Nlmsghdr, NoNames, Requests};
    use crate::spec::Registry;

    /// Answers a dump that was asked for in record 1.
    struct Asks;

    impl Requests for Asks {
        fn asked(&self, answer: &Nlmsghdr) -> Option<Asked<'_>> {
            (answer.seq == 7).then_some(Asked { is_dump: true, ..Asked::once(&[]) })
        }
    }

    /// Says which messages it is shown.
    struct Log;

    impl Output for Log {
        fn process(&mut self, _: &Process, _: &mut Vec<u8>) {}
        fn call(&mut self, _: &Engine<'_>, _: &CallRecord<'_>, _: &mut Vec<u8>) {}
        fn datagram(&mut self, _: &Engine<'_>, datagram: &Datagram<'_>, out: &mut Vec<u8>) {
            let count = datagram.bytes.len() / 16;
            let shown = (0..count).filter(|part| datagram.wanted.has(*part));
            out.extend(format!("{} {:?}\n", datagram.record, shown.collect::<Vec<_>>()).bytes());
        }
        fn lost(&mut self, _: &Process, _: u64, _: &mut Vec<u8>) {}
        fn bye(&mut self, _: &Process, _: &mut Vec<u8>) {}
    }

    fn header(ty: u16, seq: u32) -> Vec<u8> {
        let mut bytes = 16_u32.to_ne_bytes().to_vec();
        bytes.extend(ty.to_ne_bytes());
        bytes.extend(2_u16.to_ne_bytes());
        bytes.extend(seq.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes
    }

    #[test]
    fn only_the_front_of_a_dump_is_shown() {
        let registry = Registry::builtin();
        let engine = Engine { registry: &registry, names: &NoNames, requests: &Asks };
        let mut folded = Folded::new(Box::new(Log), 3);
        let mut out = Vec::new();
        let link = || header(16, 7);
        let datagrams = [
            [link(), link()].concat(),
            // A notification among them.
            [link(), link(), header(16, 8)].concat(),
            link(),
            header(3, 7),
            // Another one, as short as may be.
            link(),
            header(3, 7),
        ];
        for (record, bytes) in (1..).zip(&datagrams) {
            let direction = Direction::Receive;
            let datagram = Datagram { protocol: 0, direction, bytes, record, wanted: Wanted::All };
            folded.datagram(&engine, &datagram, &mut out);
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "1 [0, 1]\n2 [0, 2]\n      … 2 more messages\n4 [0]\n5 [0]\n6 [0]\n"
        );
    }
}
