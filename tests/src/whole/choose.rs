//! What selectors ask for, and which form they choose.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::names::{Entries, plain};
use super::{Builder, is_generic};
use crate::spec_facts::{Spec, Specs, all_numbers, integer, list, numbered_attributes, text};

/// What is open around a payload.
pub(super) enum Scope<'s> {
    /// A set, by file and name, and what its selectors are.
    Set(&'s Spec, &'s Value, BTreeMap<String, Chosen>),
    /// A struct's definition and members.
    Struct(&'s Spec, &'s Value, BTreeMap<String, i128>),
}

/// A selector's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Chosen {
    Text(String),
    Number(i128),
}

/// The formats that a selector decides between, and what they are written in.
#[derive(Debug, Clone)]
pub(super) struct Formats<'s> {
    pub(super) spec: &'s Spec,
    pub(super) list: Vec<Value>,
    /// The enum that names the values, and the spec it is named in.
    pub(super) names: Option<(&'s Spec, String)>,
}

/// Whether an operation is named by a format, so that its messages are unlike those of others.
pub(super) fn is_special(spec: &Spec, operation: &str) -> bool {
    let formats = list(&spec.document, "sub-messages").iter().flat_map(|m| list(m, "formats"));
    let mut values = formats.flat_map(|format| one_or_many(&format["value"]));
    values.any(|value| value.as_str() == Some(operation))
}

/// A value, or the values of a list.
pub(super) fn one_or_many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(many) => many.iter().collect(),
        one => vec![one],
    }
}

/// The formats of an attribute, member or format that selectors choose for, and those.
pub(super) fn formats<'s>(
    specs: &'s Specs,
    spec: &'s Spec,
    item: &Value,
) -> Option<(Vec<String>, Formats<'s>)> {
    let selectors: Vec<String> = one_or_many(&item["selector"])
        .into_iter()
        .filter_map(|s| Some(s.as_str()?.into()))
        .collect();
    if selectors.is_empty() {
        return None;
    }
    let own_names = text(item, "selector-enum").map(|names| (spec, names.to_owned()));
    if let Some(reference) = text(item, "sub-message") {
        let (owner, name) = owner(specs, spec, reference)?;
        let messages = list(&owner.document, "sub-messages").iter();
        let message = messages.into_iter().find(|m| text(m, "name") == Some(&name))?;
        let names = text(message, "selector-enum").map(|names| (owner, names.to_owned()));
        let list = list(message, "formats").to_vec();
        return Some((selectors, Formats { spec: owner, list, names: names.or(own_names) }));
    }
    Some((selectors, Formats { spec, list: list(item, "formats").to_vec(), names: own_names }))
}

/// The spec that a reference leads to, and the name in it.
pub(super) fn owner<'s>(
    specs: &'s Specs,
    spec: &'s Spec,
    reference: &str,
) -> Option<(&'s Spec, String)> {
    match reference.split_once('/') {
        None => Some((spec, reference.to_owned())),
        Some((other, name)) => {
            let named = |s: &&Spec| s.file == other || s.name() == other;
            Some((specs.0.values().find(named)?, name.to_owned()))
        }
    }
}

pub(super) fn find_set<'s>(
    specs: &'s Specs,
    spec: &'s Spec,
    reference: &str,
) -> Option<(&'s Spec, &'s Value)> {
    let (owner, name) = owner(specs, spec, reference)?;
    let set = list(&owner.document, "attribute-sets").iter();
    Some((owner, set.into_iter().find(|set| text(set, "name") == Some(&name))?))
}

/// What selectors with this beginning are asked for anywhere below a set, and the formats they decide
/// between. With an empty beginning: attributes' names, down to sets that have one of that name.
pub(super) fn wanted<'s>(
    specs: &'s Specs,
    spec: &'s Spec,
    set: &str,
    beginning: &str,
) -> BTreeMap<String, Vec<Formats<'s>>> {
    let mut found = BTreeMap::new();
    let mut seen = HashSet::new();
    if let Some((owner, set)) = find_set(specs, spec, set) {
        let mut search = Search { specs, beginning, found: &mut found, seen: &mut seen };
        search.set(owner, set, &[], true);
    }
    found
}

/// The same for a struct: what its unions ask of its own members.
pub(super) fn wanted_in_struct<'s>(
    specs: &'s Specs,
    spec: &'s Spec,
    definition: &'s Value,
) -> BTreeMap<String, Vec<Formats<'s>>> {
    let mut found = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut search = Search { specs, beginning: "struct.", found: &mut found, seen: &mut seen };
    search.members(spec, definition, &[]);
    found
}

