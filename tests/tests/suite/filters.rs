//! `--filter` and `--conversation` through the command: what they show of text and of captures, whole and
//! in part, and what they say of mistakes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nltests::artefacts::artefacts;
use nltests::installed;
use nltests::programs::CONVERSATIONS;
use nltests::run::{nlview, replay, run};
use nltests::scratch::Scratch;
use serde_json::Value;

use crate::live::conversations::{network, talk};

/// Records 1 to 4: a link and a route are to be made by one datagram, the first is refused, the second
/// acknowledged; a generic family is asked for.
const TEXT: &str = "
%ifname 2 eth0
ROUTE > 48000000 1000 0506 07000000 00000000  00000000 00000000 00000000 00000000
    07000300 76300000  08000400 dc050000  18001280 09000100 76657468 00000000 08000280 04000100
    2c000000 1800 0506 08000000 00000000  02100000 fe030001 00000000
    08000100 0a090000  08000400 02000000
ROUTE < 24000000 0200 0001 07000000 4d000000  efffffff  48000000 1000 0506 07000000 00000000
ROUTE < 24000000 0200 0001 08000000 4d000000  00000000  2c000000 1800 0506 08000000 00000000
GENERIC > 20000000 1000 0500 09000000 00000000  03010000  0b000200 6e6c6374 726c0000
";

/// A message by its record and part; what is no message has no part.
type Place = (u64, Option<u64>);

const LINK: Place = (1, Some(0));
const ROUTE: Place = (1, Some(1));
const REFUSED: Place = (2, Some(0));
const DONE: Place = (3, Some(0));
const FAMILY: Place = (4, Some(0));

fn place(line: &Value) -> Option<Place> {
    let is_shown = line["kind"] == "message" || line["kind"] == "call";
    is_shown.then(|| (line["record"].as_u64().unwrap(), line["part"].as_u64()))
}

