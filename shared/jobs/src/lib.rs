//! Work beside requests. [`work`] does a job in turns; what a turn does is its kind's, each in a file of its own. To add a
//! kind, write its file and name it in [`KINDS`]. Exports are all done alike ([`export`]); what each reads and writes is
//! declared in a file of its own. Backfills and their validations are one code ([`backfill`]). A person is erased by
//! sweeps through the table ([`erasure`]).
//!
//! | what happens | what comes of it |
//! |---|---|
//! | a turn is told twice, or late | the claim of a turn that is done is refused; one that is under way is voided by the later |
//! | a worker dies in a turn | the stream tells the turn again, and it begins at the same checkpoint |
//! | a worker is slow, and another has its turn | its checkpoint is refused; its files are listed nowhere and expire |
//! | a turn fails ten times | the job fails |

pub mod backfill;
pub mod cells;
pub mod erasure;
pub mod export;
mod kind;
mod overviews_export;
mod people;
mod progress_export;
mod roster_reading;
mod rows;
mod scorecard_rows;
mod scorecards_export;
mod sessions_export;
mod worker;

pub use kind::{Kind, Sliced, Slicing, Stopped, Work};
pub use overviews_export::ExportedOverviews;
pub use progress_export::ExportedProgress;
pub use rows::Cells;
pub use worker::{Turn, work};

use backfill::{BackfillKind, ValidationKind};
use coaching_domain::export::ExportedScorecards;
use coaching_domain::session::AskedSessions;
use erasure::ErasureKind;
use export::ExportKind;

/// Every kind of job.
pub static KINDS: [&dyn Kind; 7] = [
    &ExportKind::<ExportedScorecards>::KIND,
    &ExportKind::<AskedSessions>::KIND,
    &ExportKind::<ExportedProgress>::KIND,
    &ExportKind::<ExportedOverviews>::KIND,
    &BackfillKind,
    &ValidationKind,
    &ErasureKind,
];
