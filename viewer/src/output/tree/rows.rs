//! The rows of one block, gathered until it ends so that their values line up.
//!
//! ```text
//!       IFLA_LINKINFO                       depth 0, no value
//!         IFLA_INFO_KIND     "veth"         depth 1
//!         IFLA_STATS64       rx_packets 12  rx_bytes 4711  tx_packets 9
//!                            tx_bytes 900   a value of many items breaks between them
//! ```
//! Rows are written as the lines that they become if every value fits, and begins where those of the last
//! block of this kind did. Most blocks are so, and are copied whole. What is kept of each row allows to lay
//! out the others again.

use crate::output::paint::{self, Paint};

/// Columns before a row of depth 0.
const INDENT: usize = 6;
/// Values begin here at least, so that most blocks line up with each other …
const MIN_COLUMN: usize = 28;
/// … and here at most, however long or deep a name is.
const MAX_COLUMN: usize = 48;
/// Where lines break if the output is no terminal.
const PLAIN_WIDTH: usize = 120;
/// Columns that a value has at least, however narrow the terminal.
const MIN_VALUE: usize = 24;
/// Stands between the items of a value in one line, and at least between a name and its value.
const GAP: &[u8] = b"  ";

/// A row, by places in the text.
#[derive(Debug, Clone, Copy)]
struct Row {
    depth: usize,
    name_start: usize,
    name_end: usize,
    /// Columns from the line's beginning to the name's end.
    name_columns: usize,
    /// Where the value begins; the name's end if there is none.
    value: usize,
    /// Which break is the value's first.
    breaks: usize,
    /// Whether its line is not what is to be printed, whatever the others are.
    odd: bool,
    hidden: bool,
}

impl Row {
    const fn is_named(&self) -> bool {
        self.name_end > self.name_start
    }
}

/// Kinds of blocks whose columns are remembered; others share theirs with one of them.
const KINDS: usize = 256;

/// The rows of a block.
#[derive(Debug)]
pub(super) struct Rows {
    text: Vec<u8>,
    rows: Vec<Row>,
    /// Where the gaps between items begin.
    breaks: Vec<usize>,
    /// Whether the next item goes on where the last one ended, and what stands between the two then.
    glued: bool,
    joint: &'static [u8],
    /// Whether some line is not what is to be printed.
    stale: bool,
    /// Whether some line is not to be printed at all.
    hides: bool,
    /// Where values begin in the lines as they are written.
    column: usize,
    /// Columns of the longest name, with what is before it.
    longest: usize,
    /// Where values began in the last block of each kind.
    columns: [usize; KINDS],
    kind: usize,
    /// Whether names have colours, which take no columns. Names are ASCII, as C is.
    colored: bool,
    right: usize,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            rows: Vec::new(),
            breaks: Vec::new(),
            glued: false,
            joint: b"",
            stale: false,
            hides: false,
            column: MIN_COLUMN,
            longest: 0,
            columns: [MIN_COLUMN; KINDS],
            kind: 0,
            colored: false,
            right: PLAIN_WIDTH,
        }
    }
}

impl Rows {
    /// Forgets all rows, and says how the next ones will look.
    pub(super) fn start(&mut self, paint: Paint, width: Option<usize>) {
        self.clear();
        self.colored = paint.on();
        self.right = width.unwrap_or(PLAIN_WIDTH).max(MIN_COLUMN.saturating_add(MIN_VALUE));
    }

    fn clear(&mut self) {
        self.text.clear();
        self.rows.clear();
        self.breaks.clear();
        self.glued = false;
        self.stale = false;
        self.hides = false;
        self.longest = 0;
    }

