//! Attributes and their payloads.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::choose::{self, Attribute, Chosen, Formats, Scope, count_of};
use super::expect::{Expected, Node};
use super::names::{Entries, plain, upper};
use super::numbers::width;
use super::{Builder, LONGEST, Payload};
use crate::spec_facts::{Spec, list, text};

/// Why something cannot be built.
pub(super) type Why = String;

/// An attribute with its padding.
fn attribute_bytes(number: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 4).expect("an attribute's length");
    let mut bytes = [len.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An element with its padding: an attribute, or what has another header and room for this payload.
fn element_bytes(
    header: Option<&Value>,
    number: u16,
    nested: bool,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let Some(header) = header else {
        return Some(attribute_bytes(if nested { number | NESTED } else { number }, payload));
    };
    let size = |key| match text(header, key) {
        Some("u16") => 2,
        _ => 1,
    };
    let field = |n: usize, size: usize| {
        let le = u32::try_from(n).ok().filter(|n| size > 1 || *n < 256)?.to_le_bytes();
        let mut field = le.get(..size)?.to_vec();
        if text(header, "byte-order") == Some("big-endian") {
            field.reverse();
        }
        Some(field)
    };
    let (type_size, length_size) = (size("type"), size("length"));
    let counts_all = text(header, "counts") == Some("all");
    let len = payload.len() + if counts_all { type_size + length_size } else { 0 };
    let mut head = [field(usize::from(number), type_size)?, field(len, length_size)?];
    if text(header, "first") == Some("length") {
        head.reverse();
    }
    let mut bytes = head.concat();
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(count_of(header, "align").unwrap_or(1)), 0);
    Some(bytes)
}

/// The flag bit of a type that says that the payload is attributes.
const NESTED: u16 = 0x8000;

impl<'s> Builder<'s> {
    /// The attributes of a set, each once.
    pub(super) fn attributes(
        &mut self,
        spec: &'s Spec,
        reference: &str,
    ) -> Result<(Vec<u8>, Vec<Node>), Why> {
        let (mut bytes, mut nodes) = (Vec::new(), Vec::new());
        let header = choose::find_set(self.specs, spec, reference)
            .and_then(|(_, set)| set.get("element-header"));
        self.each_attribute(spec, reference, &mut |number, payload, node| {
            let nested = matches!(node.payload, Expected::Attrs(_));
            let Some(attribute) = element_bytes(header, number, nested, payload) else {
                return false;
            };
            if bytes.len() + attribute.len() > LONGEST {
                return false;
            }
            bytes.extend(attribute);
            nodes.push(node);
            true
        })?;
        Ok((bytes, nodes))
    }

    fn each_attribute(
        &mut self,
        spec: &'s Spec,
        reference: &str,
        take: &mut dyn FnMut(u16, &[u8], Node) -> bool,
    ) -> Result<(), Why> {
        let (spec, set) = choose::find_set(self.specs, spec, reference)
            .ok_or_else(|| format!("no set {reference}"))?;
        // A set within itself is shown by what is not a nest.
        let again = self
            .scopes
            .iter()
            .any(|s| matches!(s, Scope::Set(_, other, _) if std::ptr::eq(*other, set)));
        let all = choose::attributes(self.specs, spec, set);
        self.scopes.push(Scope::Set(spec, set, BTreeMap::new()));
        let selectors = self.selectors(spec, reference, &all);
        if let Some(Scope::Set(_, _, chosen)) = self.scopes.last_mut() {
            *chosen = selectors;
        }
        let set_name = text(set, "name").unwrap_or_default();
        for (at, attribute) in all.iter().enumerate() {
            let name = plain(&attribute.item["name"]);
            let kind = text(&attribute.item, "type").unwrap_or("binary");
            if matches!(kind, "pad" | "unused") || again && (is_nest(kind) || at > 6) {
                continue;
            }
            if !self.whole && (is_nest(kind) || at > 6) {
                continue;
            }
            let Ok(number) = u16::try_from(attribute.number) else { continue };
            let built = match self.selector_of(&name) {
                Some(chosen) => self.forced(attribute, &chosen),
                None => self.payload(attribute.spec, &attribute.item),
            };
            let (payload, expected) = match built {
                Ok(built) => built,
                Err(why) => {
                    self.skipped.insert(format!("{} {set_name}/{name}: {why}", spec.file));
                    continue;
                }
            };
            let secret = attribute.item.get("secret").is_some();
            let node =
                Node {
                    name: Some(text(&attribute.item, "c-name").map_or_else(
                        || upper(&format!("{}{name}", attribute.prefix)),
                        str::to_owned,
                    )),
                    number,
                    payload: if secret { Expected::Secret(payload.len()) } else { expected },
                };
            if payload.len() > LONGEST || !take(number, &payload, node) {
                self.skipped.insert(format!("{} {set_name}/{name}: no room", spec.file));
                continue;
            }
            self.covered.insert(format!("{} {set_name}/{name}", spec.file));
        }
        self.scopes.pop();
        Ok(())
    }

