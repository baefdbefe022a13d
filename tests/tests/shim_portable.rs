//! The shim without the standard library, as `nlview` carries it.

mod hooks;

/// The features that it is built with besides the default ones.
const FEATURES: &[&str] = &["portable"];

/// What the programs are compiled with.
const COMPILER: &str = "cc";
