//! Reads activity and statistics, and adds them up for each agent.

use std::collections::{HashMap, HashSet};

use coaching_domain::names::{ScorecardTemplateId, UserId};
use coaching_domain::overview::{Activity, WholeScores};
use coaching_domain::progress::Span;
use coaching_domain::statistics::Period;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{AgentSums, App, Measuring};
use coaching_store::{Agent, AgentMark, AgentStatistics, Mark, Marks, Unreadable};
use futures_util::future::try_join;

use crate::overviews::{AskedOverviews, OverviewOrder};

/// The most statistics (about 2 KB each) that are held, with their agents' activity, until the agents are known. If
/// there are more, the agents are read first, and the rest is then streamed.
const MAX_STATISTICS_HELD: usize = 200;

/// Statistics and activity of agents who may not exist.
type ReadAhead = (Vec<Result<AgentStatistics, Unreadable>>, Vec<Result<AgentMark, Unreadable>>);

/// An agent with what there is of them in the window.
#[derive(Debug)]
pub struct OverviewedAgent {
    /// The agent.
    pub agent: Agent,
    /// Their sessions and linked scorecards.
    pub activity: Activity,
    /// The scores of their scorecards.
    pub scores: WholeScores,
}

/// Makes the overviews of one request.
#[derive(Debug)]
pub struct OverviewMeasuring<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    /// What is asked for.
    pub asked: &'a AskedOverviews,
    /// The time of the request.
    pub now: Timestamp,
    /// The time whose facts count.
    pub span: Span,
    templates: HashSet<ScorecardTemplateId>,
    periods: Vec<Period>,
}

impl<'a> OverviewMeasuring<'a> {
    /// Makes ready to measure what is `asked` for at `now`.
    pub fn new(app: &'a App, tenant: &'a Tenant, asked: &'a AskedOverviews, now: Timestamp) -> Self {
        let templates = asked.agents.templates.iter().cloned().collect();
        let periods = Period::of_days(&asked.days.days);
        Self { app, tenant, asked, now, span: asked.span(now), templates, periods }
    }

    /// Adds what was read of an agent to their `scores`.
    fn take_statistics(&self, scores: &mut AgentSums<'_, WholeScores>, one: Result<AgentStatistics, Unreadable>) {
        scores.take(one, |one| &one.agent, |scores, one| self.add_scores(scores, &one));
    }

    /// Adds a mark to the `activity` of its agent.
    fn take_mark(&self, activity: &mut AgentSums<'_, Activity>, one: Result<AgentMark, Unreadable>) {
        activity.take(one, |one| &one.agent, |activity, one| self.add_mark(activity, one.mark));
    }

    async fn leave_out_deleted(&self, overviewed: &mut [OverviewedAgent]) -> Result<(), Error> {
        let sessions = overviewed.iter_mut().map(|agent| &mut agent.activity.sessions).collect();
        self.app.store.leave_out_deleted(self.tenant, sessions, |session| &session.plan, self.now).await
    }

    fn add_scores(&self, scores: &mut WholeScores, statistics: &AgentStatistics) -> bool {
        let AgentStatistics { period, packed, .. } = statistics;
        let added = scores.add(*period, packed, &self.asked.days.days, &self.templates);
        if added.is_err() {
            self.app.store.note(&statistics.unreadable(self.tenant));
        }
        added.is_ok()
    }

