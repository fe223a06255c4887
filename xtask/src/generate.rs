//! `cargo xtask generate`: writes what repeats the declarations of operations.

use std::path::Path;

use xtask::functions::lists;
use xtask::generated::WRITE_GENERATED;

use crate::command::{Outcome, command, run};

/// Writes what must be there for the workspace to compile, then has the test that holds the rest equal write it.
///
/// # Errors
///
/// A file cannot be read or written; the workspace does not compile; an operation says too little of itself.
pub(crate) fn generate() -> Outcome {
    for list in lists(Path::new("."))? {
        list.write(Path::new("."))?;
    }
    run(command("cargo test --quiet --workspace --test generated").env(WRITE_GENERATED, "1"))
}
