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
        let mut all = Self::of_families(registry);
        registry.each_tables(&mut |tables| all.add(tables));
        all
    }

    /// The names of the generic families, which their messages' types go by.
    #[must_use]
    pub fn of_families(registry: &Registry) -> Self {
        let constants = registry.generic_families().map(Into::into).collect();
        Self { parts: HashSet::new(), constants }
    }

    /// Adds the names that some tables give.
    pub fn add(&mut self, tables: &Tables) {
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
