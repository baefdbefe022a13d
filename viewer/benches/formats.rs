//! How fast messages become text: the decoder alone, and each format.
//!
//! ```text
//! cargo bench -p nlview                 # all
//! cargo bench -p nlview -- mix          # a mix of the route family, one message a datagram
//! cargo bench -p nlview -- dump         # routes by the hundred, as a dump's datagrams have them
//! ```
//! An item is a message; they are recorded ones, from `tests/fixtures/golden`. On a machine that others
//! use too, the fastest of many samples is what counts.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark without its fixtures has nothing to say"
)]

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::OnceLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use nlview::decode::{self, Direction, Engine, Ignore, NoNames, NoRequests, Wanted};
use nlview::output::{Datagram, FORMATS, Style};
use nlview::source::hextext::{HexText, Item};
use nlview::spec::Registry;
use nlview::wire::Step;
use nlview::wire::message::{HEADER_LEN, Messages};

const ROUTE: u32 = 0;

/// Fixtures whose messages are 134 bytes long on average, as on a machine where somebody looks around.
const MIX: &[&str] = &[
    "addr-add",
    "addr-dump",
    "link-dump",
    "monitor",
    "neigh-add",
    "neigh-dump",
    "netconf",
    "nexthop",
    "route-add-metrics",
    "route-add-mpls",
    "route-dump",
    "route-get",
    "rule-dump",
];

/// Messages in a datagram of a dump.
const DUMP_LEN: usize = 100;

fn main() {
    divan::main();
}

/// Datagrams, and how many messages they hold.
#[derive(Default)]
struct Load {
    datagrams: Vec<(Direction, Vec<u8>)>,
    messages: usize,
}

impl Load {
    fn read(fixtures: &[&str], mut wanted: impl FnMut(&[u8]) -> bool) -> Self {
        let mut load = Self::default();
        for name in fixtures {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/golden");
            let file = File::open(folder.join(format!("{name}.nlhex"))).unwrap();
            let mut text = HexText::new(BufReader::new(file), |name| match name {
                "NETLINK_ROUTE" => Some(ROUTE),
                _ => None,
            });
            while let Some(item) = text.next_item().unwrap() {
                let Item::Datagram { protocol: ROUTE, is_sent, bytes } = item else { continue };
                let direction = if is_sent { Direction::Send } else { Direction::Receive };
                for step in Messages::new(bytes) {
                    let Step::Element(found) = step else { continue };
                    let end = found.at + HEADER_LEN + found.payload.len();
                    let message = bytes[found.at..end].to_vec();
                    if wanted(&message) {
                        load.datagrams.push((direction, message));
                    }
                }
            }
        }
        load.messages = load.datagrams.len();
        load
    }

    fn bytes(&self) -> usize {
        self.datagrams.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// One message a datagram.
fn mix() -> &'static Load {
    static LOAD: OnceLock<Load> = OnceLock::new();
    LOAD.get_or_init(|| {
        let load = Load::read(MIX, |_| true);
        let mean = load.bytes() / load.messages;
        assert!((125..145).contains(&mean), "messages of {mean} bytes");
        load
    })
}

/// One datagram of many routes.
fn dump() -> &'static Load {
    static LOAD: OnceLock<Load> = OnceLock::new();
    LOAD.get_or_init(|| {
        let routes = Load::read(&["route-dump"], |bytes| bytes.get(4) == Some(&24));
        let many = routes.datagrams.iter().cycle().take(DUMP_LEN);
        let bytes: Vec<u8> = many.flat_map(|(_, bytes)| bytes).copied().collect();
        Load { datagrams: vec![(Direction::Receive, bytes)], messages: DUMP_LEN }
    })
}

fn style() -> Style {
    Style::PLAIN
}

/// The specs, with the tables made that are otherwise made when they are first needed.
fn registry() -> Registry {
    let registry = Registry::builtin();
    assert!(registry.protocol(ROUTE).is_some());
    registry
}

fn decoder(bencher: Bencher<'_, '_>, load: &Load) {
    let registry = registry();
    let engine = Engine { registry: &registry, names: &NoNames, requests: &NoRequests };
    bencher
        .counter(ItemsCount::new(load.messages))
        .counter(BytesCount::new(load.bytes()))
        .bench_local(|| {
            for (direction, bytes) in &load.datagrams {
                decode::datagram(&engine, ROUTE, *direction, black_box(bytes), &mut Ignore);
            }
        });
}

fn format(bencher: Bencher<'_, '_>, load: &Load, name: &str) {
    let registry = registry();
    let engine = Engine { registry: &registry, names: &NoNames, requests: &NoRequests };
    let format = FORMATS.iter().find(|format| format.name == name).unwrap();
    let mut output = (format.make)(&style());
    let mut text = Vec::new();
    bencher
        .counter(ItemsCount::new(load.messages))
        .counter(BytesCount::new(load.bytes()))
        .bench_local(|| {
            for (record, (direction, bytes)) in (1..).zip(&load.datagrams) {
                text.clear();
                let bytes = black_box(bytes.as_slice());
                let datagram = Datagram {
                    protocol: ROUTE,
                    direction: *direction,
                    bytes,
                    record,
                    wanted: Wanted::All,
                };
                output.datagram(&engine, &datagram, &mut text);
                black_box(&text);
            }
        });
}

#[divan::bench(sample_count = 2000)]
fn mix_decode(bencher: Bencher<'_, '_>) {
    decoder(bencher, mix());
}

#[divan::bench(sample_count = 2000, args = ["tree", "strace", "json"])]
fn mix_format(bencher: Bencher<'_, '_>, name: &str) {
    format(bencher, mix(), name);
}

#[divan::bench(sample_count = 2000)]
fn dump_decode(bencher: Bencher<'_, '_>) {
    decoder(bencher, dump());
}

#[divan::bench(sample_count = 2000, args = ["tree", "strace", "json"])]
fn dump_format(bencher: Bencher<'_, '_>, name: &str) {
    format(bencher, dump(), name);
}
