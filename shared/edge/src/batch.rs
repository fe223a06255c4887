//! The answer of a batch: the result of each entry, in their order.

use std::borrow::Borrow;

use coaching_domain::Error;

use crate::answer::{EntryStatus, entry_status};

/// The results of a batch's `entries`. Those that could be read have the outcomes in `written`, in the same order,
/// which `message` shows. `result` is made of that message, or of why the entry was refused.
///
/// # Errors
/// INTERNAL if less was written than could be read, or a refusal cannot be written as JSON.
pub fn batch_results<'e, T, W, M, R>(
    entries: &'e [Result<T, Error>],
    written: Vec<Result<W, Error>>,
    message: impl Fn(&'e T, W) -> M,
    result: impl Fn(Option<M>, Option<EntryStatus>) -> R,
) -> Result<Vec<R>, Error> {
    let mut written = written.into_iter();
    let results = entries.iter().map(|entry| match entry {
        Ok(read) => {
            let written = written.next().ok_or_else(|| Error::internal("an entry of a batch was left out"))?;
            entry_result(written.map(|written| message(read, written)), &result)
        }
        Err(error) => entry_result(Err(error), &result),
    });
    results.collect()
}

/// The results of a batch's entries, each made of its message or of why it was refused: as [`batch_results`].
///
/// # Errors
/// INTERNAL if a refusal cannot be written as JSON.
pub fn entry_results<M, E: Borrow<Error>, R>(
    outcomes: impl Iterator<Item = Result<M, E>>,
    result: impl Fn(Option<M>, Option<EntryStatus>) -> R,
) -> Result<Vec<R>, Error> {
    outcomes.map(|outcome| entry_result(outcome, &result)).collect()
}

fn entry_result<M, E: Borrow<Error>, R>(
    outcome: Result<M, E>,
    result: &impl Fn(Option<M>, Option<EntryStatus>) -> R,
) -> Result<R, Error> {
    match outcome {
        Ok(message) => Ok(result(Some(message), None)),
        Err(error) => Ok(result(None, Some(entry_status(error.borrow())?))),
    }
}

#[cfg(test)]
mod tests {
    use coaching_domain::Code;

    use super::*;

    fn results(written: Vec<Result<u32, Error>>) -> Result<Vec<(Option<String>, bool)>, Error> {
        let refused = || Err(Error::invalid_field("name", "is bad"));
        let entries = [Ok("a"), refused(), Ok("b"), Ok("c")];
        let message = |entry: &&str, version: u32| format!("{entry}{version}");
        batch_results(&entries, written, message, |message, status| (message, status.is_some()))
    }

    #[test]
    fn each_entry_has_its_result_in_its_place() {
        let refused = Err(Error::invalid_field("name", "is taken"));
        let shown = |text: &str| (Some(text.to_owned()), false);
        let expected = vec![shown("a1"), (None, true), (None, true), shown("c3")];
        assert_eq!(results(vec![Ok(1), refused, Ok(3)]).unwrap(), expected);
    }

    #[test]
    fn an_entry_that_was_neither_written_nor_refused_is_not_passed_over() {
        assert_eq!(results(vec![Ok(1), Ok(2)]).unwrap_err().code(), Code::Internal);
    }
}
