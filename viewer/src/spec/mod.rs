//! Specs: families as data files, read into tables that the decoder follows.
//!
//! ```text
//! viewer/specs/*.yaml ──build.rs──► JSON ┐
//!                                        ├─ schema ──► compile ──► model (tables) ──► decode
//! --spec FILE ─────────────── YAML ──────┘   (as written)  names, numbers, references resolved
//! ```
//!
//! Nothing here knows bytes. `viewer/specs/README.md` is the language's reference. Tables are built
//! when a protocol or generic family is first met, so that starting costs nothing.

mod compile;
mod error;
mod load;
pub mod model;
mod names;
mod registry;
mod schema;
mod vocabulary;

pub use error::Error;
pub use registry::{GENERIC, Overview, Registry};
pub use vocabulary::Vocabulary;
