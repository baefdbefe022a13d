//! Why the kernel refused what real programs asked: the place in the request, the value there, its
//! limits, what is missing, the kernel's words.

use std::collections::HashMap;
use std::fs;

use nltests::artefacts::artefacts;
use nltests::namespace::Namespace;
use nltests::run::run;
use nltests::scratch::Scratch;
use serde_json::{Value, json};

use super::decoded::{Trace, trace};

const NETWORK: &str = "
ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02
ip link add br0 address 02:00:00:00:00:03 type bridge
ip link set v1 master br0
ip link set v0 up
ip link set v1 up
ip address add 192.0.2.1/24 dev v0
tc qdisc add dev v0 root handle 1: htb
nft add table inet t
nft add chain inet t c
nft add set inet t s '{ type ipv4_addr; }'
";

/// What is said of a refusal.
struct Refusal {
    command: &'static str,
    protocol: &'static str,
    error: &'static str,
    /// What the kernel's words contain; nothing where it says none.
    words: &'static str,
    /// The path, and the value at its end.
    place: &'static str,
    value: fn() -> Value,
    /// Names and values of what the request is about.
    about: &'static [(&'static str, &'static str)],
}

const fn refusal(command: &'static str, error: &'static str) -> Refusal {
    let (protocol, words, place) = ("NETLINK_ROUTE", "", "");
    Refusal { command, protocol, error, words, place, value: || Value::Null, about: &[] }
}

impl Refusal {
    const fn words(mut self, words: &'static str) -> Self {
        self.words = words;
        self
    }

    const fn over(mut self, protocol: &'static str) -> Self {
        self.protocol = protocol;
        self
    }

    const fn at(mut self, place: &'static str, value: fn() -> Value) -> Self {
        self.place = place;
        self.value = value;
        self
    }

    const fn about(mut self, about: &'static [(&'static str, &'static str)]) -> Self {
        self.about = about;
        self
    }
}

