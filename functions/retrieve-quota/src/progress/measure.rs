//! Counts the evaluations of each agent.

use std::collections::HashMap;

use chrono::{Days, TimeDelta};
use coaching_domain::names::{UsecaseId, UserId};
use coaching_domain::qa_task::EvaluationPeriod;
use coaching_domain::quota::{AgentProgress, Evaluations, Quotas};
use coaching_domain::statistics::{Period, day_of};
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{AgentSums, App, MAX_USECASES, Measuring};
use coaching_store::{Agent, AgentMark, Mark, Marks, Unreadable};

use crate::progress::request::RetrieveEvaluationProgressRequest;

/// The most ranges of marks that are read before their agents are known.
const MAX_RANGES_AHEAD: usize = 200;

/// An agent with their progress.
pub(crate) struct EvaluatedAgent {
    pub(crate) agent: Agent,
    pub(crate) progress: AgentProgress,
}

/// Counts the evaluations of one request.
pub(crate) struct EvaluationMeasuring<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    pub(crate) asked: &'a RetrieveEvaluationProgressRequest,
    template: &'a ScorecardTemplate,
    pub(crate) period: EvaluationPeriod,
    quotas: Quotas,
    usecases: Vec<UsecaseId>,
    /// The two months that have marks of the period.
    months: Vec<Period>,
}

impl<'a> EvaluationMeasuring<'a> {
    /// Counts evaluations by `template` in `period`, towards `quotas`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if a usecase must be asked for.
    pub(crate) fn new(
        app: &'a App,
        tenant: &'a Tenant,
        asked: &'a RetrieveEvaluationProgressRequest,
        template: &'a ScorecardTemplate,
        period: EvaluationPeriod,
        quotas: Quotas,
        now: Timestamp,
    ) -> Result<Self, Error> {
        // Of a period that is under way, nothing is submitted later than now, but for a difference of clocks.
        let last = period.end_time.plus(TimeDelta::nanoseconds(-1)).min(now.plus(TimeDelta::minutes(1)));
        let months = Period::of_days(&(day_of(period.start_time)..day_of(last) + Days::new(1)));
        let usecases = template.counted_usecases(asked.usecase.clone(), MAX_USECASES)?;
        Ok(Self { app, tenant, asked, template, period, quotas, usecases, months })
    }

    fn add(&self, evaluations: &mut Evaluations, mark: &Mark) -> bool {
        if let Mark::Scorecard(mark) = mark {
            evaluations.add(mark, &self.template.id, &self.period);
        }
        true
    }
}

impl Measuring for EvaluationMeasuring<'_> {
    type Measured = EvaluatedAgent;
    /// How many evaluations remain.
    type Value = u32;
    type Basis = ();
    type ReadAhead = Vec<Result<AgentMark, Unreadable>>;

    async fn basis(&self) -> Result<(), Error> {
        Ok(())
    }

    fn are_few(&self, agents: usize) -> bool {
        agents * self.usecases.len() * self.months.len() <= MAX_RANGES_AHEAD
    }

    async fn read_ahead(&self, agents: &[UserId]) -> Result<Self::ReadAhead, Error> {
        let mut marks = Vec::new();
        let (store, usecases, wanted) = (&self.app.store, &self.usecases, Marks::Evaluations);
        let read = store.activity_of_agents(self.tenant, usecases, agents, &self.months, wanted, |one| {
            marks.push(one);
            Ok(())
        });
        read.await?;
        Ok(marks)
    }

    async fn measure(
        &self,
        agents: Vec<Agent>,
        (): &(),
        ahead: Option<Self::ReadAhead>,
    ) -> Result<Vec<EvaluatedAgent>, Error> {
        let ids: Vec<UserId> = agents.iter().map(|agent| agent.id.clone()).collect();
        let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
        let mut evaluations = AgentSums::<Evaluations>::of(&places);
        let take = |one| {
            evaluations.take(one, |one: &AgentMark| &one.agent, |sum, one| self.add(sum, &one.mark));
            Ok(())
        };
        let (store, usecases, wanted) = (&self.app.store, &self.usecases, Marks::Evaluations);
        match ahead {
            Some(marks) => marks.into_iter().try_for_each(take)?,
            // More than a page holds are all that there are.
            None if self.asked.agents.is_everyone() && ids.len() > self.asked.page.size => {
                store.activity_of_profile(self.tenant, usecases, &self.months, wanted, take).await?;
            }
            None => store.activity_of_agents(self.tenant, usecases, &ids, &self.months, wanted, take).await?,
        }
        // If something of an agent cannot be read, they are left out.
        let evaluated = agents.into_iter().zip(evaluations.into_sums()).filter_map(|(agent, evaluations)| {
            let progress = AgentProgress { quota: self.quotas.of(&agent.id), evaluations: evaluations? };
            Some(EvaluatedAgent { agent, progress })
        });
        Ok(evaluated.collect())
    }

    async fn complete(&self, _page: &mut Vec<EvaluatedAgent>) -> Result<(), Error> {
        Ok(())
    }

    fn agent(measured: &EvaluatedAgent) -> &Agent {
        &measured.agent
    }

    fn value(&self, measured: &EvaluatedAgent) -> Option<u32> {
        Some(measured.progress.remaining())
    }
}
