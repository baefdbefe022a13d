//! Sizes and offsets of the specs' structs, by the rules of `viewer/specs/README.md`.

use std::ops::Range;

use serde_json::Value;

use crate::spec_facts::{Spec, Specs, integer, list, text};

/// How a struct lies in memory.
#[derive(Debug, Default)]
pub struct Layout {
    /// Its size; `None` if its last member has no size of its own.
    pub size: Option<u64>,
    /// What its own offset must be a multiple of.
    pub align: u64,
    /// The C names of its members with their offsets.
    pub offsets: Vec<(String, u64)>,
    /// The bytes that mean nothing: what alignment leaves free, and members that are padding.
    pub holes: Vec<Range<u64>>,
}

/// A member's room.
struct Room {
    /// Bytes; `None` if they depend on the message.
    size: Option<u64>,
    align: u64,
    /// Of one element, if it is a struct.
    holes: Vec<Range<u64>>,
}

/// The layout of a struct, as far as it can be told; `None` if a member's kind is not known.
#[must_use]
pub fn of(specs: &Specs, spec: &Spec, definition: &Value) -> Option<Layout> {
    let natural = text(definition, "align") == Some("c");
    let prefix = text(definition, "member-prefix").unwrap_or_default();
    let mut layout = Layout { size: Some(0), align: 1, ..Layout::default() };
    for member in list(definition, "members") {
        let room = room(specs, spec, member)?;
        // Nothing can be said of what stands after a member without a size.
        let mut at = layout.size?;
        if natural {
            let free = at;
            at = at.next_multiple_of(room.align);
            layout.align = layout.align.max(room.align);
            layout.holes.push(free..at);
        }
        layout.holes.extend(room.holes.iter().map(|hole| at + hole.start..at + hole.end));
        let padding = text(member, "type") == Some("pad");
        if padding && let Some(size) = room.size {
            layout.holes.push(at..at + size);
        }
        if !padding && member.get("bits").is_none() {
            let name = text(member, "name").unwrap_or_default();
            let derived = format!("{prefix}{name}").replace('-', "_");
            let c_name = text(member, "c-name").map_or(derived, str::to_owned);
            if !c_name.is_empty() {
                layout.offsets.push((c_name, at));
            }
        }
        layout.size = room.size.map(|size| at + size);
    }
    if natural && let Some(end) = layout.size {
        let size = end.next_multiple_of(layout.align);
        layout.holes.push(end..size);
        layout.size = Some(size);
    }
    Some(layout)
}

fn room(specs: &Specs, spec: &Spec, member: &Value) -> Option<Room> {
    let one = element(specs, spec, member)?;
    let size = match member.get("count") {
        None => one.size,
        Some(count) => match count.as_u64() {
            Some(count) => one.size.map(|size| size * count),
            // A member or the rest of the payload says how many: a flexible array in C.
            None => None,
        },
    };
    // A union of plain bytes may say how the types it has in C are aligned.
    let align = member.get("align").and_then(Value::as_u64).unwrap_or(one.align);
    Some(Room { size, align, holes: one.holes })
}

fn element(specs: &Specs, spec: &Spec, member: &Value) -> Option<Room> {
    if let Some(name) = text(member, "struct") {
        let (owner, definition) = specs.resolve(spec, name)?;
        let inner = of(specs, owner, definition)?;
        return Some(Room { size: inner.size, align: inner.align, holes: inner.holes });
    }
    let kind = text(member, "type")?;
    if let Some(bits) = kind.strip_prefix(['u', 's']).and_then(|width| width.parse::<u64>().ok()) {
        return Some(Room { size: Some(bits / 8), align: bits / 8, holes: Vec::new() });
    }
    let align = match kind {
        "union" => {
            let formats = list(member, "formats").iter();
            let rooms = formats.filter_map(|format| element(specs, spec, format));
            rooms.map(|room| room.align).max().unwrap_or(1)
        }
        _ => 1,
    };
    Some(Room { size: len(spec, member), align, holes: Vec::new() })
}

/// The `len` of a member: a number, or a constant's name.
fn len(spec: &Spec, member: &Value) -> Option<u64> {
    integer(member, "len")
        .or_else(|| integer(spec.definition(text(member, "len")?)?, "value"))
        .and_then(|len| u64::try_from(len).ok())
}
