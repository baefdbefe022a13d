//! What can be wrong with a spec beyond what is found when its tables are made: words that nothing knows,
//! names that nothing has, sizes that cannot be, and all that no message leads to.
//!
//! Tables are made of what messages lead to, and forgive much, so that a decoder has something to work
//! with. A person who writes a spec wants to be told.

use std::rc::Rc;

use super::scalars::scalar_size;
use super::{Compiler, Lookup, Place, Wanted, hint};
use crate::spec::Error;
use crate::spec::model::MAX_SELECTORS;
use crate::spec::schema::{
    AttributeSet, Definition, EntryOrName, File, Item, OneOrMany, Operation, Operations, Payload,
    Scalar as Word, SubMessage,
};

/// More than any message can hold.
const MAX_LEN: i64 = 1 << 24;

/// What a display hint may say of bytes; [`hint`] knows those of numbers.
const HINTS: &[&str] = &[
    "c-string",
    "errno",
    "fddi",
    "hex-text",
    "hw-address",
    "ifindex",
    "ipv4",
    "ipv4-or-v6",
    "ipv6",
    "mac",
    "readable",
    "text",
    "uuid",
];
const PAYLOADS: &[&str] = &["attrs", "none", "raw", "text"];

/// Checks a file as a whole, and returns what is odd but does no harm.
///
/// # Errors
/// The first thing that is wrong.
pub(in crate::spec) fn check(file: &Rc<File>, lookup: &Lookup<'_>) -> Result<Vec<String>, Error> {
    let mut imported = Vec::new();
    for (at, name) in file.import.iter().enumerate() {
        match lookup(name, Wanted::Any) {
            Some(spec) => imported.push(spec),
            None => {
                let reason = format!("no spec is called {name:?}");
                return Err(Compiler::wrong(file, &Place::new("import", at, ""), reason));
            }
        }
    }
    let mut checks = Checks { file, imported, warnings: Vec::new() };
    checks.file()?;
    let warnings = checks.warnings;
    everything(file, lookup)?;
    Ok(warnings)
}

/// Compiles all of a file, whether a message leads to it or not.
fn everything(file: &Rc<File>, lookup: &Lookup<'_>) -> Result<(), Error> {
    let mut compiler = Compiler::new(lookup);
    for (at, definition) in file.definitions.iter().enumerate() {
        let place = Place::new("definitions", at, &definition.name);
        match definition.r#type.as_str() {
            "enum" | "flags" => drop(compiler.enum_ref(file, &place, &definition.name)?),
            "struct" => drop(compiler.struct_ref(file, &place, &definition.name)?),
            "keys" => drop(compiler.keys_ref(file, &place, &definition.name)?),
            _ => {}
        }
    }
    for (at, set) in file.attribute_sets.iter().enumerate() {
        let place = Place::new("attribute-sets", at, &set.name);
        compiler.set_ref(file, &place, &set.name)?;
    }
    for (at, sub) in file.sub_messages.iter().enumerate() {
        // Whatever chooses among its formats, all must be sound.
        let item = Item {
            sub_message: Some(sub.name.clone()),
            selector: Some(OneOrMany::One("length".into())),
            ..Item::default()
        };
        compiler.sub_message(file, &Place::new("sub-messages", at, &sub.name), &item)?;
    }
    compiler.mark_selectors();
    let mut sets = compiler.tables.sets.iter();
    if let Some(set) = sets.find(|set| set.selectors.len() > MAX_SELECTORS) {
        let at = file.attribute_sets.iter().position(|s| *s.name == *set.name);
        let place = Place::new("attribute-sets", at.unwrap_or_default(), &set.name);
        let reason = format!("selectors ask for more than {MAX_SELECTORS} of its attributes");
        return Err(Compiler::wrong(file, &place, reason));
    }
    Ok(())
}

struct Checks<'c> {
    file: &'c Rc<File>,
    imported: Vec<Rc<File>>,
    warnings: Vec<String>,
}

type Checked = Result<(), Error>;