/// The lines of json that a filter leaves.
#[track_caller]
fn lines(file: &Path, options: &[&str]) -> Vec<Value> {
    let out = replay(file, "json", options).expect(0);
    assert!(out.stderr.is_empty(), "{options:?}: {out:?}");
    out.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn shown(file: &Path, expression: &str) -> BTreeSet<Place> {
    lines(file, &["-e", expression]).iter().filter_map(place).collect()
}

#[test]
fn each_operator_and_field_of_text() {
    let scratch = Scratch::new();
    let file = scratch.file("x.nlhex", TEXT);
    let all = BTreeSet::from([LINK, ROUTE, REFUSED, DONE, FAMILY]);
    let mut wrong = Vec::new();
    for (expression, expected) in [
        ("type == RTM_NEWLINK", &[LINK][..]),
        ("type == 16", &[LINK, FAMILY]),
        ("type != RTM_NEWLINK", &[ROUTE, REFUSED, DONE, FAMILY]),
        ("type in {RTM_NEWLINK, RTM_NEWROUTE}", &[LINK, ROUTE]),
        ("seq in 7..8", &[LINK, ROUTE, REFUSED, DONE]),
        ("seq in {7, 9..10}", &[LINK, REFUSED, FAMILY]),
        ("seq < 8", &[LINK, REFUSED]),
        ("seq <= 8", &[LINK, ROUTE, REFUSED, DONE]),
        ("seq > 8", &[FAMILY]),
        ("seq >= 8", &[ROUTE, DONE, FAMILY]),
        ("flags & NLM_F_CREATE", &[LINK, ROUTE]),
        ("flags & 0x100", &[REFUSED, DONE]),
        ("errno", &[REFUSED]),
        ("errno == 0", &[DONE]),
        ("errno != 0", &[REFUSED]),
        ("errno == EEXIST", &[REFUSED]),
        ("to == RTM_NEWROUTE", &[DONE]),
        ("family == rt-link", &[LINK]),
        ("family =~ '^(rt-|nlctrl)'", &[LINK, ROUTE, FAMILY]),
        ("command == CTRL_CMD_GETFAMILY", &[FAMILY]),
        ("command == 3", &[FAMILY]),
        ("protocol == GENERIC", &[FAMILY]),
        ("protocol == NETLINK_ROUTE", &[LINK, ROUTE, REFUSED, DONE]),
        ("dir == receive", &[REFUSED, DONE]),
        ("len == 72", &[LINK]),
        ("len > 0.05KiB", &[LINK]),
        ("port == 77", &[REFUSED, DONE]),
        ("record == 4", &[FAMILY]),
        ("IFLA_IFNAME", &[LINK]),
        ("IFLA_IFNAME =~ \"^v\"", &[LINK]),
        ("IFLA_IFNAME !~ \"^x\"", &[LINK]),
        ("IFLA_IFNAME =~ \"^x\"", &[]),
        ("IFLA_INFO_KIND == \"veth\"", &[LINK]),
        ("IFLA_LINKINFO.IFLA_INFO_KIND == \"veth\"", &[LINK]),
        ("IFLA_INFO_KIND.IFLA_LINKINFO == \"veth\"", &[]),
        ("IFLA_MTU > 1499 && IFLA_MTU < 1501", &[LINK]),
        ("RTA_DST in 10.0.0.0/8", &[ROUTE]),
        ("RTA_DST == 10.9.0.0", &[ROUTE]),
        ("RTA_DST in {11.0.0.0/8, fe80::/10}", &[]),
        ("RTA_OIF == \"eth0\"", &[ROUTE]),
        ("RTA_OIF == 2", &[ROUTE]),
        ("rtmsg.rtm_dst_len == 16", &[ROUTE]),
        ("CTRL_ATTR_FAMILY_NAME == \"nlctrl\"", &[FAMILY]),
        ("IFLA_MTU || RTA_DST && seq == 7", &[LINK]),
        ("(IFLA_MTU || RTA_DST) && seq == 8", &[ROUTE]),
        ("not dir == send and errno == 0", &[DONE]),
        ("seq == 7 or seq == 9", &[LINK, REFUSED, FAMILY]),
        ("latency >= 0ns", &[]),
    ] {
        let expected: BTreeSet<Place> = expected.iter().copied().collect();
        let rest: BTreeSet<Place> = all.difference(&expected).copied().collect();
        for (expression, expected) in
            [(expression.to_owned(), expected), (format!("!({expression})"), rest)]
        {
            let shown = shown(&file, &expression);
            if shown != expected {
                wrong.push(format!("{expression}: {shown:?} and not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_a_datagram_what_is_wanted() {
    let scratch = Scratch::new();
    let file = scratch.file("x.nlhex", TEXT);
    let text = |format| replay(&file, format, &["-e", "RTA_DST"]).expect(0).out();
    let tree = text("tree");
    assert!(tree.contains("RTA_DST") && tree.contains("10.9.0.0"), "{tree}");
    assert!(!tree.contains("IFLA_") && !tree.contains("RTM_NEWLINK"), "{tree}");
    assert_eq!(tree.matches('▶').count(), 1, "{tree}");
    // A call is whole.
    let strace = text("strace");
    assert_eq!(strace.lines().count(), 1, "{strace}");
    assert!(strace.contains("RTM_NEWLINK") && strace.contains("RTA_DST"), "{strace}");
}

/// A row of a table: an expression, and whether it is true of a line of json.
type Row = (String, Box<dyn Fn(&Value) -> bool>);

#[test]
fn each_field_of_calls() {
    let Some(talk) = talk("among_notifications") else { return };
    let first = &talk.lines[0];
    let some = |key: &'static str, value: Value| -> Box<dyn Fn(&Value) -> bool> {
        Box::new(move |line: &Value| line[key] == value)
    };
    let latency = |holds: fn(u64) -> bool| -> Box<dyn Fn(&Value) -> bool> {
        Box::new(move |line: &Value| line["latency_ns"].as_u64().is_some_and(holds))
    };
    let in_group = |line: &Value| {
        line["peer"]["groups"].as_array().is_some_and(|groups| groups.contains(&5.into()))
    };
    let receive = talk.received().next().unwrap();
    let port = receive["portid"].as_u64().unwrap();
    let rows: Vec<Row> = vec![
        (format!("pid == {}", first["pid"]), Box::new(|_| true)),
        ("pid == 1".to_owned(), Box::new(|_| false)),
        (format!("tid == {}", receive["tid"]), some("tid", receive["tid"].clone())),
        ("comm == python3".to_owned(), some("comm", "python3".into())),
        ("exe =~ python".to_owned(), Box::new(|_| true)),
        ("fd == 4".to_owned(), some("fd", 4.into())),
        ("call == bind".to_owned(), some("call", "bind".into())),
        (format!("call == {}", receive["call"]), some("call", receive["call"].clone())),
        (format!("portid == {port}"), some("portid", port.into())),
        (format!("netns == {}", receive["netns"]), some("netns", receive["netns"].clone())),
        ("netns == 1".to_owned(), Box::new(|_| false)),
        (
            "record in 5..9".to_owned(),
            Box::new(|line| (5..=9).contains(&line["record"].as_u64().unwrap())),
        ),
        ("group == RTNLGRP_IPV4_IFADDR".to_owned(), Box::new(in_group)),
        ("group == 5".to_owned(), Box::new(in_group)),
        ("latency > 1us".to_owned(), latency(|ns| ns > 1000)),
        ("latency < 0.1ms".to_owned(), latency(|ns| ns < 100_000)),
        ("latency in 10us..1s".to_owned(), latency(|ns| (10_000..=1_000_000_000).contains(&ns))),
        (
            "to == RTM_GETLINK && dir == receive && fd == 3".to_owned(),
            Box::new(|line| line["reply_to"].is_u64() && line["fd"] == 3),
        ),
        (
            "IFLA_IFNAME == \"lo\"".to_owned(),
            Box::new(|line| {
                line["attrs"].as_array().is_some_and(|attrs| {
                    attrs.iter().any(|attr| attr["name"] == "IFLA_IFNAME" && attr["value"] == "lo")
                })
            }),
        ),
    ];
    let mut wrong = Vec::new();
    for (expression, holds) in rows {
        for (expression, wanted) in
            [(expression.clone(), true), (format!("!({expression})"), false)]
        {
            let lines =
                talk.lines.iter().filter(|line| place(line).is_some() && holds(line) == wanted);
            let expected: BTreeSet<Place> = lines.filter_map(place).collect();
            let shown = shown(&talk.capture, &expression);
            if shown != expected {
                let more: Vec<_> = shown.symmetric_difference(&expected).collect();
                wrong.push(format!("{expression}: {} lines, differ in {more:?}", shown.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_process_is_introduced_with_the_first_that_is_shown() {
    let Some(talk) = talk("by_the_child") else { return };
    let asked = talk.of_kind("message").find(|m| m["dir"] == "send").unwrap();
    let left = lines(&talk.capture, &["-e", "dir == send"]);
    let kinds: Vec<&str> = left.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["process", "message"]);
    assert!(left.iter().all(|line| line["pid"] == asked["pid"]), "{left:?}");
    for format in crate::formats() {
        let out = replay(&talk.capture, &format, &["-e", "seq == 424242"]).expect(0);
        assert_eq!(out.out(), "", "{format}");
    }
}

#[test]
fn a_conversation_is_shown_whole_and_in_order() {
    let Some(talk) = talk("sent_ahead") else { return };
    let failed = ["-e", "errno == ENODEV"];
    let whole = ["-e", "errno == ENODEV", "--conversation"];
    let seqs = |options: &[&str]| -> Vec<(String, Value)> {
        let left = lines(&talk.capture, options);
        let row = |line: &Value| (line["dir"].as_str().unwrap().to_owned(), line["seq"].clone());
        left.iter().filter(|line| place(line).is_some()).map(row).collect()
    };
    let (send, receive) = (("send".to_owned(), 13.into()), ("receive".to_owned(), 13.into()));
    assert_eq!(seqs(&failed), std::slice::from_ref(&receive));
    assert_eq!(seqs(&whole), [send, receive]);
    // What is shown late is shown as it is without a filter.
    for format in ["tree", "json", "strace"] {
        let all = replay(&talk.capture, format, &[]).expect(0).out();
        let some = replay(&talk.capture, format, &whole).expect(0).out();
        // strace names processes only if there are several.
        let plain = |line: &'_ str| {
            line.split_once("] ")
                .filter(|(pid, _)| pid.starts_with("[pid "))
                .map_or(line.to_owned(), |(_, rest)| rest.to_owned())
        };
        let mut rest = all.lines().map(plain);
        for line in some.lines() {
            assert!(rest.any(|other| other == line), "{format}: {line} is not in\n{all}");
        }
        assert!(some.contains("ENODEV"), "{some}");
    }
    let tree = replay(&talk.capture, "tree", &whole).expect(0).out();
    let [ask, answer] = ['▶', '◀'].map(|way| tree.find(way).unwrap());
    assert!(ask < answer && tree.matches(['▶', '◀']).count() == 2, "{tree}");
    // A request that is wanted brings its answers.
    let twelve: Vec<_> = seqs(&["-e", "seq == 12 && dir == send", "--conversation"]);
    assert_eq!(
        twelve.iter().map(|(dir, _)| dir.as_str()).collect::<Vec<_>>(),
        ["send", "receive", "receive"]
    );
}

#[test]
fn requests_of_one_datagram_are_one_conversation() {
    let Some(talk) = talk("in_one_datagram") else { return };
    let left = lines(&talk.capture, &["-e", "errno == ENODEV", "--conversation"]);
    let shown: Vec<Place> = left.iter().filter_map(place).collect();
    let all: Vec<Place> = talk.of_kind("message").filter_map(place).collect();
    assert_eq!(shown, all);
}

#[test]
fn a_conversation_without_an_end_is_told_to_have_none() {
    let Some(talk) = talk("closed_early") else { return };
    let unanswered = |options: &[&str]| -> Vec<u64> {
        let left = lines(&talk.capture, options);
        let ends = left.iter().filter(|line| line["kind"] == "unanswered");
        ends.map(|line| line["request"]["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!(unanswered(&["-e", "seq == 31"]), [31]);
    assert_eq!(unanswered(&["-e", "IFLA_MTU"]), [0; 0]);
    assert_eq!(unanswered(&["-e", "IFLA_MTU", "--conversation"]), [31]);
    assert_eq!(unanswered(&["-e", "type == RTM_NEWADDR"]), [32]);
}

#[test]
fn a_capture_has_what_the_filter_hides() {
    let Some(namespace) = network() else { return };
    if !installed(&["python3"]) {
        return;
    }
    let scratch = Scratch::new();
    let (capture, again) = (scratch.path("x.nlcap"), scratch.path("y.nlcap"));
    let mut command = namespace.command(&artefacts().nlview);
    command.args(["-e", "seq == 13 && dir == send", "-f", "json", "-w"]).arg(&capture);
    let out = run(command.args(["--", "python3", "-c", CONVERSATIONS, "of_one_number"])).expect(0);
    assert_eq!(out.err(), "");
    let all = lines(&capture, &[]);
    assert!(all.iter().filter(|line| line["kind"] == "message").count() > 5, "{all:?}");
    let copy = ["-e", "seq == 13", "-w", again.to_str().unwrap()];
    let out = replay(&capture, "tree", &copy).expect(0);
    assert_eq!((out.out(), out.err()), (String::new(), String::new()));
    assert_eq!(fs::read(&capture).unwrap(), fs::read(&again).unwrap());
}

#[test]
fn mistakes_are_marked_and_nothing_is_run() {
    let scratch = Scratch::new();
    let file = scratch.file("x.nlhex", TEXT);
    for (expression, column, told) in [
        ("latancy > 1ms", 1, "did you mean latency?"),
        ("type == RTM_NEWROUT", 9, "did you mean RTM_NEWROUTE?"),
        ("seq == 7 && IFLA_IFNAM", 13, "did you mean IFLA_IFNAME?"),
        ("pid = 4", 5, "write =="),
        ("(pid == 4", 1, "there is no )"),
        ("comm == \"ip", 9, "has no end"),
        ("IFLA_IFNAME =~ \"(\"", 16, "regular expression"),
        ("", 1, "expected a field"),
    ] {
        let out = replay(&file, "tree", &["-e", expression]).expect(2);
        assert_eq!(out.out(), "", "{expression}");
        let err = out.err();
        let mut lines = err.lines();
        let first = lines.next().unwrap();
        assert!(first.starts_with(&format!("nlview: filter, column {column}: ")), "{err}");
        assert!(first.contains(told), "{err}");
        assert_eq!(lines.next().unwrap().trim(), expression, "{err}");
        let mark = lines.next().unwrap();
        assert_eq!(mark.find('^'), Some(2 + column - 1), "{err}");
    }
    let made = scratch.path("made");
    let out = run(nlview().args(["-e", "latancy > 1", "--", "touch"]).arg(&made)).expect(2);
    assert!(out.err().contains("did you mean latency?") && !made.exists(), "{out:?}");
    let out = replay(&file, "tree", &["--conversation"]).expect(2).err();
    assert!(out.contains("--filter"), "{out}");
}
