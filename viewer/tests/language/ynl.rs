//! Specs in the kernel's own vocabulary, which load as they are: each of its four schemas, and all that
//! its files make use of.

use nlview::decode::Direction;
use serde_json::{Value, json};

use super::{FAMILY, GENERIC, attr, message, print, registry};

const PLAIN: &str = include_str!("ynl/plain.yaml");
const LEGACY: &str = include_str!("ynl/legacy.yaml");
const RAW: &str = include_str!("ynl/raw.yaml");

/// The protocol that [`RAW`] describes.
const WIRE: u32 = 29;

fn shown(spec: &str, protocol: u32, direction: Direction, bytes: &[u8]) -> Value {
    let line = print(&registry(&[spec]), "json", (protocol, direction, bytes));
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["issues"], json!([]), "{line}");
    line
}

/// A message of the generic family, with this command.
fn generic(spec: &str, direction: Direction, command: u8, payload: &[&[u8]]) -> Value {
    let body = [&[command, 1, 0, 0], &*payload.concat()].concat();
    shown(spec, GENERIC, direction, &message(FAMILY, 0, &body))
}

fn raw(direction: Direction, ty: u16, payload: &[&[u8]]) -> Value {
    shown(RAW, WIRE, direction, &message(ty, 0, &payload.concat()))
}

/// The attributes as pairs of a name and what it has.
fn attrs(of: &Value) -> Value {
    let pair = |node: &Value| {
        let name = node["name"].clone();
        let name = if name.is_null() { node["type"].clone() } else { name };
        if !node["attrs"].is_null() {
            return json!([name, attrs(&node["attrs"])]);
        }
        for list in ["fields", "items"] {
            if let Some(all) = node[list].as_array() {
                return json!([name, all.iter().map(field).collect::<Vec<_>>()]);
            }
        }
        let value =
            if node["value"].is_null() { node["raw"].clone() } else { node["value"].clone() };
        json!([name, value])
    };
    of.as_array().unwrap().iter().map(pair).collect()
}

fn field(node: &Value) -> Value {
    match (&node["name"], &node["fields"]) {
        (Value::Null, _) => node["value"].clone(),
        (name, Value::Array(all)) => json!([name, all.iter().map(field).collect::<Vec<_>>()]),
        (name, _) => {
            json!([name, if node["value"].is_null() { &node["raw"] } else { &node["value"] }])
        }
    }
}

#[test]
fn operations_have_one_numbering_and_answers_the_number_of_their_request() {
    for (direction, command, name) in [
        (Direction::Send, 1, "T_CMD_GET"),
        (Direction::Receive, 1, "T_CMD_GET"),
        (Direction::Receive, 2, "T_CMD_THING_ADDED"),
        (Direction::Send, 7, "T_CMD_HOLD"),
        (Direction::Receive, 8, "T_CMD_THING_HEARD"),
    ] {
        assert_eq!(generic(PLAIN, direction, command, &[])["operation"], name);
    }
    // A notification has the attributes of what it tells of.
    let told = generic(PLAIN, Direction::Receive, 2, &[&attr(1, &7u32.to_ne_bytes())]);
    assert_eq!(attrs(&told["attrs"]), json!([["T_A_THING_INDEX", 7]]));
}

