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

/// Writes the lists, then has the rest written by the tests that otherwise compare it.
///
/// # Errors
///
/// A file cannot be read or written; the workspace does not compile; an operation's declaration is incomplete.
pub(crate) fn generate() -> Outcome {
    write_lists()?;
    for test in ["generated::", "units::every_operation_costs_what_the_document_says"] {
        run(command(&format!("cargo test --quiet --workspace --test service {test}")).env(WRITE_GENERATED, "1"))?;
    }
    Ok(())
}
