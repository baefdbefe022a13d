//! nftables: a rule set of every expression, object and kind of set that the kernel takes, held
//! against what `nft -j` prints of it.
//!
//! Long because each kind of thing in nft's JSON is compared in a function of its own.

use nltests::installed;
use nltests::namespace::Namespace;
use nltests::programs::network;
use serde_json::Value;

use super::decoded::{Tally, Trace, attr, family, flags, inside, number, short, text, trace};
use super::nfnetlink::{assert_known, commands, one_by_one};

/// Applies commands of nft one by one.
fn apply(network: &Namespace, file: &str) -> Trace {
    let commands: Vec<String> =
        commands(file).iter().map(|line| format!("'{}'", line.replace('\'', "'\\''"))).collect();
    let trace = trace(network, "NETLINK_NETFILTER", &one_by_one("nft", &commands));
    let refused = trace.out.matches("refused").count();
    println!("{file}: {} commands, {refused} refused", commands.len());
    assert_known(&trace);
    trace
}

/// The family as nft writes it.
fn nft_family(message: &Value) -> String {
    match short(family(message), "NFPROTO_").as_str() {
        "ipv4" => "ip".to_owned(),
        "ipv6" => "ip6".to_owned(),
        other => other.to_owned(),
    }
}

/// The message about the thing that has this family, table and name.
fn find<'t>(trace: &'t Trace, kind: &'t str, prefix: &str, theirs: &Value) -> &'t Value {
    let word = |key: &str| theirs[key].as_str().unwrap_or_default().to_owned();
    let found = trace.received(kind).find(|m| {
        nft_family(m) == word("family")
            && text(m, &[&format!("{prefix}_TABLE")]).as_deref() == Some(&*word("table"))
            && text(m, &[&format!("{prefix}_NAME")]).as_deref() == Some(&*word("name"))
    });
    found.unwrap_or_else(|| panic!("no {kind} for {theirs}"))
}

#[test]
fn rule_sets_are_those_that_nft_prints() {
    if !installed(&["nft"]) {
        return;
    }
    let Some(network) = network() else { return };
    let made = apply(&network, "nft");
    let kinds: std::collections::BTreeSet<&str> =
        made.messages.iter().filter_map(|m| m["type"].as_str()).collect();
    assert!(
        kinds.contains("NFNL_MSG_BATCH_BEGIN") && kinds.contains("NFT_MSG_NEWRULE"),
        "{kinds:?}"
    );
    let listed = trace(&network, "NETLINK_NETFILTER", "nft -j list ruleset");
    assert_known(&listed);
    let printed: Value = serde_json::from_str(&listed.out)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", listed.out, listed.err));
    let mut tally = Tally::default();
    let mut rules = 0;
    for entry in printed["nftables"].as_array().unwrap() {
        let (kind, theirs) = entry.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "table" => table(&mut tally, &listed, theirs),
            "chain" => chain(&mut tally, &listed, theirs),
            "set" | "map" => set(&mut tally, &listed, theirs),
            "rule" => {
                rules += 1;
                rule(&mut tally, &listed, theirs);
            }
            "metainfo" | "flowtable" => {}
            _ => object(&mut tally, &listed, kind, theirs),
        }
    }
    tally.same("rules", "the rule set", listed.received("NFT_MSG_NEWRULE").count(), rules);
    tally.finish(30);
    apply(&network, "nft-more");
    let rest = "nft list ruleset; nft reset counters; nft reset quotas; nft list set inet t s1
        nft get element inet t s1 '{ 192.0.2.7 }'; nft flush set inet t s1; nft destroy table inet nosuch
        nft delete rule inet t nosuch handle 5; nft flush ruleset";
    assert_known(&trace(&network, "NETLINK_NETFILTER", rest));
}

fn table(tally: &mut Tally, listed: &Trace, theirs: &Value) {
    let name = theirs["name"].as_str().unwrap();
    let ours = listed.received("NFT_MSG_NEWTABLE").find(|m| {
        nft_family(m) == theirs["family"] && text(m, &["NFTA_TABLE_NAME"]).as_deref() == Some(name)
    });
    let handle = ours.and_then(|m| number(m, &["NFTA_TABLE_HANDLE"]));
    tally.same("table's handle", name, handle, theirs["handle"].as_i64());
}

