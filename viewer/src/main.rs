//! `nlview`: reads the command line and does what it says.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use nlview::cli;

fn main() -> ExitCode {
    let status = match cli::parse() {
        Ok(plan) => plan.run(),
        Err(status) => status,
    };
    ExitCode::from(status)
}
