//! What the spec language says beyond the kernel's own, each shown by a small family of its own.

use std::path::PathBuf;

use nltests::run::replay;
use nltests::scratch::Scratch;
use serde_json::Value;

mod elements;
mod forms;
mod generic;

/// What becomes of these bytes, sent on protocol 31 by a spec with these parts.
fn shown(parts: &str, format: &str, payload: &[u8]) -> String {
    shown_as(parts, format, true, 16, payload)
}

fn shown_as(parts: &str, format: &str, sent: bool, kind: u16, payload: &[u8]) -> String {
    let scratch = Scratch::new();
    let spec =
        format!("name: thing\nprotocol: netlink-raw\nprotonum: 31\nimport: [common]\n{parts}");
    let spec: PathBuf = scratch.file("thing.yaml", spec);
    let mut bytes = u32::try_from(payload.len() + 16).unwrap().to_le_bytes().to_vec();
    bytes.extend(kind.to_le_bytes());
    bytes.extend([0; 10]);
    bytes.extend(payload);
    let line = nltests::hextext::Line { protocol: "31".into(), sent, bytes };
    let file = scratch.file("x.nlhex", line.text() + "\n");
    let out = replay(&file, format, &["--spec", spec.to_str().unwrap()]).expect(0);
    assert!(out.stderr.is_empty(), "{out:?}");
    out.out()
}

/// The JSON of a message, without what stands around its payload.
fn parsed(parts: &str, payload: &[u8]) -> Value {
    serde_json::from_str(&shown(parts, "json", payload)).unwrap()
}

/// Names and values of an object's fields.
fn fields(object: &Value) -> Vec<(String, Value)> {
    let fields = object["fields"].as_array().unwrap_or_else(|| panic!("no fields in {object}"));
    let name = |field: &Value| field["name"].as_str().unwrap_or_default().to_owned();
    fields.iter().map(|field| (name(field), field["value"].clone())).collect()
}

fn header(message: &Value) -> Vec<(String, Value)> {
    fields(&message["header"])
}
