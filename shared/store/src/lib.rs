//! The single table. [`Partition`] has the kinds of its partitions, [`keys`] their keys. One file per resource says how
//! its entities are written as items; `engine` reads, writes and changes the items of all resources alike. Every
//! function of [`Store`] answers one question of the service.
//!
//! | question | function | reads |
//! |---|---|---|
//! | create a plan | [`Store::create_plan`] | nothing |
//! | one plan; some | [`Store::plan`]; [`Store::plans_by_id`] | one item; the items |
//! | load the directory | [`Store::upsert_users`], [`Store::upsert_groups`], [`Store::upsert_usecases`] | the stored items |
//! | one user; one group | [`Store::user`], [`Store::group`] | the items |
//! | which usecases and templates exist | [`Store::existing`], [`Store::unknown_names`] | the items |
//! | who of some coaches an agent | [`Store::coaches_of`] | ranges of an index: the agent's plans and sessions |
//! | a page of users; of groups | [`Store::list_users`], [`Store::list_groups`] | a range of the table, with a search two |
//! | who of some is in the directory | [`Store::known_users`] | the items |
//! | members of groups | [`Store::members_of`] | the groups, level by level |
//! | some agents; the agents of a profile | [`Store::agents_by_id`], [`Store::agents_of_profile`] | their records; a range of an index; for a window that is over, past facts too |
//! | create, change, delete a template | [`Store::create_template`], [`Store::replace_template`], [`Store::delete_template`] | nothing; nothing; the current revision |
//! | one revision, or some | [`Store::template`], [`Store::templates`] | the items |
//! | a page of current templates | [`Store::current_templates`] | a range of an index; for an agent, groups too |
//! | create, change, delete a target | [`Store::create_target`], [`Store::change_target`], [`Store::delete_target`] | nothing |
//! | one target | [`Store::target`] | one item |
//! | a page of targets; the organisation's | [`Store::targets`], [`Store::organisation_targets`] | a range of an index |
//! | one scorecard, or some | [`Store::scorecard`], [`Store::scorecards_by_id`] | the items |
//! | a page of scorecards, by any filter | [`Store::scorecards`] | a range of one index |
//! | write scorecards and their statistics | [`Store::create_scorecard`], [`Store::change_scorecard`], [`Store::delete_scorecard`] | the statistics that change |
//! | write many scorecards over the stored ones | [`Store::upsert_scorecards`] | the scorecards, again after each conflict |
//! | write scorecards of an agent that are re-scored; what that costs | [`Store::write_changes_of_agent`], [`Store::cost_of_changes_of_agent`] | the statistics that change |
//! | a template and the statistics that a scorecard of it counts in | [`Store::template_and_statistics`] | the items |
//! | statistics of some agents; of a profile | [`Store::statistics_of_agents`], [`Store::statistics_of_profile`] | the items; a range of each bucket |
//! | marks of sessions, with linked scorecards or without, or of evaluations, of some agents; of a profile | [`Store::activity_of_agents`], [`Store::activity_of_profile`] | a range of each agent; of each bucket |
//! | how many active agents a profile has | [`Store::active_agent_count`] | the shards of the counts |
//! | everyone's scores; make them up | [`Store::benchmark`], [`Store::make_benchmark`] | the items; a range of each bucket of statistics |
//! | recount a profile's statistics | [`Store::plan_recount`], [`Store::recount_agent`] | its scorecards and statistics |
//! | keep an order of agents; a part of it | [`Store::keep_order`], [`Store::kept_order`] | nothing; one item or two |
//! | scorecards by their creation, for exports | [`Store::scorecards_created`] | a range of one index; of one index partition per agent if few are named |
//! | who users are | [`Store::people`] | the items |
//! | start a job; one job; a page of jobs; change a job | [`Store::create_job`], [`Store::job`], [`Store::jobs`], [`Store::change_job`] | nothing; one item; a range of an index; one item |
//! | make somebody inactive, with a pseudonym beside them; take a user out of the directory | [`Store::stand_in`], [`Store::remove_user`] | the users |
//! | a part of the table; erase a person from it | [`Store::part_of_table`], [`Sweep::erase`] | the next megabyte of the table; the partitions of records that name them |
//! | create a session | [`Store::create_session`] | the plan, only if the client named no usecase |
//! | a page of sessions, by any filter | [`Store::sessions`] | a range of one index; of one index partition per usecase if several are named |
//!
//! `PK` is an entity's own partition, so no live load meets a partition's limit; every list order
//! is an index with all attributes projected, so a page is one range read.

