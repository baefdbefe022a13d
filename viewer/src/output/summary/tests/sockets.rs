//! What is known of sockets, and for how long.

use super::*;

#[test]
fn sockets_tell_what_they_joined_and_set() {
    let mut bench = Bench::new();
    bench.portid = 0;
    bench.call(Function::Socket, &[]);
    bench.portid = 77;
    // Groups 5 by the mask, 36 and again 5 by number; what it leaves it had joined.
    bench.call_with(Function::Bind, &[], &samples::ADDRESS, |_| {});
    bench.option(270, 1, 36);
    bench.option(270, 1, 5);
    bench.option(270, 2, 36);
    bench.option(270, 11, 1);
    bench.option(270, 12, 1);
    bench.option(270, 12, 0);
    bench.option(1, 8, 1_048_576);
    bench.option(1, 32, 4096);
    // What fails sets nothing; what is asked for neither.
    bench.call_with(Function::Setsockopt, &[1, 0, 0, 0], &[], |head| {
        (head.ret, head.errno, head.args) = (-1, 92, [270, 10, 4]);
    });
    bench.call_with(Function::Getsockopt, &[1, 0, 0, 0], &[], |head| head.args = [270, 9, 4]);
    let socket = bench.socket();
    assert_eq!((&socket["comm"], &socket["pid"]), (&json!("ip"), &json!(4242)));
    assert_eq!((&socket["fd"], &socket["portid"]), (&json!(3), &json!(77)));
    assert_eq!((&socket["protocol"], &socket["closed"]), (&json!("NETLINK_ROUTE"), &json!(false)));
    assert_eq!(
        socket["groups"],
        json!([
            {"number": 5, "name": "RTNLGRP_IPV4_IFADDR"},
            {"number": 36, "name": "RTNLGRP_STATS"},
        ])
    );
    assert_eq!(
        socket["options"],
        json!([
            {"level": "SOL_NETLINK", "option": "NETLINK_EXT_ACK", "value": 1},
            {"level": "SOL_NETLINK", "option": "NETLINK_GET_STRICT_CHK", "value": 0},
        ])
    );
    assert_eq!((&socket["rcvbuf_set"], &socket["sndbuf_set"]), (&json!(1_048_576), &json!(4096)));
    assert_eq!(socket["rcvbuf"], Value::Null);
}

#[test]
fn sockets_tell_what_they_moved_and_missed() {
    let mut bench = Bench::new();
    let link = message(NEWLINK, 0, 0, &[0; 16]);
    bench.call(Function::Sendto, &link);
    bench.hear(&[&link[..], &link].concat());
    bench.fail(Function::Recvmsg, 105);
    bench.fail(Function::Sendmsg, 105);
    bench.fail(Function::Recvmsg, 11);
    bench.call_with(Function::Recvmsg, &link, &[], |head| head.msg_flags = 0x20);
    bench.call_with(Function::Recv, &link, &[], |head| {
        (head.flags, head.ret, head.buf_len) = (0x20, 900, 32);
    });
    bench.call_with(Function::Recv, &link, &[], |head| {
        (head.flags, head.ret, head.buf_len) = (0x22, 900, 32);
    });
    let socket = bench.socket();
    assert_eq!(socket["sent"], json!({"messages": 1, "bytes": 32}));
    assert_eq!(socket["received"], json!({"messages": 4, "bytes": 128}));
    assert_eq!((&socket["overruns"], &socket["truncated"]), (&json!(1), &json!(2)));
    bench.call_with(Function::Close, &[], &[], |head| {
        (head.ret, head.args) = (0, [768, 212_992, 5]);
    });
    let socket = bench.socket();
    assert_eq!((&socket["closed"], &socket["rcvbuf"]), (&json!(true), &json!(212_992)));
    assert_eq!((&socket["unread_bytes"], &socket["drops"]), (&json!(768), &json!(5)));
}

#[test]
fn a_socket_lives_until_its_last_descriptor_is_closed() {
    let close = |bench: &mut Bench| {
        bench.call_with(Function::Close, &[], &[], |head| head.ret = 0);
    };
    let mut bench = Bench::new();
    bench.call(Function::Socket, &[]);
    close(&mut bench);
    // It had been duplicated, or a forked process has it too.
    let link = message(NEWLINK, 0, 0, &[0; 16]);
    bench.call(Function::Sendto, &link);
    bench.call(Function::Sendto, &link);
    assert_eq!(bench.socket()["sent"]["messages"], 2);
    assert_eq!(bench.socket()["closed"], false);
    // The number of one that ended unseen is used again.
    bench.call(Function::Socket, &[]);
    assert_eq!(bench.rows("socket").len(), 2);
    // Without an inode it is the descriptor that counts.
    bench.inode = 0;
    bench.call_with(Function::Sendto, &link, &[], |head| head.fd = 8);
    bench.call_with(Function::Sendto, &link, &[], |head| head.fd = 9);
    assert_eq!(bench.rows("socket").len(), 4);
}

#[test]
fn closed_sockets_are_forgotten_but_still_counted() {
    let mut bench = Bench::new();
    let link = message(NEWLINK, 0, 0, &[0; 16]);
    for inode in 1..=300 {
        bench.inode = inode;
        bench.call(Function::Socket, &[]);
        bench.call(Function::Sendto, &link);
        bench.call_with(Function::Close, &[], &[], |head| (head.ret, head.args) = (0, [1, 2, 3]));
    }
    let others = bench.rows("sockets");
    assert_eq!(bench.rows("socket").len(), 256);
    assert_eq!((others.len(), &others[0]["sockets"]), (1, &json!(44)));
    assert_eq!((&others[0]["sent"]["messages"], &others[0]["drops"]), (&json!(44), &json!(132)));
    assert!(bench.table(None, false).contains("268 others"), "{}", bench.table(None, false));
    // Open ones that are never closed are bounded as well, and end with their process.
    let mut bench = Bench::new();
    for inode in 1..=5000 {
        bench.inode = inode;
        bench.call(Function::Socket, &[]);
    }
    assert_eq!(bench.rows("socket").len(), 4096 + 256);
    let process = bench.process.clone();
    bench.summary.bye(&process, &mut Vec::new());
    assert_eq!(bench.rows("socket").len(), 256);
}
