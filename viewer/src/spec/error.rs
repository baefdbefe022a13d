//! What can be wrong with a spec.

use std::path::PathBuf;

/// A spec that cannot be used: the file, the place in it and the reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {}", path.display(), reason(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no YAML, or not shaped like a spec.
    #[error("{file}: {}{reason}", at(place))]
    Shape {
        /// The file.
        file: String,
        /// The path in the document, if it is known.
        place: String,
        /// What the reader says.
        reason: String,
    },
    /// Something in it refers to what is not there, or contradicts itself.
    #[error("{file}: {}{reason}", at(place))]
    Meaning {
        /// The file.
        file: String,
        /// The path in the document.
        place: String,
        /// What is wrong.
        reason: String,
    },
}

/// What the kernel says, without the number that std appends.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or(&text).to_owned()
}

fn at(place: &str) -> String {
    if place.is_empty() || place == "." { String::new() } else { format!("{place}: ") }
}
