//! Generic families of this kernel that have no specs of its own: what is shown is what `/proc` and other
//! programs say, all of it has a name, and nothing is odd.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nltests::artefacts::artefacts;
use nltests::programs::network;
use nltests::run::{plain_surroundings, replay, run};
use nltests::scratch::Scratch;
use nltests::{cannot_run, installed, root};
use serde_json::Value;

/// A run: what the program printed, and its messages.
struct Said {
    out: String,
    messages: Vec<Value>,
}

impl Said {
    /// Runs a shell script with the viewer, where `before` starts programs.
    fn by(before: &mut Command, script: &str) -> Self {
        let scratch = Scratch::new();
        let lines = scratch.path("lines");
        before.args(["-f", "json", "-o", lines.to_str().unwrap(), "--", "sh", "-c", script]);
        let out = run(before.env("GENL", root().join("tests/clients/genl.py")));
        let read = fs::read_to_string(lines).unwrap_or_else(|error| panic!("{error}: {out:?}"));
        let lines = read.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let messages: Vec<_> = lines.filter(|line| line["kind"] == "message").collect();
        for message in &messages {
            assert_eq!(message["issues"], Value::Array(Vec::new()), "{message}");
            assert!(message["family"].is_string() || message["error"].is_object(), "{message}");
            assert_named(&message["attrs"], message);
        }
        Self { out: out.out(), messages }
    }

    /// The messages of an operation that came from the kernel.
    fn answers(&self, operation: &str) -> Vec<&Value> {
        let is = |m: &&Value| m["operation"] == operation && m["dir"] == "receive";
        self.messages.iter().filter(is).collect()
    }
}

/// Every attribute that is no array's element has a name.
fn assert_named(attrs: &Value, message: &Value) {
    for attr in attrs.as_array().into_iter().flatten() {
        let elements = attr["attrs"].as_array().into_iter().flatten();
        let named = attr["name"].is_string() || attr["attrs"].is_array();
        assert!(named, "{attr} in {message}");
        elements.for_each(|inner| assert_named(&Value::Array(vec![inner.clone()]), message));
    }
}

/// The viewer where the tests run themselves: some families are in the first network namespace only.
fn here() -> Command {
    let mut command = Command::new(&artefacts().nlview);
    plain_surroundings(&mut command);
    command
}

/// Whether this kernel has these families here and lets us ask them.
fn available(families: &[&str]) -> bool {
    if !installed(&["python3", "genl"]) {
        return false;
    }
    let list = run(Command::new("genl").args(["ctrl", "list"])).out();
    for family in families {
        if !list.lines().any(|line| line.trim() == format!("Name: {family}")) {
            cannot_run(&format!("this kernel has no family {family} here"));
            return false;
        }
    }
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        cannot_run("only root may ask these families");
    }
    is_root
}

/// The attribute at the end of a path of names.
fn at<'v>(within: &'v Value, path: &[&str]) -> &'v Value {
    path.iter().fold(within, |within, name| {
        let attrs = within["attrs"].as_array().map(Vec::as_slice).unwrap_or_default();
        attrs
            .iter()
            .find(|attr| attr["name"] == *name)
            .unwrap_or_else(|| panic!("no {name}: {within}"))
    })
}

/// The number that is on the wire.
fn number(node: &Value) -> i64 {
    let number = node["raw"].as_i64().or_else(|| node["value"].as_i64());
    number.unwrap_or_else(|| panic!("no number: {node}"))
}

/// A struct's member.
fn field<'v>(node: &'v Value, name: &str) -> &'v Value {
    let fields = node["fields"].as_array().unwrap_or_else(|| panic!("no struct: {node}"));
    fields.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("no {name}: {node}"))
}

/// A process that is ended with the value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// `NAME: VALUE` lines of a file of `/proc`, the first word of each value.
fn lines(pid: u32, file: &str) -> BTreeMap<String, i64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    let numbers = pairs.filter_map(|(name, value)| {
        Some((name.to_owned(), value.split_whitespace().next()?.parse().ok()?))
    });
    numbers.collect()
}

