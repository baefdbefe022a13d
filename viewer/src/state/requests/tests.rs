//! What is remembered, found, ended and forgotten.

use super::*;
use crate::decode::Requests as _;

const SOCKET: Place = Place::Inode(7);

fn moved(record: u64) -> Moved {
    Moved { place: SOCKET, process: 1, fd: 3, protocol: 4, portid: 0, record, at_ns: record * 1000 }
}

fn message(ty: u16, flags: u16, seq: u32, portid: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(ty.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(seq.to_ne_bytes());
    bytes.extend(portid.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

fn header(seq: u32, portid: u32) -> Nlmsghdr {
    Nlmsghdr { len: 16, ty: 20, flags: 0, seq, portid }
}

#[test]
fn an_answer_finds_its_request() {
    let mut requests = Requests::default();
    let both = [message(20, REQUEST | DUMP, 1, 0, b"abcd"), message(20, REQUEST, 2, 0, b"e")];
    requests.sent(&moved(5), &both.concat());
    let scope = requests.scope(SOCKET, 0, Sender::Unknown);
    let asked = scope.asked(&header(1, 99)).unwrap();
    assert_eq!((asked.record, asked.part, asked.is_dump, asked.sent_ns), (5, 0, true, 5000));
    assert_eq!(asked.bytes, both[0]);
    let asked = scope.asked(&header(2, 99)).unwrap();
    assert_eq!((asked.part, asked.is_dump, asked.bytes.len()), (1, false, 17));
    assert!(scope.asked(&header(3, 99)).is_none());
    assert!(requests.scope(SOCKET, 0, Sender::Group).asked(&header(1, 99)).is_none());
    assert!(requests.scope(Place::Inode(8), 0, Sender::Unknown).asked(&header(1, 99)).is_none());
}

/// The sequence numbers of the requests that are given up.
fn given_up(requests: &mut Requests, process: u64, place: Option<Place>) -> Vec<u32> {
    let mut seqs = Vec::new();
    requests.give_up(process, place, |request| seqs.push(request.header.seq));
    seqs
}

#[test]
fn who_is_owed_an_answer_is_told_once() {
    let mut requests = Requests::default();
    let route = |record| Moved { protocol: 0, ..moved(record) };
    // A get, a change with and one without an acknowledgement, a dump, no request but to be
    // acknowledged.
    requests.sent(&route(1), &message(18, REQUEST, 1, 0, b""));
    requests.sent(&route(2), &message(16, REQUEST | ACK, 2, 0, b""));
    requests.sent(&route(3), &message(16, REQUEST, 3, 0, b""));
    requests.sent(&route(4), &message(22, REQUEST | DUMP, 4, 0, b""));
    requests.sent(&route(5), &message(16, ACK, 5, 0, b""));
    // The dump begins, and the first get is answered.
    requests.received(&route(6), &message(20, MULTI, 4, 0, b""));
    requests.received(&route(7), &message(16, 0, 1, 0, b""));
    let elsewhere = Some(Place::Inode(8));
    assert_eq!(given_up(&mut requests, 1, elsewhere), [0; 0]);
    assert_eq!(given_up(&mut requests, 2, None), [0; 0]);
    assert_eq!(given_up(&mut requests, 1, Some(SOCKET)), [2, 4, 5]);
    assert_eq!(given_up(&mut requests, 1, None), [0; 0]);
}

#[test]
fn a_dump_is_counted_and_its_interruption_remembered() {
    let mut requests = Requests::default();
    requests.sent(&moved(1), &message(20, REQUEST | DUMP, 1, 0, b""));
    let two = [message(20, MULTI, 1, 0, b"abcd"), message(20, MULTI | DUMP_INTR, 1, 0, b"")];
    requests.received(&moved(2), &two.concat());
    requests.received(&moved(3), &message(DONE, MULTI, 1, 0, &[0; 4]));
    let asked = requests.scope(SOCKET, 0, Sender::Kernel);
    let asked = asked.asked(&header(1, 0)).unwrap();
    assert_eq!((asked.answers, asked.answers_len), (3, 56));
    assert!(asked.is_interrupted);
}

#[test]
fn answers_that_nobody_asked_for() {
    let mut requests = Requests::default();
    let mine = Moved { portid: 70, ..moved(1) };
    requests.sent(&mine, &message(20, REQUEST, 1, 0, b""));
    let unasked = |requests: &Requests, sender, seq, portid| {
        requests.scope(SOCKET, 70, sender).is_unasked(&header(seq, portid))
    };
    // Of a socket that was there before nobody knows what it asked.
    assert!(!unasked(&requests, Sender::Kernel, 2, 70));
    requests.made(SOCKET);
    assert!(unasked(&requests, Sender::Kernel, 2, 70));
    assert!(!unasked(&requests, Sender::Kernel, 1, 70));
    // What the kernel tells by itself, what others did, what other programs send.
    assert!(!unasked(&requests, Sender::Kernel, 2, 0));
    assert!(!unasked(&requests, Sender::Kernel, 2, 71));
    assert!(!unasked(&requests, Sender::Group, 2, 70));
    assert!(!unasked(&requests, Sender::Program, 2, 70));
    requests.missed();
    assert!(!unasked(&requests, Sender::Kernel, 2, 70));
}

#[test]
fn what_asks_for_nothing_is_not_kept() {
    let mut requests = Requests::default();
    requests.sent(&moved(1), &message(20, 0, 1, 0, b""));
    requests.sent(&moved(2), b"\x01\x02");
    assert_eq!(requests.iter().count(), 0);
}

#[test]
fn a_notification_about_what_others_did_answers_nothing() {
    let mut requests = Requests::default();
    let asks = Moved { portid: 70, ..moved(1) };
    requests.sent(&asks, &message(20, REQUEST, 1, 0, b""));
    let scope = requests.scope(SOCKET, 70, Sender::Unknown);
    assert!(scope.asked(&header(1, 70)).is_some());
    assert!(scope.asked(&header(1, 0)).is_some());
    assert!(scope.asked(&header(1, 71)).is_none());
    requests.received(&asks, &message(20, 0, 1, 71, b""));
    assert_eq!(requests.iter().next().unwrap().answers, 0);
}

#[test]
fn a_number_that_is_used_again_means_the_newest() {
    let mut requests = Requests::default();
    for record in 1..=3 {
        requests.sent(&moved(record), &message(20, REQUEST, 0, 0, &[0; 4]));
        requests.received(&moved(record), &message(20, 0, 0, 0, b""));
    }
    assert_eq!(requests.scope(SOCKET, 0, Sender::Unknown).asked(&header(0, 0)).unwrap().record, 3);
    assert!(requests.iter().all(|r| r.answers == 1 && r.end.is_some()));
}

/// The record of the request that a message on [`SOCKET`] answers.
fn answers(requests: &mut Requests, record: u64, answer: &[u8]) -> u64 {
    requests.received(&moved(record), answer);
    let header = Nlmsghdr::read(answer).unwrap();
    let found = requests.scope(SOCKET, 0, Sender::Kernel).asked(&header).unwrap().record;
    // However often it is asked.
    assert_eq!(requests.find(SOCKET, &header, 0).unwrap().record, found);
    found
}

#[test]
fn answers_to_one_number_come_in_order() {
    let mut requests = Requests::default();
    let ack = message(ERROR, 0, 0, 0, &[0; 4]);
    for record in 1..=3 {
        requests.sent(&moved(record), &message(20, REQUEST | ACK, 0, 0, b""));
    }
    // One that nothing is owed to.
    requests.sent(&moved(4), &message(20, REQUEST, 0, 0, b""));
    assert_eq!(answers(&mut requests, 5, &ack), 1);
    assert_eq!(answers(&mut requests, 6, &message(20, 0, 0, 0, b"")), 2);
    assert_eq!(answers(&mut requests, 7, &ack), 2);
    requests.sent(&moved(8), &message(20, REQUEST | DUMP, 0, 0, b""));
    assert_eq!(answers(&mut requests, 9, &ack), 3);
    assert_eq!(answers(&mut requests, 10, &message(20, MULTI, 0, 0, b"")), 8);
    assert_eq!(answers(&mut requests, 11, &message(DONE, MULTI, 0, 0, &[0; 4])), 8);
    // Nobody waits: the newest.
    assert_eq!(answers(&mut requests, 12, &ack), 8);
    let counts: Vec<u64> = requests.iter().map(|request| request.answers).collect();
    assert_eq!(counts, [1, 2, 1, 0, 3]);
    assert_eq!(given_up(&mut requests, 1, None), [0; 0]);
}

#[test]
fn an_error_is_to_the_request_that_it_echoes() {
    let mut requests = Requests::default();
    let [kept, refused] = [message(20, REQUEST | ACK, 0, 0, b""), message(21, REQUEST, 0, 0, b"a")];
    requests.sent(&moved(1), &kept);
    requests.sent(&moved(2), &refused);
    let code = (-22_i32).to_ne_bytes();
    let error = message(ERROR, 0, 0, 0, &[&code[..], &refused].concat());
    assert_eq!(answers(&mut requests, 3, &error), 2);
    let ack = message(ERROR, 0, 0, 0, &[&[0; 4], &kept[..]].concat());
    assert_eq!(answers(&mut requests, 4, &ack), 1);
}

#[test]
fn what_is_forgotten_leaves_its_number_to_others() {
    let mut requests = Requests::default();
    let count = MAX_COUNT as u64 + 10;
    for record in 1..=count {
        requests.sent(&moved(record), &message(20, REQUEST | ACK, 0, 0, b""));
    }
    assert_eq!((requests.kept.len(), requests.by_key.len()), (MAX_COUNT, 1));
    let ack = message(ERROR, 0, 0, 0, &[0; 4]);
    assert_eq!(answers(&mut requests, count + 1, &ack), 11);
    for seq in 1..=MAX_COUNT as u32 {
        requests.sent(&moved(1), &message(20, REQUEST | ACK, seq, 0, b""));
    }
    assert!(requests.find(SOCKET, &header(0, 0), 0).is_none());
    assert_eq!(requests.by_key.len(), MAX_COUNT);
}

#[test]
fn requests_end() {
    let nothing = [0; 4];
    let refused = (-22_i32).to_ne_bytes();
    for (flags, answers, how) in [
        (0, vec![message(20, 0, 1, 0, b"")], Some(Ending::Answered)),
        (ACK, vec![message(20, 0, 1, 0, b"")], None),
        (ACK, vec![message(ERROR, 0, 1, 0, &nothing)], Some(Ending::Acknowledged)),
        (DUMP, vec![message(20, MULTI, 1, 0, b"")], None),
        (
            DUMP,
            vec![message(20, MULTI, 1, 0, b""), message(DONE, MULTI, 1, 0, &nothing)],
            Some(Ending::Done),
        ),
        (DUMP, vec![message(DONE, MULTI, 1, 0, &refused)], Some(Ending::Failed(22))),
        (0, vec![message(ERROR, 0, 1, 0, &refused)], Some(Ending::Failed(22))),
        (0, vec![message(4, 0, 1, 0, b"")], None),
    ] {
        let mut requests = Requests::default();
        requests.sent(&moved(1), &message(20, REQUEST | flags, 1, 0, b""));
        requests.received(&moved(2), &answers.concat());
        let request = requests.iter().next().unwrap();
        assert_eq!(
            request.end.map(|end| (end.record, end.at_ns, end.how)),
            how.map(|how| (2, 2000, how))
        );
        assert_eq!(request.answers, answers.len() as u64);
    }
}

#[test]
fn of_rtnetlink_only_what_gets_dumps() {
    let mut requests = Requests::default();
    let route = Moved { protocol: NETLINK_ROUTE, ..moved(1) };
    requests.sent(&route, &message(16, REQUEST | DUMP, 1, 0, b""));
    requests.sent(&route, &message(18, REQUEST | DUMP, 2, 0, b""));
    assert_eq!(requests.iter().map(|r| r.is_dump).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn memory_is_bounded() {
    let mut requests = Requests::default();
    for seq in 0..3 * u32::try_from(MAX_COUNT).unwrap() {
        requests.sent(&moved(seq.into()), &message(20, REQUEST, seq, 0, b"abcd"));
    }
    assert_eq!((requests.kept.len(), requests.by_key.len()), (MAX_COUNT, MAX_COUNT));
    assert!(requests.find(SOCKET, &header(0, 0), 0).is_none());
    assert!(requests.find(SOCKET, &header(2 * MAX_COUNT as u32, 0), 0).is_some());
    for seq in 0..200 {
        requests.sent(&moved(1), &message(20, REQUEST, seq, 0, &vec![1; 100_000]));
    }
    let newest = requests.find(SOCKET, &header(199, 0), 0).unwrap();
    assert_eq!((newest.bytes().len(), newest.header.len), (MAX_REQUEST_LEN, 100_016));
    assert!(requests.total_len <= MAX_TOTAL_LEN);
    assert_eq!(requests.total_len, requests.iter().map(|r| r.bytes().len()).sum::<usize>());
    assert_eq!(requests.by_key.len(), requests.kept.len());
}
