//! Reads targets, templates and statistics, and measures agents by them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use chrono::NaiveDate;
use coaching_domain::goal::{Goal, Templates};
use coaching_domain::measurement::Measurement;
use coaching_domain::names::{ScorecardTemplateId, UserId};
use coaching_domain::part_scores::{MeasuredPart, PartScores, measured_together};
use coaching_domain::progress::{Scope, Span, overall_gap, overall_progress};
use coaching_domain::statistics::Period;
use coaching_domain::target::Target;
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{App, Measuring};
use coaching_store::{Agent, AgentStatistics, Unreadable};
use futures_util::future::{try_join, try_join_all};

use crate::progress::{AskedProgress, ProgressOrder};

/// The most statistics (about 2 KB each) that are held until their agents are known. If there are more, the agents and
/// their targets are read first, and the statistics are then streamed.
const MAX_STATISTICS_HELD: usize = 200;

/// Statistics, or the record that cannot be read.
type ReadStatistics = Result<AgentStatistics, Unreadable>;

/// The organisation's targets in scope, with their templates.
#[derive(Debug)]
pub struct Organisation {
    targets: Vec<Target>,
    templates: Templates,
}

/// An agent with their measurement.
#[derive(Debug)]
pub struct MeasuredAgent {
    /// The agent.
    pub agent: Agent,
    /// What was measured of them.
    pub measurement: Measurement,
    /// Criteria that they have no target for, if those are asked for and they are on the page.
    pub(super) without_target: Vec<MeasuredPart>,
    /// All their scores, if those are needed.
    scores: PartScores,
    /// Whether something that they are measured by cannot be read.
    is_damaged: bool,
}

/// Agents as one.
#[derive(Debug)]
pub struct MeasuredTeam {
    pub(super) agents: usize,
    pub(super) parts: Vec<MeasuredPart>,
}

/// Measures the agents of one request.
#[derive(Debug)]
pub struct ProgressMeasuring<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    /// What is asked for.
    pub asked: &'a AskedProgress,
    now: Timestamp,
    scope: Scope,
    /// The time whose facts count.
    pub span: Span,
    baseline: Range<NaiveDate>,
    periods: Vec<Period>,
    /// The templates that the agents were scored by, if criteria without a target are asked for, once they are measured.
    scored_by: OnceLock<Templates>,
}

impl<'a> ProgressMeasuring<'a> {
    /// Makes ready to measure what is `asked` for at `now`.
    pub fn new(app: &'a App, tenant: &'a Tenant, asked: &'a AskedProgress, now: Timestamp) -> Self {
        let span = asked.window.span(now);
        let scope = Scope {
            usecases: asked.agents.usecases.iter().cloned().collect(),
            templates: asked.agents.templates.iter().cloned().collect(),
            at: span.at,
        };
        let baseline = asked.window.baseline();
        let periods = Period::of_days(&asked.window.all_days());
        Self { app, tenant, asked, now, scope, span, baseline, periods, scored_by: OnceLock::new() }
    }

    /// The organisation's targets in scope, with their templates.
    async fn organisation(&self) -> Result<Organisation, Error> {
        let targets = self
            .asked
            .agents
            .usecases
            .iter()
            .map(|usecase| self.app.store.organisation_targets(self.tenant, usecase, self.span));
        let targets: Vec<Target> = try_join_all(targets).await?.into_iter().flat_map(|found| found.entries).collect();
        let in_scope = self.scope.targets_of(&[], &targets);
        let templates = self.templates(in_scope.iter().map(|target| &target.template).collect()).await?;
        Ok(Organisation { targets, templates })
    }

    async fn templates(&self, ids: HashSet<&ScorecardTemplateId>) -> Result<Templates, Error> {
        let current: Vec<_> = ids.into_iter().map(|template| (template.clone(), None)).collect();
        let found = self.app.store.revisions(self.tenant, &current, false).await?;
        let unreadable = found.unreadable.iter().filter_map(|one| Some((ScorecardTemplateId::parse(one.id())?, None)));
        let templates = found.entries.into_iter().map(|template| (template.id.clone(), Some(template)));
        Ok(unreadable.chain(templates).collect())
    }

