use super::*;
use crate::decode::{NoNames, NoRequests};
use crate::decode::{Opaque, Slot, TextKind, Value, Visitor, Wanted};
use crate::output::samples::{self, Samples};
use crate::spec::Registry;
use nlproto::{CallHead, Function};

const STYLE: Style = Style { string_limit: 32, ..Style::PLAIN };

fn received(style: &Style, feed: impl FnOnce(&mut Block<'_>)) -> String {
    let mut out = Vec::new();
    samples::call(
        Function::Recvmsg,
        &[0; 400],
        &[],
        |_| {},
        |record| {
            Tree::new(style).show_call(&samples::engine(), record, &mut out, feed);
        },
    );
    String::from_utf8_lossy(&out).into_owned()
}

fn life(
    function: Function,
    payload: &[u8],
    name: &[u8],
    edit: impl FnOnce(&mut CallHead),
) -> String {
    let mut out = Vec::new();
    samples::call(function, payload, name, edit, |record| {
        Tree::new(&STYLE).show_call(&samples::engine(), record, &mut out, |_| {});
    });
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn a_message() {
    let mut out = Vec::new();
    samples::call(
        Function::Sendmsg,
        &[0; 92],
        &[],
        |_| {},
        |record| {
            Tree::new(&STYLE).show_call(&samples::engine(), record, &mut out, |block| {
                Samples::new().newlink(block)
            });
        },
    );
    assert_eq!(
        String::from_utf8_lossy(&out),
        "\
ip[4242] 3 ROUTE ▶ RTM_NEWLINK  request ack                             seq 1  92 B
      ifinfomsg             AF_UNSPEC  ARPHRD_ETHER  index eth0 (2)  flags IFF_UP|0x40  others 0
      IFLA_MTU              7
      IFLA_IFNAME           \"v0\"
      IFLA_LINKINFO
        IFLA_INFO_KIND      \"veth\"
"
    );
}

/// RTM_NEWLINK, refused with EINVAL, some words, and attributes of an extended ack behind them.
fn refused(attrs: &[u8]) -> String {
    let request = [
        &[48, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0][..],
        &[0; 16],
        b"\x10\0\x12\0\x09\0\x01\0veht\0\0\0\0",
    ];
    let words = b"\x10\0\x01\0too \x1b small\0";
    let rest = [&(-22i32).to_ne_bytes()[..], &request.concat(), words, attrs].concat();
    let len = u32::try_from(16 + rest.len()).unwrap();
    let head = [&len.to_ne_bytes()[..], &[2, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0]].concat();
    let registry = Registry::builtin();
    let engine = Engine { registry: &registry, names: &NoNames, requests: &NoRequests };
    let bytes = [head, rest].concat();
    received(&STYLE, |block| {
        decode::datagram(&engine, 0, Direction::Receive, &bytes, block);
    })
}

#[test]
fn an_error_says_what_it_is_about() {
    let head = "ip[4242] 3 ROUTE ◀ EINVAL  \"too \\x1b small\"  to RTM_NEWLINK             seq 1  ";
    assert_eq!(
        refused(&[8, 0, 2, 0, 36, 0, 0, 0]),
        format!("{head}92 B\n      at IFLA_LINKINFO.IFLA_INFO_KIND = \"veht\"\n")
    );
    // Nothing is said of what is there where there are no bytes; of what is missing there is.
    assert_eq!(
        refused(b"\x08\0\x02\0\xff\xff\0\0\x08\0\x05\0\x03\0\0\0"),
        format!("{head}100 B\n      at offset 65535 of the request\n      missing IFLA_IFNAME\n")
    );
    // What is odd about an extended ack stays.
    let odd = refused(b"\x06\0\x02\0\x24\0\0\0");
    assert!(odd.contains("⚠ 2 bytes where 4 are expected"), "{odd}");
}

#[test]
fn an_acknowledgement_is_one_line() {
    assert_eq!(
        received(&STYLE, |block| Samples::new().acknowledged(block)),
        "ip[4242] 3 ROUTE ◀ ack  to RTM_NEWLINK                                  seq 1  88 B\n"
    );
}

#[test]
fn a_request_is_echoed_where_no_call_showed_it() {
    let datagram = Datagram {
        protocol: 0,
        direction: Direction::Receive,
        bytes: &[0; 88],
        record: 1,
        wanted: Wanted::All,
    };
    let mut out = Vec::new();
    Tree::new(&STYLE).show_datagram(&samples::engine(), &datagram, &mut out, |block| {
        Samples::new().acknowledged(block)
    });
    assert_eq!(
        String::from_utf8_lossy(&out),
        "\
#1 ROUTE ◀ ack  to RTM_NEWLINK                                          seq 1  88 B
      request               RTM_NEWLINK  request ack
        ifinfomsg           AF_UNSPEC  ARPHRD_ETHER  flags IFF_UP|0x40  others 0
        IFLA_LINKINFO
          IFLA_INFO_KIND    \"veht\"
"
    );
}

#[test]
fn bytes_after_the_last_message() {
    assert_eq!(
        received(&STYLE, |block| Samples::new().done(block)),
        "\
ip[4242] 3 ROUTE ◀ done dump_intr                                       seq 1  20 B
ip[4242] 3 ROUTE ◀                                                      380 B
      ⚠ 3 bytes left where a header takes 16
      61 62 63  |abc|
"
    );
}

#[test]
fn every_shape_and_value() {
    assert_eq!(
        received(&STYLE, |block| Samples::new().everything(block)),
        "\
ip[4242] 3 ROUTE ◀ RTM_NEWLINK                                          seq 1  400 B
      ifinfomsg             AF_UNSPEC  ARPHRD_ETHER  index 9  flags IFF_UP|0x40  others 0
      IFLA_??? 999          01 ff 61 62 63 64 65 66  |..abcdef|
      FLAG                  present
      SIGNED                -5
      HEX                   0x0000beef
      CLOCK                 15.25 s
      MSECS                 250 ms
      FOREVER               forever
      HANDLE                1:10
      DEVICE                8:1
      BOOL                  true
      V4                    192.0.2.1
      V6                    ::
      MAC                   02:00:00:00:00:01
      UNNAMED               AF_??? 77
      SECRET                <redacted 3 bytes>
      HOSTILE               \"a\\x1b]0;\\u{202e}\\\"\\\\\\u{9b}\"
      NOT_UTF8              \"a\\xffb\"
      SHORT                 ⚠ 2 bytes where 4 are expected  01 02
      NUMBERS               [1  0]
      INDEXED               [ONE 5  3 6  others 0]
      STRUCT                a 1  inner {b 2  others 0}  list [3  4]  structs [{d 5}]  \
⚠ 2 bytes left over  09 09
      RECORDS
        rtnexthop           rtnh_hops 1
          GATEWAY           192.0.2.2
      EMPTY
"
    );
}

#[test]
fn what_was_shown_before_changes_nothing() {
    let mut tree = Tree::new(&STYLE);
    let mut show = |feed: fn(&mut Block<'_>)| {
        let mut out = Vec::new();
        samples::call(
            Function::Recvmsg,
            &[0; 400],
            &[],
            |_| {},
            |record| {
                tree.show_call(&samples::engine(), record, &mut out, feed);
            },
        );
        String::from_utf8_lossy(&out).into_owned()
    };
    let long: fn(&mut Block<'_>) = |block| Samples::new().everything(block);
    let short: fn(&mut Block<'_>) = |block| Samples::new().newlink(block);
    let (first, second) = (show(long), show(short));
    assert_eq!(first, received(&STYLE, long));
    assert_eq!((show(short), show(long), show(long)), (second, first.clone(), first));
}

#[test]
fn an_event_without_messages() {
    assert_eq!(
        received(&STYLE, |block| Samples::event(block)),
        "\
ip[4242] 3 ROUTE ◀                                                      400 B
      \"add@/devices/x\" \"ACTION=add\"
"
    );
}

#[test]
fn long_bytes_stand_in_a_block() {
    let style = Style { string_limit: 64, ..STYLE };
    let shown = received(&style, |block| {
        block.value(Slot::Plain, &Value::Bytes { bytes: &[7; 40], why: Opaque::Unknown });
    });
    let line = "07 ".repeat(16);
    let expected = format!(
        "ip[4242] 3 ROUTE ◀                                                      400 B\n      \
{line} {}\n      07 07 07 07 07 07 07 07\n",
        line.trim_end()
    );
    assert_eq!(shown, expected);
}

#[test]
fn what_nothing_is_known_of_is_guessed_at() {
    for (bytes, expected) in [
        (&[7, 0, 0, 0][..], "07 00 00 00  4 B, 7?"),
        (b"wlan0\0", "77 6c 61 6e 30 00  6 B, \"wlan0\"?"),
        (&[0xc0, 0, 2, 1], "c0 00 02 01  4 B"),
        (&[1, b'a', b'b', b'c'], "01 61 62 63  |.abc|  4 B"),
    ] {
        let shown = received(&STYLE, |block| {
            block.value(Slot::Plain, &Value::Bytes { bytes, why: Opaque::Alien });
        });
        assert!(shown.ends_with(&format!("{expected}\n")), "{shown}");
    }
}

#[test]
fn strings_and_bytes_are_limited() {
    let style = Style { string_limit: 3, ..STYLE };
    let shown = received(&style, |block| Samples::new().everything(block));
    assert!(shown.contains("IFLA_??? 999          01 ff 61… 8 bytes\n"), "{shown}");
    assert!(shown.contains("\"a\\x1b]\"…"), "{shown}");
}

#[test]
fn secrets_are_not_in_the_hex_either() {
    let style = Style { hex: true, ..STYLE };
    let shown = received(&style, |block| {
        assert!(!block.shows_secrets());
        block.secret(2..4);
        block.secret(17..18);
        block.value(Slot::Plain, &Value::Bytes { bytes: &[1, 2], why: Opaque::Secret });
    });
    let line = "00 ".repeat(12);
    assert!(shown.contains("<redacted 2 bytes>\n"), "{shown}");
    assert!(shown.contains(&format!("0000  00 00 ** ** {line} |..**............|\n")), "{shown}");
    assert!(shown.contains("0010  00 ** 00"), "{shown}");
    let style = Style { show_secrets: true, ..style };
    let _shown = received(&style, |block| assert!(block.shows_secrets()));
}

#[test]
fn a_terminal_is_not_overrun() {
    let style = Style { width: Some(60), color: true, ..STYLE };
    let shown = received(&style, |block| Samples::new().everything(block));
    for line in shown.lines().skip(1) {
        assert!(paint::columns(line.as_bytes()) <= 60, "{line}");
    }
}

#[test]
fn long_values_go_on_in_the_next_line() {
    for color in [false, true] {
        let style = Style { width: Some(60), color, string_limit: 200, ..STYLE };
        let shown = received(&style, |block| {
            let bytes = &[b'~'; 150];
            block.value(Slot::Plain, &Value::Text { bytes, kind: TextKind::Raw });
        });
        assert_eq!(shown.matches('~').count(), 150, "{shown}");
        assert!(shown.lines().all(|line| paint::columns(line.as_bytes()) <= 60), "{shown}");
    }
}

#[test]
fn colours_change_nothing_but_colour() {
    let style = Style { color: true, ..STYLE };
    let mut shown = received(&style, |block| Samples::new().everything(block));
    while let Some(start) = shown.find("\x1b[") {
        let Some(len) = shown.get(start..).and_then(|rest| rest.find('m')) else { break };
        shown.replace_range(start..=start + len, "");
    }
    assert_eq!(shown, received(&STYLE, |block| Samples::new().everything(block)));
}

#[test]
fn hex_below() {
    let style = Style { hex: true, ..STYLE };
    let shown = received(&style, |block| Samples::new().acknowledged(block));
    assert!(shown.contains("\n      0000  00 00 00"), "{shown}");
    assert!(shown.contains("\n      0050  00 00 00 00 00 00 00 00"), "{shown}");
}

#[test]
fn times() {
    let style = Style { time: TimeStyle::Clock, ..STYLE };
    let shown = received(&style, |block| Samples::new().acknowledged(block));
    assert!(shown.starts_with("18:00:00.123456 ip[4242] 3 ROUTE ◀ ack"), "{shown}");
}

#[test]
fn calls_of_a_socket_s_life() {
    assert_eq!(
        life(Function::Socket, &[], &[], |head| head.args = [16, 0x80003, 0]),
        "ip[4242] 3 ROUTE socket  SOCK_RAW|SOCK_CLOEXEC\n"
    );
    assert_eq!(
        life(Function::Bind, &[], &samples::ADDRESS, |_| {}),
        "ip[4242] 3 ROUTE bind  portid 77  group RTNLGRP_IPV4_IFADDR\n"
    );
    assert_eq!(
        life(Function::Setsockopt, &[1, 0, 0, 0], &[], |head| head.args = [270, 11, 4]),
        "ip[4242] 3 ROUTE setsockopt  NETLINK_EXT_ACK 1\n"
    );
    assert_eq!(
        life(Function::Getsockopt, &[1, 2], &[], |head| head.args = [270, 99, 2]),
        "ip[4242] 3 ROUTE getsockopt  SOL_NETLINK option 99 01 02\n"
    );
    assert_eq!(life(Function::Close, &[], &[], |_| {}), "ip[4242] 3 ROUTE close\n");
    assert_eq!(
        life(Function::Getifaddrs, &[], &[], |head| head.fd = -1),
        "ip[4242] getifaddrs  netlink inside libc, not captured\n"
    );
}

#[test]
fn calls_that_move_nothing() {
    let failed = |head: &mut CallHead| {
        head.ret = -1;
        head.errno = 11;
    };
    assert_eq!(
        life(Function::Recvmsg, &[], &[], failed),
        "ip[4242] 3 ROUTE ◀ recvmsg = -1 EAGAIN (Resource temporarily unavailable)\n"
    );
    assert_eq!(
        life(Function::Setsockopt, &[], &[], |head| {
            failed(head);
            head.args = [270, 12, 4];
        }),
        "ip[4242] 3 ROUTE setsockopt  NETLINK_GET_STRICT_CHK = -1 EAGAIN \
(Resource temporarily unavailable)\n"
    );
    let peek = |head: &mut CallHead| {
        head.flags = socket_names::MSG_PEEK | socket_names::MSG_TRUNC;
        head.ret = 3872;
    };
    assert_eq!(
        life(Function::Recvmsg, &[], &[], peek),
        "ip[4242] 3 ROUTE ◀ peek  3872 B waiting\n"
    );
    assert_eq!(
        life(Function::Recvmsg, &[0; 20], &[], peek),
        "ip[4242] 3 ROUTE ◀ peek  3872 B waiting\n"
    );
}

#[test]
fn a_datagram_that_was_cut() {
    let shown = life(Function::Recvmsg, &[0; 20], &[], |head| {
        head.msg_flags = socket_names::MSG_TRUNC;
        head.buf_len = 20;
    });
    assert!(
        shown.ends_with("◀ ⚠ cut: the buffer took 20 bytes, the rest of the datagram is gone\n")
    );
}

#[test]
fn a_notification_names_its_group() {
    let mut out = Vec::new();
    samples::call(
        Function::Recvmsg,
        &[0; 92],
        &samples::ADDRESS,
        |_| {},
        |record| {
            Tree::new(&STYLE).show_call(&samples::engine(), record, &mut out, |block| {
                Samples::new().newlink(block)
            });
        },
    );
    let shown = String::from_utf8_lossy(&out);
    assert!(
        shown.contains("RTM_NEWLINK  request ack  portid 77  group RTNLGRP_IPV4_IFADDR  "),
        "{shown}"
    );
}

#[test]
fn processes() {
    let mut tree = Tree::new(&STYLE);
    let mut process = samples::process();
    let mut out = Vec::new();
    tree.process(&process, &mut out);
    tree.lost(&process, 3, &mut out);
    process.lost = 3;
    tree.bye(&process, &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "\
ip[4242] begins  ip link \\x1b[2J \u{fffd}\"
ip[4242] ⚠ 3 records lost
ip[4242] ends, records lost: 3
"
    );
}