    /// What the selectors among a set's attributes are in this form of the message.
    fn selectors(
        &mut self,
        spec: &'s Spec,
        reference: &str,
        all: &[Attribute<'s>],
    ) -> BTreeMap<String, Chosen> {
        let wanted = choose::wanted(self.specs, spec, reference, "");
        let here = |name: &String| all.iter().any(|a| plain(&a.item["name"]) == *name);
        wanted
            .into_iter()
            .filter(|(name, _)| here(name))
            .map(|(name, formats)| {
                let formats = self.named(&name, formats);
                let chosen = self.pick(&formats);
                (name, chosen)
            })
            .collect()
    }

    fn selector_of(&self, name: &str) -> Option<Chosen> {
        match self.scopes.last() {
            Some(Scope::Set(_, _, chosen)) => chosen.get(name).cloned(),
            _ => None,
        }
    }

    /// An attribute that is what a selector wants.
    fn forced(&mut self, attribute: &Attribute<'s>, chosen: &Chosen) -> Result<Payload, Why> {
        match chosen {
            Chosen::Text(word) => {
                let bytes = [word.as_bytes(), &[0]].concat();
                Ok((bytes, Expected::Text(word.clone())))
            }
            Chosen::Number(n) => {
                let n = u64::try_from(*n).map_err(|_| "a negative selector")?;
                self.scalar(attribute.spec, &attribute.item, Some(n))
            }
        }
    }

    /// The payload of an attribute, format or element.
    pub(super) fn payload(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        let nests = item.get("nested-attributes").is_some() || item.get("attribute-set").is_some();
        let default = if nests && item.get("struct").is_none() { "nest" } else { "binary" };
        let kind = text(item, "type").unwrap_or(default);
        if width(kind).is_some() {
            return self.scalar(spec, item, None);
        }
        Ok(match kind {
            "flag" => (Vec::new(), Expected::Present),
            "string" => {
                let word = self.word();
                ([word.as_bytes(), &[0]].concat(), Expected::Text(word))
            }
            "binary" => return self.binary(spec, item),
            "nest" => {
                let set = text(item, "nested-attributes").or_else(|| text(item, "attribute-set"));
                let (bytes, nodes) = self.set(spec, set.ok_or("a nest of nothing")?)?;
                (bytes, if nodes.is_empty() { Expected::Nothing } else { Expected::Attrs(nodes) })
            }
            "indexed-array" => return self.indexed(spec, item),
            "nest-type-value" => {
                let set = text(item, "nested-attributes").ok_or("a nest of nothing")?;
                let levels = list(item, "type-value").len();
                let (mut bytes, mut nodes) = self.set(spec, set)?;
                for level in 0..levels {
                    let number = level as u16 + 1;
                    let inner = Expected::Attrs(nodes);
                    bytes = attribute_bytes(number | NESTED, &bytes);
                    nodes = vec![Node { name: None, number, payload: inner }];
                }
                (bytes, Expected::Attrs(nodes))
            }
            "bitfield32" => self.bitfield32(spec, item)?,
            "sub-message" | "union" => return self.chosen(spec, item),
            "records" => return self.records(spec, item),
            "bitmap" => self.bitmap(spec, item)?,
            other => return Err(format!("type {other}")),
        })
    }

    /// A set that some attribute holds.
    pub(super) fn set(
        &mut self,
        spec: &'s Spec,
        reference: &str,
    ) -> Result<(Vec<u8>, Vec<Node>), Why> {
        self.attributes(spec, reference)
    }

    fn binary(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        if let Some(reference) = text(item, "struct") {
            return self.struct_payload(spec, item, reference);
        }
        if let Some(sub) = text(item, "sub-type") {
            let mut element = item.clone();
            element["type"] = Value::from(sub);
            let one = self.scalar(spec, &element, None)?;
            let two = self.scalar(spec, &element, None)?;
            return Ok(([one.0, two.0].concat(), Expected::Items(vec![one.1, two.1])));
        }
        let len = count_of(item, "len").unwrap_or(7);
        self.hinted(text(item, "display-hint"), len)
    }

    /// Bytes that want to be read in some way.
    pub(super) fn hinted(&mut self, hint: Option<&str>, len: usize) -> Result<Payload, Why> {
        Ok(match hint {
            Some("mac" | "fddi" | "hw-address") => {
                let bytes = self.bytes(if len == 7 { 6 } else { len });
                let digits: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
                (bytes, Expected::Text(digits.join(":")))
            }
            Some("ipv4") => self.address(4),
            Some("ipv6") => self.address(16),
            Some("ipv4-or-v6") => {
                let len = if self.count.is_multiple_of(2) { 4 } else { 16 };
                self.address(len)
            }
            Some("uuid") => {
                let bytes = self.bytes(16);
                let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
                let parts =
                    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
                (bytes, Expected::Text(parts.join("-")))
            }
            Some("text") => {
                let word = self.word();
                (word.as_bytes().to_vec(), Expected::Text(word))
            }
            Some("c-string") => {
                let word = self.word();
                ([word.as_bytes(), &[0]].concat(), Expected::Text(word))
            }
            _ => {
                let bytes = self.bytes(len);
                (bytes.clone(), Expected::Bytes(bytes))
            }
        })
    }

    fn address(&mut self, len: usize) -> Payload {
        let bytes = self.bytes(len);
        let text = match <[u8; 4]>::try_from(bytes.as_slice()) {
            Ok(four) => Ipv4Addr::from(four).to_string(),
            Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).expect("16 bytes"))
                .to_string(),
        };
        (bytes, Expected::Text(text))
    }

    /// Two elements, whose types are their indexes.
    fn indexed(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        let mut element = item.clone();
        match item.get("element") {
            Some(own) => element = own.clone(),
            None => {
                let sub = text(item, "sub-type").unwrap_or("binary").to_owned();
                element["type"] = Value::from(sub);
                element.as_object_mut().expect("an item").remove("sub-type");
            }
        }
        let names = text(item, "index-enum").and_then(|names| Entries::of(self.specs, spec, names));
        let offset = choose::signed(item, "index-offset").unwrap_or(0);
        let (mut bytes, mut nodes) = (Vec::new(), Vec::new());
        for number in 1..=2_u16 {
            let (payload, expected) = self.payload(spec, &element)?;
            if bytes.len() + payload.len() > LONGEST {
                break;
            }
            let nested = matches!(expected, Expected::Attrs(_));
            let attribute = element_bytes(item.get("element-header"), number, nested, &payload);
            bytes.extend(attribute.ok_or("no room for an element")?);
            let index = u64::try_from(i128::from(number) + offset).unwrap_or(u64::MAX);
            let name = names.as_ref().and_then(|names| names.name(index)).map(str::to_owned);
            nodes.push(Node { name, number, payload: expected });
        }
        Ok((bytes, Expected::Attrs(nodes)))
    }

    /// The form that a selector chooses.
    pub(super) fn chosen(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        let (selectors, formats) =
            choose::formats(self.specs, spec, item).ok_or("a selector of nothing")?;
        let first = selectors.first().ok_or("no selector")?;
        let named = self.named(first, vec![formats]);
        let len = if first == "length" { self.length(&named) } else { None };
        let formats = named.into_iter().next().ok_or("no formats")?;
        // The first that decides; else what holds for all others.
        let decides = selectors.iter().find_map(|selector| {
            let chosen = self.selected(selector, len);
            formats.own(self.specs, selector, chosen.as_ref()).cloned()
        });
        let format = decides
            .or_else(|| formats.choose(self.specs, first, None).cloned())
            .ok_or_else(|| format!("no form for {first} {:?}", self.selected(first, len)))?;
        let mut built = match text(&format, "fixed-header") {
            None => self.format(formats.spec, &format, len)?,
            Some(header) => {
                let (mut bytes, expected) =
                    self.struct_payload(formats.spec, &Value::Null, header)?;
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                let set = text(&format, "attribute-set").ok_or("a header of nothing")?;
                let (more, nodes) = self.set(formats.spec, set)?;
                bytes.extend(more);
                match expected {
                    Expected::Struct(name, fields, _) => {
                        (bytes, Expected::Struct(name, fields, nodes))
                    }
                    _ => return Err("a header that is no struct".to_owned()),
                }
            }
        };
        if let Some(len) = len {
            if built.0.len() != len && matches!(built.1, Expected::Bytes(_)) {
                let bytes = self.bytes(len);
                built = (bytes.clone(), Expected::Bytes(bytes));
            } else if !self.is_form(&formats, &format, built.0.len()) {
                return Err(format!("the form for length {len} has {}", built.0.len()));
            }
        }
        Ok(built)
    }

    /// Whether a payload of this length has this form.
    fn is_form(&self, formats: &Formats<'s>, format: &Value, len: usize) -> bool {
        let chosen = self.selected("length", Some(len));
        formats.choose(self.specs, "length", chosen.as_ref()) == Some(format)
    }

    fn format(
        &mut self,
        spec: &'s Spec,
        format: &Value,
        len: Option<usize>,
    ) -> Result<Payload, Why> {
        let shapes = ["type", "struct", "attribute-set", "nested-attributes", "display-hint"];
        if shapes.iter().any(|key| format.get(*key).is_some()) {
            return self.payload(spec, format);
        }
        let bytes = self.bytes(len.unwrap_or(5));
        Ok((bytes.clone(), Expected::Bytes(bytes)))
    }
}

fn is_nest(kind: &str) -> bool {
    !matches!(kind, "flag" | "string" | "binary") && width(kind).is_none()
}
