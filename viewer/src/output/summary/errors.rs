//! Errors by number, as many kinds as there are errno values.

use crate::output::socket_names;

/// Most different numbers that are told apart; a kernel has fewer, a hostile stream may not.
const MAX_KINDS: usize = 256;

/// Errors counted.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// All of them.
    pub(super) total: u64,
    kinds: Vec<Kind>,
}

/// Errors of one number.
#[derive(Debug)]
pub(super) struct Kind {
    /// The number, positive as errno has it.
    pub(super) number: i32,
    /// Its name, if it is of a family's own.
    own_name: Option<Box<str>>,
    /// How many there were.
    pub(super) count: u64,
}

impl Kind {
    /// The error's name.
    pub(super) fn name(&self) -> Option<&str> {
        self.own_name.as_deref().or_else(|| socket_names::errno_name(self.number))
    }
}

impl Errors {
    /// Counts one. `own_name` is asked when a number that errno does not have comes first.
    pub(super) fn count(&mut self, number: i32, own_name: impl FnOnce() -> Option<Box<str>>) {
        self.total = self.total.saturating_add(1);
        if let Some(kind) = self.kinds.iter_mut().find(|kind| kind.number == number) {
            kind.count = kind.count.saturating_add(1);
        } else if self.kinds.len() < MAX_KINDS {
            let is_own = socket_names::errno_name(number).is_none();
            let own_name = is_own.then(own_name).flatten();
            self.kinds.push(Kind { number, own_name, count: 1 });
        }
    }

    /// The kinds, the most frequent first.
    pub(super) fn by_count(&self) -> Vec<&Kind> {
        let mut kinds: Vec<&Kind> = self.kinds.iter().collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_come_first_with_their_names() {
        let mut errors = Errors::default();
        for number in [17, 19, 19, 4100, 99_999] {
            errors.count(number, || (number == 4100).then(|| "IPSET_ERR_X".into()));
        }
        let kinds: Vec<_> = errors.by_count().iter().map(|k| (k.name(), k.count)).collect();
        let expected =
            [(Some("ENODEV"), 2), (Some("EEXIST"), 1), (Some("IPSET_ERR_X"), 1), (None, 1)];
        assert_eq!(kinds, expected);
        assert_eq!(errors.total, 5);
    }

    #[test]
    fn they_take_bounded_memory() {
        let mut errors = Errors::default();
        for number in 0..10_000 {
            errors.count(number, || None);
        }
        assert_eq!((errors.total, errors.kinds.len()), (10_000, MAX_KINDS));
    }
}
