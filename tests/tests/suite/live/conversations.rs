//! Which answer belongs to which request, in all the ways in which a program can mix them.

use std::fs;

use nlproto::Function;
use nltests::artefacts::artefacts;
use nltests::installed;
use nltests::long_capture::Capture;
use nltests::namespace::Namespace;
use nltests::programs::CONVERSATIONS;
use nltests::run::{replay, run};
use nltests::scratch::Scratch;
use serde_json::Value;

/// Links to ask about: `lo` is 1.
const LINKS: &str = "for n in 1 2 3 4 5 6 7 8; do ip link add type veth; done";

/// A conversation as it is shown.
pub(crate) struct Talk {
    /// The lines of json.
    pub(crate) lines: Vec<Value>,
    /// The same as a tree.
    tree: String,
    /// What the program printed.
    printed: String,
    /// The capture, and its folder.
    pub(crate) capture: std::path::PathBuf,
    _scratch: Scratch,
}

/// Where conversations are had.
pub(crate) fn network() -> Option<Namespace> {
    let namespace = Namespace::new()?;
    namespace.script(LINKS);
    Some(namespace)
}

/// Has one of the conversations; `None` where that cannot be.
pub(crate) fn talk(name: &str) -> Option<Talk> {
    if !installed(&["python3"]) {
        return None;
    }
    let namespace = network()?;
    let scratch = Scratch::new();
    let (capture, json) = (scratch.path("x.nlcap"), scratch.path("json"));
    let mut command = namespace.command(&artefacts().nlview);
    command.args(["-f", "json", "-o"]).arg(&json).arg("-w").arg(&capture);
    let out = run(command.args(["--", "python3", "-c", CONVERSATIONS, name]));
    assert!(out.status == 0 && out.stderr.is_empty(), "{out:?}");
    let text = fs::read_to_string(json).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tree = replay(&capture, "tree", &[]).expect(0).out();
    let talk = Talk { lines, tree, printed: out.out(), capture, _scratch: scratch };
    talk.is_sound();
    Some(talk)
}

impl Talk {
    pub(crate) fn of_kind<'t>(&'t self, kind: &'t str) -> impl Iterator<Item = &'t Value> {
        self.lines.iter().filter(move |line| line["kind"] == kind)
    }

    pub(crate) fn received(&self) -> impl Iterator<Item = &Value> {
        self.of_kind("message").filter(|message| message["dir"] == "receive")
    }

    /// The request that a message answers.
    fn asked(&self, answer: &Value) -> Option<&Value> {
        let record = answer["reply_to"].as_u64()?;
        let part = answer["reply_to_part"].as_u64().unwrap_or(0);
        let is_it = |m: &&Value| m["record"] == record && m["part"] == part;
        Some(self.of_kind("message").find(is_it).unwrap_or_else(|| panic!("{answer}")))
    }

    /// Each answer that has a request was received after it was sent, by the same socket, and says what
    /// it asked about.
    fn is_sound(&self) {
        for answer in self.received() {
            let Some(asked) = self.asked(answer) else {
                assert!(answer.get("latency_ns").is_none(), "{answer}");
                continue;
            };
            assert_eq!((asked["dir"].as_str(), &asked["seq"]), (Some("send"), &answer["seq"]));
            assert_eq!(asked["fd"], answer["fd"], "{answer}");
            assert!(asked["record"].as_u64() < answer["record"].as_u64(), "{answer}");
            let latency_ns = answer["latency_ns"].as_u64().unwrap();
            assert!((1..60_000_000_000).contains(&latency_ns), "{answer}");
            let index = |m: &Value| {
                (m["type"] != "NLMSG_ERROR").then(|| number(&m["header"], "ifi_index"))?
            };
            if let (Some(wanted), Some(shown)) = (index(asked).filter(|i| *i != 0), index(answer)) {
                assert_eq!(wanted, shown, "{asked}\n{answer}");
            }
        }
    }

    /// What was received: type, sequence number of the request (of which record and part), error.
    fn answers(&self) -> Vec<(&str, Option<u64>, i64)> {
        let row = |m: &'_ Value| self.asked(m).and_then(|asked| asked["nlmsghdr"]["seq"].as_u64());
        let error = |m: &Value| m["error"]["number"].as_i64().unwrap_or(0);
        self.received()
            .map(|m| (m["type"].as_str().unwrap_or_default(), row(m), error(m)))
            .collect()
    }

