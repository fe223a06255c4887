//! What is answered.

use std::collections::{BTreeMap, BTreeSet};

use coaching_domain::benchmark::Benchmark;
use coaching_domain::names::UserId;
use coaching_domain::opportunity::Opportunity;
use coaching_domain::progress::{mean_score, points};
use coaching_domain::target::Target;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{Answer, MAX_ANSWER_BYTES, bytes_in_answer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::find::{AllEvidence, Evidence, Found};
use crate::request::SuggestOpportunitiesRequest;

/// What coaching is worth most for some agents.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SuggestOpportunitiesResponse<'a> {
    /// The opportunities, by agent name, then by type.
    coaching_opportunities: &'a [CoachingOpportunity],
    /// With `displayNames` in `include`: the display names of the users that the answer names, by their resource names.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_names: Option<BTreeMap<String, &'a str>>,
    /// When the window starts.
    start_time: Option<Timestamp>,
    /// When it ends: the first moment that is not in it.
    end_time: Option<Timestamp>,
    /// When everyone's scores were last added up; absent: they are not compared with, or were not added up yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    benchmark_time: Option<Timestamp>,
    /// Whether everyone's scores are still being added up, so that opportunities are missing; absent: not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    benchmark_pending: bool,
    /// What could not be read, the first 100: names of agents, who are missing; of targets and templates, which are left
    /// out; and of groups whose members are not among the agents. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// A criterion on which coaching an agent is worth most.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CoachingOpportunity {
    /// The agent: `customers/{customer}/users/{user}`.
    agent_user_name: String,
    /// What the score is compared with: `OPPORTUNITY_TYPE_AVG_PERFORMER`, `OPPORTUNITY_TYPE_ORG_TARGET` or
    /// `OPPORTUNITY_TYPE_DOWNWARD_TREND`.
    opportunity_type: &'static str,
    /// The usecase whose scores it is about.
    usecase_name: String,
    /// The template: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}`.
    scorecard_template_name: String,
    /// The chapter of the criterion.
    chapter_id: String,
    /// The criterion.
    criterion_id: String,
    /// Its label.
    criterion_display_name: String,
    /// The agent's mean score over the window, in percent.
    score: f64,
    /// How many scorecards that is the mean of.
    scorecard_count: u64,
    /// What the score is compared with, in percent.
    reference: f64,
    /// How many scorecards `reference` is the mean of; absent: it is a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_scorecard_count: Option<u64>,
    /// `reference` less `score`, in percentage points.
    gap: f64,
    /// By how many percentage points the agent's total score would rise if the gap were closed.
    impact: f64,
    /// The interval that holds the gap with 95 % confidence; absent: there are scores of one day only.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<GapInterval>,
    /// Whether the whole interval is above 0.
    is_significant: bool,
    /// The target that `reference` is; absent: it is a mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_name: Option<String>,
    /// With `includeEvidence`, up to three scorecards, the lowest score of the criterion first.
    evidence: Vec<OpportunityEvidence>,
}

/// An interval, in percentage points.
#[derive(Serialize, ToSchema)]
struct GapInterval {
    /// Its lower end.
    lower: f64,
    /// Its upper end.
    upper: f64,
}

/// A scorecard that shows an opportunity.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OpportunityEvidence {
    /// The scorecard: `customers/{customer}/profiles/{profile}/scorecards/{scorecard}`.
    scorecard_name: String,
    /// The conversation that was scored; absent: it scores none.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_name: Option<String>,
    /// When it was submitted.
    submit_time: Timestamp,
    /// Its score of the criterion, in percent.
    criterion_score: Option<f64>,
}

/// Answers with what was `found`.
///
/// # Errors
/// INVALID_ARGUMENT if it takes more than an answer may.
pub(crate) fn answer(
    tenant: &Tenant,
    asked: &SuggestOpportunitiesRequest,
    found: &[Found<'_>],
    evidence: &AllEvidence,
    benchmark: &Benchmark,
    unreachable: BTreeSet<&str>,
) -> Result<Answer, Error> {
    let mut messages = Vec::new();
    for (agent, of_agent) in found.iter().enumerate() {
        for (place, (opportunity, target)) in of_agent.opportunities.iter().enumerate() {
            let evidence = evidence.get(&(agent, place)).map(Vec::as_slice).unwrap_or_default();
            messages.push(CoachingOpportunity::new(&of_agent.agent.id, opportunity, *target, evidence, tenant));
        }
    }
    let display_names = || {
        let named = found.iter().filter(|of_agent| !of_agent.opportunities.is_empty()).map(|of_agent| &of_agent.agent);
        named.map(|agent| (tenant.name_of(&agent.id), agent.display_name.as_str())).collect()
    };
    let answer = Answer::beginning(&messages, messages.iter().map(bytes_in_answer), |shown| {
        Ok(SuggestOpportunitiesResponse {
            coaching_opportunities: shown,
            display_names: asked.included.display_names().then(display_names),
            start_time: asked.window.start(),
            end_time: asked.window.end(),
            benchmark_time: benchmark.time(),
            benchmark_pending: benchmark.is_pending(),
            unreachable: unreachable.iter().map(ToString::to_string).collect(),
        })
    })?;
    let answer = answer.filter(|(_, shown)| *shown == messages.len()).map(|(answer, _)| answer);
    answer.ok_or_else(|| {
        let limit = format!("the {MAX_ANSWER_BYTES} bytes of an answer");
        let refusal = format!("have opportunities that take more than {limit}; name fewer, or set lower limits");
        Error::invalid_field("agentUserNames", refusal)
    })
}

impl CoachingOpportunity {
    fn new(
        agent: &UserId,
        opportunity: &Opportunity<'_>,
        target: Option<&Target>,
        evidence: &[Evidence],
        tenant: &Tenant,
    ) -> Self {
        let Opportunity { kind, usecase, template, compared, gap } = opportunity;
        Self {
            agent_user_name: tenant.name_of(agent),
            opportunity_type: kind.name(),
            usecase_name: tenant.name_of(*usecase),
            scorecard_template_name: tenant.name_of(&template.id),
            chapter_id: compared.chapter.id.clone(),
            criterion_id: compared.criterion.id.clone(),
            criterion_display_name: compared.criterion.display_name.clone(),
            score: points(gap.score),
            scorecard_count: gap.score_count,
            reference: points(gap.reference),
            reference_scorecard_count: gap.reference_count,
            gap: points(gap.gap),
            impact: points(gap.impact),
            interval: gap.interval.map(|[lower, upper]| GapInterval { lower, upper }),
            is_significant: gap.is_significant(),
            target_name: target.map(|target| tenant.name_of(&target.id)),
            evidence: evidence.iter().map(|one| OpportunityEvidence::new(one, tenant)).collect(),
        }
    }
}

impl OpportunityEvidence {
    fn new(Evidence { scorecard, submit_time, score }: &Evidence, tenant: &Tenant) -> Self {
        Self {
            scorecard_name: tenant.name_of(&scorecard.id),
            conversation_name: scorecard.conversation.as_ref().map(|conversation| tenant.name_of(conversation)),
            submit_time: *submit_time,
            criterion_score: mean_score(*score).map(points),
        }
    }
}
