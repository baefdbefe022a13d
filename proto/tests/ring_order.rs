//! The ring's protocol on memory whose order is no stronger than what the code asks for, as on ARM: with
//! acquire and release as `Words` promises them, and records' bytes that are not atomic at all. `ring_model`
//! tries more interleavings, on memory that has one order.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test ends at a surprise")]

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use nlproto::ring::{Claiming, Consumer, Found, GRANULE_LEN, Layout, Progress, Word, Words};

const GRANULES: usize = 2;

/// A record's bytes are stood for by its number, in each of its granules. That nobody reads or writes while
/// another writes is watched apart, since bytes, unlike this number, are not atomic.
#[derive(Default)]
struct Granule {
    record: AtomicU64,
    turn: UnsafeCell<()>,
}

impl Granule {
    fn write(&self, record: u64) {
        self.turn.with_mut(|_| self.record.store(record, Ordering::Relaxed));
    }

    fn read(&self) -> u64 {
        self.turn.with(|_| self.record.load(Ordering::Relaxed))
    }
}

/// The shared memory. The orders are those of the mapping's.
struct Memory {
    tail: AtomicU64,
    head: AtomicU64,
    slots: [AtomicU64; GRANULES],
    data: [Granule; GRANULES],
}

impl Memory {
    fn new() -> Self {
        Self {
            tail: AtomicU64::new(0),
            head: AtomicU64::new(0),
            slots: std::array::from_fn(|_| AtomicU64::new(0)),
            data: std::array::from_fn(|_| Granule::default()),
        }
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        match word {
            Word::Tail => &self.tail,
            Word::Head => &self.head,
            Word::Slot(index) => &self.slots[index as usize],
            other => panic!("the protocol does not use {other:?}"),
        }
    }

    /// Puts a record in, unless there is no room.
    fn send(&self, record: u64, granules: usize) -> bool {
        let claiming = Claiming::new(layout(), record as u32, granules * GRANULE_LEN);
        let Progress::Claimed(claim) = claiming.run(self) else { return false };
        for granule in self.place(claim.position, granules) {
            granule.write(record);
        }
        assert!(claim.commit(layout(), self), "taken from the living");
        true
    }

    /// Takes the record at the head, if there is one.
    fn take(&self, consumer: &mut Consumer) -> Option<u64> {
        loop {
            match consumer.look(consumer.head(), self) {
                Some(Found::Record(len, slot)) => {
                    let granules = self.place(consumer.head(), len / GRANULE_LEN);
                    let mut parts = granules.iter().map(Granule::read);
                    let record = parts.next();
                    assert!(parts.all(|part| Some(part) == record), "a record of two halves");
                    consumer.free_all(slot, self);
                    return record;
                }
                Some(Found::Pad(slot)) => consumer.free_all(slot, self),
                Some(Found::Nothing | Found::Busy(_)) | None => return None,
                Some(Found::Broken) => panic!("a broken ring"),
            }
        }
    }

    fn place(&self, position: u64, granules: usize) -> &[Granule] {
        let index = position as usize % GRANULES;
        &self.data[index..index + granules]
    }
}

impl Words for Memory {
    fn load(&self, word: Word) -> u64 {
        self.word(word).load(Ordering::Acquire)
    }

    fn store(&self, word: Word, value: u64) {
        self.word(word).store(value, Ordering::Release);
    }

    fn replace(&self, word: Word, old: u64, new: u64) -> Result<(), u64> {
        let word = self.word(word);
        word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).map(|_old| ())
    }
}

fn layout() -> Layout {
    let Some(layout) = Layout::tiny(GRANULES as u64) else { panic!("a power of two") };
    layout
}

/// What each producer sends, by its records' granules: all that found room is taken, once, whole, and of
/// each producer in order.
fn explore(producers: &'static [&'static [usize]], looks: usize, preemptions: usize) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let memory = Arc::new(Memory::new());
        let threads: Vec<_> = (1_u64..)
            .zip(producers)
            .map(|(producer, records)| {
                let memory = Arc::clone(&memory);
                thread::spawn(move || {
                    let numbers = (1_u64..).map(|number| producer * 100 + number);
                    let sent = numbers.zip(*records);
                    sent.filter(|(record, len)| memory.send(*record, **len))
                        .map(|(record, _)| record)
                        .collect::<Vec<u64>>()
                })
            })
            .collect();
        let mut consumer = Consumer::new(layout());
        let mut taken: Vec<u64> = (0..looks).filter_map(|_| memory.take(&mut consumer)).collect();
        let sent: Vec<Vec<u64>> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| panic!("a producer fails")))
            .collect();
        taken.extend(std::iter::from_fn(|| memory.take(&mut consumer)));
        assert_eq!(taken.len(), sent.iter().map(Vec::len).sum::<usize>(), "{sent:?}: {taken:?}");
        for (producer, sent) in (1_u64..).zip(sent) {
            assert!(taken.iter().filter(|it| *it / 100 == producer).eq(&sent), "{taken:?}");
        }
    });
}

#[test]
fn what_is_taken_has_been_written() {
    explore(&[&[1], &[1]], 2, 3);
    explore(&[&[2], &[1]], 2, 3);
}

#[test]
fn what_is_written_again_has_been_taken() {
    explore(&[&[1, 1, 1, 1]], 3, 4);
    explore(&[&[2, 2]], 2, 4);
    explore(&[&[1, 2, 1]], 3, 4);
}

#[test]
fn producers_that_help_each_other_mix_nothing() {
    explore(&[&[1, 1], &[1, 1]], 2, 2);
}