    /// Says of what kind the next block is: its rows are likely as long as the last one's.
    pub(super) fn expect(&mut self, kind: u16) {
        self.kind = usize::from(kind) & KINDS.saturating_sub(1);
        self.column = self.columns.get(self.kind).copied().unwrap_or(MIN_COLUMN);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows there are; the next one's number.
    pub(super) fn count(&self) -> usize {
        self.rows.len()
    }

    /// Begins a row with the name that `write` appends, and returns its number.
    pub(super) fn begin(&mut self, depth: usize, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        self.end_row();
        let indent = INDENT.saturating_add(depth.saturating_mul(2));
        spaces(&mut self.text, indent);
        let name_start = self.text.len();
        write(&mut self.text);
        let name_end = self.text.len();
        let name = self.text.get(name_start..).unwrap_or(&[]);
        let columns = if self.colored { paint::columns(name) } else { name.len() };
        let columns = indent.saturating_add(columns);
        self.longest = self.longest.max(columns);
        self.rows.push(Row {
            depth,
            name_start,
            name_end,
            name_columns: columns,
            value: name_end,
            breaks: self.breaks.len(),
            odd: false,
            hidden: false,
        });
        self.glued = false;
        self.rows.len().saturating_sub(1)
    }

    /// Ends the last row's line.
    fn end_row(&mut self) {
        let Some(row) = self.rows.last_mut() else { return };
        let line = self.text.len().saturating_sub(row.name_start);
        // Bytes are at least as many as columns, so what fits as bytes fits.
        row.odd = line.saturating_add(INDENT).saturating_add(row.depth.saturating_mul(2))
            > self.right
            || !row.is_named();
        self.stale |= row.odd;
        self.text.push(b'\n');
    }

    /// Begins an item of the last row's value; what is appended to the result is its text.
    #[inline]
    pub(super) fn item(&mut self) -> &mut Vec<u8> {
        if self.glued {
            self.text.extend_from_slice(std::mem::take(&mut self.joint));
        } else if let Some(row) = self.rows.last_mut() {
            if row.value == self.text.len() {
                if row.is_named() {
                    let pad = self.column.saturating_sub(row.name_columns);
                    spaces(&mut self.text, pad.max(GAP.len()));
                }
                row.value = self.text.len();
            } else {
                self.breaks.push(self.text.len());
                self.text.extend_from_slice(GAP);
            }
        }
        self.glued = false;
        &mut self.text
    }

    /// Goes on with the last item.
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Lets the next item go on where the last one ended.
    pub(super) fn glue(&mut self) {
        self.join(b"");
    }

    /// The same, with a few characters between the two.
    pub(super) fn join(&mut self, joint: &'static [u8]) {
        self.glued = true;
        self.joint = joint;
    }

    /// Keeps the rows from number `first` on from being printed.
    pub(super) fn hide_from(&mut self, first: usize) {
        for row in self.rows.iter_mut().skip(first) {
            row.hidden = true;
            self.hides = true;
        }
    }

    /// Where the line of a row begins in the text.
    fn line_start(&self, index: usize) -> usize {
        self.rows.get(index).map_or(self.text.len(), |row| {
            row.name_start.saturating_sub(INDENT).saturating_sub(row.depth.saturating_mul(2))
        })
    }

    fn value(&self, index: usize, row: &Row) -> &[u8] {
        let line_end = self.line_start(index.saturating_add(1));
        let value = self.text.get(row.value..line_end).unwrap_or(&[]);
        value.strip_suffix(b"\n").unwrap_or(value)
    }

    /// Appends the rows as lines, and forgets them.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>, paint: Paint, width: Option<usize>) {
        self.end_row();
        if self.hides {
            let visible = self.rows.iter().filter(|row| !row.hidden);
            self.longest = visible.map(|row| row.name_columns).max().unwrap_or(0);
        }
        let column = self.longest.saturating_add(GAP.len()).clamp(MIN_COLUMN, MAX_COLUMN);
        let moved = self.hides || column != self.column;
        if self.stale || moved {
            self.lay_out(out, (column, moved), paint, width);
        } else {
            out.extend_from_slice(&self.text);
        }
        if let Some(known) = self.columns.get_mut(self.kind) {
            *known = column;
        }
        self.clear();
    }