impl Checks<'_> {
    fn wrong(&self, place: &Place<'_>, reason: impl Into<String>) -> Checked {
        Err(Compiler::wrong(self.file, place, reason))
    }

    fn warn(&mut self, place: &Place<'_>, words: &str) {
        self.warnings.push(format!("{place}: {words}"));
    }

    /// Whether a word is one of those that the language has.
    fn word(&self, place: &Place<'_>, key: &str, word: Option<&String>, known: &[&str]) -> Checked {
        match word {
            Some(word) if !known.contains(&word.as_str()) => {
                self.wrong(place, format!("{key} is one of {}, not {word:?}", known.join(", ")))
            }
            _ => Ok(()),
        }
    }

    fn payload(&mut self, place: &Place<'_>, payload: Option<&Payload>) -> Checked {
        match payload {
            Some(Payload::Word(word)) => self.word(place, "payload", Some(word), PAYLOADS),
            Some(Payload::Form(form)) => self.item(&place.within("payload", 0, ""), form),
            None => Ok(()),
        }
    }

    fn name(&self, place: &Place<'_>, name: &str, what: &str) -> Checked {
        if name.is_empty() { self.wrong(place, format!("{what} needs a name")) } else { Ok(()) }
    }

    fn file(&mut self) -> Checked {
        let top = Place::of("");
        let file = Rc::clone(self.file);
        let protocols = ["genetlink", "genetlink-c", "genetlink-legacy", "netlink-raw"];
        self.word(&top, "protocol", file.protocol.as_ref(), &protocols)?;
        self.word(&top, "framing", file.framing.as_ref(), &["nlmsghdr", "none"])?;
        self.payload(&top, file.payload.as_ref())?;
        for (at, definition) in file.definitions.iter().enumerate() {
            let place = Place::new("definitions", at, &definition.name);
            self.name(&place, &definition.name, "a definition")?;
            self.twice(&place, at, &definition.name, file.definitions.iter().map(|d| &d.name))?;
            self.definition(&place, definition)?;
        }
        for (at, set) in file.attribute_sets.iter().enumerate() {
            let place = Place::new("attribute-sets", at, &set.name);
            self.name(&place, &set.name, "an attribute set")?;
            self.twice(&place, at, &set.name, file.attribute_sets.iter().map(|s| &s.name))?;
            self.attribute_set(&place, set)?;
        }
        for (at, sub) in file.sub_messages.iter().enumerate() {
            let place = Place::new("sub-messages", at, &sub.name);
            self.name(&place, &sub.name, "a sub-message")?;
            self.twice(&place, at, &sub.name, file.sub_messages.iter().map(|s| &s.name))?;
            self.sub_message(&place, sub)?;
        }
        self.operations(&file.operations)
    }

    /// Names are how a thing is referred to, so the second of a name could never be meant.
    fn twice<'n>(
        &self,
        place: &Place<'_>,
        at: usize,
        name: &str,
        mut all: impl Iterator<Item = &'n String>,
    ) -> Checked {
        match all.position(|other| other == name) {
            Some(first) if first < at => {
                self.wrong(place, format!("the name is taken by number {first} of the list"))
            }
            _ => Ok(()),
        }
    }

    fn definition(&mut self, place: &Place<'_>, definition: &Definition) -> Checked {
        let types = ["const", "enum", "flags", "keys", "struct"];
        if definition.r#type.is_empty() {
            return self.wrong(place, format!("a definition needs a type: {}", types.join(", ")));
        }
        self.word(place, "type", Some(&definition.r#type), &types)?;
        self.word(place, "align", definition.align.as_ref(), &["c", "packed"])?;
        self.word(place, "tail", definition.tail.as_ref(), &["hex", "ignore", "padding"])?;
        for (at, entry) in definition.entries.iter().enumerate() {
            let name = match entry {
                EntryOrName::Name(name) => name.text(),
                EntryOrName::Entry(entry) => {
                    entry.name.as_ref().map(Word::text).unwrap_or_default()
                }
            };
            self.name(&place.within("entries", at, &name), &name, "an entry")?;
        }
        for (at, member) in definition.members.iter().enumerate() {
            let name = member.name.as_ref().map(Word::text).unwrap_or_default();
            let here = place.within("members", at, &name);
            if member.r#type.as_deref() != Some("pad") && member.names.is_none() {
                self.name(&here, &name, "a member")?;
            }
            self.item(&here, member)?;
            self.bits(&here, member)?;
        }
        let mut around = vec![definition.name.as_str()];
        self.holds_itself(place, definition, &mut around)
    }

    /// A struct that has itself as a member would never end.
    fn holds_itself<'d>(
        &'d self,
        place: &Place<'_>,
        definition: &'d Definition,
        around: &mut Vec<&'d str>,
    ) -> Checked {
        for inner in definition.members.iter().filter_map(|m| m.r#struct.as_deref()) {
            if around.first() == Some(&inner) {
                let path = around.join(" > ");
                return self.wrong(place, format!("the struct holds itself ({path} > {inner})"));
            }
            if around.contains(&inner) {
                continue;
            }
            if let Some(inner) = self.file.definitions.iter().find(|d| d.name == inner) {
                around.push(&inner.name);
                self.holds_itself(place, inner, around)?;
                around.pop();
            }
        }
        Ok(())
    }

    fn bits(&self, place: &Place<'_>, member: &Item) -> Checked {
        if member.bits.is_empty() {
            return Ok(());
        }
        let size = member.r#type.as_deref().and_then(scalar_size).map_or(0, u32::from);
        let width: u32 = member.bits.iter().map(|bits| u32::from(bits.width)).sum();
        if width > size.saturating_mul(8) {
            let reason = format!("{width} bits do not fit into the {} of a number", size * 8);
            return self.wrong(place, reason);
        }
        if member.bits.iter().any(|bits| bits.width == 0 || bits.name.is_empty()) {
            return self.wrong(place, "a bit field needs a name and a width");
        }
        Ok(())
    }

    fn attribute_set(&mut self, place: &Place<'_>, set: &AttributeSet) -> Checked {
        let mut numbers: Vec<(i64, String)> = Vec::new();
        let mut next = 1;
        for (at, item) in set.attributes.iter().enumerate() {
            let name = item.name.as_ref().map(Word::text).unwrap_or_default();
            let here = place.within("attributes", at, &name);
            self.name(&here, &name, "an attribute")?;
            let shaped = item.r#type.is_some()
                || item.r#struct.is_some()
                || item.attribute_set.is_some()
                || item.nested_attributes.is_some()
                || item.display_hint.is_some();
            if set.subset_of.is_some() {
                self.item(&here, item)?;
                continue;
            }
            if !shaped {
                return self.wrong(&here, "an attribute needs a type");
            }
            self.item(&here, item)?;
            let said = item.value.as_ref().and_then(|v| v.iter().next()).and_then(Word::number);
            let number = said.unwrap_or(next);
            next = number.saturating_add(1);
            if let Some((_, other)) = numbers.iter().find(|(known, _)| *known == number) {
                let words = format!("number {number} is {other}'s too, and stays it");
                self.warn(&here, &words);
            }
            numbers.push((number, name));
        }
        Ok(())
    }

    fn sub_message(&mut self, place: &Place<'_>, sub: &SubMessage) -> Checked {
        for (at, format) in sub.formats.iter().enumerate() {
            self.format(&place.within("formats", at, ""), format)?;
        }
        Ok(())
    }

    fn format(&mut self, place: &Place<'_>, format: &Item) -> Checked {
        if format.value.is_none() && format.range.is_none() && format.default != Some(true) {
            return self.wrong(place, "a format needs a value, a range, or default: true");
        }
        self.item(place, format)
    }

    /// What an attribute, a member, or a format says.
    fn item(&mut self, place: &Place<'_>, item: &Item) -> Checked {
        let orders = ["big-endian", "little-endian"];
        self.word(place, "byte-order", item.byte_order.as_ref(), &orders)?;
        if let Some(text) = &item.display_hint
            && hint(text).is_none()
            && !HINTS.contains(&text.as_str())
        {
            self.warn(place, &format!("nothing is known of display-hint {text:?}"));
        }
        if item.r#type.as_deref() == Some("indexed-array")
            && item.sub_type.is_none()
            && item.element.is_none()
        {
            return self.wrong(place, "an indexed-array needs a sub-type or an element");
        }
        for (key, word) in [("len", &item.len), ("count", &item.count)] {
            let number = word.as_ref().and_then(Word::number);
            if number.is_some_and(|n| !(0..=MAX_LEN).contains(&n)) {
                return self.wrong(place, format!("{key}: no message holds so much"));
            }
        }
        // What a spec without messages chooses by may stand in those that refer to it.
        if let (Some(selector), false) = (&item.selector, self.file.operations.list.is_empty()) {
            for selector in selector.iter() {
                self.selector(place, selector)?;
            }
        }
        for (at, format) in item.formats.iter().enumerate() {
            self.format(&place.within("formats", at, ""), format)?;
        }
        if let Some(body) = &item.body {
            self.item(place, body)?;
        }
        self.known_values(place, item)
    }

    /// Values of formats that are names must be names of the enum that the union says.
    fn known_values(&self, place: &Place<'_>, item: &Item) -> Checked {
        let formats = match &item.sub_message {
            Some(name) => match self.file.sub_messages.iter().find(|s| s.name == *name) {
                Some(sub) => (&sub.formats, sub.selector_enum.as_ref()),
                None => return Ok(()),
            },
            None => (&item.formats, None),
        };
        let (formats, named) = (formats.0, formats.1.or(item.selector_enum.as_ref()));
        let enums = match (named, &item.selector) {
            (Some(name), _) => vec![name],
            (None, Some(selector)) => {
                selector.iter().next().map_or_else(Vec::new, |s| self.enums_of(s))
            }
            (None, None) => Vec::new(),
        };
        let Some(first) = enums.first() else { return Ok(()) };
        let Some(entries) = enums.iter().map(|name| self.entries(name)).collect::<Option<Vec<_>>>()
        else {
            return Ok(());
        };
        for value in formats.iter().flat_map(|f| &f.value).flat_map(OneOrMany::iter) {
            let text = value.text();
            if value.number().is_none() && !entries.iter().any(|names| names.contains(&text)) {
                return self.wrong(place, format!("{text:?} is no entry of {first}"));
            }
        }
        Ok(())
    }

    /// The enums of all attributes that have a selector's name; none if one of them is without.
    fn enums_of(&self, selector: &str) -> Vec<&String> {
        let is = |item: &&Item| item.name.as_ref().is_some_and(|n| n.text() == selector);
        let full = self.file.attribute_sets.iter().filter(|set| set.subset_of.is_none());
        let items = full.flat_map(|set| &set.attributes).filter(is);
        items.map(|item| item.r#enum.as_ref()).collect::<Option<_>>().unwrap_or_default()
    }

    /// The names of an enum's entries, in this file or an imported one.
    fn entries(&self, reference: &str) -> Option<Vec<String>> {
        let (spec, name) =
            reference.split_once('/').map_or((None, reference), |(s, n)| (Some(s), n));
        let file = match spec {
            None => self.file,
            Some(spec) => self.imported.iter().find(|file| file.name == spec)?,
        };
        let definition = file.definitions.iter().find(|d| d.name == name)?;
        let name = |entry: &EntryOrName| match entry {
            EntryOrName::Name(name) => name.text(),
            EntryOrName::Entry(entry) => entry.name.as_ref().map(Word::text).unwrap_or_default(),
        };
        Some(definition.entries.iter().map(name).collect())
    }

    /// Something must have the name that a selector asks for.
    fn selector(&self, place: &Place<'_>, selector: &str) -> Checked {
        let files = || std::iter::once(self.file).chain(&self.imported);
        let is = |item: &&Item, name: &str| item.name.as_ref().is_some_and(|n| n.text() == name);
        let has_attr = |name: &str| {
            let mut items = files().flat_map(|f| &f.attribute_sets).flat_map(|s| &s.attributes);
            items.any(|item| is(&item, name))
        };
        let has_member = |path: &str| {
            let name = path.rsplit('.').next().unwrap_or(path);
            let mut items = files().flat_map(|f| &f.definitions).flat_map(|d| &d.members);
            items
                .any(|item| is(&item, name) || item.with.iter().any(|with| with.contains_key(name)))
        };
        let (found, what) = match selector.split_once('.') {
            None => {
                let words = ["command", "direction", "length", "message", "value"];
                (words.contains(&selector) || has_attr(selector), "attribute")
            }
            Some(("request", path)) => match path.strip_prefix("attr.") {
                Some(name) => (has_attr(name), "attribute"),
                None => (has_member(path), "member of a struct"),
            },
            Some(("header" | "struct", name)) => (has_member(name), "member of a struct"),
            // What it begins with is wrong, which is found where it is compiled.
            Some(_) => (true, ""),
        };
        if found {
            return Ok(());
        }
        self.wrong(
            place,
            format!("selector {selector:?}: no {what} is called so, here or imported"),
        )
    }

    fn operations(&mut self, operations: &Operations) -> Checked {
        let place = Place::of("operations");
        let models = ["unified", "directional"];
        self.word(&place, "enum-model", operations.enum_model.as_ref(), &models)?;
        let defaults = operations.default.iter();
        for (at, operation) in operations.list.iter().enumerate() {
            let here = Place::new("operations.list", at, &operation.name);
            self.name(&here, &operation.name, "an operation")?;
            self.operation(&here, operation, operations)?;
        }
        for operation in defaults {
            self.operation(&Place::of("operations.default"), operation, operations)?;
        }
        Ok(())
    }

    fn operation(&mut self, place: &Place<'_>, operation: &Operation, all: &Operations) -> Checked {
        let classes = ["by-type", "del", "get", "new", "none"];
        self.word(place, "class", operation.class.as_ref(), &classes)?;
        self.payload(place, operation.payload.as_ref())?;
        if let Some(of) = &operation.notify
            && !all.list.iter().any(|op| op.name == *of)
        {
            return self.wrong(place, format!("notify: no operation is called {of:?}"));
        }
        let values = [&operation.r#do, &operation.dump].into_iter().flatten();
        let values = values.flat_map(|e| [&e.request, &e.reply]).flatten().filter_map(|s| s.value);
        let too_high = operation.value.into_iter().chain(values).find(|value| *value > 255);
        match too_high.filter(|_| self.file.protonum.is_none()) {
            Some(value) => self.wrong(place, format!("{value} is no command, which is a byte")),
            None => Ok(()),
        }
    }
}
