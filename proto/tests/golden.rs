//! The bytes of each record, as the tables in `nlproto::record` describe them. A difference here is a
//! new version of the stream.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use nlproto::codec::{self, FrameHead, frame, preamble};
use nlproto::{
    Bye, Call, CallHead, Function, Hello, Lost, Name, NameKind, Part, Record, Socket, VERSION,
};

/// The bytes that commented hex spells: a field a line, `#` begins a comment.
fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The record's body is these bytes, and these bytes are the record.
#[track_caller]
fn check(record: &Record<'_>, expected: &str) {
    let expected = bytes(expected);
    let mut room = [0; 1024];
    let len = frame(&mut room, 0x0102_0304_0506_0708, 9, record).unwrap();
    let (head, body) = room[..len].split_at(nlproto::FRAME_HEAD_LEN);
    assert_eq!(body, expected, "encoded {body:02x?}");
    assert_eq!(codec::decode(&expected), Ok(*record));
    let head = FrameHead::from_bytes(head.try_into().unwrap()).unwrap();
    let body_len = u32::try_from(expected.len()).unwrap();
    assert_eq!(head, FrameHead { body_len, process: 0x0102_0304_0506_0708, number: 9 });
}

#[test]
fn the_preamble() {
    let expected = bytes(
        "89 4e4c434150 0d0a  # magic
         0100                # version
         0000 00000000",
    );
    assert_eq!(preamble().as_slice(), expected);
    assert_eq!(VERSION, 1);
    assert_eq!(codec::check_preamble(&preamble()), Ok(()));
}

#[test]
fn the_head_of_a_frame() {
    let head = FrameHead { body_len: 0x0001_0203, process: 0x1122_3344_5566_7788, number: 5 };
    let expected = bytes(
        "4e4c5246          # sync: NLRF
         03020100          # body_len
         8877665544332211  # process
         0500000000000000  # number",
    );
    assert_eq!(head.to_bytes().as_slice(), expected);
    assert_eq!(FrameHead::from_bytes(&head.to_bytes()), Ok(head));
}

#[test]
fn hello() {
    let hello = Hello {
        pid: 0x11,
        ppid: 0x12,
        uid: 0x13,
        forked: 1,
        netns: 0x14,
        netns_cookie: 0x15,
        monotonic_ns: 0x16,
        realtime_ns: 0x17,
        shim: b"0.1",
        comm: b"ip",
        exe: b"/i",
        argv: b"ip\0a\0",
    };
    check(
        &Record::Hello(hello),
        "00000000                     # tag
         11000000                     # pid
         12000000                     # ppid
         13000000                     # uid
         01000000                     # forked
         1400000000000000             # netns
         1500000000000000             # netns_cookie
         1600000000000000             # monotonic_ns
         1700000000000000             # realtime_ns
         0300000000000000 302e31      # shim
         0200000000000000 6970        # comm
         0200000000000000 2f69        # exe
         0500000000000000 6970006100  # argv",
    );
}

#[test]
fn socket() {
    let socket = Socket {
        fd: 3,
        kind: 3,
        protocol: 16,
        portid: 0x1234,
        groups: 0x8000_0001,
        inode: 0x55,
        netns_cookie: 0x66,
    };
    check(
        &Record::Socket(socket),
        "01000000          # tag
         03000000          # fd
         03000000          # kind
         10000000          # protocol
         34120000          # portid
         01000080          # groups
         5500000000000000  # inode
         6600000000000000  # netns_cookie",
    );
}

fn call_head() -> CallHead {
    CallHead {
        function: Function::Sendmsg as u32,
        fd: 4,
        tid: 0x21,
        protocol: 0,
        enter_ns: 0x22,
        exit_ns: 0x23,
        ret: -1,
        errno: 11,
        flags: 0x40,
        msg_flags: 0x20,
        index: 1,
        count: 2,
        iov_count: 1,
        buf_len: 4,
        name_len: 12,
        args: [5, -6, 7],
        control_len: 8,
        payload_total: 4,
    }
}

const CALL: &str = "02000000              # tag
     03000000                             # function
     04000000                             # fd
     21000000                             # tid
     00000000                             # protocol
     2200000000000000                     # enter_ns
     2300000000000000                     # exit_ns
     ffffffffffffffff                     # ret
     0b000000                             # errno
     40000000                             # flags
     20000000                             # msg_flags
     01000000                             # index
     02000000                             # count
     01000000                             # iov_count
     0400000000000000                     # buf_len
     0c000000                             # name_len
     05000000 faffffff 07000000           # args
     0800000000000000                     # control_len
     0400000000000000                     # payload_total
     0800000000000000 0400000000000000    # iov_lens
     0200000000000000 1000                # name
     0300000000000000 c1c2c3              # control
     0400000000000000 a1a2a3a4            # payload";

