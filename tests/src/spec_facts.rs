//! What the specs claim about C: names with their numbers, structs with their sizes and offsets.
//!
//! This is a second reader of the spec language, written along `viewer/specs/README.md` and sharing
//! nothing with the viewer's but the YAML parser, so that an error in one of them shows.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs};

use serde_json::Value;

use crate::spec_layout;

/// Something that a spec claims and a C compiler can judge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A constant has a value.
    Number {
        /// The constant.
        c_name: String,
        /// Its value.
        number: i128,
    },
    /// A struct has a size.
    Size {
        /// The type, as it stands in C.
        c_type: String,
        /// `sizeof`.
        bytes: u64,
    },
    /// A member stands at an offset.
    Offset {
        /// The type, as it stands in C.
        c_type: String,
        /// The member.
        member: String,
        /// `offsetof`.
        bytes: u64,
    },
}

impl Claim {
    /// The name that has to exist for the claim to be judged.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Number { c_name, .. } => c_name.clone(),
            Self::Size { c_type, .. } => c_type.trim_start_matches("struct ").to_owned(),
            Self::Offset { c_type, member, .. } => {
                format!("{}.{member}", c_type.trim_start_matches("struct "))
            }
        }
    }
}

/// A claim and where it is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// The spec file without its ending.
    pub spec: String,
    /// Where in it: `attribute link-attrs/mtu`.
    pub place: String,
    /// What it says.
    pub claim: Claim,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.spec, self.place)?;
        match &self.claim {
            Claim::Number { c_name, number } => write!(f, "{c_name} = {number}"),
            Claim::Size { c_type, bytes } => write!(f, "sizeof({c_type}) = {bytes}"),
            Claim::Offset { c_type, member, bytes } => {
                write!(f, "offsetof({c_type}, {member}) = {bytes}")
            }
        }
    }
}

/// A spec file, read.
#[derive(Debug)]
pub struct Spec {
    /// The file without its ending; what `import` calls it.
    pub file: String,
    /// The document.
    pub document: Value,
}

impl Spec {
    /// Its own name for itself.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.document, "name").unwrap_or(&self.file)
    }

    /// The C headers that define its names.
    #[must_use]
    pub fn headers(&self) -> Vec<String> {
        let one = self.document.get("uapi-header").into_iter();
        let more = list(&self.document, "headers").iter();
        let mut headers: Vec<String> =
            one.chain(more).filter_map(|header| header.as_str().map(str::to_owned)).collect();
        if headers.is_empty() {
            headers.push(format!("linux/{}.h", self.name().replace('-', "_")));
        }
        headers
    }

    /// Its definition of this name.
    #[must_use]
    pub fn definition(&self, name: &str) -> Option<&Value> {
        list(&self.document, "definitions").iter().find(|d| text(d, "name") == Some(name))
    }
}

/// All specs of a folder.
#[derive(Debug)]
pub struct Specs(pub BTreeMap<String, Spec>);

impl Specs {
    /// Reads every `.yaml` file of a folder.
    ///
    /// # Panics
    /// If one is not YAML.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let mut specs = BTreeMap::new();
        for entry in fs::read_dir(folder).expect("the specs' folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|ending| ending != "yaml") {
                continue;
            }
            let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let source = fs::read_to_string(&path).expect("a spec can be read");
            let options = serde_saphyr::options! { strict_booleans: true };
            let document = serde_saphyr::from_str_with_options(&source, options)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            specs.insert(file.clone(), Spec { file, document });
        }
        Self(specs)
    }

    /// How many bits the low part of a protocol's message types has, which one of its files says.
    #[must_use]
    pub fn type_shift(&self, spec: &Spec) -> u32 {
        let protocol = spec.document.get("protonum");
        let mut same = self.0.values().filter(|s| s.document.get("protonum") == protocol);
        let said = same.find_map(|s| integer(&s.document, "type-shift"));
        said.and_then(|n| u32::try_from(n).ok()).unwrap_or(8)
    }

    /// What `NAME` or `SPEC/NAME` means in this spec: the spec it is in, and its name there.
    #[must_use]
    pub fn resolve<'a>(&'a self, spec: &'a Spec, name: &str) -> Option<(&'a Spec, &'a Value)> {
        let (owner, name) = match name.split_once('/') {
            Some((other, name)) => {
                let named = |s: &&Spec| s.file == other || s.name() == other;
                (self.0.values().find(named)?, name)
            }
            None => (spec, name),
        };
        Some((owner, owner.definition(name)?))
    }

    /// Every claim of one spec, in the order it stands in the file.
    #[must_use]
    pub fn facts(&self, spec: &Spec) -> Vec<Fact> {
        let mut facts = Facts { spec, all: Vec::new() };
        for definition in list(&spec.document, "definitions") {
            match text(definition, "type") {
                Some("const") => facts.constant(definition),
                Some("enum" | "flags") => facts.entries(definition),
                Some("struct") => facts.layout(self, definition),
                _ => {}
            }
        }
        for set in list(&spec.document, "attribute-sets") {
            facts.attributes(set);
        }
        facts.operations();
        facts.all
    }
}

