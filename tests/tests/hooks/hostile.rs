//! Programs that mean ill towards the viewer: whatever they hand over, the others are recorded whole, and the
//! viewer ends when it is to.

use std::collections::HashSet;
use std::fs::File;
use std::io::{IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nlproto::ring::{Claiming, Layout, MAGIC, Progress, VERSION, Word, Words};
use nlproto::{Hello, Record, codec};
use nlring::Map;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::harness::{Random, Scratch, TRANSPORTS};
use super::nlview::Nlview;
use super::viewers::{ended, floods};

/// What a program says first.
fn greeting(key: u64) -> Vec<u8> {
    let hello = Hello {
        pid: std::process::id(),
        ppid: 1,
        uid: 0,
        forked: 0,
        netns: 0,
        netns_cookie: 0,
        monotonic_ns: 1,
        realtime_ns: 1,
        shim: b"0",
        comm: b"hostile",
        exe: b"/hostile",
        argv: b"hostile\0",
    };
    let mut room = vec![0; 1024];
    let len = codec::frame(&mut room, key, 0, &Record::Hello(hello)).expect("room");
    [&codec::preamble()[..], &room[..len]].concat()
}

/// Hands a descriptor over, as programs do.
fn hand_over(socket: &Path, first: &[u8], file: BorrowedFd<'_>) -> UnixStream {
    let stream = UnixStream::connect(socket).expect("somebody listens");
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [file];
    assert!(control.push(SendAncillaryMessage::ScmRights(&files)));
    let sent = sendmsg(&stream, &[IoSlice::new(first)], &mut control, SendFlags::NOSIGNAL);
    assert_eq!(sent, Ok(first.len()));
    stream
}

/// A ring's memory with the right front, and another mapping of it.
fn ring() -> (Map, File) {
    let (number, map) = Map::create(Layout::with_room(0)).expect("memory");
    let path = format!("/proc/self/fd/{number}");
    let file = File::options().read(true).write(true).open(path).expect("a memory file");
    for (word, value) in
        [(Word::Magic, MAGIC), (Word::Version, VERSION), (Word::Granules, map.layout().granules())]
    {
        map.store(word, value);
    }
    (map, file)
}

/// Writes into a ring what no program writes, what programs write, and both.
fn spoil(map: &Map, random: &mut Random) {
    let granules = map.layout().granules();
    for _ in 0..200 {
        match random.below(8) {
            0 => map.store(Word::Tail, random.below(u64::MAX)),
            1 => map.store(Word::Head, random.below(granules * 3)),
            2 => map.store(Word::Lost, random.below(1 << 40)),
            3 => map.store(Word::Slot(random.below(granules)), random.below(u64::MAX)),
            4 => {
                let word = Word::Slot(random.below(16));
                map.store(word, map.load(word) ^ (1 << random.below(64)));
            }
            _ => {
                let len = random.below(3000) as usize;
                let owner = random.below(40_000) as u32;
                if let Progress::Claimed(claim) = Claiming::new(map.layout(), owner, len).run(map) {
                    map.put(claim.position, &vec![random.below(256) as u8; len]);
                    if random.below(4) > 0 {
                        let _any = claim.commit(map.layout(), map);
                    }
                }
            }
        }
    }
}

/// Somebody who goes on and on spoiling a ring that the viewer reads.
fn spoiler(socket: &Path, key: u64, end: &Arc<AtomicBool>, mut random: Random) -> JoinHandle<()> {
    let (map, file) = ring();
    drop(hand_over(socket, &greeting(key), file.as_fd()));
    let end = Arc::clone(end);
    thread::spawn(move || {
        while !end.load(Ordering::Acquire) {
            spoil(&map, &mut random);
            thread::sleep(Duration::from_micros(200));
        }
    })
}

#[test]
fn hostile_programs_harm_nobody() {
    for transport in TRANSPORTS {
        let viewer = Nlview::listen();
        let socket = viewer.socket();
        let mut random = Random::new();
        let end = Arc::new(AtomicBool::new(false));

        // No rings at all.
        let scratch = Scratch::new();
        let long = File::create(scratch.join("file")).expect("a scratch file");
        long.set_len(Layout::with_room(0).file_len() as u64).expect("room");
        let device = File::open("/dev/zero").expect("there is one");
        let (_map, mut short) = ring();
        assert!(short.set_len(100).is_err(), "a ring can be cut short under its reader");
        short = File::open("/dev/null").expect("there is one");
        let mut kept = Vec::new();
        for file in [&long, &device, &short] {
            kept.push(hand_over(&socket, &greeting(1), file.as_fd()));
        }
        // What is no stream, and what becomes none.
        for first in [greeting(2), Vec::new()] {
            let mut stream = UnixStream::connect(&socket).expect("somebody listens");
            let noise: Vec<u8> = (0..50_000).map(|_| random.below(256) as u8).collect();
            let _refused = stream.write_all(&[first, noise].concat());
            kept.push(stream);
        }
        // Rings that hold anything, and are let alone, or are not.
        let still: Vec<Map> = (10..30)
            .map(|key| {
                let (map, file) = ring();
                spoil(&map, &mut random);
                drop(hand_over(&socket, &greeting(key), file.as_fd()));
                map
            })
            .collect();
        let spoilers: Vec<_> =
            (40..44).map(|key| spoiler(&socket, key, &end, random.split())).collect();

        let (sent, _) = ended(floods(transport, &viewer, 4, 20_000, 10_000));
        let complaints = viewer.complaints();
        // All but the last go on while it ends.
        let heard = viewer.finish();
        end.store(true, Ordering::Release);
        spoilers.into_iter().for_each(|it| it.join().expect("a spoiler ends well"));
        drop(still);

        let all = heard.frames.sequence();
        let different: HashSet<&(u64, u32)> = all.iter().collect();
        assert_eq!((all.len() as u64, different.len() as u64), (sent, sent), "{transport}");
        for said in ["is not sealed against changes", "holds what no program writes"] {
            assert!(complaints.contains(said), "{said}: {complaints}");
        }
    }
}
