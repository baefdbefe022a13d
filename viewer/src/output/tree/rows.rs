//! The rows of one block, gathered until it ends so that their values line up.
//!
//! ```text
//!       IFLA_LINKINFO                       depth 0, no value
//!         IFLA_INFO_KIND     "veth"         depth 1
//!         IFLA_STATS64       rx_packets 12  rx_bytes 4711  tx_packets 9
//!                            tx_bytes 900   a value of many items breaks between them
//! ```
//! Rows live in one buffer, `name value name value …`, which is used again for every block.

use crate::output::paint::{self, Paint, Role};

/// Columns before a row of depth 0.
const INDENT: usize = 6;
/// Values begin here at least, so that most blocks line up with each other …
const MIN_COLUMN: usize = 28;
/// … and here at most, however long or deep a name is.
const MAX_COLUMN: usize = 48;
/// Where lines break if the output is no terminal.
const PLAIN_WIDTH: usize = 100;
/// Columns that a value has at least, however narrow the terminal.
const MIN_VALUE: usize = 24;
/// Stands between the items of a value. Never part of one: what comes from the wire is escaped.
const BREAK: u8 = 0x1f;

#[derive(Debug, Clone, Copy)]
struct Row {
    depth: usize,
    /// Offset in the datagram of what the row shows.
    at: usize,
    start: usize,
    /// Where the name ends and the value begins.
    value: usize,
    name_columns: usize,
    hidden: bool,
}

/// The rows of a block.
#[derive(Debug, Default)]
pub(super) struct Rows {
    text: Vec<u8>,
    rows: Vec<Row>,
    /// Whether the next item goes on where the last one ended.
    glued: bool,
}

impl Rows {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows there are; the next one's number.
    pub(super) fn count(&self) -> usize {
        self.rows.len()
    }

    /// Begins a row with the name that `write` appends, and returns its number.
    pub(super) fn begin(
        &mut self,
        depth: usize,
        at: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let start = self.text.len();
        write(&mut self.text);
        let value = self.text.len();
        let name_columns = paint::columns(self.text.get(start..).unwrap_or(&[]));
        self.rows.push(Row { depth, at, start, value, name_columns, hidden: false });
        self.glued = false;
        self.rows.len().saturating_sub(1)
    }

    /// Begins an item of the last row's value; what is appended to the result is its text.
    pub(super) fn item(&mut self) -> &mut Vec<u8> {
        let empty = self.rows.last().is_none_or(|row| row.value == self.text.len());
        if !empty && !self.glued {
            self.text.push(BREAK);
        }
        self.glued = false;
        &mut self.text
    }

    /// Lets the next item go on where the last one ended.
    pub(super) fn glue(&mut self) {
        self.glued = true;
    }

    /// Keeps the rows from number `first` on from being printed.
    pub(super) fn hide_from(&mut self, first: usize) {
        for row in self.rows.iter_mut().skip(first) {
            row.hidden = true;
        }
    }

    /// Appends names and value of the row that shows what begins at this offset: its path from the
    /// outermost attribute, and its value. Returns whether there is one.
    pub(super) fn locate(&self, out: &mut Vec<u8>, at: usize, first: usize) -> bool {
        let found = |row: &Row| row.at == at && row.name_columns > 0;
        let Some(index) = self.rows.iter().skip(first).position(found) else {
            return false;
        };
        let index = index.saturating_add(first);
        let Some(row) = self.rows.get(index) else { return false };
        let outer = row.depth;
        // Parents stand before their children, each one step less deep.
        for depth in 0..outer {
            let parents = self.rows.get(first..index).unwrap_or(&[]);
            if let Some(parent) = parents.iter().rev().find(|row| row.depth == depth && row.name_columns > 0) {
                out.extend_from_slice(self.name(parent));
                out.push(b'.');
            }
        }
        out.extend_from_slice(self.name(row));
        let value = self.value(index, row);
        if !value.is_empty() {
            out.push(b' ');
            out.extend(value.iter().map(|b| if *b == BREAK { b' ' } else { *b }));
        }
        true
    }

    fn name(&self, row: &Row) -> &[u8] {
        self.text.get(row.start..row.value).unwrap_or(&[])
    }

    fn value(&self, index: usize, row: &Row) -> &[u8] {
        let next = self.rows.get(index.saturating_add(1));
        let end = next.map_or(self.text.len(), |next| next.start);
        self.text.get(row.value..end).unwrap_or(&[])
    }

    /// Appends the rows as lines, and forgets them.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>, paint: Paint, width: Option<usize>) {
        let visible = || self.rows.iter().filter(|row| !row.hidden);
        let names = visible().map(|row| indent(row).saturating_add(row.name_columns));
        let column = names.max().unwrap_or(0).saturating_add(2).clamp(MIN_COLUMN, MAX_COLUMN);
        let right = width.unwrap_or(PLAIN_WIDTH).max(column.saturating_add(MIN_VALUE));
        for (index, row) in self.rows.iter().enumerate().filter(|(_, row)| !row.hidden) {
            spaces(out, indent(row));
            out.extend_from_slice(self.name(row));
            let value = self.value(index, row);
            if !value.is_empty() {
                let mut from = indent(row).saturating_add(row.name_columns);
                if row.name_columns > 0 {
                    let pad = column.saturating_sub(from).max(2);
                    spaces(out, pad);
                    from = from.saturating_add(pad);
                }
                let cut = width.map(|width| (width, paint));
                lines(out, value, from, column, right, cut);
            }
            out.push(b'\n');
        }
        self.clear();
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.rows.clear();
        self.glued = false;
    }
}

const fn indent(row: &Row) -> usize {
    INDENT.saturating_add(row.depth.saturating_mul(2))
}

/// Appends a value from column `from` on, breaking lines between its items at column `right`, and
/// cutting what alone is longer than a line if there is a terminal's edge to cut at.
fn lines(
    out: &mut Vec<u8>,
    value: &[u8],
    from: usize,
    column: usize,
    right: usize,
    cut: Option<(usize, Paint)>,
) {
    if cut.is_none() && !value.contains(&BREAK) {
        out.extend_from_slice(value);
        return;
    }
    let mut at = from;
    for (n, item) in value.split(|b| *b == BREAK).enumerate() {
        let columns = paint::columns(item);
        if n > 0 {
            if at.saturating_add(2).saturating_add(columns) <= right {
                out.extend_from_slice(b"  ");
                at = at.saturating_add(2);
            } else {
                out.push(b'\n');
                spaces(out, column);
                at = column;
            }
        }
        at = at.saturating_add(columns);
        match cut {
            Some((width, paint)) if at > width.max(right) => {
                let room = right.saturating_sub(at.saturating_sub(columns)).saturating_sub(1);
                let end = paint::fitting(item, room);
                out.extend_from_slice(item.get(..end).unwrap_or(item));
                if paint.on() {
                    out.extend_from_slice(paint::RESET);
                }
                paint.put(out, Role::Dim, "…".as_bytes());
            }
            _ => out.extend_from_slice(item),
        }
    }
}

/// Appends so many spaces.
pub(super) fn spaces(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len().saturating_add(count), b' ');
}
