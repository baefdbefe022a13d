//! Expressions, right and wrong, on messages of the built-in specs.

use nlproto::{Call, CallHead, Function};

use super::*;
use crate::decode::{Direction, Engine, NoNames, NoRequests};
use crate::spec::{Registry, Vocabulary};
use crate::state::process::Process;

struct All(Vocabulary, Registry);

impl Names for All {
    fn has_part(&self, name: &str) -> bool {
        self.0.parts.contains(name)
    }

    fn has_constant(&self, name: &str) -> bool {
        self.0.constants.contains(name)
    }

    fn protocol(&self, name: &str) -> Option<u32> {
        self.1.protocol_named(name)
    }

    fn each(&self, each: &mut dyn FnMut(&str)) {
        self.0.parts.iter().chain(&self.0.constants).for_each(|name| each(name));
    }
}

thread_local! {
    static ALL: All = {
        let registry = Registry::builtin();
        All(Vocabulary::of(&registry), registry)
    };
}

/// A request to add the link `v0` of kind `veth`, a route to 10.9.0.0/16 by dev 2, and an ack of EEXIST.
const LINK: &str = "48000000 1000 0506 07000000 00000000  00000000 00000000 00000000 00000000
    07000300 76300000  08000400 dc050000  18001280 09000100 76657468 00000000 08000280 04000100";
const ROUTE: &str = "2c000000 1800 0506 08000000 00000000  02100000 fe030001 00000000
    08000100 0a090000  08000400 02000000";
const ACK: &str =
    "24000000 0200 0001 07000000 4d000000  efffffff  48000000 1000 0506 07000000 00000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn verdicts(expression: &str, datagram: &str, direction: Direction) -> Verdicts {
    let payload = bytes(datagram);
    let mut process = Process::unknown(1);
    (process.pid, process.netns) = (42, 9);
    (process.comm, process.exe) = ("ip".to_owned(), "/sbin/ip".to_owned());
    let function = if direction == Direction::Send { Function::Sendmsg } else { Function::Recvmsg };
    let head = CallHead { function: function as u32, fd: 3, tid: 43, ..CallHead::default() };
    let name = [16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
    let call = Call { head, iov_lens: &[], name: &name, control: &[], payload: &payload };
    ALL.with(|all| {
        let filter = Filter::parse(expression, all).unwrap_or_else(|error| panic!("{error}"));
        let engine = Engine { registry: &all.1, names: &NoNames, requests: &NoRequests };
        let around = Around {
            process: Some(&process),
            call: Some(&call),
            function: Some(function),
            socket: None,
            protocol: Some(0),
            direction: Some(direction),
            record: 17,
            payload: &payload,
            answers: &|head| {
                (head.header.ty == 2).then_some(Answered { ty: 16, latency_ns: Some(1_500_000) })
            },
        };
        filter.verdicts(&engine, &around)
    })
}

#[track_caller]
fn holds(expression: &str, datagram: &str) -> bool {
    let is_ack = datagram == ACK;
    let direction = if is_ack { Direction::Receive } else { Direction::Send };
    verdicts(expression, datagram, direction).any()
}

#[test]
fn every_field_is_compared() {
    for expression in [
        "pid == 42",
        "tid == 43",
        "comm == \"ip\"",
        "comm == ip",
        "exe =~ \"/ip$\"",
        "fd == 3",
        "call == sendmsg",
        "dir == send",
        "protocol == NETLINK_ROUTE",
        "protocol == ROUTE",
        "protocol == 0",
        "netns == 9",
        "record == 17",
        "type == RTM_NEWLINK",
        "type == 16",
        "family == rt-link",
        "flags & NLM_F_CREATE",
        "flags & 0x400",
        "seq == 7",
        "port == 0",
        "len == 72",
        "len < 1KB",
        "group == RTNLGRP_LINK",
        "group == 1",
    ] {
        assert!(holds(expression, LINK), "{expression}");
        assert!(!holds(&format!("!({expression})"), LINK), "not {expression}");
        // No field holds of everything.
        let other = expression.replace("==", "!=").replace("=~", "!~");
        if other != expression {
            assert!(!holds(&other, LINK), "{other}");
        }
    }
    for expression in ["errno == EEXIST", "errno == 17", "errno != 0", "errno", "to == RTM_NEWLINK"]
    {
        assert!(holds(expression, ACK), "{expression}");
        assert!(!holds(expression, LINK), "{expression}");
    }
    for expression in ["latency > 1ms", "latency <= 1.5ms", "latency in 1ms..2ms", "dir == receive"]
    {
        assert!(holds(expression, ACK), "{expression}");
        assert!(!holds(expression, LINK), "{expression}");
    }
    assert!(!holds("latency > 2ms", ACK));
}