struct Facts<'s> {
    spec: &'s Spec,
    all: Vec<Fact>,
}

impl Facts<'_> {
    fn add(&mut self, place: String, claim: Claim) {
        self.all.push(Fact { spec: self.spec.file.clone(), place, claim });
    }

    /// Adds a name, if it has one in C: an empty `c-name` says that it has none.
    fn number(&mut self, place: String, owner: &Value, prefix: &str, number: i128) {
        let derived = format!("{prefix}{}", text(owner, "name").unwrap_or_default());
        let c_name = text(owner, "c-name").map_or_else(|| capitals(&derived), str::to_owned);
        if !c_name.is_empty() {
            self.add(place, Claim::Number { c_name, number });
        }
    }

    fn constant(&mut self, definition: &Value) {
        let name = text(definition, "name").unwrap_or_default();
        let Some(value) = integer(definition, "value") else { return };
        let prefix = match text(definition, "name-prefix") {
            Some(prefix) => prefix.to_owned(),
            None if definition.get("header").is_some() => String::new(),
            None => format!("{}-", self.spec.name()),
        };
        self.number(format!("const {name}"), definition, &prefix, value);
    }

    fn entries(&mut self, definition: &Value) {
        let name = text(definition, "name").unwrap_or_default();
        let bits = text(definition, "type") == Some("flags");
        let prefix = text(definition, "name-prefix")
            .map_or_else(|| format!("{}-{name}-", self.spec.name()), str::to_owned);
        let verbatim = definition.get("verbatim").is_some_and(|v| v == true);
        let mut next = integer(definition, "value-start").unwrap_or(0);
        for entry in list(definition, "entries") {
            let named;
            let entry = if entry.is_object() {
                entry
            } else {
                named = serde_json::json!({ "name": plain(entry) });
                &named
            };
            let index = integer(entry, "value").unwrap_or(next);
            let mask = integer(entry, "mask");
            // An entry that says its bits outright does not take a place in the count.
            if mask.is_none() || entry.get("value").is_some() {
                next = index + 1;
            }
            let number = match mask {
                Some(mask) => mask,
                None if bits => 1_i128.checked_shl(index as u32).unwrap_or(0),
                None => index,
            };
            let own = text(entry, "name").unwrap_or_default();
            let place = format!("entry {name}/{own}");
            if verbatim && entry.get("c-name").is_none() {
                self.add(place, Claim::Number { c_name: format!("{prefix}{own}"), number });
            } else {
                self.number(place, entry, &prefix, number);
            }
        }
    }

    fn layout(&mut self, specs: &Specs, definition: &Value) {
        let name = text(definition, "name").unwrap_or_default();
        let c_name =
            text(definition, "c-name").map_or_else(|| name.replace('-', "_"), str::to_owned);
        if c_name.is_empty() {
            return;
        }
        let c_type =
            if c_name.contains(' ') { c_name } else { format!("struct {}", c_name.trim()) };
        let Some(layout) = spec_layout::of(specs, self.spec, definition) else { return };
        for (member, bytes) in layout.offsets {
            let place = format!("member {name}/{member}");
            self.add(place, Claim::Offset { c_type: c_type.clone(), member, bytes });
        }
        if let Some(bytes) = layout.size {
            self.add(format!("struct {name}"), Claim::Size { c_type, bytes });
        }
    }

    fn attributes(&mut self, set: &Value) {
        // A subset has its numbers and names from the set it is of.
        if set.get("subset-of").is_some() {
            return;
        }
        let name = text(set, "name").unwrap_or_default();
        let family = self.spec.name();
        let prefix = match text(set, "name-prefix") {
            Some(prefix) => prefix.to_owned(),
            None if name == family => format!("{family}-a-"),
            None => format!("{family}-a-{name}-"),
        };
        for (attribute, number) in numbered_attributes(set) {
            if text(attribute, "type") == Some("unused") {
                continue;
            }
            let own = text(attribute, "name-prefix").unwrap_or(&prefix);
            let place = format!("attribute {name}/{}", text(attribute, "name").unwrap_or_default());
            self.number(place, attribute, own, number);
        }
    }

    fn operations(&mut self) {
        let Some(operations) = self.spec.document.get("operations") else { return };
        let family = self.spec.name();
        let prefix =
            text(operations, "name-prefix").map_or_else(|| format!("{family}-cmd-"), str::to_owned);
        let asynchronous = text(operations, "async-prefix").unwrap_or(&prefix);
        // nfnetlink's message types carry the subsystem in their high byte; the names do not.
        let whole = integer(&self.spec.document, "protonum") != Some(12);
        let generic = self.spec.document.get("protonum").is_none();
        for Numbered { operation, number, reply } in all_numbers(self.spec) {
            let name = text(operation, "name").unwrap_or_default();
            let place = format!("operation {name}");
            let number = if whole || number < 0x100 { number } else { number & 0xff };
            let own = if is_unasked(operation) { asynchronous } else { &prefix };
            self.number(place.clone(), operation, own, number);
            if let (true, Some(number)) = (generic, reply) {
                let said = |way| operation.get(way)?.get("reply")?.get("c-name")?.as_str();
                let c_name = said("do").or_else(|| said("dump")).map(str::to_owned);
                let c_name = c_name.unwrap_or_else(|| capitals(&format!("{prefix}{name}-reply")));
                self.add(place, Claim::Number { c_name, number });
            }
        }
    }
}

