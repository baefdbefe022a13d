//! Named numbers and named bits.

/// Named numbers, or named bits.
#[derive(Debug, Default)]
pub struct Enum {
    /// The definition's name.
    pub name: Box<str>,
    /// What to call a number without a name.
    pub label: Option<Box<str>>,
    /// The names, in the order written.
    pub entries: Vec<Entry>,
    /// Whether the definition is `flags`, whose users need not say `enum-as-flags`.
    pub is_flags: bool,
    /// Whether it names some numbers only, and the others are plain.
    pub partial: bool,
    /// Index of the entry for small numbers, plus one.
    pub(in crate::spec) dense: Vec<u16>,
    /// Indexes of the others' entries, by rising number.
    pub(in crate::spec) sparse: Vec<(u64, u16)>,
    /// Index of the entry that stands for no bits.
    pub(in crate::spec) zero: Option<u16>,
    /// Masks, and the indexes of the entries that are numbers of those bits alone.
    pub(in crate::spec) under: Vec<(u64, u16)>,
}

/// A named number.
#[derive(Debug)]
pub struct Entry {
    /// Name in the spec.
    pub name: Box<str>,
    /// C name.
    pub c_name: Box<str>,
    /// The number.
    pub value: u64,
    /// The bits it stands for among flags.
    pub mask: u64,
}

impl Enum {
    /// The C name of a number.
    #[must_use]
    #[inline]
    pub fn name_of(&self, v: u64) -> Option<&str> {
        let at = match usize::try_from(v).ok().and_then(|v| self.dense.get(v)) {
            Some(at) => usize::from(*at).checked_sub(1)?,
            None if self.sparse.is_empty() => return None,
            None => {
                let found = self.sparse.binary_search_by_key(&v, |(number, _)| *number).ok()?;
                usize::from(self.sparse.get(found)?.1)
            }
        };
        self.entries.get(at).map(|entry| &*entry.c_name)
    }

    /// The C name of a number's part, and the number that the other bits are, lowest bit first.
    #[must_use]
    pub fn part_of(&self, v: u64) -> Option<(&str, u64)> {
        self.under.iter().find_map(|(mask, at)| {
            let entry = self.entries.get(usize::from(*at))?;
            let rest = (v & !mask) >> (!mask).trailing_zeros().min(63);
            (v & mask == entry.value).then_some((&*entry.c_name, rest))
        })
    }

    /// Calls `f` with the C name of every flag in `v`, and returns the bits without one. An entry of
    /// no bits counts only if nothing else is set.
    #[inline]
    pub fn flags(&self, v: u64, mut f: impl FnMut(&str)) -> u64 {
        let mut left = v;
        if v == 0 {
            if let Some(entry) = self.zero.and_then(|at| self.entries.get(usize::from(at))) {
                f(&entry.c_name);
            }
            return 0;
        }
        for entry in &self.entries {
            if entry.mask != 0 && left & entry.mask == entry.mask {
                f(&entry.c_name);
                left &= !entry.mask;
                if left == 0 {
                    break;
                }
            }
        }
        left
    }

    /// The number with this name in the spec or in C.
    #[must_use]
    pub fn number_of(&self, name: &str) -> Option<u64> {
        self.entries
            .iter()
            .find(|e| &*e.name == name || &*e.c_name == name)
            .map(|e| if self.is_flags { e.mask } else { e.value })
    }
}
