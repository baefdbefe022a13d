//! A spec file is read or refused, whatever it says; what is read can decode.
#![no_main]

use std::cell::RefCell;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use nlview::decode::{Direction, Engine, Names, NoRequests, Policy, Wanted};
use nlview::output::{Datagram, FORMATS, Style};
use nlview::spec::Registry;

/// So many specs are added to one registry.
const MOST: usize = 500;
const GENERIC: u32 = 16;

thread_local! {
    static REGISTRY: RefCell<(usize, Registry)> = RefCell::new((0, Registry::builtin()));
}

/// Every generic family is the spec's.
struct Named<'a>(&'a str);

impl Names for Named<'_> {
    fn interface(&self, _index: u32) -> Option<&str> {
        None
    }

    fn generic_family(&self, _id: u16) -> Option<&str> {
        Some(self.0)
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

/// A message whose payload is numbers, in which attributes are found at many places.
fn message(ty: u16) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    for at in 0..12u16 {
        bytes.extend([24u16, at, 8, 1, 1, 2, 8, 2, 0x0101, 0, 3, 1].map(u16::to_ne_bytes).concat());
    }
    let len = u32::try_from(bytes.len()).unwrap_or(0);
    bytes[..4].copy_from_slice(&len.to_ne_bytes());
    bytes[4..6].copy_from_slice(&ty.to_ne_bytes());
    bytes
}

fn print(registry: &Registry, name: &str, protocol: u32, ty: u16) {
    let style = Style::PLAIN;
    let bytes = message(ty);
    let names = Named(name);
    let engine = Engine { registry, names: &names, requests: &NoRequests };
    for direction in [Direction::Send, Direction::Receive] {
        let datagram =
            Datagram { protocol, direction, bytes: &bytes, record: 1, wanted: Wanted::All };
        for format in FORMATS {
            (format.make)(&style).datagram(&engine, &datagram, &mut Vec::new());
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    REGISTRY.with_borrow_mut(|(count, registry)| {
        if *count == MOST {
            (*count, *registry) = (0, Registry::builtin());
        }
        *count += 1;
        if registry.add_text(Path::new("fuzz.yaml"), text).is_err() {
            return;
        }
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let name = value("name:").unwrap_or_default();
        match value("protonum:").and_then(|number| number.parse().ok()) {
            Some(protocol) => (16..24).for_each(|ty| print(registry, name, protocol, ty)),
            None => print(registry, name, GENERIC, 40),
        }
    });
});
