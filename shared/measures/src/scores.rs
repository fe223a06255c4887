//! What is made of agents' statistics alone, for requests that answer agents by name.

use std::collections::HashMap;

use coaching_domain::names::{UsecaseId, UserId};
use coaching_domain::statistics::{Inconsistent, Period};
use coaching_domain::{Error, Tenant};
use coaching_edge::{App, Measuring};
use coaching_store::{Agent, AgentStatistics, Unreadable};

/// The most statistics (about 2 KB each) that are held until their agents are known.
const MAX_STATISTICS_HELD: usize = 200;

/// Statistics, or why they cannot be read.
pub type ReadStatistics = Result<AgentStatistics, Unreadable>;

/// Adds statistics to a sum. [`Inconsistent`] if they cannot be read.
pub type Add<'a, T> = Box<dyn Fn(&mut T, &AgentStatistics) -> Result<(), Inconsistent> + Send + Sync + 'a>;

/// Adds up each agent's statistics of some usecases and periods: from `nothing`, one after the other by `add`. An agent with
/// statistics that cannot be read is left out.
pub struct AddedUp<'a, T> {
    /// The app.
    pub app: &'a App,
    /// The profile.
    pub tenant: &'a Tenant,
    /// The usecases.
    pub usecases: &'a [UsecaseId],
    /// The periods, in order.
    pub periods: &'a [Period],
    /// The sum of no statistics.
    pub nothing: T,
    /// How statistics are added.
    pub add: Add<'a, T>,
}

impl<T> AddedUp<'_, T> {
    async fn statistics_of(
        &self,
        agents: &[UserId],
        mut take: impl FnMut(ReadStatistics) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.app.store.statistics_of_agents(self.tenant, self.usecases, agents, self.periods, &mut take).await
    }
}

impl<T: Clone + Send + Sync> Measuring for AddedUp<'_, T> {
    type Measured = (Agent, T);
    /// They are only ordered by name.
    type Value = ();
    type Basis = ();
    type ReadAhead = Vec<ReadStatistics>;

    async fn basis(&self) -> Result<(), Error> {
        Ok(())
    }

    fn are_few(&self, agents: usize) -> bool {
        agents * self.usecases.len() * self.periods.len() <= MAX_STATISTICS_HELD
    }

    async fn read_ahead(&self, agents: &[UserId]) -> Result<Vec<ReadStatistics>, Error> {
        let mut statistics = Vec::new();
        self.statistics_of(agents, |one| {
            statistics.push(one);
            Ok(())
        })
        .await?;
        Ok(statistics)
    }

    async fn measure(
        &self,
        agents: Vec<Agent>,
        (): &(),
        ahead: Option<Vec<ReadStatistics>>,
    ) -> Result<Vec<(Agent, T)>, Error> {
        let ids: Vec<UserId> = agents.iter().map(|agent| agent.id.clone()).collect();
        let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
        let mut sums: Vec<Option<T>> = vec![Some(self.nothing.clone()); ids.len()];
        let mut take = |one: ReadStatistics| {
            let of = match &one {
                Ok(statistics) => places.get(&statistics.agent),
                Err(unreadable) => unreadable.user().and_then(|agent| places.get(&agent)),
            };
            let Some(sum) = of.and_then(|place| sums.get_mut(*place)) else { return Ok(()) };
            let added = sum.as_mut().zip(one.ok()).is_some_and(|(sum, one)| {
                let added = (self.add)(sum, &one);
                if added.is_err() {
                    self.app.store.note(&one.unreadable(self.tenant));
                }
                added.is_ok()
            });
            // If something of an agent cannot be read, none of their figures is right.
            if !added {
                *sum = None;
            }
            Ok(())
        };
        match ahead {
            Some(statistics) => statistics.into_iter().try_for_each(take)?,
            None => self.statistics_of(&ids, &mut take).await?,
        }
        Ok(agents.into_iter().zip(sums).filter_map(|(agent, sum)| Some((agent, sum?))).collect())
    }

    async fn complete(&self, _page: &mut Vec<(Agent, T)>) -> Result<(), Error> {
        Ok(())
    }

    fn agent((agent, _): &(Agent, T)) -> &Agent {
        agent
    }

    fn value(&self, _measured: &(Agent, T)) -> Option<()> {
        None
    }
}
