//! What is counted where, column by column.

mod shown;
mod sockets;

use super::*;
use crate::decode::{Asked, Direction, Names, Nlmsghdr, NoNames, Policy, Requests, Wanted};
use crate::output::{samples, socket_names};
use crate::spec::Registry;
use nlproto::function::Kind;
use nlproto::{Call, CallHead, Function, Origin, Socket as Known};
use serde_json::{Value, json};

const STYLE: Style = Style { string_limit: 32, ..Style::PLAIN };

const ROUTE: i32 = 0;
const NETFILTER: i32 = 12;
const UEVENT: i32 = 15;
const GENERIC: i32 = 16;

const GETLINK: u16 = 18;
const NEWLINK: u16 = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const MULTI: u16 = 2;
const ACK: u16 = 4;
const CAPPED: u16 = 0x100;

/// Requests by sequence number alone: record and time.
#[derive(Default)]
struct Asks(Vec<(u32, u64, u64, Vec<u8>)>);

impl Requests for Asks {
    fn asked(&self, answer: &Nlmsghdr) -> Option<Asked<'_>> {
        let (_, record, sent_ns, bytes) = self.0.iter().rfind(|ask| ask.0 == answer.seq)?;
        Some(Asked { record: *record, sent_ns: *sent_ns, ..Asked::once(bytes) })
    }
}

