//! What holds for all records and all bytes: round trips, and readers that neither panic, nor loop,
//! nor lose a frame behind damage.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use nlproto::codec::{self, CALL_FRONT_LEN, MAX_NAME_LEN, PART_FRONT_LEN};
use nlproto::record::{MAX_IOV_LENS, Record};
use nlproto::{
    Bye, Call, CallHead, Event, FRAME_HEAD_LEN, FrameReader, Hello, Lost, MAGIC, MAX_BODY_LEN,
    Name, PREAMBLE_LEN, Part, SYNC, Socket, capture,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A record's variable parts, which records borrow.
type Texts = [Vec<u8>; 4];

fn texts() -> impl Strategy<Value = Texts> {
    let text = || vec(any::<u8>(), 0..40);
    [text(), text(), text(), text()]
}

/// A record of kind `kind` made of these numbers and texts.
fn record<'t>(kind: u8, n: &[u64; 18], texts: &'t Texts) -> Record<'t> {
    let [a, b, c, d] = texts;
    let word = |at: usize| n[at] as u32;
    let signed = |at: usize| n[at] as i32;
    match kind % 7 {
        0 => Record::Hello(Hello {
            pid: word(0),
            ppid: word(1),
            uid: word(2),
            forked: word(3),
            netns: n[4],
            netns_cookie: n[5],
            monotonic_ns: n[6],
            realtime_ns: n[7],
            shim: a,
            comm: b,
            exe: c,
            argv: d,
        }),
        1 => Record::Socket(Socket {
            fd: signed(0),
            kind: signed(1),
            protocol: signed(2),
            portid: word(3),
            groups: word(4),
            inode: n[5],
            netns_cookie: n[6],
        }),
        2 => {
            Record::Call(Call { head: call_head(n), iov_lens: a, name: b, control: c, payload: d })
        }
        3 => Record::Part(Part { call: n[0], offset: n[1], payload: a }),
        4 => Record::Lost(Lost { count: n[0], total: n[1] }),
        5 => Record::Bye(Bye { lost: n[0] }),
        _ => Record::Name(Name { kind: word(0), id: word(1), netns: n[2], name: a }),
    }
}

fn call_head(n: &[u64; 18]) -> CallHead {
    let word = |at: usize| n[at] as u32;
    let signed = |at: usize| n[at] as i32;
    CallHead {
        function: word(0),
        fd: signed(1),
        tid: word(2),
        protocol: signed(3),
        enter_ns: n[4],
        exit_ns: n[5],
        ret: n[6] as i64,
        errno: signed(7),
        flags: signed(8),
        msg_flags: signed(9),
        index: word(10),
        count: word(11),
        iov_count: word(12),
        buf_len: n[13],
        name_len: word(14),
        args: [signed(15), signed(16), signed(17)],
        control_len: n[0],
        payload_total: n[1],
    }
}

fn encode(process: u64, number: u64, record: &Record<'_>) -> Vec<u8> {
    let mut room = vec![0; 1024];
    let len = codec::frame(&mut room, process, number, record).unwrap();
    room.truncate(len);
    room
}

/// A byte that neither a frame nor a preamble begins with.
fn unlike_a_beginning() -> impl Strategy<Value = u8> {
    let [sync, ..] = SYNC.to_le_bytes();
    any::<u8>().prop_map(move |b| if b == sync || b == MAGIC[0] { 0 } else { b })
}

/// Reads to the end as a file's reader does; returns the frames' numbers and the bytes passed over.
fn read(bytes: &[u8]) -> Result<(Vec<u64>, usize), nlproto::Error> {
    let (mut reader, mut rest) = (FrameReader::new(), bytes);
    let (mut numbers, mut skipped) = (Vec::new(), 0);
    while !rest.is_empty() {
        let (event, used) = match reader.next(rest)? {
            // No more will come.
            (Event::NeedMore(more), used) => {
                assert!(more > 0 && used == 0);
                capture::skip(rest)
            }
            other => other,
        };
        assert!(used > 0 && used <= rest.len(), "no progress, or past the end");
        match event {
            Event::Frame(head, body) => {
                assert_eq!(body.len(), head.body_len as usize);
                numbers.push(head.number);
            }
            Event::Skipped(n) => {
                assert_eq!(n, used);
                skipped += n;
            }
            Event::Preamble => assert_eq!(used, PREAMBLE_LEN),
            Event::NeedMore(_) => unreachable!("replaced above"),
        }
        rest = &rest[used..];
    }
    Ok((numbers, skipped))
}

