//! Whole exchanges: what belongs together is shown if any of it is wanted.
//!
//! An exchange is the requests of one record and all that answers them. As long as nothing of one is
//! wanted its text is held back; when something is, that text comes first, and what follows is shown as
//! it comes. What is held is bounded: of a long exchange the front, of many the newest.

use std::collections::{HashMap, VecDeque};

use crate::decode::{self, Direction, Engine, MessageHead, Visitor, Wanted};
use crate::filter::Around;
use crate::output::reply::Reply;

/// Most bytes of text that are held of one exchange; all of a record that begins within is.
const MAX_TEXT_LEN: usize = 64 << 10;
/// Most exchanges that are known.
const MAX_COUNT: usize = 4096;
/// Most bytes of text that are held of all of them.
const MAX_TOTAL_LEN: usize = 2 << 20;

/// An exchange that has begun.
#[derive(Debug)]
enum Exchange {
    /// Something of it was wanted.
    Shown,
    /// This is its text so far.
    Held(Vec<u8>),
}

/// Exchanges by the record of the requests.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    all: HashMap<u64, Exchange>,
    /// Oldest first.
    order: VecDeque<u64>,
    held_len: usize,
    /// What of the record at hand is to be held: exchanges, and which of its messages belong to each.
    now: Vec<(u64, Vec<bool>)>,
    /// Where text is written, to be held in no more room than it takes.
    text: Vec<u8>,
}

/// Collects the exchange that each message belongs to.
struct Belongings<'e> {
    engine: &'e Engine<'e>,
    record: u64,
    all: Vec<Option<u64>>,
}

impl Visitor for Belongings<'_> {
    const HEADS_ONLY: bool = true;

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        self.all.push(match head.direction {
            Direction::Send => Some(self.record),
            Direction::Receive => Reply::of(self.engine, head, 0).map(|reply| reply.asked.record),
        });
    }
}

impl Exchanges {
    /// Adds to the messages that are wanted those that belong to exchanges which are shown. Appends
    /// what was held of an exchange that now is.
    pub(super) fn complete(
        &mut self,
        engine: &Engine<'_>,
        around: &Around<'_>,
        wanted: &mut [bool],
        out: &mut Vec<u8>,
    ) {
        self.now.clear();
        let (Some(protocol), Some(direction)) = (around.protocol, around.direction) else { return };
        let mut belongings = Belongings { engine, record: around.record, all: Vec::new() };
        decode::datagram(engine, protocol, direction, around.payload, &mut belongings);
        let belongings = belongings.all;
        for (key, is_wanted) in belongings.iter().zip(&*wanted) {
            if let (Some(key), true) = (key, is_wanted) {
                self.show(*key, out);
            }
        }
        for (part, key) in belongings.iter().enumerate() {
            let Some(key) = *key else { continue };
            if let Some(Exchange::Shown) = self.all.get(&key) {
                if let Some(is_wanted) = wanted.get_mut(part) {
                    *is_wanted = true;
                }
            } else if let Some((_, parts)) = self.now.iter_mut().find(|(held, _)| *held == key) {
                parts.iter_mut().skip(part).take(1).for_each(|has| *has = true);
            } else {
                self.now.push((key, (0..belongings.len()).map(|n| n == part).collect()));
            }
        }
    }

