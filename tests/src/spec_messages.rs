//! Messages made from the specs: every attribute of every set, in payloads of many lengths.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;

use serde_json::Value;

use crate::hextext::Line;
use crate::spec_facts::{
    Spec, Specs, integer, list, numbered_attributes, numbered_operations, text,
};
use crate::spec_layout::{self, Layout};

/// The message type that [`variants`] gives a generic family, for a `%genl` line before.
pub const GENERIC_ID: u16 = 0x321;

/// A message with one attribute innermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The attribute: `SET/NAME`.
    pub attribute: String,
    /// The message.
    pub line: Line,
    /// Where in it the innermost attribute's payload is.
    pub payload: Range<usize>,
    /// Which of the payload's bytes mean nothing.
    pub holes: Vec<Range<u64>>,
}

/// A way into a message: what encloses an attribute set.
#[derive(Clone)]
struct Way {
    /// nlmsghdr's type.
    kind: u16,
    /// What stands before the attributes.
    header: Vec<u8>,
    /// The attributes around, from the outside in.
    around: Vec<Around>,
}

/// An attribute with others inside.
#[derive(Clone)]
struct Around {
    /// The attributes that must stand before it.
    before: Vec<u8>,
    /// How it begins.
    head: Head,
    number: u16,
    /// What stands at the front of its payload.
    front: Vec<u8>,
}

/// The datagrams of one spec: each attribute that can be reached from a message, alone in it, with
/// no payload, one byte less than its type has, as many, one more, and many more.
#[must_use]
pub fn variants(specs: &Specs, spec: &Spec) -> Vec<Variant> {
    let generic = text(&spec.document, "protocol").is_none_or(|p| p.starts_with("genetlink"));
    let number = if generic { 16 } else { integer(&spec.document, "protonum").unwrap_or(0) };
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut ways: VecDeque<(&Spec, String, Way)> = starts(specs, spec, generic).into();
    while let Some((owner, set, way)) = ways.pop_front() {
        if !seen.insert((owner.file.clone(), set.clone())) {
            continue;
        }
        let Some((owner, set)) = find_set(specs, owner, &set) else { continue };
        let head = Head::of(set);
        for (attribute, number_in_set) in attributes(owner, set) {
            let Ok(attribute_number) = u16::try_from(number_in_set) else { continue };
            let layout = struct_of(specs, owner, attribute);
            let holes = layout.as_ref().map(|layout| layout.holes.clone()).unwrap_or_default();
            for len in lens(attribute, layout.as_ref().and_then(|layout| layout.size)) {
                let payload: Vec<u8> = (0..len).map(|at| (at * 7 + 1) as u8).collect();
                let element = head.bytes(attribute_number, &payload);
                let bytes = way.message(&element);
                let begin = payload_begin(&way, head, attribute_number, len);
                for sent in [true, false] {
                    let line = Line { protocol: number.to_string(), sent, bytes: bytes.clone() };
                    let name = |value| text(value, "name").unwrap_or_default();
                    let attribute = format!("{}/{}", name(set), name(attribute));
                    found.push(Variant {
                        attribute,
                        line,
                        payload: begin..begin + len,
                        holes: holes.clone(),
                    });
                }
            }
            let mut front = vec![0; layout.and_then(|layout| layout.size).unwrap_or(0) as usize];
            front.resize(front.len().next_multiple_of(4), 0);
            for (before, inner) in inside(owner, set, attribute) {
                let mut deeper = way.clone();
                let front = front.clone();
                deeper.around.push(Around { before, head, number: attribute_number, front });
                deeper.around.extend(levels(attribute));
                ways.push_back((owner, inner, deeper));
            }
        }
    }
    found
}

impl Way {
    /// A message with this inside.
    fn message(&self, attribute: &[u8]) -> Vec<u8> {
        let mut inner = attribute.to_vec();
        for Around { before, head, number, front } in self.around.iter().rev() {
            let payload = [front.as_slice(), &inner].concat();
            inner = [before.as_slice(), &head.bytes(head.nested(*number), &payload)].concat();
        }
        let payload = [self.header.as_slice(), &inner].concat();
        let len = u32::try_from(payload.len() + 16).expect("a small message");
        let mut bytes = len.to_le_bytes().to_vec();
        bytes.extend(self.kind.to_le_bytes());
        bytes.extend(5_u16.to_le_bytes());
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(payload);
        bytes
    }
}

