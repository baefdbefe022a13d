//! All specs, and the tables made of them when they are first needed.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use super::Error;
use super::compile::{Wanted, check, compile};
use super::load::{self, BUILTIN, Builtin};
use super::model::Tables;
use super::schema::File;

/// The netlink protocol whose families have names instead of numbers.
pub const GENERIC: u32 = 16;

/// A spec, read when it is first needed.
struct Source {
    name: String,
    protocol: Option<u32>,
    generic: bool,
    builtin: Option<&'static Builtin>,
    file: OnceCell<Option<Rc<File>>>,
}

impl Source {
    fn file(&self) -> Option<Rc<File>> {
        let read = || self.builtin.and_then(|b| load::builtin(b).ok()).map(Rc::new);
        self.file.get_or_init(read).clone()
    }
}

/// All specs by family, and their tables by protocol.
pub struct Registry {
    sources: Vec<Source>,
    protocols: BTreeMap<u32, OnceCell<Option<Tables>>>,
    generic: BTreeMap<String, OnceCell<Option<Tables>>>,
    /// Generic families that always have the same number.
    reserved: BTreeMap<u16, Box<str>>,
    /// Multicast groups of generic families that always have the same number, as `FAMILY/GROUP`.
    fixed_groups: BTreeMap<u32, Box<str>>,
    bare: OnceCell<Tables>,
}

/// A line of the list of families.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The family.
    pub family: String,
    /// Its netlink protocol; none if it is what families share.
    pub protocol: Option<u32>,
    /// Messages, attributes, structs and enums it describes.
    pub counts: [usize; 4],
    /// The headers its facts come from.
    pub headers: Vec<String>,
    /// Files of the kernel's own that they come from too.
    pub kernel_sources: Vec<String>,
}

impl Registry {
    /// The specs that come with the viewer.
    #[must_use]
    pub fn builtin() -> Self {
        let mut registry = Self {
            sources: Vec::new(),
            protocols: BTreeMap::new(),
            generic: BTreeMap::new(),
            reserved: BTreeMap::new(),
            fixed_groups: BTreeMap::new(),
            bare: OnceCell::new(),
        };
        for builtin in BUILTIN {
            if let Some(id) = builtin.family_id {
                registry.reserved.insert(id, builtin.name.into());
            }
            registry.fix_groups(builtin.name, builtin.groups.iter().copied());
            registry.add(Source {
                name: builtin.name.to_owned(),
                protocol: builtin.protocol.and_then(|p| u32::try_from(p).ok()),
                generic: builtin.generic,
                builtin: Some(builtin),
                file: OnceCell::new(),
            });
        }
        registry
    }

