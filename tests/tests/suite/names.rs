//! The specs' names, numbers and layouts against the C compiler.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use nltests::compiler::{Verdict, judge, unpacked};
use nltests::spec_facts::{Claim, Fact, Spec, Specs};
use nltests::{cannot_run, fixtures, root};

/// Every name, number, size and offset that a header covers is as the header says; what no header
/// covers is listed in `tests/fixtures/names.txt`, with the reason.
#[test]
fn specs_agree_with_the_headers() {
    let specs = Specs::read(&root().join("viewer/specs"));
    let newest = newest_headers();
    let mut exceptions = Exceptions::read();
    let (mut held, mut uncovered, mut wrong) = (BTreeMap::new(), 0, Vec::new());
    for spec in specs.0.values() {
        let headers = spec.headers();
        // The spec's headers with those of the specs that it imports; then, for names that are still
        // unknown, its own; then each alone, since some do not go together and libc's keep some of
        // the kernel's from saying all they have; then the older ones that are installed, since the
        // newest have dropped some names.
        let with_imports = headers_with_imports(&specs, &spec.file);
        let alone = with_imports.iter().map(|header| (vec![header.clone()], newest.as_slice()));
        let together = [with_imports.clone(), headers.clone()];
        let mut passes: Vec<_> = together.map(|headers| (headers, newest.as_slice())).into();
        passes.extend(alone);
        passes.push((headers, &[]));
        let mut conflicts = Vec::new();
        let (mut unknown, mut older) = (Vec::new(), Vec::new());
        for fact in specs.facts(spec) {
            match exceptions.form(&fact) {
                Form::Other => uncovered += 1,
                Form::Older => older.push(fact),
                Form::Absent => unknown.push(fact),
            }
        }
        let mut compiled = 0;
        for (headers, folders) in passes {
            if folders.is_empty() {
                unknown.append(&mut older);
            }
            if unknown.is_empty() {
                continue;
            }
            let verdicts = match judge(&headers, folders, &unknown) {
                Ok(verdicts) => verdicts,
                Err(words) => {
                    conflicts.push(words);
                    continue;
                }
            };
            compiled += 1;
            for (fact, verdict) in std::mem::take(&mut unknown).into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Holds => *held.entry(kind(&fact)).or_insert(0) += 1,
                    Verdict::Unknown => unknown.push(fact),
                    Verdict::Differs(words) => wrong.push(format!("{fact}: {words}")),
                }
            }
        }
        if compiled == 0 {
            wrong.append(&mut conflicts);
        }
        for fact in unknown {
            if exceptions.covers(&fact) {
                uncovered += 1;
            } else {
                wrong.push(format!(
                    "{fact}: no header defines it, nor is it in {}",
                    Exceptions::FILE
                ));
            }
        }
    }
    let total: usize = held.values().sum();
    println!("{total} facts held against the headers: {held:?}; {uncovered} that none covers");
    wrong.extend(exceptions.unused());

    assert!(wrong.is_empty(), "{} claims do not hold:\n{}", wrong.len(), wrong.join("\n"));
    assert!(total > 0, "no spec claims anything");
}

fn kind(fact: &Fact) -> &'static str {
    match fact.claim {
        Claim::Number { .. } => "numbers",
        Claim::Size { .. } => "sizes",
        Claim::Offset { .. } => "offsets",
    }
}

/// The headers of a spec, and of those it imports: a struct may be defined in one and used in another.
fn headers_with_imports(specs: &Specs, file: &str) -> Vec<String> {
    let spec = &specs.0[file];
    let imports = nltests::spec_facts::list(&spec.document, "import").iter();
    let imported = imports.filter_map(|name| specs.0.get(name.as_str()?));
    let mut headers = spec.headers();
    headers.extend(imported.flat_map(Spec::headers));
    headers
}

/// The folders of the newest headers, which `tests/tools/fetch-uapi-headers` unpacks.
fn newest_headers() -> Vec<PathBuf> {
    let folder = nltests::artefacts::target_folder().join("uapi");
    match fs::read_to_string(folder.join("version")) {
        Ok(version) => {
            println!("headers: {}", version.trim());
            unpacked(&folder)
        }
        Err(_) => {
            cannot_run("the specs against the newest headers: run tests/tools/fetch-uapi-headers");
            Vec::new()
        }
    }
}

/// The file of names that headers do not have, or have in another form.
struct Exceptions {
    lines: Vec<Line>,
}

/// `SPEC NAME`, or `SPEC NAME FORM`; a `*` at the end of the name stands for anything. The name is
/// C's, or `DEFINITION/NAME` in the spec's own words.
struct Line {
    spec: String,
    name: String,
    form: Form,
    uses: usize,
}

/// How the headers differ from the spec.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// They do not have it.
    Absent,
    /// As in the older headers that are installed, not the newest.
    Older,
    /// Not so at all, for the reason given.
    Other,
}

impl Exceptions {
    const FILE: &str = "tests/fixtures/names.txt";

    /// Reads the file: groups of lines, each group below the comment that is its reason.
    fn read() -> Self {
        let text = fs::read_to_string(fixtures().join("names.txt")).unwrap_or_default();
        let (mut lines, mut reason) = (Vec::new(), false);
        for line in text.lines() {
            if line.is_empty() {
                reason = false;
            } else if line.starts_with('#') {
                reason = true;
            } else {
                assert!(reason, "{}: no reason stands above `{line}`", Self::FILE);
                let words: Vec<&str> = line.split_whitespace().collect();
                let (spec, name, form) = match words[..] {
                    [spec, name] => (spec, name, Form::Absent),
                    [spec, name, "older"] => (spec, name, Form::Older),
                    [spec, name, "other"] => (spec, name, Form::Other),
                    _ => panic!("{}: `{line}` is not SPEC NAME [FORM]", Self::FILE),
                };
                lines.push(Line { spec: spec.to_owned(), name: name.to_owned(), form, uses: 0 });
            }
        }
        Self { lines }
    }

    fn line(&mut self, fact: &Fact, absent: bool) -> Option<&mut Line> {
        let name = fact.claim.name();
        let place = fact.place.split_once(' ').map_or("", |(_, place)| place);
        self.lines.iter_mut().find(|line| {
            let matches = |name: &str| match line.name.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == line.name,
            };
            (line.form == Form::Absent) == absent
                && line.spec == fact.spec
                && (matches(&name) || matches(place))
        })
    }

    /// In which form the headers have a fact.
    fn form(&mut self, fact: &Fact) -> Form {
        let Some(line) = self.line(fact, false) else { return Form::Absent };
        line.uses += 1;
        line.form
    }

    /// Whether it is known that no header has this.
    fn covers(&mut self, fact: &Fact) -> bool {
        let line = self.line(fact, true);
        line.is_some_and(|line| {
            line.uses += 1;
            true
        })
    }

    /// Complaints about lines that stand for nothing.
    fn unused(&self) -> Vec<String> {
        let unused = self.lines.iter().filter(|line| line.uses == 0);
        unused
            .map(|line| format!("{}: `{} {}` is not needed", Self::FILE, line.spec, line.name))
            .collect()
    }
}
