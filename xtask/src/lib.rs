//! What is generated from the declarations of operations, for `cargo xtask` and for the test that holds it equal.

pub mod command;
pub mod functions;
pub mod generated;
