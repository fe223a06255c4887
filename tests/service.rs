//! The tests that span functions: one program, which links once, and in which they run beside each other.
//!
//! ```sh
//! cargo test --workspace --test service isolation:: -- --nocapture
//! ```

mod activity;
mod agreement;
mod answer_size;
mod batches;
mod calibrations;
mod clock;
mod exports;
mod faults;
mod full_statistics;
mod generated;
mod isolation;
mod life;
mod links;
mod log;
mod quiet_logs;
mod readers;
mod repeats;
mod rights;
mod roles;
mod roles_of_scorecards;
mod storm;
mod units;
mod unreadable;
mod versions;
