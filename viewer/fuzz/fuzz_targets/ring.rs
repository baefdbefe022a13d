//! A ring's memory may hold anything, and change at any time: a turn at it ends, stays in its room, and goes
//! no further than once around. What producers do on such memory ends as well. Where nobody means ill, all
//! that was committed is taken, and the rest counted.
#![no_main]

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use nlproto::ring::{Claim, Claiming, Layout, MAGIC, Progress, VERSION, Word, Words};
use nlring::{Access, Map};
use nlview::source::ring::Ring;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

/// The input, from its front.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self, len: usize) -> Option<u64> {
        (0..len).try_fold(0_u64, |number, _| Some(number << 8 | u64::from(self.byte()?)))
    }
}

fn word(input: &mut Input<'_>, granules: u64) -> Option<Word> {
    Some(match input.byte()? % 8 {
        0 => Word::Tail,
        1 => Word::Head,
        2 => Word::Lost,
        3 => Word::Granules,
        4 => Word::Closed,
        5 => Word::PidNamespace,
        6 => Word::Slot(input.number(1)?),
        _ => Word::Slot(input.number(2)? % granules),
    })
}

/// What became of the records, as far as their producers can know.
#[derive(Debug, Default)]
struct Account {
    /// Somebody has written what no producer writes: what comes is anything.
    is_spoilt: bool,
    committed: u64,
    abandoned: u64,
    taken: u64,
}

/// Does what the input says, until it ends.
fn play(input: &mut Input<'_>, ring: &mut Ring, map: &Map, account: &mut Account) -> Option<()> {
    let layout = map.layout();
    let mut now = Instant::now();
    let mut claim: Option<(Claim, u64)> = None;
    let mut room = vec![0; 70_000];
    loop {
        match input.byte()? % 8 {
            // A producer, which may be stopped between its two steps, and then never goes on.
            0 | 1 => {
                let len = input.number(2)? as usize;
                let owner = if len.is_multiple_of(2) { std::process::id() } else { 0 };
                if let Progress::Claimed(claimed) = Claiming::new(layout, owner, len).run(map) {
                    map.put(claimed.position, &vec![len as u8; len]);
                    claim = Some((claimed, len as u64));
                    account.abandoned += 1;
                }
            }
            2 => {
                if let Some((claim, len)) = claim.take() {
                    let is_committed = claim.commit(layout, map);
                    assert!(is_committed || account.is_spoilt, "taken from the living");
                    account.committed += len;
                    account.abandoned -= 1;
                }
            }
            // Somebody who means ill.
            3 => {
                let word = word(input, layout.granules())?;
                map.store(word, input.number(8)?);
                account.is_spoilt = true;
            }
            4 => {
                let word = word(input, layout.granules())?;
                map.store(word, map.load(word) ^ 1 << (input.byte()? % 64));
                account.is_spoilt = true;
            }
            5 => now += Duration::from_millis(input.number(2)?),
            _ => {
                let room = &mut room[..input.number(2)? as usize];
                let at_end = input.byte()?.is_multiple_of(4);
                let turn = ring.take(room, now, at_end).ok()?;
                account.taken += turn.len as u64;
                assert!(turn.len <= room.len());
                assert!(!turn.is_last, "somebody has it mapped");
                let _any = ring.lost();
            }
        }
    }
}

/// Takes what is left when nobody has the ring mapped any more.
fn take_the_rest(ring: &mut Ring, account: &mut Account) {
    let mut room = vec![0; 70_000];
    // A turn takes a record at least, or is the last.
    let now = Instant::now() + Duration::from_secs(1_000_000);
    for _ in 0..10_000 {
        let Ok(turn) = ring.take(&mut room, now, false) else {
            assert!(account.is_spoilt, "an honest ring is taken for a broken one");
            return;
        };
        account.taken += turn.len as u64;
        if turn.is_last {
            if !account.is_spoilt {
                assert_eq!(account.taken, account.committed, "{account:?}");
                assert_eq!(ring.lost(), account.abandoned, "{account:?}");
            }
            return;
        }
    }
    panic!("no end");
}

fuzz_target!(|bytes: &[u8]| {
    let layout = Layout::with_room(0);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create(c"ring", flags).expect("memory");
    ftruncate(&file, layout.file_len() as u64).expect("memory of some length");
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).expect("seals");
    let map = Map::new(file.as_raw_fd(), Access::Shared).expect("a ring's memory");
    for (word, value) in
        [(Word::Magic, MAGIC), (Word::Version, VERSION), (Word::Granules, layout.granules())]
    {
        map.store(word, value);
    }
    let mut ring = Ring::new(file, std::process::id()).expect("a ring");
    let mut account = Account::default();
    // Whatever can be said can be said in so many bytes.
    let bytes = bytes.get(..2000).unwrap_or(bytes);
    let _end = play(&mut Input(bytes), &mut ring, &map, &mut account);
    drop(map);
    take_the_rest(&mut ring, &mut account);
});
