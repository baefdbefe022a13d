//! A spec file is read or refused, whatever it says.
#![no_main]

use std::cell::RefCell;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use nlview::spec::Registry;

thread_local! {
    static REGISTRY: RefCell<Registry> = RefCell::new(Registry::builtin());
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = Path::new("fuzz.yaml");
    REGISTRY.with_borrow_mut(|registry| drop(registry.add_text(file, text)));
});
