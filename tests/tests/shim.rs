//! The shim as it is built by default, on redhook.

mod hooks;

/// The features that it is built with besides the default ones.
const FEATURES: &[&str] = &[];

/// What the programs are compiled with.
const COMPILER: &str = "cc";
