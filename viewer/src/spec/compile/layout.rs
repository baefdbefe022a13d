//! Structs: sizes and offsets.

use std::rc::Rc;

use super::sets::with_names;
use super::{Compiler, Place, Scope, index_of};
use crate::spec::model::{
    BitField, Column, Count, Element, Kind, Length, Member, MemberKind, Order, Short, Struct,
    StructId, Table,
};
use crate::spec::schema::{Bits, Definition, File, Item, Scalar as Word, StraceStruct};
use crate::spec::{Error, names};

impl Compiler<'_> {
    pub(super) fn struct_ref(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        reference: &str,
    ) -> Result<StructId, Error> {
        let (found, at) = self.definition(file, place, reference)?;
        let Some(definition) = found.definitions.get(at) else {
            return Err(Self::wrong(file, place, "no such definition"));
        };
        let key = (Rc::as_ptr(&found), definition.name.clone());
        if let Some(id) = self.structs.get(&key) {
            return Ok(*id);
        }
        if definition.r#type != "struct" {
            let reason = format!("{reference:?} is of type {}, not struct", definition.r#type);
            return Err(Self::wrong(file, place, reason));
        }
        let id = StructId(index_of(self.tables.structs.len()));
        self.tables.structs.push(Struct::default());
        self.structs.insert(key, id);
        let here = Place::new("definitions", at, &definition.name);
        self.scopes.push(Scope::new(true, &found, &[&definition.members]));
        let compiled = self.structure(&found, &here, definition)?;
        self.scopes.pop();
        if let Some(slot) = self.tables.structs.get_mut(id.0 as usize) {
            *slot = compiled;
        }
        Ok(id)
    }

    fn structure(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        definition: &Definition,
    ) -> Result<Struct, Error> {
        let aligned = definition.align.as_deref() == Some("c");
        let prefix = definition.member_prefix.clone().unwrap_or_default();
        let mut compiled = Struct {
            c_name: definition
                .c_name
                .clone()
                .unwrap_or_else(|| names::c_lower(&definition.name))
                .into(),
            align: 1,
            show_tail: definition.tail.as_deref() == Some("hex"),
            padded: definition.tail.as_deref() == Some("padding"),
            ..Struct::default()
        };
        // The offset of the next member, while it is known, and the fixed part's end.
        let mut offset = Some(0usize);
        for (at, item) in definition.members.iter().enumerate() {
            let name = item.name.as_ref().map(Word::text).unwrap_or_default();
            let here = place.within("members", at, &name);
            let (kind, size, align) = self.member(file, &here, item, &compiled.members)?;
            let align = match item.align.as_ref().and_then(Word::number) {
                Some(n) => usize::try_from(n).unwrap_or(1).max(1),
                None if aligned => align,
                None => 1,
            };
            if let Some(o) = offset {
                offset = Some(o.next_multiple_of(align.max(1)));
                compiled.align = compiled.align.max(align);
            }
            let kind = match &item.rows {
                None => kind,
                Some(rows) => {
                    let Some(at) = offset else {
                        return Err(Self::wrong(file, &here, "a table needs a fixed offset"));
                    };
                    let rows = Self::rows(file, &here, rows, &compiled.members)?;
                    let (room, column) = Self::column(file, &here, item, kind, &prefix)?;
                    let size = column.size;
                    match column.join(&mut compiled.members, (rows, room), at) {
                        Some(begun) => begun,
                        None => {
                            let end = at.saturating_add(room.saturating_mul(size));
                            compiled.size = end;
                            offset = Some(end);
                            continue;
                        }
                    }
                }
            };
            compiled.members.push(Member {
                c_name: item
                    .c_name
                    .clone()
                    .unwrap_or_else(|| names::c_lower(&format!("{prefix}{name}")))
                    .into(),
                name: name.into(),
                offset,
                kind,
                nonzero: item.nonzero.unwrap_or(false),
                used: None,
                secret: item.secret.unwrap_or(false),
            });
            if let Some(o) = offset {
                compiled.size = o.saturating_add(size.unwrap_or(0));
            }
            offset = offset.zip(size).map(|(o, s)| o.saturating_add(s));
        }
        for (at, item) in definition.members.iter().enumerate() {
            let Some(by) = &item.used else { continue };
            let used = compiled.members.iter().position(|m| *m.name == **by && m.offset.is_some());
            let Some(used) = used else {
                let here = place.within("members", at, "");
                return Err(Self::wrong(file, &here, format!("used: {by:?} has no known place")));
            };
            if let Some(member) = compiled.members.get_mut(at) {
                member.used = Some(used);
            }
        }
        if offset.is_some() {
            compiled.size = compiled.size.next_multiple_of(compiled.align.max(1));
        }
        compiled.min_size = definition.min_size.map_or(compiled.size, |n| n as usize);
        if let Some(strace) = &definition.strace {
            compiled.strace_order = Self::strace_order(file, place, strace, &compiled.members)?;
            compiled.strace_short = self.short(file, place, strace.short.as_ref())?;
        }
        Ok(compiled)
    }

    /// The member that says how many rows of a table are used.
    fn rows(file: &File, place: &Place<'_>, rows: &str, before: &[Member]) -> Result<usize, Error> {
        before.iter().position(|m| *m.name == *rows).ok_or_else(|| {
            Self::wrong(file, place, format!("rows {rows:?} is no member before this one"))
        })
    }

    /// An array as a table's column, and how many rows it has room for.
    fn column(
        file: &File,
        place: &Place<'_>,
        item: &Item,
        kind: MemberKind,
        prefix: &str,
    ) -> Result<(usize, Column), Error> {
        let name = item.name.as_ref().map(Word::text).unwrap_or_default();
        let (room, size, cell) = match kind {
            MemberKind::Array(Count::Fixed(room), size, Element::Scalar(scalar), _) => {
                (room, size, Kind::Scalar(scalar))
            }
            MemberKind::Array(Count::Fixed(room), size, Element::Kind(kind), _) => {
                (room, size, *kind)
            }
            _ => return Err(Self::wrong(file, place, "a table's column needs a fixed count")),
        };
        let c_name = item
            .c_name
            .clone()
            .unwrap_or_else(|| names::c_lower(&format!("{prefix}{name}")))
            .into();
        let place = item.column.unwrap_or(0);
        Ok((room, Column { name: name.into(), c_name, at: 0, size, cell, place }))
    }

    /// What strace shows a struct as that is cut short.
    pub(super) fn short(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        written: Option<&String>,
    ) -> Result<Option<Short>, Error> {
        Ok(Some(match written.map(String::as_str) {
            None => return Ok(None),
            Some("text") => Short::Text,
            Some("bytes") => Short::Bytes,
            Some(reference) => Short::Struct(self.struct_ref(file, place, reference)?),
        }))
    }

    /// The members' indexes in the order that strace shows them. Their places must be known, since
    /// one may be shown before those that it lies behind.
    fn strace_order(
        file: &File,
        place: &Place<'_>,
        strace: &StraceStruct,
        members: &[Member],
    ) -> Result<Box<[usize]>, Error> {
        let find = |name: &String| {
            let at = members.iter().position(|m| *m.name == **name && m.offset.is_some());
            at.ok_or_else(|| {
                let reason = format!("strace: order: {name:?} is no member at a fixed place");
                Self::wrong(file, place, reason)
            })
        };
        strace.order.iter().map(find).collect()
    }

    /// A member's form, its size if that is fixed, and its natural alignment.
    fn member(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
        before: &[Member],
    ) -> Result<(MemberKind, Option<usize>, usize), Error> {
        let ty = item.r#type.as_deref().unwrap_or("binary");
        let index = self.index(file, place, item)?;
        if ty == "pad" {
            let len = self.fixed_len(file, place, item)?;
            return Ok((MemberKind::Pad(len), Some(len), 1));
        }
        if !item.bits.is_empty() {
            let scalar = self.scalar(file, place, item, ty)?;
            let size = usize::from(scalar.size);
            let mut fields = Vec::new();
            for bits in &item.bits {
                let names = match &bits.r#enum {
                    Some(reference) => Some(self.enum_ref(file, place, reference)?),
                    None => None,
                };
                fields.push(BitField {
                    c_name: bits
                        .c_name
                        .clone()
                        .unwrap_or_else(|| names::c_lower(&bits.name))
                        .into(),
                    width: bits.width,
                    order: bit_order(file, place, bits)?,
                    names,
                    hint: bits.display_hint.as_deref().and_then(super::hint).unwrap_or_default(),
                });
            }
            return Ok((MemberKind::Bits(scalar, fields), Some(size), size));
        }
        let count = match &item.count {
            Some(word) => Some(self.count(file, place, word, before)?),
            None => None,
        };
        if let Some(reference) = &item.r#struct {
            let id = self.struct_ref(file, place, reference)?;
            let (size, align) =
                self.tables.structure(id).map_or((0, 1), |s| (s.size, s.align.max(1)));
            let form = with_names(item, Kind::Struct(id, None));
            if let Some(count) = count {
                let total = fixed_total(count, size);
                let element = match form {
                    Kind::Struct(id, _) => Element::Struct(id),
                    other => Element::Kind(Box::new(other)),
                };
                return Ok((MemberKind::Array(count, size, element, index), total, align));
            }
            let kind = MemberKind::Shape(Length::Fixed(size), form);
            return Ok((kind, Some(size), align));
        }
        if ty == "union" {
            let length = self.length(file, place, item, before)?;
            let kind = self.shape(file, place, item)?;
            let size = fixed(length);
            if let (Some(count), Some(size)) = (count, size) {
                let element = Element::Kind(Box::new(kind));
                let total = fixed_total(count, size);
                return Ok((MemberKind::Array(count, size, element, index), total, 1));
            }
            return Ok((MemberKind::Shape(length, kind), size, 1));
        }
        if let Some(size) = super::scalars::scalar_size(ty) {
            let size = usize::from(size);
            let kind = self.shape(file, place, item)?;
            if let Some(count) = count {
                let element = match kind {
                    Kind::Scalar(scalar) => Element::Scalar(scalar),
                    other => Element::Kind(Box::new(other)),
                };
                let total = fixed_total(count, size);
                return Ok((MemberKind::Array(count, size, element, index), total, size));
            }
            return Ok(match kind {
                Kind::Scalar(scalar) => (MemberKind::Scalar(scalar), Some(size), size),
                other => (MemberKind::Shape(Length::Fixed(size), other), Some(size), size),
            });
        }
        let mut kind = self.shape(file, place, item)?;
        let length = self.length(file, place, item, before)?;
        if ty == "string" {
            kind = Kind::Text(match length {
                _ if item.display_hint.as_deref() == Some("c-string") => {
                    crate::spec::model::TextKind::CString
                }
                Length::Fixed(_) => crate::spec::model::TextKind::Field,
                _ => crate::spec::model::TextKind::Attribute,
            });
        }
        if let (Some(count), Length::Fixed(size)) = (count, length) {
            let total = fixed_total(count, size);
            return Ok((
                MemberKind::Array(count, size, Element::Kind(Box::new(kind)), index),
                total,
                1,
            ));
        }
        Ok((MemberKind::Shape(length, kind), fixed(length), 1))
    }

    fn count(
        &self,
        file: &Rc<File>,
        place: &Place<'_>,
        word: &Word,
        before: &[Member],
    ) -> Result<Count, Error> {
        if let Some(n) = word.number() {
            return Ok(Count::Fixed(usize::try_from(n).unwrap_or(0)));
        }
        let text = word.text();
        if text == "rest" {
            return Ok(Count::Rest);
        }
        if let Some(n) = self.constant(file, &text) {
            return Ok(Count::Fixed(n));
        }
        let at = before.iter().position(|m| *m.name == *text);
        at.map(Count::Member).ok_or_else(|| {
            Self::wrong(file, place, format!("count {text:?} is no member before this one"))
        })
    }

    fn length(
        &self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
        before: &[Member],
    ) -> Result<Length, Error> {
        let Some(word) = &item.len else {
            return Err(Self::wrong(file, place, "this type needs a len"));
        };
        if let Some(n) = word.number() {
            return Ok(Length::Fixed(usize::try_from(n).unwrap_or(0)));
        }
        let text = word.text();
        if text == "rest" {
            return Ok(Length::Rest);
        }
        if let Some(n) = self.constant(file, &text) {
            return Ok(Length::Fixed(n));
        }
        let at = before.iter().position(|m| *m.name == *text);
        let counted = match item.len_in.as_deref() {
            None => Length::Member,
            Some("bits") => Length::MemberBits,
            Some("words") => Length::MemberWords,
            Some(unit) => {
                return Err(Self::wrong(file, place, format!("no length is counted in {unit:?}")));
            }
        };
        at.map(counted).ok_or_else(|| {
            Self::wrong(file, place, format!("len {text:?} is no member before this one"))
        })
    }

    fn fixed_len(&self, file: &Rc<File>, place: &Place<'_>, item: &Item) -> Result<usize, Error> {
        match self.length(file, place, item, &[])? {
            Length::Fixed(n) => Ok(n),
            _ => Err(Self::wrong(file, place, "padding needs a fixed len")),
        }
    }

    /// The value of a constant of this file.
    pub(super) fn constant(&self, file: &File, name: &str) -> Option<usize> {
        let definition = file.definitions.iter().find(|d| d.name == name && d.r#type == "const")?;
        usize::try_from(definition.value.as_ref()?.number()?).ok()
    }
}

