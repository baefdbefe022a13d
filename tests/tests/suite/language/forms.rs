//! Forms of payloads: unions by paths, tables, texts of names and values, records, lengths, what a header
//! chooses.

use nltests::run::replay;
use nltests::scratch::Scratch;
use serde_json::{Value, json};

use super::{fields, header, parsed, shown, shown_as};

#[test]
fn an_address_is_of_the_family_that_stands_behind_or_around_it() {
    let spec = "
definitions:
- {name: inner, type: struct, members: [{name: addr, type: union, len: 16,
    selector: [struct.family, struct.other.family], selector-enum: common/af, formats: [
      {value: inet, type: binary, display-hint: ipv4}, {value: inet6, type: binary, display-hint: ipv6},
      {default: true, type: binary}]}]}
- {name: other, type: struct, members: [{name: family, type: u16, enum: common/af}]}
- {name: outer, type: struct, members: [{name: a, type: binary, struct: inner}, {name: family, type: u16},
    {name: other, type: binary, struct: other}]}
attribute-sets:
- {name: set, attributes: [{name: addr, type: union, selector: header.other.family, selector-enum: common/af,
    formats: [{value: inet, type: binary, display-hint: ipv4, zero-fill: true}, {default: true, type: binary}]}]}
operations: {list: [{name: go, value: 16, fixed-header: outer, attribute-set: set}]}
";
    let address = [[192, 0, 2, 1].as_slice(), &[0; 12]].concat();
    let attribute = [&[20, 0, 1, 0], address.as_slice()].concat();
    for (family, other, expected) in [
        (2_u8, 9_u8, json!("192.0.2.1")),
        (0, 2, json!("192.0.2.1")),
        (0, 10, json!("c000:201::")),
        (0, 9, Value::Null),
    ] {
        let payload = [&address, [family, 0, other, 0].as_slice(), &attribute].concat();
        let message = parsed(spec, &payload);
        let inner = &message["header"]["fields"][0];
        assert_eq!(inner["fields"][0]["value"], expected, "{message}");
        let shown = &message["attrs"][0]["value"];
        assert_eq!(*shown, if other == 2 { json!("192.0.2.1") } else { Value::Null }, "{message}");
        assert_eq!(message["issues"], json!([]), "{message}");
    }
}

#[test]
fn a_selector_goes_into_a_union() {
    let spec = "
definitions:
- {name: kind, type: struct, members: [{name: which, type: u8}]}
- {name: h, type: struct, members: [{name: tag, type: u8}, {name: u, type: union, len: 1, selector: struct.tag,
    formats: [{value: 1, struct: kind}, {default: true, type: u8}]}, {name: pad, type: pad, len: 2}]}
operations:
  list:
  - {name: go, value: 16, fixed-header: h, payload: {type: union, selector: header.u.which,
      formats: [{value: 7, type: string}, {default: true, type: u32}]}}
";
    assert_eq!(parsed(spec, b"\x01\x07\0\0abc\0")["value"], json!("abc"));
    assert_eq!(parsed(spec, b"\x02\x07\0\0\x05\0\0\0")["value"], json!(5));
}

#[test]
fn lengths_in_bits_and_words() {
    let spec = "
definitions:
- {name: h, type: struct, members: [{name: bits, type: u8}, {name: words, type: u8},
    {name: a, type: binary, len: bits, len-in: bits},
    {name: b, type: bitmap, sub-type: u32, len: words, len-in: words}]}
operations: {list: [{name: go, value: 16, fixed-header: h}]}
";
    let message = parsed(spec, b"\x09\x02\xaa\xbb\x0f\0\0\x80\x01\0\0\0");
    assert_eq!(message["header"]["fields"][2]["raw"], json!("aabb"));
    assert_eq!(message["header"]["fields"][3]["value"], json!([0, 1, 2, 3, 31, 32]));
    let strace = shown(spec, "strace", b"\x09\x02\xaa\xbb\x0f\0\0\x80\x01\0\0\0");
    assert!(strace.contains("b=[0 1 2 3 31 32]"), "{strace}");
    let most = shown(spec, "strace", b"\x00\x01\xfb\xff\xff\xff");
    assert!(most.contains("b=~[2]"), "{most}");
}

