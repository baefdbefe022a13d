//! All C names that the specs give, whatever they belong to.

use std::collections::HashSet;

use super::Registry;
use super::model::{MemberKind, Tables};

/// C names by what they can be used for.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// Attributes, structs and structs' members.
    pub parts: HashSet<Box<str>>,
    /// Numbers, bits and messages.
    pub constants: HashSet<Box<str>>,
}

impl Vocabulary {
    /// The names of all specs, which are all read for it.
    #[must_use]
    pub fn of(registry: &Registry) -> Self {
        let mut all = Self::default();
        registry.each_tables(&mut |tables| all.add(tables));
        // The types of generic families' messages go by these.
        all.constants.extend(registry.generic_families().map(Into::into));
        all
    }

    fn add(&mut self, tables: &Tables) {
        for set in tables.sets() {
            self.parts.extend(set.attrs.iter().map(|attr| attr.c_name.clone()));
        }
        for st in tables.structs() {
            self.parts.insert(st.c_name.clone());
            for member in &st.members {
                self.parts.insert(member.c_name.clone());
                if let MemberKind::Bits(_, bits) = &member.kind {
                    self.parts.extend(bits.iter().map(|bits| bits.c_name.clone()));
                }
            }
        }
        for set in tables.enums() {
            self.constants.extend(set.entries.iter().map(|entry| entry.c_name.clone()));
        }
        self.constants.extend(tables.operations().map(|operation| operation.c_name.clone()));
        self.constants.extend(tables.groups().map(|(name, _)| name.into()));
    }
}