impl Column {
    /// Joins the table that ends here, if one does; else begins one.
    fn join(
        mut self,
        members: &mut [Member],
        (rows, room): (usize, usize),
        at: usize,
    ) -> Option<MemberKind> {
        let len = room.saturating_mul(self.size);
        if let Some(Member { offset: Some(start), kind: MemberKind::Table(table), .. }) =
            members.last_mut()
            && (table.rows, table.room) == (rows, room)
        {
            self.at = at.saturating_sub(*start);
            table.len = self.at.saturating_add(len);
            table.columns.push(self);
            table.columns.sort_by_key(|column| column.place);
            return None;
        }
        Some(MemberKind::Table(Table { rows, room, len, columns: vec![self] }))
    }
}

/// The order of the bytes of a bit field.
fn bit_order(file: &File, place: &Place<'_>, bits: &Bits) -> Result<Order, Error> {
    match bits.byte_order.as_deref() {
        Some("big-endian") if bits.width.is_multiple_of(8) && bits.width > 0 => Ok(Order::Big),
        Some("big-endian") => {
            let reason = format!("bits {:?}: {} bits are no whole bytes", bits.name, bits.width);
            Err(Compiler::wrong(file, place, reason))
        }
        _ => Ok(Order::Host),
    }
}

fn fixed(length: Length) -> Option<usize> {
    match length {
        Length::Fixed(n) => Some(n),
        _ => None,
    }
}

fn fixed_total(count: Count, size: usize) -> Option<usize> {
    match count {
        Count::Fixed(n) => Some(n.saturating_mul(size)),
        _ => None,
    }
}
