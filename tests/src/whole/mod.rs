//! Whole messages made from the specs: one an operation and direction, with every attribute of its set
//! once, lists twice, nests filled in the same way, and what JSON must say of it.
//!
//! Written along `viewer/specs/README.md`, with nothing of the viewer's. What a selector chooses is tried
//! form by form: the same message again with the next one. `attrs` builds attributes and payloads, `numbers`
//! numbers, `structs` structs, `choose` what selectors decide.

mod attrs;
mod choose;
pub mod expect;
mod names;
mod numbers;
mod structs;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::hextext::Line;
use crate::spec_facts::{Spec, Specs, all_numbers, integer, list, text};
use choose::{Chosen, Scope};
use expect::{Expected, Node};
use names::{Entries, plain, upper};

/// The message type that generic families get, for a `%genl` line before; the controller has its own.
pub const GENERIC_ID: u16 = 0x321;
/// `GENL_ID_CTRL`.
const CONTROLLER_ID: u16 = 0x10;
/// The greatest number of forms that one message is tried in.
const MOST_FORMS: usize = 120;
/// A list of attributes is not made longer than this, so that what holds it has a length.
const LONGEST: usize = 60_000;

/// A message and what JSON must say of it.
#[derive(Debug)]
pub struct Whole {
    /// The operation's C name.
    pub operation: String,
    /// The message.
    pub line: Line,
    /// The fixed header, if it has one: the struct's name and its fields.
    pub header: Option<(String, Vec<(String, Expected)>)>,
    /// The attributes.
    pub attributes: Vec<Node>,
}

/// All messages of a spec.
#[derive(Debug, Default)]
pub struct Built {
    /// They.
    pub messages: Vec<Whole>,
    /// What could not be built, and why.
    pub skipped: BTreeSet<String>,
    /// Attributes that are in some message: `SPEC SET/NAME`.
    pub covered: BTreeSet<String>,
}

/// The attributes of a spec that have a meaning, as `Built::covered` says them.
#[must_use]
pub fn used(spec: &Spec) -> Vec<String> {
    let mut used = Vec::new();
    for set in list(&spec.document, "attribute-sets") {
        for attribute in list(set, "attributes") {
            let unused = matches!(text(attribute, "type"), Some("unused" | "pad"));
            if set.get("subset-of").is_none() && !unused {
                let set = text(set, "name").unwrap_or_default();
                used.push(format!("{} {set}/{}", spec.file, plain(&attribute["name"])));
            }
        }
    }
    used
}

/// An operation in one direction.
struct Way<'s> {
    operation: &'s Value,
    c_name: String,
    number: u16,
    sent: bool,
    unasked: bool,
    set: String,
    header: Option<String>,
    /// What the header begins with, where that tells the message from others of its number.
    first: Option<i128>,
}

/// Builds the messages of a spec.
#[must_use]
pub fn messages(specs: &Specs, spec: &Spec) -> Built {
    let mut built = Built::default();
    let mut done = HashSet::new();
    for way in ways(specs, spec) {
        // What several operations have in common is built whole once, and then in short.
        let whole = done.insert((way.set.clone(), way.header.clone(), way.first, way.sent))
            || choose::is_special(spec, text(way.operation, "name").unwrap_or_default());
        let mut forms = 1;
        let mut form = 0;
        while form < forms.min(MOST_FORMS) {
            let mut builder = Builder::new(specs, spec, &way, form, whole);
            match builder.message() {
                Ok(message) => built.messages.push(message),
                Err(why) => {
                    built.skipped.insert(format!("{}: {}: {why}", spec.file, way.c_name));
                }
            }
            forms = if whole { forms.max(builder.forms) } else { 1 };
            built.skipped.append(&mut builder.skipped);
            built.covered.append(&mut builder.covered);
            form += 1;
        }
    }
    built
}

