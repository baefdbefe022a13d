//! The families of netfilter but nftables, spoken by their own programs: connection tracking, sets,
//! accounting, timeouts, fingerprints, queued and logged frames, and the extensions of iptables.

use std::fs;
use std::net::IpAddr;

use nltests::namespace::Namespace;
use nltests::programs::network;
use nltests::{fixtures, installed, root};
use serde_json::Value;

use super::decoded::{Tally, Trace, Xml, attr, family, flags, inside, number, short, text, trace};

/// A network, if there is one with these programs.
fn ready(programs: &[&str]) -> Option<Namespace> {
    if !installed(programs) {
        return None;
    }
    network()
}

/// The commands of a file in `tests/fixtures/netfilter`.
pub(super) fn commands(file: &str) -> Vec<String> {
    let text = fs::read_to_string(fixtures().join("netfilter").join(file)).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// A script that runs these one after the other, whatever becomes of each.
pub(super) fn one_by_one(program: &str, commands: &[String]) -> String {
    let lines =
        commands.iter().map(|line| format!("{program} {line} || echo \"refused: {program} $?\"\n"));
    lines.collect()
}

/// Every message of it is decoded without a rest.
#[track_caller]
pub(super) fn assert_known(trace: &Trace) {
    let odd = trace.oddities();
    let shown = odd.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(odd.is_empty(), "{} of {}:\n{shown}", odd.len(), trace.messages.len());
}

fn address(node: &Value, path: &[&str]) -> Option<IpAddr> {
    text(node, path).map(|text| text.parse().unwrap())
}

#[test]
fn connections_are_those_that_conntrack_prints() {
    let Some(network) = ready(&["conntrack", "nft"]) else { return };
    // The kernel follows connections as soon as a rule asks for them.
    network.script(
        "nft add table ip t; nft 'add chain ip t c { type filter hook output priority 0; }'
         nft add rule ip t c ct state new counter
         for i in acct timestamp; do echo 1 > /proc/sys/net/netfilter/nf_conntrack_$i; done",
    );
    let made =
        trace(&network, "NETLINK_NETFILTER", &one_by_one("conntrack", &commands("conntrack")));
    assert_known(&made);
    let listed = trace(&network, "NETLINK_NETFILTER", "conntrack -L -o xml,id");
    assert_known(&listed);
    let mut tally = Tally::default();
    let xml = Xml::read(&listed.out);
    let flows: Vec<&Xml> = xml.all("flow").collect();
    let ours: Vec<&Value> = listed.received("IPCTNL_MSG_CT_NEW").collect();
    tally.same("entries", "conntrack -L", ours.len(), flows.len());
    for (ours, theirs) in ours.into_iter().zip(flows) {
        connection(&mut tally, ours, theirs);
    }
    let counted = trace(&network, "NETLINK_NETFILTER", "conntrack -C");
    let entries: Vec<_> = counted.received("IPCTNL_MSG_CT_GET_STATS").collect();
    let printed = counted.out.trim().parse().ok();
    tally.same("count", "conntrack -C", number(entries[0], &["CTA_STATS_GLOBAL_ENTRIES"]), printed);
    let statistics = trace(&network, "NETLINK_NETFILTER", "conntrack -S");
    let lines: Vec<&str> = statistics.out.lines().collect();
    for (ours, line) in statistics.received("IPCTNL_MSG_CT_GET_STATS_CPU").zip(lines) {
        for word in line.split_whitespace().skip(1) {
            let (name, value) = word.split_once('=').unwrap();
            let name = name.to_uppercase().replace("CHAINTOOLONG", "CHAIN_TOOLONG");
            let ours = number(ours, &[&format!("CTA_STATS_{name}")]);
            tally.same("statistics", &name, ours, value.parse().ok());
        }
    }
    let others = "conntrack -U -p tcp -m 0x22; conntrack -G -p tcp -s 192.0.2.1 -d 192.0.2.9 --sport 1000 --dport 80
        conntrack -L -m 0x22/0xff; conntrack -L --status ASSURED; conntrack -L expect; conntrack -L dying
        conntrack -L unconfirmed; conntrack -D -p udp; conntrack -F expect; conntrack -F; true";
    assert_known(&trace(&network, "NETLINK_NETFILTER", others));
    tally.finish(15);
}

/// An entry of connection tracking, decoded and in XML.
fn connection(tally: &mut Tally, ours: &Value, theirs: &Xml) {
    let place = theirs.all("meta").next().map(|meta| format!("{meta:?}")).unwrap_or_default();
    for meta in theirs.all("meta") {
        let direction = meta.attributes["direction"].as_str();
        let tuple = match direction {
            "original" => "CTA_TUPLE_ORIG",
            "reply" => "CTA_TUPLE_REPLY",
            _ => {
                independent(tally, ours, meta, &place);
                continue;
            }
        };
        let layer3 = meta.all("layer3").next().unwrap();
        let version = if layer3.attributes["protoname"] == "ipv6" { "V6" } else { "V4" };
        for (name, tag) in [("SRC", "src"), ("DST", "dst")] {
            let path = [tuple, "CTA_TUPLE_IP", &format!("CTA_IP_{version}_{name}")];
            let printed = layer3.at(&[tag]).map(|text| text.parse().unwrap());
            tally.same(tag, &place, address(ours, &path), printed);
        }
        let layer4 = meta.all("layer4").next().unwrap();
        let protocol = layer4.attributes["protonum"].parse().ok();
        let path = |name| [tuple, "CTA_TUPLE_PROTO", name];
        tally.same("protocol", &place, number(ours, &path("CTA_PROTO_NUM")), protocol);
        for (name, tag) in [("CTA_PROTO_SRC_PORT", "sport"), ("CTA_PROTO_DST_PORT", "dport")] {
            // A kernel that does not follow DCCP keeps no ports of it, and conntrack prints zeros.
            let known = layer4.attributes["protoname"] != "dccp";
            if let Some(printed) = layer4.number(&[tag]).filter(|_| known) {
                tally.same(tag, &place, number(ours, &path(name)), Some(printed));
            }
        }
        if let Some(printed) = meta.number(&["counters", "packets"]) {
            let counters = tuple.replace("TUPLE", "COUNTERS");
            let ours = number(ours, &[&counters, "CTA_COUNTERS_PACKETS"]);
            tally.same("counters", &place, ours, Some(printed));
        }
    }
}

/// What belongs to a connection, not to one of its directions.
fn independent(tally: &mut Tally, ours: &Value, theirs: &Xml, place: &str) {
    for (name, tag) in [
        ("CTA_TIMEOUT", "timeout"),
        ("CTA_MARK", "mark"),
        ("CTA_USE", "use"),
        ("CTA_ID", "id"),
        ("CTA_ZONE", "zone"),
    ] {
        if let Some(printed) = theirs.number(&[tag]) {
            tally.same(tag, place, number(ours, &[name]), Some(printed));
        }
    }
    if let Some(printed) = theirs.at(&["state"]) {
        // conntrack's XML has TCP's words for the states of all protocols.
        let info = ["CTA_PROTOINFO", "CTA_PROTOINFO_TCP", "CTA_PROTOINFO_TCP_STATE"];
        if let Some(state) = text(ours, &info) {
            tally.same("state", place, state, format!("TCP_CONNTRACK_{printed}"));
        }
    }
    let status = flags(ours, &["CTA_STATUS"], "IPS_");
    let is = |name: &str| status.iter().any(|flag| flag == name);
    let printed = |tag| theirs.all(tag).next().is_some();
    tally.same("assured", place, is("assured"), printed("assured"));
    tally.same("unreplied", place, !is("seen-reply"), printed("unreplied"));
    if let Some(start) = theirs.number(&["timestamp", "start"]) {
        let ours = number(ours, &["CTA_TIMESTAMP", "CTA_TIMESTAMP_START"]);
        tally.same("start", place, ours, Some(start));
    }
}

#[test]
fn sets_are_those_that_ipset_prints() {
    let Some(network) = ready(&["ipset"]) else { return };
    let made = trace(&network, "NETLINK_NETFILTER", &one_by_one("ipset", &commands("ipset")));
    assert_known(&made);
    let mut tally = Tally::default();
    let listed = trace(&network, "NETLINK_NETFILTER", "ipset -o xml list");
    assert_known(&listed);
    let xml = Xml::read(&listed.out);
    for theirs in xml.all("ipset") {
        let name = theirs.attributes["name"].as_str();
        // A set of many elements comes in several messages; the first has its header.
        let ours: Vec<&Value> = listed
            .received("IPSET_CMD_LIST")
            .filter(|m| text(m, &["IPSET_ATTR_SETNAME"]).as_deref() == Some(name))
            .collect();
        let header = ours[0];
        let kind = theirs.at(&["type"]).map(str::to_owned);
        tally.same("type", name, text(header, &["IPSET_ATTR_TYPENAME"]), kind);
        let revision = theirs.number(&["revision"]);
        tally.same("revision", name, number(header, &["IPSET_ATTR_REVISION"]), revision);
        for (attribute, tag) in [
            ("HASHSIZE", "hashsize"),
            ("MAXELEM", "maxelem"),
            ("TIMEOUT", "timeout"),
            ("SIZE", "size"),
            ("BUCKETSIZE", "bucketsize"),
            ("MEMSIZE", "memsize"),
            ("REFERENCES", "references"),
            ("ELEMENTS", "numentries"),
            ("NETMASK", "netmask"),
        ] {
            if let Some(printed) = theirs.number(&["header", tag]) {
                let path = ["IPSET_ATTR_DATA", &format!("IPSET_ATTR_{attribute}")];
                tally.same(tag, name, number(header, &path), Some(printed));
            }
        }
        if let Some(printed) = theirs.at(&["header", "family"]) {
            let family = text(header, &["IPSET_ATTR_FAMILY"]).map(|name| match &*name {
                "NFPROTO_IPV6" => "inet6",
                _ => "inet",
            });
            tally.same("family", name, family, Some(printed));
        }
        let flags =
            flags(header, &["IPSET_ATTR_DATA", "IPSET_ATTR_CADT_FLAGS"], "IPSET_FLAG_WITH_");
        for tag in ["counters", "comment", "skbinfo"] {
            let printed = theirs.all("header").any(|header| header.all(tag).next().is_some());
            tally.same("extension", name, flags.iter().any(|flag| flag == tag), printed);
        }
        let elements = ours.iter().flat_map(|m| {
            let elements = attr(m, &["IPSET_ATTR_ADT"]).and_then(|adt| adt["attrs"].as_array());
            elements.into_iter().flatten()
        });
        let elements: Vec<&Value> = elements.collect();
        let members: Vec<&Xml> = theirs.all("members").flat_map(|m| m.all("member")).collect();
        tally.same("elements", name, elements.len(), members.len());
        for (ours, theirs) in elements.into_iter().zip(members) {
            element(&mut tally, ours, theirs, name);
        }
    }
    tally.finish(15);
}

/// An element of a set.
fn element(tally: &mut Tally, ours: &Value, theirs: &Xml, set: &str) {
    let printed = theirs.at(&["elem"]).unwrap();
    let place = format!("{printed} in {set}");
    let version = |name: &str| {
        let base = [name, "IPSET_ATTR_IPADDR_IPV4"];
        address(ours, &base).or_else(|| address(ours, &[name, "IPSET_ATTR_IPADDR_IPV6"]))
    };
    let mut words = printed.split(',');
    if let Some(ours) = version("IPSET_ATTR_IP") {
        let first = words.next().unwrap();
        let (ip, prefix) = first.split_once('/').unwrap_or((first, ""));
        tally.same("address", &place, ours.to_string(), ip.to_owned());
        let _ = prefix;
    }
    if let Some(second) = version("IPSET_ATTR_IP2") {
        let last = printed.rsplit(',').next().unwrap();
        let ip = last.split('/').next().unwrap();
        tally.same("second address", &place, second.to_string(), ip.to_owned());
    }
    if let Some(port) = number(ours, &["IPSET_ATTR_PORT"]) {
        let printed = printed.split([',', ':']).any(|word| word.parse() == Ok(port));
        let icmp = text(ours, &["IPSET_ATTR_PROTO"]).as_deref() == Some("IPPROTO_ICMP");
        tally.same("port", &place, true, printed || icmp);
    }
    if let Some(mac) = text(ours, &["IPSET_ATTR_ETHER"]) {
        tally.same("mac", &place, printed.to_lowercase().ends_with(&mac), true);
    }
    if let Some(iface) = text(ours, &["IPSET_ATTR_IFACE"]) {
        tally.same("interface", &place, printed.contains(&iface), true);
    }
    for (attribute, tag) in [
        ("TIMEOUT", "timeout"),
        ("PACKETS", "packets"),
        ("BYTES", "bytes"),
        ("SKBQUEUE", "skbqueue"),
    ] {
        if let Some(printed) = theirs.number(&[tag]) {
            let ours = number(ours, &[&format!("IPSET_ATTR_{attribute}")]);
            tally.same(&format!("element's {tag}"), &place, ours, Some(printed));
        }
    }
    if let Some(printed) = theirs.at(&["comment"]) {
        let printed = printed.trim_matches('"').replace("&quot;", "");
        tally.same("element's comment", &place, text(ours, &["IPSET_ATTR_COMMENT"]), Some(printed));
    }
    if let Some((mark, mask)) = theirs.at(&["skbmark"]).and_then(|mark| mark.split_once('/')) {
        let hex = |text: &str| i64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
        let printed = hex(mark) << 32 | hex(mask);
        tally.same("element's mark", &place, number(ours, &["IPSET_ATTR_SKBMARK"]), Some(printed));
    }
}

#[test]
fn accounting_is_what_nfacct_prints() {
    let Some(network) = ready(&["nfacct"]) else { return };
    let mut tally = Tally::default();
    let script =
        "nfacct add plain; nfacct add few packet 500; nfacct add much byte 7000; nfacct add few";
    assert_known(&trace(&network, "NETLINK_NETFILTER", script));
    let listed = trace(&network, "NETLINK_NETFILTER", "nfacct list");
    assert_known(&listed);
    let ours: Vec<&Value> = listed.received("NFNL_MSG_ACCT_NEW").collect();
    let theirs: Vec<&str> = listed.out.lines().collect();
    tally.same("objects", "nfacct list", ours.len(), theirs.len());
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        let name = theirs.rsplit(" = ").next().unwrap().trim_end_matches(';');
        tally.same("name", name, text(ours, &["NFACCT_NAME"]).as_deref(), Some(name));
        for (attribute, key) in [("PKTS", "pkts"), ("BYTES", "bytes"), ("QUOTA", "quota")] {
            let printed = theirs
                .split_once(&format!("{key} = "))
                .map(|(_, rest)| rest.split([',', ' ']).next().unwrap().parse::<i64>().unwrap());
            tally.same(key, name, number(ours, &[&format!("NFACCT_{attribute}")]), printed);
        }
        let flags = flags(ours, &["NFACCT_FLAGS"], "NFACCT_F_QUOTA_");
        let mode = if theirs.contains("mode = packet") {
            vec!["pkts".to_owned()]
        } else if theirs.contains("mode = byte") {
            vec!["bytes".to_owned()]
        } else {
            Vec::new()
        };
        tally.same("mode", name, flags, mode);
    }
    let script = "nfacct list reset; nfacct get few; nfacct del few; nfacct get few; true";
    assert_known(&trace(&network, "NETLINK_NETFILTER", script));
    tally.finish(4);
}

