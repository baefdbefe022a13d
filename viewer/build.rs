//! Prepares what the viewer carries inside it.

#[path = "build/specs.rs"]
mod specs;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    specs::embed(&here.join("specs"), &out)
}
