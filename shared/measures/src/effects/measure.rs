//! Finds the sessions whose effects are asked for, reads the scores around them, and compares.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use chrono::NaiveDate;
use coaching_domain::effect::{
    Around, AskedEffect, Effect, EffectUnit, ObservedAgent, ScoresByDay, Summary, WantedScores, effects,
};
use coaching_domain::names::{CoachingPlanId, ScorecardTemplateId, UserId};
use coaching_domain::plan::CoachingPlan;
use coaching_domain::statistics::{Period, WHOLE_SCORECARD, day_of};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{AgentSums, App};
use coaching_store::{AgentStatistics, Unreadable};

use crate::effects::{AskedEffects, EffectSummary};
use crate::sessions::{AgentSession, AgentWithSessions};

/// The most days of scores of parts of scorecards, of all agents, that are held: they take about 70 bytes each.
const MAX_DAYS_HELD: usize = 10_000_000;

/// A part of scorecards that is measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeasuredPart {
    /// The template.
    pub template: ScorecardTemplateId,
    /// The criterion or chapter; `None`: the whole scorecard.
    pub criterion_or_chapter_id: Option<String>,
    /// Its number in statistics.
    number: u32,
}

/// The effect of a session.
#[derive(Debug)]
pub struct EffectOfSession {
    /// The agent's place.
    agent: usize,
    /// The session.
    pub session: AgentSession,
    /// The part of scorecards that it is on.
    pub part: MeasuredPart,
    /// The effect.
    pub effect: Effect,
    /// Whether the days after the session are over.
    pub is_complete: bool,
}

/// The effects of some agents' sessions.
#[derive(Debug, Default)]
pub struct Effects {
    /// Those of each agent who has any: by session time, then by part.
    pub of_agents: HashMap<UserId, Vec<EffectOfSession>>,
    /// What they come to, by template and criterion, the whole scorecard first.
    pub summaries: Vec<EffectSummary>,
}

/// A session of the agent in a place, with its day.
struct ChosenSession<'a> {
    agent: usize,
    day: NaiveDate,
    session: &'a AgentSession,
}

