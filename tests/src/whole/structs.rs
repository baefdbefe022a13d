//! Structs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::attrs::Why;
use super::choose::{self, Chosen, Scope, count_of};
use super::expect::Expected;
use super::names::{Entries, lower, plain};
use super::numbers::width;
use super::{Builder, Payload};
use crate::spec_facts::{Spec, integer, list, text};

/// A struct that has been built.
pub(super) struct Struct {
    pub(super) bytes: Vec<u8>,
    pub(super) c_name: String,
    pub(super) fields: Vec<(String, Expected)>,
    /// Its numbers by name.
    pub(super) members: BTreeMap<String, i128>,
    align: usize,
}

/// How many elements an array has, and how many bytes what another member measures.
const MANY: usize = 2;
const MEASURED: usize = 8;

impl<'s> Builder<'s> {
    /// A struct that is a payload, an array of them, or one with attributes after it.
    pub(super) fn struct_payload(
        &mut self,
        spec: &'s Spec,
        item: &Value,
        reference: &str,
    ) -> Result<Payload, Why> {
        let (owner, definition) =
            self.specs.resolve(spec, reference).ok_or_else(|| format!("no struct {reference}"))?;
        if item["array"] == true {
            let (mut bytes, mut items) = (Vec::new(), Vec::new());
            for _ in 0..MANY {
                let built = self.structure(spec, reference, &BTreeMap::new())?;
                bytes.extend(built.bytes);
                items.push(Expected::Struct(built.c_name, built.fields, Vec::new()));
            }
            return Ok((bytes, Expected::Items(items)));
        }
        let mut chosen = BTreeMap::new();
        if let Some(set) = text(item, "attribute-set") {
            for (member, formats) in choose::wanted(self.specs, spec, set, "struct.") {
                let formats = self.named_in(owner, definition, &member, formats);
                chosen.insert(member, self.pick(&formats));
            }
        }
        let built = self.structure(spec, reference, &chosen)?;
        let mut bytes = built.bytes;
        let mut nodes = Vec::new();
        if let Some(set) = text(item, "attribute-set") {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            self.scopes.push(Scope::Struct(owner, definition, built.members));
            let attributes = self.set(spec, set);
            self.scopes.pop();
            let (more, found) = attributes?;
            bytes.extend(more);
            nodes = found;
        }
        Ok((bytes, Expected::Struct(built.c_name, built.fields, nodes)))
    }

    /// A struct with some members as a selector wants them.
    pub(super) fn structure(
        &mut self,
        spec: &'s Spec,
        reference: &str,
        chosen: &BTreeMap<String, Chosen>,
    ) -> Result<Struct, Why> {
        let (spec, definition) =
            self.specs.resolve(spec, reference).ok_or_else(|| format!("no struct {reference}"))?;
        let mut forced: BTreeMap<String, u64> = BTreeMap::new();
        for (member, chosen) in chosen {
            if let Chosen::Number(n) = chosen {
                forced.insert(member.clone(), *n as u64);
            }
        }
        for (member, formats) in choose::wanted_in_struct(self.specs, spec, definition) {
            // What another struct has is chosen there.
            if self.member_at(spec, definition, &member).is_none() {
                continue;
            }
            let formats = self.named_in(spec, definition, &member, formats);
            if let Chosen::Number(n) = self.pick(&formats) {
                forced.entry(member).or_insert(n as u64);
            }
        }
        for member in list(definition, "members") {
            let measured = match text(member, "len-in") {
                Some("bits") => MEASURED * 8,
                Some("words") => MEASURED / 4,
                _ => MEASURED,
            };
            for (key, value) in [("len", measured), ("count", MANY)] {
                if let Some(of) = text(member, key).filter(|of| *of != "rest") {
                    forced.insert(of.to_owned(), value as u64);
                }
            }
        }
        // All of what may be used is.
        for member in list(definition, "members") {
            if let Some(of) = text(member, "used") {
                let len = count_of(member, "count").or_else(|| self.length_of(spec, member).ok());
                forced.insert(of.to_owned(), len.unwrap_or(MANY) as u64);
            }
        }
        // Unions look up members that stand after them.
        let early = forced.iter().map(|(name, n)| (name.clone(), i128::from(*n))).collect();
        self.scopes.push(Scope::Struct(spec, definition, early));
        let built = self.members(spec, definition, &forced);
        self.scopes.pop();
        built
    }