/// An attribute of a set, with what a subset takes from the whole.
pub(super) struct Attribute<'s> {
    /// The spec that its references are of.
    pub(super) spec: &'s Spec,
    pub(super) item: Value,
    pub(super) number: i128,
    /// The prefix of its C name.
    pub(super) prefix: String,
}

/// The attributes of a set with their numbers.
pub(super) fn attributes<'s>(
    specs: &'s Specs,
    spec: &'s Spec,
    set: &'s Value,
) -> Vec<Attribute<'s>> {
    let prefix = |spec: &Spec, set: &Value| {
        let name = text(set, "name").unwrap_or_default();
        text(set, "name-prefix").map_or_else(
            || {
                if name == spec.name() {
                    format!("{name}-a-")
                } else {
                    format!("{}-a-{name}-", spec.name())
                }
            },
            str::to_owned,
        )
    };
    let own = |spec: &'s Spec, set: &'s Value| -> Vec<Attribute<'s>> {
        let numbered = numbered_attributes(set).into_iter();
        numbered
            .map(|(item, number)| Attribute {
                spec,
                item: item.clone(),
                number,
                prefix: text(item, "name-prefix").map_or_else(|| prefix(spec, set), str::to_owned),
            })
            .collect()
    };
    let Some((owner, whole)) = text(set, "subset-of").and_then(|w| find_set(specs, spec, w)) else {
        return own(spec, set);
    };
    let mut of_whole = own(owner, whole);
    list(set, "attributes")
        .iter()
        .filter_map(|narrowed| {
            let at = of_whole.iter().position(|a| a.item["name"] == narrowed["name"])?;
            let mut attribute = of_whole.swap_remove(at);
            if let (Some(item), Some(more)) = (attribute.item.as_object_mut(), narrowed.as_object())
            {
                item.extend(more.clone());
            }
            attribute.spec = spec;
            Some(attribute)
        })
        .collect()
}

struct Search<'s, 'f> {
    specs: &'s Specs,
    beginning: &'f str,
    found: &'f mut BTreeMap<String, Vec<Formats<'s>>>,
    seen: &'f mut HashSet<*const Value>,
}

impl<'s> Search<'s, '_> {
    fn set(&mut self, spec: &'s Spec, set: &'s Value, hidden: &[String], first: bool) {
        if !self.seen.insert(set) {
            return;
        }
        let mut hidden = hidden.to_vec();
        if !first {
            hidden.extend(list(set, "attributes").iter().map(|a| plain(&a["name"])));
        }
        let whole = text(set, "subset-of").and_then(|whole| find_set(self.specs, spec, whole));
        for attribute in list(set, "attributes") {
            self.item(spec, attribute, &hidden);
            if let Some((owner, whole)) = whole {
                let attributes = list(whole, "attributes").iter();
                let same = attributes.into_iter().find(|a| a["name"] == attribute["name"]);
                if let Some(same) = same.filter(|_| attribute.get("nested-attributes").is_none()) {
                    self.item(owner, same, &hidden);
                }
            }
        }
    }

    fn item(&mut self, spec: &'s Spec, item: &Value, hidden: &[String]) {
        if let Some((selectors, formats)) = formats(self.specs, spec, item) {
            for selector in selectors {
                let path = selector.contains('.');
                let name = selector.strip_prefix(self.beginning);
                if let Some(name) = name.filter(|_| path != self.beginning.is_empty())
                    && !hidden.iter().any(|h| h == name)
                {
                    self.found.entry(name.to_owned()).or_default().push(formats.clone());
                }
            }
            for format in &formats.list {
                self.item(formats.spec, format, hidden);
            }
        }
        for key in ["nested-attributes", "attribute-set"] {
            if let Some(name) = text(item, key)
                && let Some((owner, set)) = find_set(self.specs, spec, name)
            {
                self.set(owner, set, hidden, false);
            }
        }
        if self.beginning != "struct."
            && let Some(name) = text(item, "struct")
            && let Some((owner, definition)) = self.specs.resolve(spec, name)
            && self.seen.insert(definition)
        {
            for member in list(definition, "members") {
                self.item(owner, member, hidden);
            }
        }
    }

    /// A struct's unions, and those of structs in it that have no member of the name themselves.
    fn members(&mut self, spec: &'s Spec, definition: &'s Value, hidden: &[String]) {
        for member in list(definition, "members") {
            if let Some((selectors, formats)) = formats(self.specs, spec, member) {
                let names = selectors.iter().filter_map(|s| s.strip_prefix("struct."));
                for name in names.filter(|name| !hidden.iter().any(|h| h == *name)) {
                    self.found.entry(name.to_owned()).or_default().push(formats.clone());
                }
            }
            if let Some(reference) = text(member, "struct")
                && let Some((owner, inner)) = self.specs.resolve(spec, reference)
            {
                let mut hidden = hidden.to_vec();
                hidden.extend(list(inner, "members").iter().map(|m| plain(&m["name"])));
                self.members(owner, inner, &hidden);
            }
        }
    }
}