#[test]
fn attributes_are_found_at_any_depth() {
    for expression in [
        "IFLA_IFNAME",
        "IFLA_IFNAME == \"v0\"",
        "IFLA_IFNAME =~ \"^v\"",
        "IFLA_IFNAME !~ x",
        "IFLA_MTU == 1500",
        "IFLA_MTU >= 1500",
        "IFLA_MTU in {68, 1500}",
        "IFLA_MTU in 1000..2000",
        "IFLA_INFO_KIND == \"veth\"",
        "IFLA_LINKINFO.IFLA_INFO_KIND == \"veth\"",
        "IFLA_LINKINFO",
        "ifinfomsg",
        "ifinfomsg.ifi_index == 0",
        "ifi_family == AF_UNSPEC",
    ] {
        assert!(holds(expression, LINK), "{expression}");
        assert!(!holds(expression, ROUTE), "{expression}");
    }
    for expression in [
        "IFLA_MTU == 1501",
        "IFLA_MTU < 1500",
        "IFLA_IFNAME == \"v\"",
        "IFLA_MTU.IFLA_INFO_KIND == \"veth\"",
        "IFLA_ADDRESS",
        "ifi_index",
        "IFLA_IFNAME == 5",
    ] {
        assert!(!holds(expression, LINK), "{expression}");
    }
}

#[test]
fn addresses_are_compared_by_prefix() {
    for (expression, expected) in [
        ("RTA_DST in 10.0.0.0/8", true),
        ("RTA_DST == 10.9.0.0", true),
        ("RTA_DST == 10.9.0.0/16", true),
        ("RTA_DST in {192.168.0.0/16, 10.0.0.0/8}", true),
        ("RTA_DST in 11.0.0.0/8", false),
        ("RTA_DST != 10.9.0.0", false),
        ("RTA_DST in fe80::/10", false),
        ("RTA_OIF == 2", true),
        ("rtm_protocol == RTPROT_BOOT", true),
        ("rtm_table in {RT_TABLE_MAIN, RT_TABLE_LOCAL}", true),
    ] {
        assert_eq!(holds(expression, ROUTE), expected, "{expression}");
    }
}

#[test]
fn tests_are_joined() {
    for (expression, expected) in [
        ("seq == 7 && fd == 3", true),
        ("seq == 7 and fd == 4", false),
        ("seq == 9 || fd == 3", true),
        ("seq == 9 or not fd == 4", true),
        ("seq == 9 && fd == 3 || IFLA_MTU", true),
        ("seq == 9 && (fd == 3 || IFLA_MTU)", false),
        ("!IFLA_ADDRESS && IFLA_MTU", true),
        ("!!(seq == 7)", true),
    ] {
        assert_eq!(holds(expression, LINK), expected, "{expression}");
    }
}

#[test]
fn each_message_is_judged_by_itself() {
    let both = format!("{LINK} {ROUTE}");
    let verdicts = |expression| verdicts(expression, &both, Direction::Send);
    assert_eq!(verdicts("type == RTM_NEWROUTE"), Verdicts(vec![false, true]));
    assert_eq!(verdicts("IFLA_MTU"), Verdicts(vec![true, false]));
    assert_eq!(verdicts("IFLA_MTU || RTA_DST"), Verdicts(vec![true, true]));
    assert_eq!(verdicts("seq == 7 || RTA_DST"), Verdicts(vec![true, true]));
    assert_eq!(verdicts("seq == 70 && RTA_DST"), Verdicts(vec![false, false]));
}

