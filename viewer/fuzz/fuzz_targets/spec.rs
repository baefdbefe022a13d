//! A spec file is read or refused, whatever it says.
#![no_main]

use std::cell::RefCell;
use std::fs;

use libfuzzer_sys::fuzz_target;
use nlview::spec::Registry;

thread_local! {
    static REGISTRY: RefCell<Registry> = RefCell::new(Registry::builtin());
}

fuzz_target!(|bytes: &[u8]| {
    let file = std::env::temp_dir().join(format!("nlview-fuzz-{}.yaml", std::process::id()));
    fs::write(&file, bytes).expect("a temporary file");
    REGISTRY.with_borrow_mut(|registry| drop(registry.add_path(&file)));
});
