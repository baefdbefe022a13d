//! Generic families: what their specs can say, and what is made of those that have none.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and these helpers are a test's"
)]

use std::io::Write as _;

use nlproto::{Name, NameKind};
use nlview::decode::{Direction, Engine, Names, NoRequests, Wanted};
use nlview::output::{Datagram, FORMATS, Style};
use nlview::spec::Registry;
use nlview::state::names::NameTable;

const GENERIC: u32 = 16;
const NLCTRL: u16 = 16;
/// The family of the specs here, and one that has none.
const KNOWN: u16 = 40;
const ALIEN: u16 = 41;

/// What all datagrams of a test have in common.
struct Bench {
    registry: Registry,
    names: NameTable,
}

impl Bench {
    fn new(spec: &str) -> Self {
        let mut registry = Registry::builtin();
        if !spec.is_empty() {
            let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
            file.write_all(spec.as_bytes()).unwrap();
            let warnings = registry.add_path(file.path());
            let warnings = warnings.unwrap_or_else(|error| panic!("{error}\n{spec}"));
            assert!(warnings.is_empty(), "{warnings:?}");
        }
        let mut names = NameTable::default();
        names.give(KNOWN, "t");
        Self { registry, names }
    }

    /// What a format prints of a datagram.
    fn print(&self, format: &str, direction: Direction, bytes: &[u8]) -> String {
        let format = FORMATS.iter().find(|f| f.name == format).unwrap();
        let style = Style::PLAIN;
        let names = self.names.scope(None, -1);
        let engine = Engine { registry: &self.registry, names: &names, requests: &NoRequests };
        let datagram =
            Datagram { protocol: GENERIC, direction, bytes, record: 1, wanted: Wanted::All };
        let mut out = Vec::new();
        (format.make)(&style).datagram(&engine, &datagram, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn strace(&self, bytes: &[u8]) -> String {
        self.print("strace", Direction::Receive, bytes)
    }

    fn tree(&self, bytes: &[u8]) -> String {
        self.print("tree", Direction::Receive, bytes)
    }
}

/// A message of a generic family, from a port.
fn message(family: u16, command: u8, port: u32, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(20 + body.len()).unwrap();
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(family.to_ne_bytes());
    bytes.extend([0; 6]);
    bytes.extend(port.to_ne_bytes());
    bytes.extend([command, 1, 0, 0]);
    bytes.extend(body);
    bytes
}

fn attr(ty: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + payload.len()).unwrap();
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(ty.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn word(v: u32) -> [u8; 4] {
    v.to_ne_bytes()
}

/// A spec of family `t` whose command 1 has one attribute of this form.
fn spec(definitions: &str, form: &str) -> String {
    format!(
        "name: t\ndefinitions:\n{definitions}\nattribute-sets:\n\
         - {{name: a, name-prefix: t-a-, attributes: [{{name: x, {form}}}]}}\n\
         operations: {{name-prefix: t-, list: [{{name: c, attribute-set: a, do: {{request: {{}}}}}}]}}\n"
    )
}

/// What stands behind the attribute's header, in the strace format.
fn value(definitions: &str, form: &str, payload: &[u8]) -> String {
    let bench = Bench::new(&spec(definitions, form));
    let text = bench.print("strace", Direction::Send, &message(KNOWN, 1, 0, &attr(1, payload)));
    let (_, value) = text.split_once("nla_type=T_A_X}, ").unwrap_or_else(|| panic!("{text}"));
    value.trim_end().strip_suffix("]]").unwrap().to_owned()
}

const RECORD: &str = "- {name: r, type: struct, members: [{name: size, type: u16, byte-order: big-endian}, \
                      {name: list, type: u8, count: rest}]}";

#[test]
fn records_without_attributes() {
    let form = "type: records, struct: r, length-member: size";
    let payload = [0, 4, 7, 8, 0, 3, 9, 0];
    let expected = "[{size=htons(4), list=[7, 8]}, {size=htons(3), list=[9]}]";
    assert_eq!(value(RECORD, form, &payload), expected);
}

#[test]
fn arrays_of_arrays() {
    let form = "type: indexed-array, element: {type: indexed-array, sub-type: flag}";
    let payload = attr(0, &[attr(11, &[]), attr(12, &[])].concat());
    let inner = "[{nla_len=4, nla_type=0xb}, {nla_len=4, nla_type=0xc}]";
    assert_eq!(value(RECORD, form, &payload), format!("[{{nla_len=12, nla_type=0}}, {inner}]"));
}

#[test]
fn a_value_in_front_of_room() {
    let form = "type: binary, zero-fill: true, display-hint: ipv4";
    assert_eq!(value(RECORD, form, &[192, 0, 2, 1, 0, 0]), "inet_addr(\"192.0.2.1\")");
    let bench = Bench::new(&spec(RECORD, form));
    let shown = bench.tree(&message(KNOWN, 1, 0, &attr(1, &[192, 0, 2, 1, 0, 0])));
    assert!(shown.ends_with("192.0.2.1\n"), "{shown}");
    let shown = bench.tree(&message(KNOWN, 1, 0, &attr(1, &[192, 0, 2, 1, 0, 9])));
    assert!(shown.contains("192.0.2.1  ⚠ 2 bytes left over  00 09"), "{shown}");
    let shown = bench.tree(&message(KNOWN, 1, 0, &attr(1, &[192, 0, 2])));
    assert!(shown.contains("⚠ 3 bytes where 4 are expected"), "{shown}");
}

#[test]
fn negative_numbers_have_names() {
    let definitions = "- {name: e, type: enum, name-prefix: e-, unknown-label: 'E_???', \
                       entries: [{name: none, value: -1}, zero]}";
    assert_eq!(value(definitions, "type: s32, enum: e", &(-1i32).to_ne_bytes()), "E_NONE");
    assert_eq!(value(definitions, "type: s8, enum: e", &[0xff]), "E_NONE");
    assert_eq!(value(definitions, "type: s32, enum: e", &[0; 4]), "E_ZERO");
}

#[test]
fn flags_that_say_their_bits_are_not_counted() {
    let definitions = "- {name: f, type: flags, name-prefix: f-, entries: [{name: none, mask: 0}, \
                       first, second]}";
    assert_eq!(value(definitions, "type: u8, enum: f", &[0]), "F_NONE");
    assert_eq!(value(definitions, "type: u8, enum: f", &[1]), "F_FIRST");
    assert_eq!(value(definitions, "type: u8, enum: f", &[2]), "F_SECOND");
}

#[test]
fn any_form_as_payload() {
    let spec = format!(
        "name: t\ndefinitions:\n{RECORD}\noperations:\n  name-prefix: t-\n  list:\n\
         \x20 - {{name: c, payload: {{type: binary, struct: r}}}}\n"
    );
    let shown = Bench::new(&spec).strace(&message(KNOWN, 1, 0, &[0, 4, 7, 8]));
    assert!(shown.ends_with("{cmd=T_C, version=1}, {size=htons(4), list=[7, 8]}]\n"), "{shown}");
}

#[test]
fn answers_and_events_of_one_number() {
    let spec = "name: t\nattribute-sets:\n\
        - {name: a, name-prefix: t-a-, attributes: [{name: x, type: u32}, {name: y, type: u32}]}\n\
        operations:\n  name-prefix: t-\n  attribute-set: a\n  list:\n\
        \x20 - {name: get, value: 1, do: {request: {}, reply: {match: {first-attr: 2}}}}\n\
        \x20 - {name: told, value: 1, event: {}}\n";
    let bench = Bench::new(spec);
    let command = |port, first| {
        let shown = bench.strace(&message(KNOWN, 1, port, &attr(first, &word(7))));
        shown.split_once("{cmd=").unwrap().1.split_once(',').unwrap().0.to_owned()
    };
    assert_eq!(command(0, 1), "T_TOLD", "from no port: nobody asked");
    assert_eq!(command(0, 2), "T_GET", "what is listed comes from no port either");
    assert_eq!(command(77, 1), "T_GET", "from a port: an answer");
    assert_eq!(command(77, 2), "T_GET");
}

#[test]
fn numbers_that_are_reserved() {
    let spec = "name: fixed\nfamily-id: 45\nmcast-groups: {list: [{name: g, value: 99}]}\n\
                operations: {name-prefix: f-, list: [{name: c}]}\n";
    let bench = Bench::new(spec);
    assert!(bench.strace(&message(45, 1, 0, &[])).contains("nlmsg_type=fixed"));
    let names = bench.names.scope(None, -1);
    let engine = Engine { registry: &bench.registry, names: &names, requests: &NoRequests };
    assert_eq!(engine.groups(16).name(99), Some("fixed/g"));
    assert_eq!(engine.groups(16).name(16), Some("nlctrl/notify"));
    assert_eq!(engine.groups(16).name(98), None);
    assert_eq!(engine.groups(0).name(1), Some("RTNLGRP_LINK"));
}

/// The controller's answer about a family: name, header, groups.
fn family(id: u16, name: &[u8], header: u32, groups: &[(u32, &[u8])]) -> Vec<u8> {
    let groups: Vec<u8> = (1u16..)
        .zip(groups)
        .flat_map(|(at, (id, name))| attr(at, &[attr(1, name), attr(2, &word(*id))].concat()))
        .collect();
    let attrs =
        [attr(1, &id.to_ne_bytes()), attr(2, name), attr(4, &word(header)), attr(7, &groups)];
    message(NLCTRL, 1, 5, &attrs.concat())
}

/// A part of the controller's answer about policies: a rule for an attribute of a set.
fn rule(id: u16, set: u16, number: u16, ty: u32, within: Option<u32>) -> Vec<u8> {
    let mut rule = attr(1, &word(ty));
    rule.extend(within.map(|set| attr(8, &word(set))).unwrap_or_default());
    let sets = attr(set, &attr(number, &rule));
    message(NLCTRL, 10, 5, &[attr(1, &id.to_ne_bytes()), attr(8, &sets)].concat())
}

/// Which set a command's requests are checked by.
fn checked_by(id: u16, command: u16, set: u32) -> Vec<u8> {
    let commands = attr(command, &attr(1, &word(set)));
    message(NLCTRL, 10, 5, &[attr(1, &id.to_ne_bytes()), attr(9, &commands)].concat())
}

#[test]
fn the_controller_names_families_and_groups() {
    let mut bench = Bench::new("");
    let groups: &[(u32, &[u8])] = &[(7, b"news\0"), (8, b"x\x1b\0"), (9, b"x*/\0")];
    bench.names.observe_datagram(GENERIC, &family(ALIEN, b"alien\0", 0, groups));
    let names = bench.names.scope(None, -1);
    let engine = Engine { registry: &bench.registry, names: &names, requests: &NoRequests };
    assert_eq!(engine.groups(16).name(7), Some("alien/news"));
    assert_eq!(engine.groups(16).name(8), None, "nothing that could move a cursor");
    assert_eq!(engine.groups(16).name(9), None, "nothing that could end a comment");
    assert!(bench.strace(&message(ALIEN, 1, 0, &[])).contains("nlmsg_type=alien"));
}

#[test]
fn without_a_spec_bytes_are_guessed_at() {
    let bench = Bench::new("");
    let inner = [attr(1, &word(9)), attr(2, b"inner\0")].concat();
    let address = [192, 0, 2, 200];
    let body = [attr(1, &word(1500)), attr(2, b"wlan0\0"), attr(3, &inner), attr(4, &address)];
    let bytes = message(ALIEN, 3, 0, &body.concat());
    let shown = bench.tree(&bytes);
    for expected in [
        "      [1]                   dc 05 00 00  4 B, 1500?\n",
        "      [2]                   77 6c 61 6e 30 00  6 B, \"wlan0\"?\n",
        "      [3]\n        [1]                 09 00 00 00  4 B, 9?\n",
        "        [2]                 69 6e 6e 65 72 00  6 B, \"inner\"?\n",
        "      [4]                   c0 00 02 c8  4 B\n",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    let shown = bench.print("json", Direction::Receive, &bytes);
    let number = r#"{"name":null,"type":1,"value":null,"raw":"dc050000","maybe":1500}"#;
    assert!(shown.contains(number), "{shown}");
    assert!(shown.contains(r#""raw":"776c616e3000","maybe":"wlan0"}"#), "{shown}");
    let shown = bench.strace(&bytes);
    let text = r#"[{nla_len=10, nla_type=0x2}, "\x77\x6c\x61\x6e\x30\x00"]"#;
    assert!(shown.contains(text), "{shown}");
    assert!(shown.contains(r"nla_type=0x3}, [[{nla_len=8, nla_type=0x1}, "), "{shown}");
}

#[test]
fn the_kernels_rules_give_types() {
    let mut bench = Bench::new("");
    for told in [
        family(ALIEN, b"alien\0", 4, &[]),
        checked_by(ALIEN, 3, 2),
        rule(ALIEN, 2, 1, 4, None),
        rule(ALIEN, 2, 2, 12, None),
        rule(ALIEN, 2, 3, 13, Some(0)),
        rule(ALIEN, 2, 4, 8, None),
        rule(ALIEN, 2, 5, 1, None),
        rule(ALIEN, 2, 6, 14, Some(0)),
        rule(ALIEN, 0, 1, 3, None),
    ] {
        bench.names.observe_datagram(GENERIC, &told);
    }
    let attrs = [
        attr(1, &word(0xc002_0000)),
        attr(2, b"ab"),
        attr(3, &attr(1, &7u16.to_ne_bytes())),
        attr(4, &(-5i32).to_ne_bytes()),
        attr(5, &[]),
        attr(6, &attr(0, &attr(1, &8u16.to_ne_bytes()))),
        attr(1, &[1, 2]),
        attr(9, &word(3)),
    ];
    let body = [vec![1, 2, 3, 4], attrs.concat()].concat();
    let bytes = message(ALIEN, 3, 5, &body);
    let expected = "      01 02 03 04  4 B
      [1]                   3221356544
      [2]                   \"ab\"
      [3]
        [1]                 7
      [4]                   -5
      [5]                   present
      [6]
        [0]
          [1]               8
      [1]                   01 02  2 B, 513?
      [9]                   03 00 00 00  4 B, 3?
";
    let shown = bench.tree(&bytes);
    assert!(shown.ends_with(expected), "{shown}");
    // A command that is only an answer is taken to have what all others have.
    let shown = bench.tree(&message(ALIEN, 4, 5, &body));
    assert!(shown.ends_with(expected), "{shown}");
    assert!(bench.strace(&bytes).contains("[{nla_len=8, nla_type=0x1}, 3221356544]"));
}

#[test]
fn rules_of_another_answer_do_not_mix() {
    let mut bench = Bench::new("");
    let mut other = rule(ALIEN, 0, 1, 12, None);
    other[8] = 9;
    let mut other_command = checked_by(ALIEN, 4, 0);
    other_command[8] = 9;
    for told in [checked_by(ALIEN, 3, 0), rule(ALIEN, 0, 1, 4, None), other_command, other] {
        bench.names.observe_datagram(GENERIC, &told);
    }
    let shown = |command| bench.tree(&message(ALIEN, command, 5, &attr(1, b"abc\0")));
    assert!(shown(3).contains("[1]                   6513249\n"), "{}", shown(3));
    assert!(shown(4).contains("[1]                   \"abc\"\n"), "{}", shown(4));
}

#[test]
fn what_is_not_in_the_stream_comes_from_a_capture() {
    let mut names = NameTable::default();
    names.give(ALIEN, "alien");
    let mut kept = Vec::new();
    names.take_asked(|name| kept.push((name.kind, name.id, name.name.to_vec())));
    assert_eq!(kept, [(NameKind::GenericFamily as u32, u32::from(ALIEN), b"alien".to_vec())]);

    let mut bench = Bench::new("");
    let group = Name { kind: NameKind::GenericGroup as u32, id: 7, netns: 0, name: b"alien/news" };
    bench.names.add(&group);
    for name in [rule(ALIEN, 0, 1, 4, None), checked_by(ALIEN, 3, 0)] {
        let kind = NameKind::GenericPolicy as u32;
        bench.names.add(&Name { kind, id: u32::from(ALIEN), netns: 0, name: &name });
    }
    let shown = bench.tree(&message(ALIEN, 3, 5, &attr(1, &word(77))));
    assert!(shown.contains("[1]                   77\n"), "{shown}");
    let names = bench.names.scope(None, -1);
    let engine = Engine { registry: &bench.registry, names: &names, requests: &NoRequests };
    assert_eq!(engine.groups(16).name(7), Some("alien/news"));
}

#[test]
fn units_for_people() {
    for (form, payload, expected) in [
        ("type: u32, display-hint: kbytes", word(12).to_vec(), "12 KiB"),
        ("type: u32, display-hint: kbits", word(54).to_vec(), "54 kbit/s"),
        ("type: s32, display-hint: millicelsius", (-1500i32).to_ne_bytes().to_vec(), "-1.500 °C"),
        ("type: u32, display-hint: millicelsius", word(42_000).to_vec(), "42 °C"),
        ("type: u16, display-hint: octal", 0o755u16.to_ne_bytes().to_vec(), "0755"),
        (
            "type: u32, display-hint: unix-time",
            word(1_700_000_000).to_vec(),
            "2023-11-14T22:13:20Z",
        ),
        (
            "type: u64, display-hint: unix-nsecs",
            1_700_000_000_123_456_789u64.to_ne_bytes().to_vec(),
            "2023-11-14T22:13:20.123456789Z",
        ),
    ] {
        let bench = Bench::new(&spec(RECORD, form));
        let shown = bench.tree(&message(KNOWN, 1, 0, &attr(1, &payload)));
        assert!(shown.trim_end().ends_with(&format!(" {expected}")), "{form}\n{shown}");
    }
}

/// The kernel that the tests run on knows its controller, and what it checks its requests by.
#[test]
fn the_running_kernel_is_asked() {
    let live = NameTable::live();
    let scope = live.scope(None, -1);
    let asked = (scope.generic_family(NLCTRL), scope.generic_group(16));
    if asked.0.is_none() {
        return;
    }
    assert_eq!(asked, (Some("nlctrl"), Some("nlctrl/notify")));
    let policy = scope.generic_policy(NLCTRL).unwrap();
    let mut later = NameTable::default();
    live.take_asked(|name| later.add(name));
    let scope = later.scope(None, -1);
    assert_eq!((scope.generic_family(NLCTRL), scope.generic_group(16)), asked);
    if !policy.is_empty() {
        assert_eq!(scope.generic_policy(NLCTRL).unwrap().len(), policy.len());
    }
}