impl Formats<'_> {
    /// The number of a value as it is written.
    fn number(&self, specs: &Specs, value: &Value, selector: &str) -> Option<i128> {
        if let Some(number) = value.as_i64() {
            return Some(i128::from(number));
        }
        let name = value.as_str()?;
        match (selector, name) {
            ("direction", "send") => return Some(0),
            ("direction", "receive") => return Some(1),
            ("command", name) => {
                let of_name = |operation: &Value| text(operation, "name") == Some(name);
                let found = all_numbers(self.spec).into_iter().find(|n| of_name(n.operation))?;
                return Some(found.number);
            }
            _ => {}
        }
        let (spec, names) = self.names.as_ref()?;
        Some(i128::from(Entries::of(specs, spec, names)?.number(name)?))
    }

    /// The format that a selector's value chooses: one for it, or that for all others.
    pub(super) fn choose(
        &self,
        specs: &Specs,
        selector: &str,
        chosen: Option<&Chosen>,
    ) -> Option<&Value> {
        let default = || self.list.iter().find(|format| format["default"] == true);
        self.own(specs, selector, chosen).or_else(default)
    }

    /// The format for just this value.
    pub(super) fn own(
        &self,
        specs: &Specs,
        selector: &str,
        chosen: Option<&Chosen>,
    ) -> Option<&Value> {
        self.list.iter().find(|format| {
            let says = one_or_many(&format["value"]).into_iter().any(|value| match chosen {
                Some(Chosen::Text(word)) => plain(value) == *word,
                Some(Chosen::Number(n)) => self.number(specs, value, selector) == Some(*n),
                None => false,
            });
            let within = match (format["range"].as_array().map(Vec::as_slice), chosen) {
                (Some([low, high]), Some(Chosen::Number(n))) => {
                    let number = |v: &Value| v.as_i64().map(i128::from);
                    number(low) <= Some(*n) && Some(*n) <= number(high)
                }
                _ => false,
            };
            says || within
        })
    }
}

