//! What strace makes of values where that differs from what they mean.

use nlview::decode::Direction;

use super::{message, print, registry, shown, spec, strace_value};

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

/// What the strace format shows of a message that has these two bytes for its header.
fn cut(definitions: &str, operation: &str) -> String {
    let spec = format!(
        "name: t\nprotocol: netlink-raw\nprotonum: 29\ndefinitions:\n{definitions}\n\
         operations: {{list: [{{name: c, value: 16, do: {{request: {{}}}}, {operation}}}]}}\n"
    );
    let text =
        print(&registry(&[&spec]), "strace", (29, Direction::Send, &message(16, 0, &[1, 2])));
    let (_, body) = text.split_once("}, ").unwrap_or_else(|| panic!("{text}"));
    body.trim_end().strip_suffix(']').unwrap().to_owned()
}

#[test]
fn a_cut_header_may_be_something_else() {
    let header = "{name: h, type: struct, members: [{name: a, type: u8}, {name: b, type: u32}]";
    let other = "- {name: o, type: struct, members: [{name: x, type: u8},
        {name: y, type: binary, len: rest}]}";
    for (strace, expected) in [
        ("", "{a=1, ...}"),
        (", strace: {short: text}", r#""\1\2""#),
        (", strace: {short: bytes}", r#""\x01\x02""#),
        (", strace: {short: o}", r#"{x=1, y="\x02"}"#),
    ] {
        let definitions = format!("{other}\n- {header}{strace}}}");
        assert_eq!(cut(&definitions, "fixed-header: h"), expected);
    }
    // What an operation says counts more.
    let definitions = format!("{other}\n- {header}, strace: {{short: text}}}}");
    let operation = "fixed-header: h, strace: {short: o}";
    assert_eq!(cut(&definitions, operation), r#"{x=1, y="\x02"}"#);
}
