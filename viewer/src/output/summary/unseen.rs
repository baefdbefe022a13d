//! What was not seen, by process: records that were lost, calls whose netlink stays inside libc.

use crate::output::CallRecord;
use crate::state::process::Process;

/// Most rows; what does not fit is counted together.
const MAX_ROWS: usize = 256;

/// What was not seen.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    rows: Vec<Row>,
    /// Records lost by processes that have no row.
    pub(super) lost_by_others: u64,
}

/// Why something was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Records that did not arrive.
    Lost,
    /// A function of libc, and what to say of it.
    Inside(&'static str, &'static str),
}

/// What was not seen of one process for one reason.
#[derive(Debug)]
pub(super) struct Row {
    key: u64,
    pub(super) comm: Box<str>,
    pub(super) pid: u32,
    pub(super) why: Why,
    pub(super) count: u64,
}

impl Unseen {
    /// Records of a process are lost.
    pub(super) fn lost(&mut self, process: &Process, count: u64) {
        if !self.add(process, Why::Lost, count) {
            self.lost_by_others = self.lost_by_others.saturating_add(count);
        }
    }

    /// A call may be one whose netlink was not caught.
    pub(super) fn call(&mut self, record: &CallRecord<'_>) {
        if record.is_uncaught() {
            let why = Why::Inside(record.function.name(), record.uncaught());
            self.add(record.process, why, 1);
        }
    }

    fn add(&mut self, process: &Process, why: Why, count: u64) -> bool {
        let mine = |row: &&mut Row| row.key == process.key && row.why == why;
        if let Some(row) = self.rows.iter_mut().find(mine) {
            row.count = row.count.saturating_add(count);
            return true;
        }
        if self.rows.len() >= MAX_ROWS {
            return false;
        }
        let comm = process.comm.as_str().into();
        self.rows.push(Row { key: process.key, comm, pid: process.pid, why, count });
        true
    }

    /// The rows: losses first, the largest first.
    pub(super) fn by_count(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| (row.why != Why::Lost, std::cmp::Reverse(row.count)));
        rows
    }
}