impl<'s> Builder<'s> {
    /// The value that a selector has in this form of the message.
    pub(super) fn pick(&mut self, formats: &[Formats<'s>]) -> Chosen {
        let mut all = Vec::new();
        for formats in formats {
            for format in &formats.list {
                for value in one_or_many(&format["value"]) {
                    match (formats.number(self.specs, value, ""), value.as_str()) {
                        (Some(n), _) => all.push(Chosen::Number(n)),
                        (None, Some(word)) => all.push(Chosen::Text(word.to_owned())),
                        (None, None) => {}
                    }
                }
                if let Some(low) = format["range"].as_array().and_then(|r| r.first()?.as_i64()) {
                    all.push(Chosen::Number(i128::from(low)));
                }
            }
        }
        let mut seen = HashSet::new();
        all.retain(|chosen| seen.insert(chosen.clone()));
        if formats.iter().flat_map(|f| &f.list).any(|format| format["default"] == true) {
            let number = |chosen: &Chosen| match chosen {
                Chosen::Number(n) => Some(*n),
                Chosen::Text(_) => None,
            };
            let last = all.iter().filter_map(number).max().unwrap_or(0);
            all.push(match all.first() {
                Some(Chosen::Text(_)) => Chosen::Text("another".to_owned()),
                _ => Chosen::Number(match last {
                    ..250 => 251,
                    0xffff_ffff.. => 7,
                    _ => last + 1,
                }),
            });
        }
        self.forms = self.forms.max(all.len());
        if all.is_empty() {
            return Chosen::Number(0);
        }
        all.swap_remove(self.form % all.len())
    }

    /// The value of a selector where it is asked for.
    pub(super) fn selected(&self, selector: &str, payload: Option<usize>) -> Option<Chosen> {
        if let Some(member) = selector.strip_prefix("header.") {
            return self.header.get(member).copied().map(Chosen::Number);
        }
        if let Some(member) = selector.strip_prefix("struct.") {
            return self.scopes.iter().rev().find_map(|scope| match scope {
                Scope::Struct(_, _, members) => members.get(member).copied().map(Chosen::Number),
                Scope::Set(..) => None,
            });
        }
        match selector {
            "length" => payload.map(|len| Chosen::Number(len as i128)),
            "direction" => Some(Chosen::Number(i128::from(!self.way.sent))),
            "command" => {
                let generic = is_generic(self.spec);
                generic.then(|| Chosen::Number(i128::from(self.way.number)))
            }
            "message" => Some(Chosen::Number(i128::from(self.way.number))),
            _ if selector.starts_with("request.") => None,
            name => self.scopes.iter().rev().find_map(|scope| match scope {
                Scope::Set(_, set, chosen) => {
                    let has = list(set, "attributes").iter().any(|a| plain(&a["name"]) == name);
                    has.then(|| chosen.get(name).cloned())
                }
                Scope::Struct(..) => None,
            })?,
        }
    }

    /// Formats with the names of their values, if those are the selector's own.
    pub(super) fn named(&self, selector: &str, mut all: Vec<Formats<'s>>) -> Vec<Formats<'s>> {
        let of = |spec: &'s Spec, owner: &'s Value, key: &str, name: &str| {
            let item = list(owner, key).iter().find(|item| plain(&item["name"]) == name)?;
            Some((spec, text(item, "enum")?.to_owned()))
        };
        let names = match selector.split_once('.') {
            Some(("header", member)) => {
                let (spec, definition) = self.header_definition();
                definition.and_then(|definition| of(spec, definition, "members", member))
            }
            Some((_, member)) => self.scopes.iter().rev().find_map(|scope| match scope {
                Scope::Struct(spec, definition, _) => of(spec, definition, "members", member),
                Scope::Set(..) => None,
            }),
            None => self.scopes.iter().rev().find_map(|scope| match scope {
                Scope::Set(spec, set, _) => {
                    let set = attributes(self.specs, spec, set).into_iter();
                    let attribute = set.into_iter().find(|a| plain(&a.item["name"]) == selector)?;
                    Some((attribute.spec, text(&attribute.item, "enum")?.to_owned()))
                }
                Scope::Struct(..) => None,
            }),
        };
        for formats in &mut all {
            formats.names = formats.names.take().or_else(|| names.clone());
        }
        all
    }

    /// The same for a selector that is a member of a struct not yet open.
    pub(super) fn named_in(
        &self,
        spec: &'s Spec,
        definition: &'s Value,
        member: &str,
        mut all: Vec<Formats<'s>>,
    ) -> Vec<Formats<'s>> {
        let found = self.member_at(spec, definition, member);
        let names = found.and_then(|(spec, m)| Some((spec, text(m, "enum")?.to_owned())));
        for formats in &mut all {
            formats.names = formats.names.take().or_else(|| names.clone());
        }
        all
    }

    /// The member at a path with dots through structs within.
    pub(super) fn member_at(
        &self,
        spec: &'s Spec,
        definition: &'s Value,
        path: &str,
    ) -> Option<(&'s Spec, &'s Value)> {
        let (name, within) = path.split_once('.').map_or((path, None), |(n, w)| (n, Some(w)));
        let mut members = list(definition, "members").iter();
        let member = members.find(|m| plain(&m["name"]) == name)?;
        let Some(within) = within else { return Some((spec, member)) };
        let (spec, inner) = self.specs.resolve(spec, text(member, "struct")?)?;
        self.member_at(spec, inner, within)
    }

    pub(super) fn header_definition(&self) -> (&'s Spec, Option<&'s Value>) {
        let found = self.way.header.as_ref().and_then(|h| self.specs.resolve(self.spec, h));
        found.map_or((self.spec, None), |(spec, definition)| (spec, Some(definition)))
    }

    /// Lengths that formats choose by, of which a payload has one.
    pub(super) fn length(&mut self, formats: &[Formats<'s>]) -> Option<usize> {
        match self.pick(formats) {
            Chosen::Number(n) => usize::try_from(n).ok(),
            Chosen::Text(_) => None,
        }
    }
}

/// A number under a key.
pub(super) fn signed(value: &Value, key: &str) -> Option<i128> {
    integer(value, key)
}

/// A number under a key, if it is one.
pub(super) fn count_of(value: &Value, key: &str) -> Option<usize> {
    integer(value, key).and_then(|n| usize::try_from(n).ok())
}
