//! Numbers: width, sign, order, names, and what strace takes them for.

use std::rc::Rc;

use super::{Compiler, Place, hint, label};
use crate::spec::Error;
use crate::spec::model::{Hint, Meaning, Order, Scalar};
use crate::spec::schema::{File, Item, Scalar as Word, StraceForm};

/// Width in bytes of a number's type; 0 for `uint` and `sint`, whose width the payload decides.
pub(super) fn scalar_size(ty: &str) -> Option<u8> {
    Some(match ty {
        "u8" | "s8" => 1,
        "u16" | "s16" => 2,
        "u32" | "s32" => 4,
        "u64" | "s64" => 8,
        "uint" | "sint" => 0,
        _ => return None,
    })
}

impl Compiler<'_> {
    pub(super) fn scalar(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
        ty: &str,
    ) -> Result<Scalar, Error> {
        let Some(size) = scalar_size(ty) else {
            return Err(Self::wrong(file, place, format!("{ty:?} is no type of number")));
        };
        let (meaning, shown) = match item.display_hint.as_deref() {
            None => (Meaning::Number, Hint::None),
            Some("ifindex") => (Meaning::Interface, Hint::None),
            Some("errno") => (Meaning::Errno, Hint::None),
            Some("ipv4") => (Meaning::Ipv4, Hint::None),
            Some(other) => (Meaning::Number, hint(other).unwrap_or_default()),
        };
        let as_flags = item.enum_as_flags.unwrap_or(false);
        let is_any = |word: &Option<Word>| word.as_ref().is_some_and(|w| w.text() == "any");
        Ok(Scalar {
            size,
            signed: ty.starts_with('s'),
            order: match item.byte_order.as_deref() {
                Some("big-endian") => Order::Big,
                _ => Order::Host,
            },
            names: self.value_names(file, place, item.r#enum.as_deref(), as_flags)?,
            label: label(item.unknown_label.as_deref()),
            part_bits: item.part_bits.filter(|bits| (1..64).contains(bits)),
            hint: shown,
            meaning,
            any_width: is_any(&item.width),
            any_len: is_any(&item.max_len),
            number_first: item.number_first.unwrap_or(false),
            strace: self.strace_form(file, place, item, ty)?,
        })
    }

    fn strace_form(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
        ty: &str,
    ) -> Result<Option<Box<Scalar>>, Error> {
        let written = match &item.strace {
            None => return Ok(None),
            Some(StraceForm::Word(word)) if word == "plain" => Item {
                byte_order: item.byte_order.clone(),
                width: item.width.clone(),
                max_len: item.max_len.clone(),
                ..Item::default()
            },
            Some(StraceForm::Word(word)) => {
                return Err(Self::wrong(file, place, format!("strace knows no form {word:?}")));
            }
            Some(StraceForm::Form(form)) => (**form).clone(),
        };
        let ty = written.r#type.clone().unwrap_or_else(|| ty.to_owned());
        self.scalar(file, place, &written, &ty).map(Box::new).map(Some)
    }
}