proptest! {
    #[test]
    fn every_record_survives_a_round_trip(
        kind: u8, n: [u64; 18], texts in texts(), process: u64, number: u64,
    ) {
        let record = record(kind, &n, &texts);
        let bytes = encode(process, number, &record);
        let mut reader = FrameReader::new();
        let stream = [&codec::preamble()[..], &bytes].concat();
        prop_assert_eq!(reader.next(&stream), Ok((Event::Preamble, PREAMBLE_LEN)));
        let (event, used) = reader.next(&bytes).unwrap();
        prop_assert_eq!(used, bytes.len());
        let Event::Frame(head, body) = event else { panic!("{event:?}") };
        prop_assert_eq!((head.process, head.number), (process, number));
        prop_assert_eq!(codec::decode(body), Ok(record));
    }

    /// Encoded head ++ caller's bytes is the encoding of the whole record.
    #[test]
    fn a_call_can_be_written_in_pieces(
        n: [u64; 18],
        lens in vec(any::<u64>(), 0..2 * MAX_IOV_LENS),
        name in vec(any::<u8>(), 0..2 * MAX_NAME_LEN),
        control in vec(any::<u8>(), 0..50),
        payload in vec(any::<u8>(), 0..50),
    ) {
        let head = call_head(&n);
        let listed: Vec<u8> =
            lens.iter().take(MAX_IOV_LENS).flat_map(|len| len.to_le_bytes()).collect();
        let name = &name[..name.len().min(MAX_NAME_LEN)];
        let call = Call {
            head,
            iov_lens: &listed,
            name,
            control: &control,
            payload: &payload,
        };
        let mut room = [0; CALL_FRONT_LEN];
        let front = codec::call_front(
            &mut room, (7, 8), &head, lens.iter().copied(),
            (name.len(), control.len(), payload.len()),
        ).unwrap();
        let (first, rest) = room[..front.len].split_at(front.name_at);
        let (second, third) = rest.split_at(front.control_at - front.name_at);
        let pieces = [first, name, second, &control, third, &payload].concat();
        prop_assert_eq!(pieces, encode(7, 8, &Record::Call(call)));
        prop_assert!(call.iov_lens().eq(lens.iter().copied().take(MAX_IOV_LENS)));
    }

    #[test]
    fn a_part_can_be_written_in_pieces(
        call: u64, offset: u64, payload in vec(any::<u8>(), 0..50),
    ) {
        let mut room = [0; PART_FRONT_LEN];
        let len = codec::part_front(&mut room, 7, 8, call, offset, payload.len()).unwrap();
        let pieces = [&room[..len], &payload].concat();
        prop_assert_eq!(pieces, encode(7, 8, &Record::Part(Part { call, offset, payload: &payload })));
    }

    #[test]
    fn too_little_room_is_an_error(kind: u8, n: [u64; 18], texts in texts(), lacking in 1_usize..) {
        let record = record(kind, &n, &texts);
        let len = encode(1, 2, &record).len();
        let mut room = vec![0; len - (lacking - 1) % len - 1];
        prop_assert_eq!(codec::frame(&mut room, 1, 2, &record), Err(nlproto::Error::NoRoom));
    }

    #[test]
    fn no_bytes_are_too_strange_to_decode(bytes in vec(any::<u8>(), 0..300)) {
        let _any_answer = codec::decode(&bytes);
        let _any_answer = read(&bytes);
        let _any_answer = read(&[&codec::preamble()[..], &bytes].concat());
    }

    /// The same with bytes that look like a stream here and there.
    #[test]
    fn no_stream_is_too_strange_to_read(
        pieces in vec(
            prop_oneof![
                vec(any::<u8>(), 0..30),
                Just(SYNC.to_le_bytes().to_vec()),
                Just(MAGIC.to_vec()),
                Just(codec::preamble().to_vec()),
                Just(vec![0; 20]),
                Just(encode(1, 2, &Record::Bye(Bye { lost: 3 }))),
            ],
            0..20,
        ),
    ) {
        let _any_answer = read(&[&codec::preamble()[..], &pieces.concat()].concat());
    }

    #[test]
    fn damage_costs_only_what_it_hits(
        kinds in vec((any::<u8>(), any::<[u64; 18]>(), texts()), 1..6),
        damaged in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        garbage in vec(unlike_a_beginning(), 0..40),
    ) {
        let frames: Vec<Vec<u8>> = (0..)
            .zip(&kinds)
            .map(|(number, (kind, n, texts))| encode(1, number, &record(*kind, n, texts)))
            .collect();
        let damaged = damaged.index(frames.len());
        // A torn write: the front of a frame, then whatever came to lie behind it.
        let torn = [&frames[damaged][..at.index(frames[damaged].len())], &garbage].concat();
        let mut stream = codec::preamble().to_vec();
        for (number, frame) in frames.iter().enumerate() {
            stream.extend(if number == damaged { &torn } else { frame });
        }
        // Frames that fill exactly what the torn one lacks are hidden by it.
        let mut reach = torn.len();
        for frame in &frames[damaged + 1..] {
            reach += frame.len();
            prop_assume!(reach != frames[damaged].len());
        }
        let (numbers, _skipped) = read(&stream).unwrap();
        for number in (0..frames.len()).filter(|number| *number != damaged) {
            prop_assert!(numbers.contains(&(number as u64)), "{number} of {numbers:?}, damaged {damaged}");
        }
    }
}