    fn members(
        &mut self,
        spec: &'s Spec,
        definition: &'s Value,
        forced: &BTreeMap<String, u64>,
    ) -> Result<Struct, Why> {
        let natural = text(definition, "align") == Some("c");
        let prefix = text(definition, "member-prefix").unwrap_or_default();
        let name = text(definition, "name").unwrap_or_default();
        let mut built = Struct {
            bytes: Vec::new(),
            c_name: text(definition, "c-name").map_or_else(|| lower(name), str::to_owned),
            fields: Vec::new(),
            members: BTreeMap::new(),
            align: 1,
        };
        for member in list(definition, "members") {
            let name = plain(&member["name"]);
            let c_name = text(member, "c-name")
                .map_or_else(|| lower(&format!("{prefix}{name}")), str::to_owned);
            // What is wanted of a struct within.
            let within = |(path, n): (&String, &u64)| {
                let rest = path.strip_prefix(&name)?.strip_prefix('.')?;
                Some((rest.to_owned(), Chosen::Number(i128::from(*n))))
            };
            let inner: BTreeMap<String, Chosen> = forced.iter().filter_map(within).collect();
            self.inner.clear();
            let (bytes, expected, align) = self
                .member(spec, member, forced.get(&name).copied(), &inner)
                .map_err(|why| format!("{name}: {why}"))?;
            let numbers = std::mem::take(&mut self.inner);
            built.members.extend(numbers.into_iter().map(|(n, v)| (format!("{name}.{n}"), v)));
            let align = count_of(member, "align").unwrap_or(if natural { align } else { 1 }).max(1);
            built.align = built.align.max(align);
            built.bytes.resize(built.bytes.len().next_multiple_of(align), 0);
            let len = bytes.len();
            built.bytes.extend(bytes);
            match expected {
                Member::Hidden => {}
                Member::One(expected) => {
                    if let Expected::Number(n, _) = &expected {
                        built.members.insert(name.clone(), *n);
                    } else if let Expected::Flags(n, _) = &expected {
                        built.members.insert(name.clone(), i128::from(*n));
                    }
                    if let Some(Scope::Struct(_, _, members)) = self.scopes.last_mut() {
                        members.extend(built.members.clone());
                    }
                    let secret = member.get("secret").is_some();
                    let expected = if secret { Expected::Secret(len) } else { expected };
                    built.fields.push((c_name, expected));
                }
                Member::Fields(fields) => built.fields.extend(fields),
            }
        }
        // What has no end of its own has no padding after it.
        let last = list(definition, "members").last();
        let open = |m: &Value| ["len", "count"].iter().any(|key| m[*key].is_string());
        if !last.is_some_and(|m| {
            open(m) && spec.definition(m["len"].as_str().unwrap_or_default()).is_none()
        }) {
            built.bytes.resize(built.bytes.len().next_multiple_of(built.align), 0);
        }
        Ok(built)
    }

    /// A member's bytes, what is shown of it, and its natural alignment.
    fn member(
        &mut self,
        spec: &'s Spec,
        member: &'s Value,
        forced: Option<u64>,
        inner: &BTreeMap<String, Chosen>,
    ) -> Result<(Vec<u8>, Member, usize), Why> {
        let kind = text(member, "type").unwrap_or("binary");
        if kind == "pad" {
            return Ok((vec![0; self.length_of(spec, member)?], Member::Hidden, 1));
        }
        if member.get("bits").is_some() {
            return self.bits(spec, member);
        }
        let count = match &member["count"] {
            Value::Null => None,
            Value::String(word) => Some(
                spec.definition(word)
                    .and_then(|constant| integer(constant, "value"))
                    .map_or(MANY, |n| usize::try_from(n).unwrap_or(MANY)),
            ),
            number => number.as_u64().map(|n| usize::try_from(n).unwrap_or(MANY)),
        };
        let Some(count) = count else {
            let (bytes, expected, align) = self.element(spec, member, forced, inner)?;
            return Ok((bytes, Member::One(expected), align));
        };
        let (mut bytes, mut items, mut align) = (Vec::new(), Vec::new(), 1);
        for _ in 0..count {
            let (more, expected, own) = self.element(spec, member, None, inner)?;
            bytes.extend(more);
            items.push(expected);
            align = own;
        }
        if count == 0 {
            align = width(kind).unwrap_or(1);
        }
        Ok((bytes, Member::One(Expected::Items(items)), align))
    }