/// Whether an operation is one that the kernel begins.
fn is_unasked(operation: &Value) -> bool {
    operation.get("notify").is_some() || operation.get("event").is_some()
}

/// The attributes of a set with their numbers: the one stated, else one more than the one before.
#[must_use]
pub fn numbered_attributes(set: &Value) -> Vec<(&Value, i128)> {
    let mut next = 1;
    let attributes = list(set, "attributes").iter();
    let numbered = attributes.map(|attribute| {
        let number = integer(attribute, "value").unwrap_or(next);
        next = number + 1;
        (attribute, number)
    });
    numbered.collect()
}

/// An operation's numbers in a spec.
#[derive(Debug, Clone, Copy)]
pub struct Numbered<'v> {
    /// The operation.
    pub operation: &'v Value,
    /// Of its request, or of the whole.
    pub number: i128,
    /// Of its answer, where that is counted apart.
    pub reply: Option<i128>,
}

/// The operations of a spec with their numbers; for one with different numbers by direction, the
/// request's.
#[must_use]
pub fn numbered_operations(spec: &Spec) -> Vec<(&Value, i128)> {
    all_numbers(spec).into_iter().map(|n| (n.operation, n.number)).collect()
}

/// The operations of a spec with all their numbers.
#[must_use]
pub fn all_numbers(spec: &Spec) -> Vec<Numbered<'_>> {
    let Some(operations) = spec.document.get("operations") else { return Vec::new() };
    let directional = text(operations, "enum-model") == Some("directional");
    let (mut next_request, mut next_reply) = (1, 1);
    let mut number = |operation| {
        let stated = integer(operation, "value");
        if !directional {
            let number = stated.unwrap_or(next_request);
            next_request = number + 1;
            return Numbered { operation, number, reply: None };
        }
        if is_unasked(operation) {
            let number = stated.unwrap_or(next_reply);
            next_reply = number + 1;
            return Numbered { operation, number, reply: None };
        }
        let exchange = operation.get("do").or_else(|| operation.get("dump"));
        let side = |side: &str| exchange.and_then(|e| e.get(side));
        let value = |side: Option<&Value>| {
            side.and_then(|s| integer(s, "value")).filter(|value| *value != 0)
        };
        let request = value(side("request")).or(stated).unwrap_or(next_request);
        let reply = value(side("reply")).unwrap_or(next_reply);
        next_request = request + 1;
        next_reply = reply + i128::from(side("reply").is_some());
        // One that is only ever received has the reply's number.
        let received_only = side("request").is_none() && side("reply").is_some();
        let number = if received_only && stated.is_none() { reply } else { request };
        Numbered { operation, number, reply: side("reply").map(|_| reply) }
    };
    list(operations, "list").iter().map(&mut number).collect()
}

/// A list under a key; empty if there is none.
#[must_use]
pub fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text under a key.
#[must_use]
pub fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// A number under a key.
#[must_use]
pub fn integer(value: &Value, key: &str) -> Option<i128> {
    let number = value.get(key)?;
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
        .or_else(|| i128::from_str_radix(number.as_str()?.strip_prefix("0x")?, 16).ok())
}

/// A scalar as it stands in the file, whatever YAML takes it for: a name may look like a number.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `link-attrs` as C spells it: `LINK_ATTRS`.
fn capitals(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}