/// The operations of a spec that have attributes, in each direction that they go.
fn ways<'s>(specs: &Specs, spec: &'s Spec) -> Vec<Way<'s>> {
    let Some(operations) = spec.document.get("operations") else { return Vec::new() };
    let generic = is_generic(spec);
    let directional = text(operations, "enum-model") == Some("directional");
    let high = spec.document.get("match").and_then(|m| integer(m, "type-high")).unwrap_or(0);
    let high = high << specs.type_shift(spec);
    let prefix = text(operations, "name-prefix")
        .map_or_else(|| format!("{}-cmd-", spec.name()), str::to_owned);
    let asynchronous = text(operations, "async-prefix").unwrap_or(&prefix).to_owned();
    let mut ways = Vec::new();
    for numbered in all_numbers(spec) {
        let operation = numbered.operation;
        let name = text(operation, "name").unwrap_or_default();
        let unasked = operation.get("notify").is_some() || operation.get("event").is_some();
        let noted = text(operation, "notify").and_then(|noted| {
            list(operations, "list").iter().find(|other| text(other, "name") == Some(noted))
        });
        let exchange =
            |side: &str| ["do", "dump"].iter().find_map(|way| operation.get(*way)?.get(side));
        let said = operation.get("do").is_some() || operation.get("dump").is_some();
        let own = if unasked { &asynchronous } else { &prefix };
        let c_name =
            text(operation, "c-name").map_or_else(|| upper(&format!("{own}{name}")), str::to_owned);
        for sent in [true, false] {
            let side = exchange(if sent { "request" } else { "reply" });
            let apart = directional && said;
            if unasked && sent || apart && side.is_none() {
                continue;
            }
            let of = |key| {
                let own = side.and_then(|side| text(side, key)).or_else(|| text(operation, key));
                let noted = || noted.filter(|_| key == "attribute-set").and_then(|n| text(n, key));
                own.or_else(noted).or_else(|| text(operations, key)).map(str::to_owned)
            };
            let varies = !list(operation, "variants").is_empty();
            let Some(set) = of("attribute-set").or(varies.then(String::new)) else { continue };
            if !varies && text(operation, "payload").is_some_and(|payload| payload != "attrs") {
                continue;
            }
            let answer = apart && !sent && numbered.reply.is_some();
            let number = numbered.reply.filter(|_| answer).unwrap_or(numbered.number) | high;
            let c_name = match (answer && generic, side.and_then(|side| text(side, "c-name"))) {
                (_, Some(own)) => own.to_owned(),
                (true, None) => format!("{c_name}_REPLY"),
                // An answer goes by the name of the operation whose number it has.
                _ if answer => named_by(spec, numbered.reply, &prefix).unwrap_or(c_name.clone()),
                _ => c_name.clone(),
            };
            let number = u16::try_from(number).expect("a message number");
            let (header, first) = (of("fixed-header"), None);
            let own = Way { operation, c_name, number, sent, unasked, set, header, first };
            if varies {
                variants(specs, spec, &own, &mut ways);
            } else {
                ways.push(own);
            }
        }
    }
    ways
}

/// An operation's messages that their first byte tells from each other.
fn variants<'s>(specs: &Specs, spec: &'s Spec, own: &Way<'s>, ways: &mut Vec<Way<'s>>) {
    let all = list(own.operation, "variants");
    let asks = |variant: &Value| variant["match"]["request"] == true;
    for variant in all {
        let condition = &variant["match"];
        let byte = &condition["body-u8"];
        let names = text(byte, "enum").and_then(|names| Entries::of(specs, spec, names));
        let number = |value: &Value| match value.as_str() {
            Some(name) => names.as_ref()?.number(name).map(i128::from),
            None => value.as_i64().map(i128::from),
        };
        let firsts: Vec<i128> =
            choose::one_or_many(&byte["value"]).into_iter().filter_map(number).collect();
        // Where some variants are of requests only, those without a word on it are of answers.
        let sent = asks(variant) || !all.iter().any(asks);
        let received = !asks(variant);
        let set = text(variant, "attribute-set");
        let set = set.filter(|_| text(variant, "payload").is_none_or(|payload| payload == "attrs"));
        let (Some(set), true) = (set, condition.get("max-len").is_none()) else { continue };
        if own.sent && sent || !own.sent && received {
            ways.extend(firsts.into_iter().map(|first| Way {
                operation: own.operation,
                c_name: own.c_name.clone(),
                number: own.number,
                sent: own.sent,
                unasked: own.unasked,
                set: set.to_owned(),
                header: text(variant, "fixed-header").map(str::to_owned),
                first: Some(first),
            }));
        }
    }
}

/// The C name of the operation with this number.
fn named_by(spec: &Spec, number: Option<i128>, prefix: &str) -> Option<String> {
    let number = number?;
    let found = all_numbers(spec).into_iter().find(|n| n.number == number)?.operation;
    let name = text(found, "c-name").map(str::to_owned);
    name.or_else(|| Some(upper(&format!("{prefix}{}", text(found, "name")?))))
}

