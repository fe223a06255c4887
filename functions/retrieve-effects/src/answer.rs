//! What is answered.

use std::collections::BTreeSet;

use coaching_domain::{Error, Timestamp};
use coaching_edge::{AgentPage, Answer, MAX_ANSWER_BYTES, Paging};
use coaching_measures::effects::{AskedEffects, CoachingEffect, EffectSummary, Effects};
use coaching_measures::sessions::{AgentWithSessions, SessionMeasuring};
use coaching_store::Unreadable;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of effects of coaching.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetrieveEffectsResponse<'a> {
    /// The effects, by agent name, then by session time.
    #[schema(value_type = Vec<CoachingEffect>)]
    effects: Vec<&'a CoachingEffect>,
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// What the effects of all agents of the request come to, by template and criterion.
    summaries: &'a [EffectSummary],
    /// When the window of the sessions starts.
    start_time: Timestamp,
    /// When it ends: the first moment that is not in it.
    end_time: Timestamp,
    /// What could not be read, the first 100: names of agents, who have no effects and are not compared with; of plans and
    /// templates, whose effects are missing; and of groups whose members are not among the agents. Absent: all could be
    /// read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// Answers the effects of as many agents of `page` as there is room for.
///
/// # Errors
/// INVALID_ARGUMENT if there is no room for those of one agent; UNAVAILABLE if the table does not answer.
pub(crate) async fn answer(
    paging: &Paging<'_, SessionMeasuring<'_>>,
    asked: &AskedEffects,
    page: &AgentPage<AgentWithSessions>,
    effects: &Effects,
) -> Result<Answer, Error> {
    let unreachable = paging.app.store.unreadable();
    let unreachable: BTreeSet<&str> = unreachable.iter().map(Unreadable::name).collect();
    let of_agents = page.agents.iter().map(|(agent, _)| {
        let of_agent = effects.of_agents.get(&agent.id).into_iter().flatten();
        of_agent.map(|effect| CoachingEffect::new(agent, effect, paging.tenant)).collect()
    });
    let of_agents: Vec<Vec<CoachingEffect>> = of_agents.collect();
    let too_large = || {
        let limit = format!("the {MAX_ANSWER_BYTES} bytes of an answer");
        let refusal = format!("is so late that the effects of one agent take more than {limit}; take a shorter window");
        Error::invalid_field("endTime", refusal)
    };
    paging
        .answer(
            page,
            &of_agents,
            |shown, next_page_token| RetrieveEffectsResponse {
                effects: shown.iter().flatten().collect(),
                next_page_token,
                summaries: &effects.summaries,
                start_time: asked.window.start,
                end_time: asked.window.end,
                unreachable: unreachable.iter().map(ToString::to_string).collect(),
            },
            too_large,
        )
        .await
}