#[test]
fn headers_alone_decide_where_they_can() {
    ALL.with(|all| {
        for (expression, decodes) in
            [("type == RTM_NEWLINK && latency > 1ms", false), ("seq == 1 || IFLA_MTU", true)]
        {
            assert_eq!(Filter::parse(expression, all).unwrap().decodes(), decodes);
        }
    });
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (expression, column, told) in [
        ("", 1, "expected a field"),
        ("latancy > 1ms", 1, "did you mean latency?"),
        ("pid == 1 && IFLA_IFNAM == \"x\"", 13, "did you mean IFLA_IFNAME?"),
        ("type == RTM_NEWROUT", 9, "did you mean RTM_NEWROUTE?"),
        ("comm == 5", 9, "comm takes a text"),
        ("latency > RTM_NEWLINK", 11, "latency takes a time"),
        ("len == \"x\"", 8, "len takes a length"),
        ("pid = 4", 5, "write =="),
        ("pid ==", 7, "expected a value"),
        ("(pid == 4", 1, "there is no ) for this"),
        ("pid == 4)", 9, "there is no ( for this"),
        ("pid == 4 fd == 3", 10, "expected && or ||"),
        ("comm == \"ip", 9, "has no end"),
        ("pid == 12x", 8, "no number"),
        ("IFLA_IFNAME =~ \"(\"", 16, "no regular expression"),
        ("RTA_DST in 10.0.0.0/33", 12, "longer than the address"),
        ("protocol == FOO", 13, "no protocol FOO"),
        ("pid in {1 2}", 11, "expected , or }"),
        ("pid in a..b", 8, "there is no number a"),
        ("pid == 4 # x", 10, "means nothing here"),
        ("\"ip\" == comm", 1, "on the right"),
        ("flags & \"x\"", 9, "flags takes bits"),
        ("type < RTM_NEWLINK", 8, "compares numbers"),
        ("IFLA_LINKINFO..IFLA_INFO_KIND", 14, "expected && or ||"),
    ] {
        let error = ALL.with(|all| Filter::parse(expression, all).unwrap_err());
        assert_eq!(error.column(), column, "{expression}: {error}");
        assert!(error.to_string().contains(told), "{expression}: {error}");
    }
    let deep = "(".repeat(5000);
    ALL.with(|all| assert!(Filter::parse(&deep, all).is_err()));
    let many = vec!["pid"; 65].join(" || ");
    ALL.with(|all| {
        assert!(Filter::parse(&many, all).unwrap_err().to_string().contains("64 tests"));
    });
}

#[test]
fn the_place_is_marked() {
    let error = ALL.with(|all| Filter::parse("µs == 1 && latancy", all).unwrap_err());
    let told = error.to_string();
    assert!(told.starts_with("filter, column 1: there is no field"), "{told}");
    assert!(told.ends_with("\n  µs == 1 && latancy\n  ^^"), "{told}");
}

/// The page names every field in its table, with what it is.
#[test]
fn the_page_has_every_field() {
    let page = include_str!("../../docs/filter.md");
    for field in Field::ALL {
        let row = format!("| `{}` | {} |", field.name(), field.about());
        assert!(page.contains(&row), "no row {row}");
    }
    let rows =
        page.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 4);
    assert_eq!(rows.count(), Field::ALL.len());
}

/// Every expression on the page is one.
#[test]
fn the_page_shows_what_can_be_written() {
    let page = include_str!("../../docs/filter.md");
    let mut checked = 0;
    for block in page.split("```filter\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for line in block.lines() {
            let expression = line.split("  #").next().unwrap().trim();
            ALL.with(|all| Filter::parse(expression, all).unwrap_or_else(|e| panic!("{e}")));
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked} expressions");
}

#[test]
fn groups_beyond_the_32nd_are_told_by_control_data() {
    // A `struct cmsghdr` of SOL_NETLINK and NETLINK_PKTINFO, with group 33.
    let control: Vec<u8> =
        [&20_u64.to_ne_bytes()[..], &bytes("0e010000 03000000 21000000 00000000")].concat();
    let head = CallHead { function: Function::Recvmsg as u32, ..CallHead::default() };
    let call = Call { head, iov_lens: &[], name: &[], control: &control, payload: &[] };
    for (expression, expected) in
        [("group == 33", true), ("group == RTNLGRP_BRVLAN", true), ("group == 1", false)]
    {
        let holds = ALL.with(|all| {
            let engine = Engine { registry: &all.1, names: &NoNames, requests: &NoRequests };
            let around = Around {
                process: None,
                call: Some(&call),
                function: Some(Function::Recvmsg),
                socket: None,
                protocol: Some(0),
                direction: Some(Direction::Receive),
                record: 1,
                payload: &[],
                answers: &|_| None,
            };
            Filter::parse(expression, all).unwrap().verdicts(&engine, &around).any()
        });
        assert_eq!(holds, expected, "{expression}");
    }
}