#[test]
fn timeouts_are_those_that_nfct_prints() {
    let Some(network) = ready(&["nfct"]) else { return };
    let mut tally = Tally::default();
    let script = "nfct add timeout t1 inet tcp established 100 close 5; nfct add timeout t2 inet udp unreplied 10
        nfct add timeout t3 inet icmp timeout 10; nfct add timeout t4 inet generic timeout 10
        nfct add timeout t5 inet sctp established 10; nfct add timeout t6 inet gre replied 10
        nfct add timeout t7 inet6 icmpv6 timeout 10; nfct add timeout t8 inet udplite replied 10
        nfct default-get timeout inet tcp; nfct default-set timeout inet udp replied 50";
    assert_known(&trace(&network, "NETLINK_NETFILTER", script));
    let listed = trace(&network, "NETLINK_NETFILTER", "nfct list timeout");
    assert_known(&listed);
    let ours: Vec<&Value> = listed.received("IPCTNL_MSG_TIMEOUT_NEW").collect();
    let theirs: Vec<&str> = listed.out.split("\n.").collect();
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        let (name, policy) = theirs.split_once('=').unwrap();
        let name = name.trim_matches(['.', ' ']);
        tally.same("name", name, text(ours, &["CTA_TIMEOUT_NAME"]).as_deref(), Some(name));
        let said = |key: &str| {
            policy.split_once(&format!(".{key} = "))?.1.split(',').next()?.trim().parse().ok()
        };
        tally.same("family", name, number(ours, &["CTA_TIMEOUT_L3PROTO"]), said("l3proto"));
        tally.same("protocol", name, number(ours, &["CTA_TIMEOUT_L4PROTO"]), said("l4proto"));
        let states = attr(ours, &["CTA_TIMEOUT_DATA"]).and_then(|data| data["attrs"].as_array());
        let printed: Vec<i64> = policy
            .split(".policy")
            .nth(1)
            .into_iter()
            .flat_map(|policy| {
                policy
                    .lines()
                    .filter_map(|line| line.split_once(" = ")?.1.trim_end_matches(',').parse().ok())
            })
            .collect();
        let states: Vec<i64> =
            states.into_iter().flatten().map(|state| state["value"].as_i64().unwrap()).collect();
        // nfct does not know the newest states.
        tally.same("timeouts", name, states.get(..printed.len()), Some(printed.as_slice()));
    }
    assert_known(&trace(
        &network,
        "NETLINK_NETFILTER",
        "nfct get timeout t1; nfct delete timeout t1",
    ));
    tally.finish(4);
}

