//! Names in texts: what form their values have.

use std::rc::Rc;

use super::scalars::scalar_size;
use super::{Compiler, Place, index_of};
use crate::spec::Error;
use crate::spec::model::{Form, Keys, KeysId};
use crate::spec::schema::{File, Item, Scalar as Word};

impl Compiler<'_> {
    /// A definition of the type `keys`.
    pub(super) fn keys_ref(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        reference: &str,
    ) -> Result<KeysId, Error> {
        let (found, at) = self.definition(file, place, reference)?;
        let Some(definition) = found.definitions.get(at).filter(|d| d.r#type == "keys") else {
            return Err(Self::wrong(
                file,
                place,
                format!("{reference:?} is no definition of keys"),
            ));
        };
        let key = (Rc::as_ptr(&found), definition.name.clone());
        if let Some(id) = self.keys.get(&key) {
            return Ok(*id);
        }
        let here = Place::new("definitions", at, &definition.name);
        let mut keys = Keys::default();
        for (at, item) in definition.members.iter().enumerate() {
            let own = item.name.as_ref().map(Word::text);
            let names: Vec<String> =
                own.into_iter().chain(item.names.iter().flatten().cloned()).collect();
            let here = here.within("members", at, names.first().map_or("", String::as_str));
            let form = self.written_form(&found, &here, item)?;
            keys.entries.extend(names.into_iter().map(|name| (name.into(), form.clone())));
        }
        let id = KeysId(index_of(self.tables.keys.len()));
        self.tables.keys.push(keys);
        self.keys.insert(key, id);
        Ok(id)
    }

    /// The form of a value that is written as text.
    fn written_form(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        item: &Item,
    ) -> Result<Form, Error> {
        let ty = item.r#type.as_deref().unwrap_or("string");
        if scalar_size(ty).is_some() {
            let base = item.base.unwrap_or(10);
            if !(2..=36).contains(&base) {
                return Err(Self::wrong(
                    file,
                    place,
                    format!("no number is written in base {base}"),
                ));
            }
            return Ok(Form::Number(base, self.scalar(file, place, item, ty)?));
        }
        match (ty, item.display_hint.as_deref()) {
            ("string", Some("hex-text")) => Ok(Form::Encoded),
            ("string", _) => Ok(Form::Plain),
            ("key-values", _) => Ok(Form::Pairs),
            _ => Err(Self::wrong(file, place, format!("no value in a text is of type {ty:?}"))),
        }
    }
}