/// Where the payload of the innermost attribute begins, whatever padding follows it and what is around.
fn payload_begin(way: &Way, head: Head, number: u16, len: usize) -> usize {
    let with = |byte| way.message(&head.bytes(number, &vec![byte; len]));
    let (one, other) = (with(1), with(2));
    one.iter().zip(&other).position(|(a, b)| a != b).unwrap_or(one.len())
}

/// How the elements of a set begin: as `struct nlattr`, or as the set's `element-header` says.
#[derive(Clone, Copy)]
struct Head {
    type_len: usize,
    length_len: usize,
    length_first: bool,
    big_endian: bool,
    counts_all: bool,
    align: usize,
    own: bool,
}

impl Head {
    /// As a set or an indexed array says it.
    fn of(set: &Value) -> Self {
        let Some(header) = set.get("element-header") else {
            return Self {
                type_len: 2,
                length_len: 2,
                length_first: true,
                big_endian: false,
                counts_all: true,
                align: 4,
                own: false,
            };
        };
        let width = |key| if text(header, key) == Some("u16") { 2 } else { 1 };
        Self {
            type_len: width("type"),
            length_len: width("length"),
            length_first: text(header, "first") == Some("length"),
            big_endian: text(header, "byte-order") == Some("big-endian"),
            counts_all: text(header, "counts") == Some("all"),
            align: integer(header, "align").unwrap_or(1) as usize,
            own: true,
        }
    }

    const fn len(self) -> usize {
        self.type_len + self.length_len
    }

    /// The type of an element that holds others.
    const fn nested(self, number: u16) -> u16 {
        if self.own { number } else { number | 0x8000 }
    }

    /// An element with its padding.
    fn bytes(self, number: u16, payload: &[u8]) -> Vec<u8> {
        let counted = payload.len() + if self.counts_all { self.len() } else { 0 };
        let field = |value: usize, width: usize| {
            let bytes = (value as u64).to_be_bytes();
            let mut field = bytes[bytes.len() - width..].to_vec();
            if !self.big_endian {
                field.reverse();
            }
            field
        };
        let (kind, len) = (field(number.into(), self.type_len), field(counted, self.length_len));
        let mut bytes = if self.length_first { [len, kind] } else { [kind, len] }.concat();
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(self.align), 0);
        bytes
    }
}

/// The messages to begin from: one for each operation that says its attribute set.
fn starts<'s>(specs: &'s Specs, spec: &'s Spec, generic: bool) -> Vec<(&'s Spec, String, Way)> {
    let Some(operations) = spec.document.get("operations") else { return Vec::new() };
    let high = spec.document.get("match").and_then(|m| integer(m, "type-high"));
    let mut starts = Vec::new();
    for (operation, number) in numbered_operations(spec) {
        let of = |key| text(operation, key).or_else(|| text(operations, key));
        let Some(set) = of("attribute-set") else { continue };
        let fixed = of("fixed-header").map_or(Some(0), |name| {
            let (owner, definition) = specs.resolve(spec, name)?;
            spec_layout::of(specs, owner, definition)?.size
        });
        // A header whose length stands in itself would take the attributes for its own.
        let Some(fixed) = fixed else { continue };
        let mut header = if generic { vec![number as u8, 1, 0, 0] } else { Vec::new() };
        header.resize(header.len() + fixed.next_multiple_of(4) as usize, 0);
        let kind = match high {
            _ if generic => GENERIC_ID,
            Some(high) => (high << specs.type_shift(spec) | number) as u16,
            None => number as u16,
        };
        starts.push((spec, set.to_owned(), Way { kind, header, around: Vec::new() }));
    }
    starts
}