#[test]
fn taskstats_say_what_proc_says() {
    if !available(&["TASKSTATS"]) {
        return;
    }
    let work = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; cat /etc/services >/dev/null; \
                echo ready; read forever";
    let mut command = Command::new("nice");
    command.args(["-n", "5", "sh", "-c", work]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let mut ready = [0; 6];
    std::io::Read::read_exact(process.0.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let pid = process.0.id();
    // Until it waits, so that its counters stand still.
    std::thread::sleep(Duration::from_millis(300));
    let said = Said::by(&mut here(), &format!("python3 $GENL TASKSTATS 1 1:u32:{pid}"));
    let answers = said.answers("TASKSTATS_CMD_NEW");
    let aggregate = at(answers[0], &["TASKSTATS_TYPE_AGGR_PID"]);
    assert_eq!(number(at(aggregate, &["TASKSTATS_TYPE_PID"])), i64::from(pid));
    let stats = at(aggregate, &["TASKSTATS_TYPE_STATS"]);
    let member = |name: &str| number(field(stats, name));

    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, after) = stat.rsplit_once(')').unwrap();
    // Counted from the third, the state.
    let after: Vec<&str> = after.split_whitespace().collect();
    let of_stat = |number: usize| after[number - 3].parse::<i64>().unwrap();
    let status = lines(pid, "status");
    let io = lines(pid, &format!("task/{pid}/io"));
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert_eq!(field(stats, "ac_comm")["value"], comm.trim());
    assert_eq!(member("ac_pid"), i64::from(pid));
    assert_eq!(member("ac_ppid"), of_stat(4));
    assert_eq!(member("ac_nice"), of_stat(19));
    assert_eq!(member("ac_uid"), status["Uid"]);
    assert_eq!(member("ac_minflt"), of_stat(10));
    assert_eq!(member("ac_majflt"), of_stat(12));
    assert_eq!(member("nvcsw"), status["voluntary_ctxt_switches"]);
    assert_eq!(member("nivcsw"), status["nonvoluntary_ctxt_switches"]);
    // Pages are counted by processor, and summed up more or less exactly.
    assert!((member("hiwater_rss") - status["VmHWM"]).abs() <= 1024, "{stats}");
    assert_eq!(member("hiwater_vm"), status["VmPeak"]);
    for (name, of_io) in [
        ("read_char", "rchar"),
        ("write_char", "wchar"),
        ("read_syscalls", "syscr"),
        ("write_syscalls", "syscw"),
        ("read_bytes", "read_bytes"),
        ("write_bytes", "write_bytes"),
    ] {
        // In whole units of 1024, even calls.
        assert_eq!(member(name), io[of_io] & !1023, "{name}");
    }
    let sched = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    let sched: Vec<i64> = sched.split_whitespace().map(|n| n.parse().unwrap()).collect();
    let times = ["cpu_run_virtual_total", "cpu_delay_total", "cpu_count"].map(member);
    assert_eq!(times.as_slice(), sched, "run, waited, and how often");
}

#[test]
fn taskstats_tell_of_a_process_that_ends() {
    if !available(&["TASKSTATS"]) {
        return;
    }
    let script = "python3 - <<'E'\n\
        import os, sys\n\
        sys.path.insert(0, os.path.dirname(os.environ['GENL']))\n\
        from genl import *\n\
        s = socket.socket(16, 3, 16); s.bind((0, 0))\n\
        f = resolve(s, 'TASKSTATS')\n\
        cpus = b'0-%d\\0' % (os.cpu_count() - 1)\n\
        list(ask(s, f, 1, 1, 4, attr(3, cpus)))\n\
        child = os.fork()\n\
        child or os._exit(3)\n\
        while struct.pack('=I', child) not in s.recv(9999): pass\n\
        print(child)\nE";
    let said = Said::by(&mut here(), script);
    let child: i64 = said.out.trim().parse().unwrap_or_else(|_| panic!("{}", said.out));
    let told = said.answers("TASKSTATS_CMD_NEW");
    let of_child = told.iter().map(|message| at(message, &["TASKSTATS_TYPE_AGGR_PID"]));
    let of_child = of_child
        .filter(|aggregate| number(at(aggregate, &["TASKSTATS_TYPE_PID"])) == child)
        .map(|aggregate| at(aggregate, &["TASKSTATS_TYPE_STATS"]))
        .next()
        .unwrap_or_else(|| panic!("nothing of {child}"));
    assert_eq!(number(field(of_child, "ac_exitcode")), 3 << 8);
    let flags = &field(of_child, "ac_flag")["value"];
    assert!(flags.as_array().unwrap().contains(&Value::from("AFORK")), "{flags}");
}

#[test]
fn thermal_zones_are_those_of_sysfs() {
    if !available(&["thermal"]) {
        return;
    }
    let said = Said::by(&mut here(), "python3 $GENL thermal 1+dump; python3 $GENL thermal 6+dump");
    let of_sysfs = |beginning: &str| -> BTreeMap<i64, String> {
        let entries = fs::read_dir("/sys/class/thermal").into_iter().flatten().flatten();
        let named = entries.filter_map(|entry| {
            let id = entry.file_name().to_str()?.strip_prefix(beginning)?.parse().ok()?;
            Some((id, fs::read_to_string(entry.path().join("type")).ok()?.trim().to_owned()))
        });
        named.collect()
    };
    for (operation, nest, beginning) in [
        ("THERMAL_GENL_CMD_TZ_GET_ID", "THERMAL_GENL_ATTR_TZ", "thermal_zone"),
        ("THERMAL_GENL_CMD_CDEV_GET", "THERMAL_GENL_ATTR_CDEV", "cooling_device"),
    ] {
        let answers = said.answers(operation);
        assert!(!answers.is_empty(), "{operation}: {}", said.out);
        let mut found = BTreeMap::new();
        for answer in answers {
            let attrs = at(answer, &[nest])["attrs"].as_array().cloned().unwrap_or_default();
            for pair in attrs.chunks(2) {
                found.insert(number(&pair[0]), pair[1]["value"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(found, of_sysfs(beginning), "{operation}");
    }
}

/// What the client printed of an attribute: the number in its bytes, for each message.
fn printed(out: &str, attr: u32) -> Vec<i64> {
    let prefix = format!("{attr} ");
    let bytes = out.lines().filter_map(|line| line.strip_prefix(&prefix));
    bytes
        .map(|hex| {
            let digits = (0..hex.len()).step_by(2).rev().map(|at| &hex[at..at + 2]);
            i64::from_str_radix(&digits.collect::<String>(), 16).unwrap()
        })
        .collect()
}

#[test]
fn netlabel_says_what_another_client_reads() {
    if !available(&["NLBL_MGMT", "NLBL_UNLBL", "NLBL_CIPSOv4", "NLBL_CALIPSO"]) {
        return;
    }
    let ask = |what: &str| Said::by(&mut here(), &format!("python3 $GENL {what}"));
    let said = ask("NLBL_MGMT 8/3");
    let version = at(said.answers("NLBL_MGMT_C_VERSION")[0], &["NLBL_MGMT_A_VERSION"]);
    assert_eq!([number(version)].as_slice(), printed(&said.out, 3));
    let said = ask("NLBL_MGMT 7/3+dump");
    let protocols = said.answers("NLBL_MGMT_C_PROTOCOLS");
    let protocols: Vec<_> = protocols.iter().map(|p| at(p, &["NLBL_MGMT_A_PROTOCOL"])).collect();
    let numbers: Vec<_> = protocols.iter().map(|p| number(p)).collect();
    assert_eq!(numbers, printed(&said.out, 2));
    assert!(protocols.iter().all(|p| p["value"].as_str().unwrap().starts_with("NETLBL_NLTYPE_")));
    let said = ask("NLBL_UNLBL 2/3");
    let accept = at(said.answers("NLBL_UNLABEL_C_LIST")[0], &["NLBL_UNLABEL_A_ACPTFLG"]);
    assert_eq!([number(accept)].as_slice(), printed(&said.out, 1));
    for what in ["NLBL_MGMT 3/3+dump", "NLBL_CIPSOv4 4/3+dump", "NLBL_CALIPSO 4/3+dump"] {
        let said = ask(what);
        let sent = said.messages.iter().filter(|m| m["dir"] == "send");
        assert_eq!(sent.filter(|m| m["operation"].is_string()).count(), 2, "{what}");
    }
}

#[test]
fn segment_routing_says_what_ip_says() {
    let Some(network) = network() else { return };
    if !available(&["SEG6"]) {
        return;
    }
    let script = "ip sr tunsrc set 2001:db8::77; ip sr tunsrc show; \
                  python3 $GENL SEG6 1 3:u32:17 4:hex:6b6579 5:u8:3 6:u8:2; ip sr hmac show";
    let said = Said::by(&mut network.command(&artefacts().nlview), script);
    let source = &at(said.answers("SEG6_CMD_GET_TUNSRC")[0], &["SEG6_ATTR_DST"])["value"];
    assert!(
        said.out.contains(&format!("tunsrc addr {}\n", source.as_str().unwrap())),
        "{}",
        said.out
    );
    let key = said.answers("SEG6_CMD_DUMPHMAC");
    assert_eq!(number(at(key[0], &["SEG6_ATTR_HMACKEYID"])), 17);
    assert_eq!(at(key[0], &["SEG6_ATTR_ALGID"])["value"], "SEG6_HMAC_ALGO_SHA256");
    assert_eq!(at(key[0], &["SEG6_ATTR_SECRET"])["secret"], 3, "key material is not shown");
    let line = said.out.lines().find(|line| line.starts_with("hmac 17 ")).unwrap_or_default();
    assert!(line.contains("sha256"), "{}", said.out);
}

#[test]
fn in_situ_oam_says_what_ip_says() {
    let Some(network) = network() else { return };
    if !available(&["IOAM6"]) {
        return;
    }
    let script = "ip ioam namespace add 5 data 0xdeadbeef wide 0xcafe; ip ioam schema add 7 hello; \
                  ip ioam namespace set 5 schema 7; ip ioam namespace show; ip ioam schema show";
    let said = Said::by(&mut network.command(&artefacts().nlview), script);
    let space = said.answers("IOAM6_CMD_DUMP_NAMESPACES")[0];
    let expected = format!(
        "namespace {} [schema {}], data 0x{:08x}, wide 0x{:016x}",
        number(at(space, &["IOAM6_ATTR_NS_ID"])),
        number(at(space, &["IOAM6_ATTR_SC_ID"])),
        number(at(space, &["IOAM6_ATTR_NS_DATA"])),
        number(at(space, &["IOAM6_ATTR_NS_DATA_WIDE"])),
    );
    assert!(said.out.contains(&expected), "{expected}\n{}", said.out);
    let schema = said.answers("IOAM6_CMD_DUMP_SCHEMAS")[0];
    let raw = at(schema, &["IOAM6_ATTR_SC_DATA"])["raw"].as_str().unwrap();
    let bytes: String =
        (0..raw.len()).step_by(2).map(|at| format!(" {}", &raw[at..at + 2])).collect();
    assert!(said.out.contains(&format!("data:{bytes}")), "{bytes}\n{}", said.out);
}

/// Multicast groups as genl(8) lists them: number, and `FAMILY/GROUP`.
fn groups() -> BTreeSet<(i64, String)> {
    let list = run(Command::new("genl").args(["ctrl", "list"])).out();
    let mut family = "";
    let mut groups = BTreeSet::new();
    for line in list.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("Name: ") {
            family = name;
        }
        if let Some((id, name)) =
            line.split_once("ID-0x").and_then(|(_, g)| g.split_once("  name: "))
        {
            groups.insert((
                i64::from_str_radix(id, 16).unwrap(),
                format!("{family}/{}", name.trim()),
            ));
        }
    }
    groups
}

#[test]
fn multicast_groups_have_the_names_that_genl_lists() {
    if !available(&["nlctrl"]) {
        return;
    }
    let expected = groups();
    assert!(expected.contains(&(16, "nlctrl/notify".to_owned())), "{expected:?}");
    let scratch = Scratch::new();
    let capture = scratch.path("x.nlcap");
    let script = format!(
        "import socket\ns = socket.socket(16, 3, 16)\nfor g in {:?}: s.setsockopt(270, 1, g)\n",
        expected.iter().map(|(id, _)| id).collect::<Vec<_>>()
    );
    let options = ["-f", "json", "-w", capture.to_str().unwrap(), "-o", "-"];
    let live = run(here().args(options).args(["--", "python3", "-c", &script])).out();
    let found = |text: &str| -> BTreeSet<(i64, String)> {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let joins = lines.filter(|line| line["option"] == "NETLINK_ADD_MEMBERSHIP");
        joins
            .map(|line| {
                let name = line["group_name"].as_str().unwrap_or_else(|| panic!("{line}"));
                (line["value"].as_i64().unwrap(), name.to_owned())
            })
            .collect()
    };
    assert_eq!(found(&live), expected);
    // A replay does not ask the kernel.
    assert_eq!(found(&replay(&capture, "json", &[]).expect(0).out()), expected);
    let strace = replay(&capture, "strace", &[]).expect(0).out();
    assert!(strace.contains("[16 /* nlctrl/notify */]"), "{strace}");
}