/// Names, revisions and what a few of them carry, as `iptables-nft -S` writes it.
#[test]
fn extensions_are_those_that_iptables_prints() {
    let Some(network) = ready(&["iptables-nft", "ip6tables-nft", "ebtables-nft", "ipset"]) else {
        return;
    };
    network.script("ipset create hs hash:ip,port counters || true; nfacct add acc || true");
    assert_known(&trace(&network, "NETLINK_NETFILTER", &one_by_one("", &commands("iptables"))));
    let mut tally = Tally::default();
    for program in ["iptables-nft", "ip6tables-nft"] {
        for table in ["filter", "nat", "mangle", "raw"] {
            let listed = trace(&network, "NETLINK_NETFILTER", &format!("{program} -t {table} -S"));
            assert_known(&listed);
            let version = if program.contains('6') { "NFPROTO_IPV6" } else { "NFPROTO_IPV4" };
            let rules = listed.received("NFT_MSG_NEWRULE").filter(|m| {
                text(m, &["NFTA_RULE_TABLE"]).as_deref() == Some(table) && family(m) == version
            });
            let printed = listed.out.lines().filter(|line| line.starts_with("-A "));
            let (rules, printed): (Vec<_>, Vec<_>) = (rules.collect(), printed.collect());
            tally.same("rules", &format!("{program} -t {table}"), rules.len(), printed.len());
            for (ours, theirs) in rules.into_iter().zip(printed) {
                extension(&mut tally, ours, theirs);
            }
        }
    }
    tally.finish(15);
}

