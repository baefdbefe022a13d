//! All interleavings of the ring's protocol, step by step, in a ring of four granules: two producers
//! of three records each, one of which may die at any step, and the viewer.
//!
//! What runs here is the code that the shim and the viewer run. The memory is sequentially
//! consistent; that acquire and release suffice is what `ring_order` tries.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends at a surprise"
)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use nlproto::ring::{Claim, Claiming, Consumer, Found, GRANULE_LEN, Layout, Progress, Word, Words};

const GRANULES: usize = 4;
const PRODUCERS: usize = 2;
const RECORDS: u8 = 3;

/// The granules of each producer's records: all fit at once, or must wrap, or need pads.
const MIXES: [[[usize; RECORDS as usize]; PRODUCERS]; 4] = [
    [[1, 2, 1], [2, 1, 2]],
    [[2, 2, 2], [1, 1, 1]],
    [[1, 1, 1], [1, 1, 1]],
    [[2, 1, 2], [2, 2, 1]],
];

fn layout() -> Layout {
    Layout::tiny(GRANULES as u64).expect("a power of two")
}

/// The shared words, as one state has them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Memory {
    tail: u64,
    head: u64,
    slots: [u64; GRANULES],
}

/// Memory that counts how often it is accessed.
struct Stepped {
    memory: RefCell<Memory>,
    accesses: Cell<u32>,
}

impl Stepped {
    fn with<R>(&self, word: Word, access: impl FnOnce(&mut u64) -> R) -> R {
        self.accesses.set(self.accesses.get() + 1);
        let mut memory = self.memory.borrow_mut();
        access(match word {
            Word::Tail => &mut memory.tail,
            Word::Head => &mut memory.head,
            Word::Slot(index) => &mut memory.slots[index as usize],
            other => panic!("the protocol does not use {other:?}"),
        })
    }
}

impl Words for Stepped {
    fn load(&self, word: Word) -> u64 {
        self.with(word, |place| *place)
    }

    fn store(&self, word: Word, value: u64) {
        self.with(word, |place| *place = value);
    }

