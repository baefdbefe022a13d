//! Attributes and their payloads.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::choose::{self, Attribute, Chosen, Formats, Scope, count_of};
use super::expect::{Expected, Node};
use super::names::{Entries, plain, upper};
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

    /// A number: `forced`, or a name of its enum, or just one.
    pub(super) fn scalar(
        &mut self,
        spec: &'s Spec,
        item: &Value,
        forced: Option<u64>,
    ) -> Result<Payload, Why> {
        let kind = text(item, "type").unwrap_or_default();
        let mut bytes = width(kind).ok_or_else(|| format!("type {kind}"))?;
        if bytes == 0 {
            bytes = if self.count.is_multiple_of(2) { 4 } else { 8 };
        }
        let big = text(item, "byte-order") == Some("big-endian");
        let wire = |v: u64| {
            let le = v.to_le_bytes();
            let mut field = le[..bytes].to_vec();
            if big {
                field.reverse();
            }
            field
        };
        let signed = kind.starts_with('s');
        let hint = text(item, "display-hint");
        if hint == Some("ipv4") && bytes == 4 {
            let address = Ipv4Addr::from(self.number(4) as u32 | 0x0a00_0000);
            return Ok((address.octets().to_vec(), Expected::Text(address.to_string())));
        }
        if let Some(reference) = text(item, "enum") {
            let entries = Entries::of(self.specs, spec, reference)
                .ok_or_else(|| format!("no enum {reference}"))?;
            if let Some(bits) = count_of(item, "part-bits") {
                // Of one part.
                let parts: Vec<u64> = entries.all.iter().map(|e| e.value).collect();
                let fits: Vec<u64> =
                    parts.into_iter().filter(|v| *v > 0 && v >> bits == 0).collect();
                self.count += 1;
                let v = *fits.get(self.count as usize % fits.len().max(1)).ok_or("no part")?;
                let names = entries.name(v).map(str::to_owned).into_iter().collect();
                return Ok((wire(v), Expected::Flags(v, names)));
            }
            let flags = entries.bits || item["enum-as-flags"] == true;
            return self
                .named_number(&entries, flags, (bytes, signed), forced)
                .map(|(v, e)| (wire(v), e));
        }
        let v = forced.unwrap_or_else(|| self.number(bytes));
        if hint == Some("errno") {
            let field = wire((-22_i64).cast_unsigned());
            return Ok((field, Expected::Number(-22, Some("EINVAL".to_owned()))));
        }
        if signed && forced.is_none() {
            let negative = -i128::from(v);
            return Ok((wire(negative as u64), Expected::Number(negative, None)));
        }
        let unused = u32::try_from(64 - 8 * bytes).expect("a width");
        let said = match signed {
            true => i128::from(v.cast_signed() << unused >> unused),
            false => i128::from(v),
        };
        Ok((wire(v), Expected::Number(said, None)))
    }

    /// A number, or bits, with names.
    pub(super) fn named_number(
        &mut self,
        entries: &Entries,
        flags: bool,
        (bytes, signed): (usize, bool),
        forced: Option<u64>,
    ) -> Result<(u64, Expected), Why> {
        let unused = 64_u32.saturating_sub(8 * u32::try_from(bytes).map_err(|e| e.to_string())?);
        let extended = |v: u64| v.cast_signed() << unused >> unused;
        let fits = |v: u64| match signed {
            true => extended(v) == v.cast_signed(),
            false => bytes >= 8 || v >> (bytes * 8) == 0,
        };
        self.count += 1;
        let turn = self.count as usize;
        if flags {
            let bits: Vec<u64> =
                entries.all.iter().map(|e| e.mask).filter(|m| *m != 0 && fits(*m)).collect();
            if bits.is_empty() {
                return Err("flags of no bits".to_owned());
            }
            let v = forced.unwrap_or(bits[turn % bits.len()] | bits[turn / 2 % bits.len()]);
            let (names, left) = entries.flags(v);
            if left != 0 {
                return Ok((v, Expected::Number(i128::from(v), None)));
            }
            return Ok((v, Expected::Flags(v, names)));
        }
        let values: Vec<u64> = entries.all.iter().map(|e| e.value).filter(|v| fits(*v)).collect();
        let v = match forced {
            Some(v) => v,
            None => *values.get(turn % values.len().max(1)).ok_or("an enum of no values")?,
        };
        let v = if signed { extended(v).cast_unsigned() } else { v };
        let said = if signed { i128::from(v.cast_signed()) } else { i128::from(v) };
        Ok((v, Expected::Number(said, entries.name(v).map(str::to_owned))))
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
        let sub = text(item, "sub-type").unwrap_or("binary").to_owned();
        element["type"] = Value::from(sub);
        element.as_object_mut().expect("an item").remove("sub-type");
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

    fn bitfield32(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        let entries = match text(item, "enum") {
            Some(reference) => Some(
                Entries::of(self.specs, spec, reference)
                    .ok_or_else(|| format!("no enum {reference}"))?,
            ),
            None => None,
        };
        let (mut bytes, mut fields) = (Vec::new(), Vec::new());
        for name in ["value", "selector"] {
            let (v, expected) = match &entries {
                Some(entries) => self.named_number(entries, true, (4, false), None)?,
                None => {
                    let v = self.number(4);
                    (v, Expected::Number(i128::from(v), None))
                }
            };
            bytes.extend(&v.to_le_bytes()[..4]);
            fields.push((name.to_owned(), expected));
        }
        Ok((bytes, Expected::Struct("nla_bitfield32".to_owned(), fields, Vec::new())))
    }

    /// The form that a selector chooses.
    pub(super) fn chosen(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        let (selector, formats) =
            choose::formats(self.specs, spec, item).ok_or("a selector of nothing")?;
        let named = self.named(&selector, vec![formats]);
        let len = if selector == "length" { self.length(&named) } else { None };
        let formats = named.into_iter().next().ok_or("no formats")?;
        let chosen = self.selected(&selector, len);
        let format = formats
            .choose(self.specs, &selector, chosen.as_ref())
            .ok_or_else(|| format!("no form for {selector} {chosen:?}"))?
            .clone();
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

    /// Three of the bits that have names.
    fn bitmap(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        let word = text(item, "sub-type").and_then(width).unwrap_or(1);
        let entries = text(item, "enum").and_then(|e| Entries::of(self.specs, spec, e));
        let mut bits: Vec<u64> = match &entries {
            None => vec![3, 8, 70],
            Some(entries) => {
                let all: Vec<u64> = entries.all.iter().map(|e| e.value).collect();
                vec![all[0], all[all.len() / 2], all[all.len() - 1]]
            }
        };
        bits.sort_unstable();
        bits.dedup();
        let last = *bits.last().ok_or("a bitmap of no bits")? as usize;
        let mut bytes = vec![0; (last / 8 + 1).next_multiple_of(word)];
        for bit in &bits {
            bytes[*bit as usize / 8] |= 1 << (bit % 8);
        }
        let name = |bit: u64| entries.as_ref().and_then(|e| e.name(bit)).map(str::to_owned);
        let items = bits.iter().map(|bit| Expected::Number(i128::from(*bit), name(*bit))).collect();
        Ok((bytes, Expected::Items(items)))
    }
}

/// Bytes of a number's type; 0 for one of 4 or 8.
pub(super) fn width(kind: &str) -> Option<usize> {
    match kind {
        "uint" | "sint" => Some(0),
        _ => kind.strip_prefix(['u', 's'])?.parse::<usize>().ok().map(|bits| bits / 8),
    }
}

fn is_nest(kind: &str) -> bool {
    !matches!(kind, "flag" | "string" | "binary") && width(kind).is_none()
}
