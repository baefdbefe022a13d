//! Every attribute of every spec, in payloads too short, right, too long and much too long.

use std::fmt::Write as _;
use std::ops::Range;

use nltests::run::replay;
use nltests::scratch::Scratch;
use nltests::spec_facts::{Spec, Specs};
use nltests::spec_messages::{GENERIC_ID, Variant, variants};
use nltests::{root, run::Finished};

fn specs() -> Specs {
    Specs::read(&root().join("viewer/specs"))
}

/// Hex text that names the spec's generic family before its datagrams.
fn text(spec: &Spec, variants: &[Variant]) -> String {
    let mut text = format!("%reset\n%genl {GENERIC_ID} {}\n", spec.name());
    for variant in variants {
        writeln!(text, "{}", variant.line.text()).unwrap();
    }
    text
}

fn printed(scratch: &Scratch, format: &str, text: &str) -> Finished {
    // Key material is bytes as well.
    replay(&scratch.file("variants.nlhex", text), format, &["--show-secrets"]).expect(0)
}

#[test]
fn every_length_of_every_attribute_is_printed() {
    let (specs, scratch) = (specs(), Scratch::new());
    let mut total = 0;
    for spec in specs.0.values() {
        let lines = variants(&specs, spec);
        let text = text(spec, &lines);
        for format in crate::formats() {
            let out = printed(&scratch, &format, &text);
            assert!(out.stderr.is_empty(), "{} {format}: {out:?}", spec.file);
            let printed = out.out();
            match format.as_str() {
                "strace" => assert_eq!(printed.lines().count(), lines.len(), "{}", spec.file),
                "json" => printed.lines().for_each(|line| {
                    serde_json::from_str::<serde_json::Value>(line)
                        .unwrap_or_else(|error| panic!("{}: {error}: {line}", spec.file));
                }),
                _ => {}
            }
        }
        total += lines.len();
    }
    println!("{total} messages");
    assert!(total > 10_000, "only {total} messages were made");
}

/// No byte is left out: whichever byte of an attribute changes, JSON's text changes, or an issue
/// says that from there on there is more.
#[test]
fn every_byte_is_shown() {
    let (specs, scratch) = (specs(), Scratch::new());
    let mut hidden = Vec::new();
    for spec in specs.0.values() {
        let variants: Vec<Variant> =
            variants(&specs, spec).into_iter().filter(|v| !v.payload.is_empty()).collect();
        let whole = printed(&scratch, "json", &text(spec, &variants)).out();
        let places: [fn(&Range<usize>) -> usize; 3] =
            [|payload| payload.start, |payload| payload.start + payload.len() / 2, |p| p.end - 1];
        for place in places {
            let mut changed = variants.clone();
            for variant in &mut changed {
                variant.line.bytes[place(&variant.payload)] ^= 1;
            }
            let other = printed(&scratch, "json", &text(spec, &changed)).out();
            let pairs = whole.lines().zip(other.lines()).zip(&variants);
            for ((one, two), variant) in pairs {
                let Variant { attribute, payload, holes, .. } = variant;
                let byte = place(payload) - payload.start;
                let hole = holes.iter().any(|hole| hole.contains(&(byte as u64)));
                if one == two && !hole && !said(one, place(payload)) {
                    hidden.push(format!(
                        "{}: {attribute} of {} bytes: byte {byte}\n  {one}",
                        spec.file,
                        payload.len(),
                    ));
                }
            }
        }
    }
    let total = hidden.len();
    hidden.truncate(40);
    assert!(hidden.is_empty(), "{total} bytes are not shown:\n{}", hidden.join("\n"));
}

/// Whether a message's issues say something of a place at or before this byte of the datagram.
fn said(message: &str, byte: usize) -> bool {
    let message: serde_json::Value = serde_json::from_str(message).expect("a message is JSON");
    let issues = message["issues"].as_array().cloned().unwrap_or_default();
    let places = issues.iter().filter_map(|issue| issue["at"].as_u64());
    places.into_iter().any(|at| at <= byte as u64)
}