mod access;
mod active_plans;
mod activity;
mod agent_counts;
mod agents;
mod batch;
mod benchmark;
mod changes;
mod coaches;
mod comments;
mod deadline;
mod dependents;
mod engine;
mod erasure;
mod failure;
mod group_list;
mod groups;
mod idempotency;
mod item;
mod jobs;
pub mod keys;
mod list;
mod metering;
mod partition;
mod past;
mod plans;
mod rebuild;
mod references;
mod rescores;
mod scorecards;
mod sessions;
mod sessions_held;
mod statistics;
mod target_items;
mod targets;
mod templates;
mod unreadable;
mod upserts;
mod usecases;
mod user_items;
mod user_list;
mod users;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::SdkError;

use crate::item::key_attributes;
use crate::metering::Meter;
use crate::sessions_held::FullStatistics;
use crate::unreadable::Noted;

pub use access::Access;
pub use activity::{AgentMark, Mark, Marked, Marks};
pub use agent_counts::{CountDifference, RecountedAgents};
pub use agents::{Agent, AgentFilter, AgentsById, plans_in_scope};
pub use comments::CommentFilter;
pub use deadline::Deadline;
pub use dependents::DeletedWithPlan;
pub use erasure::{Part, Sweep, Sweeping, Swept};
pub use group_list::GroupFilter;
pub use groups::GroupTree;
pub use idempotency::{Created, IdempotencyRecord};
pub use jobs::JobFilter;
pub use keys::{Cursor, ListIndex};
pub use list::Page;
pub use metering::ConsumedCapacity;
pub use partition::Partition;
pub use plans::{PlanFilter, PlanWithSessions};
pub use rebuild::{Difference, Recount, Recounted};
pub use scorecards::{Counted, KnownStatistics, ScorecardChange, ScorecardFilter};
pub use sessions::SessionFilter;
pub use statistics::AgentStatistics;
pub use targets::TargetFilter;
pub use templates::TemplateFilter;
pub use unreadable::{Found, MAX_UNREADABLE, Unreadable};
pub use upserts::{KnownScorecards, TemplatesByRevision, UpsertedScorecards};
pub use user_list::UserFilter;

/// The table, and a meter of what the calls through this handle consume.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: Arc<str>,
    meter: Meter,
    /// The unreadable records that it met.
    noted: Noted,
    full_statistics: FullStatistics,
}

impl Store {
    /// The table named `table`, reached through `client`.
    pub fn new(client: Client, table: &str) -> Self {
        Self {
            client,
            table: table.into(),
            meter: Meter::default(),
            noted: Noted::default(),
            full_statistics: FullStatistics::default(),
        }
    }

    /// The same table with a meter of its own, for one request.
    #[must_use]
    pub fn with_new_meter(&self) -> Self {
        Self { meter: Meter::default(), noted: Noted::default(), ..self.clone() }
    }

    /// Sends a health check to DynamoDB, so that the connection is open and the client has done everything once before
    /// the first request; returns whether there was an answer. It is a `GET /`, which DynamoDB answers to everyone: it
    /// reads nothing, costs nothing, needs no right and leaves no refusal behind. It is made from a read whose request
    /// is changed, because the client has no call for it. It is not metered and not retried.
    pub async fn reach(&self) -> bool {
        let once = aws_sdk_dynamodb::Config::builder().retry_config(RetryConfig::disabled());
        let asked = self.client.get_item().table_name(&*self.table).set_key(Some(key_attributes(keys::nothing())));
        let asked = asked.customize().config_override(once).mutate_request(|request| {
            // The request already has the endpoint's address and path.
            let _ = request.set_method("GET");
            for header in ["content-length", "content-type", "x-amz-target"] {
                request.headers_mut().remove(header);
            }
            *request.body_mut() = "".into();
        });
        match asked.send().await {
            Ok(_) | Err(SdkError::ServiceError(_) | SdkError::ResponseError(_)) => true,
            Err(_) => false,
        }
    }

    /// The capacity that the calls through this handle have consumed so far.
    pub fn consumed(&self) -> ConsumedCapacity {
        self.meter.so_far()
    }
}