/// Commands that fail, each for a reason of its own.
const REFUSALS: &[Refusal] = &[
    refusal("ip link set v0 mtu 60000000", "EINVAL")
        .words("mtu greater than device maximum")
        .about(&[("ifi_index", "v0")]),
    refusal("ip link add zz type nonsense", "EOPNOTSUPP")
        .words("Unknown device type")
        .about(&[("IFLA_IFNAME", "zz"), ("IFLA_INFO_KIND", "nonsense")]),
    refusal("ip link set v1 type bridge_slave priority 9999", "ERANGE")
        .about(&[("ifi_index", "v1"), ("IFLA_INFO_KIND", "bridge_slave")]),
    refusal("ip address add 192.0.2.1/24 dev v0", "EEXIST")
        .about(&[("ifa_index", "v0"), ("IFA_LOCAL", "192.0.2.1")]),
    refusal("ip route add 198.51.100.0/24 via 203.0.113.9", "ENETUNREACH")
        .words("Nexthop has invalid gateway")
        .about(&[("RTA_DST", "198.51.100.0"), ("RTA_GATEWAY", "203.0.113.9")]),
    refusal("ip route add 198.51.100.1/24 dev v0", "EINVAL")
        .words("Invalid prefix for given prefix length")
        .about(&[("RTA_DST", "198.51.100.1")]),
    refusal("ip neighbour add 192.0.2.9 dev v0", "EINVAL")
        .about(&[("ndm_ifindex", "v0"), ("NDA_DST", "192.0.2.9")]),
    refusal("ip rule del priority 77", "ENOENT").about(&[]),
    refusal("ip nexthop add id 2 group 77/78", "EINVAL").words("Invalid nexthop id"),
    refusal("tc qdisc add dev v0 root nonsense", "ENOENT")
        .words("qdisc kind is unknown")
        .about(&[("tcm_ifindex", "v0"), ("TCA_KIND", "nonsense")]),
    refusal("tc class add dev v0 parent 1: classid 2:1 htb rate 1mbit", "EINVAL")
        .about(&[("TCA_KIND", "htb")]),
    refusal("tc filter add dev v0 parent 5: protocol ip matchall", "EINVAL")
        .words("Parent Qdisc doesn't exist")
        .about(&[("TCA_KIND", "matchall")]),
    refusal("nft add rule inet nosuch c accept", "ENOENT")
        .over("NETLINK_NETFILTER")
        .at("NFTA_RULE_TABLE", || json!({"value": "nosuch"})),
    refusal("nft delete chain inet t nosuch", "ENOENT")
        .over("NETLINK_NETFILTER")
        .at("NFTA_CHAIN_NAME", || json!({"value": "nosuch"})),
    refusal("nft add rule inet t c jump nosuch", "ENOENT").over("NETLINK_NETFILTER").at(
        "NFTA_RULE_EXPRESSIONS NFTA_LIST_ELEM",
        || json!({"attrs": [{"name": "NFTA_EXPR_NAME", "type": 1, "value": "immediate"}]}),
    ),
    refusal("nft add element inet t s '{ 192.0.2.4 timeout 5s }'", "EINVAL")
        .over("NETLINK_NETFILTER")
        .at("NFTA_SET_ELEM_LIST_ELEMENTS 1", || json!({})),
    refusal("ethtool -L v0 combined 9999", "EINVAL")
        .over("NETLINK_GENERIC")
        .words("exceeds maximum")
        .at("ETHTOOL_A_CHANNELS_COMBINED_COUNT", || json!({"value": 9999})),
    refusal("ethtool -K v0 nosuch on", "EOPNOTSUPP")
        .over("NETLINK_GENERIC")
        .words("bit name not found")
        .at(
            "ETHTOOL_A_FEATURES_WANTED ETHTOOL_A_BITSET_BITS ETHTOOL_A_BITSET_BITS_BIT \
             ETHTOOL_A_BITSET_BIT_NAME",
            || json!({"value": "nosuch"}),
        ),
    refusal("ethtool -a nosuch0", "ENODEV")
        .over("NETLINK_GENERIC")
        .words("no device matches name")
        .at("ETHTOOL_A_PAUSE_HEADER ETHTOOL_A_HEADER_DEV_NAME", || json!({"value": "nosuch0"})),
    refusal("genl ctrl get name nosuch", "ENOENT")
        .over("NETLINK_GENERIC")
        .about(&[("CTRL_ATTR_FAMILY_NAME", "nosuch")]),
    refusal("bridge vlan add dev v1 vid 4095", "EINVAL")
        .words("Vlan id is invalid")
        .about(&[("ifi_index", "v1")]),
    refusal("bridge fdb add 02:00:00:00:00:77 dev v0 vlan 4095", "EINVAL")
        .words("invalid vlan id")
        .about(&[("ndm_ifindex", "v0"), ("NDA_LLADDR", "02:00:00:00:00:77")]),
    refusal("bridge mdb add dev br0 port v1 grp 192.0.2.4", "EINVAL").words("not multicast"),
];

/// The programs must be there: without them nothing would be known of what they are refused.
fn network() -> Option<Namespace> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    for program in ["ip", "tc", "nft", "ethtool", "genl", "bridge", "python3"] {
        let is_there =
            path.split(':').any(|folder| fs::exists(format!("{folder}/{program}")).unwrap());
        assert!(is_there, "{program} is not installed, so its refusals cannot be explained");
    }
    let network = Namespace::new()?;
    network.script(NETWORK);
    Some(network)
}

fn explained(trace: &Trace) -> impl DoubleEndedIterator<Item = &Value> {
    trace.messages.iter().filter(|m| m["explanation"].is_object())
}

/// A path as words.
fn path(explanation: &Value) -> String {
    let crumbs = explanation["path"].as_array().into_iter().flatten();
    let word = |crumb: &Value| crumb.as_str().map_or_else(|| crumb.to_string(), str::to_owned);
    crumbs.map(word).collect::<Vec<_>>().join(" ")
}

/// Whether what is wanted is there, in objects and in the fronts of arrays.
fn has(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| found.get(key).is_some_and(|found| has(found, wanted))),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() >= wanted.len() && found.iter().zip(wanted).all(|(f, w)| has(f, w))
        }
        _ => found == wanted,
    }
}