#[test]
fn attributes_have_the_forms_of_the_plain_schema() {
    let uuid = "00112233445566778899aabbccddeeff";
    let bytes: Vec<u8> =
        (0..16).map(|i| u8::from_str_radix(&uuid[2 * i..2 * i + 2], 16).unwrap()).collect();
    let part = attr(3, &5u32.to_ne_bytes());
    let other = [attr(4, &(-2i16).to_ne_bytes()), attr(5, &[10])].concat();
    let cases: &[(u16, &[u8], Value)] = &[
        (4, &[11], json!(["T_A_THING_COLOUR", "T_COLOUR_GREEN"])),
        (4, &[41], json!(["T_A_THING_COLOUR", "T_COLOUR_NEXT"])),
        (4, &[9], json!(["T_A_THING_COLOUR", 9])),
        (
            5,
            &0x15u32.to_ne_bytes(),
            json!(["T_A_THING_ABILITIES", ["T_CAN_WALK", "T_CAN_FLY", "0x10"]]),
        ),
        (
            6,
            &((1u64 << 41) | (1 << 10)).to_ne_bytes(),
            json!(["T_A_THING_COLOURS", ["T_COLOUR_RED", "T_COLOUR_NEXT"]]),
        ),
        (7, &8u32.to_ne_bytes(), json!(["T_A_THING_COUNT", 8])),
        (7, &(1u64 << 40).to_ne_bytes(), json!(["T_A_THING_COUNT", 1u64 << 40])),
        (8, &(-3i32).to_ne_bytes(), json!(["T_A_THING_DIFFERENCE", -3])),
        (8, &(-4i64).to_ne_bytes(), json!(["T_A_THING_DIFFERENCE", -4])),
        (9, &[192, 0, 2, 1], json!(["T_A_THING_ADDRESS", "192.0.2.1"])),
        (
            9,
            &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            json!(["T_A_THING_ADDRESS", "2001:db8::1"]),
        ),
        (10, &[2, 0, 0, 0, 0, 9], json!(["T_A_THING_MAC", "02:00:00:00:00:09"])),
        (11, &bytes, json!(["T_A_THING_ID", "00112233-4455-6677-8899-aabbccddeeff"])),
        (12, &[0x12, 0x34], json!(["T_A_THING_KEY", 0x1234])),
        (13, &[], json!(["T_A_THING_ALIVE", true])),
        (14, &part, json!(["T_A_THING_PART", [["T_A_PART_SIZE", 5]]])),
        (14, &other, json!(["T_A_THING_PART", [["T_A_PART_WEIGHT", -2], ["T_A_PART_COLOUR", 10]]])),
        (15, b"a name\0", json!(["T_A_THING_NAME", "a name"])),
        (
            16,
            &[1u16.to_ne_bytes(), 2u16.to_ne_bytes()].concat(),
            json!(["T_A_THING_NUMBERS", [1, 2]]),
        ),
    ];
    for (number, payload, expected) in cases {
        let told = generic(PLAIN, Direction::Receive, 1, &[&attr(*number, payload)]);
        assert_eq!(attrs(&told["attrs"]), json!([expected]));
    }
}

#[test]
fn a_subset_says_what_is_different() {
    let red = attr(1, &[attr(5, &[10]), attr(3, &[0; 4])].concat());
    let body = [&[7, 1, 0, 0], &*red].concat();
    let line =
        print(&registry(&[PLAIN]), "json", (GENERIC, Direction::Send, &message(FAMILY, 0, &body)));
    let line: Value = serde_json::from_str(&line).unwrap();
    // What the subset does not list it does not have.
    assert_eq!(
        attrs(&line["attrs"]),
        json!([["T_A_HOLDER_RED", [["T_A_PART_COLOUR", "T_COLOUR_RED"], [3, "00000000"]]]])
    );
    assert_eq!(line["issues"][0]["code"], "unknown-attribute");
}

#[test]
fn requests_and_answers_may_be_numbered_apart() {
    for (direction, command, name) in [
        (Direction::Send, 3, "T_CMD_ASK"),
        (Direction::Receive, 9, "T_CMD_ASK_REPLY"),
        (Direction::Send, 4, "T_CMD_SET"),
        (Direction::Receive, 10, "T_CMD_CHANGED"),
        (Direction::Send, 5, "T_CMD_NEXT"),
        (Direction::Receive, 11, "T_CMD_NEXT_REPLY"),
    ] {
        let told = generic(LEGACY, direction, command, &[&7u32.to_ne_bytes()]);
        assert_eq!(told["operation"], name, "{told}");
    }
}

#[test]
fn an_operation_may_have_a_header_of_its_own() {
    let told = generic(LEGACY, Direction::Send, 3, &[&7u32.to_ne_bytes()]);
    assert_eq!(told["user_header"]["name"], "t_header", "{told}");
    let told = generic(LEGACY, Direction::Send, 4, &[&[1, 0, 2, 0]]);
    assert_eq!(told["user_header"]["fields"][1]["value"], "T_WAY_LEFT", "{told}");
}

