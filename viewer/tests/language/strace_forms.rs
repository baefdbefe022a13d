//! What strace makes of values where that differs from what they mean.

use super::{shown, spec, strace_value};

const PAIR: &str =
    "- {name: e, type: enum, name-prefix: e-, unknown-label: 'E_???', entries: [zero, one]}
- {name: pair, type: struct, strace: {order: [b, a], short: text},
   members: [{name: a, type: u8}, {name: b, type: u8}]}";

#[test]
fn members_in_another_order() {
    let spec = spec(PAIR, "type: binary, struct: pair");
    assert_eq!(strace_value(&spec, &[1, 2]), "{b=2, a=1}");
    assert!(shown(&spec, "tree", &[1, 2]).contains("a 1  b 2"));
}

#[test]
fn a_struct_that_is_cut_as_text() {
    let spec = spec(PAIR, "type: binary, struct: pair");
    assert_eq!(strace_value(&spec, b"x"), "\"x\"");
}

#[test]
fn the_number_first() {
    let spec = spec(PAIR, "type: u8, enum: e, strace: {enum: e, number-first: true}");
    assert_eq!(strace_value(&spec, &[1]), "0x1 /* E_ONE */");
    assert_eq!(strace_value(&spec, &[7]), "0x7 /* E_??? */");
    assert!(shown(&spec, "tree", &[1]).contains("E_ONE"));
}

#[test]
fn a_form_by_the_value_itself() {
    let spec = spec(
        PAIR,
        "type: u16, byte-order: big-endian, strace: {type: union, selector: value, formats: [
            {value: 1, type: u16, enum: e}, {default: true, type: u16, byte-order: big-endian}]}",
    );
    assert_eq!(strace_value(&spec, &1u16.to_ne_bytes()), "E_ONE");
    assert_eq!(strace_value(&spec, &[0, 5]), "htons(5)");
}

#[test]
fn a_list_in_a_member_keeps_its_name() {
    let definitions = "- {name: s, type: struct, members: [{name: n, type: u8},
        {name: list, type: binary, len: n, sub-type: u8}]}";
    let spec = spec(definitions, "type: binary, struct: s");
    assert_eq!(strace_value(&spec, &[2, 8, 9]), "{n=2, list=[8, 9]}");
}