#[test]
fn what_commands_are_refused_is_explained() {
    let Some(network) = network() else { return };
    let mut wrong = Vec::new();
    for refusal in REFUSALS {
        let trace = trace(&network, refusal.protocol, refusal.command);
        // Programs try things out first; what they end with is what they were refused.
        let Some(message) = explained(&trace).rfind(|m| m["error"]["name"] == refusal.error) else {
            let all: Vec<&Value> = explained(&trace).collect();
            wrong.push(format!("{}: no {}: {all:?} {}", refusal.command, refusal.error, trace.err));
            continue;
        };
        let explanation = &message["explanation"];
        let words = explanation["message"].as_str().unwrap_or("");
        let about = &explanation["request"]["about"];
        let is_about = |(name, value): &(&str, &str)| {
            let identities = about.as_array().into_iter().flatten();
            identities.clone().any(|node| node["name"] == *name && node["value"] == *value)
        };
        let is_right = words.contains(refusal.words)
            && path(explanation) == refusal.place
            && (refusal.place.is_empty() || has(explanation, &(refusal.value)()))
            && refusal.about.iter().all(is_about)
            && explanation["meaning"].is_string()
            && explanation["request"]["record"].as_u64() < message["record"].as_u64();
        if !is_right {
            wrong.push(format!("{}: {explanation}", refusal.command));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), REFUSALS.len(), wrong.join("\n"));
}

#[test]
fn a_success_with_a_warning_is_explained() {
    let Some(network) = network() else { return };
    let command = "tc class add dev v0 parent 1: classid 1:1 htb rate 10gbit";
    let trace = trace(&network, "NETLINK_ROUTE", command);
    let warned: Vec<&Value> = explained(&trace).collect();
    assert_eq!(warned.len(), 1, "{:?}", trace.messages);
    assert_eq!(warned[0]["error"]["number"], 0);
    let words = warned[0]["explanation"]["message"].as_str().unwrap();
    assert!(words.contains("quantum of class"), "{words}");
    assert_eq!(warned[0]["explanation"]["meaning"], Value::Null);
}

/// A program that makes what no command does, under the viewer with these options.
fn refused_program(network: &Namespace, options: &[&str], script: &str) -> String {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    let program = scratch.file("program.py", script);
    let mut command = network.command(&artefacts().nlview);
    command.args(options).arg("-o").arg(&out).args(["--", "python3"]).arg(program);
    let finished = run(&mut command).expect(0);
    drop(finished);
    fs::read_to_string(out).expect("the viewer's output")
}

const REFUSED: &str = concat!(
    include_str!("../../../src/programs/messages.py"),
    include_str!("../../../src/programs/refusals.py")
);

