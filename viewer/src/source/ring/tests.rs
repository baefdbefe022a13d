//! Rings as programs make them, and as none does.

use std::process::Command;

use nlproto::ring::{Claim, Claiming, GRANULE_LEN, Layout, MAX_RECORD_LEN, MIN_GRANULES, Progress};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use super::*;

const GRANULES: u64 = MIN_GRANULES;
const ROOM: usize = 2 * MAX_RECORD_LEN;

fn memory(len: u64, seals: SealFlags) -> OwnedFd {
    let file = memfd_create(c"ring", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&file, len).unwrap();
    fcntl_add_seals(&file, seals).unwrap();
    file
}

/// A producer: another mapping of the same memory.
struct Producer {
    map: Map,
}

impl Producer {
    fn new(file: &OwnedFd) -> Self {
        let map = Map::new(file.as_raw_fd(), Access::Shared).unwrap();
        map.store(Word::Magic, MAGIC);
        map.store(Word::Version, VERSION);
        map.store(Word::Granules, map.layout().granules());
        let namespace = fs::metadata("/proc/self/ns/pid").unwrap().ino();
        map.store(Word::PidNamespace, namespace);
        Self { map }
    }

    fn claim(&self, owner: u32, len: usize) -> Option<Claim> {
        match Claiming::new(self.map.layout(), owner, len).run(&self.map) {
            Progress::Claimed(claim) => Some(claim),
            Progress::Full => None,
            other => panic!("{other:?}"),
        }
    }

    fn send(&self, bytes: &[u8]) -> bool {
        let Some(claim) = self.claim(std::process::id(), bytes.len()) else { return false };
        assert!(self.map.put(claim.position, bytes));
        assert!(claim.commit(self.map.layout(), &self.map));
        true
    }
}

/// A ring, and one who writes to it.
fn pair() -> (Ring, Producer) {
    let layout = Layout::with_room(0);
    assert_eq!(layout.granules(), GRANULES);
    let file = memory(layout.file_len() as u64, SealFlags::SHRINK | SealFlags::GROW);
    let producer = Producer::new(&file);
    (Ring::new(file, std::process::id()).unwrap(), producer)
}

fn taken(ring: &mut Ring, now: Instant) -> Vec<u8> {
    let mut room = vec![0; ROOM];
    let turn = ring.take(&mut room, now, false).unwrap();
    room.truncate(turn.len);
    room
}