const TABLE: &str = "
definitions:
- {name: op, type: enum, entries: [{name: lt, c-name: LT}, {name: eq, c-name: EQ}]}
- {name: key, type: enum, entries: [{name: num, c-name: NUM}, {name: word, c-name: WORD}]}
- {name: h, type: struct, members: [{name: used, type: u8},
    {name: keys, type: u8, count: 3, rows: used, column: 1, enum: key},
    {name: vals, type: union, len: 1, count: 3, rows: used, column: 3, selector: struct.keys, selector-enum: key,
     formats: [{value: word, type: string, cut-from: buf}, {default: true, type: u8}]},
    {name: ops, type: u8, count: 3, rows: used, column: 2, enum: op},
    {name: len, type: u8}, {name: buf, type: binary, len: len, display-hint: text}]}
operations: {list: [{name: go, value: 16, fixed-header: h}]}
";

#[test]
fn columns_are_shown_as_rows() {
    let payload = b"\x03\x01\0\x01\x02\x07\x03\x01\x01\0\x06hiyou!";
    let message = parsed(TABLE, payload);
    let rows = message["header"]["fields"][1]["items"].as_array().unwrap().clone();
    let row = |n: usize| fields(&rows[n]).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    assert_eq!(row(0), [json!("WORD"), json!("EQ"), json!("hi")]);
    assert_eq!(row(1), [json!("NUM"), json!("EQ"), json!(7)]);
    assert_eq!(row(2), [json!("WORD"), json!("LT"), json!("you")]);
    assert_eq!(rows.len(), 3);
    // What nothing was cut from is still there.
    let left = &message["header"]["fields"][3];
    assert_eq!((&left["name"], &left["raw"]), (&json!("buf"), &json!("21")), "{message}");
    assert_eq!(message["issues"][0]["code"], json!("trailing-bytes"));
    let strace = shown(TABLE, "strace", payload);
    assert!(strace.contains("keys=[{keys=WORD, ops=EQ, vals=\"hi\"}, {keys=NUM, "), "{strace}");
    let tree = shown(TABLE, "tree", payload);
    assert!(tree.contains("keys [{WORD  EQ  \"hi\"}  {NUM  EQ  7}"), "{tree}");
}

