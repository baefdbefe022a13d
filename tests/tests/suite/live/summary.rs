//! Summaries of what real programs say.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nltests::artefacts::artefacts;
use nltests::installed;
use nltests::namespace::Namespace;
use nltests::programs::Program;
use nltests::run::{PATIENCE, nlview, run, shell_status};
use nltests::scratch::Scratch;
use serde_json::Value;

use super::traced;

/// Links that are made, one that is there already, one of no kind, and one that is too small.
const LINKS: Program = Program {
    program: "sh",
    arguments: &[
        "-c",
        "ip link add v0 type veth; ip link add v0 type veth; ip link add x0 type nosuchkind; \
         ip link set v0 mtu 60000000; ip link show dev v0 >/dev/null; true",
    ],
};

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The row of requests of a type.
fn request<'r>(rows: &'r [Value], ty: &str) -> &'r Value {
    let is_it = |row: &&Value| row["of"] == "messages" && row["type"] == ty && row["dir"] == "send";
    rows.iter().find(is_it).unwrap_or_else(|| panic!("no {ty} in {rows:#?}"))
}

fn errors(row: &Value) -> Vec<(&str, u64)> {
    let kinds = row["by_error"].as_array().map_or(&[][..], Vec::as_slice);
    let count = |kind: &Value| kind["count"].as_u64().expect("a number");
    kinds.iter().map(|k| (k["name"].as_str().expect("a name"), count(k))).collect()
}

#[test]
fn errors_and_latencies_stand_with_the_requests() {
    let Some(namespace) = Namespace::new().filter(|_| installed(&["ip"])) else { return };
    let out = run(&mut traced(&namespace, &["-c", "-f", "json"], &LINKS)).expect(0);
    let said = out.err();
    // The program's own words stay where they were.
    let (own, ours): (Vec<&str>, Vec<&str>) = said.lines().partition(|l| !l.starts_with('{'));
    assert!(own.iter().any(|line| line.contains("File exists")), "{said}");
    let rows = rows(&ours.join("\n"));
    let new = request(&rows, "RTM_NEWLINK");
    let failed = errors(new);
    assert!(failed.contains(&("EEXIST", 1)), "{new}");
    assert_eq!(new["errors"].as_u64(), Some(failed.iter().map(|(_, count)| count).sum()));
    for ty in ["RTM_NEWLINK", "RTM_GETLINK"] {
        let latency = &request(&rows, ty)["latency"];
        let ns = ["min_ns", "median_ns", "p99_ns", "max_ns"].map(|key| latency[key].as_u64());
        let ns = ns.map(|ns| ns.unwrap_or_else(|| panic!("no number in {latency}")));
        assert!(ns[0] > 0 && ns.is_sorted(), "{latency}");
    }
    let sum = |of: &str, key: &str| -> u64 {
        rows.iter().filter(|row| row["of"] == of).filter_map(|row| row[key].as_u64()).sum()
    };
    assert!(sum("messages", "messages") > 8 && sum("messages", "bytes") > 400);
    let sends = rows.iter().filter(|row| row["of"] == "calls" && row["time_ns"].as_u64() > Some(0));
    assert!(sends.count() > 3, "{rows:#?}");
    let sockets: Vec<&Value> = rows.iter().filter(|row| row["of"] == "socket").collect();
    assert!(sockets.iter().all(|socket| socket["comm"] == "ip"), "{sockets:#?}");
    let has_acks = |socket: &&&Value| {
        let options = socket["options"].as_array().map_or(&[][..], Vec::as_slice);
        options.iter().any(|option| option["option"] == "NETLINK_EXT_ACK")
    };
    assert!(sockets.iter().any(|socket| has_acks(&socket)), "{sockets:#?}");
}

#[test]
fn tables_follow_the_messages() {
    let Some(namespace) = Namespace::new().filter(|_| installed(&["ip"])) else { return };
    let said = run(&mut traced(&namespace, &["-C"], &LINKS)).expect(0).err();
    let (messages, summary) = said.split_once("\nMessages ").expect("a table");
    assert!(messages.contains("IFLA_IFNAME") && messages.ends_with("ends\n"), "{said}");
    for wanted in ["ROUTE ▶ RTM_NEWLINK", "EEXIST 1", "\nCalls ", "\nSockets ", "fastest"] {
        assert!(summary.contains(wanted), "{wanted} is not in\n{summary}");
    }
    assert!(!summary.contains("IFLA_IFNAME"), "{summary}");
}

#[track_caller]
fn wait_for(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "no {what} in time");
        sleep(Duration::from_millis(5));
    }
}

fn interrupt(pid: u32) {
    let _out = run(Command::new("kill").args(["-INT", &pid.to_string()])).expect(0);
}

#[test]
fn a_listener_sums_up_when_it_is_interrupted() {
    let Some(namespace) = Namespace::new().filter(|_| installed(&["ip"])) else { return };
    let scratch = Scratch::new();
    let (socket, said) = (scratch.path("s"), scratch.path("out"));
    let mut viewer = nlview()
        .arg(format!("--listen={}", socket.display()))
        .args([Path::new("-c"), "-fjson".as_ref(), "-o".as_ref(), &said])
        .stdin(Stdio::null())
        .spawn()
        .expect("nlview runs");
    wait_for("socket", || socket.exists());
    for _ in 0..2 {
        let mut ip = namespace.command("ip");
        ip.args(["link", "show", "nosuch"]);
        ip.env("LD_PRELOAD", &artefacts().nlhook).env("NLHOOK_SOCKET", &socket);
        let _out = run(&mut ip).expect(1);
    }
    assert_eq!(fs::read_to_string(&said).unwrap_or_default(), "");
    interrupt(viewer.id());
    assert_eq!(shell_status(viewer.wait().expect("a child can be waited for")), 0);
    let rows = rows(&fs::read_to_string(&said).expect("what it wrote"));
    let get = request(&rows, "RTM_GETLINK");
    assert!(errors(get).iter().any(|(name, count)| *name == "ENODEV" && *count >= 2), "{get}");
}

#[test]
fn what_was_read_is_summed_up_when_the_reader_is_interrupted() {
    let Some(namespace) = Namespace::new().filter(|_| installed(&["ip"])) else { return };
    let scratch = Scratch::new();
    let (capture, said) = (scratch.path("x.nlcap"), scratch.path("out"));
    let options = ["-w", capture.to_str().expect("a path"), "-o", "/dev/null"];
    let _out = run(&mut traced(&namespace, &options, &LINKS)).expect(0);
    let mut bytes = fs::read(&capture).expect("a capture");
    // The last record never comes.
    bytes.truncate(bytes.len() - 3);
    let mut viewer = nlview()
        .args([Path::new("-C"), "-r-".as_ref(), "-o".as_ref(), &said])
        .stdin(Stdio::piped())
        .spawn()
        .expect("nlview runs");
    let mut stdin = viewer.stdin.take().expect("it is piped");
    stdin.write_all(&bytes).expect("it reads");
    // It has read all when it has shown what it can.
    let shown = || fs::read_to_string(&said).unwrap_or_default();
    wait_for("RTM_GETLINK", || shown().contains("RTM_GETLINK"));
    interrupt(viewer.id());
    sleep(Duration::from_millis(50));
    drop(stdin);
    let status = shell_status(viewer.wait().expect("a child can be waited for"));
    assert!(status == 0 || status == 1, "{status}");
    assert!(shown().contains("\nMessages "), "{}", shown());
}
