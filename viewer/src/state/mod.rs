//! What is remembered between records: who speaks, what is on its way, what has which name.

pub mod control;
pub mod early;
pub mod names;
pub mod process;
pub mod reassembly;
pub mod requests;
