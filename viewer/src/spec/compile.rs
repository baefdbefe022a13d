//! From a spec as written to tables: names derived, numbers counted, references resolved.
//!
//! A [`Compiler`] fills one [`Tables`]. It follows references when it meets them, so that of an
//! imported file only what is used is compiled, and remembers what it has begun, so that sets may
//! refer to themselves. The parts: this file (the arenas and enums), [`layout`] (structs),
//! [`sets`] (attribute sets and the forms of payloads), [`scalars`], [`unions`], [`keys`] (names in
//! texts), [`operations`] (messages), [`guard`] (where key material is).

mod check;
mod guard;
mod keys;
mod layout;
mod operations;
mod scalars;
mod sets;
mod unions;

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

pub(super) use check::check;

use super::Error;
use super::model::{
    Control, Entry, Enum, EnumId, Hint, KeysId, SelectorId, SetId, StructId, Tables, ValueNames,
};
use super::names;
use super::schema::{self, Definition, EntryOrName, File, Item, Part, Scalar as Word};

/// Finds a spec by its name: the one that counts, or the one that comes with the viewer.
pub(super) type Lookup<'l> = dyn Fn(&str, Wanted) -> Option<Rc<File>> + 'l;

/// Which of two specs of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Any,
    Builtin,
}

/// Numbers below this are looked up in a table rather than a map.
const DENSE: u64 = 1024;

/// A definition or set, by file and name. Two files may have one name.
type Key = (*const File, String);

/// Compiles the files of one protocol, or one generic family.
///
/// # Errors
/// The first thing in `files` that has no meaning.
pub(super) fn compile(files: &[Rc<File>], lookup: &Lookup<'_>) -> Result<Tables, Error> {
    let mut compiler = Compiler::new(lookup);
    compiler.tables.type_shift = shift(files)?;
    if let Some(netlink) = lookup("netlink", Wanted::Any) {
        compiler.control(&netlink)?;
    }
    for file in files {
        compiler.file(file)?;
    }
    compiler.mark_selectors();
    guard::mark(&mut compiler.tables);
    Ok(compiler.tables)
}

/// How far the high part of a protocol's message types is shifted: any of its files may say so.
fn shift(files: &[Rc<File>]) -> Result<u8, Error> {
    let said = files.iter().find_map(|file| file.type_shift.map(|shift| (file, shift)));
    match said {
        None => Ok(8),
        Some((_, shift @ 8..=15)) => Ok(shift),
        Some((file, shift)) => {
            let place = Place::of("type-shift");
            Err(Compiler::wrong(file, &place, format!("{shift} is not from 8 to 15")))
        }
    }
}

/// Where in a file the compiler is, for error messages. Put into words only when there is one.
#[derive(Debug, Clone, Copy)]
struct Place<'p> {
    outer: Option<&'p Self>,
    list: &'p str,
    index: Option<usize>,
    /// What is there is called so; empty for nothing.
    name: &'p str,
}

impl<'p> Place<'p> {
    /// What has one place.
    const fn of(what: &'p str) -> Self {
        Self { outer: None, list: what, index: None, name: "" }
    }

    /// An element of a list.
    const fn new(list: &'p str, index: usize, name: &'p str) -> Self {
        Self { outer: None, list, index: Some(index), name }
    }

    /// An element of a list in here.
    const fn within(&'p self, list: &'p str, index: usize, name: &'p str) -> Self {
        Self { outer: Some(self), ..Self::new(list, index, name) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            write!(f, "{outer}.")?;
        }
        f.write_str(self.list)?;
        if let Some(index) = self.index {
            write!(f, "[{index}]")?;
        }
        if self.name.is_empty() { Ok(()) } else { write!(f, " ({})", self.name) }
    }
}

struct Compiler<'l> {
    lookup: &'l Lookup<'l>,
    tables: Tables,
    enums: HashMap<Key, EnumId>,
    structs: HashMap<Key, StructId>,
    sets: HashMap<Key, SetId>,
    keys: HashMap<Key, KeysId>,
    selectors: Vec<(String, SelectorId)>,
    /// The sets and structs that are being made, the innermost last.
    scopes: Vec<Scope>,
}

/// What attributes of a set, or members of a struct, there are for a selector to mean.
struct Scope {
    is_struct: bool,
    file: Rc<File>,
    /// Names, and the enums of those that have one.
    enums: Vec<(String, Option<String>)>,
}

