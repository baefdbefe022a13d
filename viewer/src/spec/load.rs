//! Reading spec files.

use std::path::Path;

use super::Error;
use super::schema::File;

/// A spec that comes with the viewer, as JSON.
pub(super) struct Builtin {
    /// Its file's name.
    pub(super) file: &'static str,
    /// The family.
    pub(super) name: &'static str,
    /// The netlink protocol, if it names one.
    pub(super) protocol: Option<u64>,
    /// Whether it is a generic netlink family.
    pub(super) generic: bool,
    /// The number that a generic family always has.
    pub(super) family_id: Option<u16>,
    /// The numbers and names of a generic family's multicast groups that always have the same number.
    pub(super) groups: &'static [(u32, &'static str)],
    /// The spec.
    pub(super) json: &'static str,
}

/// All of them; written by the build script.
pub(super) static BUILTIN: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/specs.rs"));

/// Reads a built-in spec.
pub(super) fn builtin(spec: &Builtin) -> Result<File, Error> {
    // Only if something is wrong, which the tests see to, is it read so that one knows where.
    serde_json::from_str(spec.json).or_else(|_| {
        let mut reader = serde_json::Deserializer::from_str(spec.json);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| Error::Shape {
            file: spec.file.to_owned(),
            place: error.path().to_string(),
            reason: error.inner().to_string(),
        })
    })
}

/// Keys of YNL that say nothing to a viewer: prose, what the kernel checks, what its generators do.
const OF_NO_USE: &[&str] = &[
    "doc",
    "flags",
    "pre",
    "post",
    "config-cond",
    "attributes",
    "header",
    "enum-name",
    "attr-cnt-name",
    "attr-max-name",
    "cmd-cnt-name",
    "cmd-max-name",
    "enum-cnt-name",
    "max-by-define",
    "c-family-name",
    "c-version-name",
    "version",
    "kernel-policy",
    "kernel-family",
    "render-max",
    "scope",
    "mcgrp",
    "reply-attributes",
    "since",
    "until",
];

/// The text of a user's spec.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// Reads a user's spec, and the keys in it that nothing reads. `path` is for what is said of it.
pub(super) fn user(path: &Path, text: &str) -> Result<(File, Vec<String>), Error> {
    let shape = |place: String, reason: String| Error::Shape {
        file: path.display().to_string(),
        place,
        reason,
    };
    // By way of a plain value, so that errors of form and of shape are told apart and placed.
    // `on`, `no` and `y` are names like others; only `true` and `false` are truth values.
    let options = serde_saphyr::options! { strict_booleans: true };
    let value: serde_json::Value =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| yaml(path, &error))?;
    if !value.is_object() {
        let found = if value.is_null() { "the file is empty" } else { "no mapping of keys" };
        let reason = format!("{found}: a spec begins with its name (name: …)");
        return Err(shape(String::new(), reason));
    }
    names(&value, &mut String::new()).map_err(|(place, reason)| shape(place, reason))?;
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&value, &mut track);
    let file: Result<File, _> = serde_ignored::deserialize(tracked, |path| {
        let path = bracketed(&path.to_string());
        let key = path.rsplit('.').next().unwrap_or(&path);
        if !OF_NO_USE.contains(&key) {
            unknown.push(path);
        }
    });
    match file {
        Ok(file) if file.name.is_empty() => {
            Err(shape("name".to_owned(), "a spec needs a name".to_owned()))
        }
        Ok(file) => Ok((file, unknown)),
        Err(error) => Err(shape(track.path().to_string(), plain(&error.to_string()))),
    }
}

/// What is wrong with the YAML itself, with the line and column where it has them.
fn yaml(path: &Path, error: &serde_saphyr::Error) -> Error {
    let rendered =
        error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let line = rendered.lines().next().unwrap_or_default();
    let words = line.strip_prefix("error: ").unwrap_or(line);
    let (file, words) = match error.location() {
        Some(at) => {
            let words = match words.split_once(": ") {
                Some((place, words)) if place.starts_with("line ") => words,
                _ => words,
            };
            let place = format!(" at line {}, column {}", at.line(), at.column());
            let words = words.strip_suffix(&*place).unwrap_or(words);
            (format!("{}:{}:{}", path.display(), at.line(), at.column()), words)
        }
        None => (path.display().to_string(), words),
    };
    Error::Shape { file, place: String::new(), reason: words.to_owned() }
}

