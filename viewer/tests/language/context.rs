//! Forms that depend on what is around them: structs, the request that is answered.

use nlview::decode::{Asked, Direction, Engine, Requests};
use nlview::wire::message::Nlmsghdr;

use super::{FAMILY, GENERIC, Known, attr, message, print_with, registry, spec, strace_value};

const UNION: &str = "type: union, len: 2, selector: struct.family, formats: [
    {value: 1, type: u8, display-hint: hex}, {value: 2, type: u16}]";

#[test]
fn a_struct_asks_the_struct_around_it() {
    let definitions = format!(
        "- {{name: inner, type: struct, members: [{{name: v, {UNION}}}]}}
- {{name: outer, type: struct, members: [{{name: family, type: u8}}, {{name: i, struct: inner}}]}}"
    );
    let spec = spec(&definitions, "type: binary, struct: outer");
    assert_eq!(strace_value(&spec, &[1, 0x20, 0]), "{family=1, i={v=0x20}}");
    assert_eq!(strace_value(&spec, &[2, 0x20, 0]), "{family=2, i={v=32}}");
}

#[test]
fn with_says_which_member_is_meant() {
    let definitions = format!(
        "- {{name: inner, type: struct, members: [{{name: v, {UNION}}}]}}
- {{name: outer, type: struct, members: [{{name: a, type: u8}}, {{name: b, type: u8}},
    {{name: i, struct: inner, with: {{family: a}}}},
    {{name: j, struct: inner, count: 2, with: {{family: b}}}}]}}"
    );
    let spec = spec(&definitions, "type: binary, struct: outer");
    assert_eq!(
        strace_value(&spec, &[1, 2, 9, 0, 9, 0, 8, 0]),
        "{a=1, b=2, i={v=0x9}, j=[{v=9}, {v=8}]}"
    );
}

/// One request that everything answers.
struct Always(Vec<u8>);

impl Requests for Always {
    fn asked(&self, _answer: &Nlmsghdr) -> Option<Asked<'_>> {
        Some(Asked::once(&self.0))
    }
}

const ASKS: &str = "
name: t
definitions:
- {name: kind, type: enum, entries: [none, text, number]}
- {name: head, type: struct, members: [{name: how, type: u32, enum: kind}]}
attribute-sets:
- name: a
  name-prefix: t-a-
  attributes:
  - name: x
    type: union
    selector: request.how
    formats:
    - {value: text, type: string}
    - {value: number, type: u32}
    - {default: true, type: union, selector: request.attr.y, formats: [{value: text, type: string}]}
  - {name: y, type: u8, enum: kind}
operations: {name-prefix: t-, list: [{name: c, attribute-set: a, do: {request: {fixed-header: head}, reply: {}}}]}
";

fn answered(request: &[u8], direction: Direction) -> String {
    let registry = registry(&[ASKS]);
    let requests = Always(message(FAMILY, 1, request));
    let engine = Engine { registry: &registry, names: &Known, requests: &requests };
    let answer = message(FAMILY, 0, &[vec![1, 0, 0, 0], attr(1, b"abc\0")].concat());
    let text = print_with(&engine, "strace", (GENERIC, direction, &answer));
    text.split_once("T_A_X}, ").map_or(text.clone(), |(_, value)| value.replace("]]\n", ""))
}

#[test]
fn an_answer_is_read_by_its_request() {
    let receive = Direction::Receive;
    assert_eq!(answered(&[1, 0, 0, 0, 1, 0, 0, 0], receive), "\"abc\"");
    assert_eq!(answered(&[1, 0, 0, 0, 2, 0, 0, 0], receive), "6513249");
    let by_attribute = [vec![1, 0, 0, 0, 0, 0, 0, 0], attr(2, &[1])].concat();
    assert_eq!(answered(&by_attribute, receive), "\"abc\"");
}

#[test]
fn without_a_request_nothing_is_guessed() {
    let bytes = "\"\\x61\\x62\\x63\\x00\"";
    // Of a command that there is not, cut short, without the attribute.
    for request in [&[9, 0, 0, 0, 1, 0, 0, 0][..], &[1], &[1, 0, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(answered(request, Direction::Receive), bytes, "{request:?}");
    }
    // What the program itself sends answers nothing.
    let sent = answered(&[1, 0, 0, 0, 1, 0, 0, 0], Direction::Send);
    assert!(!sent.contains("\"abc\""), "{sent}");
}
