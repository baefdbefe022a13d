//! What `nlview --check` finds in what real programs say: what is wrong with it, and nothing else.

use std::collections::BTreeSet;
use std::fs;

use nltests::installed;
use nltests::namespace::Namespace;
use nltests::programs::{Program, WRONG, network};
use nltests::run::run;
use nltests::scratch::Scratch;
use serde_json::Value;

use super::{bare, traced};

/// A program's status under `--check`, the last line of what `nlview` says, and what it finds: code,
/// message and path of each, in order.
fn check(network: &Namespace, option: &str, program: &Program) -> (i32, String, Vec<String>) {
    let scratch = Scratch::new();
    let file = scratch.path("findings");
    let output = ["-f", "json", option, "-o", file.to_str().unwrap()];
    let out = run(&mut traced(network, &output, program));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    let found = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["kind"], "finding");
        let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let path: Vec<_> = line["path"].as_array().into_iter().flatten().collect();
        let path: Vec<_> = path.iter().map(|name| name.as_str().unwrap()).collect();
        format!("{} {} {}", word("code"), word("message"), path.join(".")).trim().to_owned()
    });
    let found = found.collect();
    let said = out.err().lines().last().unwrap_or_default().to_owned();
    (out.status, said, found)
}

fn summed(count: usize) -> String {
    match count {
        0 => "nlview: no findings".to_owned(),
        1 => "nlview: 1 finding".to_owned(),
        n => format!("nlview: {n} findings"),
    }
}

#[test]
fn every_mistake_is_found() {
    let Some(network) = network() else { return };
    let (status, said, found) = check(&network, "--check", &WRONG);
    assert_eq!((status, said), (1, summed(found.len())));
    // A kernel's answers may differ; what it was asked does not.
    let requests = found.iter().filter(|found| !found.starts_with("kernel-"));
    let wanted = [
        "short-header RTM_GETLINK",
        "trailing-bytes RTM_GETLINK",
        "no-request-flag RTM_GETLINK",
        "reserved RTM_GETLINK",
        "unknown-attribute RTM_GETLINK 999",
        "nested-flag-unexpected RTM_GETLINK IFLA_EXT_MASK",
        "padding-not-zero RTM_GETLINK IFLA_IFNAME",
        "duplicate-attribute RTM_GETLINK IFLA_IFNAME",
        "too-long RTM_NEWLINK IFLA_IFNAME",
        "nested-flag-missing RTM_NEWNEXTHOP NHA_RES_GROUP",
        "portid-mismatch RTM_GETLINK",
        "truncated-receive",
        "truncated-receive",
        "overrun",
        "reserved CTRL_CMD_GETFAMILY genlmsghdr",
        "unterminated-string CTRL_CMD_GETFAMILY CTRL_ATTR_FAMILY_NAME",
    ];
    assert_eq!(requests.collect::<Vec<_>>(), wanted, "{found:#?}");
    // The kernel agrees where it says something.
    for refused in ["RTM_NEWLINK", "RTM_NEWNEXTHOP", "CTRL_CMD_GETFAMILY"] {
        let error = format!("kernel-error {refused}");
        assert!(found.iter().any(|found| found.starts_with(&error)), "{error}: {found:#?}");
    }
    let (status, said, errors) = check(&network, "--check=errors", &WRONG);
    assert_eq!((status, said), (1, summed(errors.len())));
    let codes: BTreeSet<_> = errors.iter().map(|found| found.split(' ').next().unwrap()).collect();
    assert_eq!(codes, BTreeSet::from(["kernel-error", "overrun"]), "{errors:#?}");
}

