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
    let scope = requests.scope(&moved(99), Sender::Unknown);
    let asked = scope.asked(&header(1, 99)).unwrap();
    assert_eq!((asked.record, asked.part, asked.is_dump, asked.sent_ns), (5, 0, true, 5000));
    assert_eq!(asked.bytes, both[0]);
    let asked = scope.asked(&header(2, 99)).unwrap();
    assert_eq!((asked.part, asked.is_dump, asked.bytes.len()), (1, false, 17));
    assert!(scope.asked(&header(3, 99)).is_none());
    assert!(requests.scope(&moved(99), Sender::Group).asked(&header(1, 99)).is_none());
    assert!(
        requests
            .scope(&Moved { place: Place::Inode(8), ..moved(99) }, Sender::Unknown)
            .asked(&header(1, 99))
            .is_none()
    );
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
    let asked = requests.scope(&moved(99), Sender::Kernel);
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
        requests.scope(&Moved { portid: 70, ..moved(99) }, sender).is_unasked(&header(seq, portid))
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

/// An acknowledgement of a request.
fn ack(request: &[u8], seq: u32) -> Vec<u8> {
    message(ERROR, 0, seq, 0, &[&[0; 4], &request[..16]].concat())
}

/// Programs may give all requests the same number.
#[test]
fn requests_of_one_number_are_answered_in_their_order() {
    let mut requests = Requests::default();
    let asked = [
        message(20, REQUEST | ACK, 1, 0, b"one"),
        message(21, REQUEST, 1, 0, b"two"),
        message(20, REQUEST | ACK, 1, 0, b"six"),
        message(22, REQUEST | ACK, 1, 0, b"four"),
    ];
    for (record, request) in (1..).zip(&asked) {
        requests.sent(&moved(record), request);
    }
    let mut answers = |record, answer: &[u8]| {
        requests.received(&moved(record), answer);
        let header = Nlmsghdr::read(answer).unwrap();
        let echo = Nlmsghdr::read(&answer[20..]).unwrap();
        let scope = requests.scope(&moved(record), Sender::Kernel);
        scope.asked_by(&header, &echo).map(|asked| asked.record)
    };
    assert_eq!(answers(5, &ack(&asked[0], 1)), Some(1));
    // The second has failed, which is always told.
    assert_eq!(answers(6, &ack(&asked[1], 1)), Some(2));
    assert_eq!(answers(7, &ack(&asked[3], 1)), Some(4));
    assert_eq!(answers(8, &ack(&asked[2], 1)), Some(3));
    assert_eq!(answers(9, &ack(&message(30, REQUEST, 1, 0, b""), 1)), None);
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
    let scope = requests.scope(&Moved { portid: 70, ..moved(99) }, Sender::Unknown);
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
    assert_eq!(requests.scope(&moved(99), Sender::Unknown).asked(&header(0, 0)).unwrap().record, 3);
    assert!(requests.iter().all(|r| r.answers == 1 && r.end.is_some()));
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
    assert!(requests.find(&moved(u64::MAX / 2000), &header(0, 0), None).is_none());
    assert!(
        requests.find(&moved(u64::MAX / 2000), &header(2 * MAX_COUNT as u32, 0), None).is_some()
    );
    for seq in 0..200 {
        requests.sent(&moved(1), &message(20, REQUEST, seq, 0, &vec![1; 100_000]));
    }
    let newest = requests.find(&moved(u64::MAX / 2000), &header(199, 0), None).unwrap();
    assert_eq!((newest.bytes().len(), newest.header.len), (MAX_REQUEST_LEN, 100_016));
    assert!(requests.total_len <= MAX_TOTAL_LEN);
    assert_eq!(requests.total_len, requests.iter().map(|r| r.bytes().len()).sum::<usize>());
    assert_eq!(requests.by_key.len(), requests.kept.len());
}