fn extension(tally: &mut Tally, ours: &Value, theirs: &str) {
    let mut nodes = Vec::new();
    inside(ours, &mut nodes);
    let names = |attribute: &str| -> Vec<&str> {
        let found = nodes.iter().filter(|node| node["name"] == attribute);
        found.map(|node| node["value"].as_str().unwrap()).collect()
    };
    for name in names("NFTA_MATCH_NAME") {
        // The state match has become a form of conntrack's.
        let printed = theirs.contains(&format!("-m {name} ")) || theirs.contains("-m state ");
        tally.same("match", theirs, printed, true);
    }
    for name in names("NFTA_TARGET_NAME") {
        let printed = theirs.rsplit("-j ").next().unwrap().split(' ').next().unwrap();
        let notrack = name == "CT" && printed == "CT";
        tally.same("target", theirs, name == printed || notrack, true);
    }
    // A member of an extension's struct, where the rule's text has it after this option.
    for (option, member) in [
        ("--mask", "mask"),
        ("--connlimit-above", "limit"),
        ("--every", "every"),
        ("--quota", "quota"),
        ("--queue-num", "queuenum"),
        ("--nflog-group", "group"),
        ("--nflog-size", "len"),
        ("--cpu", "cpu"),
        ("--realm", "id"),
        ("--label", "bit"),
        ("--hitcount", "hit_count"),
        ("--seconds", "seconds"),
        ("--cluster-total-nodes", "total_nodes"),
        ("--ttl-set", "ttl"),
        ("--ttl-gt", "ttl"),
        ("--hl-gt", "hop_limit"),
        ("--on-port", "lport"),
        ("--hmark-mod", "hmodulus"),
        ("--zone", "zone"),
        ("--mss", "mss"),
        ("--wscale", "wscale"),
        ("--set-dscp", "dscp"),
        ("--limit-burst", "burst"),
    ] {
        let Some(printed) = theirs.split(&format!(" {option} ")).nth(1) else { continue };
        let word = printed.split(' ').next().unwrap();
        let printed = match word.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => word.parse().ok(),
        };
        let fields = nodes.iter().filter_map(|node| node["fields"].as_array()).flatten();
        let mut values = fields
            .filter(|field| field["name"] == member)
            .map(|field| field["raw"].as_i64().or_else(|| field["value"].as_i64()));
        if let (Some(ours), Some(printed)) = (values.next(), printed) {
            tally.same(short(option, "--").as_str(), theirs, ours, Some(printed));
        }
    }
}

