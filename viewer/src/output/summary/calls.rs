//! Calls by function: how many, how long, how they failed.

use super::errors::Errors;
use crate::output::CallRecord;
use nlproto::Origin;

/// The functions called.
#[derive(Debug, Default)]
pub(super) struct Calls {
    functions: Vec<Function>,
}

/// What is known of the calls of one function.
#[derive(Debug)]
pub(super) struct Function {
    /// Its name.
    pub(super) name: &'static str,
    /// Who called it.
    pub(super) origin: Origin,
    /// How often it was called.
    pub(super) calls: u64,
    /// Time between entering and leaving it, in nanoseconds.
    pub(super) time_ns: u64,
    /// How calls failed.
    pub(super) errors: Errors,
}

impl Calls {
    /// Counts a call.
    pub(super) fn count(&mut self, record: &CallRecord<'_>) {
        let head = &record.call.head;
        // Each further message of one sendmmsg has a record, but is no further call.
        if head.index > 0 {
            return;
        }
        let (name, origin) = (record.function.name(), record.origin);
        let known = self.functions.iter().position(|f| f.name == name && f.origin == origin);
        let at = known.unwrap_or_else(|| {
            let (calls, time_ns, errors) = (0, 0, Errors::default());
            self.functions.push(Function { name, origin, calls, time_ns, errors });
            self.functions.len().saturating_sub(1)
        });
        let Some(function) = self.functions.get_mut(at) else { return };
        function.calls = function.calls.saturating_add(1);
        let took_ns = head.exit_ns.saturating_sub(head.enter_ns);
        function.time_ns = function.time_ns.saturating_add(took_ns);
        if record.failed() {
            function.errors.count(head.errno, || None);
        }
    }

    /// The functions, those that took longest first.
    pub(super) fn by_time(&self) -> Vec<&Function> {
        let mut functions: Vec<&Function> = self.functions.iter().collect();
        functions.sort_by_key(|function| std::cmp::Reverse((function.time_ns, function.calls)));
        functions
    }
}
