//! Reading the project's own Rust files, for the tests that hold them against the architecture.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
#[derive(Debug)]
pub struct Source {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// The lines that are no comments, with their numbers from 1.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(index, line)| (index + 1, line))
    }

    /// The code before the file's unit tests.
    pub fn code_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"))
    }

    /// The modules of its own crate that a file names, in paths that begin with `start`
    /// (`crate::` or `nlview::`), with the lines they are named in.
    #[must_use]
    pub fn modules_named(&self, start: &str) -> Vec<(usize, String)> {
        let mut named = Vec::new();
        // `use crate::{a::X, b}` may go on over several lines.
        let mut group = None::<(usize, String)>;
        for (number, line) in self.code_before_tests() {
            if let Some((began, mut text)) = group.take() {
                text.push_str(line);
                if depth(&text) == 0 {
                    named.extend(heads(&text).into_iter().map(|head| (began, head)));
                } else {
                    group = Some((began, text));
                }
                continue;
            }
            for (at, _) in line.match_indices(start) {
                let rest = &line[at + start.len()..];
                if rest.starts_with('{') {
                    if depth(rest) == 0 {
                        named.extend(heads(rest).into_iter().map(|head| (number, head)));
                    } else {
                        group = Some((number, rest.to_owned()));
                    }
                } else {
                    named.push((number, word(rest)));
                }
            }
        }
        named
    }
}

/// How many braces are open at the end; never less than none.
fn depth(text: &str) -> usize {
    text.chars().fold(0, |depth: usize, c| match c {
        '{' => depth + 1,
        '}' => depth.saturating_sub(1),
        _ => depth,
    })
}

/// The first words of what stands between the outermost braces of `{a::X, b::{c, d}}`.
fn heads(group: &str) -> Vec<String> {
    let (mut level, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => {
                level += 1;
                if level == 1 {
                    start = at + 1;
                }
            }
            ',' | '}' if level == 1 => {
                parts.push(&group[start..at]);
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    parts.iter().map(|part| word(part.trim())).filter(|head| !head.is_empty()).collect()
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The files among these that are modules for unit tests alone: declared below `#[cfg(test)]`.
#[must_use]
pub fn test_modules(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let mut below = false;
        for (_, line) in source.code() {
            if let (true, Some(name)) = (below, line.trim().strip_prefix("mod ")) {
                let folder = Path::new(&source.path).with_file_name("");
                let stem = Path::new(&source.path).file_stem().unwrap_or_default();
                let inside =
                    if stem == "mod" || stem == "lib" { folder } else { folder.join(stem) };
                let file = inside.join(name.trim_end_matches(';')).with_extension("rs");
                found.push(file.to_string_lossy().into_owned());
            }
            below = line.trim() == "#[cfg(test)]";
        }
    }
    found
}

/// Every Rust file under a folder of the repository, by path.
#[must_use]
pub fn rust_files(folder: &str) -> Vec<Source> {
    let root = crate::root();
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files);
    files.sort();
    files
        .into_iter()
        .map(|path| Source {
            text: fs::read_to_string(&path).expect("a source can be read"),
            path: path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned(),
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}