fn chain(tally: &mut Tally, listed: &Trace, theirs: &Value) {
    let name = theirs["name"].as_str().unwrap();
    let ours = find(listed, "NFT_MSG_NEWCHAIN", "NFTA_CHAIN", theirs);
    tally.same(
        "chain's handle",
        name,
        number(ours, &["NFTA_CHAIN_HANDLE"]),
        theirs["handle"].as_i64(),
    );
    let kind = theirs["type"].as_str().map(str::to_owned);
    tally.same("chain's type", name, text(ours, &["NFTA_CHAIN_TYPE"]), kind);
    let hook = text(ours, &["NFTA_CHAIN_HOOK", "NFTA_HOOK_HOOKNUM"]).map(|hook| {
        let hook = hook.splitn(3, '_').nth(2).unwrap().to_lowercase();
        match hook.as_str() {
            "local_in" | "in" => "input".to_owned(),
            "local_out" | "out" => "output".to_owned(),
            other => other.replace('_', ""),
        }
    });
    tally.same("hook", name, hook, theirs["hook"].as_str().map(str::to_owned));
    let priority = number(ours, &["NFTA_CHAIN_HOOK", "NFTA_HOOK_PRIORITY"]);
    tally.same("priority", name, priority, theirs["prio"].as_i64());
    let policy = text(ours, &["NFTA_CHAIN_POLICY"]).map(|policy| short(&policy, "NF_"));
    tally.same("policy", name, policy, theirs["policy"].as_str().map(str::to_owned));
    if let Some(printed) = theirs["dev"].as_str() {
        let mut nodes = Vec::new();
        inside(ours, &mut nodes);
        let ours = nodes.iter().any(|node| {
            (node["name"] == "NFTA_HOOK_DEV" || node["name"] == "NFTA_DEVICE_NAME")
                && node["value"] == printed
        });
        tally.same("device", name, ours, true);
    }
}