    async fn statistics_of(&self, agents: &[UserId]) -> Result<Vec<ReadStatistics>, Error> {
        let mut statistics = Vec::new();
        let store = &self.app.store;
        let read = store.statistics_of_agents(self.tenant, &self.asked.agents.usecases, agents, &self.periods, |one| {
            statistics.push(one);
            Ok(())
        });
        read.await?;
        Ok(statistics)
    }

    /// Measures any number of agents, in their order, by their `statistics` if those are read already; those of many are
    /// streamed. Sessions of plans that are being deleted are still included.
    async fn measure_all(
        &self,
        agents: Vec<Agent>,
        organisation: &Organisation,
        statistics: Option<Vec<ReadStatistics>>,
    ) -> Result<Vec<MeasuredAgent>, Error> {
        let with_own = agents.iter().filter(|agent| !agent.targets.is_empty());
        let further = with_own.flat_map(|agent| self.targets_of(agent, organisation)).map(|target| &target.template);
        let further = further.filter(|template| !organisation.templates.contains_key(*template)).collect();
        let ids: Vec<UserId> = agents.iter().map(|agent| agent.id.clone()).collect();
        let statistics = async {
            match statistics {
                None if self.are_few(ids.len()) => self.statistics_of(&ids).await.map(Some),
                statistics => Ok(statistics),
            }
        };
        let (further, statistics) = try_join(self.templates(further), statistics).await?;
        let templates = [&organisation.templates, &further];

        let of_everyone = Goal::all(self.scope.targets_of(&[], &organisation.targets), self.scope.at, templates);
        let mut measured: Vec<MeasuredAgent> = Vec::with_capacity(agents.len());
        for mut agent in agents {
            let goals = if agent.targets.is_empty() {
                Arc::clone(&of_everyone)
            } else {
                Goal::all(self.targets_of(&agent, organisation), self.scope.at, templates)
            };
            agent.targets.clear();
            let (measurement, without_target, scores) = (Measurement::of(goals), Vec::new(), PartScores::default());
            measured.push(MeasuredAgent { agent, measurement, without_target, scores, is_damaged: false });
        }
        let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
        let mut take = |one: ReadStatistics| {
            let of = match &one {
                Ok(statistics) => places.get(&statistics.agent),
                Err(unreadable) => unreadable.user().and_then(|agent| places.get(&agent)),
            };
            let Some(agent) = of.and_then(|place| measured.get_mut(*place)) else { return Ok(()) };
            let added = one.is_ok_and(|one| self.add(one, agent));
            agent.is_damaged |= !added;
            Ok(())
        };
        let (store, usecases) = (&self.app.store, &self.asked.agents.usecases);
        match statistics {
            Some(statistics) => statistics.into_iter().try_for_each(take)?,
            None if self.asked.agents.is_everyone() => {
                store.statistics_of_profile(self.tenant, usecases, &self.periods, &mut take).await?;
            }
            None => store.statistics_of_agents(self.tenant, usecases, &ids, &self.periods, &mut take).await?,
        }
        // If something of an agent cannot be read, none of their figures is right.
        measured.retain(|agent| !agent.is_damaged);
        if self.asked.with_criteria_without_target {
            self.learn_templates(&measured, templates).await?;
        }
        Ok(measured)
    }

    /// Reads the templates that the agents were scored by, of which some are `known`.
    async fn learn_templates(&self, measured: &[MeasuredAgent], known: [&Templates; 2]) -> Result<(), Error> {
        let scored_by: HashSet<_> = measured.iter().flat_map(|agent| agent.scores.templates()).collect();
        let is_known = |id: &ScorecardTemplateId| known.iter().any(|some| some.contains_key(id));
        let mut templates = self.templates(scored_by.iter().copied().filter(|id| !is_known(id)).collect()).await?;
        let known = known.into_iter().flatten().filter(|(id, _)| scored_by.contains(id));
        templates.extend(known.map(|(id, template)| (id.clone(), template.clone())));
        // The agents of a request are measured once.
        let _ = self.scored_by.set(templates);
        Ok(())
    }