    /// The overviews of `agents`, in their order, of what was read `ahead` if anything was; or, if they are of everyone,
    /// `only_their_order`: as much as decides it.
    async fn overview(
        &self,
        agents: Vec<Agent>,
        ahead: Option<ReadAhead>,
        only_their_order: bool,
    ) -> Result<Vec<OverviewedAgent>, Error> {
        let ids: Vec<UserId> = agents.iter().map(|agent| agent.id.clone()).collect();
        let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
        let (mut scores, mut activity) = (AgentSums::<WholeScores>::of(&places), AgentSums::<Activity>::of(&places));
        let take_statistics = |one| {
            self.take_statistics(&mut scores, one);
            Ok(())
        };
        let take_mark = |one| {
            self.take_mark(&mut activity, one);
            Ok(())
        };
        let (store, tenant, usecases) = (&self.app.store, self.tenant, &self.asked.agents.usecases);
        match ahead {
            Some((statistics, marks)) => {
                statistics.into_iter().try_for_each(take_statistics)?;
                marks.into_iter().try_for_each(take_mark)?;
            }
            None if only_their_order => match self.asked.order_by {
                OverviewOrder::ScorecardCount => {
                    store.statistics_of_profile(tenant, usecases, &self.periods, take_statistics).await?;
                }
                OverviewOrder::Name | OverviewOrder::ActivityTime => {
                    store.activity_of_profile(tenant, usecases, &self.periods, Marks::Sessions, take_mark).await?;
                }
            },
            None => {
                let of_statistics = store.statistics_of_agents(tenant, usecases, &ids, &self.periods, take_statistics);
                let of_marks =
                    store.activity_of_agents(tenant, usecases, &ids, &self.periods, Marks::Coaching, take_mark);
                try_join(of_statistics, of_marks).await?;
            }
        }
        // If something of an agent cannot be read, their overview is left out.
        let (scores, activity) = (scores.into_sums(), activity.into_sums());
        let overviewed = agents.into_iter().zip(scores).zip(activity).filter_map(|((agent, scores), activity)| {
            Some(OverviewedAgent { agent, activity: activity?, scores: scores? })
        });
        let mut overviewed: Vec<OverviewedAgent> = overviewed.collect();
        // They may decide the order, so they are left out before it is made.
        self.leave_out_deleted(&mut overviewed).await?;
        Ok(overviewed)
    }

    fn add_mark(&self, activity: &mut Activity, mark: Mark) -> bool {
        match mark {
            Mark::Session(mut mark) => {
                // Notes that an agent does not see yet decide no state that they see.
                if self.asked.agents.is_of_caller() {
                    mark.steps = mark.steps.seen_by_agent();
                }
                activity.add_session(mark, &self.asked.window, self.now);
            }
            Mark::Scorecard(mark) => activity.add_scorecard(mark, &self.asked.window, &self.templates),
        }
        true
    }
}

impl Measuring for OverviewMeasuring<'_> {
    type Measured = OverviewedAgent;
    /// Nanoseconds since 1970, or a number of scorecards.
    type Value = i128;
    type Basis = ();
    type ReadAhead = ReadAhead;

    async fn basis(&self) -> Result<(), Error> {
        Ok(())
    }

    fn are_few(&self, agents: usize) -> bool {
        agents * self.asked.agents.usecases.len() * self.periods.len() <= MAX_STATISTICS_HELD
    }

    async fn read_ahead(&self, agents: &[UserId]) -> Result<ReadAhead, Error> {
        let (mut statistics, mut marks) = (Vec::new(), Vec::new());
        let (store, usecases) = (&self.app.store, &self.asked.agents.usecases);
        let of_statistics = store.statistics_of_agents(self.tenant, usecases, agents, &self.periods, |one| {
            statistics.push(one);
            Ok(())
        });
        let of_marks = store.activity_of_agents(self.tenant, usecases, agents, &self.periods, Marks::Coaching, |one| {
            marks.push(one);
            Ok(())
        });
        try_join(of_statistics, of_marks).await?;
        Ok((statistics, marks))
    }

    async fn measure(
        &self,
        agents: Vec<Agent>,
        (): &(),
        ahead: Option<ReadAhead>,
    ) -> Result<Vec<OverviewedAgent>, Error> {
        self.overview(agents, ahead, self.asked.is_of_everyone).await
    }

    async fn complete(&self, page: &mut Vec<OverviewedAgent>) -> Result<(), Error> {
        if self.asked.is_of_everyone {
            let agents = std::mem::take(page).into_iter().map(|overviewed| overviewed.agent).collect();
            *page = self.overview(agents, None, false).await?;
        }
        Ok(())
    }

    fn agent(measured: &OverviewedAgent) -> &Agent {
        &measured.agent
    }

    fn value(&self, measured: &OverviewedAgent) -> Option<i128> {
        match self.asked.order_by {
            OverviewOrder::ActivityTime => measured.activity.latest_time().map(Timestamp::unix_nanoseconds),
            OverviewOrder::Name | OverviewOrder::ScorecardCount => Some(measured.scores.count().into()),
        }
    }
}