/// What serde says of a wrong shape, in YAML's words.
fn plain(words: &str) -> String {
    let mut plain = words.to_owned();
    if let Some(at) = plain.find("expected struct ") {
        plain.truncate(at);
        plain.push_str("expected a mapping");
    }
    for (rust, yaml) in [
        ("invalid type: ", "it is a "),
        ("a map,", "a mapping,"),
        ("sequence", "list"),
        ("string \"", "text \""),
        ("integer `", "number `"),
        ("floating point `", "fraction `"),
        ("a unit value", "nothing"),
        ("a null", "nothing"),
        ("expected a string", "expected text"),
        ("expected i64", "expected a number"),
        ("expected u64", "expected a number from 0 on"),
        ("expected u32", "expected a number from 0 on"),
        ("expected u16", "expected a number below 65536"),
        ("expected u8", "expected a number below 256"),
        ("expected usize", "expected a number from 0 on"),
        ("expected a boolean", "expected true or false"),
    ] {
        plain = plain.replace(rust, yaml);
    }
    plain
}

/// A path whose indexes stand between dots, with brackets.
fn bracketed(path: &str) -> String {
    let mut out = String::new();
    for step in path.split('.') {
        if step.bytes().all(|b| b.is_ascii_digit()) && !step.is_empty() {
            out.push_str(&format!("[{step}]"));
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(step);
        }
    }
    out
}

/// Keys whose texts are shown as names, or become part of one.
const NAMES: &[&str] = &[
    "name",
    "c-name",
    "name-prefix",
    "member-prefix",
    "async-prefix",
    "c-define-name",
    "unknown-label",
];

/// Holds all that becomes a name to printable ASCII without quotes and backslashes, so that outputs can
/// show it as it is.
///
/// # Errors
/// The path of a name that is none, and the reason.
fn names(value: &serde_json::Value, path: &mut String) -> Result<(), (String, String)> {
    use serde_json::Value;
    let check = |text: &str, path: &str| {
        let fits = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
        if text.bytes().all(fits) {
            return Ok(());
        }
        let reason = "a name consists of printable ASCII without quotes and backslashes";
        Err((path.to_owned(), format!("{text:?}: {reason}")))
    };
    let len = path.len();
    let within = |step: &str, inner: &Value, is_name: bool, path: &mut String| {
        path.push_str(step);
        let checked = match inner {
            Value::String(text) if is_name => check(text, path.trim_start_matches('.')),
            _ => names(inner, path),
        };
        path.truncate(len);
        checked
    };
    match value {
        Value::Object(map) => map.iter().try_for_each(|(key, inner)| {
            within(&format!(".{key}"), inner, NAMES.contains(&key.as_str()), path)
        }),
        Value::Array(list) => {
            // Entries may be just names.
            let is_name = path.ends_with(".entries");
            let mut each = list.iter().enumerate();
            each.try_for_each(|(at, inner)| within(&format!("[{at}]"), inner, is_name, path))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_names_are_names() {
        for spec in BUILTIN {
            let value: serde_json::Value = serde_json::from_str(spec.json).unwrap();
            names(&value, &mut String::new()).unwrap();
        }
    }

    #[test]
    fn what_is_no_name_is_told_with_its_place() {
        let place = |text: &str| {
            let value = serde_json::from_str(text).unwrap();
            names(&value, &mut String::new()).map_err(|(place, _)| place)
        };
        assert_eq!(place(r#"{"definitions":[{"name":"a","doc":"\"b\""}]}"#), Ok(()));
        let wrong = r#"{"definitions":[{"entries":["fine","b\"c"]}]}"#;
        assert_eq!(place(wrong), Err("definitions[0].entries[1]".into()));
        assert_eq!(place(r#"{"a":{"c-name":"\u001b"}}"#), Err("a.c-name".into()));
    }
}