/// The effects that are `asked` for at `now`, on `agents`, who come with their sessions around the window.
///
/// # Errors
/// INVALID_ARGUMENT if they would take too many scores; UNAVAILABLE if the table does not answer.
pub async fn effects_of(
    app: &App,
    tenant: &Tenant,
    asked: &AskedEffects,
    agents: &[AgentWithSessions],
    now: Timestamp,
) -> Result<Effects, Error> {
    let chosen = chosen(asked, agents, now);
    let Some(days) = days_around(&chosen, asked.days, now) else { return Ok(Effects::default()) };
    let plans = plans_of(app, tenant, &chosen).await?;
    let templates = focus_templates(app, tenant, asked, plans.values()).await?;
    let focused: HashMap<&CoachingPlanId, Option<Vec<MeasuredPart>>> =
        plans.iter().map(|(id, plan)| (id, focus_of(plan, asked, &templates))).collect();
    let mut wanted = WantedScores::default();
    for parts in focused.values() {
        match parts {
            Some(parts) => {
                for part in parts {
                    wanted.parts.entry(part.template.clone()).or_default().insert(part.number);
                }
            }
            None => wanted.whole = Some(asked.agents.templates.iter().cloned().collect()),
        }
    }
    let scores = scores_of(app, tenant, asked, agents, &days, &wanted).await?;
    // If scores of an agent cannot be read, they have no effect, and are not compared with.
    let readable: HashSet<usize> =
        (0..scores.len()).filter(|place| scores.get(*place).is_some_and(Option::is_some)).collect();
    let observed = agents.iter().zip(scores).map(|((_, sessions), scores)| ObservedAgent {
        coached: sessions.iter().filter_map(|session| held_on(session, now)).collect(),
        scores: scores.unwrap_or_default(),
    });
    let observed: Vec<ObservedAgent> = observed.collect();

    let mut of_sessions: Vec<(ChosenSession<'_>, MeasuredPart)> = Vec::new();
    for one in chosen.into_iter().filter(|one| readable.contains(&one.agent)) {
        let around = Around::new(one.day, asked.days);
        let parts = match focused.get(&one.session.mark.plan) {
            // The plan was deleted since, or cannot be read.
            None => continue,
            Some(Some(parts)) => parts.clone(),
            Some(None) => {
                let scores = observed.get(one.agent).map(|agent| &agent.scores);
                let whole = scores.into_iter().flat_map(|scores| scores.whole_around(&around)).cloned();
                whole.map(MeasuredPart::whole).collect()
            }
        };
        of_sessions.extend(parts.into_iter().map(|part| {
            let ChosenSession { agent, day, session } = one;
            (ChosenSession { agent, day, session }, part)
        }));
    }
    let wanted: Vec<AskedEffect> = of_sessions
        .iter()
        .map(|(one, part)| AskedEffect { agent: one.agent, day: one.day, part: (part.template.clone(), part.number) })
        .collect();
    let found = effects(&observed, &wanted, asked.days, asked.minimum_scorecard_count);
    let found = of_sessions.into_iter().zip(found).map(|((one, part), effect)| EffectOfSession {
        agent: one.agent,
        session: one.session.clone(),
        part,
        effect,
        is_complete: Around::new(one.day, asked.days).is_over(now),
    });
    let found: Vec<EffectOfSession> = found.collect();
    let summaries = summaries(&found, tenant);
    let mut of_agents: HashMap<UserId, Vec<EffectOfSession>> = HashMap::new();
    for effect in found {
        if let Some((agent, _)) = agents.get(effect.agent) {
            of_agents.entry(agent.id.clone()).or_default().push(effect);
        }
    }
    Ok(Effects { of_agents, summaries })
}

/// The day on which a session was held by `now`.
fn held_on(session: &AgentSession, now: Timestamp) -> Option<NaiveDate> {
    session.mark.steps.held_at().filter(|time| *time <= now).map(day_of)
}

/// The sessions whose effects are asked for: of each agent by time.
fn chosen<'a>(asked: &AskedEffects, agents: &'a [AgentWithSessions], now: Timestamp) -> Vec<ChosenSession<'a>> {
    let mut chosen = Vec::new();
    for (agent, (_, sessions)) in agents.iter().enumerate() {
        let within = sessions.iter().filter(|session| asked.window.contains(&session.mark.steps.counted));
        let mut held: Vec<(NaiveDate, &AgentSession)> =
            within.filter_map(|session| Some((held_on(session, now)?, session))).collect();
        held.sort_by_key(|(_, session)| (session.mark.steps.counted, &session.id));
        let mut plans = HashSet::new();
        for (day, session) in held {
            if asked.unit == EffectUnit::Session || plans.insert(&session.mark.plan) {
                chosen.push(ChosenSession { agent, day, session });
            }
        }
    }
    chosen
}

