//! Numbers whose bits mean several things.

use super::{shown, spec, strace_value};

const ACT: &str =
    "- {name: act, type: enum, name-prefix: act-, unknown-label: 'ACT_???', entries: [ok, drop,
    {name: jump, value: 0x10000000, under: 0xf0000000}, {name: leap, alias-of: jump}]}";

#[test]
fn a_name_for_some_bits_of_a_number() {
    let spec = spec(ACT, "type: u32, enum: act");
    let value = |v: u32| strace_value(&spec, &v.to_ne_bytes());
    assert_eq!(value(1), "ACT_DROP");
    assert_eq!(value(0x1000_0000), "ACT_JUMP");
    assert_eq!(value(0x1000_0007), "ACT_JUMP|0x7");
    assert_eq!(value(7), "0x7 /* ACT_??? */");
    assert_eq!(value(0x2000_0007), "0x20000007 /* ACT_??? */");
    let bytes = 0x1000_0007u32.to_ne_bytes();
    assert!(shown(&spec, "tree", &bytes).contains("ACT_JUMP 7"));
    let json = shown(&spec, "json", &bytes);
    assert!(json.contains(r#""value":["ACT_JUMP","0x7"],"raw":268435463"#), "{json}");
}

#[test]
fn the_part_without_a_name_may_be_the_higher_one() {
    let verdict = "- {name: v, type: enum, name-prefix: v-, entries: [drop, accept, stolen,
        {name: queue, under: 0xffff}]}";
    let spec = spec(verdict, "type: u32, enum: v");
    assert_eq!(strace_value(&spec, &0x5_0003u32.to_ne_bytes()), "V_QUEUE|0x5");
}

#[test]
fn an_alias_is_a_number_of_the_same_value() {
    let union =
        "type: union, selector: length, formats: [{default: true, fixed-header: h, type: union,
        selector: struct.act, selector-enum: act, formats: [{value: leap, type: u32}]}]";
    let head = format!(
        "{ACT}\n- {{name: h, type: struct, members: [{{name: act, type: u32, enum: act}}]}}"
    );
    let bytes = [0x1000_0000u32.to_ne_bytes(), 9u32.to_ne_bytes()].concat();
    assert_eq!(strace_value(&spec(&head, union), &bytes), "{act=ACT_JUMP}, 9");
}

#[test]
fn bit_fields_and_the_order_of_their_bytes() {
    let bits = |more: &str| {
        format!(
            "- {{name: s, type: struct, members: [{{name: w, type: u32,
            bits: [{{name: a, width: 16{more}}}, {{name: b, width: 4}}, {{name: c, width: 12}}]}}]}}"
        )
    };
    let bytes = [1, 2, 0x43, 0x65];
    let form = "type: binary, struct: s";
    assert_eq!(strace_value(&spec(&bits(""), form), &bytes), "{a=513, b=3, c=1620}");
    let big = bits(", byte-order: big-endian");
    assert_eq!(strace_value(&spec(&big, form), &bytes), "{a=258, b=3, c=1620}");
}