#[test]
fn what_no_command_is_refused_is_explained() {
    let Some(network) = network() else { return };
    let out = refused_program(&network, &["-f", "json"], REFUSED);
    let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let explained: Vec<Value> = lines.filter(|line| line["explanation"].is_object()).collect();
    let mut by_request: HashMap<String, Vec<&Value>> = HashMap::new();
    for line in &explained {
        let request = &line["explanation"]["request"];
        let name = request.get("operation").unwrap_or(&request["type"]);
        by_request.entry(name.as_str().unwrap().to_owned()).or_default().push(line);
    }
    let of = |name: &str, n: usize| &by_request[name][n]["explanation"];
    let text = |kind: &str| json!({"type": kind, "max_len": 15});
    // Whole and capped.
    for n in [0, 1] {
        let link = of("RTM_NEWLINK", n);
        assert_eq!(path(link), "IFLA_IFNAME");
        assert!(has(
            link,
            &json!({"value": "a".repeat(40), "policy": text("NL_ATTR_TYPE_STRING")})
        ));
    }
    assert!(by_request["RTM_NEWLINK"][1]["request"]["attrs"].is_null());
    // In a dump's end.
    let dump = by_request["RTM_GETADDR"][0];
    assert_eq!((&dump["type"], &dump["error"]["name"]), (&json!("NLMSG_DONE"), &json!("EINVAL")));
    assert!(dump["explanation"]["message"].as_str().unwrap().contains("dump request"));
    // Bits, names, headers.
    assert_eq!(path(of("RTM_GETNEXTHOP", 0)), "NHA_OP_FLAGS");
    assert_eq!(of("RTM_GETNEXTHOP", 0)["raw"], 0xf0);
    assert_eq!(path(of("CTRL_CMD_GETFAMILY", 0)), "CTRL_ATTR_FAMILY_NAME");
    assert!(has(&of("CTRL_CMD_GETFAMILY", 0)["policy"], &text("NL_ATTR_TYPE_NUL_STRING")));
    assert_eq!(path(of("ETHTOOL_MSG_DEBUG_SET", 0)), "ETHTOOL_A_DEBUG_HEADER");
    // What is missing: in the message, in a nest, in an empty nest.
    assert_eq!(of("ETHTOOL_MSG_DEBUG_SET", 1)["missing"]["name"], "ETHTOOL_A_DEBUG_HEADER");
    for n in [0, 1] {
        let wanted = json!({
            "name": "ETHTOOL_A_TS_HWTSTAMP_PROVIDER_INDEX",
            "nest": ["ETHTOOL_A_TSINFO_HWTSTAMP_PROVIDER"],
        });
        assert!(has(&of("ETHTOOL_MSG_TSINFO_GET", n)["missing"], &wanted), "{explained:#?}");
    }
    let device = |n| of("NETDEV_CMD_DEV_GET", n);
    assert_eq!(device(0)["missing"]["name"], "NETDEV_A_DEV_IFINDEX");
    // Numbers out of range.
    assert_eq!(
        (path(device(1)).as_str(), &device(1)["value"]),
        ("NETDEV_A_DEV_IFINDEX", &json!(0))
    );
    assert!(has(&device(1)["policy"], &json!({"type": "NL_ATTR_TYPE_U32", "min": 1})));
    let queue = of("NETDEV_CMD_QUEUE_GET", 0);
    assert_eq!((path(queue).as_str(), &queue["raw"]), ("NETDEV_A_QUEUE_TYPE", &json!(9)));
    assert!(has(&queue["policy"], &json!({"type": "NL_ATTR_TYPE_U32", "max": 1})));
}

/// A link's name that is too long, by a program that does not ask for reasons.
const UNASKED: &str = concat!(
    include_str!("../../../src/programs/messages.py"),
    r#"
s = open_socket(ROUTE)
for turn in range(2):
    ask(s, 16, ACK | 0x600, struct.pack("=BxHiII", 0, 0, 0, 0, 0) + attr(3, b"a" * 40 + b"\0"))
"#
);

#[test]
fn a_program_that_asks_for_no_reasons_gets_them_if_that_is_wanted() {
    let Some(network) = network() else { return };
    let count = |text: &str, part: &str| text.matches(part).count();
    let advice = "no reason given; --explain asks the kernel for one";
    let without = refused_program(&network, &[], UNASKED);
    assert_eq!((count(&without, advice), count(&without, "must be text")), (1, 0), "{without}");
    let with = refused_program(&network, &["--explain"], UNASKED);
    assert_eq!((count(&with, advice), count(&with, "must be text")), (0, 2), "{with}");
    assert_eq!(count(&with, "NETLINK_EXT_ACK turned on for --explain"), 1, "{with}");
    assert_eq!(count(&with, "at IFLA_IFNAME = \"aaaa"), 2, "{with}");
    let json = refused_program(&network, &["--explain", "-f", "json"], UNASKED);
    assert_eq!(count(&json, "\"explained\":true"), 1, "{json}");
    // Who asks is not told to.
    let asks = UNASKED.replace("for turn", "s.setsockopt(SOL_NETLINK, 11, 1)\nfor turn");
    let asked = refused_program(&network, &[], &asks);
    assert_eq!((count(&asked, advice), count(&asked, "must be text")), (0, 2), "{asked}");
}
