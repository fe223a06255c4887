//! The single table. Key shapes are in [`keys`], how entities are written as items in one file per
//! resource, and every function of [`Store`] answers one question of the service.
//!
//! | question | function | reads |
//! |---|---|---|
//! | create a plan | [`Store::create_plan`] | nothing |
//! | one plan | [`Store::plan`] | one item |
//! | one scorecard, or some | [`Store::scorecard`], [`Store::scorecards_by_id`] | the items |
//! | write scorecards and their statistics | [`Store::write_scorecards`] | the statistics that change |
//! | create a session | [`Store::create_session`] | the plan, only if the client named no usecase |
//! | a page of sessions, by any filter | [`Store::sessions`] | a range of one index; of one index partition per usecase if several are named |
//!
//! `PK` is an entity's own partition, so no live load meets a partition's limit; every list order
//! is an index with all attributes projected, so a page is one range read.

mod batch;
mod failure;
mod item;
pub mod keys;
mod plans;
mod requests;
mod scorecards;
mod sessions;
mod spent;
mod transaction;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;

pub use keys::ListPosition;
pub use requests::{Created, RequestRecord};
pub use scorecards::{Counted, ScorecardChange, Written};
pub use sessions::{SessionFilter, SessionPage};
pub use spent::{Expenses, Spent};

/// The table, and what the calls through this handle have spent.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: Arc<str>,
    spent: Arc<Spent>,
}

impl Store {
    /// The table named `table`, reached through `client`.
    pub fn new(client: Client, table: &str) -> Self {
        Self { client, table: table.into(), spent: Arc::default() }
    }

    /// The same table with an account of its own, for one request.
    #[must_use]
    pub fn with_new_account(&self) -> Self {
        Self { client: self.client.clone(), table: Arc::clone(&self.table), spent: Arc::default() }
    }

    /// What the calls through this handle have spent so far.
    pub fn spent(&self) -> Expenses {
        self.spent.so_far()
    }
}
