//! What people see.

use super::*;

/// A stream that has something for every table.
fn busy() -> Bench {
    let mut bench = Bench::new();
    bench.call(Function::Socket, &[]);
    bench.option(270, 1, 1);
    bench.option(1, 8, 65536);
    let request = bench.ask(NEWLINK, ACK, 1, &[0; 16]);
    bench.hear(&error(1, 0, 17, &request));
    bench.ask(GETLINK, 0x300, 2, &[0; 16]);
    bench.hear(&message(NEWLINK, MULTI, 2, &[0; 1200]));
    bench.hear(&message(DONE, MULTI, 2, &[0; 4]));
    bench.fail(Function::Recvmsg, 105);
    bench.call_with(Function::Close, &[], &[], |head| (head.ret, head.args) = (0, [0, 4096, 7]));
    let process = bench.process.clone();
    bench.summary.lost(&process, 3, &mut Vec::new());
    bench
}

#[test]
fn tables_for_people() {
    let expected = "\
Messages             calls  count   bytes  errors  fastest  median     p99  slowest
ROUTE ▶ RTM_NEWLINK      1      1    32 B       1   300 ns  300 ns  300 ns   300 ns
    failed EEXIST 1
ROUTE ▶ RTM_GETLINK      1      1    32 B           500 ns  500 ns  500 ns   500 ns
total                    5      5  1.4 KB       1
";
    let shown = busy().table(None, false);
    let lines: Vec<&str> = shown.lines().collect();
    for line in expected.lines() {
        assert!(lines.contains(&line), "{line}\nis not in\n{shown}");
    }
    let rest = shown.split_once("\n\nCalls").unwrap().1;
    assert_eq!(
        rest,
        "       count  errors    time  % time  per call
recvmsg         4       1  400 ns    40.0    100 ns
    failed ENOBUFS 1
setsockopt      2          200 ns    20.0    100 ns
sendmsg         2          200 ns    20.0    100 ns
socket          1          100 ns    10.0    100 ns
close           1          100 ns    10.0    100 ns
total          10       1  1.0 µs

Sockets           portid  sent  bytes  received   bytes  rcvbuf  drops  overruns
ip[4242] 3 ROUTE      70     2   64 B         3  1.3 KB  4.1 KB      7         1
    groups RTNLGRP_LINK
    set SO_RCVBUF 65536

Not seen  count  of
ip[4242]      3  records lost
"
    );
}

#[test]
fn tables_fit_the_terminal() {
    let shown = busy().table(Some(60), false);
    assert!(shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
    assert!(shown.contains("no room for calls, fastest"), "{shown}");
}

#[test]
fn colour_says_what_is_bad() {
    let shown = busy().table(None, true);
    for wanted in ["\x1b[1;31m1\x1b[0m", "\x1b[1;33m7\x1b[0m", "\x1b[33mRTNLGRP_LINK\x1b[0m"] {
        assert!(shown.contains(wanted), "{wanted:?} is not in {shown:?}");
    }
    let plain = busy().table(None, false);
    assert!(!plain.contains('\x1b'));
}

#[test]
fn names_from_the_stream_do_not_drive_the_terminal() {
    let mut bench = Bench::new();
    bench.protocol = GENERIC;
    bench.process.comm = "a\x1b[2J".into();
    bench.names = Box::new(One("b\x1b[2J"));
    bench.hear(&message(40, 0, 0, &[5, 1, 0, 0]));
    bench.option(270, 1, 9);
    let process = bench.process.clone();
    bench.summary.lost(&process, 1, &mut Vec::new());
    assert_eq!(bench.socket()["groups"][0]["name"], "nlctrl/notify\u{1b}");
    let shown = bench.table(None, false);
    assert!(!shown.contains('\x1b') && shown.contains("b\\x1b[2J command 5"), "{shown}");
}

#[test]
fn nothing_is_said_in_words() {
    let mut bench = Bench::new();
    assert!(bench.rows("messages").is_empty());
    assert_eq!(bench.table(None, false), "no netlink was recorded\n");
}

#[test]
fn a_summary_follows_what_it_sums_up() {
    let format = crate::output::FORMATS.first().unwrap();
    let mut both = after((format.make)(&STYLE), format, &STYLE);
    let process = samples::process();
    let mut out = Vec::new();
    both.process(&process, &mut out);
    both.lost(&process, 2, &mut out);
    both.bye(&process, &mut out);
    let so_far = out.len();
    assert!(so_far > 0);
    both.end(&mut out);
    assert!(out[so_far..].starts_with(b"\nNot seen"));
    let mut only = alone(format, &STYLE);
    out.clear();
    only.process(&process, &mut out);
    only.lost(&process, 2, &mut out);
    only.bye(&process, &mut out);
    assert!(out.is_empty());
    only.end(&mut out);
    assert!(out.starts_with(b"Not seen"));
}
