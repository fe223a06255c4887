//! Work beside requests. [`work`] does a job in turns; what a turn does is its kind's, each in a file of its own:
//! [`scorecards_export`], [`backfill`]. To add a kind, write its file and name it in [`KINDS`].
//!
//! | what happens | what comes of it |
//! |---|---|
//! | a turn is told twice, or late | the claim of a turn that is done is refused; one that is under way is voided by the later |
//! | a worker dies in a turn | the stream tells the turn again, and it begins at the same checkpoint |
//! | a worker is slow, and another has its turn | its checkpoint is refused; its files are listed nowhere and expire |
//! | a turn fails ten times | the job fails |

pub mod backfill;
pub mod cells;
mod kind;
pub mod scorecard_rows;
pub mod scorecards_export;
mod worker;

pub use kind::{Kind, Sliced, Slicing, Stopped, Work};
pub use worker::{Turn, work};

use backfill::{BackfillKind, ValidationKind};
use scorecards_export::ScorecardsExportKind;

/// Every kind of job.
pub static KINDS: [&dyn Kind; 3] = [&ScorecardsExportKind, &BackfillKind, &ValidationKind];