    /// The sequence numbers of what was never answered, why that is told, and how much of it was.
    fn unanswered(&self) -> Vec<(u64, &str, u64)> {
        let row = |m: &'_ Value| {
            let seq = m["request"]["seq"].as_u64().unwrap();
            (seq, m["answers"].as_u64().unwrap())
        };
        let at = |m: &'_ Value| -> &str {
            ["close", "exit", "end"].into_iter().find(|at| m["at"] == *at).unwrap()
        };
        self.of_kind("unanswered").map(|m| (row(m).0, at(m), row(m).1)).collect()
    }

    #[track_caller]
    fn tree_has(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.tree.contains(part), "{part} is not in\n{}", self.tree);
        }
    }

    #[track_caller]
    fn tree_has_not(&self, part: &str) {
        assert!(!self.tree.contains(part), "{part} is in\n{}", self.tree);
    }
}

/// A field of a header.
fn number(header: &Value, name: &str) -> Option<i64> {
    header["fields"].as_array()?.iter().find(|f| f["name"] == name)?["value"].as_i64().or_else(
        || header["fields"].as_array()?.iter().find(|f| f["name"] == name)?["raw"].as_i64(),
    )
}

const LINK: &str = "RTM_NEWLINK";
const ERROR: &str = "NLMSG_ERROR";
const ENODEV: i64 = 19;

#[test]
fn requests_that_are_sent_ahead() {
    let Some(talk) = talk("sent_ahead") else { return };
    let expected = [
        (LINK, Some(11), 0),
        (LINK, Some(12), 0),
        (ERROR, Some(12), 0),
        (ERROR, Some(13), ENODEV),
        (ERROR, Some(14), 0),
    ];
    assert_eq!(talk.answers(), expected);
    assert_eq!(talk.unanswered(), []);
    talk.tree_has(&["ENODEV (No such device)  to RTM_GETLINK", "ack  to RTM_NEWADDR"]);
    talk.tree_has_not("⚠");
}

#[test]
fn requests_in_one_datagram() {
    let Some(talk) = talk("in_one_datagram") else { return };
    let expected = [
        (LINK, Some(21), 0),
        (LINK, Some(22), 0),
        (ERROR, Some(22), 0),
        (ERROR, Some(23), ENODEV),
        (ERROR, Some(24), 0),
    ];
    assert_eq!(talk.answers(), expected);
    let records: Vec<u64> = talk.received().map(|m| m["reply_to"].as_u64().unwrap()).collect();
    assert!(records.iter().all(|record| *record == records[0]), "{records:?}");
    let parts: Vec<Option<u64>> = talk.received().map(|m| m["reply_to_part"].as_u64()).collect();
    assert_eq!(parts, [None, Some(1), Some(1), Some(2), Some(3)]);
    assert_eq!(talk.unanswered(), []);
}

#[test]
fn requests_that_all_have_one_number() {
    let Some(talk) = talk("of_one_number") else { return };
    let records: Vec<&Value> =
        talk.of_kind("message").filter(|m| m["dir"] == "send").map(|m| &m["record"]).collect();
    let [add, get, refused, remove] = records[..] else { panic!("{records:?}") };
    let replies: Vec<&Value> = talk.received().map(|m| &m["reply_to"]).collect();
    assert_eq!(replies, [add, get, get, refused, remove]);
    assert_eq!(talk.unanswered(), []);
    talk.tree_has(&["ack  to RTM_NEWADDR", "ack  to RTM_DELADDR"]);
    talk.tree_has_not("⚠");
}

#[test]
fn a_dump_among_notifications() {
    let Some(talk) = talk("among_notifications") else { return };
    let is_told = |m: &&Value| m["fd"] == 3 && m["type"] == "RTM_NEWADDR";
    let (told, own): (Vec<&Value>, Vec<&Value>) = talk.received().partition(is_told);
    assert!(told.len() > 3, "{} notifications", told.len());
    for message in told {
        assert_eq!(message["seq"], 77, "{message}");
        assert!(message.get("reply_to").is_none(), "{message}");
        if message["call"] == "recvfrom" {
            let groups = serde_json::json!(["RTNLGRP_IPV4_IFADDR"]);
            assert_eq!(message["peer"]["group_names"], groups, "{message}");
        }
    }
    let dump: Vec<&&Value> = own.iter().filter(|m| m["fd"] == 3).collect();
    let (end, links) = dump.split_last().unwrap();
    assert_eq!((&end["type"], links.len()), (&Value::from("NLMSG_DONE"), 17));
    let len: u64 = links.iter().map(|m| m["nlmsghdr"]["len"].as_u64().unwrap()).sum();
    let summary = serde_json::json!({"messages": 17, "len": len, "interrupted": false});
    assert_eq!(end["dump"], summary);
    assert!(links.iter().all(|m| m["reply_to"] == end["reply_to"] && m.get("dump").is_none()));
    // It came in several datagrams, with the others between.
    let records: Vec<u64> = links.iter().map(|m| m["record"].as_u64().unwrap()).collect();
    assert!(records.windows(2).any(|pair| pair[1] > pair[0] + 1), "{records:?}");
    talk.tree_has(&["done  to RTM_GETLINK  17 messages, "]);
    assert_eq!(talk.unanswered(), []);
}

