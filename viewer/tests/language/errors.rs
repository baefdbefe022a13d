//! What a wrong spec is said to be: the file, the place in it, the reason.

use std::path::Path;

use nlview::decode::Direction;
use nlview::spec::Registry;

use super::{message, print, registry, spec};

/// What is said of a spec: the error, or the warnings.
fn said(text: &str) -> Result<Vec<String>, String> {
    let mut registry = Registry::builtin();
    registry.add_text(Path::new("t.yaml"), text).map_err(|error| error.to_string())
}

#[track_caller]
fn wrong(text: &str, expected: &str) {
    assert_eq!(said(text), Err(format!("t.yaml:{expected}")), "\n{text}");
}

/// Attribute `x` of the set `a` has this form.
#[track_caller]
fn wrong_form(form: &str, expected: &str) {
    let at = "attribute-sets[0] (a).attributes[0] (x)";
    wrong(&spec(SHAPES, form), &format!(" {at}: {expected}"));
}

/// There is this definition.
#[track_caller]
fn wrong_definition(definition: &str, expected: &str) {
    let text = format!("name: t\ndefinitions:\n- {definition}\n");
    wrong(&text, &format!(" definitions[0]{expected}"));
}

/// There is this operation.
#[track_caller]
fn wrong_operation(operation: &str, expected: &str) {
    let text = format!("name: t\noperations: {{list: [{{name: c, {operation}}}]}}\n");
    wrong(&text, &format!(" operations.list[0]{expected}"));
}

const SHAPES: &str = "- {name: e, type: enum, entries: [one, two]}
- {name: s, type: struct, members: [{name: q, type: u8}]}
- {name: none, type: struct, members: []}";

#[test]
fn yaml_has_line_and_column() {
    wrong("name: t\nattribute-sets: [\n", "2:17: unclosed bracket '['");
    wrong(
        "name: t\ndefinitions:\n\t- {name: a}\n",
        "3:2: tabs disallowed within this context (block indentation)",
    );
    wrong("name: t\nname: u\n", "2:1: duplicate mapping key: name not allowed here");
    wrong("name: t\ndefinitions: *nope\n", "2:14: reference to unknown value");
    wrong("name: t\n---\nname: u\n", "3:1: only single YAML document expected but multiple found");
}

#[test]
fn a_file_is_a_mapping_with_a_name() {
    wrong("", " the file is empty: a spec begins with its name (name: …)");
    for text in ["hello\n", "- a\n- b\n"] {
        wrong(text, " no mapping of keys: a spec begins with its name (name: …)");
    }
    wrong("protocol: genetlink\n", " name: a spec needs a name");
    wrong("name: 5\n", " name: it is a number `5`, expected text");
    wrong(
        "name: \"x\\e[31m\"\n",
        " name: \"x\\u{1b}[31m\": a name consists of printable ASCII without quotes and backslashes",
    );
    wrong("name: t\nimport: [nope]\n", " import[0]: no spec is called \"nope\"");
}

#[test]
fn keys_have_shapes() {
    wrong(
        "name: t\nattribute-sets:\n- {name: a, attributes: {x: u8}}\n",
        " attribute-sets[0].attributes: it is a mapping, expected a list",
    );
    wrong(
        "name: t\nprotocol: netlink-raw\nprotonum: route\n",
        " protonum: it is a text \"route\", expected a number from 0 on",
    );
    wrong_operation("do: yes", ".do: it is a text \"yes\", expected a mapping");
    wrong_operation("value: abc", ".value: it is a text \"abc\", expected a number from 0 on");
}

#[test]
fn what_has_several_forms_has_one_of_them() {
    let entries = |entry: &str| format!("name: t\ndefinitions:\n- {{entries: [{entry}]}}\n");
    for (entry, expected) in [
        ("[x]", ": it is a list, expected a name or a mapping"),
        ("{name: [x]}", ".name: it is a list, expected a word or an integer"),
        ("{value: 1.5}", ".value: it is a fraction `1.5`, expected a word or an integer"),
        ("{mask: x}", ".mask: it is a text \"x\", expected a number from 0 on"),
    ] {
        wrong(&entries(entry), &format!(" definitions[0].entries[0]{expected}"));
    }
    let attribute = |form: &str| spec(SHAPES, &format!("type: u8, {form}"));
    for (form, expected) in [
        ("value: {a: b}", "value: it is a mapping, expected a word, an integer, or a list of them"),
        ("strace: {enum: 5}", "strace.enum: it is a number `5`, expected text"),
        ("strace: [plain]", "strace: it is a list, expected a word or a mapping"),
    ] {
        wrong(&attribute(form), &format!(" attribute-sets[0].attributes[0].{expected}"));
    }
}

#[test]
fn words_are_those_of_the_language() {
    wrong(
        "name: t\nprotocol: netlink-rwa\n",
        " protocol is one of genetlink, genetlink-c, genetlink-legacy, netlink-raw, not \"netlink-rwa\"",
    );
    wrong(
        "name: t\nprotocol: netlink-raw\noperations: {list: [{name: c}]}\n",
        " protonum: a netlink-raw family needs a protonum",
    );
    wrong_form("type: u23", "\"u23\" is no type that there is");
    wrong_form("multi-attr: true", "an attribute needs a type");
    wrong_form(
        "type: u32, byte-order: big",
        "byte-order is one of big-endian, little-endian, not \"big\"",
    );
    wrong_definition(
        "{name: s, type: strukt}",
        " (s): type is one of const, enum, flags, keys, struct, not \"strukt\"",
    );
    wrong_definition(
        "{name: s}",
        " (s): a definition needs a type: const, enum, flags, keys, struct",
    );
    wrong_operation(
        "class: neww",
        " (c): class is one of by-type, del, get, new, none, not \"neww\"",
    );
}

