//! The spec language, a feature at a time: a small spec, a message, and what the formats make of it.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and these helpers are a test's"
)]

mod checks;
mod context;
mod errors;
mod numbers;
mod records;
mod strace_forms;
mod ynl;

use std::path::Path;

use nlview::decode::{Direction, Engine, Names, NoRequests, Policy, Wanted};
use nlview::output::{Datagram, FORMATS, Style};
use nlview::spec::Registry;

/// `NETLINK_GENERIC`, and the number that the specs' family has there.
const GENERIC: u32 = 16;
const FAMILY: u16 = 40;

const STYLE: Style = Style::PLAIN;

struct Known;

impl Names for Known {
    fn interface(&self, index: u32) -> Option<&str> {
        (index == 7).then_some("eth7")
    }

    fn generic_family(&self, id: u16) -> Option<&str> {
        (id == FAMILY).then_some("t")
    }

    fn generic_group(&self, _number: u32) -> Option<&str> {
        None
    }

    fn generic_header(&self, _id: u16) -> usize {
        0
    }

    fn generic_policy(&self, _id: u16) -> Option<&Policy> {
        None
    }
}

/// The built-in specs and these.
fn registry(specs: &[&str]) -> Registry {
    let mut registry = Registry::builtin();
    for spec in specs {
        let warnings = registry.add_text(Path::new("t.yaml"), spec);
        let warnings = warnings.unwrap_or_else(|error| panic!("{error}\n{spec}"));
        assert!(warnings.is_empty(), "{warnings:?}");
    }
    registry
}

/// What a format prints of a datagram that answers nothing.
fn print(registry: &Registry, format: &str, datagram: (u32, Direction, &[u8])) -> String {
    let engine = Engine { registry, names: &Known, requests: &NoRequests };
    print_with(&engine, format, datagram)
}

/// What a format prints of a datagram.
fn print_with(engine: &Engine<'_>, format: &str, datagram: (u32, Direction, &[u8])) -> String {
    let (protocol, direction, bytes) = datagram;
    let format = FORMATS.iter().find(|f| f.name == format).unwrap();
    let mut out = Vec::new();
    let datagram = Datagram { protocol, direction, bytes, record: 1, wanted: Wanted::All };
    (format.make)(&STYLE).datagram(engine, &datagram, &mut out);
    String::from_utf8(out).unwrap()
}

/// A message with such a header and payload.
fn message(ty: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(ty.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(payload);
    bytes
}

/// An attribute, padded.
fn attr(ty: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + payload.len()).unwrap();
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(ty.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// What follows the header of an attribute of family `t`, whose spec has a set `a` for command 1,
/// in the strace format.
fn strace_value(spec: &str, payload: &[u8]) -> String {
    let text = shown(spec, "strace", payload);
    let (_, value) = text.split_once("nla_type=T_A_X}, ").unwrap_or_else(|| panic!("{text}"));
    value.trim_end().strip_suffix("]]").unwrap().to_owned()
}

/// What a format prints of a message with one attribute, number 1.
fn shown(spec: &str, format: &str, payload: &[u8]) -> String {
    let body = [vec![1, 0, 0, 0], attr(1, payload)].concat();
    let bytes = message(FAMILY, 0, &body);
    print(&registry(&[spec]), format, (GENERIC, Direction::Send, &bytes))
}

/// A spec of family `t`, with these definitions and this form of attribute `x`.
fn spec(definitions: &str, form: &str) -> String {
    format!(
        "name: t\n\
         definitions:\n{definitions}\n\
         attribute-sets:\n\
         - {{name: a, name-prefix: t-a-, attributes: [{{name: x, {form}}}]}}\n\
         operations: {{name-prefix: t-, list: [{{name: c, attribute-set: a, do: {{request: {{}}}}}}]}}\n"
    )
}
