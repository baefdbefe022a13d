//! Every attribute of every spec in a message built from it: JSON names it, has the value that was put in, and
//! finds nothing odd.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use nltests::root;
use nltests::run::replay;
use nltests::scratch::Scratch;
use nltests::spec_facts::{Spec, Specs};
use nltests::whole::expect::Comparison;
use nltests::whole::{GENERIC_ID, Whole, is_generic, messages, used};
use serde_json::Value;

/// What no message has.
const NOT_TRIED: [&str; 5] = [
    // Of messages of another form: errors, and policies with the controller's answers.
    "netlink nlmsgerr-attrs/",
    "netlink nl-policy-type-attrs/",
    // Headers that a payload of one's own form follows.
    "inet-diag req-attrs/bytecode",
    "lwtunnel seg6-attrs/srh",
    // Lists with a header that says what follows.
    "tc-ematch ",
];

#[test]
fn every_attribute_is_named_with_its_value() {
    let specs = Specs::read(&root().join("viewer/specs"));
    let scratch = Scratch::new();
    // One a place: the first, and how many there are.
    let mut wrong: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let (mut skipped, mut covered) = (BTreeSet::new(), BTreeSet::new());
    let (mut total, mut values) = (0, 0);
    for spec in specs.0.values() {
        let mut built = messages(&specs, spec);
        let mut text = format!("%reset\n%genl {GENERIC_ID} {}\n", spec.name());
        for message in &built.messages {
            writeln!(text, "{}", message.line.text()).unwrap();
        }
        let file = scratch.file("whole.nlhex", &text);
        let printed = replay(&file, "json", &[]).expect(0).out();
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines.len(), built.messages.len(), "{}", spec.file);
        for (message, line) in built.messages.iter().zip(lines) {
            let shown = serde_json::from_str(line).expect("a line is JSON");
            let mut comparison = Comparison::new();
            compare(spec, message, &shown, &mut comparison);
            values += comparison.values;
            let sent = if message.line.sent { ">" } else { "<" };
            for what in comparison.wrong {
                let place =
                    format!("{} {}", spec.file, what.split(": ").next().unwrap_or_default());
                let first = || format!("{sent} {}: {what}", message.operation);
                wrong.entry(place).or_insert_with(|| (first(), 0)).1 += 1;
            }
        }
        total += built.messages.len();
        skipped.append(&mut built.skipped);
        covered.append(&mut built.covered);
    }
    for what in &skipped {
        println!("not built: {what}");
    }
    println!("{total} messages, {} attributes, {values} values", covered.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    let missing: Vec<String> =
        specs.0.values().flat_map(used).filter(|name| !covered.contains(name)).collect();
    let unknown = |name: &&String| !NOT_TRIED.iter().any(|beginning| name.starts_with(beginning));
    assert_eq!(missing.iter().find(unknown), None, "no message has this attribute");
    let needless = |beginning: &&&str| !missing.iter().any(|name| name.starts_with(**beginning));
    assert_eq!(NOT_TRIED.iter().find(needless), None, "some message has it");
}

fn compare(spec: &Spec, message: &Whole, shown: &Value, comparison: &mut Comparison) {
    let key = if is_generic(spec) { "operation" } else { "type" };
    if shown["family"] != spec.name() || shown[key] != message.operation.as_str() {
        let (family, operation) = (&shown["family"], &shown[key]);
        comparison.wrong.push(format!("is taken for {operation} of {family}"));
        return;
    }
    let issues = shown["issues"].as_array().map(Vec::as_slice).unwrap_or_default();
    comparison.wrong.extend(issues.iter().map(|issue| issue["text"].to_string()));
    if let Some((name, fields)) = &message.header {
        let key = if is_generic(spec) { "user_header" } else { "header" };
        comparison.structure(name, fields, &[], &shown[key]);
    }
    comparison.attributes(&message.attributes, shown.get("attrs"));
}
