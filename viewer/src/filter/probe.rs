//! Looks messages through: which of a filter's tests hold of each.

use super::{Filter, Relation, Subject};
use crate::decode::{AttrHead, MessageHead, Slot, StructHead, Value, Visitor};

/// What is done with each message's tests: bits in the order of the filter's tests.
pub(super) trait Judge {
    /// The tests that hold of a message by its header and what is around it.
    fn begin(&mut self, head: Option<&MessageHead<'_>>) -> u64;
    /// A message is over, and these hold of it.
    fn end(&mut self, tests: u64);
}

/// A visitor that tests what it is shown.
pub(super) struct Probe<'f, J, const HEADS_ONLY: bool> {
    filter: &'f Filter,
    judge: J,
    tests: u64,
    /// Messages that are open: one, and those echoed in it.
    depth: usize,
    /// Whether there was any.
    any: bool,
    /// For each level that is open, how many names of each path have been met on the way.
    met: Vec<u8>,
    /// Indexes of the tests about paths.
    paths: Vec<usize>,
}

impl<'f, J: Judge, const HEADS_ONLY: bool> Probe<'f, J, HEADS_ONLY> {
    pub(super) fn new(filter: &'f Filter, judge: J) -> Self {
        let is_path = |i: &usize| {
            filter.tests.get(*i).is_some_and(|test| matches!(test.subject, Subject::Path(_)))
        };
        let paths: Vec<usize> = (0..filter.tests.len()).filter(is_path).collect();
        let met = vec![0; paths.len()];
        Self { filter, judge, tests: 0, depth: 0, any: false, met, paths }
    }

    /// All has been shown. A datagram without messages is judged as a whole.
    pub(super) fn finish(mut self) -> J {
        if !self.any {
            let tests = self.tests | self.judge.begin(None);
            self.judge.end(tests);
        }
        self.judge
    }

    fn path(&self, number: usize) -> Option<(&'f [Box<str>], &'f Relation, u64)> {
        let index = *self.paths.get(number)?;
        let test = self.filter.tests.get(index)?;
        let Subject::Path(names) = &test.subject else { return None };
        let bit = 1_u64.checked_shl(u32::try_from(index).ok()?)?;
        Some((names, &test.relation, bit))
    }

    fn met(&self, number: usize) -> usize {
        let start = self.met.len().saturating_sub(self.paths.len());
        self.met.get(start.saturating_add(number)).map_or(0, |met| usize::from(*met))
    }

    /// Something with a name opens. What is only asked to be there is there.
    fn open(&mut self, name: Option<&str>) {
        for number in 0..self.paths.len() {
            let met = self.met(number);
            let Some((names, relation, bit)) = self.path(number) else { continue };
            let is_next = names.get(met).is_some_and(|wanted| Some(&**wanted) == name);
            let met = met.saturating_add(usize::from(is_next));
            if is_next && met == names.len() && matches!(relation, Relation::Present) {
                self.tests |= bit;
            }
            self.met.push(u8::try_from(met).unwrap_or(u8::MAX));
        }
    }

    fn close(&mut self) {
        let outer = self.met.len().saturating_sub(self.paths.len()).max(self.paths.len());
        self.met.truncate(outer);
    }
}

impl<J: Judge, const HEADS: bool> Visitor for Probe<'_, J, HEADS> {
    const HEADS_ONLY: bool = HEADS;

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        if self.depth == 0 {
            self.any = true;
            self.tests = self.judge.begin(Some(head));
        }
        self.depth = self.depth.saturating_add(1);
    }

    fn message_end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.judge.end(self.tests);
            self.tests = 0;
        }
    }

    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        self.open(head.name);
    }

    fn attr_end(&mut self) {
        self.close();
    }

    fn struct_begin(&mut self, slot: Slot<'_>, head: &StructHead<'_>) {
        // A struct in a struct goes by its member's name, and by its own.
        self.open(match slot {
            Slot::Field(name) => Some(name),
            Slot::Index(_, name, _) => name,
            Slot::Plain => None,
        });
        self.open(Some(head.name));
    }

    fn struct_end(&mut self) {
        self.close();
        self.close();
    }

    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        let own = match slot {
            Slot::Field(name) => Some(name),
            Slot::Index(_, name, _) => name,
            Slot::Plain => None,
        };
        for number in 0..self.paths.len() {
            let met = self.met(number);
            let Some((names, relation, bit)) = self.path(number) else { continue };
            let is_named = match own {
                Some(own) => {
                    names.get(met..).is_some_and(|rest| matches!(rest, [last] if **last == *own))
                }
                None => met == names.len(),
            };
            if is_named && relation.holds(value) {
                self.tests |= bit;
            }
        }
    }
}
