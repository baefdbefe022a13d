//! The specs' names, numbers and layouts against the C compiler.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use nltests::compiler::{Verdict, judge, unpacked};
use nltests::spec_facts::{Claim, Fact, Specs};
use nltests::{cannot_run, fixtures, root};

/// Every name, number, size and offset that a header covers is as the header says; what no header
/// covers is listed in `uncovered-names.txt`, with the reason.
#[test]
fn specs_agree_with_the_headers() {
    let specs = Specs::read(&root().join("viewer/specs"));
    let newest = newest_headers();
    let (mut held, mut uncovered, mut wrong) = (BTreeMap::new(), Vec::new(), Vec::new());
    for spec in specs.0.values() {
        let headers = headers_with_imports(&specs, &spec.file);
        // All headers at once; then, for names that are still unknown, each alone, since libc's
        // headers keep some of the kernel's from saying all they have; then the older headers that
        // are installed, since the newest ones have dropped some names.
        let mut passes = vec![(headers.clone(), newest.as_slice())];
        passes.extend(headers.iter().map(|header| (vec![header.clone()], newest.as_slice())));
        passes.push((headers, &[]));
        let mut unknown = specs.facts(spec);
        for (headers, folders) in passes {
            if unknown.is_empty() {
                break;
            }
            let verdicts = judge(&headers, folders, &unknown);
            for (fact, verdict) in std::mem::take(&mut unknown).into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Holds => *held.entry(kind(&fact)).or_insert(0) += 1,
                    Verdict::Unknown => unknown.push(fact),
                    Verdict::Differs(words) => wrong.push(format!("{fact}: {words}")),
                }
            }
        }
        uncovered.append(&mut unknown);
    }
    let total: usize = held.values().sum();
    println!("{total} facts held against the headers: {held:?}; {} uncovered", uncovered.len());

    let allowed = Allowed::read();
    let mut used = vec![0_usize; allowed.lines.len()];
    for fact in &uncovered {
        let covered = allowed.lines.iter().zip(&mut used).any(|(line, count)| {
            let matches = line.matches(fact);
            *count += usize::from(matches);
            matches
        });
        if !covered {
            wrong.push(format!("{fact}: no header defines it, nor is it in {}", Allowed::FILE));
        }
    }
    for (line, count) in allowed.lines.iter().zip(used) {
        if count == 0 {
            wrong.push(format!("{}: `{}` stands for nothing any more", Allowed::FILE, line.text()));
        }
    }
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
    headers.extend(imported.filter(|other| other.file != "common").flat_map(|o| o.headers()));
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

/// The names that no header covers.
struct Allowed {
    lines: Vec<Line>,
}

/// `SPEC NAME`; a `*` at the end stands for anything.
struct Line {
    spec: String,
    name: String,
}

impl Allowed {
    const FILE: &str = "tests/fixtures/uncovered-names.txt";

    /// Reads the file: groups of lines, each group below the comment that is its reason.
    fn read() -> Self {
        let text = fs::read_to_string(fixtures().join("uncovered-names.txt")).unwrap_or_default();
        let (mut lines, mut reason) = (Vec::new(), false);
        for line in text.lines() {
            if line.is_empty() {
                reason = false;
            } else if line.starts_with('#') {
                reason = true;
            } else {
                assert!(reason, "{}: no reason stands above `{line}`", Self::FILE);
                let (spec, name) = line.split_once(' ').expect("SPEC NAME");
                lines.push(Line { spec: spec.to_owned(), name: name.trim().to_owned() });
            }
        }
        Self { lines }
    }
}

impl Line {
    fn text(&self) -> String {
        format!("{} {}", self.spec, self.name)
    }

    fn matches(&self, fact: &Fact) -> bool {
        let name = fact.claim.name();
        self.spec == fact.spec
            && self
                .name
                .strip_suffix('*')
                .map_or(name == self.name, |beginning| name.starts_with(beginning))
    }
}