    fn element(
        &mut self,
        spec: &'s Spec,
        member: &'s Value,
        forced: Option<u64>,
        inner: &BTreeMap<String, Chosen>,
    ) -> Result<(Vec<u8>, Expected, usize), Why> {
        let kind = text(member, "type").unwrap_or("binary");
        if let Some(reference) = text(member, "struct") {
            let built = self.structure(spec, reference, inner)?;
            self.inner = built.members;
            let expected = Expected::Struct(built.c_name, built.fields, Vec::new());
            return Ok((built.bytes, expected, built.align));
        }
        if kind == "union" {
            let (mut bytes, expected) = self.chosen(spec, member)?;
            let rest = text(member, "len") == Some("rest");
            if !rest {
                let len = self.length_of(spec, member)?;
                if bytes.len() > len {
                    // Bytes of no form of their own fill the room there is.
                    if !matches!(expected, Expected::Bytes(_)) {
                        return Err(format!("a form of {} bytes in {len}", bytes.len()));
                    }
                    bytes.truncate(len);
                    return Ok((bytes.clone(), Expected::Bytes(bytes), 1));
                }
                if let Expected::Bytes(_) = expected {
                    let bytes = self.bytes(len);
                    return Ok((bytes.clone(), Expected::Bytes(bytes), 1));
                }
                if let (Expected::Text(address), [_, _, _, _, _, _]) = (&expected, bytes.as_slice())
                {
                    // A link-layer address is as long as the room.
                    let address = format!("{address}{}", ":00".repeat(len - bytes.len()));
                    bytes.resize(len, 0);
                    return Ok((bytes, Expected::Text(address), 1));
                }
                bytes.resize(len, 0);
            }
            return Ok((bytes, expected, 1));
        }
        if let Some(bytes) = width(kind) {
            let (wire, expected) = self.scalar(spec, member, forced)?;
            return Ok((wire, expected, bytes));
        }
        if kind == "string" {
            let word = self.word();
            let mut bytes = word.as_bytes().to_vec();
            match text(member, "len") {
                Some("rest") => bytes.push(0),
                // As long as another member says, and no longer.
                Some(by) if spec.definition(by).is_none() => {
                    let word: String = word.chars().cycle().take(MEASURED).collect();
                    return Ok((word.as_bytes().to_vec(), Expected::Text(word), 1));
                }
                _ => bytes.resize(self.length_of(spec, member)?, 0),
            }
            return Ok((bytes, Expected::Text(word), 1));
        }
        if kind == "binary" && member.get("sub-type").is_none() {
            let len = self.length_of(spec, member)?;
            let hint = text(member, "display-hint");
            let rest = text(member, "len") == Some("rest");
            if hint == Some("text") && !rest {
                let word: String = self.word().chars().cycle().take(len).collect();
                return Ok((word.as_bytes().to_vec(), Expected::Text(word), 1));
            }
            let (mut bytes, expected) = self.hinted(hint, len)?;
            if !rest && bytes.len() != len {
                if bytes.len() > len {
                    return Err(format!("{} bytes in {len}", bytes.len()));
                }
                bytes.resize(len, 0);
            }
            return Ok((bytes, expected, 1));
        }
        let (bytes, expected) = self.payload(spec, member)?;
        Ok((bytes, expected, 1))
    }

    /// The `len` of a member: a number, a constant, what another member says, or the rest.
    pub(super) fn length_of(&self, spec: &Spec, member: &Value) -> Result<usize, Why> {
        if let Some(len) = count_of(member, "len") {
            return Ok(len);
        }
        let word = text(member, "len").ok_or("no len")?;
        if word == "rest" {
            return Ok(7);
        }
        let constant = spec.definition(word).and_then(|constant| integer(constant, "value"));
        Ok(constant.map_or(MEASURED, |n| usize::try_from(n).unwrap_or(MEASURED)))
    }

    fn bits(&mut self, spec: &'s Spec, member: &'s Value) -> Result<(Vec<u8>, Member, usize), Why> {
        let bytes = width(text(member, "type").unwrap_or_default()).ok_or("bits of no number")?;
        let (mut all, mut at, mut fields) = (0_u64, 0, Vec::new());
        for field in list(member, "bits") {
            let width = u32::try_from(integer(field, "width").ok_or("no width")?)
                .map_err(|e| e.to_string())?;
            let entries = text(field, "enum").and_then(|e| Entries::of(self.specs, spec, e));
            let v = self.number(8) & ((1 << width) - 1);
            let name = entries.as_ref().and_then(|e| e.name(v)).map(str::to_owned);
            all |= v << at;
            at += width;
            let own = lower(&plain(&field["name"]));
            let c_name = text(field, "c-name").map_or(own, str::to_owned);
            fields.push((c_name, Expected::Number(i128::from(v), name)));
        }
        let mut wire = all.to_le_bytes()[..bytes].to_vec();
        if text(member, "byte-order") == Some("big-endian") {
            wire.reverse();
        }
        Ok((wire, Member::Fields(fields), bytes))
    }

    /// Structs that have their own length, each with attributes.
    pub(super) fn records(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        let reference = text(item, "struct").ok_or("records of nothing")?;
        let member = text(item, "length-member").ok_or("records of no length")?;
        let set = text(item, "attribute-set").ok_or("records without attributes")?;
        let align = count_of(item, "align").unwrap_or(4);
        let (mut bytes, mut items) = (Vec::new(), Vec::new());
        for _ in 0..MANY {
            let (attributes, nodes) = self.set(spec, set)?;
            // Built twice: with the length that the first one shows.
            let size = self.structure(spec, reference, &BTreeMap::new())?.bytes.len();
            let len = size + attributes.len();
            let chosen = BTreeMap::from([(member.to_owned(), Chosen::Number(len as i128))]);
            let built = self.structure(spec, reference, &chosen)?;
            bytes.extend(built.bytes);
            bytes.extend(attributes);
            bytes.resize(bytes.len().next_multiple_of(align), 0);
            items.push(Expected::Struct(built.c_name, built.fields, nodes));
        }
        Ok((bytes, Expected::Items(items)))
    }
}

/// What is shown of a member.
enum Member {
    Hidden,
    One(Expected),
    /// Bit fields.
    Fields(Vec<(String, Expected)>),
}