#[test]
fn references_lead_somewhere() {
    wrong_form("type: u8, enum: f", "no definition \"f\"");
    wrong_form("type: u8, enum: s", "\"s\" is of type struct, not enum or flags");
    wrong_form("type: u8, enum: nope/af", "no spec is called \"nope\" (in \"nope/af\")");
    wrong_form("type: binary, struct: e", "\"e\" is of type enum, not struct");
    wrong_form("type: nest, nested-attributes: b", "no attribute set \"b\"");
    wrong_form("type: nest", "a nest needs nested-attributes");
    wrong_form("type: sub-message, sub-message: m, selector: x", "no sub-message \"m\"");
    wrong_form(
        "type: union, selector: kind, formats: [{default: true, type: u8}]",
        "selector \"kind\": no attribute is called so, here or imported",
    );
    wrong_form("type: union, formats: [{default: true, type: u8}]", "this type needs a selector");
    wrong(
        &spec(SHAPES, "type: union, selector: length, formats: [{type: u8}]"),
        " attribute-sets[0] (a).attributes[0] (x).formats[0]: a format needs a value, a range, or default: true",
    );
    wrong_form(
        "type: records, struct: s, length-member: nope",
        "\"nope\" is no number of the struct",
    );
    wrong_operation("attribute-set: nope, do: {request: {}}", " (c): no attribute set \"nope\"");
    wrong_operation("fixed-header: h, do: {request: {}}", " (c): no definition \"h\"");
    wrong_operation("notify: nope", " (c): notify: no operation is called \"nope\"");
    wrong(
        "name: t\nattribute-sets:\n- {name: a, subset-of: b, attributes: [{name: x}]}\n",
        " attribute-sets[0] (a): subset-of \"b\", which is no set",
    );
}

#[test]
fn numbers_have_bounds() {
    wrong_form("type: u32, value: 99999", "99999 is no attribute number");
    wrong_form("type: u32, value: -1", "-1 is no attribute number");
    wrong_operation("value: 300, do: {request: {}}", " (c): 300 is no command, which is a byte");
    wrong_form("type: binary, struct: none, array: true", "an array of structs of no fixed size");
    for len in ["-4", "9223372036854775807"] {
        wrong_definition(
            &format!("{{name: s, type: struct, members: [{{name: q, type: binary, len: {len}}}]}}"),
            " (s).members[0] (q): len: no message holds so much",
        );
    }
    wrong_definition(
        "{name: s, type: struct, members: [{name: q, type: binary, len: n}]}",
        " (s).members[0] (q): len \"n\" is no member before this one",
    );
    wrong_definition(
        "{name: s, type: struct, members: [{name: q, type: u8, bits: [{name: a, width: 9}]}]}",
        " (s).members[0] (q): 9 bits do not fit into the 8 of a number",
    );
    wrong_definition(
        "{name: e, type: enum, entries: [{name: a, value: x}]}",
        " (e).entries[0] (a): value is no number",
    );
}

#[test]
fn what_no_message_leads_to_is_looked_at_too() {
    wrong_definition(
        "{name: s, type: struct, members: [{name: q, type: u9}]}",
        " (s).members[0] (q): \"u9\" is no type that there is",
    );
    wrong_definition(
        "{name: s, type: struct, members: [{name: q, struct: s}]}",
        " (s): the struct holds itself (s > s)",
    );
    wrong(
        "name: t\nattribute-sets:\n- {name: a, attributes: [{name: x, type: u9}]}\n",
        " attribute-sets[0] (a).attributes[0] (x): \"u9\" is no type that there is",
    );
}

#[test]
fn what_does_no_harm_is_a_warning() {
    let warned = |form: &str| said(&spec(SHAPES, form)).unwrap();
    let at = "t.yaml: attribute-sets[0]";
    assert_eq!(
        warned("type: u32, enmu: e"),
        [format!("{at}.attributes[0].enmu: unknown key, ignored")]
    );
    assert_eq!(
        warned("type: u32, display-hint: hexx"),
        [format!("{at} (a).attributes[0] (x): nothing is known of display-hint \"hexx\"")]
    );
    assert_eq!(warned("type: u32, doc: how many"), [""; 0]);
}

#[test]
fn a_spec_that_replaces_another_need_not_have_all_of_it() {
    let own = "name: rt-link\nprotocol: netlink-raw\nprotonum: 0
operations: {name-prefix: my-, list: [{name: link, do: {request: {value: 16}}}]}\n";
    assert_eq!(said(own).unwrap(), [""; 0]);
    let registry = registry(&[own]);
    let shown = |ty: u16, payload: &[u8]| {
        print(&registry, "strace", (0, Direction::Send, &message(ty, 1, payload)))
    };
    assert!(shown(16, &[]).contains("nlmsg_type=MY_LINK"));
    // Others refer to what it has not.
    assert!(shown(30, &[7; 16]).contains("ifi_family=AF_BRIDGE"), "{}", shown(30, &[7; 16]));
    wrong(
        "name: common\ndefinitions:\n- {name: af, type: struct, members: [{name: x, type: u8}]}\n",
        " built-in rt-addr refers to it: definitions[2] (ifaddrmsg).members[0] (family): \
         \"common/af\" is of type struct, not enum or flags",
    );
}

#[test]
fn what_comes_with_the_viewer_is_sound() {
    assert_eq!(Registry::builtin().check().unwrap(), [""; 0]);
}
