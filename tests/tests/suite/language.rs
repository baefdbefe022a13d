//! What the spec language can say, each thing in a family made up for it.

use std::fs;
use std::process::Command;

use nltests::artefacts::artefacts;
use nltests::run::run;
use nltests::scratch::Scratch;
use serde_json::{Value, json};

/// A protocol of its own, with one message (type 16) whose attributes are those of `pot`.
const SPEC: &str = "\
name: kettle
protocol: netlink-raw
protonum: 30
definitions:
- {name: dregs, type: struct, members: [{name: left, type: u32}]}
- {name: state, type: enum, name-prefix: kettle-, entries: [cold, warm, boiling, {name: broken, value: -1}]}
- {name: word, type: enum, name-prefix: '', entries: [{name: none, value: 0}, {name: tea, value: 7},
    {name: pot, value: 13}, {name: all, value: 0xff00}]}
- {name: mishap, type: enum, value-start: 5000, name-prefix: kettle-e-, entries: [dry, hot]}
- name: shelf
  type: struct
  align: c
  tail: padding
  members:
  - {name: cups, type: u16, count: 4, used: number}
  - {name: label, type: binary, len: 6, used: number}
  - {name: number, type: u16}
attribute-sets:
- name: pot
  header: linux/kettle.h
  name-prefix: kettle-a-
  attributes:
  - {name: note, type: nest, nested-attributes: note}
  - {name: size, type: u16}
  - {name: state, type: s32, byte-order: big-endian, enum: state}
  - {name: words, type: u32, byte-order: big-endian, enum: word, part-bits: 6}
  - {name: shelf, type: binary, struct: shelf}
  - {name: detail, type: sub-message, sub-message: detail, selector: state}
  - {name: sizes, type: binary, sub-type: u16}
  - {name: list, type: indexed-array, sub-type: u8, element-header: {type: u16, first: length, counts: all, byte-order: big-endian,
      length: u16, align: 4}}
  - {name: shelf-of-order, type: nest, nested-attributes: pot}
- name: note
  name-prefix: kettle-n-
  element-header: {}
  attributes:
  - {name: text, type: string, value: 0}
  - {name: weight, type: u16}
sub-messages:
- name: detail
  formats:
  - {value: boiling, type: u8, enum: state}
  - {value: broken, type: string}
operations:
  name-prefix: kettle-cmd-
  attribute-set: pot
  errors: mishap
STRACE  list:
  - {name: pour, value: 16, variants: [{match: {max-len: 4}, fixed-header: dregs, strace: false}]}
";

/// What `nlview` prints of one message with these attributes, in hexadecimal.
fn shown(format: &str, attributes: &str, strace: &str) -> String {
    let digits: String = attributes.split_whitespace().collect();
    let len = 16 + digits.len() / 2;
    message(format, &format!("{:02x}000000 1000 0000 01000000 00000000 {attributes}", len), strace)
}

fn message(format: &str, bytes: &str, strace: &str) -> String {
    let scratch = Scratch::new();
    let (spec, text) = (scratch.path("kettle.yaml"), scratch.path("kettle.nlhex"));
    fs::write(&spec, SPEC.replace("STRACE", strace)).unwrap();
    fs::write(&text, format!("30 > {bytes}\n")).unwrap();
    let mut command = Command::new(&artefacts().nlview);
    command.args(["-f", format, "--read"]).arg(&text).arg("--spec").arg(&spec);
    let out = run(&mut command).expect(0);
    assert!(out.stderr.is_empty(), "{out:?}");
    out.out()
}

/// The attributes and the issues' codes in JSON.
fn decoded(attributes: &str) -> (Value, Vec<String>) {
    let line: Value = serde_json::from_str(&shown("json", attributes, "")).unwrap();
    let issues = line["issues"].as_array().unwrap();
    let codes = issues.iter().map(|issue| issue["code"].as_str().unwrap().to_owned()).collect();
    (line["attrs"].clone(), codes)
}

