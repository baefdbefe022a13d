//! Hex text is read, or refused with the place of the mistake.
#![no_main]

use std::io::BufReader;

use libfuzzer_sys::fuzz_target;
use nlview::source::hextext::HexText;

fuzz_target!(|bytes: &[u8]| {
    let mut text = HexText::new(BufReader::new(bytes), |name| name.parse().ok());
    let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    loop {
        match text.next_item() {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(mistake) => {
                assert!(mistake.line <= lines, "{mistake}");
                return;
            }
        }
    }
});
