//! `cargo xtask generate`: writes everything that is generated from the declarations of operations.

use std::path::Path;

use xtask::functions::lists;
use xtask::generated::WRITE_GENERATED;

use crate::command::{Outcome, command, run};

/// Writes the lists that the workspace needs to compile.
///
/// # Errors
///
/// A file cannot be read or written.
pub(crate) fn write_lists() -> Outcome {
    let root = Path::new(".");
    lists(root)?.iter().try_for_each(|list| list.write(root))
}

/// Writes the lists, then has the rest written by the test that otherwise compares it.
///
/// # Errors
///
/// A file cannot be read or written; the workspace does not compile; an operation's declaration is incomplete.
pub(crate) fn generate() -> Outcome {
    write_lists()?;
    run(command("cargo test --quiet --workspace --test generated").env(WRITE_GENERATED, "1"))
}
