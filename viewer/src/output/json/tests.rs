use super::*;
use crate::decode::{
    AttrHead, Issue, IssueKind, List, Nlmsghdr, Opaque, Slot, StructHead, StructStyle, TextKind,
    Value, Visitor,
};
use crate::output::samples::{self, Samples};
use nlproto::CallHead;
use serde_json::Value as Parsed;

const STYLE: Style = Style { string_limit: 32, ..Style::PLAIN };

fn lines(out: &[u8]) -> Result<Vec<Parsed>, serde_json::Error> {
    out.split_inclusive(|b| *b == b'\n').map(serde_json::from_slice).collect()
}

fn received(feed: impl FnOnce(&mut Lines<'_>)) -> String {
    let mut out = Vec::new();
    samples::call(
        Function::Recvmsg,
        &[0; 400],
        &[],
        |_| {},
        |record| {
            Json::new(&STYLE).show_call(&samples::engine(), record, &mut out, feed);
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
        Json::new(&STYLE).show_call(&samples::engine(), record, &mut out, |_| {});
    });
    String::from_utf8_lossy(&out).into_owned()
}

/// The line from its `part` on, which is where messages begin to differ.
fn from_part(line: &str) -> &str {
    line.find(",\"part\"").and_then(|at| line.get(at..)).unwrap_or(line)
}

#[test]
fn a_message() {
    assert_eq!(
        received(|lines| Samples::new().newlink(lines)),
        concat!(
            r#"{"v":1,"kind":"message","time":"2026-11-23T18:00:00.123456789Z","pid":4242,"#,
            r#""tid":4242,"comm":"ip","fd":3,"call":"recvmsg","dir":"receive","#,
            r#""protocol":"NETLINK_ROUTE","portid":4242,"netns":4026531840,"record":17,"part":0,"#,
            r#""type":"RTM_NEWLINK","family":"rt-link","flags":["NLM_F_REQUEST","NLM_F_ACK"],"#,
            r#""seq":1,"nlmsghdr":{"len":92,"type":16,"flags":5,"seq":1,"pid":0},"#,
            r#""header":{"name":"ifinfomsg","fields":["#,
            r#"{"name":"ifi_family","value":"AF_UNSPEC","raw":0},"#,
            r#"{"name":"ifi_type","value":"ARPHRD_ETHER","raw":1},"#,
            r#"{"name":"ifi_index","value":"eth0","raw":2},"#,
            r#"{"name":"ifi_flags","value":["IFF_UP","0x40"],"raw":65},"#,
            r#"{"name":"ifi_change","value":0}]},"#,
            r#""attrs":[{"name":"IFLA_MTU","type":4,"value":7},"#,
            r#"{"name":"IFLA_IFNAME","type":3,"value":"v0"},"#,
            r#"{"name":"IFLA_LINKINFO","type":18,"nested":true,"attrs":["#,
            r#"{"name":"IFLA_INFO_KIND","type":1,"value":"veth"}]}],"issues":[]}"#,
            "\n"
        )
    );
}

#[test]
fn an_error_with_its_request() {
    assert_eq!(
        from_part(&received(|lines| Samples::new().refused(lines))),
        concat!(
            r#","part":0,"type":"NLMSG_ERROR","family":null,"flags":[],"seq":1,"#,
            r#""nlmsghdr":{"len":88,"type":2,"flags":0,"seq":1,"pid":0},"#,
            r#""error":{"name":"EINVAL","number":22},"#,
            r#""request":{"type":"RTM_NEWLINK","family":"rt-link","#,
            r#""flags":["NLM_F_REQUEST","NLM_F_ACK"],"seq":1,"#,
            r#""nlmsghdr":{"len":48,"type":16,"flags":5,"seq":1,"pid":0},"#,
            r#""header":{"name":"ifinfomsg","fields":["#,
            r#"{"name":"ifi_family","value":"AF_UNSPEC","raw":0},"#,
            r#"{"name":"ifi_type","value":"ARPHRD_ETHER","raw":1},"#,
            r#"{"name":"ifi_index","value":0,"raw":0},"#,
            r#"{"name":"ifi_flags","value":["IFF_UP","0x40"],"raw":65},"#,
            r#"{"name":"ifi_change","value":0}]},"#,
            r#""attrs":[{"name":"IFLA_LINKINFO","type":18,"nested":true,"attrs":["#,
            r#"{"name":"IFLA_INFO_KIND","type":1,"value":"veht"}]}]},"#,
            r#""attrs":[{"name":"NLMSGERR_ATTR_MSG","type":1,"value":"too \u001b small"},"#,
            r#"{"name":"NLMSGERR_ATTR_OFFS","type":2,"value":48}],"issues":[]}"#,
            "\n"
        )
    );
}

#[test]
fn bytes_after_the_last_message_are_a_line() {
    let shown = received(|lines| Samples::new().done(lines));
    let tails: Vec<_> = shown.lines().map(from_part).collect();
    assert_eq!(
        tails,
        [
            concat!(
                r#","part":0,"type":"NLMSG_DONE","family":null,"#,
                r#""flags":["NLM_F_MULTI","NLM_F_DUMP_INTR"],"seq":1,"#,
                r#""nlmsghdr":{"len":20,"type":3,"flags":18,"seq":1,"pid":0},"#,
                r#""error":{"name":null,"number":0},"attrs":[],"issues":[]}"#
            ),
            concat!(
                r#","part":null,"type":null,"family":null,"value":null,"raw":"616263","#,
                r#""attrs":[],"issues":[{"at":20,"code":"short-header","#,
                r#""text":"3 bytes left where a header takes 16"}]}"#
            ),
        ]
    );
}

#[test]
fn every_shape_and_value() -> Result<(), serde_json::Error> {
    let shown = received(|lines| Samples::new().everything(lines));
    let parsed = lines(shown.as_bytes())?;
    assert_eq!(parsed.len(), 1);
    for expected in [
        r#"{"name":null,"type":999,"value":null,"raw":"01ff616263646566"}"#,
        r#"{"name":"FLAG","type":1,"value":true}"#,
        r#"{"name":"SIGNED","type":2,"value":-5}"#,
        r#"{"name":"CLOCK","type":3,"value":1525}"#,
        r#"{"name":"V4","type":4,"value":"192.0.2.1"}"#,
        r#"{"name":"MAC","type":6,"value":"02:00:00:00:00:01"}"#,
        r#"{"name":"UNNAMED","type":7,"value":77,"raw":77}"#,
        r#"{"name":"SECRET","type":8,"value":"<redacted 3 bytes>","secret":3}"#,
        r#"{"name":"HOSTILE","type":9,"value":"a\u001b]0;\u202e\"\\\u009b"}"#,
        r#"{"name":"NOT_UTF8","type":10,"value":"a�b","raw":"61ff6200"}"#,
        r#"{"name":"NUMBERS","type":12,"items":[{"value":1},{"value":0}]}"#,
        concat!(
            r#"{"name":"INDEXED","type":13,"items":[{"name":"ONE","index":1,"value":5},"#,
            r#"{"name":"TWO","index":2,"value":0},{"name":null,"index":3,"value":6}]}"#
        ),
        concat!(
            r#"{"name":"STRUCT","type":14,"struct":"outer","fields":[{"name":"a","value":1},"#,
            r#"{"name":"inner","struct":"inner","fields":[{"name":"b","value":2},"#,
            r#"{"name":"c","value":0}]},"#,
            r#"{"name":"list","items":[{"value":3},{"value":4}]},"#,
            r#"{"name":"structs","items":[{"struct":"inner","fields":[{"name":"d","value":5}]}]}],"#,
            r#""rest":[{"value":null,"raw":"0909"}]}"#
        ),
        concat!(
            r#"{"name":"RECORDS","type":15,"items":[{"struct":"rtnexthop","fields":["#,
            r#"{"name":"rtnh_hops","value":1}],"#,
            r#""attrs":[{"name":"GATEWAY","type":5,"value":"192.0.2.2"}]}]}"#
        ),
        r#"{"name":"EMPTY","type":16}"#,
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    Ok(())
}

#[test]
fn an_event_without_messages() {
    assert_eq!(
        from_part(&received(|lines| Samples::event(lines))),
        concat!(
            r#","part":null,"type":null,"family":null,"#,
            r#""value":"add@/devices/x\u0000ACTION=add\u0000","attrs":[],"issues":[]}"#,
            "\n"
        )
    );
}

#[test]
fn calls() {
    let tail = |line: &str| {
        let at = line.find(",\"record\":17").unwrap_or(0);
        line.get(at..).unwrap_or(line).trim_end().to_owned()
    };
    assert_eq!(
        tail(&life(Function::Socket, &[], &[], |head| {
            head.args = [16, 0x80003, 0];
            head.ret = 3;
        })),
        r#","record":17,"ret":3,"type":"SOCK_RAW","flags":["SOCK_CLOEXEC"]}"#
    );
    assert_eq!(
        tail(&life(Function::Bind, &[], &samples::ADDRESS, |_| {})),
        r#","record":17,"ret":0,"address":{"portid":77,"groups":[5],"group_names":["RTNLGRP_IPV4_IFADDR"]}}"#
    );
    assert_eq!(
        tail(&life(Function::Setsockopt, &[1, 0, 0, 0], &[], |head| head.args = [270, 11, 4])),
        r#","record":17,"ret":4,"level":"SOL_NETLINK","option":"NETLINK_EXT_ACK","value":1}"#
    );
    assert_eq!(
        tail(&life(Function::Recvmsg, &[], &[], |head| {
            head.ret = -1;
            head.errno = 105;
        })),
        r#","record":17,"ret":-1,"error":{"name":"ENOBUFS","number":105},"overrun":true}"#
    );
    assert_eq!(
        tail(&life(Function::Recvmsg, &[0; 20], &[], |head| {
            head.flags = socket_names::MSG_PEEK | socket_names::MSG_TRUNC;
            head.ret = 99;
        })),
        r#","record":17,"call_flags":["MSG_PEEK","MSG_TRUNC"],"ret":99}"#
    );
    assert_eq!(
        tail(&life(Function::Getifaddrs, &[], &[], |head| head.fd = -1)),
        r#","record":17,"ret":0,"note":"netlink inside libc, not captured"}"#
    );
}

#[test]
fn processes() -> Result<(), serde_json::Error> {
    let mut json = Json::new(&STYLE);
    let process = samples::process();
    let mut out = Vec::new();
    json.process(&process, &mut out);
    json.lost(&process, 3, &mut out);
    json.bye(&process, &mut out);
    let lines = lines(&out)?;
    let kinds: Vec<_> = lines.iter().filter_map(|line| line.get("kind")).collect();
    assert_eq!(kinds, ["process", "lost", "bye"]);
    let argument = lines.first().and_then(|line| line.pointer("/argv/2"));
    assert_eq!(argument.and_then(Parsed::as_str), Some("\u{1b}[2J"));
    Ok(())
}

/// A xorshift generator: the same calls in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    /// What a spec may call something.
    fn name(&mut self) -> String {
        let printable = b' '..=b'~';
        self.bytes()
            .into_iter()
            .filter(|b| printable.contains(b) && !matches!(b, b'"' | b'\\'))
            .map(char::from)
            .collect()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = self.below(12);
        (0..len).map(|_| u8::try_from(self.below(256)).unwrap_or(0)).collect()
    }
}

/// Calls a visitor in an order that no decoder would, but with every begin ended.
fn anything(random: &mut Random, v: &mut Lines<'_>, depth: u64) {
    for _ in 0..random.below(4) {
        let bytes = random.bytes();
        let name = random.name();
        let slot = match random.below(3) {
            0 => Slot::Plain,
            1 => Slot::Field(&name),
            _ => Slot::Index(
                random.below(9),
                Some(&name).filter(|n| n.len() > 3).map(|n| &**n),
                None,
            ),
        };
        match random.below(if depth == 0 { 4 } else { 9 }) {
            0 => v.value(slot, &Value::Text { bytes: &bytes, kind: TextKind::Attribute }),
            1 => v.value(slot, &Value::Bytes { bytes: &bytes, why: Opaque::Unknown }),
            2 => v.value(slot, &Value::Errno { v: -22, name: Some(&name) }),
            3 => v.issue(&Issue { at: 1, kind: IssueKind::TooDeep }),
            4 => {
                let list = match random.below(4) {
                    0 => List::Attributes,
                    1 => List::Array,
                    2 => List::Records,
                    _ => List::Group,
                };
                v.list_begin(list, false);
                anything(random, v, depth - 1);
                v.list_end(list, false);
            }
            5 => {
                let fixed_header = random.below(2) == 0;
                v.struct_begin(
                    slot,
                    &StructHead {
                        name: &name,
                        short: false,
                        fixed_header,
                        style: StructStyle::Members,
                    },
                );
                anything(random, v, depth - 1);
                v.struct_end();
            }
            6 => {
                v.attr_begin(&AttrHead {
                    at: 0,
                    len: 4,
                    raw_type: 0xc001,
                    name: Some(&name),
                    label: None,
                    flags: None,
                    named_set: true,
                    own_header: false,
                    payload: &bytes,
                });
                anything(random, v, depth - 1);
                v.attr_end();
            }
            7 => v.field_begin(&name),
            _ => {
                message(random, v, &name, true, depth - 1);
            }
        }
    }
}

fn message(random: &mut Random, v: &mut Lines<'_>, name: &str, echoed: bool, depth: u64) {
    let ty = u16::try_from(random.below(20)).unwrap_or(0);
    v.message_begin(&decode::MessageHead {
        at: 0,
        part: 0,
        header: Nlmsghdr { ty, ..Nlmsghdr::default() },
        ty: Value::named(1, 2, Some(name), None),
        flags: Value::uint(0, 2),
        family: Some(name),
        operation: Some(name),
        direction: Direction::Send,
        payload: &[],
        echoed,
        control: false,
    });
    anything(random, v, depth);
    v.message_end();
}

#[test]
fn every_line_parses_whatever_is_visited() -> Result<(), serde_json::Error> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..5_000 {
        let shown = received(|v| {
            v.list_begin(List::Messages, true);
            for _ in 0..random.below(3) {
                let bytes = random.bytes();
                message(&mut random, v, &String::from_utf8_lossy(&bytes), false, 4);
            }
            anything(&mut random, v, 3);
            v.list_end(List::Messages, true);
        });
        for line in lines(shown.as_bytes())? {
            assert_eq!(line.get("v").and_then(Parsed::as_u64), Some(1));
        }
    }
    Ok(())
}