/// Programs, and all that is wrong with what they say. iproute2 sends the whole of a buffer in which it
/// has room for more than it asks.
const KNOWN: &[(&[&str], &[&str])] = &[
    (&["ip", "address"], &["trailing-bytes RTM_GETADDR"]),
    (&["ip", "route"], &["trailing-bytes RTM_GETROUTE"]),
    (&["ip", "neighbour"], &["trailing-bytes RTM_GETNEIGH"]),
    (&["ip", "nexthop"], &["trailing-bytes RTM_GETNEXTHOP"]),
    (&["bridge", "fdb"], &["trailing-bytes RTM_GETNEIGH"]),
    (&["ip", "route", "get", "198.51.100.7"], &[]),
    (&["ip", "rule"], &[]),
    (&["ip", "netconf"], &[]),
    (&["ip", "addrlabel"], &[]),
    (&["ip", "xfrm", "policy"], &[]),
    (&["ip", "address", "add", "192.0.2.9/24", "dev", "v0"], &[]),
    (&["ip", "route", "add", "10.0.0.0/8", "dev", "v0"], &[]),
    (&["ip", "rule", "add", "from", "192.0.2.0/24", "lookup", "100", "priority", "77"], &[]),
    (&["ip", "neighbour", "add", "192.0.2.77", "lladdr", "2:0:0:0:0:1", "dev", "v0"], &[]),
    (&["ip", "nexthop", "add", "id", "7", "via", "192.0.2.2", "dev", "v0"], &[]),
    (&["ip", "nexthop", "add", "id", "8", "group", "7"], &[]),
    (&["ip", "route", "add", "10.1.0.0/16", "via", "172.16.0.1"], &["kernel-error RTM_NEWROUTE"]),
    (&["bridge", "link"], &[]),
    (&["bridge", "mdb"], &[]),
    (&["bridge", "vlan"], &[]),
    (&["tc", "qdisc", "show", "dev", "v0"], &[]),
    (&["tc", "filter", "show", "dev", "v0"], &[]),
    (&["tc", "qdisc", "delete", "dev", "lo", "root"], &["kernel-error RTM_DELQDISC"]),
    (&["ss", "-tuan"], &[]),
    (&["ss", "-xa"], &[]),
    (&["ss", "-tinme"], &[]),
    (&["genl", "ctrl", "list"], &[]),
    (&["nft", "list", "ruleset"], &[]),
    (&["nft", "add", "table", "inet", "t"], &[]),
    (&["nft", "add", "chain", "inet", "t", "c", "{ type filter hook input priority 0; }"], &[]),
    (&["nft", "add", "rule", "inet", "t", "c", "tcp", "dport", "22", "counter", "accept"], &[]),
    (
        &["nft", "delete", "table", "inet", "nosuch"],
        &["kernel-error NFT_MSG_DELTABLE NFTA_TABLE_NAME"],
    ),
    (&["conntrack", "-L"], &[]),
    (&["ipset", "list"], &[]),
    (&["ipset", "create", "s", "hash:ip"], &[]),
    (&["ipset", "add", "s", "192.0.2.1"], &[]),
    (&["ethtool", "-k", "v0"], &[]),
    (&["iptables", "-A", "INPUT", "-p", "tcp", "-j", "ACCEPT"], &[]),
    (&["python3", "-c", "import socket; socket.if_nameindex()"], &[]),
];

#[test]
fn what_real_programs_say_is_found_right_but_for_this() {
    let Some(network) = network() else { return };
    for (command, known) in KNOWN {
        let Some((program, arguments)) = command.split_first() else { continue };
        if !installed(&[program]) {
            continue;
        }
        let program = Program { program, arguments };
        let (status, said, found) = check(&network, "--check", &program);
        assert_eq!(said, summed(found.len()), "{program:?}");
        // Some libraries leave in their padding what was there before.
        let stable = |found: &&String| !found.starts_with("padding-not-zero ");
        // iptables asks for what may not be there.
        let asks = program.program == "iptables";
        let stable = found.iter().filter(stable).filter(|f| !(asks && f.starts_with("kernel-")));
        assert_eq!(stable.collect::<Vec<_>>(), *known, "{program:?}");
        if !found.is_empty() {
            assert_eq!(status, 1, "{program:?}");
        } else if program.arguments.iter().any(|word| ["add", "create", "-A"].contains(word)) {
            assert_eq!(status, 0, "{program:?}");
        } else {
            assert_eq!(status, run(&mut bare(&network, &program)).status, "{program:?}");
        }
    }
}

#[test]
fn without_findings_the_status_is_the_programs() {
    let Some(network) = network() else { return };
    for (status, script) in [(0, &["-c", "exit 0"]), (7, &["-c", "exit 7"])] {
        let program = Program { program: "sh", arguments: script };
        let out = run(&mut traced(&network, &["--check"], &program));
        assert_eq!((out.status, out.err()), (status, "nlview: no findings\n".to_owned()));
    }
    let program = Program { program: "sh", arguments: &["-c", "ip address >&2; exit 7"] };
    assert_eq!(run(&mut traced(&network, &["--check"], &program)).status, 1);
    let program = Program { program: "/nonexistent/x", arguments: &[] };
    assert_eq!(run(&mut traced(&network, &["--check"], &program)).status, 127);
}
