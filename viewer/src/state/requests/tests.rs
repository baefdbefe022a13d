//! What is remembered, found, ended and forgotten.

use super::*;
use crate::decode::Requests as _;

const SOCKET: Place = Place::Inode(7);

fn moved(record: u64) -> Moved {
    Moved { place: SOCKET, protocol: 4, portid: 0, record, at_ns: record * 1000 }
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
    let scope = requests.scope(SOCKET, 0, false);
    let asked = scope.asked(&header(1, 99)).unwrap();
    assert_eq!((asked.record, asked.part, asked.is_dump, asked.sent_ns), (5, 0, true, 5000));
    assert_eq!(asked.bytes, both[0]);
    let asked = scope.asked(&header(2, 99)).unwrap();
    assert_eq!((asked.part, asked.is_dump, asked.bytes.len()), (1, false, 17));
    assert!(scope.asked(&header(3, 99)).is_none());
    assert!(requests.scope(SOCKET, 0, true).asked(&header(1, 99)).is_none());
    assert!(requests.scope(Place::Inode(8), 0, false).asked(&header(1, 99)).is_none());
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
    let scope = requests.scope(SOCKET, 70, false);
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
    assert_eq!(requests.scope(SOCKET, 0, false).asked(&header(0, 0)).unwrap().record, 3);
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
