//! Arrays whose elements belong together, shown row by row.

use super::context::{self, Decoder, Open, Scope};
use super::{IssueKind, List, Opaque, Slot, StructHead, StructStyle, TextKind, Value, Visitor};
use crate::spec::model::{Column, Kind, Length, Member, MemberKind, Struct, Table};
use crate::wire;

/// A member that texts are cut from, and how many of its bytes are taken.
pub(super) type Taken<'a> = Option<(&'a str, usize)>;

impl<'a, V: Visitor> Decoder<'a, V> {
    /// A table at the front of `rest`, in a struct that all of `whole` is.
    pub(super) fn table(
        &mut self,
        (st, table): (&'a Struct, &'a Table),
        rest: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) -> (Option<usize>, Taken<'a>) {
        let Some(bytes) = rest.get(..table.len) else { return (None, None) };
        let Some(first) = table.columns.iter().min_by_key(|column| column.at) else {
            return (Some(table.len), None);
        };
        let said = self.said_by(st, table.rows, scope).min(table.room);
        // Rows beyond those that are said to be used may hold something all the same.
        let used = |row: &usize| {
            table.columns.iter().any(|column| cell(column, bytes, *row).iter().any(|b| *b != 0))
        };
        let rows = (said..table.room).rev().find(used).map_or(said, |last| last.saturating_add(1));
        self.visitor.field_begin(&first.c_name);
        self.visitor.list_begin(List::Array, rows > 1);
        let mut taken = None;
        for row in 0..rows {
            let style = StructStyle::Row;
            let head = StructHead { name: "", short: false, fixed_header: false, style };
            self.visitor.struct_begin(Slot::Plain, &head);
            let scope = Scope::row(table, bytes, row, scope);
            for column in &table.columns {
                let field = cell(column, bytes, row);
                let offset = column.at.saturating_add(row.saturating_mul(column.size));
                let at = at.saturating_add(offset);
                self.cell(st, column, field, at, &scope, &mut taken);
            }
            self.visitor.struct_end();
        }
        self.visitor.list_end(List::Array, rows > 1);
        (Some(table.len), taken)
    }

    fn cell(
        &mut self,
        st: &'a Struct,
        column: &'a Column,
        field: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
        taken: &mut Taken<'a>,
    ) {
        let slot = Slot::Field(&column.c_name);
        let chosen = match &column.cell {
            Kind::Union(id) => {
                let union = self.tables.union(*id);
                union.and_then(|union| self.choose(union, field, scope)).map(|format| &format.kind)
            }
            kind => Some(kind),
        };
        let Some(Kind::Cut(member)) = chosen else {
            return self.payload(slot, &column.cell, field, at, scope);
        };
        let len = usize::try_from(wire::number(field, cfg!(target_endian = "big")));
        let len = len.unwrap_or(usize::MAX);
        let texts = self.texts(st, member, scope);
        let from = taken.map_or(0, |(_, taken)| taken);
        let there = texts.get(from..).unwrap_or(&[]);
        if there.len() < len {
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            self.issue(at, IssueKind::LengthTooLong { len, have: there.len() });
        }
        let bytes = there.get(..len).unwrap_or(there);
        *taken = Some((member, from.saturating_add(bytes.len())));
        self.visitor.value(slot, &Value::Text { bytes, kind: TextKind::Raw });
    }

    /// The bytes of a struct's member that texts are cut from; the struct is the one around the row.
    fn texts(&self, st: &Struct, name: &str, row: &Scope<'a, '_>) -> &'a [u8] {
        let around = row.parent.map(|parent| parent.open);
        let (Some(Open::Struct(_, bytes)), Some(member)) = (around, st.member(name)) else {
            return &[];
        };
        let all = member.offset.and_then(|at| bytes.get(at..)).unwrap_or(&[]);
        let MemberKind::Shape(Length::Member(of), _) = &member.kind else { return all };
        let said = st.members.get(*of);
        let said = said.and_then(|of| context::member(self.tables, st, bytes, &of.name));
        let said = said.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        all.get(..said).unwrap_or(all)
    }

    /// What is left of a member that texts were cut from.
    pub(super) fn left_over(
        &mut self,
        member: &'a Member,
        field: &'a [u8],
        at: usize,
        taken: usize,
    ) {
        let Some(left) = field.get(taken..).filter(|left| !left.is_empty()) else { return };
        let at = at.saturating_add(taken);
        self.issue(at, IssueKind::Trailing { len: left.len() });
        self.guarded(Slot::Field(&member.c_name), at, left, Opaque::Trailing, member.secret);
    }
}

fn cell<'a>(column: &Column, bytes: &'a [u8], row: usize) -> &'a [u8] {
    let start = column.at.saturating_add(row.saturating_mul(column.size));
    bytes.get(start..start.saturating_add(column.size)).unwrap_or(&[])
}
