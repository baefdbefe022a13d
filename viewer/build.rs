//! Prepares what the viewer carries within itself: the specs, and the shim.
//!
//! Cargo has no stable way to depend on another package's `cdylib`; a second cargo, with a target
//! folder of its own, builds the shim on every toolchain.

#[path = "build/specs.rs"]
mod specs;

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A shim that was built elsewhere is taken instead of building one.
const PREBUILT: &str = "NLVIEW_EMBED_SHIM";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    specs::embed(&PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("specs"), &out)?;
    embed_shim(&out)
}

/// Leaves the shim as `OUT_DIR/libnlhook.so` and tells the crate a name for its content.
fn embed_shim(out: &Path) -> Result<(), Box<dyn Error>> {
    watch_env(PREBUILT);
    let built = match env::var_os(PREBUILT) {
        Some(path) => {
            let path = PathBuf::from(path);
            watch(&path);
            path
        }
        None => build_shim(out)?,
    };
    let bytes = fs::read(&built).map_err(|e| format!("{}: {e}", built.display()))?;
    fs::write(out.join("libnlhook.so"), &bytes)?;
    say(&format!("rustc-env=NLVIEW_SHIM_HASH={:016x}", content_hash(&bytes)));
    Ok(())
}

/// Builds the shim by a cargo of its own and returns the library's path. The portable one: programs to be
/// recorded may run in containers with an older or another C library, where the other kind would keep
/// them from starting.
fn build_shim(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let viewer = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let root = viewer.parent().ok_or("the viewer's folder has no parent")?;
    let manifest = root.join("shim").join("Cargo.toml");
    if !manifest.is_file() {
        return Err(format!(
            "{} is missing: nlview carries the shim within itself and is built from the whole \
             source tree; or set {PREBUILT} to a libnlhook.so built before",
            manifest.display()
        )
        .into());
    }
    for part in ["shim", "proto", "Cargo.toml", "Cargo.lock"] {
        watch(&root.join(part));
    }
    let (host, target) = (variable("HOST")?, variable("TARGET")?);
    let folder = out.join("shim-build");
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.args(["build", "--release", "--package", "nlhook", "--features", "portable"]);
    cargo.arg("--manifest-path").arg(&manifest);
    cargo.arg("--target-dir").arg(&folder).current_dir(root);
    // Without --target, so that a plain build shares nothing with a cross build's flags.
    let mut products = folder;
    if host != target {
        cargo.args(["--target", &target]);
        products.push(&target);
    }
    for (name, _value) in env::vars_os() {
        if is_of_outer_build(&name) {
            cargo.env_remove(name);
        }
    }
    let status = cargo.status().map_err(|e| format!("cannot run cargo for the shim: {e}"))?;
    if !status.success() {
        return Err(format!("building the shim failed: {status}").into());
    }
    Ok(products.join("release").join("libnlhook.so"))
}

/// Whether a variable belongs to the build of the viewer (clippy's wrapper, coverage or sanitizer
/// flags, this script's own inputs) and would change the shim that is built inside it.
fn is_of_outer_build(name: &OsStr) -> bool {
    /// Where packages come from, the job server, and what a cross build links with.
    const KEPT: &[&str] = &[
        "CARGO_HOME",
        "CARGO_MAKEFLAGS",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
    ];
    const DROPPED: &[&str] = &[
        "CARGO",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "CLIPPY_ARGS",
        "CLIPPY_CONF_DIR",
        "LLVM_PROFILE_FILE",
        "__CARGO",
    ];
    let Some(name) = name.to_str() else { return false };
    if name.starts_with("CARGO_TARGET_") && name.ends_with("_LINKER") {
        return false;
    }
    let begins = |prefixes: &[&str]| prefixes.iter().any(|p| name.starts_with(p));
    begins(DROPPED) && !begins(KEPT)
}

/// FNV-1a: names the content, so that several versions of nlview can be used side by side. It
/// proves nothing; the file is compared byte for byte before it is used.
fn content_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|e| format!("{name}: {e}; is this run by cargo?"))
}

fn watch(path: &Path) {
    say(&format!("rerun-if-changed={}", path.display()));
}

fn watch_env(name: &str) {
    say(&format!("rerun-if-env-changed={name}"));
}

#[allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
fn say(instruction: &str) {
    println!("cargo::{instruction}");
}