#[track_caller]
fn assert_decoded(attributes: &str, expected: Value) {
    assert_eq!(decoded(attributes), (expected, Vec::new()));
}

const UNNAMED: &str = "  strace: {attributes: unnamed}\n";

#[test]
fn elements_may_begin_with_a_byte_each_of_type_and_length() {
    assert_decoded(
        "0d000100 00 03 686900 01 02 0500 000000",
        json!([{"name": "KETTLE_A_NOTE", "type": 1, "attrs": [
            {"name": "KETTLE_N_TEXT", "type": 0, "value": "hi"},
            {"name": "KETTLE_N_WEIGHT", "type": 1, "value": 5}]}]),
    );
    let text = shown("strace", "0d000100 00 03 686900 01 02 0500 000000", "");
    assert!(
        text.contains(
            "[[{len=3, type=KETTLE_N_TEXT}, \"hi\"], [{len=2, type=KETTLE_N_WEIGHT}, 5]]"
        ),
        "{text}"
    );
}

#[test]
fn elements_that_do_not_fit_are_shown_as_far_as_they_go() {
    let (attributes, issues) = decoded("0b000100 00 09 6869 07 01 05 00");
    assert_eq!(issues, ["length-too-long"]);
    assert_eq!(attributes[0]["attrs"][0]["value"], "hi\u{7}\u{1}\u{5}");
    let (attributes, issues) = decoded("08000100 09 01 05 00");
    assert_eq!(issues, ["unknown-attribute", "short-header"]);
    assert_eq!(
        attributes[0]["attrs"][0],
        json!({"name": null, "type": 9, "value": null, "raw": "05"})
    );
}

#[test]
fn a_header_may_have_any_order_and_count_itself() {
    assert_decoded(
        "14000800 0005 0102 09000000 0005 ffff 07000000",
        json!([{"name": "KETTLE_A_LIST", "type": 8, "attrs": [
            {"name": null, "type": 0x102, "value": 9}, {"name": null, "type": 0xffff, "value": 7}]}]),
    );
}

/// NLA_F_NET_BYTEORDER says the order of the attribute's numbers, whatever the spec says.
#[test]
fn the_flag_for_network_order_is_honoured() {
    assert_decoded(
        "06000240 0102 0000 08000740 0001 0002",
        json!([{"name": "KETTLE_A_SIZE", "type": 2, "net_byteorder": true, "value": 0x102},
               {"name": "KETTLE_A_SIZES", "type": 7, "net_byteorder": true,
                "items": [{"value": 1}, {"value": 2}]}]),
    );
    // It is the attribute's own, not that of those inside.
    assert_decoded(
        "0c0009c0 06000200 0102 0000",
        json!([{"name": "KETTLE_A_SHELF_OF_ORDER", "type": 9, "nested": true, "net_byteorder": true,
                "attrs": [{"name": "KETTLE_A_SIZE", "type": 2, "value": 0x201}]}]),
    );
}

/// strace ignores the flag where it decodes attributes.
#[test]
fn strace_reads_flagged_numbers_in_host_order_where_it_reads_them() {
    let text = shown("strace", "06000240 0102 0000", "");
    assert!(text.contains("nla_type=NLA_F_NET_BYTEORDER|KETTLE_A_SIZE}, 513]"), "{text}");
    let text = shown("strace", "06000240 0102 0000", UNNAMED);
    assert!(text.contains("nla_type=NLA_F_NET_BYTEORDER|KETTLE_A_SIZE}, htons(258)]"), "{text}");
}

#[test]
fn strace_has_no_word_for_unknown_attributes_where_it_names_none() {
    let text = shown("strace", "06006300 0102 0000", "");
    assert!(text.contains("nla_type=0x63 /* KETTLE_A_??? */}"), "{text}");
    let text = shown("strace", "06006300 0102 0000", UNNAMED);
    assert!(text.contains("{nla_len=6, nla_type=0x63}"), "{text}");
}