/// All days around the sessions, up to the day of `now`; `None` if there are no sessions.
fn days_around(chosen: &[ChosenSession<'_>], days: u64, now: Timestamp) -> Option<Range<NaiveDate>> {
    let (first, last) = (chosen.iter().map(|one| one.day).min()?, chosen.iter().map(|one| one.day).max()?);
    let end = Around::new(last, days).span().end.min(day_of(now).succ_opt()?);
    Some(Around::new(first, days).span().start..end)
}

async fn plans_of(
    app: &App,
    tenant: &Tenant,
    chosen: &[ChosenSession<'_>],
) -> Result<HashMap<CoachingPlanId, CoachingPlan>, Error> {
    let ids: BTreeSet<&CoachingPlanId> = chosen.iter().map(|one| &one.session.mark.plan).collect();
    let ids: Vec<CoachingPlanId> = ids.into_iter().cloned().collect();
    let found = app.store.plans_by_id(tenant, &ids, false).await?;
    Ok(found.entries.into_iter().map(|plan| (plan.id.clone(), plan)).collect())
}

/// The templates of the criteria that `plans` work on.
async fn focus_templates(
    app: &App,
    tenant: &Tenant,
    asked: &AskedEffects,
    plans: impl Iterator<Item = &CoachingPlan>,
) -> Result<Vec<ScorecardTemplate>, Error> {
    let focused = plans.flat_map(|plan| &plan.focus_criteria).map(|focus| &focus.template);
    let ids: BTreeSet<&ScorecardTemplateId> = focused.filter(|template| asked.measures_by(template)).collect();
    let current: Vec<_> = ids.into_iter().map(|id| (id.clone(), None)).collect();
    Ok(app.store.revisions(tenant, &current, false).await?.entries)
}

/// What a session of `plan` is measured by; `None`: whole scorecards, if the plan names no criteria.
fn focus_of(plan: &CoachingPlan, asked: &AskedEffects, templates: &[ScorecardTemplate]) -> Option<Vec<MeasuredPart>> {
    if plan.focus_criteria.is_empty() {
        return None;
    }
    let mut parts: Vec<MeasuredPart> = Vec::new();
    for focus in plan.focus_criteria.iter().filter(|focus| asked.measures_by(&focus.template)) {
        let template = templates.iter().find(|template| template.id == focus.template);
        // Nothing can be scored on what the template never had.
        let number = template.and_then(|template| template.number_of(&focus.criterion_or_chapter_id));
        parts.extend(number.map(|number| MeasuredPart {
            template: focus.template.clone(),
            criterion_or_chapter_id: Some(focus.criterion_or_chapter_id.clone()),
            number,
        }));
    }
    parts.sort_unstable();
    parts.dedup();
    Some(parts)
}

/// The `wanted` scores of each of `agents` on `days`; `None` for those of whom some cannot be read.
async fn scores_of(
    app: &App,
    tenant: &Tenant,
    asked: &AskedEffects,
    agents: &[AgentWithSessions],
    days: &Range<NaiveDate>,
    wanted: &WantedScores,
) -> Result<Vec<Option<ScoresByDay>>, Error> {
    let ids: Vec<UserId> = agents.iter().map(|(agent, _)| agent.id.clone()).collect();
    let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
    let mut scores = AgentSums::<ScoresByDay>::of(&places);
    let mut held = 0;
    let take = |one: Result<AgentStatistics, Unreadable>| {
        scores.take(
            one,
            |one| &one.agent,
            |scores, one| {
                let added = scores.add(one.period, &one.packed, days, wanted);
                if added.is_err() {
                    app.store.note(&one.unreadable(tenant));
                }
                held += added.unwrap_or(0);
                added.is_ok()
            },
        );
        if held > MAX_DAYS_HELD {
            let refusal = "is so early that more than 10,000,000 daily scores would be read: name fewer agents or templates, \
                           or take a shorter window";
            return Err(Error::invalid_field("startTime", refusal));
        }
        Ok(())
    };
    let (store, usecases, periods) = (&app.store, &asked.agents.usecases, Period::of_days(days));
    if asked.agents.is_everyone() {
        store.statistics_of_profile(tenant, usecases, &periods, take).await?;
    } else {
        store.statistics_of_agents(tenant, usecases, &ids, &periods, take).await?;
    }
    Ok(scores.into_sums())
}

fn summaries(found: &[EffectOfSession], tenant: &Tenant) -> Vec<EffectSummary> {
    let mut by_part: BTreeMap<&MeasuredPart, Vec<(usize, &Effect)>> = BTreeMap::new();
    for one in found {
        by_part.entry(&one.part).or_default().push((one.agent, &one.effect));
    }
    let summaries = by_part
        .into_iter()
        .filter_map(|(part, effects)| Some(EffectSummary::new(part, &Summary::of(effects.into_iter())?, tenant)));
    summaries.collect()
}

impl MeasuredPart {
    fn whole(template: ScorecardTemplateId) -> Self {
        Self { template, criterion_or_chapter_id: None, number: WHOLE_SCORECARD }
    }
}

impl AskedEffects {
    fn measures_by(&self, template: &ScorecardTemplateId) -> bool {
        self.agents.templates.is_empty() || self.agents.templates.contains(template)
    }
}
