//! The time at which a batch must stop, and the answer for entries that it did not reach.

use std::time::{Duration, Instant};

use coaching_domain::{Error, Reason};

/// The moment at which a batch stops writing, so that it still answers the result of each entry in time.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The moment `time` from now.
    pub fn after(time: Duration) -> Self {
        // A moment beyond the clock's range is no deadline.
        Self(Instant::now().checked_add(time))
    }

    /// Runs `work`, the writing of some entries. It is not started once the deadline has passed, and given up when it
    /// passes.
    ///
    /// # Errors
    /// The errors of `work`; UNAVAILABLE with the reason `OUT_OF_TIME` if it was not started, and nothing is written,
    /// or was given up, and each entry is written wholly or not at all.
    pub async fn within<T>(self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Some(deadline) = self.0 else { return work.await };
        if Instant::now() >= deadline {
            return Err(out_of_time("the batch ran out of time before this entry, which was not written; repeat it"));
        }
        match tokio::time::timeout_at(deadline.into(), work).await {
            Ok(done) => done,
            Err(_) => Err(out_of_time(
                "the batch ran out of time, and this entry may have been written, wholly or not at all; repeat it",
            )),
        }
    }
}

fn out_of_time(message: &str) -> Error {
    Error::new(Reason::OutOfTime, message)
}
