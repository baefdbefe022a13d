//! Walks over messages and attributes end, and never take a step without bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nlview::wire::attr::Attrs;
use nlview::wire::message::Messages;

fuzz_target!(|bytes: &[u8]| {
    assert!(Messages::new(bytes).count() <= bytes.len());
    assert!(Attrs::new(bytes).count() <= bytes.len());
});
