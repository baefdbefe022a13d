//! C names, derived by YNL's rules or said outright.

use super::schema::{AttributeSet, Definition, File, Item, Operation, Operations, Scalar};

/// Capitals, with `_` for `-`.
pub(super) fn c_upper(name: &str) -> String {
    name.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }).collect()
}

/// As it is, with `_` for `-`.
pub(super) fn c_lower(name: &str) -> String {
    name.replace('-', "_")
}

fn ident(file: &File) -> String {
    file.name.clone()
}

/// The prefix of a set's attributes.
pub(super) fn set_prefix(file: &File, set: &AttributeSet) -> String {
    match &set.name_prefix {
        Some(prefix) => prefix.clone(),
        None if set.name == file.name => format!("{}-a-", ident(file)),
        None => format!("{}-a-{}-", ident(file), set.name),
    }
}

/// An attribute's C name.
pub(super) fn attr(prefix: &str, item: &Item) -> String {
    item.c_name.clone().unwrap_or_else(|| {
        let name = item.name.as_ref().map(Scalar::text).unwrap_or_default();
        c_upper(&format!("{}{name}", item.name_prefix.as_deref().unwrap_or(prefix)))
    })
}

/// The prefix of an enum's entries.
pub(super) fn enum_prefix(file: &File, definition: &Definition) -> String {
    definition
        .name_prefix
        .clone()
        .unwrap_or_else(|| format!("{}-{}-", ident(file), definition.name))
}

/// An enum entry's C name.
pub(super) fn entry(prefix: &str, name: &str, verbatim: Option<bool>) -> String {
    let name = format!("{prefix}{name}");
    if verbatim == Some(true) { name } else { c_upper(&name) }
}

/// An operation's C name.
pub(super) fn operation(file: &File, operations: &Operations, op: &Operation) -> String {
    let asynchronous = op.notify.is_some() || op.event.is_some();
    let prefix = match (&operations.async_prefix, &operations.name_prefix) {
        (Some(prefix), _) if asynchronous => prefix.clone(),
        (_, Some(prefix)) => prefix.clone(),
        _ => format!("{}-cmd-", ident(file)),
    };
    op.c_name.clone().unwrap_or_else(|| c_upper(&format!("{prefix}{}", op.name)))
}