#[test]
fn a_hostile_length_is_refused_at_once() {
    let mut head = [0; FRAME_HEAD_LEN];
    head[..4].copy_from_slice(&SYNC.to_le_bytes());
    head[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(codec::FrameHead::from_bytes(&head), Err(nlproto::Error::TooLong(u32::MAX)));
    let stream = [&codec::preamble()[..], &head].concat();
    assert_eq!(read(&stream), Ok((vec![], FRAME_HEAD_LEN)));
    // A byte string that claims to be longer than its record.
    let mut body = encode(1, 2, &Record::Part(Part { call: 0, offset: 0, payload: &[1, 2, 3] }));
    body.drain(..FRAME_HEAD_LEN);
    body[20..28].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(codec::decode(&body), Err(nlproto::Error::Malformed));
}

#[test]
fn bytes_behind_a_record_are_told() {
    let mut body = encode(1, 2, &Record::Bye(Bye { lost: 0 }));
    body.drain(..FRAME_HEAD_LEN);
    body.extend([1, 2, 3]);
    assert_eq!(codec::decode(&body), Err(nlproto::Error::Trailing(3)));
}

#[test]
fn the_longest_record_fits_and_a_longer_one_does_not() {
    let overhead = encode(1, 2, &Record::Part(Part { call: 0, offset: 0, payload: &[] })).len();
    let payload = vec![7; MAX_BODY_LEN + FRAME_HEAD_LEN - overhead + 1];
    let mut room = vec![0; MAX_BODY_LEN + FRAME_HEAD_LEN + 1];
    let mut encoded = |payload: &[u8]| {
        codec::frame(&mut room, 1, 2, &Record::Part(Part { call: 0, offset: 0, payload }))
    };
    assert_eq!(encoded(&payload[1..]), Ok(MAX_BODY_LEN + FRAME_HEAD_LEN));
    assert_eq!(encoded(&payload), Err(nlproto::Error::NoRoom));
}
