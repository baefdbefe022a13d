//! Tables for people: aligned, without empty columns, as wide as the terminal at most.

use super::Look;
use crate::output::paint::{self, Role};

/// Columns between two columns.
const GAP: usize = 2;
/// Before what stands below a row.
const INDENT: usize = 4;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    is_right: bool,
    /// What is left out first if there is no room for all; 0 stays.
    spare: u8,
}

impl Column {
    /// One of text.
    pub(super) const fn left(title: &'static str) -> Self {
        Self { title, is_right: false, spare: 0 }
    }

    /// One of numbers.
    pub(super) const fn right(title: &'static str) -> Self {
        Self { title, is_right: true, spare: 0 }
    }

    /// One that can be done without; the greatest `spare` goes first.
    pub(super) const fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    columns: &'static [Column],
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    cells: Vec<Vec<u8>>,
    notes: Vec<Note>,
}

/// What is said below a row.
#[derive(Debug)]
struct Note {
    label: &'static str,
    items: Vec<Vec<u8>>,
}

impl Table {
    /// One with these columns, of which the first one's title is the table's.
    pub(super) const fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<Vec<u8>>) {
        self.rows.push(Row { cells, notes: Vec::new() });
    }

    /// Adds a list below the last row, unless it is empty.
    pub(super) fn note(&mut self, label: &'static str, items: Vec<Vec<u8>>) {
        if let Some(row) = self.rows.last_mut().filter(|_| !items.is_empty()) {
            row.notes.push(Note { label, items });
        }
    }

    /// Appends it, unless it is empty.
    pub(super) fn write(&self, out: &mut Vec<u8>, look: &Look) {
        if self.rows.is_empty() {
            return;
        }
        let (shown, missing) = self.fitting(look.width);
        self.head(out, look, &shown);
        for row in &self.rows {
            let mut line = Line::default();
            for (at, width) in &shown {
                let Some(column) = self.columns.get(*at) else { continue };
                let cell = row.cells.get(*at).map_or(&[][..], Vec::as_slice);
                line.cell(out, cell, column.is_right, *width);
            }
            out.push(b'\n');
            for note in &row.notes {
                note.write(out, look);
            }
        }
        if !missing.is_empty() {
            look.paint.with(out, Role::Dim, |out| {
                out.extend_from_slice(b"no room for ");
                out.extend_from_slice(missing.join(", ").as_bytes());
            });
            out.push(b'\n');
        }
    }

    fn head(&self, out: &mut Vec<u8>, look: &Look, shown: &[(usize, usize)]) {
        let mut line = Line::default();
        for (at, width) in shown {
            let Some(column) = self.columns.get(*at) else { continue };
            let mut title = Vec::new();
            let role = if *at == 0 { Role::Kind } else { Role::Dim };
            look.paint.put(&mut title, role, column.title.as_bytes());
            line.cell(out, &title, column.is_right, *width);
        }
        out.push(b'\n');
    }

    /// The columns that are shown with their widths, and the titles of those that had no room.
    fn fitting(&self, width: Option<usize>) -> (Vec<(usize, usize)>, Vec<&'static str>) {
        let mut shown: Vec<(usize, usize)> = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let cells = || self.rows.iter().filter_map(|row| row.cells.get(at));
            let widest = cells().map(|cell| paint::columns(cell)).max().unwrap_or(0);
            if widest > 0 || at == 0 {
                shown.push((at, widest.max(paint::columns(column.title.as_bytes()))));
            }
        }
        let total = |shown: &[(usize, usize)]| {
            let gaps = shown.len().saturating_sub(1).saturating_mul(GAP);
            shown.iter().map(|(_, width)| width).sum::<usize>().saturating_add(gaps)
        };
        let mut missing = Vec::new();
        while width.is_some_and(|width| total(&shown) > width) {
            let spare = |(at, _): &(usize, usize)| self.columns.get(*at).map_or(0, |c| c.spare);
            let Some(most) = shown.iter().map(spare).max().filter(|spare| *spare > 0) else {
                break;
            };
            let Some(place) = shown.iter().rposition(|column| spare(column) == most) else { break };
            let (at, _) = shown.remove(place);
            missing.extend(self.columns.get(at).map(|column| column.title));
        }
        (shown, missing)
    }
}

/// Puts cells side by side. Blanks are written only before something.
#[derive(Debug, Default)]
struct Line {
    owed: usize,
}

impl Line {
    fn cell(&mut self, out: &mut Vec<u8>, cell: &[u8], is_right: bool, width: usize) {
        let blank = width.saturating_sub(paint::columns(cell));
        if cell.is_empty() {
            self.owed = self.owed.saturating_add(blank).saturating_add(GAP);
            return;
        }
        let (before, after) = if is_right { (blank, 0) } else { (0, blank) };
        spaces(out, self.owed.saturating_add(before));
        out.extend_from_slice(cell);
        self.owed = after.saturating_add(GAP);
    }
}

impl Note {
    fn write(&self, out: &mut Vec<u8>, look: &Look) {
        spaces(out, INDENT);
        look.paint.put(out, Role::Dim, self.label.as_bytes());
        let begin = INDENT.saturating_add(paint::columns(self.label.as_bytes()));
        let hang = begin.saturating_add(1);
        let mut used = begin;
        for (at, item) in self.items.iter().enumerate() {
            let is_last = at.saturating_add(1) == self.items.len();
            let len = paint::columns(item).saturating_add(usize::from(!is_last));
            let end = used.saturating_add(1).saturating_add(len);
            if at > 0 && look.width.is_some_and(|width| end > width) {
                out.push(b'\n');
                spaces(out, hang);
                used = hang.saturating_add(len);
            } else {
                out.push(b' ');
                used = end;
            }
            out.extend_from_slice(item);
            if !is_last {
                out.push(b',');
            }
        }
        out.push(b'\n');
    }
}

fn spaces(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len().saturating_add(count), b' ');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::paint::Paint;

    const COLUMNS: &[Column] = &[
        Column::left("Fruit"),
        Column::right("apples").spare(1),
        Column::right("pears").spare(2),
        Column::right("none"),
        Column::right("µ"),
    ];

    fn shown(width: Option<usize>) -> String {
        let mut table = Table::new(COLUMNS);
        let cells = |cells: [&str; 5]| cells.iter().map(|c| c.as_bytes().to_vec()).collect();
        table.row(cells(["a longer name", "1", "", "", "4"]));
        table.note("of", ["first", "second", "third"].map(|i| i.as_bytes().to_vec()).into());
        table.row(cells(["b", "12", "345678", "", ""]));
        table.note("of", Vec::new());
        let mut out = Vec::new();
        table.write(&mut out, &Look { paint: Paint::new(false), width });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_and_none_is_empty() {
        assert_eq!(
            shown(None),
            "Fruit          apples   pears  µ\n\
             a longer name       1          4\n\
             \u{20}   of first, second, third\n\
             b                  12  345678\n"
        );
    }

    #[test]
    fn what_has_no_room_is_named() {
        assert_eq!(
            shown(Some(24)),
            "Fruit          apples  µ\n\
             a longer name       1  4\n\
             \u{20}   of first, second,\n\
             \u{20}      third\n\
             b                  12\n\
             no room for pears\n"
        );
        assert!(shown(Some(3)).starts_with("Fruit          µ\n"));
    }

    #[test]
    fn an_empty_table_is_nothing() {
        let mut out = Vec::new();
        let look = Look { paint: Paint::new(false), width: None };
        Table::new(COLUMNS).write(&mut out, &look);
        assert!(out.is_empty());
    }
}