    /// Appends lines with values that begin in `column`; whether that is another one than they were
    /// written with is `moved`.
    fn lay_out(
        &self,
        out: &mut Vec<u8>,
        (column, moved): (usize, bool),
        paint: Paint,
        width: Option<usize>,
    ) {
        let right = width.unwrap_or(PLAIN_WIDTH).max(column.saturating_add(MIN_VALUE));
        let layout = Layout { column, right, wraps: width.is_some(), paint };
        // Lines that are as they should be are copied together.
        let mut copied = 0;
        for (index, row) in self.rows.iter().enumerate().filter(|(_, row)| !row.hidden) {
            if !moved {
                if !row.odd {
                    continue;
                }
                let line = self.line_start(index);
                out.extend_from_slice(self.text.get(copied..line).unwrap_or(&[]));
                copied = self.line_start(index.saturating_add(1));
            }
            let value = self.value(index, row);
            if value.is_empty() && !row.is_named() {
                continue;
            }
            let head = self.line_start(index)..row.name_end;
            out.extend_from_slice(self.text.get(head).unwrap_or(&[]));
            if !value.is_empty() {
                let mut from = row.name_columns;
                if row.is_named() {
                    let pad = column.saturating_sub(from).max(GAP.len());
                    spaces(out, pad);
                    from = from.saturating_add(pad);
                }
                if from.saturating_add(value.len()) <= right {
                    out.extend_from_slice(value);
                } else {
                    let next = self.rows.get(index.saturating_add(1));
                    let end = next.map_or(self.breaks.len(), |next| next.breaks);
                    let breaks = self.breaks.get(row.breaks..end).unwrap_or(&[]);
                    // Without a name to stand beside, further lines begin where the first does.
                    let column = if row.is_named() { column } else { from };
                    let layout = Layout { column, ..layout };
                    layout.lines(out, value, row.value, from, breaks);
                }
            }
            out.push(b'\n');
        }
        if !moved {
            out.extend_from_slice(self.text.get(copied..).unwrap_or(&[]));
        }
    }
}

/// How a value that is too long for its line is laid out.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Where further lines begin.
    column: usize,
    right: usize,
    /// Whether there is a terminal's edge, where no line may go on.
    wraps: bool,
    paint: Paint,
}

impl Layout {
    /// Appends a value from column `from` on. Lines break between its items; an item that alone is
    /// longer than a line goes on in the next. `start` and `breaks` are places in one text.
    fn lines(&self, out: &mut Vec<u8>, value: &[u8], start: usize, from: usize, breaks: &[usize]) {
        let mut at = from;
        let mut item_start = 0;
        let ends = breaks.iter().map(|end| end.saturating_sub(start)).chain([value.len()]);
        for (n, end) in ends.enumerate() {
            let item = value.get(item_start..end).unwrap_or(&[]);
            item_start = end.saturating_add(GAP.len());
            let plain = !self.paint.on() && item.is_ascii();
            let columns = if plain { item.len() } else { paint::columns(item) };
            if n > 0 {
                if at.saturating_add(GAP.len()).saturating_add(columns) <= self.right {
                    out.extend_from_slice(GAP);
                    at = at.saturating_add(GAP.len());
                } else {
                    out.push(b'\n');
                    spaces(out, self.column);
                    at = self.column;
                }
            }
            let room = self.right.saturating_sub(at);
            if self.wraps && columns > room {
                at = self.wrapped(out, item, room);
            } else {
                out.extend_from_slice(item);
                at = at.saturating_add(columns);
            }
        }
    }

    /// Appends an item that is longer than its line, of which only so many columns are left, over several.
    /// Returns the column where it ends.
    fn wrapped(&self, out: &mut Vec<u8>, item: &[u8], room: usize) -> usize {
        let (mut rest, mut room) = (item, room);
        loop {
            let end = paint::fitting(rest, room);
            let (line, more) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            if paint::columns(more) == 0 || (line.is_empty() && room >= MIN_VALUE) {
                out.extend_from_slice(rest);
                return self.right.saturating_sub(room).saturating_add(paint::columns(rest));
            }
            out.extend_from_slice(line);
            rest = more;
            out.push(b'\n');
            spaces(out, self.column);
            room = self.right.saturating_sub(self.column);
        }
    }
}

/// Appends so many spaces.
pub(super) fn spaces(out: &mut Vec<u8>, count: usize) {
    const SPACES: &[u8] = &[b' '; 128];
    match SPACES.get(..count) {
        Some(spaces) => out.extend_from_slice(spaces),
        None => out.resize(out.len().saturating_add(count), b' '),
    }
}