    fn fix_groups<'g>(&mut self, family: &str, groups: impl Iterator<Item = (u32, &'g str)>) {
        for (number, group) in groups {
            self.fixed_groups.insert(number, format!("{family}/{group}").into());
        }
    }

    fn add(&mut self, source: Source) {
        if source.generic {
            self.generic.insert(source.name.clone(), OnceCell::new());
        } else if let Some(protocol) = source.protocol {
            self.protocols.insert(protocol, OnceCell::new());
        }
        let is_builtin = source.builtin.is_some();
        let same = |s: &&mut Source| s.name == source.name && s.builtin.is_some() == is_builtin;
        match self.sources.iter_mut().find(same) {
            Some(same) => *same = source,
            None => self.sources.push(source),
        }
    }

    /// Whether a user's spec has taken the place of this one.
    fn is_replaced(&self, source: &Source) -> bool {
        let replaces = |s: &Source| s.builtin.is_none() && s.name == source.name;
        source.builtin.is_some() && self.sources.iter().any(replaces)
    }

    /// Adds a spec file, or all `*.yaml` of a folder. One of the name of a known family replaces it.
    /// Returns warnings about keys that nothing reads.
    ///
    /// # Errors
    /// The first thing wrong with a file, and its place.
    pub fn add_path(&mut self, path: &Path) -> Result<Vec<String>, Error> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        if !path.is_dir() {
            return self.add_file(path);
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(read)? {
            let file = entry.map_err(read)?.path();
            if file.extension().is_some_and(|e| e == "yaml" || e == "yml") {
                files.push(file);
            }
        }
        files.sort();
        let mut warnings = Vec::new();
        // They may refer to each other, so all are known before one is looked at.
        let mut names = Vec::new();
        for file in &files {
            let (name, unknown) = self.read(file, &load::text(file)?)?;
            warnings.extend(unknown);
            names.push(name);
        }
        for (file, name) in files.iter().zip(&names) {
            warnings.extend(self.examine(file, name)?);
        }
        self.examine_protocols(path, &names)?;
        Ok(warnings)
    }

    fn add_file(&mut self, path: &Path) -> Result<Vec<String>, Error> {
        self.add_text(path, &load::text(path)?)
    }

    /// Adds a spec from its text, as [`add_path`](Self::add_path) does; `path` is what to call it
    /// where something is said of it.
    ///
    /// # Errors
    /// The first thing wrong with it, and its place.
    pub fn add_text(&mut self, path: &Path, text: &str) -> Result<Vec<String>, Error> {
        let (name, mut warnings) = self.read(path, text)?;
        warnings.extend(self.examine(path, &name)?);
        self.examine_protocols(path, &[name])?;
        Ok(warnings)
    }

    /// Reads a spec and adds it. Returns its name, and warnings.
    fn read(&mut self, path: &Path, text: &str) -> Result<(String, Vec<String>), Error> {
        let (file, unknown) = load::user(path, text)?;
        let (name, protocol, family_id) = (file.name.clone(), file.protonum, file.family_id);
        let generic = file.is_generic();
        // One that only others refer to has no messages.
        if !generic && protocol.is_none() && !file.operations.list.is_empty() {
            return Err(Error::Meaning {
                file: path.display().to_string(),
                place: "protonum".to_owned(),
                reason: "a netlink-raw family needs a protonum".to_owned(),
            });
        }
        if let Some(id) = family_id {
            self.reserved.insert(id, name.as_str().into());
        }
        if generic {
            let groups = file.mcast_groups.list.iter();
            self.fix_groups(&name, groups.filter_map(|g| Some((g.value?, &*g.name))));
        }
        let cell = OnceCell::new();
        let _first = cell.set(Some(Rc::new(file)));
        self.add(Source { name: name.clone(), protocol, generic, builtin: None, file: cell });
        let shown = path.display();
        let warn = |key: &String| format!("{shown}: {key}: unknown key, ignored");
        Ok((name, unknown.iter().map(warn).collect()))
    }

    /// Checks and compiles a spec that has been added, so that what is wrong is said before anything
    /// runs.
    fn examine(&self, path: &Path, name: &str) -> Result<Vec<String>, Error> {
        let placed = |error| match error {
            Error::Meaning { file, place, reason } if file == name => {
                Error::Meaning { file: path.display().to_string(), place, reason }
            }
            other => other,
        };
        let lookup = |name: &str, wanted| self.lookup(name, wanted);
        let Some(file) = self.file(name) else { return Ok(Vec::new()) };
        let warnings = check(&file, &lookup).map_err(placed)?;
        compile(&[file], &lookup).map_err(placed)?;
        let shown = path.display();
        Ok(warnings.iter().map(|words| format!("{shown}: {words}")).collect())
    }

    /// Compiles the protocols that these specs are of, or may be: what comes with the viewer may refer
    /// to them.
    fn examine_protocols(&self, path: &Path, names: &[String]) -> Result<(), Error> {
        let error = |error| match error {
            Error::Meaning { file, place, reason } => Error::Meaning {
                file: path.display().to_string(),
                place: format!("built-in {file} refers to it: {place}"),
                reason,
            },
            other => other,
        };
        // One without messages is there for others.
        let is_shared = |source: &Source| {
            names.contains(&source.name)
                && self.is_replaced(source)
                && source.file().is_some_and(|file| file.operations.list.is_empty())
        };
        let all = self.sources.iter().any(is_shared);
        let touched = self.sources.iter().filter(|s| all || names.contains(&s.name));
        let protocols: BTreeSet<u32> = touched.filter_map(|source| source.protocol).collect();
        for protocol in protocols {
            let of = |source: &Source| !source.generic && source.protocol == Some(protocol);
            self.tables(of).map_err(error)?;
        }
        for source in self.sources.iter().filter(|source| all && source.generic) {
            self.tables(|s| s.generic && s.name == source.name).map_err(error)?;
        }
        Ok(())
    }

    fn file(&self, name: &str) -> Option<Rc<File>> {
        self.lookup(name, Wanted::Any)
    }

    fn lookup(&self, name: &str, wanted: Wanted) -> Option<Rc<File>> {
        let mut named = self.sources.iter().filter(|s| s.name == name);
        match wanted {
            Wanted::Any => named.find(|s| !self.is_replaced(s)),
            Wanted::Builtin => named.find(|s| s.builtin.is_some()),
        }?
        .file()
    }

    fn tables(&self, wanted: impl Fn(&Source) -> bool) -> Result<Tables, Error> {
        // What a user says counts more than what comes with the viewer.
        let all = self.sources.iter().filter(|s| wanted(s) && !self.is_replaced(s));
        let (ours, users): (Vec<_>, Vec<_>) = all.partition(|s| s.builtin.is_some());
        let files: Vec<_> = users.into_iter().chain(ours).filter_map(Source::file).collect();
        compile(&files, &|name, wanted| self.lookup(name, wanted))
    }

    /// The tables of a netlink protocol other than generic netlink.
    #[must_use]
    pub fn protocol(&self, protocol: u32) -> Option<&Tables> {
        let make = || self.tables(|s| !s.generic && s.protocol == Some(protocol)).ok();
        self.protocols.get(&protocol)?.get_or_init(make).as_ref()
    }

    /// The tables of a generic netlink family.
    #[must_use]
    pub fn generic(&self, family: &str) -> Option<&Tables> {
        let make = || self.tables(|s| s.generic && s.name == family).ok();
        self.generic.get(family)?.get_or_init(make).as_ref()
    }

    /// The names of the generic families.
    pub fn generic_families(&self) -> impl Iterator<Item = &str> {
        self.generic.keys().map(String::as_str)
    }

    /// Calls `each` with the tables of all protocols and generic families.
    pub fn each_tables(&self, each: &mut dyn FnMut(&Tables)) {
        for protocol in self.protocols.keys() {
            self.protocol(*protocol).into_iter().for_each(&mut *each);
        }
        for family in self.generic.keys() {
            self.generic(family).into_iter().for_each(&mut *each);
        }
        each(self.bare());
    }

    /// Calls `take` with the tables that are next to be looked at, the `number`th from 0, and forgets them:
    /// all together are more than a viewer needs to have at hand. False if there are no more.
    pub fn look_through(&self, number: usize, take: &mut dyn FnMut(&Tables)) -> bool {
        let protocols = self.protocols.keys().map(|protocol| (Some(*protocol), None));
        let families = self.generic.keys().map(|family| (None, Some(family)));
        let Some(next) = protocols.chain(families).chain([(None, None)]).nth(number) else {
            return false;
        };
        let tables = self.afresh().tables(|source| match next {
            (Some(protocol), _) => !source.generic && source.protocol == Some(protocol),
            (_, Some(family)) => source.generic && source.name == *family,
            _ => false,
        });
        tables.iter().for_each(take);
        true
    }

    /// The same specs, of which those that come with the viewer are not read yet.
    fn afresh(&self) -> Self {
        let sources = self.sources.iter().map(|source| Source {
            name: source.name.clone(),
            file: if source.builtin.is_some() { OnceCell::new() } else { source.file.clone() },
            ..*source
        });
        Self {
            sources: sources.collect(),
            protocols: BTreeMap::new(),
            generic: BTreeMap::new(),
            reserved: BTreeMap::new(),
            fixed_groups: BTreeMap::new(),
            bare: OnceCell::new(),
        }
    }

    /// The generic family that always has this message type.
    #[must_use]
    pub fn reserved(&self, id: u16) -> Option<&str> {
        self.reserved.get(&id).map(|name| &**name)
    }

    /// The multicast group of a generic family that always has this number, as `FAMILY/GROUP`.
    #[must_use]
    pub fn fixed_group(&self, number: u32) -> Option<&str> {
        self.fixed_groups.get(&number).map(|name| &**name)
    }

    /// Tables that know netlink itself and no family.
    #[must_use]
    pub fn bare(&self) -> &Tables {
        self.bare.get_or_init(|| self.tables(|_| false).unwrap_or_default())
    }

    /// The C name of a netlink protocol (`NETLINK_ROUTE`).
    #[must_use]
    pub fn protocol_named(&self, name: &str) -> Option<u32> {
        let file = self.file("netlink")?;
        let wanted = name.strip_prefix("NETLINK_").unwrap_or(name).to_ascii_lowercase();
        let definition = file.definitions.iter().find(|d| d.name == "protocol")?;
        let mut next = 0i64;
        for entry in &definition.entries {
            let (entry_name, value) = match entry {
                super::schema::EntryOrName::Name(n) => (n.text(), None),
                super::schema::EntryOrName::Entry(e) => (
                    e.name.as_ref().map(super::schema::Scalar::text).unwrap_or_default(),
                    e.value.as_ref().and_then(super::schema::Scalar::number),
                ),
            };
            next = value.unwrap_or(next);
            if entry_name.replace('-', "_") == wanted {
                return u32::try_from(next).ok();
            }
            next = next.saturating_add(1);
        }
        None
    }

    /// Checks that every spec is sound. Returns warnings.
    ///
    /// # Errors
    /// The first thing wrong, and its place.
    pub fn check(&self) -> Result<Vec<String>, Error> {
        let mut warnings = Vec::new();
        for builtin in BUILTIN {
            load::builtin(builtin)?;
        }
        for source in &self.sources {
            if let Some(file) = source.file() {
                let odd = check(&file, &|name, wanted| self.lookup(name, wanted))?;
                warnings.extend(odd.into_iter().map(|words| format!("{}: {words}", file.name)));
                compile(&[file], &|name, wanted| self.lookup(name, wanted))?;
            }
        }
        Ok(warnings)
    }

    /// All families.
    #[must_use]
    pub fn list(&self) -> Vec<Overview> {
        let sources = self.sources.iter().filter(|source| !self.is_replaced(source));
        sources
            .filter_map(|source| {
                let file = source.file()?;
                let attributes = file.attribute_sets.iter().filter(|s| s.subset_of.is_none());
                let of = |kind: &[&str]| {
                    file.definitions.iter().filter(|d| kind.contains(&d.r#type.as_str())).count()
                };
                let header = file.uapi_header.as_ref().map(super::schema::Scalar::text);
                let mut headers: Vec<_> =
                    header.into_iter().chain(file.headers.iter().cloned()).collect();
                let mut seen = BTreeSet::new();
                headers.retain(|header| seen.insert(header.clone()));
                Some(Overview {
                    family: source.name.clone(),
                    // What has no messages of its own and names no protocol is what families share.
                    protocol: match source.generic {
                        true if file.operations.list.is_empty() => None,
                        true => Some(GENERIC),
                        false => source.protocol,
                    },
                    counts: [
                        file.operations.list.len(),
                        attributes.map(|s| s.attributes.len()).sum(),
                        of(&["struct"]),
                        of(&["enum", "flags"]),
                    ],
                    headers,
                    kernel_sources: file.kernel_sources.clone(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At run time one that does not would be as good as absent.
    #[test]
    fn every_built_in_spec_compiles() {
        let registry = Registry::builtin();
        for builtin in BUILTIN {
            load::builtin(builtin).unwrap_or_else(|error| panic!("{}: {error}", builtin.name));
        }
        for protocol in registry.protocols.keys() {
            let tables = registry.tables(|s| !s.generic && s.protocol == Some(*protocol));
            assert!(tables.is_ok(), "{}", tables.unwrap_err());
        }
        for family in registry.generic.keys() {
            let tables = registry.tables(|s| s.generic && s.name == *family);
            assert!(tables.is_ok(), "{}", tables.unwrap_err());
        }
        // What no family's messages reach is for others to import.
        for source in &registry.sources {
            let tables = registry.tables(|s| s.name == source.name);
            assert!(tables.is_ok(), "{}", tables.unwrap_err());
        }
    }
}
