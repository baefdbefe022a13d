//! C names, derived by YNL's rules or said outright.

use super::schema::{AttributeSet, Definition, File, Item, Operation, Operations, Scalar};

/// Capitals, with `_` for `-`.
pub(super) fn c_upper(name: &str) -> String {
    prefixed_upper("", name)
}

/// The same of two parts. Names are most of what tables are made of, so in one go.
fn prefixed_upper(prefix: &str, name: &str) -> String {
    let mut joined = [prefix, name].concat();
    joined.make_ascii_uppercase();
    if joined.contains('-') { joined.replace('-', "_") } else { joined }
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
        prefixed_upper(item.name_prefix.as_deref().unwrap_or(prefix), &name)
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
    if verbatim == Some(true) { [prefix, name].concat() } else { prefixed_upper(prefix, name) }
}

/// An operation's C name.
pub(super) fn operation(file: &File, operations: &Operations, op: &Operation) -> String {
    let asynchronous = op.notify.is_some() || op.event.is_some();
    let prefix = match (&operations.async_prefix, &operations.name_prefix) {
        (Some(prefix), _) if asynchronous => prefix.clone(),
        (_, Some(prefix)) => prefix.clone(),
        _ => format!("{}-cmd-", ident(file)),
    };
    op.c_name.clone().unwrap_or_else(|| prefixed_upper(&prefix, &op.name))
}