#[test]
fn a_dump_of_what_changes_meanwhile() {
    let Some(talk) = talk("changed_meanwhile") else { return };
    let end = talk.received().find(|m| m["type"] == "NLMSG_DONE").unwrap();
    assert_eq!(end["dump"]["interrupted"], true, "{end}");
    let flagged = talk.received().filter(|m| m["flags"].to_string().contains("NLM_F_DUMP_INTR"));
    assert!(flagged.count() > 0);
    talk.tree_has(&["changed meanwhile", "dump_intr"]);
}

#[test]
fn threads_with_a_socket_each() {
    let Some(talk) = talk("in_threads") else { return };
    // An answer to each request, and to each third one an acknowledgement.
    assert_eq!(talk.received().filter(|m| m["type"] == LINK).count(), 4 * 50);
    assert_eq!(talk.received().filter(|m| m["type"] == ERROR).count(), 4 * 16);
    assert!(talk.received().all(|m| m["reply_to"].is_u64()));
    assert_eq!(talk.unanswered(), []);
}

#[test]
fn threads_on_one_socket() {
    let Some(talk) = talk("on_one_socket") else { return };
    let seqs: Vec<Option<u64>> = talk.answers().into_iter().map(|(_, seq, _)| seq).collect();
    assert_eq!(seqs, (0..100).map(Some).collect::<Vec<_>>());
    assert_eq!(talk.unanswered(), []);
}

#[test]
fn sockets_whose_ports_are_not_the_process() {
    let Some(talk) = talk("on_many_sockets") else { return };
    let ports: Vec<u64> = talk.printed.split_whitespace().map(|p| p.parse().unwrap()).collect();
    let pid = talk.lines[0]["pid"].as_u64().unwrap();
    assert_eq!((ports.len(), ports[0], ports[3]), (5, pid, 4_242_424));
    assert!(ports[1..].iter().all(|port| *port != pid));
    let answers: Vec<&Value> = talk.received().collect();
    assert_eq!(answers.len(), 5);
    for (answer, port) in answers.iter().zip(ports.iter().rev()) {
        assert_eq!(
            (&answer["nlmsghdr"]["pid"], answer["reply_to"].is_u64()),
            (&(*port).into(), true)
        );
    }
    assert_eq!(talk.unanswered(), []);
}

#[test]
fn a_child_asks_and_its_parent_reads() {
    let Some(talk) = talk("by_the_child") else { return };
    assert_eq!(talk.answers(), [(LINK, Some(6), 0), (ERROR, Some(6), 0)]);
    for answer in talk.received() {
        assert_ne!(talk.asked(answer).unwrap()["pid"], answer["pid"]);
    }
    assert_eq!(talk.unanswered(), []);
}

#[test]
fn answers_that_nobody_asked_for() {
    let Some(talk) = talk("unasked") else { return };
    assert_eq!(talk.answers(), [(LINK, Some(1), 0), (LINK, None, 0), (ERROR, None, 0)]);
    for answer in talk.received().skip(1) {
        assert_eq!(answer.get("reply_to"), Some(&Value::Null), "{answer}");
    }
    assert_eq!(talk.tree.matches("⚠ nobody asked").count(), 2);
}

#[test]
fn answers_that_are_not_waited_for() {
    let Some(talk) = talk("closed_early") else { return };
    assert_eq!(talk.unanswered(), [(31, "close", 1), (32, "close", 0), (34, "close", 0)]);
    let close =
        talk.of_kind("call").find(|call| call["call"] == "close" && call["fd"] == 3).unwrap();
    let (unread, room) = (close["unread"].as_u64().unwrap(), close["room"].as_u64().unwrap());
    assert!(unread > 0 && room >= unread && close["drops"] == 0, "{close}");
    let request = &talk.of_kind("unanswered").nth(1).unwrap()["request"];
    let asked = talk.of_kind("message").find(|m| m["seq"] == 32).unwrap();
    for key in ["type", "record", "part"] {
        assert_eq!(request[key], asked[key], "{request}");
    }
    talk.tree_has(&["⚠ unread: ", "⚠ closed before all answers to RTM_NEWADDR  seq 32"]);
    talk.tree_has_not("answers to RTM_DELADDR");
}