fn find_set<'s>(specs: &'s Specs, spec: &'s Spec, name: &str) -> Option<(&'s Spec, &'s Value)> {
    let (owner, name) = match name.split_once('/') {
        Some((other, name)) => {
            (specs.0.values().find(|s| s.file == other || s.name() == other)?, name)
        }
        None => (spec, name),
    };
    let set = list(&owner.document, "attribute-sets").iter();
    Some((owner, set.into_iter().find(|set| text(set, "name") == Some(name))?))
}

/// The attributes of a set; those of a subset have their numbers from the whole.
fn attributes<'s>(spec: &'s Spec, set: &'s Value) -> Vec<(&'s Value, i128)> {
    let Some(whole) = text(set, "subset-of") else { return numbered_attributes(set) };
    let sets = list(&spec.document, "attribute-sets").iter();
    let whole = sets.into_iter().find(|other| text(other, "name") == Some(whole));
    let numbers = whole.map(numbered_attributes).unwrap_or_default();
    let number = |name| numbers.iter().find(|(a, _)| text(a, "name") == name).map(|(_, n)| *n);
    let own = list(set, "attributes").iter();
    own.filter_map(|attribute| Some((attribute, number(text(attribute, "name"))?))).collect()
}

/// The layout of an attribute that is a struct.
fn struct_of(specs: &Specs, spec: &Spec, attribute: &Value) -> Option<Layout> {
    let (owner, definition) = specs.resolve(spec, text(attribute, "struct")?)?;
    spec_layout::of(specs, owner, definition)
}

/// The lengths to try for an attribute, whose struct may have a size.
fn lens(attribute: &Value, of_struct: Option<u64>) -> Vec<usize> {
    let kind = text(attribute, "type").unwrap_or_default();
    let width = kind.strip_prefix(['u', 's']).and_then(|bits| bits.parse::<usize>().ok());
    let exact = of_struct
        .map(|size| size as usize)
        .or_else(|| width.map(|bits| bits / 8))
        .unwrap_or(match kind {
            "bitfield32" => 8,
            "flag" => 0,
            "uint" | "sint" => 4,
            _ => 6,
        });
    let mut lens = vec![0, 1, exact.saturating_sub(1), exact, exact + 1, 2 * exact + 9];
    lens.sort_unstable();
    lens.dedup();
    lens
}

/// What stands between an attribute and the sets that it holds: elements whose types are indexes or values.
fn levels(attribute: &Value) -> Vec<Around> {
    let (head, levels) = match text(attribute, "type") {
        Some("indexed-array") => (Head::of(attribute), 1),
        Some("nest-type-value") => (Head::of(&Value::Null), list(attribute, "type-value").len()),
        _ => return Vec::new(),
    };
    vec![Around { before: Vec::new(), head, number: 1, front: Vec::new() }; levels]
}

/// The sets that an attribute may hold, each with what must stand before it.
fn inside(spec: &Spec, set: &Value, attribute: &Value) -> Vec<(Vec<u8>, String)> {
    let plain =
        ["nested-attributes", "attribute-set"].iter().filter_map(|key| text(attribute, key));
    let mut inside: Vec<_> = plain.map(|name| (Vec::new(), name.to_owned())).collect();
    let (Some(message), Some(selector)) =
        (text(attribute, "sub-message"), text(attribute, "selector"))
    else {
        return inside;
    };
    let chooser = attributes(spec, set);
    let chooser = chooser.iter().find(|(a, _)| text(a, "name") == Some(selector));
    let Some((_, number)) = chooser else { return inside };
    let messages = list(&spec.document, "sub-messages").iter();
    let found = messages.into_iter().find(|m| text(m, "name") == Some(message));
    for format in found.map(|message| list(message, "formats")).unwrap_or_default() {
        // Only what a string chooses: the kinds of links, of queueing disciplines …
        if let (Some(value), Some(name)) = (text(format, "value"), text(format, "attribute-set")) {
            let word = [value.as_bytes(), &[0]].concat();
            let head = Head::of(set);
            inside.push((head.bytes(*number as u16, &word), name.to_owned()));
        }
    }
    inside
}