    /// Has the messages at hand written that belong to exchanges of which nothing was wanted.
    pub(super) fn hold(&mut self, write: &mut dyn FnMut(Wanted<'_>, &mut Vec<u8>)) {
        for (key, parts) in std::mem::take(&mut self.now) {
            if !self.all.contains_key(&key) {
                self.begin(key, Exchange::Held(Vec::new()));
            }
            if let Some(Exchange::Held(text)) = self.all.get_mut(&key)
                && text.len() < MAX_TEXT_LEN
            {
                self.text.clear();
                write(Wanted::Parts(&parts), &mut self.text);
                text.reserve_exact(self.text.len());
                text.extend_from_slice(&self.text);
                self.held_len = self.held_len.saturating_add(self.text.len());
            }
        }
        while self.held_len > MAX_TOTAL_LEN && self.forget() {}
    }

    /// Whether the exchange of a record's requests is shown.
    pub(super) fn shows(&self, record: u64) -> bool {
        matches!(self.all.get(&record), Some(Exchange::Shown))
    }

    fn show(&mut self, key: u64, out: &mut Vec<u8>) {
        match self.all.get_mut(&key) {
            Some(exchange) => {
                if let Exchange::Held(text) = std::mem::replace(exchange, Exchange::Shown) {
                    self.held_len = self.held_len.saturating_sub(text.len());
                    out.extend_from_slice(&text);
                }
            }
            None => self.begin(key, Exchange::Shown),
        }
    }

    fn begin(&mut self, key: u64, exchange: Exchange) {
        if self.order.len() >= MAX_COUNT {
            self.forget();
        }
        self.all.insert(key, exchange);
        self.order.push_back(key);
    }

    /// Forgets the oldest one; false if there is none.
    fn forget(&mut self) -> bool {
        let Some(key) = self.order.pop_front() else { return false };
        if let Some(Exchange::Held(text)) = self.all.remove(&key) {
            self.held_len = self.held_len.saturating_sub(text.len());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Asked, NoNames};
    use crate::spec::Registry;
    use crate::wire::message::Nlmsghdr;

    /// All that is received answers what this record asked.
    struct To(u64);

    impl decode::Requests for To {
        fn asked(&self, _: &Nlmsghdr) -> Option<Asked<'_>> {
            let (record, part, sent_ns, is_dump) = (self.0, 0, 0, false);
            let (answers, answers_len, is_interrupted, bytes) = (1, 16, false, &[][..]);
            Some(Asked {
                record,
                part,
                sent_ns,
                is_dump,
                bytes,
                answers,
                answers_len,
                is_interrupted,
            })
        }
    }

    struct Bench(Registry, Exchanges);

    impl Bench {
        fn new() -> Self {
            Self(Registry::builtin(), Exchanges::default())
        }

        /// So many empty messages go by in a record, each of which has a text of so many letters; returns
        /// what is shown of them, and what was held before.
        fn go(
            &mut self,
            record: u64,
            to: Option<u64>,
            wanted: &[bool],
            len: usize,
        ) -> (Vec<bool>, usize) {
            let direction = if to.is_some() { Direction::Receive } else { Direction::Send };
            let message = [16, 0, 0, 0, 18, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
            let payload = message.repeat(wanted.len());
            let requests = To(to.unwrap_or(0));
            let engine = Engine { registry: &self.0, names: &NoNames, requests: &requests };
            let around = Around {
                process: None,
                call: None,
                function: None,
                socket: None,
                protocol: Some(0),
                direction: Some(direction),
                record,
                payload: &payload,
                answers: &|_| None,
            };
            let (mut shown, mut out) = (wanted.to_vec(), Vec::new());
            self.1.complete(&engine, &around, &mut shown, &mut out);
            self.1.hold(&mut |parts, text| {
                let Wanted::Parts(parts) = parts else { panic!("all") };
                text.extend(vec![b'x'; parts.iter().filter(|has| **has).count() * len]);
            });
            (shown, out.len())
        }

        #[track_caller]
        fn is_bounded(&self) {
            let exchanges = &self.1;
            let held = exchanges.all.values().map(|exchange| match exchange {
                Exchange::Shown => 0,
                Exchange::Held(text) => text.len(),
            });
            assert_eq!(held.sum::<usize>(), exchanges.held_len);
            assert!(exchanges.held_len <= MAX_TOTAL_LEN, "{}", exchanges.held_len);
            assert!(exchanges.all.len() <= MAX_COUNT);
            assert_eq!(exchanges.all.len(), exchanges.order.len());
        }
    }

    #[test]
    fn what_was_held_comes_with_the_first_that_is_wanted() {
        let mut bench = Bench::new();
        assert_eq!(bench.go(1, None, &[false, false], 10), (vec![false, false], 0));
        assert_eq!(bench.go(2, None, &[false], 10), (vec![false], 0));
        assert_eq!(bench.go(3, Some(1), &[false], 10), (vec![false], 0));
        assert!(!bench.1.shows(1));
        // The two requests, and the first answer.
        assert_eq!(bench.go(4, Some(1), &[false, true], 10), (vec![true, true], 30));
        assert!(bench.1.shows(1) && !bench.1.shows(2));
        assert_eq!(bench.go(5, Some(1), &[false], 10), (vec![true], 0));
        assert_eq!(bench.go(6, Some(2), &[false], 10), (vec![false], 0));
        bench.is_bounded();
        assert_eq!(bench.1.held_len, 20);
        // A request that is wanted itself has nothing before it.
        assert_eq!(bench.go(7, None, &[true, false], 10), (vec![true, true], 0));
    }

    #[test]
    fn of_a_long_exchange_the_front_is_held() {
        let mut bench = Bench::new();
        bench.go(1, None, &[false], 10);
        for record in 2..1000 {
            bench.go(record, Some(1), &[false], 1000);
        }
        bench.is_bounded();
        let (_, held) = bench.go(1000, Some(1), &[true], 1000);
        assert!((MAX_TEXT_LEN..MAX_TEXT_LEN + 1000).contains(&held), "{held}");
    }

    #[test]
    fn of_many_exchanges_the_newest_are_held() {
        for len in [0, 10, 100_000] {
            let mut bench = Bench::new();
            let count = MAX_COUNT as u64 + 100;
            for record in 1..=count {
                bench.go(record, None, &[false], len);
                bench.1.now.clear();
            }
            bench.is_bounded();
            assert!(!bench.1.all.contains_key(&1) && bench.1.all.contains_key(&count), "{len}");
            // What is shown is forgotten in its turn.
            for record in count..count * 2 {
                bench.go(record, None, &[true], len);
            }
            bench.is_bounded();
            assert_eq!(bench.1.held_len, 0);
        }
    }
}
