//! Every format prints something for every datagram that is not empty. The first two bytes choose protocol and
//! direction. Every answer answers what stands at the front of the datagram itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nlview::decode::{Asked, Direction, Engine, NoNames, Requests, Wanted};
use nlview::output::check::{Check, Level, Tally};
use nlview::output::{Datagram, FORMATS, Output, Style};
use nlview::spec::Registry;
use nlview::wire::message::Nlmsghdr;

thread_local! {
    static REGISTRY: Registry = Registry::builtin();
}

fn style() -> Style {
    Style::PLAIN
}

struct Same<'a>(&'a [u8]);

impl Requests for Same<'_> {
    fn asked(&self, _answer: &Nlmsghdr) -> Option<Asked<'_>> {
        Some(Asked::once(self.0))
    }
}

fuzz_target!(|input: &[u8]| {
    let [protocol, direction, bytes @ ..] = input else { return };
    if bytes.is_empty() {
        // There is nothing to show.
        return;
    }
    let direction = if direction & 1 == 0 { Direction::Send } else { Direction::Receive };
    let datagram = Datagram {
        protocol: u32::from(*protocol % 32),
        direction,
        bytes,
        record: 1,
        wanted: Wanted::All,
    };
    REGISTRY.with(|registry| {
        let requests = Same(bytes);
        let engine = Engine { registry, names: &NoNames, requests: &requests };
        for format in FORMATS {
            let mut out = Vec::new();
            (format.make)(&style()).datagram(&engine, &datagram, &mut out);
            assert_eq!(out.last(), Some(&b'\n'), "{}: no line", format.name);
            // What is printed grows with what came in, not faster.
            assert!(out.len() <= 65_536 + bytes.len() * 4096, "{}", format.name);
        }
        let (tally, mut out) = (Tally::new(Level::All), Vec::new());
        Check::new(&style(), &tally, false).datagram(&engine, &datagram, &mut out);
        let lines = out.iter().filter(|b| **b == b'\n').count();
        assert_eq!(u64::try_from(lines), Ok(tally.count()), "a line is a finding");
    });
});
