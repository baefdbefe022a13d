//! C names and numbers of enums, by the rules of `viewer/specs/README.md`.

use serde_json::Value;

use crate::spec_facts::{Spec, Specs, integer, list, text};

/// An enum's or flags' entries.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    /// Whether the definition is of bits.
    pub(super) bits: bool,
    /// Spec name, C name, number, bits.
    pub(super) all: Vec<Entry>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// In the spec.
    pub(super) name: String,
    /// In C.
    pub(super) c_name: String,
    /// The number.
    pub(super) value: u64,
    /// The bits.
    pub(super) mask: u64,
}

impl Entries {
    /// Reads a definition.
    pub(super) fn of(specs: &Specs, spec: &Spec, reference: &str) -> Option<Self> {
        let (owner, definition) = specs.resolve(spec, reference)?;
        let name = text(definition, "name")?;
        let bits = text(definition, "type") == Some("flags");
        let prefix = text(definition, "name-prefix")
            .map_or_else(|| format!("{}-{name}-", owner.name()), str::to_owned);
        let verbatim = definition.get("verbatim") == Some(&Value::Bool(true));
        let mut next = integer(definition, "value-start").unwrap_or(0);
        let mut all = Vec::new();
        for entry in list(definition, "entries") {
            let name = plain(if entry.is_object() { &entry["name"] } else { entry });
            let value = integer(entry, "value").unwrap_or(next);
            // One that says its bits outright takes no place in the count.
            if entry.get("mask").is_none() || entry.get("value").is_some() {
                next = value + 1;
            }
            let bit = u32::try_from(value).ok().and_then(|bit| 1u64.checked_shl(bit)).unwrap_or(0);
            let derived = format!("{prefix}{name}");
            all.push(Entry {
                c_name: match text(entry, "c-name") {
                    Some(own) => own.to_owned(),
                    None if verbatim => derived,
                    None => upper(&derived),
                },
                name,
                value: value as u64,
                mask: integer(entry, "mask").map_or(bit, |mask| mask as u64),
            });
        }
        Some(Self { bits, all })
    }

    /// The name of a number: that of the first entry which has it.
    pub(super) fn name(&self, number: u64) -> Option<&str> {
        let found = self.all.iter().find(|e| if self.bits { e.mask } else { e.value } == number);
        found.map(|e| e.c_name.as_str())
    }

    /// The number of a name, the spec's or C's.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let found = self.all.iter().find(|e| e.name == name || e.c_name == name)?;
        Some(if self.bits { found.mask } else { found.value })
    }

    /// The names of bits in the order of the entries, of which each takes its bits from the next.
    pub(super) fn flags(&self, bits: u64) -> (Vec<String>, u64) {
        let mut left = bits;
        let mut names = Vec::new();
        for entry in &self.all {
            if entry.mask != 0 && left & entry.mask == entry.mask {
                names.push(entry.c_name.clone());
                left &= !entry.mask;
            }
        }
        (names, left)
    }
}

/// A scalar of YAML as it stands in the file.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// As C spells constants.
pub(super) fn upper(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

/// As C spells members.
pub(super) fn lower(name: &str) -> String {
    name.replace('-', "_")
}