impl Scope {
    fn new(is_struct: bool, file: &Rc<File>, lists: &[&[Item]]) -> Self {
        let mut enums: Vec<(String, Option<String>)> = Vec::new();
        for item in lists.iter().copied().flatten() {
            let name = item.name.as_ref().map(Word::text).unwrap_or_default();
            // What a subset says of an attribute counts more than what the full set says, which stands
            // after it.
            match enums.iter_mut().find(|(known, _)| *known == name) {
                Some((_, named)) if named.is_none() => named.clone_from(&item.r#enum),
                Some(_) => {}
                None => enums.push((name, item.r#enum.clone())),
            }
        }
        Self { is_struct, file: Rc::clone(file), enums }
    }
}

impl<'l> Compiler<'l> {
    fn new(lookup: &'l Lookup<'l>) -> Self {
        Self {
            lookup,
            tables: Tables::default(),
            enums: HashMap::new(),
            structs: HashMap::new(),
            sets: HashMap::new(),
            keys: HashMap::new(),
            selectors: Vec::new(),
            scopes: Vec::new(),
        }
    }
}

impl Compiler<'_> {
    fn wrong(file: &File, place: &Place<'_>, reason: impl Into<String>) -> Error {
        Error::Meaning { file: file.name.clone(), place: place.to_string(), reason: reason.into() }
    }

    /// The file that a reference means, and where in it the part is, if it has it.
    fn resolve(
        &self,
        file: &Rc<File>,
        place: &Place<'_>,
        (part, reference): (Part, &str),
    ) -> Result<(Rc<File>, Option<usize>), Error> {
        let Some((spec, name)) = reference.split_once('/') else {
            return Ok((Rc::clone(file), file.find(part, reference)));
        };
        let found = (self.lookup)(spec, Wanted::Any).ok_or_else(|| {
            Self::wrong(file, place, format!("no spec is called {spec:?} (in {reference:?})"))
        })?;
        // A file that replaces one of the viewer's need not have all that others ask that one for.
        let at = found.find(part, name);
        if at.is_none()
            && let Some(builtin) = (self.lookup)(spec, Wanted::Builtin)
            && let Some(at) = builtin.find(part, name)
        {
            return Ok((builtin, Some(at)));
        }
        Ok((found, at))
    }

    /// The definition that a reference means, with its file and position there.
    fn definition(
        &self,
        file: &Rc<File>,
        place: &Place<'_>,
        reference: &str,
    ) -> Result<(Rc<File>, usize), Error> {
        let (found, at) = self.resolve(file, place, (Part::Definition, reference))?;
        at.map(|at| (found, at))
            .ok_or_else(|| Self::wrong(file, place, format!("no definition {reference:?}")))
    }

    /// Numbers and names of netlink itself.
    fn control(&mut self, netlink: &Rc<File>) -> Result<(), Error> {
        let place = Place::of("definitions");
        let mut named = |name: &str| self.enum_ref(netlink, &place, name).map(Some);
        let control = Control {
            message_types: named("nlmsg-type")?,
            flags_common: named("nlm-f-common")?,
            flags_get: named("nlm-f-get")?,
            flags_new: named("nlm-f-new")?,
            flags_del: named("nlm-f-del")?,
            flags_ack: named("nlm-f-ack")?,
            errors: named("common/errno")?,
            error_attrs: None,
        };
        let error_attrs = Some(self.set_ref(netlink, &place, "nlmsgerr-attrs")?);
        self.tables.control = Control { error_attrs, ..control };
        Ok(())
    }

    fn enum_ref(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        reference: &str,
    ) -> Result<EnumId, Error> {
        let (found, at) = self.definition(file, place, reference)?;
        let Some(definition) = found.definitions.get(at) else {
            return Err(Self::wrong(file, place, "no such definition"));
        };
        let key = (Rc::as_ptr(&found), definition.name.clone());
        if let Some(id) = self.enums.get(&key) {
            return Ok(*id);
        }
        let here = Place::new("definitions", at, &definition.name);
        if definition.r#type != "enum" && definition.r#type != "flags" {
            let reason =
                format!("{reference:?} is of type {}, not enum or flags", definition.r#type);
            return Err(Self::wrong(file, place, reason));
        }
        let compiled = Self::enumeration(&found, &here, definition)?;
        let id = EnumId(index_of(self.tables.enums.len()));
        self.tables.enums.push(compiled);
        self.enums.insert(key, id);
        Ok(id)
    }

    fn enumeration(file: &File, place: &Place<'_>, definition: &Definition) -> Result<Enum, Error> {
        let is_flags = definition.r#type == "flags";
        let prefix = names::enum_prefix(file, definition);
        let mut compiled = Enum {
            name: definition.name.as_str().into(),
            label: label(definition.unknown_label.as_deref()),
            is_flags,
            partial: definition.partial.unwrap_or(false),
            ..Enum::default()
        };
        let mut next = definition.value_start.unwrap_or(0);
        for (at, entry) in definition.entries.iter().enumerate() {
            let (name, value, c_name, mask, under) = match entry {
                EntryOrName::Name(name) => (name.text(), None, None, None, None),
                EntryOrName::Entry(e) => (
                    e.name.as_ref().map(Word::text).unwrap_or_default(),
                    e.value.as_ref(),
                    e.c_name.clone(),
                    e.mask,
                    e.under,
                ),
            };
            if let EntryOrName::Entry(schema::Entry { alias_of: Some(other), .. }) = entry {
                let same = compiled.entries.iter().find(|entry| *entry.name == **other);
                let Some(same) = same else {
                    let reason = format!("alias-of {other:?}, which is no entry before it");
                    return Err(Self::wrong(file, &place.within("entries", at, &name), reason));
                };
                // Found by its name; what its number is called is for the other one to say.
                next = same.value.cast_signed();
            }
            if let Some(value) = value {
                next = value.number().ok_or_else(|| {
                    Self::wrong(file, &place.within("entries", at, &name), "value is no number")
                })?;
            }
            let number = next.cast_unsigned();
            let bit = u32::try_from(next).ok().and_then(|n| 1u64.checked_shl(n)).unwrap_or(0);
            compiled.entries.push(Entry {
                c_name: c_name
                    .unwrap_or_else(|| names::entry(&prefix, &name, definition.verbatim))
                    .into(),
                name: name.into(),
                value: number,
                mask: mask.unwrap_or(bit),
            });
            if let (Some(mask), Ok(place)) = (under, u16::try_from(at)) {
                compiled.under.push((mask, place));
            }
            // One that says its bits outright takes no place in the count.
            if mask.is_none() || value.is_some() {
                next = next.wrapping_add(1);
            }
        }
        index_enum(&mut compiled);
        Ok(compiled)
    }

    /// How an item names its numbers.
    fn value_names(
        &mut self,
        file: &Rc<File>,
        place: &Place<'_>,
        reference: Option<&str>,
        as_flags: bool,
    ) -> Result<ValueNames, Error> {
        let Some(reference) = reference else { return Ok(ValueNames::None) };
        let id = self.enum_ref(file, place, reference)?;
        let is_flags = self.tables.enumeration(id).is_some_and(|e| e.is_flags);
        Ok(if as_flags || is_flags { ValueNames::Flags(id) } else { ValueNames::Enum(id) })
    }

    /// The number of a selector's attribute name.
    fn selector_id(&mut self, name: &str) -> SelectorId {
        if let Some((_, id)) = self.selectors.iter().find(|(n, _)| n == name) {
            return *id;
        }
        let id = SelectorId(index_of(self.selectors.len()));
        self.selectors.push((name.to_owned(), id));
        id
    }

    /// Tells every set which of its attributes some selector asks for.
    fn mark_selectors(&mut self) {
        for set in &mut self.tables.sets {
            for (name, id) in &self.selectors {
                if let Some(attr) = set.attrs.iter().find(|a| &*a.name == name.as_str()) {
                    set.selectors.push((attr.number, *id));
                }
            }
        }
    }
}

fn index_enum(compiled: &mut Enum) {
    for (at, entry) in compiled.entries.iter().enumerate() {
        let Ok(place) = u16::try_from(at) else { break };
        let number = if compiled.is_flags { entry.mask } else { entry.value };
        if number < DENSE {
            let slot = usize::try_from(number).unwrap_or(usize::MAX);
            if compiled.dense.len() <= slot {
                compiled.dense.resize(slot.saturating_add(1), 0);
            }
            if let Some(free) = compiled.dense.get_mut(slot).filter(|free| **free == 0) {
                *free = place.saturating_add(1);
            }
        } else {
            compiled.sparse.push((number, place));
        }
        if entry.mask == 0 && compiled.zero.is_none() {
            compiled.zero = Some(place);
        }
    }
    // Of several names for a number the first counts.
    compiled.sparse.sort_by_key(|(number, _)| *number);
    compiled.sparse.dedup_by_key(|(number, _)| *number);
}

/// An arena's next index. Specs are far too small for it not to fit.
fn index_of(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn label(text: Option<&str>) -> Option<Box<str>> {
    text.filter(|t| !t.is_empty()).map(Into::into)
}

/// What a display hint says of a number, beyond the forms that [`sets`] knows.
fn hint(text: &str) -> Option<Hint> {
    Some(match text {
        "hex" => Hint::Hex,
        "hex-padded" => Hint::HexPadded,
        "clock-t" => Hint::ClockT,
        "jiffies" => Hint::Jiffies,
        "seconds" => Hint::Seconds,
        "msecs" => Hint::Msecs,
        "usecs" => Hint::Usecs,
        "nsecs" => Hint::Nsecs,
        "bytes" => Hint::Bytes,
        "kbytes" => Hint::Kbytes,
        "kbits" => Hint::Kbits,
        "millicelsius" => Hint::Millicelsius,
        "unix-time" => Hint::UnixTime,
        "unix-nsecs" => Hint::UnixNsecs,
        "octal" => Hint::Octal,
        "bytes-per-second" => Hint::BytesPerSecond,
        "mbps" => Hint::Mbps,
        "hz" => Hint::Hz,
        "khz" => Hint::Khz,
        "mhz" => Hint::Mhz,
        "milliwatt" => Hint::Milliwatt,
        "dbm" => Hint::Dbm,
        "mbm" => Hint::Mbm,
        "picoseconds" => Hint::Picoseconds,
        "uid" => Hint::Uid,
        "gid" => Hint::Gid,
        "pid" => Hint::Pid,
        "fd" => Hint::Fd,
        "port" => Hint::Port,
        "prefix-len" => Hint::PrefixLen,
        "tc-handle" => Hint::TcHandle,
        "percent" => Hint::Percent,
        "bool" => Hint::Bool,
        "dev" => Hint::Dev,
        _ => return None,
    })
}