/// A name for the generic family 40.
struct One(&'static str);

impl Names for One {
    fn interface(&self, _index: u32) -> Option<&str> {
        None
    }

    fn generic_family(&self, id: u16) -> Option<&str> {
        (id == 40).then_some(self.0)
    }

    fn generic_group(&self, number: u32) -> Option<&str> {
        (number == 9).then_some("nlctrl/notify\x1b")
    }

    fn generic_header(&self, _id: u16) -> usize {
        0
    }

    fn generic_policy(&self, _id: u16) -> Option<&Policy> {
        None
    }
}

/// A summary, and what it is told.
struct Bench {
    registry: Registry,
    names: Box<dyn Names>,
    asks: Asks,
    summary: Summary,
    process: Process,
    protocol: i32,
    inode: u64,
    portid: u32,
    record: u64,
    now_ns: u64,
}

fn message(ty: u16, flags: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(ty.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(seq.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

fn error(seq: u32, flags: u16, errno: i32, request: &[u8]) -> Vec<u8> {
    let code = (-errno).to_ne_bytes();
    message(ERROR, flags, seq, &[&code[..], request].concat())
}

impl Bench {
    fn new() -> Self {
        Self {
            registry: Registry::builtin(),
            names: Box::new(NoNames),
            asks: Asks::default(),
            summary: Summary::new(Form::Lines, &STYLE),
            process: samples::process(),
            protocol: ROUTE,
            inode: 99,
            portid: 70,
            record: 0,
            now_ns: 1000,
        }
    }

    fn call_with(
        &mut self,
        function: Function,
        payload: &[u8],
        name: &[u8],
        edit: impl FnOnce(&mut CallHead),
    ) {
        self.record += 1;
        let mut head = CallHead {
            function: function as u32,
            fd: 3,
            protocol: self.protocol,
            enter_ns: self.now_ns,
            exit_ns: self.now_ns + 100,
            ret: i64::try_from(payload.len()).unwrap(),
            buf_len: 32768,
            args: [-1; 3],
            ..CallHead::default()
        };
        edit(&mut head);
        self.now_ns = head.exit_ns + 100;
        let call = Call { head, iov_lens: &[], name, control: &[], payload };
        let socket = Known {
            fd: head.fd,
            kind: 3,
            protocol: self.protocol,
            portid: self.portid,
            groups: 0,
            inode: self.inode,
            netns_cookie: 1,
        };
        let record = CallRecord {
            process: &self.process,
            call: &call,
            function,
            origin: Origin::Program,
            socket: (head.fd >= 0).then_some(&socket),
            record: self.record,
            wanted: Wanted::All,
        };
        let engine = Engine { registry: &self.registry, names: &*self.names, requests: &self.asks };
        self.summary.call(&engine, &record, &mut Vec::new());
    }

    fn call(&mut self, function: Function, payload: &[u8]) {
        self.call_with(function, payload, &[], |_| {});
    }

    fn fail(&mut self, function: Function, errno: i32) {
        self.call_with(function, &[], &[], |head| (head.ret, head.errno) = (-1, errno));
    }

    /// Sends a request, which answers with its sequence number find.
    fn ask(&mut self, ty: u16, flags: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
        let bytes = message(ty, REQUEST | flags, seq, payload);
        self.asks.0.push((seq, self.record + 1, self.now_ns, bytes.clone()));
        self.call(Function::Sendmsg, &bytes);
        bytes
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.call(Function::Recvmsg, bytes);
    }

    /// The rows of one kind.
    fn rows(&mut self, of: &str) -> Vec<Value> {
        let mut out = Vec::new();
        self.summary.end(&mut out);
        let lines = out.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let all = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
        let all = all.inspect(|row| assert!(row["v"] == 1 && row["kind"] == "summary", "{row}"));
        all.filter(|row| row["of"] == of).collect()
    }

    /// The row of messages of a type in a direction.
    fn row(&mut self, dir: &str, ty: impl Into<Value>) -> Value {
        let ty = ty.into();
        let rows = self.rows("messages");
        let found: Vec<&Value> =
            rows.iter().filter(|row| row["dir"] == dir && row["type"] == ty).collect();
        assert_eq!(found.len(), 1, "{ty} {dir} in {rows:?}");
        found[0].clone()
    }

    fn socket(&mut self) -> Value {
        let rows = self.rows("socket");
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0].clone()
    }

    fn option(&mut self, level: i32, name: i32, value: i32) {
        self.call_with(Function::Setsockopt, &value.to_ne_bytes(), &[], |head| {
            (head.ret, head.args) = (0, [level, name, 4]);
        });
    }

    fn table(&mut self, width: Option<usize>, color: bool) -> String {
        self.summary.form = Form::Table;
        self.summary.look = Look { paint: Paint::new(color), width };
        let mut out = Vec::new();
        self.summary.end(&mut out);
        String::from_utf8(out).unwrap()
    }
}

#[test]
fn messages_are_counted_by_type_and_direction() {
    let mut bench = Bench::new();
    bench.ask(GETLINK, 0x300, 1, &[0; 16]);
    let link = message(NEWLINK, MULTI, 1, &[0; 32]);
    bench.hear(&[&link[..], &link].concat());
    bench.hear(&link);
    bench.hear(&message(DONE, MULTI, 1, &[0; 4]));
    let row = bench.row("receive", "RTM_NEWLINK");
    assert_eq!(row["protocol"], "NETLINK_ROUTE");
    assert_eq!(row["family"], "rt-link");
    assert_eq!((&row["calls"], &row["messages"]), (&json!(2), &json!(3)));
    assert_eq!(row["bytes"], 144);
    assert_eq!(row.get("latency"), None);
    let row = bench.row("send", "RTM_GETLINK");
    assert_eq!(
        (&row["calls"], &row["messages"], &row["bytes"]),
        (&json!(1), &json!(1), &json!(32))
    );
    assert_eq!((&row["errors"], row.get("by_error")), (&json!(0), None));
    assert_eq!(row["latency"]["count"], 1);
    assert_eq!(bench.row("receive", "NLMSG_DONE")["messages"], 1);
    assert_eq!(bench.rows("messages")[0]["type"], "RTM_NEWLINK");
}

#[test]
fn each_latency_is_from_the_request_to_its_end() {
    let mut bench = Bench::new();
    for (seq, took_ns) in [(1, 5_000), (2, 1_000), (3, 90_000)] {
        bench.ask(NEWLINK, ACK, seq, &[0; 16]);
        let end_ns = bench.asks.0.last().unwrap().2 + took_ns;
        // An answer is not the end of what asked for an acknowledgement.
        bench.hear(&message(NEWLINK, 0, seq, &[0; 16]));
        let bytes = error(seq, 0, 0, &[0; 16]);
        bench.call_with(Function::Recvmsg, &bytes, &[], |head| head.exit_ns = end_ns);
    }
    let latency = bench.row("send", "RTM_NEWLINK")["latency"].clone();
    assert_eq!(latency["count"], 3);
    assert_eq!((&latency["min_ns"], &latency["max_ns"]), (&json!(1000), &json!(90_000)));
    let near =
        |key: &str, wanted: u64| latency[key].as_u64().unwrap().abs_diff(wanted) <= wanted / 100;
    assert!(near("median_ns", 5000) && near("p99_ns", 90_000), "{latency}");
}

#[test]
fn a_request_ends_once() {
    let mut bench = Bench::new();
    bench.ask(GETLINK, 0, 1, &[0; 16]);
    bench.hear(&message(NEWLINK, 0, 1, &[0; 16]));
    bench.hear(&message(NEWLINK, 0, 1, &[0; 16]));
    assert_eq!(bench.row("send", "RTM_GETLINK")["latency"]["count"], 1);
    // What is not timed has no latency.
    let mut bench = Bench::new();
    bench.ask(GETLINK, 0, 1, &[0; 16]);
    bench.asks.0[0].2 = 0;
    bench.hear(&message(NEWLINK, 0, 1, &[0; 16]));
    assert_eq!(bench.row("send", "RTM_GETLINK").get("latency"), None);
}

#[test]
fn errors_are_counted_with_the_request_that_failed() {
    let mut bench = Bench::new();
    for (seq, errno) in [(1, 17), (2, 17), (3, 19), (4, 0)] {
        let request = bench.ask(NEWLINK, ACK, seq, &[0; 16]);
        bench.hear(&error(seq, 0, errno, &request));
    }
    bench.ask(GETLINK, 0x300, 5, &[0; 16]);
    bench.hear(&message(DONE, MULTI, 5, &(-16_i32).to_ne_bytes()));
    let row = bench.row("send", "RTM_NEWLINK");
    assert_eq!(row["errors"], 3);
    assert_eq!(
        row["by_error"],
        json!([
            {"name": "EEXIST", "number": 17, "count": 2},
            {"name": "ENODEV", "number": 19, "count": 1},
        ])
    );
    assert_eq!(bench.row("receive", "NLMSG_ERROR")["errors"], 0);
    let row = bench.row("send", "RTM_GETLINK");
    assert_eq!(row["by_error"], json!([{"name": "EBUSY", "number": 16, "count": 1}]));
}

#[test]
fn an_error_tells_of_a_request_that_was_not_seen() {
    let mut bench = Bench::new();
    let request = message(NEWLINK, REQUEST, 7, &[0; 32]);
    bench.hear(&error(7, CAPPED, 22, &request[..16]));
    bench.hear(&error(7, 0, 22, &request));
    let row = bench.row("send", "RTM_NEWLINK");
    assert_eq!((&row["messages"], &row["errors"]), (&json!(0), &json!(2)));
    assert_eq!(row.get("latency"), None);
}

#[test]
fn a_family_s_own_errors_have_its_names() {
    let mut bench = Bench::new();
    bench.protocol = NETFILTER;
    // IPSET_CMD_CREATE.
    let request = bench.ask(6 << 8 | 2, ACK, 1, &[2, 0, 0, 0]);
    bench.hear(&error(1, 0, 4099, &request));
    let row = bench.row("send", "IPSET_CMD_CREATE");
    let name = row["by_error"][0]["name"].as_str().unwrap_or_default();
    assert!(name.starts_with("IPSET_ERR_"), "{row}");
}

#[test]
fn generic_families_are_counted_by_command() {
    let mut bench = Bench::new();
    bench.protocol = GENERIC;
    bench.ask(16, 0, 1, &[3, 2, 0, 0]);
    bench.hear(&message(16, 0, 1, &[1, 2, 0, 0]));
    let row = bench.row("send", "nlctrl");
    assert_eq!((&row["operation"], &row["command"]), (&json!("CTRL_CMD_GETFAMILY"), &json!(3)));
    assert_eq!(row["latency"]["count"], 1);
    assert_eq!(bench.row("receive", "nlctrl")["operation"], "CTRL_CMD_NEWFAMILY");
    // Its name comes later than its messages; and then the number is another family's.
    let alien = message(40, 0, 2, &[5, 1, 0, 0]);
    bench.hear(&alien);
    assert_eq!(bench.row("receive", 40)["messages"], 1);
    for (name, count) in [("alpha", 2), ("beta", 1), ("alpha", 3), ("beta", 2)] {
        bench.names = Box::new(One(name));
        bench.hear(&alien);
        assert_eq!(bench.row("receive", name)["messages"], count);
    }
}

#[test]
fn bytes_that_are_no_message_are_counted_too() {
    let mut bench = Bench::new();
    bench.protocol = UEVENT;
    bench.hear(b"add@/devices/x\0ACTION=add\0");
    let row = bench.row("receive", Value::Null);
    assert_eq!((&row["protocol"], &row["bytes"]), (&json!("NETLINK_KOBJECT_UEVENT"), &json!(26)));
    assert_eq!(bench.socket()["received"], json!({"messages": 1, "bytes": 26}));
}

#[test]
fn what_moves_nothing_new_is_no_message() {
    let mut bench = Bench::new();
    let link = message(NEWLINK, 0, 1, &[0; 16]);
    bench.call_with(Function::Recvmsg, &link, &[], |head| head.flags = socket_names::MSG_PEEK);
    bench.fail(Function::Recvmsg, 11);
    bench.hear(&[]);
    assert!(bench.rows("messages").is_empty());
    // Three messages of one sendmmsg are one call.
    for index in 0..3 {
        bench.call_with(Function::Sendmmsg, &link, &[], |head| head.index = index);
    }
    let row = bench.row("send", "RTM_NEWLINK");
    assert_eq!((&row["calls"], &row["messages"]), (&json!(1), &json!(3)));
    let calls = bench.rows("calls");
    let sendmmsg = calls.iter().find(|row| row["call"] == "sendmmsg").unwrap();
    assert_eq!(sendmmsg["calls"], 1);
}

#[test]
fn any_number_of_types_takes_bounded_memory() {
    let mut bench = Bench::new();
    for ty in 1000..3000 {
        bench.hear(&message(ty, 0, 1, &[]));
    }
    let rows = bench.rows("messages");
    assert!(rows.len() < 520, "{}", rows.len());
    let others = rows.iter().find(|row| row["protocol"].is_null()).unwrap();
    let sum: u64 = rows.iter().filter_map(|row| row["messages"].as_u64()).sum();
    assert_eq!((sum, &others["type"]), (2000, &Value::Null));
}

#[test]
fn datagrams_without_calls_are_counted_by_type() {
    let mut bench = Bench::new();
    let bytes = message(GETLINK, REQUEST, 1, &[0; 16]);
    let engine = Engine { registry: &bench.registry, names: &NoNames, requests: &bench.asks };
    let datagram = Datagram {
        protocol: 0,
        direction: Direction::Send,
        bytes: &bytes,
        record: 1,
        wanted: Wanted::All,
    };
    bench.summary.datagram(&engine, &datagram, &mut Vec::new());
    assert_eq!(bench.row("send", "RTM_GETLINK")["messages"], 1);
    assert!(bench.rows("calls").is_empty() && bench.rows("socket").is_empty());
}

#[test]
fn calls_are_counted_by_function() {
    let mut bench = Bench::new();
    bench.call_with(Function::Bind, &[], &samples::ADDRESS, |head| head.exit_ns += 5000);
    bench.hear(&[]);
    bench.hear(&[]);
    bench.fail(Function::Recvmsg, 11);
    let rows = bench.rows("calls");
    assert_eq!(
        rows[0],
        json!({"v": 1, "kind": "summary", "of": "calls", "call": "bind", "calls": 1,
            "time_ns": 5100, "errors": 0})
    );
    assert_eq!((&rows[1]["call"], &rows[1]["calls"]), (&json!("recvmsg"), &json!(3)));
    assert_eq!((&rows[1]["time_ns"], &rows[1]["errors"]), (&json!(300), &json!(1)));
    assert_eq!(rows[1]["by_error"], json!([{"name": "EAGAIN", "number": 11, "count": 1}]));
}

#[test]
fn losses_are_counted_by_process() {
    let mut bench = Bench::new();
    for key in 1..=300 {
        let mut process = bench.process.clone();
        (process.key, process.pid) = (key, u32::try_from(key).unwrap());
        bench.summary.lost(&process, 2, &mut Vec::new());
        bench.summary.lost(&process, key, &mut Vec::new());
    }
    let rows = bench.rows("lost");
    assert_eq!(rows.len(), 257);
    assert_eq!((&rows[0]["pid"], &rows[0]["count"]), (&json!(256), &json!(258)));
    let sum: u64 = (257..=300).map(|key| key + 2).sum();
    assert_eq!((&rows[256]["pid"], &rows[256]["count"]), (&Value::Null, &json!(sum)));
}

#[test]
fn what_stays_inside_libc_is_said() {
    assert_eq!(Function::Getifaddrs.kind(), Kind::Internal);
    let mut bench = Bench::new();
    for flags in [0, nlproto::function::CAUGHT, 0] {
        bench.call_with(Function::Getifaddrs, &[], &[], |head| (head.fd, head.flags) = (-1, flags));
    }
    let rows = bench.rows("unseen");
    assert_eq!((&rows[0]["call"], &rows[0]["count"]), (&json!("getifaddrs"), &json!(2)));
    assert_eq!(rows[0]["note"], "netlink inside libc, not captured");
    assert!(bench.rows("socket").is_empty());
    assert_eq!(bench.rows("calls")[0]["calls"], 3);
}