/// Whether a spec is of a generic netlink family.
#[must_use]
pub fn is_generic(spec: &Spec) -> bool {
    text(&spec.document, "protocol").is_none_or(|protocol| protocol.starts_with("genetlink"))
}

/// The builder of one message.
struct Builder<'s> {
    specs: &'s Specs,
    spec: &'s Spec,
    way: &'s Way<'s>,
    /// Which of the forms that selectors choose is tried.
    form: usize,
    /// How many there are.
    forms: usize,
    /// Whether nests are filled.
    whole: bool,
    /// Counts values, so that each is another.
    count: u64,
    /// What is open around what is built.
    scopes: Vec<Scope<'s>>,
    /// The fixed header's members.
    header: BTreeMap<String, i128>,
    /// The members of the struct that was built last within another.
    inner: BTreeMap<String, i128>,
    skipped: BTreeSet<String>,
    covered: BTreeSet<String>,
}

/// A payload's bytes and what JSON must say of them.
type Payload = (Vec<u8>, Expected);

impl<'s> Builder<'s> {
    fn new(specs: &'s Specs, spec: &'s Spec, way: &'s Way<'s>, form: usize, whole: bool) -> Self {
        Self {
            specs,
            spec,
            way,
            form,
            forms: 1,
            whole,
            count: 0,
            scopes: Vec::new(),
            header: BTreeMap::new(),
            inner: BTreeMap::new(),
            skipped: BTreeSet::new(),
            covered: BTreeSet::new(),
        }
    }

    fn message(&mut self) -> Result<Whole, String> {
        let generic = is_generic(self.spec);
        let mut body = Vec::new();
        let mut header = None;
        if let Some(reference) = &self.way.header {
            let chosen = self.header_choices();
            let built = self.structure(self.spec, reference, &chosen)?;
            self.header = built.members;
            body = built.bytes;
            body.resize(body.len().next_multiple_of(4), 0);
            header = Some((built.c_name, built.fields));
        }
        let (attributes, nodes) = self.attributes(self.spec, &self.way.set)?;
        body.extend(attributes);
        let (kind, head) = if generic {
            let id = if self.spec.name() == "nlctrl" { CONTROLLER_ID } else { GENERIC_ID };
            (id, vec![self.way.number.to_le_bytes()[0], 1, 0, 0])
        } else {
            (self.way.number, Vec::new())
        };
        let len = u32::try_from(16 + head.len() + body.len()).expect("a message's length");
        let mut bytes = len.to_le_bytes().to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(if self.way.sent { 5_u16 } else { 0 }.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        // What nobody asked for comes from no port.
        bytes.extend(if self.way.unasked { 0_u32 } else { 77 }.to_le_bytes());
        bytes.extend(head);
        bytes.extend(body);
        let protocol =
            if generic { 16 } else { integer(&self.spec.document, "protonum").unwrap_or(0) };
        let line = Line { protocol: protocol.to_string(), sent: self.way.sent, bytes };
        Ok(Whole { operation: self.way.c_name.clone(), line, header, attributes: nodes })
    }

    /// What the fixed header must have so that the attributes which it chooses are in this form.
    fn header_choices(&mut self) -> BTreeMap<String, Chosen> {
        let wanted = choose::wanted(self.specs, self.spec, &self.way.set, "header.");
        let (spec, definition) = self.header_definition();
        let Some(definition) = definition else { return BTreeMap::new() };
        let mut all: BTreeMap<String, Chosen> = wanted
            .into_iter()
            .map(|(member, formats)| {
                let formats = self.named_in(spec, definition, &member, formats);
                let chosen = self.pick(&formats);
                (member, chosen)
            })
            .collect();
        let first = list(definition, "members").first().map(|member| plain(&member["name"]));
        all.extend(first.zip(self.way.first.map(Chosen::Number)));
        all
    }

    /// A number that no other value of the message has, of so many bytes and with the highest bit clear.
    fn number(&mut self, bytes: usize) -> u64 {
        self.count += 1;
        let mixed = self.count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let width = u32::try_from(bytes * 8).expect("a width");
        (mixed >> (64 - width) >> 1).max(1)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.number(1) as u8 | 0x80).collect()
    }

    fn word(&mut self) -> String {
        self.count += 1;
        format!("w{}", self.count)
    }
}