    /// Adds `statistics` to those of `agent`, and returns whether they could be read.
    fn add(&self, statistics: AgentStatistics, agent: &mut MeasuredAgent) -> bool {
        let AgentStatistics { usecase, period, packed, .. } = &statistics;
        let (window, baseline) = (&self.asked.window.days, &self.baseline);
        let measurement = &mut agent.measurement;
        let mut added = measurement.add_scores(usecase, *period, packed, window, baseline);
        if added.is_ok() && (self.asked.with_criteria_without_target || self.asked.with_team) {
            added = agent.scores.add(usecase, *period, packed, [window, baseline], &self.scope.templates);
        }
        match added {
            Ok(()) => measurement.add_sessions(statistics.sessions, self.span),
            Err(_) => self.app.store.note(&statistics.unreadable(self.tenant)),
        }
        added.is_ok()
    }

    fn targets_of<'t>(&self, agent: &'t Agent, organisation: &'t Organisation) -> Vec<&'t Target> {
        self.scope.targets_of(&agent.targets, &organisation.targets)
    }

    /// What was `measured` of agents, as of one.
    pub fn together(&self, measured: &[MeasuredAgent]) -> MeasuredTeam {
        let agents = measured.iter().map(|agent| (agent.measurement.goals(), &agent.scores));
        MeasuredTeam { agents: measured.len(), parts: measured_together(agents, self.scored_by.get()) }
    }

    /// The last revisions that have the criteria and chapters of `agents` and of the `team`, where current revisions do
    /// not.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn last_revisions(
        &self,
        agents: &[MeasuredAgent],
        team: Option<&MeasuredTeam>,
    ) -> Result<Vec<ScorecardTemplate>, Error> {
        let goals = agents.iter().flat_map(|agent| agent.measurement.goals());
        let goals = goals.map(|goal| (&goal.target.template, goal.last_revision()));
        let parts = agents.iter().map(|agent| &agent.without_target).chain(team.map(|team| &team.parts)).flatten();
        let parts = parts.map(|part| (&part.template, part.label.last_revision()));
        let revisions: HashSet<_> =
            goals.chain(parts).filter_map(|(id, revision)| Some((id.clone(), Some(revision?)))).collect();
        let revisions: Vec<_> = revisions.into_iter().collect();
        Ok(self.app.store.revisions(self.tenant, &revisions, false).await?.entries)
    }
}

impl Measuring for ProgressMeasuring<'_> {
    type Measured = MeasuredAgent;
    /// In ten-thousandths of a percentage point.
    type Value = i64;
    type Basis = Organisation;
    type ReadAhead = Vec<ReadStatistics>;

    async fn basis(&self) -> Result<Organisation, Error> {
        self.organisation().await
    }

    fn are_few(&self, agents: usize) -> bool {
        agents * self.asked.agents.usecases.len() * self.periods.len() <= MAX_STATISTICS_HELD
    }

    async fn read_ahead(&self, agents: &[UserId]) -> Result<Vec<ReadStatistics>, Error> {
        self.statistics_of(agents).await
    }

    async fn measure(
        &self,
        agents: Vec<Agent>,
        basis: &Organisation,
        ahead: Option<Vec<ReadStatistics>>,
    ) -> Result<Vec<MeasuredAgent>, Error> {
        self.measure_all(agents, basis, ahead).await
    }

    /// Removes sessions of plans that are being deleted, and finds the criteria without a target.
    async fn complete(&self, page: &mut Vec<MeasuredAgent>) -> Result<(), Error> {
        if let Some(templates) = self.scored_by.get() {
            for agent in page.iter_mut() {
                agent.without_target = agent.scores.criteria_without_target(agent.measurement.goals(), templates);
            }
        }
        let sessions = page.iter_mut().map(|agent| &mut agent.measurement.sessions).collect();
        self.app.store.leave_out_deleted(self.tenant, sessions, |(_, plan)| plan, self.now).await
    }

    fn agent(measured: &MeasuredAgent) -> &Agent {
        &measured.agent
    }

    fn value(&self, measured: &MeasuredAgent) -> Option<i64> {
        match self.asked.order_by {
            ProgressOrder::Gap => measured.gap(),
            ProgressOrder::Name | ProgressOrder::Progress => measured.progress(),
        }
    }
}

impl MeasuredAgent {
    /// The mean progress of their targets, in ten-thousandths of a percentage point.
    fn progress(&self) -> Option<i64> {
        overall_progress(&self.measurement.reached())
    }

    /// The mean gap of their targets, likewise.
    fn gap(&self) -> Option<i64> {
        overall_gap(&self.measurement.reached())
    }
}