/// Queued and logged frames, fingerprints, and events while connections come and go.
#[test]
fn frames_and_fingerprints_are_known() {
    let Some(network) = ready(&["python3", "nft", "iptables-nft"]) else { return };
    let client = root().join("tests/clients/frames.py");
    for (what, kind) in [("queue", "NFQNL_MSG_PACKET"), ("log", "NFULNL_MSG_PACKET")] {
        let script = format!("python3 {} {what}", client.display());
        let trace = trace(&network, "NETLINK_NETFILTER", &script);
        assert_known(&trace);
        let frames: Vec<&Value> = trace.received(kind).collect();
        assert!(frames.len() >= 2, "{} {}", trace.out, trace.err);
        let out = attr(frames[0], &[if what == "queue" { "NFQA_MARK" } else { "NFULA_MARK" }]);
        assert_eq!(out.unwrap()["value"], 9);
        let payload =
            attr(frames[0], &[if what == "queue" { "NFQA_PAYLOAD" } else { "NFULA_PAYLOAD" }]);
        assert!(payload.unwrap()["raw"].as_str().unwrap().ends_with("6f6e65"), "{payload:?}");
    }
    if installed(&["nfnl_osf"]) {
        let script = "f=$(mktemp); printf 'S4:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux 2.6\\n' >$f
            nfnl_osf -f $f; nfnl_osf -f $f -d; rm $f";
        let trace = trace(&network, "NETLINK_NETFILTER", script);
        assert_known(&trace);
        let sent: Vec<_> = trace.messages.iter().filter(|m| m["type"] == "OSF_MSG_ADD").collect();
        let fields = &attr(sent[0], &["OSF_ATTR_FINGER"]).unwrap()["fields"];
        let named = |name: &str| fields.as_array().unwrap().iter().find(|f| f["name"] == name);
        assert_eq!(named("genre").unwrap()["value"], "Linux");
        assert_eq!(named("opt").unwrap()["items"].as_array().unwrap().len(), 5);
    }
}