#[test]
fn attributes_have_the_forms_of_the_old_schema() {
    let limits = [
        &[1, 0, 0, 0][..],
        &[0, 0, 0x12, 0x34],
        &[5],
        &[2, 0, 0, 0, 0, 9],
        b"eight\0\0\0",
        &[3, 0, 1, 0],
    ]
    .concat();
    let switches = [3u32.to_ne_bytes(), 1u32.to_ne_bytes()].concat();
    let rules = [attr(0, &attr(1, &[4])), attr(9, &attr(2, &[1]))].concat();
    let ways = [attr(1, &0u32.to_ne_bytes()), attr(2, &2u32.to_ne_bytes())].concat();
    let addresses = attr(1, &[192, 0, 2, 1]);
    let policy = attr(5, &attr(6, &attr(1, &[4])));
    let cases = [
        (
            1,
            limits,
            json!([
                "T_ATTR_LIMITS",
                [
                    ["low", 1],
                    ["high", 0x1234],
                    ["how", ["T_WAY_UP", "T_WAY_LEFT"]],
                    ["mac", "02:00:00:00:00:09"],
                    ["name", "eight"],
                    ["inner", [["a", 3], ["b", "T_WAY_DOWN"]]]
                ]
            ]),
        ),
        (
            2,
            switches,
            json!([
                "T_ATTR_SWITCHES",
                [["value", ["T_SWITCH_ON", "T_SWITCH_FAST"]], ["selector", ["T_SWITCH_ON"]]]
            ]),
        ),
        (
            3,
            rules,
            json!([
                "T_ATTR_RULES",
                [[0, [["T_A_RULE_LIMIT", 4]]], [9, [["T_A_RULE_WAY", "T_WAY_DOWN"]]]]
            ]),
        ),
        (4, ways, json!(["T_ATTR_WAYS", [[1, "T_WAY_UP"], [2, "T_WAY_LEFT"]]])),
        (5, addresses, json!(["T_ATTR_ADDRESSES", [[1, "192.0.2.1"]]])),
        (6, policy, json!(["T_ATTR_POLICY", [[5, [[6, [["T_A_RULE_LIMIT", 4]]]]]]])),
        (7, attr(7, &[]), json!(["T_ATTR_AGAIN", [["T_ATTR_AGAIN", null]]])),
    ];
    for (number, payload, expected) in cases {
        let told = generic(LEGACY, Direction::Receive, 9, &[&[0; 4], &attr(number, &payload)]);
        assert_eq!(attrs(&told["attrs"]), json!([expected]));
    }
}

const HEAD: [u8; 8] = [1, 0, 0, 0, 7, 0, 0, 0];

#[test]
fn a_protocol_of_its_own_has_operations_as_message_types() {
    for (direction, ty, name) in [
        (Direction::Send, 16, "WIRE_NEWLINK"),
        (Direction::Send, 17, "WIRE_DELLINK"),
        (Direction::Send, 18, "WIRE_GETLINK"),
        // What answers a question is called as what makes such a thing.
        (Direction::Receive, 16, "WIRE_NEWLINK"),
        // No answer has this number, so it tells of what the request does.
        (Direction::Receive, 17, "WIRE_DELLINK"),
    ] {
        let told = raw(direction, ty, &[&HEAD]);
        assert_eq!(told["type"], name, "{told}");
        assert_eq!(told["header"]["fields"][1], json!({"name": "number", "value": 7}));
    }
}

#[test]
fn a_sub_message_is_chosen_by_an_attribute() {
    let tree = attr(1, &3u32.to_ne_bytes());
    let stone = [&[1, 0, 2, 0], &*tree].concat();
    let cases = [
        ("tree", tree.clone(), json!(["WIRE_A_LINK_DATA", [["WIRE_A_TREE_LEAVES", 3]]])),
        ("stone", stone, json!(["WIRE_A_LINK_DATA", [["WIRE_A_STONE_WEIGHT", 3]]])),
        ("hill", vec![1, 0, 2, 0], json!(["WIRE_A_LINK_DATA", [["from", 1], ["to", 2]]])),
    ];
    for (kind, data, expected) in cases {
        let kind = attr(1, format!("{kind}\0").as_bytes());
        let told = raw(Direction::Send, 16, &[&HEAD, &kind, &attr(2, &data)]);
        assert_eq!(attrs(&told["attrs"])[1], expected, "{told}");
    }
    // An attribute around may choose too.
    let inside = attr(3, &attr(1, &tree));
    let told = raw(Direction::Send, 16, &[&HEAD, &attr(1, b"tree\0"), &inside]);
    let expected =
        json!(["WIRE_A_LINK_INSIDE", [["WIRE_A_INSIDE_DATA", [["WIRE_A_TREE_LEAVES", 3]]]]]);
    assert_eq!(attrs(&told["attrs"])[1], expected, "{told}");
}

#[test]
fn a_selector_has_the_values_of_the_attribute_beside_it() {
    // Another set has a `type` too, whose enum has the same names for other numbers.
    let tree = attr(1, &3u32.to_ne_bytes());
    for (number, set) in [(1u32, "WIRE_A_TREE_LEAVES"), (2, "WIRE_A_STONE_WEIGHT")] {
        let object = [attr(1, &number.to_be_bytes()), attr(2, &tree)].concat();
        let told = raw(Direction::Send, 16, &[&HEAD, &attr(4, &object)]);
        assert_eq!(attrs(&told["attrs"])[0][1][1], json!(["WIRE_A_OBJECT_DATA", [[set, 3]]]));
    }
}
