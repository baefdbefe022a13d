//! What `nlview -f json` says of a program's messages, held against what the program says itself.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;

use nltests::artefacts::artefacts;
use nltests::namespace::Namespace;
use nltests::run::run;
use nltests::scratch::Scratch;
use serde_json::Value;

/// A traced script: its messages of one protocol, and what it wrote.
pub(super) struct Trace {
    pub(super) messages: Vec<Value>,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs a shell script in a namespace under `nlview`.
pub(super) fn trace(network: &Namespace, protocol: &str, script: &str) -> Trace {
    let scratch = Scratch::new();
    let lines = scratch.path("lines");
    let mut command = network.command(&artefacts().nlview);
    command.args(["-f", "json", "-o"]).arg(&lines).args(["--", "sh", "-c", script]);
    let out = run(&mut command);
    let text = fs::read_to_string(lines).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    let messages = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|m: &Value| m["kind"] == "message" && m["protocol"] == protocol)
        .collect();
    Trace { messages, out: out.out(), err: out.err() }
}

impl Trace {
    /// The messages of a type that came from the kernel.
    pub(super) fn received<'t>(&'t self, kind: &'t str) -> impl Iterator<Item = &'t Value> {
        self.messages.iter().filter(move |m| m["type"] == kind && m["dir"] == "receive")
    }

    /// What is odd about any message: issues, of which unknown attributes are one kind.
    pub(super) fn oddities(&self) -> Vec<String> {
        let mut odd = Vec::new();
        for message in &self.messages {
            for issue in message["issues"].as_array().unwrap() {
                odd.push(format!("{}: {}\n  {message}", message["type"], issue["text"]));
            }
        }
        odd
    }
}

/// The attribute that a path of names leads to.
pub(super) fn attr<'v>(node: &'v Value, path: &[&str]) -> Option<&'v Value> {
    let Some((first, rest)) = path.split_first() else { return Some(node) };
    let attrs = node["attrs"].as_array()?;
    attr(attrs.iter().find(|a| a["name"] == *first)?, rest)
}

/// Everything inside a node, from the outside in.
pub(super) fn inside<'v>(node: &'v Value, found: &mut Vec<&'v Value>) {
    for child in node["attrs"].as_array().into_iter().flatten() {
        found.push(child);
        inside(child, found);
    }
}

/// An attribute's number.
pub(super) fn number(node: &Value, path: &[&str]) -> Option<i64> {
    let node = attr(node, path)?;
    node["raw"].as_i64().or_else(|| node["value"].as_i64())
}

/// An attribute's text or name.
pub(super) fn text(node: &Value, path: &[&str]) -> Option<String> {
    attr(node, path)?["value"].as_str().map(str::to_owned)
}

/// An attribute's names of bits, without what they begin with, in small letters.
pub(super) fn flags(node: &Value, path: &[&str], prefix: &str) -> Vec<String> {
    let Some(node) = attr(node, path) else { return Vec::new() };
    let names = node["value"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let mut names: Vec<String> = names.map(|name| short(name, prefix)).collect();
    names.sort();
    names
}

/// A C name without its beginning, as programs write it.
pub(super) fn short(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', "-")
}

/// The first member of a message's fixed header.
pub(super) fn family(message: &Value) -> &str {
    message["header"]["fields"][0]["value"].as_str().unwrap()
}

/// Comparisons, by what is compared.
#[derive(Default)]
pub(super) struct Tally {
    made: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Tally {
    /// Compares what `nlview` decoded with what the program printed.
    pub(super) fn same<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        place: &str,
        ours: T,
        theirs: T,
    ) {
        *self.made.entry(what.to_owned()).or_default() += 1;
        if ours != theirs {
            self.wrong.push(format!("{what} of {place}: decoded {ours:?}, printed {theirs:?}"));
        }
    }

    /// Fails if anything differed, or if fewer kinds of things than these were compared.
    pub(super) fn finish(self, kinds: usize) {
        let total: usize = self.made.values().sum();
        println!("{total} values of {} kinds: {:?}", self.made.len(), self.made);
        assert!(self.wrong.is_empty(), "{} differ:\n{}", self.wrong.len(), self.wrong.join("\n"));
        assert!(self.made.len() >= kinds, "only {:?} were compared", self.made);
    }
}

/// An element of the XML that conntrack and ipset write: plain, without mixed content.
#[derive(Debug, Default)]
pub(super) struct Xml {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) text: String,
    pub(super) children: Vec<Self>,
}

impl Xml {
    /// The outermost element of a text.
    pub(super) fn read(text: &str) -> Self {
        let mut open = vec![Self::default()];
        for piece in text.split('<').skip(1) {
            let (tag, after) = piece.split_once('>').unwrap();
            if let Some(name) = tag.strip_prefix('/') {
                let closed = open.pop().unwrap();
                assert_eq!(closed.name, name);
                open.last_mut().unwrap().children.push(closed);
                continue;
            }
            if tag.starts_with('?') {
                continue;
            }
            let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            let mut words = attributes.split('"');
            let mut read = BTreeMap::new();
            while let (Some(key), Some(value)) = (words.next(), words.next()) {
                read.insert(key.trim().trim_end_matches('=').to_owned(), value.to_owned());
            }
            let element = Self {
                name: name.to_owned(),
                attributes: read,
                text: after.trim().to_owned(),
                children: Vec::new(),
            };
            if empty {
                open.last_mut().unwrap().children.push(element);
            } else {
                open.push(element);
            }
        }
        open.pop().unwrap().children.pop().unwrap()
    }

    /// The elements inside of this name.
    pub(super) fn all<'x>(&'x self, name: &'x str) -> impl Iterator<Item = &'x Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of what a path of names leads to.
    pub(super) fn at(&self, path: &[&str]) -> Option<&str> {
        let Some((first, rest)) = path.split_first() else { return Some(&self.text) };
        self.children.iter().find(|child| child.name == *first)?.at(rest)
    }

    /// The number that a path of names leads to.
    pub(super) fn number(&self, path: &[&str]) -> Option<i64> {
        self.at(path)?.parse().ok()
    }
}
