//! Unions: payloads whose form a selector chooses.

use std::rc::Rc;

use super::{Compiler, Place, Wanted, index_of};
use crate::spec::Error;
use crate::spec::model::{EnumId, Format, Kind, Selector, Union, UnionId, When};
use crate::spec::schema::{File, Item, OneOrMany, Part};

impl Compiler<'_> {
    /// An attribute's sub-message.
    pub(super) fn sub_message(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
    ) -> Result<UnionId, Error> {
        let Some(reference) = &item.sub_message else {
            return Err(Self::wrong(file, place, "a sub-message needs the name of one"));
        };
        let (found, at) = self.resolve(file, place, (Part::SubMessage, reference))?;
        let written = at.and_then(|at| Some((at, found.sub_messages.get(at).cloned()?)));
        let Some((at, written)) = written else {
            return Err(Self::wrong(file, place, format!("no sub-message {reference:?}")));
        };
        let here = Place::new("sub-messages", at, &written.name);
        let named = written.selector_enum.as_deref().or(item.selector_enum.as_deref());
        self.union(&found, &here, item, named, &written.formats)
    }

    /// A union that lists its formats itself.
    pub(super) fn inline_union(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
    ) -> Result<UnionId, Error> {
        let named = item.selector_enum.as_deref();
        self.union(file, place, item, named, &item.formats)
    }

    fn union(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
        selector_enum: Option<&str>,
        formats: &[Item],
    ) -> Result<UnionId, Error> {
        let written: Vec<&String> = item.selector.iter().flat_map(OneOrMany::iter).collect();
        let Some(first) = written.first() else {
            return Err(Self::wrong(file, place, "this type needs a selector"));
        };
        let mut selectors = Vec::new();
        for selector in &written {
            selectors.push(self.selector(file, place, selector)?);
        }
        let values = match selector_enum {
            Some(reference) => Some(self.enum_ref(file, place, reference)?),
            None => self.selector_values(file, first)?,
        };
        let by_direction = selectors.contains(&Selector::Direction);
        let by_command = selectors.contains(&Selector::Command);
        // Taken before the formats, which may refer to unions of their own.
        let id = UnionId(index_of(self.tables.unions.len()));
        self.tables.unions.push(Union { selectors, formats: Vec::new(), guarded: false });
        let mut compiled = Vec::new();
        for (at, format) in formats.iter().enumerate() {
            let here = place.within("formats", at, "");
            let mut when = Vec::new();
            for value in format.value.iter().flat_map(OneOrMany::iter) {
                if let Some(n) = value.number() {
                    when.push(When::Number(n));
                    continue;
                }
                let text = value.text();
                let number = match &*text {
                    "send" if by_direction => Some(0),
                    "receive" if by_direction => Some(1),
                    name => by_command
                        .then(|| super::operations::command(&file.operations, name))
                        .flatten()
                        .or_else(|| {
                            let values = self.tables.enumeration(values?)?;
                            values.number_of(name).map(u64::cast_signed)
                        }),
                };
                when.extend(number.map(When::Number));
                when.push(When::Text(text.into()));
            }
            when.extend(format.range.map(|[low, high]| When::Range(low, high)));
            if format.default == Some(true) {
                when.push(When::Always);
            }
            let header = match &format.fixed_header {
                Some(reference) => Some(self.struct_ref(file, &here, reference)?),
                None => None,
            };
            let says_shape = format.r#type.is_some()
                || format.r#struct.is_some()
                || format.attribute_set.is_some()
                || format.nested_attributes.is_some()
                || format.display_hint.is_some()
                || format.cut_from.is_some();
            let kind = if says_shape { self.shape(file, &here, format)? } else { Kind::Unknown };
            let secret = format.secret.unwrap_or(false);
            compiled.push(Format { when, header, secret, kind });
        }
        if let Some(slot) = self.tables.unions.get_mut(id.0 as usize) {
            slot.formats = compiled;
        }
        Ok(id)
    }

    fn selector(
        &mut self,
        file: &File,
        place: &Place<'_>,
        written: &str,
    ) -> Result<Selector, Error> {
        Ok(match written.split_once('.') {
            Some(("header", member)) => Selector::Header(member.into()),
            Some(("struct", member)) => Selector::Struct(member.into()),
            Some(("request", member)) => match member.strip_prefix("attr.") {
                Some(attr) => Selector::RequestAttr(attr.into()),
                None => Selector::Request(member.into()),
            },
            Some((other, _)) => {
                return Err(Self::wrong(file, place, format!("no selector begins with {other:?}")));
            }
            None => match written {
                "length" => Selector::Length,
                "value" => Selector::Value,
                "direction" => Selector::Direction,
                "message" => Selector::Message,
                "command" => Selector::Command,
                attr => Selector::Attr(self.selector_id(attr)),
            },
        })
    }

    /// The enum that names a selector's values: that of the attribute or member of its name that is
    /// nearest, or of any if none is around.
    fn selector_values(
        &mut self,
        file: &Rc<File>,
        selector: &str,
    ) -> Result<Option<EnumId>, Error> {
        let (in_struct, name) = match selector.rsplit_once('.') {
            Some(("request.attr", name)) => (false, name),
            Some((_, name)) => (true, name),
            None => (false, selector),
        };
        // What a header or a request has is not around.
        if matches!(selector.split_once('.'), None | Some(("struct", _))) {
            let scopes = self.scopes.iter().rev().filter(|scope| scope.is_struct == in_struct);
            let near = scopes.flat_map(|s| s.enums.iter().map(|(n, e)| (n, e, &s.file)));
            if let Some((_, named, of)) = near.into_iter().find(|(known, ..)| *known == name) {
                let Some(reference) = named.clone() else { return Ok(None) };
                let (of, here) = (Rc::clone(of), format!("selector {selector}"));
                return self.enum_ref(&of, &Place::of(&here), &reference).map(Some);
            }
        }
        let mut files = vec![Rc::clone(file)];
        files.extend(file.import.iter().filter_map(|spec| (self.lookup)(spec, Wanted::Any)));
        for candidate in files {
            let named = |item: &&Item| {
                item.r#enum.is_some() && item.name.as_ref().is_some_and(|n| n.text() == name)
            };
            let found = if in_struct {
                candidate.definitions.iter().flat_map(|d| &d.members).find(named).cloned()
            } else {
                candidate.attribute_sets.iter().flat_map(|s| &s.attributes).find(named).cloned()
            };
            if let Some(reference) = found.and_then(|item| item.r#enum) {
                let here = format!("selector {selector}");
                return self.enum_ref(&candidate, &Place::of(&here), &reference).map(Some);
            }
        }
        Ok(None)
    }
}
