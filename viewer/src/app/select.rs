//! `--filter` and `--conversation`: a format that is shown only what is wanted.
//!
//! A process is introduced when something of it is shown first. What a format counts and joins it does by
//! the records' numbers and the requests, which are those of the whole recording.

mod exchanges;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use self::exchanges::Exchanges;
use crate::decode::{Direction, Engine, MessageHead, Wanted};
use crate::filter::{Answered, Around, Filter, Names};
use crate::output::reply::{Reply, Unanswered};
use crate::output::{CallRecord, Datagram, Output};
use crate::spec::model::Tables;
use crate::spec::{Registry, Vocabulary};
use crate::state::process::Process;

/// Most processes that are remembered until something of them is shown.
const MAX_PROCESSES: usize = 4096;

/// A filter's names are those of the specs, which are looked through as far as it takes to find them.
pub(super) struct Known<'r> {
    registry: &'r Registry,
    vocabulary: RefCell<Vocabulary>,
    /// How many of the specs' tables have been looked through.
    looked_through: Cell<usize>,
}

impl<'r> Known<'r> {
    pub(super) fn by(registry: &'r Registry) -> Self {
        let vocabulary = RefCell::new(Vocabulary::of_families(registry));
        Self { registry, vocabulary, looked_through: Cell::new(0) }
    }

    /// Looks through one more; false if there is none.
    fn read_on(&self) -> bool {
        let number = self.looked_through.get();
        self.looked_through.set(number.saturating_add(1));
        let mut add = |tables: &Tables| self.vocabulary.borrow_mut().add(tables);
        self.registry.look_through(number, &mut add)
    }

    fn find(&self, is_in: impl Fn(&Vocabulary) -> bool) -> bool {
        loop {
            if is_in(&self.vocabulary.borrow()) {
                return true;
            }
            if !self.read_on() {
                return false;
            }
        }
    }
}

impl Names for Known<'_> {
    fn has_part(&self, name: &str) -> bool {
        self.find(|all| all.parts.contains(name))
    }

    fn has_constant(&self, name: &str) -> bool {
        self.find(|all| all.constants.contains(name))
    }

    fn protocol(&self, name: &str) -> Option<u32> {
        self.registry.protocol_named(name)
    }

    fn each(&self, each: &mut dyn FnMut(&str)) {
        while self.read_on() {}
        let all = self.vocabulary.borrow();
        all.parts.iter().chain(&all.constants).for_each(|name| each(name));
    }
}

/// A format behind a filter.
pub(super) struct Selected {
    output: Box<dyn Output>,
    filter: Filter,
    /// Whole exchanges are shown, if any message of one is wanted.
    exchanges: Option<Exchanges>,
    /// Processes of which nothing was shown yet.
    waiting: HashMap<u64, Process>,
}

impl Selected {
    pub(super) fn new(output: Box<dyn Output>, filter: Filter, is_whole: bool) -> Self {
        let exchanges = is_whole.then(Exchanges::default);
        Self { output, filter, exchanges, waiting: HashMap::new() }
    }

    fn introduce(&mut self, key: u64, out: &mut Vec<u8>) {
        if let Some(process) = self.waiting.remove(&key) {
            self.output.process(&process, out);
        }
    }

    /// For each message whether it is shown.
    fn shown(&mut self, engine: &Engine<'_>, around: &Around<'_>, out: &mut Vec<u8>) -> Vec<bool> {
        let mut shown = self.filter.verdicts(engine, around).into_parts();
        if let Some(exchanges) = &mut self.exchanges {
            exchanges.complete(engine, around, &mut shown, out);
        }
        shown
    }
}

/// What a message that was received at a time answers.
fn answered(engine: &Engine<'_>, head: &MessageHead<'_>, received_ns: u64) -> Option<Answered> {
    let reply = Reply::of(engine, head, received_ns)?;
    let ty = reply.asked.bytes.get(4..6)?;
    let ty = u16::from_ne_bytes(ty.try_into().ok()?);
    Some(Answered { ty, latency_ns: reply.latency_ns })
}

impl Output for Selected {
    fn process(&mut self, process: &Process, _out: &mut Vec<u8>) {
        if self.waiting.len() >= MAX_PROCESSES {
            self.waiting.clear();
        }
        self.waiting.insert(process.key, process.clone());
    }

    fn call(&mut self, engine: &Engine<'_>, record: &CallRecord<'_>, out: &mut Vec<u8>) {
        let received_ns = record.call.head.exit_ns;
        let answers = |head: &MessageHead<'_>| answered(engine, head, received_ns);
        let around = Around {
            process: Some(record.process),
            call: Some(record.call),
            function: Some(record.function),
            socket: record.socket,
            protocol: u32::try_from(record.call.head.protocol).ok(),
            direction: record.direction(),
            record: record.record,
            payload: if record.failed() { &[] } else { record.call.payload },
            answers: &answers,
        };
        let mut text = Vec::new();
        let shown = self.shown(engine, &around, &mut text);
        let wanted = Wanted::of(&shown);
        if !text.is_empty() || wanted.is_some() {
            self.introduce(record.process.key, out);
            out.append(&mut text);
        }
        if let Some(wanted) = wanted {
            self.output.call(engine, &CallRecord { wanted, ..*record }, out);
        }
        let Some(exchanges) = &mut self.exchanges else { return };
        exchanges.hold(&mut |wanted, held| {
            self.output.call(engine, &CallRecord { wanted, ..*record }, held);
        });
    }

    fn datagram(&mut self, engine: &Engine<'_>, datagram: &Datagram<'_>, out: &mut Vec<u8>) {
        let answers = |head: &MessageHead<'_>| answered(engine, head, 0);
        let around = Around {
            process: None,
            call: None,
            function: None,
            socket: None,
            protocol: Some(datagram.protocol),
            direction: Some(datagram.direction),
            record: datagram.record,
            payload: datagram.bytes,
            answers: &answers,
        };
        let shown = self.shown(engine, &around, out);
        if let Some(wanted) = Wanted::of(&shown) {
            self.output.datagram(engine, &Datagram { wanted, ..*datagram }, out);
        }
        let Some(exchanges) = &mut self.exchanges else { return };
        exchanges.hold(&mut |wanted, held| {
            self.output.datagram(engine, &Datagram { wanted, ..*datagram }, held);
        });
    }

    fn lost(&mut self, process: &Process, count: u64, out: &mut Vec<u8>) {
        self.introduce(process.key, out);
        self.output.lost(process, count, out);
    }

    fn unanswered(&mut self, engine: &Engine<'_>, one: &Unanswered<'_>, out: &mut Vec<u8>) {
        let request = one.request;
        let around = Around {
            process: Some(one.process),
            call: None,
            function: None,
            socket: one.process.sockets.get(&request.fd),
            protocol: u32::try_from(request.protocol).ok(),
            direction: Some(Direction::Send),
            record: request.record,
            payload: request.bytes(),
            answers: &|_| None,
        };
        let shows = |exchanges: &Exchanges| exchanges.shows(request.record);
        if self.exchanges.as_ref().is_some_and(shows) || self.filter.verdicts(engine, &around).any()
        {
            self.introduce(one.process.key, out);
            self.output.unanswered(engine, one, out);
        }
    }

    fn bye(&mut self, process: &Process, out: &mut Vec<u8>) {
        // Of one that was not introduced nobody wants to know how it ends.
        if self.waiting.remove(&process.key).is_none() {
            self.output.bye(process, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.output.end(out);
    }
}