#[test]
fn numbers_below_zero_have_names() {
    assert_decoded(
        "08000300 ffffffff 08000300 fffffffe 08000300 00000002",
        json!([{"name": "KETTLE_A_STATE", "type": 3, "value": "KETTLE_BROKEN", "raw": -1},
               {"name": "KETTLE_A_STATE", "type": 3, "value": -2, "raw": -2},
               {"name": "KETTLE_A_STATE", "type": 3, "value": "KETTLE_BOILING", "raw": 2}]),
    );
}

#[test]
fn a_selector_is_read_in_its_attributes_order() {
    assert_decoded(
        "05000600 01000000 08000300 00000002",
        json!([{"name": "KETTLE_A_DETAIL", "type": 6, "value": "KETTLE_WARM", "raw": 1},
               {"name": "KETTLE_A_STATE", "type": 3, "value": "KETTLE_BOILING", "raw": 2}]),
    );
}

#[test]
fn names_may_be_packed_into_one_number() {
    assert_decoded(
        "08000400 000001cd 08000400 00000007 08000400 0000ff00 08000400 00000141",
        json!([{"name": "KETTLE_A_WORDS", "type": 4, "value": ["TEA", "POT"], "raw": 461},
               {"name": "KETTLE_A_WORDS", "type": 4, "value": ["TEA"], "raw": 7},
               {"name": "KETTLE_A_WORDS", "type": 4, "value": "ALL", "raw": 0xff00},
               {"name": "KETTLE_A_WORDS", "type": 4, "value": [5, 1], "raw": 321}]),
    );
    let text = shown("strace", "08000400 000001cd", UNNAMED);
    assert!(text.contains("htonl(TEA<<6|POT)"), "{text}");
    assert!(shown("tree", "08000400 000001cd", "").contains("TEA . POT"));
}

/// The room beyond what is used is left out, but for what is not zero in it.
#[test]
fn a_member_may_say_how_much_of_another_is_used() {
    let fields = |cups: &[u16], label: &str| {
        let cups: Vec<Value> = cups.iter().map(|cup| json!({"value": cup})).collect();
        json!([{"name": "KETTLE_A_SHELF", "type": 5, "struct": "shelf", "fields": [
            {"name": "cups", "items": cups}, {"name": "label", "value": null, "raw": label},
            {"name": "number", "value": 2}]}])
    };
    // Eight bytes are the struct's, and zeros after it its padding.
    assert_decoded(
        "18000500 0100020000000000 6162 00000000 0200 00000000",
        fields(&[1, 2], "6162"),
    );
    assert_decoded(
        "14000500 0100020003000000 6162 00006500 0200",
        fields(&[1, 2, 3], "6162000065"),
    );
    let (_, issues) = decoded("18000500 0100020000000000 6162 00000000 0200 00000001");
    assert_eq!(issues, ["trailing-bytes"]);
}

/// A family's own errors have its names, in the answer to its requests.
#[test]
fn errors_beyond_those_of_c_have_the_familys_names() {
    let error =
        "24000000 0200 0000 01000000 00000000 77ecffff 10000000 1000 0500 01000000 00000000";
    let line: Value = serde_json::from_str(&message("json", error, "")).unwrap();
    assert_eq!(line["error"], json!({"name": "KETTLE_E_HOT", "number": 5001}));
    assert!(message("strace", error, "").contains("{error=-5001, "));
}

/// strace has one form of a message, which another one's length does not change.
#[test]
fn a_variant_may_be_unknown_to_strace() {
    let line: Value = serde_json::from_str(&shown("json", "07000000", "")).unwrap();
    assert_eq!(line["header"]["name"], "dregs");
    let text = shown("strace", "07000000", "");
    assert!(!text.contains("left="), "{text}");
}
