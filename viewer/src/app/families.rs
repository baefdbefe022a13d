//! The families that specs describe, as a table: `--list-families`, and `docs/families.md`.

use std::fmt::Write as _;

use crate::output::socket_names::protocol_name;
use crate::spec::{Overview, Registry};

const HEADINGS: [&str; 7] =
    ["Protocol", "Family", "Messages", "Attributes", "Structs", "Enums", "Facts from"];
/// The first columns are words, then there are numbers.
const WORDS: usize = 2;

/// The table's rows: protocols in the order of their numbers, and last what families share.
fn rows(registry: &Registry) -> Vec<[String; 7]> {
    let mut families = registry.list();
    families.sort_by(|a, b| {
        let key =
            |family: &Overview| (family.protocol.unwrap_or(u32::MAX), family.family.to_lowercase());
        key(a).cmp(&key(b))
    });
    let mut totals = [0usize; 4];
    let mut rows: Vec<_> = families
        .iter()
        .map(|family| {
            for (total, count) in totals.iter_mut().zip(family.counts) {
                *total = total.saturating_add(count);
            }
            row(protocol(family), family.family.clone(), family.counts, facts(family))
        })
        .collect();
    let count = families.iter().filter(|family| family.protocol.is_some()).count();
    rows.push(row("total".to_owned(), format!("{count} families"), totals, String::new()));
    rows
}

fn row(protocol: String, family: String, counts: [usize; 4], facts: String) -> [String; 7] {
    let [messages, attributes, structs, enums] = counts.map(|count| count.to_string());
    [protocol, family, messages, attributes, structs, enums, facts]
}

fn protocol(family: &Overview) -> String {
    let Some(number) = family.protocol else { return "(shared)".to_owned() };
    let name = i32::try_from(number).ok().and_then(protocol_name);
    name.map_or_else(|| number.to_string(), str::to_owned)
}

/// The headers that programs have, then what only the kernel's own sources say.
fn facts(family: &Overview) -> String {
    let own = family.kernel_sources.iter().map(|file| format!("kernel-internal {file}"));
    let all: Vec<_> = family.headers.iter().cloned().chain(own).collect();
    if all.is_empty() { "–".to_owned() } else { all.join(", ") }
}

/// As lines of a terminal.
pub(super) fn text(registry: &Registry) -> String {
    let mut rows = rows(registry);
    rows.insert(0, HEADINGS.map(str::to_owned));
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..HEADINGS.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing into a string does not fail.
            let _written = match column {
                0..WORDS => write!(line, "{cell:<width$}  "),
                _ if column + 1 == HEADINGS.len() => write!(line, "{cell}"),
                _ => write!(line, "{cell:>width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// As a page.
#[cfg(test)]
fn page(registry: &Registry) -> String {
    let mut page = String::from(
        "# Families\n\n\
         What the files in `viewer/specs/` describe; `nlview --list-families` prints the same, with those of `--spec`.\n\
         Facts marked *kernel-internal* are in none of the kernel's headers for programs, but in its own sources.\n\
         This page is generated: `BLESS=1 cargo test -p nlview families` writes it.\n\n",
    );
    let line = |cells: &[String; 7]| format!("| {} |\n", cells.join(" | "));
    page.push_str(&line(&HEADINGS.map(str::to_owned)));
    page.push_str("| --- | --- | ---: | ---: | ---: | ---: | --- |\n");
    for row in rows(registry) {
        page.push_str(&line(&row));
    }
    page.replace("kernel-internal ", "*kernel-internal* ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_families_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/families.md");
        let page = page(&Registry::builtin());
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, page).unwrap();
            return;
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page, "docs/families.md is out of date (BLESS=1 rewrites it)");
    }

    #[test]
    fn the_table_has_all_columns_and_totals() {
        let text = text(&Registry::builtin());
        let mut lines = text.lines();
        let heading: Vec<_> = lines.next().unwrap().split("  ").filter(|c| !c.is_empty()).collect();
        assert_eq!(heading.len(), HEADINGS.len());
        assert!(text.lines().any(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.first() == Some(&"NETLINK_ROUTE") && words.contains(&"rt-link")
        }));
        let sum = |column: usize, line: &str| -> usize {
            line.split("  ").filter(|c| !c.is_empty()).nth(column).unwrap().trim().parse().unwrap()
        };
        let total = text.lines().last().unwrap();
        let rows: usize = lines.filter(|line| *line != total).map(|line| sum(3, line)).sum();
        assert_eq!(rows, sum(3, total), "attributes");
    }
}
