//! What the summary prints, of fixtures and of a capture that has something for every column.
//!
//! `tests/fixtures/summary` has the texts that are expected; `BLESS=1` rewrites them.

use std::path::Path;

use nlproto::{
    Bye, Call, CallHead, Function, Hello, Lost, Origin, Record, SockaddrNl, Socket, codec,
};
use nltests::run::replay;
use nltests::scratch::Scratch;
use nltests::{fixtures, golden};

/// Fixtures of different kinds of protocols.
const FIXTURES: &[&str] = &["addr-error", "audit", "control", "ipset", "nft-ruleset", "uevent"];

/// Compares both forms of the summary of a file with what is expected.
fn check(name: &str, file: &Path) -> Vec<String> {
    let forms = [("tree", "table"), ("json", "json")];
    let differences = forms.iter().filter_map(|(format, ending)| {
        let out = replay(file, format, &["-c"]).expect(0);
        golden::compare(&fixtures().join(format!("summary/{name}.{ending}")), &out.out())
    });
    differences.collect()
}

#[test]
fn summaries_of_fixtures_are_what_is_expected() {
    let mut wrong = Vec::new();
    for name in FIXTURES {
        wrong.extend(check(name, &fixtures().join(format!("golden/{name}.nlhex"))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_summary_of_a_capture_is_what_is_expected() {
    let scratch = Scratch::new();
    let file = scratch.file("x.nlcap", capture());
    let wrong = check("capture", &file);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The table belongs to the strace format too, and -C puts it after what the format prints.
    let table = replay(&file, "strace", &["--summary-only"]).expect(0).out();
    let alone = replay(&file, "strace", &[]).expect(0).out();
    let both = replay(&file, "strace", &["-C"]).expect(0).out();
    assert_eq!(both, format!("{alone}\n{table}"));
}

/// Puts records into a capture.
struct Writer {
    bytes: Vec<u8>,
    process: u64,
    number: u64,
    now_ns: u64,
}

impl Writer {
    /// One that has introduced `ip`, with a socket of rtnetlink.
    fn new() -> Self {
        let bytes = codec::preamble().into();
        let mut to = Self { bytes, process: 0, number: 0, now_ns: 1_000_000 };
        to.hello(1, 4242, "ip");
        to.socket(3, 0, 4242, 11);
        to
    }

    fn record(&mut self, record: &Record<'_>) {
        let mut room = [0; 4096];
        let len = codec::frame(&mut room, self.process, self.number, record).expect("room");
        self.bytes.extend(&room[..len]);
        self.number += 1;
    }

    fn hello(&mut self, process: u64, pid: u32, comm: &str) {
        (self.process, self.number) = (process, 0);
        self.record(&Record::Hello(Hello {
            pid,
            ppid: 1,
            uid: 0,
            forked: 0,
            netns: 1,
            netns_cookie: 1,
            monotonic_ns: 0,
            realtime_ns: 1_795_456_800_000_000_000,
            shim: b"0.1.0",
            comm: comm.as_bytes(),
            exe: b"",
            argv: b"",
        }));
    }

    fn socket(&mut self, fd: i32, protocol: i32, portid: u32, inode: u64) {
        let (kind, groups, netns_cookie) = (3, 0, 1);
        self.record(&Record::Socket(Socket {
            fd,
            kind,
            protocol,
            portid,
            groups,
            inode,
            netns_cookie,
        }));
    }

    /// A call that takes so many nanoseconds.
    fn call(
        &mut self,
        (function, origin): (Function, Origin),
        (fd, protocol): (i32, i32),
        took_ns: u64,
        (name, payload): (&[u8], &[u8]),
        edit: impl FnOnce(&mut CallHead),
    ) {
        let mut head = CallHead {
            function: function as u32 | origin.bits(),
            fd,
            tid: 1,
            protocol,
            enter_ns: self.now_ns,
            exit_ns: self.now_ns + took_ns,
            ret: i64::try_from(payload.len()).expect("a length"),
            buf_len: 32768,
            name_len: u32::try_from(name.len()).expect("a length"),
            payload_total: payload.len() as u64,
            ..CallHead::default()
        };
        edit(&mut head);
        self.now_ns += took_ns + 100;
        self.record(&Record::Call(Call { head, iov_lens: &[], name, control: &[], payload }));
    }
}

const ROUTE: (i32, i32) = (3, 0);
const GENERIC: (i32, i32) = (4, 16);

fn message(ty: u16, flags: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(16 + payload.len()).expect("a length");
    let mut bytes = [len.to_ne_bytes(), [0; 4], seq.to_ne_bytes(), [0; 4]].concat();
    bytes[4..6].copy_from_slice(&ty.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

/// A link and an address are asked for under one number, and refused, the address first.
fn refused_out_of_order(to: &mut Writer) {
    let program = |function| (function, Origin::Program);
    let kernel = [16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let link = message(16, 5, 1, &[0; 16]);
    let address = message(20, 5, 1, &[0; 8]);
    to.call(program(Function::Sendmsg), ROUTE, 1_000, (&kernel, &link), |_| {});
    to.call(program(Function::Sendmsg), ROUTE, 1_000, (&kernel, &address), |_| {});
    for (errno, request) in [(-19_i32, &address), (-17, &link)] {
        let answer = message(2, 0, 1, &[&errno.to_ne_bytes(), &request[..]].concat());
        to.call(program(Function::Recvmsg), ROUTE, 1_000, (&kernel, &answer), |_| {});
    }
}

#[test]
fn an_error_belongs_to_the_request_that_it_echoes() {
    let mut to = Writer::new();
    refused_out_of_order(&mut to);
    let scratch = Scratch::new();
    let file = scratch.file("x.nlcap", to.bytes);
    let rows = replay(&file, "json", &["-c"]).expect(0).out();
    for (ty, error, other) in
        [("RTM_NEWLINK", "EEXIST", "ENODEV"), ("RTM_NEWADDR", "ENODEV", "EEXIST")]
    {
        let is_row = |line: &&str| line.contains(&format!("\"{ty}\"")) && line.contains("\"send\"");
        let row = rows.lines().find(is_row).expect("a row for each type");
        assert!(row.contains(error) && !row.contains(other), "{row}");
    }
    let found = replay(&file, "tree", &["--check=errors"]).expect(1).out();
    let found: Vec<&str> = found.lines().collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("RTM_NEWADDR: ENODEV"), "{found:?}");
    assert!(found[1].contains("RTM_NEWLINK: EEXIST"), "{found:?}");
}

#[test]
fn what_is_only_looked_at_does_not_count_as_an_answer() {
    let program = |function| (function, Origin::Program);
    let kernel = [16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut to = Writer::new();
    to.call(program(Function::Send), ROUTE, 100, (&[], &message(26, 0x301, 1, &[0; 12])), |_| {});
    let routes = message(24, 2, 1, &[0; 12]).repeat(2);
    for flags in [2, 0] {
        to.call(program(Function::Recvmsg), ROUTE, 100, (&kernel, &routes), |head| {
            head.flags = flags;
        });
    }
    to.call(program(Function::Recvmsg), ROUTE, 100, (&kernel, &message(3, 2, 1, &[0; 4])), |_| {});
    let scratch = Scratch::new();
    let shown = replay(&scratch.file("x.nlcap", to.bytes), "tree", &["--fold=1"]).expect(0).out();
    assert_eq!(shown.matches("◀ RTM_NEWROUTE").count(), 1, "{shown}");
    assert!(shown.contains("… 1 more message\n"), "{shown}");
}

/// A capture of two programs, of which one fails, misses much, and loses records.
fn capture() -> Vec<u8> {
    let program = |function| (function, Origin::Program);
    let kernel = [16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(SockaddrNl::read(&kernel).map(|address| address.portid), Some(0));
    let mut to = Writer::new();
    to.call(program(Function::Socket), ROUTE, 2_500, (&[], &[]), |head| head.ret = 3);
    for (level, name, value) in [(270, 11, 1_i32), (270, 12, 1), (1, 8, 1_048_576), (1, 7, 32768)] {
        to.call(program(Function::Setsockopt), ROUTE, 400, (&[], &value.to_ne_bytes()), |head| {
            (head.ret, head.args) = (0, [level, name, 4]);
        });
    }
    // RTM_NEWLINK, each acknowledged or refused after its own time.
    for (seq, errno, took_ns) in [(1, 0, 90_000), (2, 17, 4_000), (3, 17, 5_000), (4, 19, 6_000)] {
        let request = message(16, 5, seq, &[0; 16]);
        to.call(program(Function::Sendmsg), ROUTE, took_ns, (&kernel, &request), |_| {});
        let answer = message(2, 0, seq, &[&i32::to_ne_bytes(-errno), &request[..]].concat());
        to.call(program(Function::Recvmsg), ROUTE, 900, (&kernel, &answer), |head| {
            head.flags = 0x22;
        });
        to.call(program(Function::Recvmsg), ROUTE, 900, (&kernel, &answer), |_| {});
    }
    // A dump of RTM_GETROUTE in two datagrams.
    let request = message(26, 0x301, 5, &[0; 12]);
    to.call(program(Function::Send), ROUTE, 3_000, (&[], &request), |_| {});
    let routes = message(24, 2, 5, &[0; 44]).repeat(20);
    for _ in 0..2 {
        to.call(program(Function::Recvmsg), ROUTE, 8_000, (&kernel, &routes), |_| {});
    }
    to.call(program(Function::Recvmsg), ROUTE, 500, (&kernel, &message(3, 2, 5, &[0; 4])), |_| {});
    to.call(program(Function::Close), ROUTE, 7_000, (&[], &[]), |head| {
        (head.ret, head.args) = (0, [0, 2_097_152, 0]);
    });
    to.record(&Record::Bye(Bye { lost: 0 }));

    to.hello(2, 77, "monitor");
    to.socket(4, 16, 9, 12);
    let groups = [16, 0, 0, 0, 9, 0, 0, 0, 0, 0, 1, 0];
    to.call(program(Function::Bind), GENERIC, 900, (&groups, &[]), |head| head.ret = 0);
    to.call(program(Function::Setsockopt), GENERIC, 300, (&[], &[33, 0, 0, 0]), |head| {
        (head.ret, head.args) = (0, [270, 1, 4]);
    });
    let request = message(16, 1, 1, &[3, 2, 0, 0]);
    to.call((Function::Sendto, Origin::Syscall), GENERIC, 1_000, (&kernel, &request), |_| {});
    let answer = message(16, 0, 1, &[1, 2, 0, 0]);
    to.call((Function::Recvfrom, Origin::Syscall), GENERIC, 700, (&kernel, &answer), |_| {});
    for errno in [105, 105, 11] {
        to.call(program(Function::Recvmsg), GENERIC, 300, (&[], &[]), |head| {
            (head.ret, head.errno) = (-1, errno);
        });
    }
    to.call(program(Function::Recvmsg), GENERIC, 2_000_000, (&kernel, &answer[..18]), |head| {
        (head.msg_flags, head.buf_len) = (0x20, 18);
    });
    to.call(program(Function::Getifaddrs), (-1, -1), 50_000, (&[], &[]), |head| head.ret = 0);
    to.call(program(Function::Close), GENERIC, 1_000, (&[], &[]), |head| {
        (head.ret, head.args) = (0, [4608, 212_992, 31]);
    });
    to.record(&Record::Lost(Lost { count: 12, total: 12 }));
    to.bytes
}