#[test]
fn call() {
    let call = Call {
        head: call_head(),
        iov_lens: &4_u64.to_le_bytes(),
        name: &[0x10, 0],
        control: &[0xc1, 0xc2, 0xc3],
        payload: &[0xa1, 0xa2, 0xa3, 0xa4],
    };
    assert_eq!(call.iov_lens().collect::<Vec<_>>(), [4]);
    check(&Record::Call(call), CALL);
}

/// What the shim writes piece by piece is the same.
#[test]
fn the_front_of_a_call() {
    let mut room = [0; codec::CALL_FRONT_LEN];
    let iov_lens = [4_u64].into_iter();
    let front = codec::call_front(&mut room, (1, 2), &call_head(), iov_lens, (2, 3, 4)).unwrap();
    let mut whole = room[..front.len].to_vec();
    whole.extend([0xa1, 0xa2, 0xa3, 0xa4]);
    // The last cut first, so that the other stays where it is.
    whole.splice(front.control_at..front.control_at, [0xc1, 0xc2, 0xc3]);
    whole.splice(front.name_at..front.name_at, [0x10, 0]);
    assert_eq!(whole.get(nlproto::FRAME_HEAD_LEN..), Some(bytes(CALL).as_slice()));
}

const PART: &str = "03000000             # tag
     0700000000000000                    # call
     0010000000000000                    # offset
     0200000000000000 a5a6               # payload";

#[test]
fn part() {
    let part = Part { call: 7, offset: 0x1000, payload: &[0xa5, 0xa6] };
    check(&Record::Part(part), PART);
    let mut room = [0; codec::PART_FRONT_LEN];
    let len = codec::part_front(&mut room, 1, 2, 7, 0x1000, 2).unwrap();
    assert_eq!(len, codec::PART_FRONT_LEN);
    let whole = [&room[nlproto::FRAME_HEAD_LEN..len], &[0xa5, 0xa6]].concat();
    assert_eq!(whole, bytes(PART));
}

#[test]
fn lost() {
    check(
        &Record::Lost(Lost { count: 3, total: 0x104 }),
        "04000000          # tag
         0300000000000000  # count
         0401000000000000  # total",
    );
}

#[test]
fn bye() {
    check(
        &Record::Bye(Bye { lost: 5 }),
        "05000000          # tag
         0500000000000000  # lost",
    );
}

#[test]
fn name() {
    let name = Name { kind: NameKind::GenericFamily as u32, id: 0x15, netns: 6, name: b"nl80211" };
    check(
        &Record::Name(name),
        "06000000                         # tag
         01000000                         # kind
         15000000                         # id
         0600000000000000                 # netns
         0700000000000000 6e6c3830323131  # name",
    );
}

/// Numbers are part of the format: these stay what they are.
#[test]
fn functions() {
    let listed: Vec<_> = Function::ALL.iter().map(|f| (*f as u32, f.name())).collect();
    let expected = [
        (1, "send"),
        (2, "sendto"),
        (3, "sendmsg"),
        (4, "sendmmsg"),
        (5, "write"),
        (6, "writev"),
        (7, "pwritev2"),
        (8, "sendfile"),
        (9, "splice"),
        (10, "__send"),
        (11, "__write"),
        (20, "recv"),
        (21, "recvfrom"),
        (22, "recvmsg"),
        (23, "recvmmsg"),
        (24, "read"),
        (25, "readv"),
        (26, "preadv2"),
        (27, "__recv_chk"),
        (28, "__recvfrom_chk"),
        (29, "__read_chk"),
        (30, "__read"),
        (31, "splice"),
        (40, "socket"),
        (41, "bind"),
        (42, "connect"),
        (43, "setsockopt"),
        (44, "getsockopt"),
        (45, "getsockname"),
        (46, "close"),
        (47, "seccomp"),
        (60, "getifaddrs"),
        (61, "if_nameindex"),
        (62, "getaddrinfo"),
    ];
    assert_eq!(listed.get(..expected.len()), Some(expected.as_slice()));
    for function in Function::ALL {
        assert_eq!(Function::from_number(*function as u32), Some(*function));
    }
    assert_eq!(Function::from_number(0), None);
    assert_eq!(Function::from_number(u32::MAX), None);
}