#[test]
fn rows_that_are_not_said_to_be_used_are_shown_if_they_hold_something() {
    let rows = |payload: &[u8]| {
        parsed(TABLE, payload)["header"]["fields"][1]["items"].as_array().map(Vec::len)
    };
    assert_eq!(rows(&[1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0]), Some(1));
    assert_eq!(rows(&[1, 0, 0, 0, 5, 0, 9, 0, 0, 0, 0]), Some(3));
    assert_eq!(rows(&[200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Some(3));
}

#[test]
fn a_text_that_is_longer_than_what_it_is_cut_from() {
    let message = parsed(TABLE, b"\x01\x01\0\0\xff\0\0\0\0\0\x02hi");
    assert_eq!(message["issues"][0]["code"], json!("length-too-long"), "{message}");
    assert_eq!(message["header"]["fields"][1]["items"][0]["fields"][2]["value"], json!("hi"));
}

const PAIRS: &str = "
definitions:
- name: known
  type: keys
  members:
  - {names: [pid, uid], type: s32}
  - {name: code, type: u8, base: 16, display-hint: hex}
  - {name: 'arg*', type: string, display-hint: hex-text}
  - {name: msg, type: key-values}
operations:
  list:
  - {name: words, value: 16, payload: {type: key-values, keys: known, strace: {type: binary, display-hint: text}}}
";

#[test]
fn texts_of_names_and_values() {
    let text =
        b"head(1:2): pid=-3 uid=x code=ff arg0=6869 arg1=\"a b\" msg='op=go pid=4' other= (last)\n";
    let message = parsed(PAIRS, text);
    assert_eq!(
        fields(&message),
        [
            (String::new(), json!("head(1:2):")),
            ("pid".into(), json!(-3)),
            ("uid".into(), json!("x")),
            ("code".into(), json!(255)),
            ("arg0".into(), json!("hi")),
            ("arg1".into(), json!("a b")),
            ("msg".into(), Value::Null),
            ("other".into(), json!("")),
            (String::new(), json!("(last)")),
        ]
    );
    assert_eq!(
        fields(&message["fields"][6]),
        [("op".to_owned(), json!("go")), ("pid".to_owned(), json!(4))]
    );
    let tree = shown(PAIRS, "tree", text);
    assert!(tree.contains("\"head(1:2):\"  pid -3  uid \"x\"  code 0xff  arg0 \"hi\""), "{tree}");
    assert!(tree.contains("msg {op \"go\"  pid 4}"), "{tree}");
    let strace = shown(PAIRS, "strace", b"a=1 b=2");
    assert!(strace.contains("\"a=1 b=2\""), "{strace}");
}

#[test]
fn texts_cannot_drive_a_terminal() {
    let text = b"a\x1b[2J=1 \x9b=2 ok=\x1b[2J \"=\" '=x";
    for format in crate::formats() {
        let out = shown(PAIRS, &format, text);
        assert_eq!(out.chars().find(|c| c.is_control() && *c != '\n'), None, "{format}: {out}");
    }
}

#[test]
fn texts_cost_time_by_their_length() {
    let began = std::time::Instant::now();
    for piece in [&b"a='x "[..], b"a=\"x ", b"x ", b"a=1 ", b"' "] {
        let _out = shown(PAIRS, "json", &piece.repeat(60_000));
    }
    assert!(began.elapsed().as_secs() < 20, "it took {:?}", began.elapsed());
}

#[test]
fn properties() {
    let spec = "
operations: {list: [{name: p, value: 16, payload: {type: properties}}]}
";
    let message = parsed(spec, b"add@/x\0A=1\0B=\0no name\0");
    let expected = [("", "add@/x"), ("A", "1"), ("B", ""), ("", "no name")];
    let expected = expected.map(|(name, value)| (name.to_owned(), json!(value)));
    assert_eq!(fields(&message), expected);
    let tree = shown(spec, "tree", b"add@/x\0A=1\0B=two\0");
    assert!(tree.contains("\n      A                     \"1\"\n      B "), "{tree}");
}

#[test]
fn records_with_bodies_of_any_form() {
    let spec = "
definitions:
- {name: rec, type: struct, members: [{name: len, type: u8}, {name: kind, type: u8}]}
operations:
  list:
  - name: go
    value: 16
    payload: {type: records, struct: rec, length-member: len, length-of: body, align: 1, body: {type: union,
      selector: struct.kind, formats: [{value: 1, type: string}, {default: true, type: u16}]}}
";
    let message = parsed(spec, b"\x03\x01hi\0\x02\x02\x05\0\x00\x09");
    let items = message["items"].as_array().unwrap();
    let values: Vec<&Value> = items.iter().map(|item| &item["value"]).collect();
    assert_eq!(values, [&json!("hi"), &json!(5), &Value::Null], "{message}");
    let cut = parsed(spec, b"\x09\x01hi");
    assert_eq!(cut["issues"][0]["code"], json!("length-too-long"), "{cut}");
}

#[test]
fn a_header_says_how_long_what_follows_is() {
    let spec = "
definitions: [{name: h, type: struct, members: [{name: len, type: u32}]}]
operations: {list: [{name: go, value: 16, fixed-header: h, payload-len: len, payload: {type: string}}]}
";
    let message = parsed(spec, b"\x03\0\0\0ab\0tail");
    assert_eq!(message["value"], json!("ab"));
    assert_eq!(message["rest"][0]["raw"], json!("7461696c"));
    let message = parsed(spec, b"\x09\0\0\0ab\0");
    assert_eq!(message["issues"][0]["code"], json!("length-too-long"));
}

#[test]
fn low_types_may_be_a_protocol_s_own() {
    let spec = |control: &str| {
        format!(
            "{control}\noperations: {{list: [{{name: own, value: 3, c-name: OWN, payload: text}}]}}\n"
        )
    };
    let own = spec("control-messages: false");
    let message: Value =
        serde_json::from_str(&shown_as(&own, "json", false, 3, b"\0\0\0\0hi")).unwrap();
    assert_eq!((&message["type"], &message["error"]), (&json!("OWN"), &Value::Null));
    assert_eq!(message["value"], json!("\0\0\0\0hi"));
    let tree = shown_as(&own, "tree", false, 3, b"\0\0\0\0hi");
    assert!(tree.contains("OWN") && !tree.contains("done"), "{tree}");
    let usual = shown_as(&spec(""), "tree", false, 3, b"\0\0\0\0");
    assert!(usual.contains("done"), "{usual}");
}

#[test]
fn types_split_elsewhere() {
    let spec = "
type-split: client
type-shift: 10
match: {type-high: 5}
definitions: [{name: client, type: enum, entries: [{name: five, value: 5, c-name: FIVE}]}]
operations: {unknown-label: 'OP_???', list: [{name: op, value: 700, c-name: OP, payload: text}]}
";
    let strace = |kind| shown_as(spec, "strace", true, kind, b"hi");
    assert!(strace(5 << 10 | 700).contains("nlmsg_type=FIVE<<10|OP,"), "{}", strace(5 << 10 | 700));
    assert!(strace(5 << 10 | 7).contains("nlmsg_type=FIVE<<10|0x7 /* OP_??? */,"));
}

#[test]
fn flags_in_attribute_types_and_headers() {
    let spec = "
definitions:
- {name: must, type: flags, entries: [{name: must, value: 13, c-name: MUST}]}
- {name: failed, type: flags, entries: [{name: failed, value: 8, c-name: FAILED}]}
attribute-sets: [{name: set, name-prefix: x-, type-flags: must, attributes: [{name: num, type: u32}]}]
operations: {list: [{name: go, value: 16, header-flags: failed, attribute-set: set}]}
";
    let payload = b"\x08\0\x01\x20\x05\0\0\0";
    let attr = &parsed(spec, payload)["attrs"][0];
    assert_eq!(*attr, json!({"name": "X_NUM", "type": 8193, "flags": ["MUST"], "value": 5}));
    assert!(shown(spec, "strace", payload).contains("nla_type=MUST|X_NUM}, 5"));
}

#[test]
fn a_length_may_leave_out_the_header() {
    let spec = "
length-without-header: true
operations: {list: [{name: go, value: 16, payload: text}]}
";
    let scratch = Scratch::new();
    let spec = format!("name: thing\nprotocol: netlink-raw\nprotonum: 31\n{spec}");
    let spec = scratch.file("thing.yaml", spec);
    for (sent, expected) in [(false, "whole text"), (true, "whole")] {
        let mut bytes =
            vec![if sent { 21 } else { 10 }, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(&b"whole text"[..expected.len()]);
        let line = nltests::hextext::Line { protocol: "31".into(), sent, bytes };
        let file = scratch.file("x.nlhex", line.text() + "\n");
        let out = replay(&file, "json", &["--spec", spec.to_str().unwrap()]).expect(0).out();
        let message: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(message["value"], json!(expected), "{message}");
        assert_eq!(message["issues"], json!([]), "{message}");
    }
}

#[test]
fn dumps_and_numbers_choose_variants() {
    let spec = "
definitions:
- {name: a, type: struct, members: [{name: xx, type: u32}]}
- {name: b, type: struct, members: [{name: yy, type: u16}, {name: tag, type: u16}]}
operations: {list: [{name: go, value: 16, fixed-header: a, variants: [{match: {body-u16: {offset: 2, value: 513}},
  fixed-header: b}]}]}
";
    assert_eq!(header(&parsed(spec, b"\x05\0\x01\x02"))[0].0, "yy");
    assert_eq!(header(&parsed(spec, b"\x05\0\x02\x01"))[0].0, "xx");
}

#[test]
fn text_where_it_is_some() {
    let spec = "
operations: {list: [{name: go, value: 16, payload: {type: binary, display-hint: readable}}]}
";
    assert_eq!(parsed(spec, b"hello\0")["value"], json!("hello"));
    assert_eq!(parsed(spec, b"hel\x01lo")["raw"], json!("68656c016c6f"));
}

#[test]
fn a_member_that_is_cut_is_shown_as_far_as_it_goes() {
    let spec = "
definitions:
- {name: in, type: struct, members: [{name: p, type: u8}, {name: q, type: u32}]}
- {name: h, type: struct, members: [{name: a, type: u8}, {name: inner, type: binary, struct: in}]}
operations: {list: [{name: go, value: 16, fixed-header: h}]}
";
    let message = parsed(spec, b"\x01\x02\x03\x04");
    let inner = &message["header"]["fields"][1]["fields"];
    assert_eq!(inner[0]["value"], json!(2), "{message}");
    assert_eq!(inner[1]["raw"], json!("0304"), "{message}");
}
