//! Attribute sets, and the forms that payloads have.
//!
//! Long because every kind of payload that the language has is read here, one arm each.

use std::borrow::Cow;
use std::rc::Rc;

use super::scalars::scalar_size;
use super::{Compiler, Place, Scope, index_of, label};
use crate::spec::model::{
    Attr, AttrSet, Checks, Element, ElementHeader, Index, Kind, Order, PairStyle, Renamed, SetId,
    Side, TextKind,
};
use crate::spec::schema::{self, AttributeSet, File, Item, Part, Scalar as Word, StraceForm};
use crate::spec::{Error, names};

impl Compiler<'_> {
    pub(super) fn set_ref(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        reference: &str,
    ) -> Result<SetId, Error> {
        let (found, at) = self.resolve(file, place, (Part::AttributeSet, reference))?;
        let Some((at, written)) = at.and_then(|at| Some((at, found.attribute_sets.get(at)?)))
        else {
            return Err(Self::wrong(file, place, format!("no attribute set {reference:?}")));
        };
        let key = (Rc::as_ptr(&found), written.name.clone());
        if let Some(id) = self.sets.get(&key) {
            return Ok(*id);
        }
        let id = SetId(index_of(self.tables.sets.len()));
        self.tables.sets.push(AttrSet::default());
        self.sets.insert(key, id);
        let here = Place::new("attribute-sets", at, &written.name);
        let compiled = self.attribute_set(&found, &here, written)?;
        if let Some(slot) = self.tables.sets.get_mut(id.0 as usize) {
            *slot = compiled;
        }
        Ok(id)
    }

    fn attribute_set(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        written: &AttributeSet,
    ) -> Result<AttrSet, Error> {
        // A subset takes numbers and what it does not say itself from the full set.
        let (full_file, full) = match &written.subset_of {
            None => (Rc::clone(file), None),
            Some(reference) => {
                let (full_file, at) = self.resolve(file, place, (Part::AttributeSet, reference))?;
                let full = at.and_then(|at| full_file.attribute_sets.get(at)).cloned();
                let full = full.ok_or_else(|| {
                    Self::wrong(file, place, format!("subset-of {reference:?}, which is no set"))
                })?;
                (full_file, Some(full))
            }
        };
        let rest = full.as_ref().map_or(&[][..], |full| &full.attributes);
        self.scopes.push(Scope::new(false, file, &[&written.attributes, rest]));
        let prefix = names::set_prefix(&full_file, full.as_ref().unwrap_or(written));
        let mut compiled = AttrSet {
            name: written.name.as_str().into(),
            label: match written.unknown_label.as_deref() {
                Some(own) => label(Some(own)),
                None if full_file.is_generic() => None,
                None => Some(format!("{}???", names::c_upper(&prefix)).into()),
            },
            header: match full.as_ref().unwrap_or(written).element_header.as_ref() {
                Some(header) => Some(element_header(file, place, header)?),
                None => None,
            },
            ..AttrSet::default()
        };
        if let Some(reference) = &written.type_flags {
            let names = self.enum_ref(file, place, reference)?;
            let bits = self
                .tables
                .enumeration(names)
                .map_or(0, |names| names.entries.iter().fold(0, |bits, entry| bits | entry.mask));
            compiled.type_flags = Some((u16::try_from(bits).unwrap_or(0), names));
        }
        let numbered = numbers(full.as_ref().unwrap_or(written));
        for (at, item) in written.attributes.iter().enumerate() {
            let name = item.name.as_ref().map(Word::text).unwrap_or_default();
            let here = place.within("attributes", at, &name);
            let (number, item) = match &full {
                None => match numbered.get(at) {
                    Some((number, _)) => (*number, Cow::Borrowed(item)),
                    None => continue,
                },
                Some(_) => {
                    let base = numbered.iter().find(|(_, base)| base.name == item.name);
                    let (number, base) = base.ok_or_else(|| {
                        Self::wrong(file, &here, "the full set has no such attribute")
                    })?;
                    (*number, Cow::Owned(item.over(base)))
                }
            };
            let Some(number) = u16::try_from(number).ok().filter(|n| *n <= 0x3fff) else {
                return Err(Self::wrong(file, &here, format!("{number} is no attribute number")));
            };
            let kind = self.shape(file, &here, &item)?;
            compiled.attrs.push(Attr {
                c_name: names::attr(&prefix, &item).into(),
                name: name.into(),
                number,
                kind,
                secret: item.secret.unwrap_or(false),
                multi: item.multi_attr.unwrap_or(false),
                strict: item.dont_validate.as_ref().map(|not| !not.iter().any(|w| w == "strict")),
                checks: self.checks(file, &item).map(Box::new),
            });
        }
        self.scopes.pop();
        for (at, attr) in compiled.attrs.iter().enumerate() {
            let slot = usize::from(attr.number);
            if compiled.by_number.len() <= slot {
                compiled.by_number.resize(slot.saturating_add(1), 0);
            }
            if let Some(free) = compiled.by_number.get_mut(slot).filter(|free| **free == 0) {
                *free = u16::try_from(at.saturating_add(1)).unwrap_or(0);
            }
        }
        Ok(compiled)
    }

    /// What an attribute's value has to be like; None if anything will do. A bound by a name that is no
    /// constant of the file's, as the size of a page, is none.
    fn checks(&self, file: &File, item: &Item) -> Option<Checks> {
        let said = item.checks.clone().unwrap_or_default();
        let number = |word: &Option<Word>| match word.as_ref()? {
            Word::Text(name) => match name.as_str() {
                "s8-max" => Some(i128::from(i8::MAX)),
                "s16-max" => Some(i128::from(i16::MAX)),
                "s32-max" => Some(i128::from(i32::MAX)),
                "s64-max" => Some(i128::from(i64::MAX)),
                "u8-max" => Some(i128::from(u8::MAX)),
                "u16-max" => Some(i128::from(u16::MAX)),
                "u32-max" => Some(i128::from(u32::MAX)),
                name => self.constant(file, name).and_then(|n| i128::try_from(n).ok()),
            },
            Word::Large(n) => Some(i128::from(*n)),
            word => word.number().map(i128::from),
        };
        let len = |word| number(word).and_then(|n| usize::try_from(n).ok());
        // Policies that are made from specs have texts end with a NUL.
        let made = file.protocol.as_deref().is_none_or(|protocol| protocol == "genetlink");
        let is_text = item.r#type.as_deref() == Some("string");
        let checks = Checks {
            min: number(&said.min),
            max: number(&said.max),
            min_len: len(&said.min_len),
            max_len: len(&said.max_len),
            exact_len: len(&said.exact_len),
            mask: number(&said.flags_mask).and_then(|n| u64::try_from(n).ok()),
            terminated: is_text && !said.unterminated_ok.unwrap_or(!(made && file.is_generic())),
        };
        (checks != Checks::default()).then_some(checks)
    }

    /// The form that an attribute, member or format describes.
    pub(super) fn shape(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
    ) -> Result<Kind, Error> {
        let ty = item.r#type.as_deref().unwrap_or_else(|| {
            if item.attribute_set.is_some() || item.nested_attributes.is_some() {
                "nest"
            } else {
                "binary"
            }
        });
        if item.zero_fill == Some(true) {
            let inner = self.shape(file, place, &Item { zero_fill: None, ..item.clone() })?;
            let Some(len) = self.fixed_size(&inner) else {
                return Err(Self::wrong(file, place, "zero-fill needs a form of a fixed size"));
            };
            return Ok(Kind::Room(len, Box::new(inner)));
        }
        if let Some(member) = &item.cut_from {
            return Ok(Kind::Cut(member.as_str().into()));
        }
        if let (Some(family), Some(_)) = (&item.operations_of, scalar_size(ty)) {
            let plain = Item { strace: None, ..item.clone() };
            let family = (family != "self").then(|| self.selector_id(family));
            let side = match item.side.as_deref() {
                Some("message") => Side::Message,
                _ => Side::Request,
            };
            let kind = Kind::Command(self.scalar(file, place, &plain, ty)?, family, side);
            return self.as_strace_has_it(file, place, item, ty, kind);
        }
        if scalar_size(ty).is_some() {
            if let Some(StraceForm::Form(form)) = &item.strace
                && form.r#type.as_deref().is_some_and(|ty| scalar_size(ty).is_none())
            {
                let real = self.shape(file, place, &Item { strace: None, ..item.clone() })?;
                let strace = self.shape(file, place, form)?;
                return Ok(Kind::Differs(Box::new((real, strace))));
            }
            return Ok(match (item.display_hint.as_deref(), ty) {
                (Some("ipv4"), "u32") => Kind::Ipv4,
                _ => Kind::Scalar(self.scalar(file, place, item, ty)?),
            });
        }
        let kind = with_names(item, self.composite(file, place, item, ty)?);
        self.as_strace_has_it(file, place, item, ty, kind)
    }

    /// A form, with the one that strace takes it for if that differs.
    fn as_strace_has_it(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
        ty: &str,
        kind: Kind,
    ) -> Result<Kind, Error> {
        match &item.strace {
            None => Ok(kind),
            Some(StraceForm::Form(form)) => {
                // A form without a type says only what differs.
                let base = Item { strace: None, ..item.clone() };
                let form = if form.r#type.is_some() { (**form).clone() } else { form.over(&base) };
                let strace = self.shape(file, place, &form)?;
                Ok(Kind::Differs(Box::new((kind, strace))))
            }
            Some(StraceForm::Word(word)) => {
                let reason = format!("strace shows no {ty} as {word:?}: say its form");
                Err(Self::wrong(file, place, reason))
            }
        }
    }

    /// The form of anything but a number.
    fn composite(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
        ty: &str,
    ) -> Result<Kind, Error> {
        Ok(match ty {
            "flag" => Kind::Flag,
            "pad" | "unused" => Kind::Unknown,
            "string" => Kind::Text(match item.display_hint.as_deref() {
                Some("c-string") => TextKind::CString,
                _ => TextKind::Attribute,
            }),
            "binary" => return self.binary(file, place, item),
            "nest" => {
                let set = item.nested_attributes.as_ref().or(item.attribute_set.as_ref());
                let Some(set) = set else {
                    return Err(Self::wrong(file, place, "a nest needs nested-attributes"));
                };
                Kind::Nest(self.set_ref(file, place, set)?)
            }
            "indexed-array" => {
                let index = self.index(file, place, item)?;
                let header = match &item.element_header {
                    Some(header) => Some(element_header(file, place, header)?),
                    None => None,
                };
                let element = match &item.element {
                    Some(element) => (**element).clone(),
                    None => Item { r#type: item.sub_type.clone(), sub_type: None, ..item.clone() },
                };
                Kind::Indexed(Box::new(self.shape(file, place, &element)?), index, header)
            }
            "nest-type-value" => {
                let Some(set) = &item.nested_attributes else {
                    return Err(Self::wrong(file, place, "this type needs nested-attributes"));
                };
                let depth = item.type_value.as_ref().map_or(0, Vec::len);
                let set = self.set_ref(file, place, set)?;
                Kind::TypeValue(u8::try_from(depth).unwrap_or(0), set)
            }
            "bitfield32" => Kind::Bitfield32(match &item.r#enum {
                Some(reference) => Some(self.enum_ref(file, place, reference)?),
                None => None,
            }),
            "sub-message" => Kind::Union(self.sub_message(file, place, item)?),
            "union" => Kind::Union(self.inline_union(file, place, item)?),
            "records" => self.records(file, place, item)?,
            "key-values" => self.pairs(file, place, item, PairStyle::Words)?,
            "properties" => self.pairs(file, place, item, PairStyle::Lines)?,
            "bitmap" => {
                let word = item.sub_type.as_deref().map_or(Some(1), scalar_size);
                let Some(word @ 1..) = word else {
                    return Err(Self::wrong(file, place, "a bitmap's words need a fixed size"));
                };
                let names = match &item.r#enum {
                    Some(reference) => Some(self.enum_ref(file, place, reference)?),
                    None => None,
                };
                Kind::Bitmap(names, word)
            }
            other => {
                let reason = format!("{other:?} is no type that there is");
                return Err(Self::wrong(file, place, reason));
            }
        })
    }

    fn binary(&mut self, file: &Rc<File>, place: &Place<'_>, item: &Item) -> Result<Kind, Error> {
        if let Some(reference) = &item.r#struct {
            let id = self.struct_ref(file, place, reference)?;
            if item.array == Some(true) {
                let size = self.tables.structure(id).map_or(0, |s| s.size);
                if size == 0 {
                    return Err(Self::wrong(file, place, "an array of structs of no fixed size"));
                }
                return Ok(Kind::Array(Element::Struct(id), size, None));
            }
            let then = match &item.attribute_set {
                Some(set) => Some(self.set_ref(file, place, set)?),
                None => None,
            };
            return Ok(Kind::Struct(id, then));
        }
        if let Some(sub) = &item.sub_type {
            let index = self.index(file, place, item)?;
            let size = usize::from(scalar_size(sub).unwrap_or(0));
            if size == 0 {
                let reason = format!("a C array of {sub:?} has elements of no fixed size");
                return Err(Self::wrong(file, place, reason));
            }
            let element = match (item.display_hint.as_deref(), size) {
                (Some("ipv4"), 4) => Element::Kind(Box::new(Kind::Ipv4)),
                _ => {
                    // What strace makes of the array is not what it makes of an element.
                    let element = Item { strace: None, ..item.clone() };
                    Element::Scalar(self.scalar(file, place, &element, sub)?)
                }
            };
            return Ok(Kind::Array(element, size, index));
        }
        Ok(match item.display_hint.as_deref() {
            Some("mac" | "fddi") => Kind::Mac,
            Some("hw-address") => Kind::HwAddress,
            Some("ipv4") => Kind::Ipv4,
            Some("ipv6") => Kind::Ipv6,
            Some("ipv4-or-v6") => Kind::Ip,
            Some("uuid") => Kind::Uuid,
            Some("text") => Kind::Text(TextKind::Raw),
            Some("readable") => Kind::Readable,
            Some("c-string") => Kind::Text(TextKind::CString),
            _ => Kind::Bytes,
        })
    }

    /// The names of an array's indexes.
    pub(super) fn index(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
    ) -> Result<Option<Index>, Error> {
        let Some(names) = &item.index_enum else { return Ok(None) };
        let names = self.enum_ref(file, place, names)?;
        Ok(Some(Index { names, offset: item.index_offset.unwrap_or(0) }))
    }

    fn records(&mut self, file: &Rc<File>, place: &Place<'_>, item: &Item) -> Result<Kind, Error> {
        let (Some(record), Some(member)) = (&item.r#struct, &item.length_member) else {
            return Err(Self::wrong(file, place, "records need struct and length-member"));
        };
        let record = self.struct_ref(file, place, record)?;
        let length = self.tables.structure(record).and_then(|s| s.member(member)).and_then(|m| {
            match (&m.kind, m.offset) {
                (crate::spec::model::MemberKind::Scalar(s), Some(at)) => {
                    Some((at, s.size, s.order))
                }
                _ => None,
            }
        });
        let Some(length) = length else {
            return Err(Self::wrong(file, place, format!("{member:?} is no number of the struct")));
        };
        let of_body = match item.length_of.as_deref() {
            None | Some("all") => false,
            Some("body") => true,
            Some(other) => {
                return Err(Self::wrong(file, place, format!("length-of is not {other:?}")));
            }
        };
        let body = match (&item.attribute_set, &item.body) {
            (Some(set), _) => Some(Kind::Nest(self.set_ref(file, place, set)?)),
            (None, Some(body)) => Some(self.shape(file, place, body)?),
            (None, None) => of_body.then_some(Kind::Bytes),
        };
        let align = item.align.as_ref().and_then(Word::number).unwrap_or(4);
        let align = usize::try_from(align).unwrap_or(4).max(1);
        Ok(Kind::Records { record, length, of_body, align, body: body.map(Box::new) })
    }

    fn pairs(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
        style: PairStyle,
    ) -> Result<Kind, Error> {
        let keys = match &item.keys {
            Some(reference) => Some(self.keys_ref(file, place, reference)?),
            None => None,
        };
        Ok(Kind::Pairs(style, keys))
    }

    /// How many bytes a form takes, where that is always the same.
    fn fixed_size(&self, kind: &Kind) -> Option<usize> {
        match kind {
            Kind::Scalar(scalar) => Some(usize::from(scalar.size)).filter(|size| *size > 0),
            Kind::Ipv4 => Some(4),
            Kind::Ipv6 | Kind::Uuid => Some(16),
            Kind::Struct(id, None) => self.tables.structure(*id).map(|s| s.size),
            _ => None,
        }
    }
}

