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
const MAX_TOTAL_LEN: usize = 4 << 20;

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
                let before = text.len();
                write(Wanted::Parts(&parts), text);
                self.held_len = self.held_len.saturating_add(text.len().saturating_sub(before));
            }
        }
        while self.held_len > MAX_TOTAL_LEN && self.forget() {}
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
