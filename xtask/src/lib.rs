//! Generates text from the declarations of operations, for `cargo xtask` and for the test that compares it.

pub mod command;
pub mod functions;
pub mod generated;