/// The words of nft's types, side by side where they are several.
fn types(node: &Value) -> String {
    match &node["value"] {
        Value::Array(names) => names
            .iter()
            .map(|n| n.as_str().unwrap_or("?").to_owned())
            .collect::<Vec<_>>()
            .join(" . "),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

fn set(tally: &mut Tally, listed: &Trace, theirs: &Value) {
    let name = theirs["name"].as_str().unwrap();
    let ours = find(listed, "NFT_MSG_NEWSET", "NFTA_SET", theirs);
    let printed = match &theirs["type"] {
        Value::Array(types) => {
            types.iter().map(|t| t.as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" . ")
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let key = attr(ours, &["NFTA_SET_KEY_TYPE"]).map(types);
    tally.same("key's type", name, key, Some(printed));
    if let Some(printed) = theirs["map"].as_str() {
        let data = match text(ours, &["NFTA_SET_OBJ_TYPE"]) {
            Some(object) => short(&object, "NFT_OBJECT_"),
            None => match attr(ours, &["NFTA_SET_DATA_TYPE"]).map(types).unwrap() {
                verdict if verdict == "NFT_DATA_VERDICT" => "verdict".to_owned(),
                other => other,
            },
        };
        tally.same("map's data", name, data, printed.to_owned());
    }
    let flags = flags(ours, &["NFTA_SET_FLAGS"], "NFT_SET_");
    for flag in ["constant", "interval", "timeout"] {
        let printed = theirs["flags"].as_array().into_iter().flatten().any(|f| f == flag);
        tally.same("set's flags", name, flags.iter().any(|f| f == flag), printed);
    }
    let seconds = |path: &str| number(ours, &[path]).map(|ms| ms / 1000).filter(|s| *s != 0);
    tally.same("set's timeout", name, seconds("NFTA_SET_TIMEOUT"), theirs["timeout"].as_i64());
    tally.same(
        "gc interval",
        name,
        seconds("NFTA_SET_GC_INTERVAL"),
        theirs["gc-interval"].as_i64(),
    );
    let comment = text(ours, &["NFTA_SET_USERDATA", "NFTNL_UDATA_SET_COMMENT"]);
    tally.same("set's comment", name, comment, theirs["comment"].as_str().map(str::to_owned));
    if let Some(printed) = theirs["size"].as_i64() {
        let size = number(ours, &["NFTA_SET_DESC", "NFTA_SET_DESC_SIZE"]);
        tally.same("set's size", name, size, Some(printed));
    }
    elements(tally, listed, name, theirs);
}

/// A key in nft's JSON as the bytes that it has in an element, if it is a plain one.
fn bytes(key: &Value) -> Option<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    match key {
        Value::String(text) => Some(match text.parse() {
            Ok(std::net::IpAddr::V4(ip)) => hex(&ip.octets()),
            Ok(std::net::IpAddr::V6(ip)) => hex(&ip.octets()),
            Err(_) => return None,
        }),
        Value::Number(port) => Some(hex(&u16::try_from(port.as_u64()?).ok()?.to_be_bytes())),
        Value::Object(_) => bytes(&key["prefix"]["addr"])
            .or_else(|| bytes(&key["range"][0]))
            .or_else(|| bytes(&key["elem"]["val"])),
        _ => None,
    }
}

fn elements(tally: &mut Tally, listed: &Trace, name: &str, theirs: &Value) {
    let ours: Vec<&Value> = listed
        .received("NFT_MSG_NEWSETELEM")
        .filter(|m| text(m, &["NFTA_SET_ELEM_LIST_SET"]).as_deref() == Some(name))
        .filter_map(|m| attr(m, &["NFTA_SET_ELEM_LIST_ELEMENTS"])?["attrs"].as_array())
        .flatten()
        .filter(|e| {
            !flags(e, &["NFTA_SET_ELEM_FLAGS"], "NFT_SET_ELEM_").contains(&"interval-end".into())
        })
        .collect();
    let printed: Vec<&Value> = theirs["elem"].as_array().into_iter().flatten().collect();
    tally.same("elements", name, ours.len(), printed.len());
    for theirs in printed {
        let is_map = theirs.is_array();
        let (key, data) = if is_map { (&theirs[0], &theirs[1]) } else { (theirs, &Value::Null) };
        let wanted = bytes(key);
        let found = ours.iter().find(|e| {
            let key = attr(e, &["NFTA_SET_ELEM_KEY", "NFTA_DATA_VALUE"]);
            match &wanted {
                Some(wanted) => key.is_some_and(|k| k["raw"].as_str() == Some(wanted)),
                None => key.is_none() && key_of(theirs) == "*",
            }
        });
        let Some(ours) = found else {
            // A concatenation, a name, a mark in host order: counted above.
            continue;
        };
        let place = format!("{key} in {name}");
        if let Some((word, target)) = data.as_object().and_then(|data| data.iter().next()) {
            let verdict = ["NFTA_SET_ELEM_DATA", "NFTA_DATA_VERDICT"];
            let code = text(ours, &[verdict[0], verdict[1], "NFTA_VERDICT_CODE"]);
            if let Some(code) = code {
                let code = code.rsplit('_').next().unwrap().to_lowercase();
                tally.same("verdict map", &place, code, word.clone());
                let chain = text(ours, &[verdict[0], verdict[1], "NFTA_VERDICT_CHAIN"]);
                let printed = target["target"].as_str().map(str::to_owned);
                tally.same("verdict's chain", &place, chain, printed);
            }
        }
        if let (Some(object), Some(printed)) =
            (text(ours, &["NFTA_SET_ELEM_OBJREF"]), data.as_str())
        {
            tally.same("object map", &place, object, printed.to_owned());
        }
        let more = &key["elem"];
        if let Some(printed) = more["timeout"].as_i64() {
            let ours = number(ours, &["NFTA_SET_ELEM_TIMEOUT"]).map(|ms| ms / 1000);
            tally.same("element's timeout", &place, ours, Some(printed));
        }
        if let Some(printed) = more["expires"].as_i64() {
            let ours = number(ours, &["NFTA_SET_ELEM_EXPIRATION"]).map(|ms| ms / 1000);
            tally.same("element's expiration", &place, ours, Some(printed));
        }
        if let Some(printed) = more["comment"].as_str() {
            let ours = text(ours, &["NFTA_SET_ELEM_USERDATA", "NFTNL_UDATA_SET_ELEM_COMMENT"]);
            tally.same("element's comment", &place, ours.as_deref(), Some(printed));
        }
        if let Some(printed) = more["counter"]["packets"].as_i64() {
            let mut nodes = Vec::new();
            inside(ours, &mut nodes);
            let counter = nodes.iter().find(|node| node["name"] == "NFTA_COUNTER_PACKETS");
            let ours = counter.and_then(|node| node["value"].as_i64());
            tally.same("element's counter", &place, ours, Some(printed));
        }
    }
}

fn key_of(element: &Value) -> &str {
    element[0].as_str().or_else(|| element.as_str()).unwrap_or_default()
}

fn object(tally: &mut Tally, listed: &Trace, kind: &str, theirs: &Value) {
    let place = format!("{kind} {}", theirs["name"]);
    let wanted = kind.replace(' ', "-").replace("ct-expectation", "ct-expect");
    let found = listed.received("NFT_MSG_NEWOBJ").find(|m| {
        text(m, &["NFTA_OBJ_NAME"]).as_deref() == theirs["name"].as_str()
            && text(m, &["NFTA_OBJ_TYPE"]).map(|t| short(&t, "NFT_OBJECT_")).as_deref()
                == Some(&*wanted)
    });
    let ours = found.unwrap_or_else(|| panic!("no NFT_MSG_NEWOBJ for {place}"));
    tally.same(
        "object's handle",
        &place,
        number(ours, &["NFTA_OBJ_HANDLE"]),
        theirs["handle"].as_i64(),
    );
    let data = attr(ours, &["NFTA_OBJ_DATA"]).unwrap();
    let comment = text(ours, &["NFTA_OBJ_USERDATA", "NFTNL_UDATA_OBJ_COMMENT"]);
    tally.same("object's comment", &place, comment.as_deref(), theirs["comment"].as_str());
    let mut numbers = |pairs: &[(&str, &str)]| {
        for (attribute, key) in pairs {
            if let Some(printed) = theirs[*key].as_i64() {
                tally.same(
                    &format!("{kind}'s {key}"),
                    &place,
                    number(data, &[attribute]),
                    Some(printed),
                );
            }
        }
    };
    match kind {
        "counter" => {
            numbers(&[("NFTA_COUNTER_PACKETS", "packets"), ("NFTA_COUNTER_BYTES", "bytes")])
        }
        "quota" => numbers(&[("NFTA_QUOTA_BYTES", "bytes"), ("NFTA_QUOTA_CONSUMED", "used")]),
        "synproxy" => numbers(&[("NFTA_SYNPROXY_MSS", "mss"), ("NFTA_SYNPROXY_WSCALE", "wscale")]),
        "ct expectation" => numbers(&[
            ("NFTA_CT_EXPECT_DPORT", "dport"),
            ("NFTA_CT_EXPECT_TIMEOUT", "timeout"),
            ("NFTA_CT_EXPECT_SIZE", "size"),
        ]),
        "limit" => limit(tally, data, theirs, &place),
        "ct helper" => {
            tally.same(
                "helper",
                &place,
                text(data, &["NFTA_CT_HELPER_NAME"]).as_deref(),
                theirs["type"].as_str(),
            );
            let protocol = text(data, &["NFTA_CT_HELPER_L4PROTO"]).map(|p| short(&p, "IPPROTO_"));
            tally.same(
                "helper's protocol",
                &place,
                protocol.as_deref(),
                theirs["protocol"].as_str(),
            );
        }
        "ct timeout" => {
            let protocol = text(data, &["NFTA_CT_TIMEOUT_L4PROTO"]).map(|p| short(&p, "IPPROTO_"));
            let protocol = protocol.unwrap().to_uppercase();
            for (state, printed) in theirs["policy"].as_object().unwrap() {
                let name = format!("CTA_TIMEOUT_{protocol}_{}", state.to_uppercase());
                let ours = number(data, &["NFTA_CT_TIMEOUT_DATA", &name]);
                tally.same("timeout policy", &place, ours, printed.as_i64());
            }
        }
        _ => {}
    }
}

fn limit(tally: &mut Tally, ours: &Value, theirs: &Value, place: &str) {
    let unit = match theirs["per"].as_str() {
        Some("minute") => 60,
        Some("hour") => 3600,
        Some("day") => 86400,
        Some("week") => 604_800,
        _ => 1,
    };
    tally.same("limit's unit", place, number(ours, &["NFTA_LIMIT_UNIT"]), Some(unit));
    let scale = |key: &str| match theirs[key].as_str() {
        Some("kbytes") => 1024,
        Some("mbytes") => 1024 * 1024,
        _ => 1,
    };
    let rate = theirs["rate"].as_i64().map(|rate| rate * scale("rate_unit"));
    tally.same("limit's rate", place, number(ours, &["NFTA_LIMIT_RATE"]), rate);
    if let Some(burst) = theirs["burst"].as_i64() {
        let burst = burst * scale("burst_unit");
        tally.same("limit's burst", place, number(ours, &["NFTA_LIMIT_BURST"]), Some(burst));
    }
    let inverted = flags(ours, &["NFTA_LIMIT_FLAGS"], "NFT_LIMIT_F_").contains(&"inv".to_owned());
    tally.same("limit over", place, inverted, theirs["inv"].as_bool().unwrap_or(false));
}

/// The data of the rule's expressions of a name.
fn expressions<'v>(rule: &'v Value, name: &str) -> Vec<&'v Value> {
    let mut nodes = Vec::new();
    inside(rule, &mut nodes);
    let named =
        nodes.iter().filter(|node| text(node, &["NFTA_EXPR_NAME"]).as_deref() == Some(name));
    named.filter_map(|node| attr(node, &["NFTA_EXPR_DATA"])).collect()
}

fn rule(tally: &mut Tally, listed: &Trace, theirs: &Value) {
    let place = theirs["expr"].to_string();
    let ours = listed.received("NFT_MSG_NEWRULE").find(|m| {
        nft_family(m) == theirs["family"]
            && text(m, &["NFTA_RULE_TABLE"]).as_deref() == theirs["table"].as_str()
            && text(m, &["NFTA_RULE_CHAIN"]).as_deref() == theirs["chain"].as_str()
            && number(m, &["NFTA_RULE_HANDLE"]) == theirs["handle"].as_i64()
    });
    let ours = ours.unwrap_or_else(|| panic!("no NFT_MSG_NEWRULE for {theirs}"));
    let comment = text(ours, &["NFTA_RULE_USERDATA", "NFTNL_UDATA_RULE_COMMENT"]);
    tally.same("rule's comment", &place, comment.as_deref(), theirs["comment"].as_str());
    for statement in theirs["expr"].as_array().unwrap() {
        let Some((word, value)) = statement.as_object().and_then(|s| s.iter().next()) else {
            continue;
        };
        statement_is(tally, ours, word, value, &place);
    }
    keys(tally, ours, &theirs["expr"], &place);
}

/// The names in one enum that expressions of a rule have in an attribute.
fn named(rule: &Value, expression: &str, attribute: &str) -> Vec<String> {
    expressions(rule, expression).into_iter().filter_map(|data| text(data, &[attribute])).collect()
}

fn statement_is(tally: &mut Tally, ours: &Value, word: &str, theirs: &Value, place: &str) {
    match word {
        "accept" | "drop" | "return" | "continue" | "jump" | "goto" => {
            let verdict = |data: &&Value| {
                let path = ["NFTA_IMMEDIATE_DATA", "NFTA_DATA_VERDICT"];
                let code = text(data, &[path[0], path[1], "NFTA_VERDICT_CODE"])?;
                let chain = text(data, &[path[0], path[1], "NFTA_VERDICT_CHAIN"]);
                Some((code.rsplit('_').next()?.to_lowercase(), chain))
            };
            let found = expressions(ours, "immediate").iter().find_map(verdict);
            let target = theirs["target"].as_str().map(str::to_owned);
            tally.same("verdict", place, found, Some((word.to_owned(), target)));
        }
        "counter" if theirs.is_object() => {
            let data = expressions(ours, "counter");
            let packets = number(data[0], &["NFTA_COUNTER_PACKETS"]);
            tally.same("counter", place, packets, theirs["packets"].as_i64());
        }
        "limit" if theirs.is_object() => limit(tally, expressions(ours, "limit")[0], theirs, place),
        "log" => {
            let data = expressions(ours, "log")[0];
            let prefix = text(data, &["NFTA_LOG_PREFIX"]);
            tally.same("log prefix", place, prefix.as_deref(), theirs["prefix"].as_str());
            for (attribute, key) in [
                ("NFTA_LOG_GROUP", "group"),
                ("NFTA_LOG_SNAPLEN", "snaplen"),
                ("NFTA_LOG_QTHRESHOLD", "queue-threshold"),
            ] {
                tally.same(key, place, number(data, &[attribute]), theirs[key].as_i64());
            }
            if let Some(printed) = theirs["level"].as_str() {
                let level = text(data, &["NFTA_LOG_LEVEL"]).map(|l| short(&l, "NFT_LOGLEVEL_"));
                tally.same("log level", place, level.as_deref(), Some(printed));
            }
        }
        "masquerade" | "redirect" | "snat" | "dnat" => {
            let (name, prefix) = match word {
                "masquerade" => ("masq", "NFTA_MASQ_FLAGS"),
                "redirect" => ("redir", "NFTA_REDIR_FLAGS"),
                _ => ("nat", "NFTA_NAT_FLAGS"),
            };
            let data = expressions(ours, name)[0];
            let ours = flags(data, &[prefix], "NF_NAT_RANGE_");
            for (flag, printed) in [
                ("proto-random", "random"),
                ("persistent", "persistent"),
                ("proto-random-fully", "fully-random"),
            ] {
                let theirs = match &theirs["flags"] {
                    Value::Array(flags) => flags.iter().any(|flag| flag == printed),
                    other => other == printed,
                };
                tally.same("nat's flags", place, ours.iter().any(|f| f == flag), theirs);
            }
            if let Some(kind) = text(data, &["NFTA_NAT_TYPE"]) {
                tally.same("nat's type", place, short(&kind, "NFT_NAT_"), word.to_owned());
            }
        }
        "reject" => {
            let data = expressions(ours, "reject")[0];
            let kind = text(data, &["NFTA_REJECT_TYPE"]).unwrap();
            let printed = match theirs["type"].as_str() {
                Some("tcp reset") => "NFT_REJECT_TCP_RST",
                Some("icmpx") => "NFT_REJECT_ICMPX_UNREACH",
                _ => "NFT_REJECT_ICMP_UNREACH",
            };
            tally.same("reject's type", place, kind.as_str(), printed);
        }
        "synproxy" if theirs.is_object() => {
            let data = expressions(ours, "synproxy")[0];
            tally.same("mss", place, number(data, &["NFTA_SYNPROXY_MSS"]), theirs["mss"].as_i64());
            tally.same(
                "wscale",
                place,
                number(data, &["NFTA_SYNPROXY_WSCALE"]),
                theirs["wscale"].as_i64(),
            );
        }
        "ct count" => {
            let data = expressions(ours, "connlimit")[0];
            tally.same(
                "ct count",
                place,
                number(data, &["NFTA_CONNLIMIT_COUNT"]),
                theirs["val"].as_i64(),
            );
        }
        "set" => {
            let op = named(ours, "dynset", "NFTA_DYNSET_OP");
            tally.same(
                "dynset",
                place,
                short(&op[0], "NFT_DYNSET_OP_"),
                theirs["op"].as_str().unwrap().into(),
            );
        }
        "fwd" | "dup" | "notrack" | "tproxy" => {
            let mut nodes = Vec::new();
            inside(ours, &mut nodes);
            let found =
                nodes.iter().any(|node| node["name"] == "NFTA_EXPR_NAME" && node["value"] == word);
            tally.same("statement", place, found, true);
        }
        _ => {}
    }
}

/// Every key that nft prints, wherever it stands in a rule, is a key of an expression of ours.
fn keys(tally: &mut Tally, rule: &Value, theirs: &Value, place: &str) {
    match theirs {
        Value::Array(list) => list.iter().for_each(|item| keys(tally, rule, item, place)),
        Value::Object(map) => {
            for (word, value) in map {
                expression_is(tally, rule, word, value, place);
                keys(tally, rule, value, place);
            }
        }
        _ => {}
    }
}

fn expression_is(tally: &mut Tally, rule: &Value, word: &str, theirs: &Value, place: &str) {
    let Some(key) = theirs["key"].as_str() else {
        match word {
            "fib" => {
                let result = named(rule, "fib", "NFTA_FIB_RESULT");
                let printed = theirs["result"].as_str().unwrap().replace("type", "addrtype");
                tally.same("fib", place, short(&result[0], "NFT_FIB_RESULT_"), printed);
                let ours = flags(expressions(rule, "fib")[0], &["NFTA_FIB_FLAGS"], "NFTA_FIB_F_");
                let printed = theirs["flags"].as_array().unwrap().iter();
                let mut printed: Vec<String> =
                    printed.map(|f| f.as_str().unwrap().into()).collect();
                printed.sort();
                let ours = ours.into_iter().filter(|f| f != "present").collect();
                tally.same("fib's flags", place, ours, printed);
            }
            "numgen" | "jhash" | "symhash" if theirs.is_object() => {
                let (name, prefix) =
                    if word == "numgen" { ("numgen", "NG") } else { ("hash", "HASH") };
                let data = expressions(rule, name)[0];
                let modulus = number(data, &[&format!("NFTA_{prefix}_MODULUS")]);
                tally.same("modulus", place, modulus, theirs["mod"].as_i64());
                let offset = number(data, &[&format!("NFTA_{prefix}_OFFSET")]).unwrap_or(0);
                tally.same("offset", place, offset, theirs["offset"].as_i64().unwrap_or(0));
                if let Some(seed) = theirs["seed"].as_i64() {
                    tally.same("seed", place, number(data, &["NFTA_HASH_SEED"]), Some(seed));
                }
            }
            _ => {}
        }
        return;
    };
    let (attribute, prefix, wanted) = match word {
        "meta" => (
            "NFTA_META_KEY",
            "NFT_META_",
            match key {
                "length" => "len",
                "random" => "prandom",
                "time" => "time-ns",
                "day" => "time-day",
                "hour" => "time-hour",
                "ipsec" => "secpath",
                "iiftype" => "iftype",
                "ibrname" => "bri-iifname",
                "obrname" => "bri-oifname",
                other => other,
            },
        ),
        "ct" => (
            "NFTA_CT_KEY",
            "NFT_CT_",
            match key {
                "packets" => "pkts",
                "label" => "labels",
                "event" => "eventmask",
                "ip saddr" => "src-ip",
                "ip daddr" => "dst-ip",
                "ip6 saddr" => "src-ip6",
                "ip6 daddr" => "dst-ip6",
                other => other,
            },
        ),
        "rt" => (
            "NFTA_RT_KEY",
            "NFT_RT_",
            match (key, theirs["family"].as_str()) {
                ("nexthop", Some("ip6")) => "nexthop6",
                ("nexthop", _) => "nexthop4",
                ("mtu", _) => "tcpmss",
                ("ipsec", _) => "xfrm",
                (other, _) => other,
            },
        ),
        "socket" => ("NFTA_SOCKET_KEY", "NFT_SOCKET_", key),
        _ => return,
    };
    let ours = named(rule, word, attribute);
    let found = ours.iter().any(|name| short(name, prefix) == wanted);
    tally.same(&format!("{word} key"), place, found, true);
}
