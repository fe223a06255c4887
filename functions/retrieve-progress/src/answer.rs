//! What is answered.

use std::collections::BTreeSet;

use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Timestamp};
use coaching_edge::{AgentPage, Answer, Included, MAX_ANSWER_BYTES, Paging};
use coaching_measures::progress::{
    AgentCoachingProgress, MeasuredAgent, MeasuredTeam, ProgressMeasuring, TeamProgress,
};
use coaching_store::Unreadable;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A page of agents with their progress.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetrieveProgressResponse<'a> {
    /// The agents, in the order asked for.
    agent_coaching_progresses: &'a [AgentCoachingProgress],
    /// All agents of the request together, not only those of the page. Absent without `includeTeam`, and on further pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a TeamProgress>,
    /// With `displayNames` in `include`: the display names of the users that the answer names, by their resource names.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_map")]
    #[schema(value_type = BTreeMap<String, String>, required = false)]
    display_names: Option<&'a [AgentCoachingProgress]>,
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// When the window starts.
    start_time: Option<Timestamp>,
    /// When it ends: the first moment that is not in it.
    end_time: Option<Timestamp>,
    /// What could not be read, the first 100: names of agents, who are missing from the page, or may be from any other; of
    /// targets, and of templates whose targets, are left out of the figures; and of groups whose members are not among
    /// the agents. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// Answers as many agents of `page` as there is room for, with the `team`. `last_revisions` have the labels of what current
/// revisions do not have any more.
///
/// # Errors
/// INVALID_ARGUMENT if there is no room for one agent; UNAVAILABLE if the table does not answer.
pub(crate) async fn answer(
    paging: &Paging<'_, ProgressMeasuring<'_>>,
    page: &AgentPage<MeasuredAgent>,
    team: Option<&MeasuredTeam>,
    last_revisions: &[ScorecardTemplate],
    included: &Included,
) -> Result<Answer, Error> {
    let asked = paging.measuring.asked;
    let unreachable = paging.app.store.unreadable();
    let unreachable: BTreeSet<&str> = unreachable.iter().map(Unreadable::name).collect();
    let messages = page.agents.iter();
    let messages: Vec<_> =
        messages.map(|agent| AgentCoachingProgress::new(agent, paging.tenant, asked, last_revisions)).collect();
    let team = team.map(|team| TeamProgress::new(team, paging.tenant, last_revisions));
    let response = |shown, next_page_token| RetrieveProgressResponse {
        agent_coaching_progresses: shown,
        team: team.as_ref(),
        display_names: included.display_names().then_some(shown),
        next_page_token,
        start_time: asked.window.start(),
        end_time: asked.window.end(),
        unreachable: unreachable.iter().map(ToString::to_string).collect(),
    };
    let too_large = || {
        let limit = format!("the {MAX_ANSWER_BYTES} bytes of an answer");
        let refusal = format!("have targets that take one agent more than {limit}; name fewer, or some templates");
        Error::invalid_field("usecaseNames", refusal)
    };
    paging.answer(page, &messages, response, too_large).await
}

/// Writes the display name of each agent by their resource name.
fn as_map<S: Serializer>(agents: &Option<&[AgentCoachingProgress]>, serializer: S) -> Result<S::Ok, S::Error> {
    let agents = agents.iter().copied().flatten();
    serializer.collect_map(agents.map(|agent| (&agent.agent_user_name, &agent.agent_display_name)))
}
