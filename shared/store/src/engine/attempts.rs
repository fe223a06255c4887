//! Attempts at a change that conflicts with others, and the error if none gets through.

use std::time::Duration;

use coaching_domain::Error;

/// The most attempts at one change.
const ATTEMPTS: u32 = 16;
/// The longest pause before the second attempt; it doubles with each further one, up to the longest. All pauses
/// together are at most 3.5 seconds, and half of that on average: a request has 8.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);

/// The attempts at one change. Their pauses are random, so that each of several conflicting changes gets through.
#[derive(Debug)]
pub(crate) struct Attempts {
    left: u32,
    /// The longest pause before the next; none before the first.
    pause: Option<Duration>,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { left: ATTEMPTS, pause: None }
    }

    /// Waits until it is time for the next attempt; returns whether there is one.
    pub(crate) async fn another(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        if let Some(pause) = self.pause {
            tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
        }
        self.pause = Some(self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE)));
        true
    }
}

/// ABORTED after all [`Attempts`] at the resource named `name`.
pub(crate) fn keeps_changing(name: &str) -> Error {
    Error::kept_changing(&format!("'{name}'"))
}
