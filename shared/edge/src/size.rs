//! The size of an answer in bytes. Lambda takes at most [`MAX_ANSWER_BYTES`] from a function, counted as the JSON for
//! API Gateway: in it the body, JSON itself, is a string and is escaped once more.

use std::io::{self, Write};

use coaching_domain::Error;
use serde::Serialize;

/// The largest answer of a function, in bytes (Lambda's quota of a synchronous answer).
pub const MAX_ANSWER_BYTES: usize = 6_291_556;
/// The most bytes around the body: the status and the headers.
const ENVELOPE_BYTES: usize = 2 * 1024;
/// The largest body in it, in bytes.
pub(crate) const MAX_ANSWER_BODY_BYTES: usize = MAX_ANSWER_BYTES - ENVELOPE_BYTES;

/// The bytes that `message` takes as a part of the body of an answer.
///
/// # Errors
/// INTERNAL if it cannot be written as JSON.
pub fn bytes_in_answer(message: &impl Serialize) -> Result<usize, Error> {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, written: &[u8]) -> io::Result<usize> {
            self.0 += bytes_as_string(written);
            Ok(written.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, message).map_err(Error::internal)?;
    Ok(count.0)
}

/// `message` as a body; `None` if it is larger than a body may be.
///
/// # Errors
/// INTERNAL if it cannot be written as JSON.
pub(crate) fn body_that_fits(message: &impl Serialize) -> Result<Option<String>, Error> {
    /// Refuses what a body could not hold even unescaped, so that memory stays limited whatever the message.
    struct Body(Vec<u8>);
    impl Write for Body {
        fn write(&mut self, written: &[u8]) -> io::Result<usize> {
            if self.0.len() + written.len() > MAX_ANSWER_BODY_BYTES {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            self.0.extend_from_slice(written);
            Ok(written.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut body = Body(Vec::with_capacity(128));
    match serde_json::to_writer(&mut body, message) {
        Err(error) if error.io_error_kind() == Some(io::ErrorKind::FileTooLarge) => return Ok(None),
        written => written.map_err(Error::internal)?,
    }
    let Body(body) = body;
    // Escaping at most doubles the bytes of JSON, so a short body need not be searched.
    if 2 * body.len() > MAX_ANSWER_BODY_BYTES && bytes_as_string(&body) > MAX_ANSWER_BODY_BYTES {
        return Ok(None);
    }
    String::from_utf8(body).map(Some).map_err(Error::internal)
}

/// The bytes that a part of a JSON text takes within a JSON string: its control characters are escaped already.
fn bytes_as_string(json: &[u8]) -> usize {
    json.len() + json.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn bytes_are_those_of_the_body_in_lambdas_answer(texts in prop::collection::vec("[ab\"\\\\\u{0}-\u{1f}\u{7f}é\u{1f600}]{0,40}", 0..5)) {
            let message = json!({"texts": texts, "count": 1.5});
            let body = serde_json::to_string(&message).unwrap();
            let as_string = serde_json::to_string(&body).unwrap();
            prop_assert_eq!(bytes_in_answer(&message).unwrap(), as_string.len() - 2);
            prop_assert_eq!(body_that_fits(&message).unwrap(), Some(body));
        }
    }

    #[test]
    fn a_body_fits_up_to_the_last_byte() {
        // The quotes around a text are escaped in the answer.
        for (text, escaped) in [("a", 1), ("\"", 4), ("\u{1}", 7), ("é", 2)] {
            let fitting = (MAX_ANSWER_BODY_BYTES - 4) / escaped;
            assert!(body_that_fits(&text.repeat(fitting)).unwrap().is_some(), "{text}");
            assert!(body_that_fits(&text.repeat(fitting + 1)).unwrap().is_none(), "{text}");
        }
    }
}
