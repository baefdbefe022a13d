//! Generic families that this kernel has: all that they say is named, and is what other programs read in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nltests::artefacts::artefacts;
use nltests::namespace::Namespace;
use nltests::programs::network;
use nltests::run::run;
use nltests::scratch::Scratch;
use nltests::{cannot_run, installed};
use serde_json::Value;

/// A run: what the programs printed, and their messages.
struct Said {
    out: String,
    messages: Vec<Value>,
}

impl Said {
    /// Runs a shell script with the viewer, if there are the program and the family that it needs.
    fn by(network: &Namespace, program: &str, family: &str, script: &str) -> Option<Self> {
        if !installed(&[program, "genl"]) {
            return None;
        }
        if run(network.command("genl").args(["ctrl", "get", "name", family])).status != 0 {
            cannot_run(&format!("this kernel has no family {family}"));
            return None;
        }
        let scratch = Scratch::new();
        let messages = scratch.path("messages");
        let options = ["-f", "json", "-o", messages.to_str().unwrap()];
        let mut command = network.command(&artefacts().nlview);
        command.args(options).args(["--", "sh", "-c", script]);
        let out = run(&mut command).out();
        let read = fs::read_to_string(messages).unwrap();
        let lines = read.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let messages = lines.filter(|line| line["kind"] == "message").collect();
        Some(Self { out, messages })
    }

    /// The messages of an operation.
    fn of<'s>(&'s self, operation: &'s str) -> impl Iterator<Item = &'s Value> {
        self.messages.iter().filter(move |message| message["operation"] == operation)
    }

    /// The first of them.
    fn first<'s>(&'s self, operation: &'s str) -> &'s Value {
        self.of(operation).next().unwrap_or_else(|| panic!("no {operation}: {}", self.out))
    }

    /// What a line of the output that begins so has behind that.
    fn line(&self, beginning: &str) -> &str {
        let mut lines = self.out.lines().map(str::trim);
        let found = lines.find_map(|line| line.strip_prefix(beginning)).map(str::trim);
        found.unwrap_or_else(|| panic!("no {beginning} in\n{}", self.out))
    }
}

