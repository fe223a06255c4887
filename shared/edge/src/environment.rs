//! The environment variables of a function, and the error if it cannot start without one.

use std::env::VarError;
use std::fmt;

/// Why a function cannot start, in one line for the operator.
pub struct StartError(pub(crate) String);

/// The text that a failed `main` prints.
impl fmt::Debug for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The environment variable `name`, if it is set and not empty.
pub(crate) fn variable(name: &str) -> Result<Option<String>, StartError> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(StartError(format!("the environment variable {name} is not UTF-8"))),
    }
}

/// The environment variable `name`, which must be set and not empty.
pub(crate) fn required(name: &str) -> Result<String, StartError> {
    variable(name)?.ok_or_else(|| StartError(format!("the environment variable {name} is not set")))
}