/// How a set's elements begin.
fn element_header(
    file: &File,
    place: &Place<'_>,
    written: &schema::ElementHeader,
) -> Result<ElementHeader, Error> {
    let width = |ty: &Option<String>| match ty.as_deref() {
        None | Some("u8") => Ok(1),
        Some("u16") => Ok(2),
        Some(other) => {
            let reason = format!("header: {other:?} is neither u8 nor u16");
            Err(Compiler::wrong(file, place, reason))
        }
    };
    Ok(ElementHeader {
        type_len: width(&written.r#type)?,
        length_len: width(&written.length)?,
        length_first: written.first.as_deref() == Some("length"),
        order: match written.byte_order.as_deref() {
            Some("big-endian") => Order::Big,
            _ => Order::Host,
        },
        counts_header: written.counts.as_deref() == Some("all"),
        align: written.align.unwrap_or(1).max(1),
    })
}

/// The form within which some names of members mean others.
pub(super) fn with_names(item: &Item, kind: Kind) -> Kind {
    let Some(with) = item.with.as_ref().filter(|with| !with.is_empty()) else { return kind };
    let names = with.iter().map(|(inner, outer)| Renamed {
        inner: inner.as_str().into(),
        outer: outer.as_str().into(),
    });
    Kind::With(Box::new(kind), names.collect())
}

/// A set's attributes with their numbers.
fn numbers(set: &AttributeSet) -> Vec<(i64, &Item)> {
    let mut next = 1i64;
    set.attributes
        .iter()
        .map(|item| {
            let said = item.value.as_ref().and_then(|v| v.iter().next()).and_then(Word::number);
            let number = said.unwrap_or(next);
            next = number.saturating_add(1);
            (number, item)
        })
        .collect()
}

impl Item {
    /// What this says, and where it says nothing what `base` says.
    fn over(&self, base: &Self) -> Self {
        macro_rules! either {
            ($($field:ident)*) => {
                Self {
                    $($field: self.$field.clone().or_else(|| base.$field.clone()),)*
                    formats: if self.formats.is_empty() { &base.formats } else { &self.formats }
                        .clone(),
                    bits: if self.bits.is_empty() { &base.bits } else { &self.bits }.clone(),
                }
            };
        }
        either!(
            name r#type value c_name name_prefix r#enum enum_as_flags byte_order display_hint
            unknown_label r#struct sub_type nested_attributes multi_attr sub_message selector
            selector_enum type_value array length_member align attribute_set fixed_header
            index_enum index_offset width max_len number_first min_len secret strace checks dont_validate len count
            element_header used part_bits nonzero length_of body len_in zero_fill rows column
            cut_from keys names base operations_of side element with
            range default
        )
    }
}