/// The number of a thread that has ended.
fn dead_thread() -> u32 {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[test]
fn records_of_every_length_come_in_order() {
    let (mut ring, producer) = pair();
    let now = Instant::now();
    let longest = producer.map.layout().record_room();
    // Several laps, so that records end at, before and behind the last granule.
    for len in (0..longest).step_by(97).chain([longest, 1, longest, 64, 63, 65]) {
        let bytes: Vec<u8> = (0..len).map(|i| (i ^ len) as u8).collect();
        assert!(producer.send(&bytes), "{len}");
        assert!(producer.send(b"x"));
        assert_eq!(taken(&mut ring, now), [&bytes[..], b"x"].concat(), "{len}");
    }
    assert!(producer.claim(1, longest + 1).is_none_or(|_| true));
    assert_eq!(ring.lost(), 0);
}

#[test]
fn a_full_ring_takes_no_more_until_it_is_read() {
    let (mut ring, producer) = pair();
    let now = Instant::now();
    for lap in 0..5 {
        let mut sent = 0;
        while producer.send(&[lap; GRANULE_LEN]) {
            sent += 1;
        }
        assert_eq!(sent, GRANULES, "lap {lap}");
        assert_eq!(taken(&mut ring, now), vec![lap; GRANULES as usize * GRANULE_LEN]);
    }
}

#[test]
fn what_does_not_fit_is_taken_next_time() {
    let (mut ring, producer) = pair();
    let bytes = vec![7; 5000];
    for _ in 0..4 {
        assert!(producer.send(&bytes));
    }
    let mut room = vec![0; 11_000];
    let first = ring.take(&mut room, Instant::now(), false).unwrap();
    assert_eq!(first, Turn { len: 10_000, is_full: true, is_last: false });
    let second = ring.take(&mut room, Instant::now(), false).unwrap();
    assert_eq!(second, Turn { len: 10_000, is_full: false, is_last: false });
}

#[test]
fn records_behind_a_stopped_producer_are_taken_but_not_freed() {
    let (mut ring, producer) = pair();
    let now = Instant::now();
    let claim = producer.claim(std::process::id(), 100).unwrap();
    assert!(producer.send(b"second"));
    assert!(taken(&mut ring, now).is_empty());
    assert_eq!(taken(&mut ring, now + COPY_TIME), b"second");
    assert!(producer.send(b"third"));
    assert_eq!(taken(&mut ring, now + COPY_TIME * 2), b"third");
    assert_eq!(ring.consumer.head(), 0);
    // It goes on after all.
    assert!(producer.map.put(claim.position, &[1; 100]));
    assert!(claim.commit(producer.map.layout(), &producer.map));
    assert_eq!(taken(&mut ring, now + COPY_TIME * 3), [1; 100]);
    assert_eq!((ring.consumer.head(), ring.lost()), (4, 0));
    assert!(ring.taken.is_empty());
}

#[test]
fn a_dead_producers_record_is_torn() {
    let (mut ring, producer) = pair();
    let now = Instant::now();
    let claim = producer.claim(dead_thread(), 100).unwrap();
    assert!(producer.send(b"second"));
    assert!(taken(&mut ring, now).is_empty());
    assert_eq!(taken(&mut ring, now + COPY_TIME), b"second");
    assert_eq!(ring.lost(), 1);
    assert!(!claim.commit(producer.map.layout(), &producer.map));
}

#[test]
fn an_owner_that_cannot_be_known_is_not_taken_for_dead() {
    let (mut ring, producer) = pair();
    let now = Instant::now();
    producer.claim(0, 100).unwrap();
    ring.map.store(Word::PidNamespace, 1);
    assert!(taken(&mut ring, now).is_empty());
    assert!(taken(&mut ring, now + COPY_TIME).is_empty());
    assert_eq!(ring.lost(), 0);
}

#[test]
fn the_end_is_when_nobody_has_it_mapped() {
    let (mut ring, producer) = pair();
    let mut room = vec![0; ROOM];
    let now = Instant::now();
    assert!(!ring.take(&mut room, now, true).unwrap().is_last);
    // More than a lap in all, with an unfinished record at the end.
    for _ in 0..GRANULES + 10 {
        assert!(producer.send(b"early"));
        assert_eq!(ring.take(&mut room, now, false).unwrap().len, 5);
    }
    while producer.send(b"whole") {}
    assert_eq!(ring.take(&mut room[..5], now, false).unwrap().len, 5);
    producer.claim(std::process::id(), 1).unwrap();
    drop(producer);
    let rest = ring.take(&mut room, now + PROBE_PACE, false).unwrap();
    assert_eq!(rest.len, 5 * (GRANULES as usize - 1));
    let mut now = now + PROBE_PACE;
    while !ring.take(&mut room, now, false).unwrap().is_last {
        now += PROBE_PACE;
    }
    assert_eq!(ring.lost(), 1);
}

#[test]
fn torn_records_among_the_last_end_nothing() {
    let (mut ring, producer) = pair();
    for number in 0..9_u8 {
        producer.claim(std::process::id(), 100).unwrap();
        assert!(producer.send(&[number; 100]));
    }
    drop(producer);
    // A record a turn, all at the time when it is found out that nobody is left.
    let now = Instant::now() + PROBE_PACE;
    let mut room = vec![0; 150];
    let mut taken = Vec::new();
    loop {
        let turn = ring.take(&mut room, now, false).unwrap();
        if turn.is_last {
            break;
        }
        assert_eq!(turn.len, 100);
        taken.push(room[0]);
    }
    assert_eq!(taken, (0..9).collect::<Vec<u8>>());
    assert_eq!(ring.lost(), 9);
}

#[test]
fn what_is_no_ring_is_refused() {
    let len = Layout::with_room(0).file_len() as u64;
    let sealed = SealFlags::SHRINK | SealFlags::GROW;
    let refusal = |file| Ring::new(file, 1).unwrap_err();
    assert_eq!(refusal(memory(len, SealFlags::empty())), Error::NotSealed);
    assert_eq!(refusal(memory(len, SealFlags::SHRINK)), Error::NotSealed);
    for wrong in [0, 1, 8192, len - 1, len + 1, len * 3, 1 << 40] {
        assert_eq!(refusal(memory(wrong, sealed)), Error::Length(wrong));
    }
    assert_eq!(refusal(memory(len, sealed)), Error::NotARing);
    assert_eq!(refusal(fs::File::open("/dev/zero").unwrap().into()), Error::NotSealed);
    let other_version = memory(len, sealed);
    Producer::new(&other_version).map.store(Word::Version, VERSION + 1);
    assert_eq!(refusal(other_version), Error::NotARing);
}

/// Whatever the words say, and whoever changes them meanwhile, a turn ends and stays in its room.
#[test]
fn hostile_rings_do_no_harm() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut broken = 0;
    for round in 0..3000 {
        let (mut ring, producer) = pair();
        let mut now = Instant::now();
        for _ in 0..random() % 40 {
            producer.send(&vec![1; random() as usize % 3000]);
        }
        for _ in 0..random() % 20 {
            let index = random() % if round % 2 == 0 { 64 } else { GRANULES };
            let old = producer.map.load(Word::Slot(index));
            let value = match random() % 6 {
                0 => random(),
                1 => old ^ (1 << (random() % 64)),
                2 => ((random() % 100_000) << 40) | (random() % 16),
                3 => ((random() % 200) << 40) | ((random() % 8) << 2) | 1,
                4 => random() % 8,
                _ => old.wrapping_add(4),
            };
            producer.map.store(Word::Slot(index), value);
            for word in [Word::Tail, Word::Head, Word::Lost, Word::Granules] {
                producer.map.store(word, random() >> (random() % 64));
            }
        }
        let mut room = vec![0; 9000];
        for _ in 0..30 {
            now += COPY_TIME;
            match ring.take(&mut room, now, random() % 4 == 0) {
                Ok(turn) => assert!(turn.len <= room.len()),
                Err(error) => {
                    assert_eq!(error, Error::Broken);
                    broken += 1;
                    break;
                }
            }
            // A producer that runs on such memory ends as well.
            let _any = Claiming::new(producer.map.layout(), 1, 500).run(&producer.map);
        }
    }
    assert!(broken > 300, "{broken}");
}