#[test]
fn a_process_that_does_not_wait_for_the_end() {
    let Some(talk) = talk("ended_early") else { return };
    assert_eq!(talk.unanswered(), [(42, "exit", 0)]);
    // A capture has no word of its end.
    talk.tree_has(&["⚠ not answered yet: RTM_GETLINK  seq 42"]);
}

#[test]
fn a_socket_that_has_too_little_room() {
    let Some(talk) = talk("overrun") else { return };
    assert_eq!(talk.printed, "105\n");
    let overrun: Vec<&Value> = talk.of_kind("call").filter(|c| c["overrun"] == true).collect();
    let [call] = overrun[..] else { panic!("{overrun:?}") };
    assert_eq!((&call["error"]["name"], &call["fd"]), (&"ENOBUFS".into(), &3.into()));
    let close = talk.of_kind("call").find(|call| call["call"] == "close").unwrap();
    assert!(close["drops"].as_u64().unwrap() > 60, "{close}");
    assert!(close["unread"].as_u64().unwrap() > 0, "{close}");
    talk.tree_has(&["⚠ the socket's buffer was full", "⚠ dropped for lack of room: "]);
    assert_eq!(talk.unanswered(), []);
}

#[test]
fn answers_that_are_cut() {
    let Some(talk) = talk("cut") else { return };
    assert_eq!(talk.answers(), [(LINK, Some(51), 0), (LINK, Some(52), 0)]);
    for answer in talk.received() {
        assert_eq!(answer["issues"][0]["code"], "length-too-long", "{answer}");
    }
    let flags = talk.received().next().unwrap()["msg_flags"].to_string();
    assert!(flags.contains("MSG_TRUNC"), "{flags}");
    talk.tree_has(&["⚠ cut: the buffer took 100 bytes"]);
    assert_eq!(talk.unanswered(), []);
}

#[test]
fn answers_that_are_looked_at_first() {
    let Some(talk) = talk("looked_at_first") else { return };
    assert_eq!(talk.answers(), [(LINK, Some(61), 0), (ERROR, Some(61), 0)]);
    talk.tree_has(&["peek  1496 B waiting"]);
    assert_eq!(talk.unanswered(), []);
}

/// A call is recorded when it has returned, and by then another thread may have read the answer.
#[test]
fn answers_that_are_recorded_before_their_requests() {
    let mut capture = Capture::new(Vec::new()).unwrap();
    capture.begin_process().unwrap();
    let say = |capture: &mut Capture<Vec<u8>>, function, seq, ty, flags| {
        capture.seq = seq;
        let mut bytes = Vec::new();
        capture.message(&mut bytes, ty, flags, &[0; 16]);
        capture.moves(function, 0, &bytes).unwrap();
    };
    let (send, receive) = (Function::Sendmsg, Function::Recvmsg);
    for (function, seq, ty, flags) in [
        (receive, 8, 16, 0),
        (receive, 7, 16, 0),
        (send, 7, 18, 1),
        (send, 8, 18, 1),
        (receive, 9, 16, 0),
    ] {
        say(&mut capture, function, seq, ty, flags);
    }
    capture.end_process().unwrap();
    let scratch = Scratch::new();
    let file = scratch.file("x.nlcap", &capture.out);
    let out = replay(&file, "json", &[]).expect(0).out();
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<(u64, bool, Option<&Value>)> = lines
        .iter()
        .filter(|line| line["kind"] == "message")
        .map(|m| (m["seq"].as_u64().unwrap(), m["dir"] == "send", m.get("reply_to")))
        .collect();
    let record = |seq: u64| {
        let is_it = |m: &&Value| m["dir"] == "send" && m["seq"] == seq;
        Some(&lines.iter().find(is_it).unwrap()["record"])
    };
    let expected = [
        (7, true, None),
        (8, true, None),
        (8, false, record(8)),
        (7, false, record(7)),
        (9, false, Some(&Value::Null)),
    ];
    assert_eq!(shown, expected);
    assert!(lines.iter().all(|line| line["kind"] != "unanswered"));
}
