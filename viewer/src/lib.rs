//! The viewer as a library: everything but the command line's `main`.
//!
//! ```text
//! source → state → output ─► decode ─► wire
//!                               └────► spec
//! ```
//!
//! [`source`] gets bytes from a socket, a launched program or a file; [`state`] makes whole calls of
//! them and learns; [`output`] prints, pulling [`decode`], which alone joins [`wire`] (bytes, no
//! names) and [`spec`] (names, no bytes). [`app`] ties them, [`cli`] says what the user asked for.
#![forbid(unsafe_code)]

pub mod app;
pub mod cli;
pub mod decode;
pub mod error;
pub mod filter;
pub mod output;
pub mod source;
pub mod spec;
pub mod state;
pub mod wire;
