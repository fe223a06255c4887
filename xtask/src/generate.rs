//! `cargo xtask generate`: writes what repeats the declarations of operations.

use std::path::Path;

use xtask::functions::lists;
use xtask::generated::WRITE_GENERATED;

use crate::command::{Outcome, command, run};

/// Writes what must be there for the workspace to compile.
///
/// # Errors
///
/// A file cannot be read or written.
pub(crate) fn write_lists() -> Outcome {
    let root = Path::new(".");
    lists(root)?.iter().try_for_each(|list| list.write(root))
}

/// Writes the lists, then has the test that holds all that is generated equal write the rest.
///
/// # Errors
///
/// A file cannot be read or written; the workspace does not compile; an operation says too little of itself.
pub(crate) fn generate() -> Outcome {
    write_lists()?;
    run(command("cargo test --quiet --workspace --test generated").env(WRITE_GENERATED, "1"))
}