/// The attributes of this name in a message or attribute.
fn attributes<'v>(within: &'v Value, name: &'v str) -> impl Iterator<Item = &'v Value> {
    let all = within["attrs"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(move |attribute| attribute["name"] == name)
}

/// The attribute at the end of a path of names.
fn at<'v>(message: &'v Value, path: &[&'v str]) -> &'v Value {
    path.iter().fold(message, |within, name| {
        attributes(within, name).next().unwrap_or_else(|| panic!("no {name} in {within}"))
    })
}

/// An attribute's number.
fn number(attribute: &Value) -> u64 {
    let number = attribute["raw"].as_u64().or_else(|| attribute["value"].as_u64());
    number.unwrap_or_else(|| panic!("no number: {attribute}"))
}

/// The bits of a bitset, which are written as one or one by one.
fn bits(set: &Value) -> BTreeSet<u64> {
    let bits = attributes(set, "ETHTOOL_A_BITSET_VALUE").next().map(|value| &value["value"]);
    bits.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect()
}

fn word(attribute: &Value) -> &str {
    attribute["value"].as_str().unwrap_or_else(|| panic!("no word: {attribute}"))
}

/// Nothing in the messages has no name, and nothing is odd.
#[track_caller]
fn assert_all_known(said: &Said, families: &[&str]) {
    fn unnamed(value: &Value) -> bool {
        match value {
            Value::Object(members) => {
                let has_type = members.contains_key("type") && !members.contains_key("kind");
                has_type && members.get("name") == Some(&Value::Null)
                    || members.iter().any(|(key, member)| key != "error" && unnamed(member))
            }
            Value::Array(items) => items.iter().any(unnamed),
            _ => false,
        }
    }
    for message in &said.messages {
        assert_eq!(message["issues"], Value::Array(Vec::new()), "{message}");
        let indexed = message["operation"].as_str().is_some_and(|name| name.starts_with("CTRL_"));
        assert!(indexed || !unnamed(&message["attrs"]), "{message}");
        if message["protocol"] == "NETLINK_GENERIC" && message["family"].is_string() {
            assert_ne!(message["operation"], Value::Null, "{message}");
        }
    }
    for family in families {
        let of_family = said.messages.iter().filter(|message| message["family"] == *family);
        assert!(of_family.count() > 1, "{family} said nothing: {}", said.out);
    }
}

#[test]
fn ethtool_says_the_features_that_are_shown() {
    let Some(network) = network() else { return };
    let Some(said) = Said::by(&network, "ethtool", "ethtool", "ethtool --json -k v0") else {
        return;
    };
    assert_all_known(&said, &["ethtool", "nlctrl"]);
    let path = [
        "ETHTOOL_A_STRSET_STRINGSETS",
        "ETHTOOL_A_STRINGSETS_STRINGSET",
        "ETHTOOL_A_STRINGSET_STRINGS",
    ];
    let sets = said.of("ETHTOOL_MSG_STRSET_GET_REPLY").find(|reply| {
        let id = at(reply, &[path[0], path[1], "ETHTOOL_A_STRINGSET_ID"]);
        id["value"] == "ETH_SS_FEATURES"
    });
    let names = at(sets.expect("the features' names"), &path);
    let names: BTreeMap<&str, u64> = attributes(names, "ETHTOOL_A_STRINGS_STRING")
        .map(|string| {
            let index = number(at(string, &["ETHTOOL_A_STRING_INDEX"]));
            (word(at(string, &["ETHTOOL_A_STRING_VALUE"])), index)
        })
        .collect();
    let reply = said.first("ETHTOOL_MSG_FEATURES_GET_REPLY");
    let set = |name| bits(at(reply, &[name]));
    let (hardware, wanted) = (set("ETHTOOL_A_FEATURES_HW"), set("ETHTOOL_A_FEATURES_WANTED"));
    let (active, fixed) = (set("ETHTOOL_A_FEATURES_ACTIVE"), set("ETHTOOL_A_FEATURES_NOCHANGE"));
    let printed: Value = serde_json::from_str(&said.out).unwrap();
    let mut compared = 0;
    for (name, state) in printed[0].as_object().unwrap() {
        let Some(bit) = names.get(name.as_str()) else { continue };
        assert_eq!(state["active"], active.contains(bit), "{name}");
        assert_eq!(state["requested"], wanted.contains(bit), "{name}");
        assert_eq!(state["fixed"], !hardware.contains(bit) || fixed.contains(bit), "{name}");
        compared += 1;
    }
    assert!(compared > 30, "only {compared} features");
}

#[test]
fn ethtool_says_the_link_that_is_shown() {
    let Some(network) = network() else { return };
    let Some(said) = Said::by(&network, "ethtool", "ethtool", "ethtool v0") else { return };
    assert_all_known(&said, &["ethtool"]);
    let modes = said.first("ETHTOOL_MSG_LINKMODES_GET_REPLY");
    let speed = number(at(modes, &["ETHTOOL_A_LINKMODES_SPEED"]));
    assert_eq!(said.line("Speed:"), format!("{speed}Mb/s"));
    let duplex = word(at(modes, &["ETHTOOL_A_LINKMODES_DUPLEX"]));
    assert_eq!(said.line("Duplex:").to_uppercase(), duplex.trim_start_matches("DUPLEX_"));
    let info = said.first("ETHTOOL_MSG_LINKINFO_GET_REPLY");
    assert_eq!(said.line("Port:"), "Twisted Pair");
    assert_eq!(word(at(info, &["ETHTOOL_A_LINKINFO_PORT"])), "PORT_TP");
    let address = number(at(info, &["ETHTOOL_A_LINKINFO_PHYADDR"]));
    assert_eq!(said.line("PHYAD:"), address.to_string());
    let state = said.first("ETHTOOL_MSG_LINKSTATE_GET_REPLY");
    let link = number(at(state, &["ETHTOOL_A_LINKSTATE_LINK"]));
    assert_eq!((said.line("Link detected:"), link), ("yes", 1));
}

#[test]
fn ethtool_says_the_channels_that_are_shown() {
    let Some(network) = network() else { return };
    let Some(said) = Said::by(&network, "ethtool", "ethtool", "ethtool -l v0") else { return };
    assert_all_known(&said, &["ethtool"]);
    let reply = said.first("ETHTOOL_MSG_CHANNELS_GET_REPLY");
    let (most, now) = said.out.split_once("Current").expect("both");
    for (printed, kind) in [(most, "MAX"), (now, "COUNT")] {
        for way in ["RX", "TX"] {
            let line = printed.lines().find_map(|line| line.strip_prefix(&format!("{way}:")));
            let name = format!("ETHTOOL_A_CHANNELS_{way}_{kind}");
            let said = attributes(reply, &name).next().map(number).expect("a number");
            assert_eq!(line.map(str::trim), Some(said.to_string().as_str()), "{name}");
        }
    }
}

#[test]
fn ethtool_says_the_time_stamps_that_are_shown() {
    let Some(network) = network() else { return };
    let Some(said) = Said::by(&network, "ethtool", "ethtool", "ethtool -T v0") else { return };
    assert_all_known(&said, &["ethtool"]);
    let path = ["ETHTOOL_A_TSINFO_TIMESTAMPING", "ETHTOOL_A_BITSET_BITS"];
    let bits = at(said.first("ETHTOOL_MSG_TSINFO_GET_REPLY"), &path);
    let named: Vec<&str> = attributes(bits, "ETHTOOL_A_BITSET_BITS_BIT")
        .map(|bit| word(at(bit, &["ETHTOOL_A_BITSET_BIT_NAME"])))
        .collect();
    let (_, after) = said.out.split_once("Capabilities:\n").expect("capabilities");
    let shown: Vec<&str> = after.lines().map_while(|line| line.strip_prefix('\t')).collect();
    assert_eq!(named, shown);
    assert!(named.contains(&"software-receive"), "{named:?}");
}

#[test]
fn ethtool_is_understood_whatever_it_asks() {
    let Some(network) = network() else { return };
    let script = "for option in -a -c -g -i -n -P -S -x --show-eee --show-fec --show-tunnels --show-priv-flags \
        --show-module --show-mm --get-plca-cfg --get-plca-status --show-pse '-S --all-groups' -m --cable-test; do
            for device in v0 br0 lo; do ethtool $option $device 2>&1; done
        done
        for set in '-K v0 gro on tso off' '-s v0 speed 100 duplex half' '-s v0 wol g' '-s v0 advertise 0x3f' \
            '-C v0 rx-usecs 5' '-L v0 rx 1 tx 1' '-G v0 rx 128' '-A v0 rx on' '-K v0 tx-checksum-sctp off'; do
            ethtool -$set 2>&1 || ethtool $set 2>&1
        done; ethtool nosuch 2>&1; true";
    let Some(said) = Said::by(&network, "ethtool", "ethtool", script) else { return };
    assert_all_known(&said, &["ethtool", "nlctrl"]);
    let operations: BTreeSet<&str> =
        said.messages.iter().filter_map(|message| message["operation"].as_str()).collect();
    assert!(operations.len() > 20, "{operations:?}");
}

#[test]
fn ethtool_is_told_of_changes() {
    let Some(network) = network() else { return };
    let script = "timeout 3 ethtool --monitor & sleep 1.5
        ethtool -L v0 rx 2 tx 2; ethtool -L v0 rx 1 tx 1; wait";
    let Some(said) = Said::by(&network, "ethtool", "ethtool", script) else { return };
    assert_all_known(&said, &["ethtool"]);
    let counts: Vec<u64> = said
        .of("ETHTOOL_MSG_CHANNELS_NTF")
        .map(|told| number(at(told, &["ETHTOOL_A_CHANNELS_RX_COUNT"])))
        .collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn endpoints_of_multipath_tcp_are_those_shown() {
    let Some(network) = network() else { return };
    let script = "ip mptcp endpoint add 192.0.2.1 dev v0 id 3 signal
        ip mptcp endpoint add 2001:db8::1 id 4 subflow backup
        ip -j mptcp endpoint";
    let Some(said) = Said::by(&network, "ip", "mptcp_pm", script) else { return };
    assert_all_known(&said, &["mptcp_pm"]);
    let printed: Value = serde_json::from_str(&said.out).unwrap();
    let answers = said.of("MPTCP_PM_CMD_GET_ADDR").filter(|message| message["dir"] == "receive");
    let answers: Vec<&Value> = answers.collect();
    assert_eq!(printed.as_array().map(Vec::len), Some(2), "{}", said.out);
    for (shown, answer) in printed.as_array().unwrap().iter().zip(&answers) {
        let endpoint = at(answer, &["MPTCP_PM_ATTR_ADDR"]);
        assert_eq!(shown["id"], number(at(endpoint, &["MPTCP_PM_ADDR_ATTR_ID"])));
        let address = if word(at(endpoint, &["MPTCP_PM_ADDR_ATTR_FAMILY"])) == "AF_INET" {
            at(endpoint, &["MPTCP_PM_ADDR_ATTR_ADDR4"])
        } else {
            at(endpoint, &["MPTCP_PM_ADDR_ATTR_ADDR6"])
        };
        assert_eq!(shown["address"], address["value"]);
        if let Some(device) = shown.get("dev") {
            assert_eq!(*device, at(endpoint, &["MPTCP_PM_ADDR_ATTR_IF_IDX"])["value"]);
        }
        let flags = at(endpoint, &["MPTCP_PM_ADDR_ATTR_FLAGS"])["value"].clone();
        for flag in ["signal", "subflow", "backup"] {
            let name = format!("MPTCP_PM_ADDR_FLAG_{}", flag.to_uppercase());
            let set = flags.as_array().unwrap().iter().any(|flag| *flag == *name);
            assert_eq!(shown.get(flag).is_some(), set, "{flag}: {shown}");
        }
    }
    assert_eq!(answers.len(), 2);
}

#[test]
fn limits_of_multipath_tcp_are_those_shown() {
    let Some(network) = network() else { return };
    let script = "ip mptcp limits set subflows 3 add_addr_accepted 2; ip mptcp limits
        ip mptcp endpoint add 192.0.2.1 id 3; ip mptcp endpoint change id 3 backup; ip mptcp endpoint delete id 9
        ip mptcp endpoint flush";
    let Some(said) = Said::by(&network, "ip", "mptcp_pm", script) else { return };
    assert_all_known(&said, &["mptcp_pm"]);
    let mut answers =
        said.of("MPTCP_PM_CMD_GET_LIMITS").filter(|message| message["dir"] == "receive");
    let answer = answers.next().expect("an answer");
    let accepted = number(at(answer, &["MPTCP_PM_ATTR_RCV_ADD_ADDRS"]));
    let subflows = number(at(answer, &["MPTCP_PM_ATTR_SUBFLOWS"]));
    assert_eq!(said.line("add_addr_accepted"), format!("{accepted} subflows {subflows}"));
    assert_eq!((accepted, subflows), (2, 3));
}

/// A connection, which leaves measurements of the way behind.
const CONNECTION: &str = "python3 -c '
import socket
server = socket.create_server((\"192.0.2.1\", 7))
one = socket.create_connection((\"192.0.2.1\", 7))
other, _ = server.accept()
for turn in range(20):
    one.send(bytes(3000)); other.recv(9999); other.send(b\"y\"); one.recv(9)
one.close(); other.close()'
";

#[test]
fn measured_ways_of_tcp_are_those_shown() {
    let Some(network) = network() else { return };
    let script = "ip -j tcp_metrics; ip tcp_metrics delete 192.0.2.1; ip tcp_metrics flush";
    if installed(&["python3"]) {
        network.script(CONNECTION);
    }
    let Some(said) = Said::by(&network, "ip", "tcp_metrics", script) else { return };
    assert_all_known(&said, &["tcp_metrics"]);
    let printed: Value = serde_json::from_str(said.out.lines().next().unwrap()).unwrap();
    let answers = said.of("TCP_METRICS_CMD_GET").filter(|message| message["dir"] == "receive");
    let printed = printed.as_array().unwrap();
    let mut compared = 0;
    for (shown, answer) in printed.iter().zip(answers) {
        assert_eq!(shown["dst"], at(answer, &["TCP_METRICS_ATTR_ADDR_IPV4"])["value"]);
        assert_eq!(shown["source"], at(answer, &["TCP_METRICS_ATTR_SADDR_IPV4"])["value"]);
        let values = at(answer, &["TCP_METRICS_ATTR_VALS"]);
        // The kernel keeps times in eighths and quarters of a microsecond.
        for (key, name, parts, unit) in [
            ("cwnd", "TCP_METRICS_A_METRICS_CWND", 1, 1.0),
            ("rtt", "TCP_METRICS_A_METRICS_RTT_US", 8, 1e-6),
            ("rttvar", "TCP_METRICS_A_METRICS_RTTVAR_US", 4, 1e-6),
        ] {
            let Some(shown) = shown[key].as_f64() else { continue };
            let said = (number(at(values, &[name])) / parts) as f64 * unit;
            assert!((shown - said).abs() < unit / 2.0, "{key}: {shown} and {said}");
            compared += 1;
        }
    }
    assert!(compared > 1 || !installed(&["python3"]), "{}", said.out);
}

#[test]
fn families_are_those_listed() {
    let Some(network) = network() else { return };
    let Some(said) = Said::by(&network, "genl", "nlctrl", "genl ctrl list") else { return };
    assert_all_known(&said, &["nlctrl"]);
    let said_families: BTreeMap<&str, String> = said
        .of("CTRL_CMD_NEWFAMILY")
        .map(|family| {
            let id = number(at(family, &["CTRL_ATTR_FAMILY_ID"]));
            (word(at(family, &["CTRL_ATTR_FAMILY_NAME"])), format!("{id:#x}"))
        })
        .collect();
    let mut names = said.out.lines().filter_map(|line| line.strip_prefix("Name: ")).map(str::trim);
    let ids = said.out.lines().filter_map(|line| line.trim().strip_prefix("ID: "));
    for id in ids {
        let name = names.next().expect("a name stands before an ID");
        let id = id.split_whitespace().next().unwrap();
        assert_eq!(said_families.get(name).map(String::as_str), Some(id), "{name}");
    }
    assert!(said_families.len() > 4, "{said_families:?}");
}

#[test]
fn operations_of_a_family_are_those_listed() {
    let Some(network) = network() else { return };
    let script = "genl ctrl get name ethtool; genl ctrl policy name ethtool >/dev/null";
    let Some(said) = Said::by(&network, "genl", "ethtool", script) else { return };
    assert_all_known(&said, &["nlctrl"]);
    let family = said.first("CTRL_CMD_NEWFAMILY");
    let operations = at(family, &["CTRL_ATTR_OPS"])["attrs"].as_array().unwrap();
    let said_ids: Vec<String> = operations
        .iter()
        .map(|operation| {
            let id = at(operation, &["CTRL_ATTR_OP_ID"]);
            assert!(word(id).starts_with("ETHTOOL_MSG_"), "{id}");
            format!("{:#x}", number(id))
        })
        .collect();
    let (shown, _) = said.out.split_once("multicast").expect("groups come after operations");
    let shown = shown.lines().filter_map(|line| line.split_once("ID-"));
    let shown: Vec<&str> = shown.map(|(_, id)| id.trim()).collect();
    assert!(shown.len() > 20, "{}", said.out);
    assert_eq!(said_ids[..shown.len()], shown[..]);
}

/// Asks netdev for everything, and prints what it reads itself: attributes' numbers and contents.
const NETDEV: &str = "python3 -c '
import socket, struct
s = socket.socket(16, 3, 16)
def attributes(body):
    at = 0
    while len(body) - at >= 4:
        size, kind = struct.unpack_from(\"=HH\", body, at)
        yield kind, body[at + 4:at + size]
        at += size + 3 & ~3
def ask(kind, flags, body):
    s.send(struct.pack(\"=IHHII\", 16 + len(body), kind, flags, 1, 0) + body)
    while True:
        got = s.recv(65536)
        while got:
            size, kind = struct.unpack_from(\"=IH\", got)
            if kind < 16 and kind != 16:
                return
            yield dict(attributes(got[20:size]))
            got = got[size + 3 & ~3:]
        if not flags & 0x300:
            return
number = lambda b: int.from_bytes(b, \"little\")
for family in ask(16, 1, struct.pack(\"=BBHHH\", 3, 1, 0, 11, 2) + b\"netdev\" + bytes(2)):
    netdev = number(family[1])
for command, name in [(1, \"DEV\"), (10, \"QUEUE\")]:
    for got in ask(netdev, 0x301, bytes([command, 1, 0, 0])):
        print(name, *(f\"{kind}={number(value)}\" for kind, value in got.items()))
for command in [5, 9, 11, 12, 13]:
    list(ask(netdev, 0x301, bytes([command, 1, 0, 0])))
list(ask(netdev, 1, struct.pack(\"=BBHHHIHHIHHI\", 10, 1, 0, 8, 1, 1, 8, 2, 1 << 30, 8, 3, 0)))
'";

#[test]
fn devices_and_queues_are_those_that_python_reads() {
    let Some(network) = network() else { return };
    let Some(said) = Said::by(&network, "python3", "netdev", NETDEV) else { return };
    assert_all_known(&said, &["netdev"]);
    let printed = &said.out;
    for (operation, name, least) in
        [("NETDEV_CMD_DEV_GET", "DEV", 4), ("NETDEV_CMD_QUEUE_GET", "QUEUE", 6)]
    {
        let answers = said.of(operation).filter(|message| message["dir"] == "receive");
        let said: Vec<String> = answers
            .map(|answer| {
                let attributes = answer["attrs"].as_array().unwrap().iter();
                let numbers = attributes.map(|a| format!("{}={}", a["type"], number(a)));
                [vec![name.to_owned()], numbers.collect()].concat().join(" ")
            })
            .collect();
        let shown: Vec<&str> = printed.lines().filter(|line| line.starts_with(name)).collect();
        assert_eq!(said, shown);
        assert!(said.len() >= least, "{said:?}");
    }
}
