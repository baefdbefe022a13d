//! Whatever the bytes, something is printed for them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nltests::hextext::{Line, parse};
use nltests::random::Random;
use nltests::run::replay;
use nltests::scratch::Scratch;

use crate::formats;
use crate::golden::recorded;

/// Every datagram of the fixtures.
fn datagrams() -> Vec<Line> {
    let texts = recorded().into_iter().map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| parse(&text)).collect()
}

/// Replays datagrams in every format: none fails, none is without a line, and JSON is JSON.
fn prints_all(lines: &[Line], scratch: &Scratch) {
    let text: String = lines.iter().map(|line| line.text() + "\n").collect();
    let file = scratch.file("datagrams.nlhex", text);
    for format in formats() {
        let out = printed(&file, &format, lines);
        match format.as_str() {
            "strace" => assert_eq!(out.lines().count(), lines.len(), "one line a datagram"),
            "json" => {
                for line in out.lines() {
                    serde_json::from_str::<serde_json::Value>(line)
                        .unwrap_or_else(|error| panic!("{error}: {line}"));
                }
            }
            _ => assert!(out.lines().count() >= lines.len(), "{format}: at least a line each"),
        }
        let control = out.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{format}: control characters reach the terminal");
    }
    let out = replay(&file, "tree", &["--check"]);
    let count = out.out().lines().count();
    assert_eq!(out.status, i32::from(count > 0), "{}", out.err());
    let control = out.out().chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "--check: control characters reach the terminal");
}

fn printed(file: &Path, format: &str, lines: &[Line]) -> String {
    let out = replay(file, format, &[]);
    if out.status == 0 && out.stderr.is_empty() {
        return String::from_utf8(out.stdout).expect("the output is UTF-8");
    }
    // Which datagram it was is worth the time.
    let scratch = Scratch::new();
    for line in lines {
        let alone = scratch.file("one.nlhex", line.text() + "\n");
        let again = replay(&alone, format, &[]);
        assert_eq!(again.status, 0, "{format} of {}\n{again:?}", line.text());
    }
    panic!("{format} of {} datagrams at once: {}, {}", lines.len(), out.status, out.err());
}

#[test]
fn random_bytes() {
    let scratch = Scratch::new();
    let mut random = Random::new(1);
    let mut lines = Vec::new();
    for number in 0..4000 {
        let protocol = (number % 32).to_string();
        let len = random.below(120);
        let mut bytes = random.bytes(len);
        // Most messages have a length that fits and a type that is known, or nothing is decoded.
        if number % 4 != 0 && bytes.len() >= 16 {
            let len = bytes.len() as u32;
            bytes[..4].copy_from_slice(&len.to_le_bytes());
            bytes[5] = if number % 3 == 0 { bytes[5] & 0x0f } else { 0 };
        }
        lines.push(Line { protocol, sent: number % 2 == 0, bytes });
    }
    prints_all(&lines, &scratch);
}

#[test]
fn mutated_fixtures() {
    let scratch = Scratch::new();
    let mut random = Random::new(2);
    let mut lines = Vec::new();
    for line in datagrams() {
        for _ in 0..4 {
            let mut line = line.clone();
            for _ in 0..=random.below(4) {
                mutate(&mut line.bytes, &mut random);
            }
            lines.push(line);
        }
    }
    prints_all(&lines, &scratch);
}

/// One of the changes that decoders stumble over.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.bytes(1)[0],
        2 => bytes[at] = [0, 1, 3, 4, 0x7f, 0x80, 0xff][random.below(7)],
        3 => bytes.truncate(at),
        4 => {
            let more = random.bytes(4);
            drop(bytes.splice(at..at, more));
        }
        _ => {
            let end = (at + 4).min(bytes.len());
            drop(bytes.drain(at..end));
        }
    }
}

/// Nesting as deep as a datagram allows costs no more than its length.
#[test]
fn deep_nesting_and_long_lists_cost_time_by_length() {
    let nested = |attribute: u16, depth: usize, start: &[u8]| {
        let mut inner = Vec::new();
        for _ in 0..depth {
            let len = u16::try_from(inner.len() + 4).expect("less than 64 KiB");
            let mut outer = len.to_le_bytes().to_vec();
            outer.extend((attribute | 0x8000).to_le_bytes());
            outer.append(&mut inner);
            inner = outer;
        }
        [start, &inner].concat()
    };
    let message = |kind: u16, payload: &[u8]| {
        let len = u32::try_from(payload.len() + 16).expect("small");
        let mut bytes = len.to_le_bytes().to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend([0; 10]);
        [&bytes, payload].concat()
    };
    let echoed =
        (0..2000).fold(message(16, &[]), |inner, _| message(2, &[&[0; 4], &*inner].concat()));
    let route = |bytes| Line { protocol: "NETLINK_ROUTE".into(), sent: false, bytes };
    let lines = [
        route(message(16, &nested(18, 16_000, &[0; 16]))),
        route(message(16, &nested(26, 16_000, &[0; 16]))),
        route(message(16, &[[0_u8; 16].as_slice(), &[4, 0, 3, 0].repeat(100_000)].concat())),
        route(message(1, &[]).repeat(100_000)),
        route(echoed),
    ];
    let began = Instant::now();
    prints_all(&lines, &Scratch::new());
    assert!(began.elapsed() < Duration::from_secs(30), "it took {:?}", began.elapsed());
}
