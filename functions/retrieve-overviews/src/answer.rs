//! What is answered.

use std::collections::{BTreeMap, BTreeSet};

use coaching_domain::{Error, Timestamp};
use coaching_edge::{AgentPage, Answer, Included, MAX_ANSWER_BYTES, Paging};
use coaching_measures::overviews::{AgentCoachingOverview, OverviewMeasuring, OverviewedAgent};
use coaching_store::Unreadable;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of agents with overviews of their coaching.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetrieveOverviewsResponse<'a> {
    /// The agents, in the order asked for.
    agent_coaching_overviews: &'a [AgentCoachingOverview],
    /// With `displayNames` in `include`: the display names of the users that the answer names, by their resource names.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_names: Option<BTreeMap<&'a str, &'a str>>,
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// When the window starts, as asked for.
    start_time: Timestamp,
    /// When it ends, as asked for: the first moment that is not in it.
    end_time: Timestamp,
    /// When the days start whose scores count: `startTime`, rounded down to a day, UTC.
    score_start_time: Option<Timestamp>,
    /// When those days end: `endTime`, rounded up.
    score_end_time: Option<Timestamp>,
    /// What could not be read, the first 100: names of agents, who are missing from the page, or may be from any other;
    /// and of groups whose members are not among the agents. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// Answers as many agents of `page` as there is room for.
///
/// # Errors
/// INTERNAL if there is no room for one agent; UNAVAILABLE if the table does not answer.
pub(crate) async fn answer(
    paging: &Paging<'_, OverviewMeasuring<'_>>,
    page: &AgentPage<OverviewedAgent>,
    included: &Included,
) -> Result<Answer, Error> {
    let OverviewMeasuring { asked, now, .. } = *paging.measuring;
    let unreachable = paging.app.store.unreadable();
    let unreachable: BTreeSet<&str> = unreachable.iter().map(Unreadable::name).collect();
    let messages: Vec<_> =
        page.agents.iter().map(|agent| AgentCoachingOverview::new(agent, paging.tenant, now)).collect();
    let response = |shown, next_page_token| RetrieveOverviewsResponse {
        agent_coaching_overviews: shown,
        display_names: included.display_names().then(|| shown.iter().map(name_of).collect()),
        next_page_token,
        start_time: asked.window.start,
        end_time: asked.window.end,
        score_start_time: asked.days.start(),
        score_end_time: asked.days.end(),
        unreachable: unreachable.iter().map(ToString::to_string).collect(),
    };
    // An agent has at most 50 active plans.
    let too_large = || Error::internal(format!("an overview takes more than {MAX_ANSWER_BYTES} bytes"));
    paging.answer(page, &messages, response, too_large).await
}

/// The resource name and the display name of an agent.
fn name_of(agent: &AgentCoachingOverview) -> (&str, &str) {
    (&agent.agent_user_name, &agent.agent_display_name)
}
