//! What generic families need: bitmaps, commands, answers and notifications, names for indexes, in one made up for it.

use std::fs;

use nltests::run::{nlview, run};
use nltests::scratch::Scratch;
use serde_json::{Value, json};

const SPEC: &str = "\
name: kettle
protocol: genetlink
definitions:
- {name: part, type: enum, name-prefix: kettle-part-, entries: [lid, spout, handle, cord]}
- {name: speed, type: enum, name-prefix: kettle_, verbatim: true, entries: [{name: Slow2x, value: 4}]}
attribute-sets:
- name: pot
  name-prefix: kettle-a-
  attributes:
  - {name: parts, type: bitmap, enum: part}
  - {name: wide, type: bitmap, enum: part, sub-type: u32}
  - {name: notes, type: nest, nested-attributes: note}
  - {name: asked, type: u32, operations-of: self}
  - {name: said, type: u32, operations-of: self, side: message}
  - {name: weights, type: indexed-array, sub-type: u8, index-enum: part, index-offset: -1}
  - {name: speed, type: u32, enum: speed}
  - name: amount
    type: union
    selector: command
    formats: [{value: pour, type: u16}, {default: true, type: flag}]
- name: note
  name-prefix: kettle-note-
  element-header: {}
  attributes:
  - {name: text, type: string, value: 3}
  - {name: hot, type: flag, value: 7}
operations:
  enum-model: directional
  name-prefix: kettle-cmd-
  attribute-set: pot
  list:
  - {name: fill, do: {request: {value: 1}, reply: {value: 2, c-name: KETTLE_CMD_FULL}}}
  - {name: pour, do: {request: {value: 2}, reply: {value: 1}}}
  - {name: pour-ntf, notify: pour, value: 1}
";

/// The kettle's messages as JSON: (direction, port, command, attributes in hex).
fn shown(messages: &[(char, u32, u8, &str)]) -> Vec<Value> {
    let scratch = Scratch::new();
    let spec = scratch.path("kettle.yaml");
    fs::write(&spec, SPEC).unwrap();
    let mut text = "%genl 40 kettle\n".to_owned();
    for (way, port, command, attributes) in messages {
        let digits: String = attributes.split_whitespace().collect();
        let len = u32::try_from(20 + digits.len() / 2).unwrap();
        let hex = |n: u32| n.to_le_bytes().map(|b| format!("{b:02x}")).concat();
        let flags = if *way == '>' { "0500" } else { "0000" };
        let port = hex(*port);
        text += &format!(
            "GENERIC {way} {} 2800 {flags} 07000000 {port} {command:02x}010000 {digits}\n",
            hex(len)
        );
    }
    let file = scratch.file("kettle.nlhex", &text);
    let mut command = nlview();
    command.args(["-f", "json", "--spec"]).arg(&spec).arg("--read").arg(&file);
    let out = run(&mut command).expect(0).out();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A message's attributes without their numbers and lengths, which are tested elsewhere.
fn attributes(message: &Value) -> Vec<Value> {
    assert_eq!(message["issues"], json!([]), "{message}");
    let mut attributes = message["attrs"].as_array().unwrap().clone();
    attributes.iter_mut().for_each(strip);
    attributes
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| !matches!(key.as_str(), "type" | "len" | "nested" | "pos"));
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn one(attribute: &str) -> Value {
    attributes(&shown(&[('>', 0, 2, attribute)])[0]).remove(0)
}

#[test]
fn a_bitmap_is_the_names_of_its_bits() {
    let bits = json!(["KETTLE_PART_LID", "KETTLE_PART_SPOUT", "KETTLE_PART_CORD", 15]);
    assert_eq!(
        one("06000100 0b80 0000"),
        json!({"name": "KETTLE_A_PARTS", "value": bits, "raw": "0b80"})
    );
    assert_eq!(
        one("0c000200 01000000 02000000"),
        json!({"name": "KETTLE_A_WIDE", "value": ["KETTLE_PART_LID", 33], "raw": "0100000002000000"})
    );
}

#[test]
fn records_of_a_byte_each_for_type_and_length_are_attributes() {
    let notes = json!([
        {"name": "KETTLE_NOTE_TEXT", "value": "bob"},
        {"name": "KETTLE_NOTE_HOT", "value": true},
    ]);
    assert_eq!(
        one("0b000300 0303626f62 0700 00"),
        json!({"name": "KETTLE_A_NOTES", "attrs": notes})
    );
    let issue = |attribute: &str| {
        let message = shown(&[('>', 0, 2, attribute)]).remove(0);
        message["issues"][0]["code"].as_str().map(str::to_owned)
    };
    assert_eq!(issue("07000300 0901ff 00").as_deref(), Some("unknown-attribute"));
    assert_eq!(issue("07000300 0302ff 00").as_deref(), Some("length-too-long"));
    assert_eq!(issue("05000300 03 000000").as_deref(), Some("short-header"));
}

#[test]
fn a_number_may_be_a_command_of_the_family() {
    let asked = |attribute: &str, way| {
        attributes(&shown(&[(way, 77, 2, attribute)])[0]).remove(0)["value"].take()
    };
    assert_eq!(asked("08000400 02000000", '<'), "KETTLE_CMD_POUR");
    assert_eq!(asked("08000400 01000000", '<'), "KETTLE_CMD_FILL");
    assert_eq!(asked("08000500 02000000", '>'), "KETTLE_CMD_POUR");
    assert_eq!(asked("08000500 02000000", '<'), "KETTLE_CMD_FULL");
    assert_eq!(asked("08000500 09000000", '<'), 9);
}

#[test]
fn indexes_of_attributes_have_names() {
    let weights = one("14000680 05000100 07000000 05000300 08000000");
    assert_eq!(
        weights,
        json!({"name": "KETTLE_A_WEIGHTS", "attrs": [
            {"name": "KETTLE_PART_LID", "value": 7},
            {"name": "KETTLE_PART_HANDLE", "value": 8},
        ]})
    );
}

#[test]
fn verbatim_names_are_left_as_they_are() {
    assert_eq!(one("08000700 04000000")["value"], "kettle_Slow2x");
}

#[test]
fn the_command_chooses_the_form() {
    assert_eq!(one("06000800 0500 0000")["value"], 5);
    let filled = shown(&[('>', 0, 1, "04000800")]);
    assert_eq!(attributes(&filled[0])[0]["value"], true);
}

#[test]
fn direction_and_port_tell_messages_of_one_number_apart() {
    let messages = shown(&[
        ('>', 0, 1, ""),
        ('<', 77, 1, ""),
        ('<', 0, 1, ""),
        ('>', 0, 2, ""),
        ('<', 77, 2, ""),
    ]);
    let operations: Vec<&Value> = messages.iter().map(|message| &message["operation"]).collect();
    assert_eq!(
        operations,
        [
            "KETTLE_CMD_FILL",
            "KETTLE_CMD_POUR_REPLY",
            "KETTLE_CMD_POUR_NTF",
            "KETTLE_CMD_POUR",
            "KETTLE_CMD_FULL"
        ]
    );
}
