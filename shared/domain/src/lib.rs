//! Coaching as values: who may act where ([`identity`]), how resources are named ([`names`]), what a client may send
//! ([`mod@message`], [`session`], [`plan`]), how that is documented ([`outline`]) and what goes wrong ([`error`]).
//!
//! Nothing here knows HTTP, Lambda or DynamoDB, and nothing reads a clock or a random source: callers pass in what an
//! operation needs from outside.

pub mod activity;
pub mod backfill;
pub mod benchmark;
mod bits;
pub mod bodies;
mod calibration;
pub mod change;
pub mod coach;
pub mod comment;
pub mod confidence;
pub mod directory;
pub mod effect;
pub mod erasure;
pub mod error;
pub mod etag;
pub mod exact;
pub mod export;
#[cfg(test)]
mod figures;
pub mod goal;
pub mod identity;
pub mod job;
pub mod json;
pub mod measurement;
pub mod message;
pub mod name_search;
pub mod names;
pub mod opportunity;
pub mod outline;
pub mod overview;
mod parameters;
pub mod part_scores;
pub mod plan;
pub mod progress;
pub mod qa_task;
pub mod queries;
pub mod quota;
mod quotient;
mod reason;
pub mod references;
pub mod rescore;
pub mod rules;
pub mod scorecard;
pub mod series;
pub mod session;
pub mod statistics;
pub mod target;
pub mod template;
pub mod template_settings;
pub mod timestamp;
pub mod update_mask;
pub mod values;
mod version;

pub use error::{Code, Error, Violations, counted};
pub use etag::ExpectedEtag;
pub use identity::{Caller, ClaimNames, CustomerTenant, Role, Tenant};
pub use names::Id;
pub use parameters::Parameters;
pub use reason::Reason;
pub use timestamp::Timestamp;
pub use update_mask::UpdateMask;
pub use version::Version;
