//! What is answered.

use std::collections::BTreeSet;
use std::ops::Range;

use coaching_domain::names::UserId;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{Answer, App, Binding};
use coaching_measures::coaches::{CoachOverview, CoachedAgents};
use coaching_store::Unreadable;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of coaches with what there is of their coaching.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetrieveCoachOverviewsResponse<'a> {
    /// The coaches, by resource name.
    coach_overviews: &'a [CoachOverview],
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// How many of all agents of the request have an active plan and no session in the window.
    agents_without_session_count: usize,
    /// When the window starts, as asked for.
    start_time: Timestamp,
    /// When it ends, as asked for: the first moment that is not in it.
    end_time: Timestamp,
    /// What could not be read, the first 100: names of agents, whose sessions are left out; and of groups whose members
    /// are not among the agents. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// The page of coaches that a request is for.
pub(crate) struct Coaches<'a> {
    pub(crate) app: &'a App,
    pub(crate) tenant: &'a Tenant,
    pub(crate) binding: &'a Binding,
    pub(crate) now: Timestamp,
    pub(crate) window: Range<Timestamp>,
    /// The id of the last coach of the page before.
    pub(crate) after: Option<String>,
    pub(crate) size: usize,
}

impl Coaches<'_> {
    /// Answers as many of the page's coaches as there is room for.
    ///
    /// # Errors
    /// INTERNAL if there is no room for one.
    pub(crate) fn answer(&self, coached: &CoachedAgents) -> Result<Answer, Error> {
        let Self { app, tenant, binding, now, window, after, size } = self;
        let unreachable = app.store.unreadable();
        let unreachable: BTreeSet<&str> = unreachable.iter().map(Unreadable::name).collect();
        let is_behind = |coach: &UserId| after.as_deref().is_none_or(|after| coach.as_str() > after);
        let mut coaches = coached.coaches.iter().filter(|(coach, _)| is_behind(coach));
        let page: Vec<_> = coaches.by_ref().take(*size).collect();
        let is_last = coaches.next().is_none();
        let messages: Vec<CoachOverview> =
            page.iter().map(|(coach, sessions)| CoachOverview::new(coach, sessions, tenant)).collect();
        Answer::page(&messages, |shown| {
            let last = page.get(shown.len().wrapping_sub(1)).filter(|_| !is_last || shown.len() < page.len());
            let next_page_token = app.page_tokens.next(last.map(|(coach, _)| coach.as_str()), binding, *now)?;
            Ok(RetrieveCoachOverviewsResponse {
                coach_overviews: shown,
                next_page_token,
                agents_without_session_count: coached.agents_without_session_count,
                start_time: window.start,
                end_time: window.end,
                unreachable: unreachable.iter().map(ToString::to_string).collect(),
            })
        })
    }
}