    fn replace(&self, word: Word, old: u64, new: u64) -> Result<(), u64> {
        self.with(word, |place| {
            if *place == old {
                *place = new;
                Ok(())
            } else {
                Err(*place)
            }
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Doing {
    Claiming(Claiming),
    /// Copying the granule with this number.
    Copying(Claim, u8),
    Committing(Claim),
    Dead,
    Finished,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Producer {
    doing: Doing,
    record: u8,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    memory: Memory,
    /// What was copied last to each granule: producer and record.
    data: [(u8, u8); GRANULES],
    producers: [Producer; PRODUCERS],
    consumer: Consumer,
    is_freeing: bool,
    got: [u8; PRODUCERS],
}

/// Owners are thread ids, so not 0.
fn owner(producer: usize) -> u32 {
    producer as u32 + 1
}

fn begin(mix: usize, producer: usize, record: u8) -> Doing {
    if record == RECORDS {
        return Doing::Finished;
    }
    let len = MIXES[mix][producer][record as usize] * GRANULE_LEN;
    Doing::Claiming(Claiming::new(layout(), owner(producer), len))
}

impl State {
    fn first(mix: usize) -> Self {
        Self {
            memory: Memory { tail: 0, head: 0, slots: [0; GRANULES] },
            data: [(0, 0); GRANULES],
            producers: [0, 1].map(|p| Producer { doing: begin(mix, p, 0), record: 0 }),
            consumer: Consumer::new(layout()),
            is_freeing: false,
            got: [0; PRODUCERS],
        }
    }

    /// Runs a step on the memory, which it may access once.
    fn step<R>(&mut self, step: impl FnOnce(&mut Self, &Stepped) -> R) -> R {
        let words = Stepped { memory: RefCell::new(self.memory.clone()), accesses: Cell::new(0) };
        let result = step(self, &words);
        assert!(words.accesses.get() <= 1, "a step of {} accesses", words.accesses.get());
        self.memory = words.memory.into_inner();
        result
    }

    /// What producers do in one go is what they do here step by step.
    fn check_run(&self, claiming: Claiming) {
        let memory = || RefCell::new(self.memory.clone());
        let [whole, steps] = [0, 1].map(|_| Stepped { memory: memory(), accesses: Cell::new(0) });
        let mut stepping = claiming;
        // Alone with a viewer that stopped while it freed, it would look for ever.
        let ends = (0..20).find_map(|_| match stepping.step(&steps) {
            Progress::Going => None,
            end => Some(end),
        });
        let Some(end) = ends else {
            return assert!(self.is_freeing && claiming.run(&whole) == Progress::Full);
        };
        assert!(claiming.run(&whole) == end && whole.memory == steps.memory);
        assert_eq!(whole.accesses, steps.accesses);
    }

    /// The state after a producer's next step; None if it does nothing any more.
    fn produce(&self, mix: usize, number: usize) -> Option<Self> {
        let mut next = self.clone();
        let Producer { doing, record } = self.producers[number].clone();
        if let (Doing::Claiming(claiming), true) = (doing, doing == begin(mix, number, record)) {
            self.check_run(claiming);
        }
        let becomes = match doing {
            Doing::Dead | Doing::Finished => return None,
            Doing::Claiming(mut claiming) => match next.step(|_, words| claiming.step(words)) {
                Progress::Going => Doing::Claiming(claiming),
                Progress::Claimed(claim) => {
                    let len = MIXES[mix][number][record as usize] as u64;
                    let (start, end) = (claim.position, claim.position + len);
                    let head = self.consumer.head();
                    assert!(
                        start >= head && end <= head + GRANULES as u64,
                        "claimed what is not free"
                    );
                    Doing::Copying(claim, 0)
                }
                Progress::Full => begin(mix, number, record),
                Progress::Broken => panic!("broken without a fault"),
            },
            Doing::Copying(claim, granule) => {
                let index = claim.position as usize % GRANULES + granule as usize;
                next.data[index] = (number as u8 + 1, record);
                match usize::from(granule) + 1 == MIXES[mix][number][record as usize] {
                    true => Doing::Committing(claim),
                    false => Doing::Copying(claim, granule + 1),
                }
            }
            Doing::Committing(claim) => {
                let done = next.step(|_, words| claim.commit(layout(), words));
                assert!(done, "the viewer freed what a living producer held");
                next.producers[number].record = record + 1;
                begin(mix, number, record + 1)
            }
        };
        next.producers[number].doing = becomes;
        Some(next)
    }

    /// The state after the viewer's next step; None if there is nothing for it to do.
    fn consume(&self) -> Option<Self> {
        let mut next = self.clone();
        if self.is_freeing {
            next.is_freeing = next.step(|state, words| state.consumer.free_step(words));
            return Some(next);
        }
        let head = self.consumer.head();
        let found = next.step(|state, words| state.consumer.look(head, words));
        let slot = match found.expect("the head is within the lap") {
            Found::Broken => panic!("broken without a fault"),
            Found::Nothing => return None,
            Found::Busy(slot) => {
                let owner = &self.producers[slot.owner() as usize - 1];
                if owner.doing != Doing::Dead {
                    return None;
                }
                slot
            }
            Found::Pad(slot) => slot,
            Found::Record(_, slot) => {
                let number = slot.owner() as usize - 1;
                let record = self.got[number];
                for granule in 0..slot.granules() {
                    let index = (head + granule) as usize % GRANULES;
                    assert_eq!(
                        self.data[index],
                        (slot.owner() as u8, record),
                        "torn or out of order"
                    );
                }
                next.got[number] += 1;
                slot
            }
        };
        next.consumer.free(slot);
        next.is_freeing = true;
        Some(next)
    }

    /// The states after any one step.
    fn successors(&self, mix: usize, may_die: bool) -> Vec<Self> {
        let mut all: Vec<Self> = (0..PRODUCERS).filter_map(|p| self.produce(mix, p)).collect();
        all.extend(self.consume());
        let first = &self.producers[0].doing;
        if may_die && !matches!(first, Doing::Dead | Doing::Finished) {
            let mut dead = self.clone();
            dead.producers[0].doing = Doing::Dead;
            all.push(dead);
        }
        all
    }

    /// Whether nobody has anything left to do; checks that nothing is lost then.
    fn is_final(&self) -> bool {
        let ended = |producer: &Producer| matches!(producer.doing, Doing::Dead | Doing::Finished);
        if !self.producers.iter().all(ended) || self.consume().is_some() {
            return false;
        }
        for (producer, got) in self.producers.iter().zip(self.got) {
            assert_eq!(got, producer.record, "a committed record is lost");
        }
        true
    }
}

/// Visits every state; returns how many there are. From each the end can be reached.
fn explore(mix: usize, may_die: bool) -> usize {
    let mut numbers: HashMap<State, u32> = HashMap::from([(State::first(mix), 0)]);
    let mut ahead = vec![State::first(mix)];
    let mut before: Vec<Vec<u32>> = vec![Vec::new()];
    let mut ends = Vec::new();
    while let Some(state) = ahead.pop() {
        let number = numbers[&state];
        if state.is_final() {
            ends.push(number);
        }
        for next in state.successors(mix, may_die) {
            let new = numbers.len() as u32;
            let next_number = *numbers.entry(next).or_insert_with_key(|next| {
                ahead.push(next.clone());
                before.push(Vec::new());
                new
            });
            before[next_number as usize].push(number);
        }
    }
    assert!(!ends.is_empty());
    let mut reaches_an_end = vec![false; numbers.len()];
    while let Some(number) = ends.pop() {
        if !std::mem::replace(&mut reaches_an_end[number as usize], true) {
            ends.extend(&before[number as usize]);
        }
    }
    assert!(reaches_an_end.iter().all(|reaches| *reaches), "some states lead nowhere");
    numbers.len()
}

#[test]
fn no_interleaving_loses_or_mixes_records() {
    for mix in 0..MIXES.len() {
        let states = explore(mix, false);
        assert!(states > 1000, "mix {mix}: {states} states");
        println!("mix {mix}: {states} states");
    }
}

#[test]
fn a_producer_may_die_at_any_step() {
    for mix in 0..MIXES.len() {
        let states = explore(mix, true);
        assert!(states > 1000, "mix {mix}: {states} states");
        println!("mix {mix}: {states} states");
    }
}
