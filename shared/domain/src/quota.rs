//! Quotas: how many evaluations a template asks for of each agent in a period, and how many there are.

use std::collections::HashMap;

use crate::activity::ScorecardMark;
use crate::names::{GroupId, ScorecardTemplateId, UserId};
use crate::qa_task::{EvaluationPeriod, TaskCompleteConfig, UserOrGroup};
use crate::{Error, Reason, Timestamp};

/// The quotas of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    base: i32,
    exceptions: HashMap<UserId, i32>,
}

impl Quotas {
    /// The quotas that `config` sets, with the `members` of each of its groups: an agent's own entry counts, else the
    /// first entry whose group holds them.
    pub fn new<'m, M: IntoIterator<Item = &'m UserId>>(
        config: &TaskCompleteConfig,
        members: impl Fn(&GroupId) -> M,
    ) -> Self {
        let mut exceptions = HashMap::new();
        for one in &config.overridden {
            if let UserOrGroup::User(user) = &one.of {
                exceptions.entry(user.clone()).or_insert(one.count_per_agent);
            }
        }
        for one in &config.overridden {
            if let UserOrGroup::Group(group) = &one.of {
                for member in members(group) {
                    exceptions.entry(member.clone()).or_insert(one.count_per_agent);
                }
            }
        }
        Self { base: config.count_per_agent, exceptions }
    }

    /// The quota of `agent`.
    pub fn of(&self, agent: &UserId) -> i32 {
        self.exceptions.get(agent).copied().unwrap_or(self.base)
    }

    /// Who has a quota of their own, agents or not.
    pub fn exceptions(&self) -> impl Iterator<Item = &UserId> {
        self.exceptions.keys()
    }

    /// The quota of `agents` together, and of so many `others`, who have no quota of their own.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if it is more than fits into 32 bits.
    pub fn total<'a>(&self, agents: impl IntoIterator<Item = &'a UserId>, others: u64) -> Result<i32, Error> {
        let of_agents: u64 = agents.into_iter().map(|agent| self.of(agent).unsigned_abs()).map(u64::from).sum();
        let total = of_agents.saturating_add(others.saturating_mul(self.base.unsigned_abs().into()));
        total_in_32_bits(total)
    }
}

fn total_in_32_bits(total: u64) -> Result<i32, Error> {
    i32::try_from(total).map_err(|_| {
        let message = format!("the quota of all agents together is {total}, and may be at most {}", i32::MAX);
        Error::new(Reason::QuotaTooLarge, message).with("limit", i32::MAX.to_string()).with("size", total.to_string())
    })
}

/// The evaluations of an agent in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evaluations {
    /// How many there are.
    pub count: u32,
    /// When the last of them was submitted.
    pub last: Option<Timestamp>,
}

impl Evaluations {
    /// Adds the scorecard that has `mark`, if it is an evaluation by `template` in `period`.
    pub fn add(&mut self, mark: &ScorecardMark, template: &ScorecardTemplateId, period: &EvaluationPeriod) {
        if mark.is_evaluation && mark.template == *template && period.holds(mark.submitted) {
            self.count += 1;
            self.last = self.last.max(Some(mark.submitted));
        }
    }
}

/// An agent's quota, and the evaluations that count towards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentProgress {
    /// The quota.
    pub quota: i32,
    /// The evaluations.
    pub evaluations: Evaluations,
}

impl AgentProgress {
    /// How many evaluations remain to be made.
    pub fn remaining(&self) -> u32 {
        self.quota.unsigned_abs().saturating_sub(self.evaluations.count)
    }
}

/// The progress of several agents together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TotalProgress {
    /// Their quotas.
    pub quota: i32,
    /// Their evaluations, also those beyond a quota.
    pub evaluation_count: u64,
    /// Their evaluations, of each agent at most the quota.
    pub fulfilled_count: u32,
    /// The number of agents.
    pub agent_count: usize,
    /// The number of agents with nothing remaining.
    pub agents_done_count: usize,
}

impl TotalProgress {
    /// Of `agents`.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if their quota is more than fits into 32 bits.
    pub fn of<'a>(agents: impl IntoIterator<Item = &'a AgentProgress>) -> Result<Self, Error> {
        let (mut quota, mut fulfilled) = (0_u64, 0_u64);
        let mut total = Self::default();
        for agent in agents {
            let of_agent = agent.quota.unsigned_abs();
            quota += u64::from(of_agent);
            fulfilled += u64::from(of_agent - agent.remaining());
            total.evaluation_count += u64::from(agent.evaluations.count);
            total.agent_count += 1;
            total.agents_done_count += usize::from(agent.remaining() == 0);
        }
        total.quota = total_in_32_bits(quota)?;
        // It is at most the quota.
        total.fulfilled_count = u32::try_from(fulfilled).unwrap_or(u32::MAX);
        Ok(total)
    }

    /// How much of the quota is done, in whole percent, rounded down; 100 only if nothing remains.
    pub fn percent(&self) -> u32 {
        let (done, quota) = (u64::from(self.fulfilled_count), u64::from(self.quota.unsigned_abs()));
        (100 * done).checked_div(quota).and_then(|percent| u32::try_from(percent).ok()).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;
    use crate::qa_task::Overridden;
    use proptest::prelude::*;

    fn config(base: i32, overridden: Vec<Overridden>) -> TaskCompleteConfig {
        TaskCompleteConfig { count_per_agent: base, overridden }
    }

    fn of_group(group: &str, count_per_agent: i32) -> Overridden {
        Overridden { of: UserOrGroup::Group(Id::parse(group).unwrap()), count_per_agent }
    }

    fn of_user(user: &str, count_per_agent: i32) -> Overridden {
        Overridden { of: UserOrGroup::User(Id::parse(user).unwrap()), count_per_agent }
    }

    fn agents(names: &[&str]) -> Vec<UserId> {
        names.iter().map(|name| Id::parse(name).unwrap()).collect()
    }

    #[test]
    fn an_own_entry_counts_before_those_of_groups_and_the_first_group_before_others() {
        let (team, others) = (agents(&["a", "b"]), agents(&["b", "c"]));
        let members = |group: &GroupId| if group.as_str() == "team" { team.iter() } else { others.iter() };
        let quotas = Quotas::new(&config(4, vec![of_group("team", 2), of_user("b", 6)]), members);
        assert_eq!(quotas.total(&agents(&["a", "b", "c"]), 0).unwrap(), 12);
        assert_eq!(quotas.total(&agents(&["a", "b"]), 1).unwrap(), 12);
        let entries =
            vec![of_group("team", 2), of_group("others", 3), of_group("team", 9), of_user("a", 0), of_user("a", 5)];
        let quotas = Quotas::new(&config(4, entries), members);
        assert_eq!(["a", "b", "c", "d"].map(|agent| quotas.of(&Id::parse(agent).unwrap())), [0, 2, 3, 4]);
    }

    #[test]
    fn a_quota_beyond_32_bits_is_refused() {
        let quotas = Quotas::new(&config(10_000, Vec::new()), |_| []);
        assert_eq!(quotas.total([], 214_748).unwrap(), 2_147_480_000);
        assert_eq!(quotas.total([], 214_749).unwrap_err().reason(), Reason::QuotaTooLarge);
        assert_eq!(quotas.total([], u64::MAX).unwrap_err().reason(), Reason::QuotaTooLarge);
    }

    #[test]
    fn a_hundred_percent_only_if_nothing_remains() {
        let agent = |quota, count| AgentProgress { quota, evaluations: Evaluations { count, last: None } };
        for (agents, percent, done) in [
            (vec![], 100, 0),
            (vec![agent(0, 0)], 100, 1),
            (vec![agent(3, 2)], 66, 0),
            (vec![agent(3, 2), agent(1, 9)], 75, 1),
            (vec![agent(10_000, 10_000), agent(1, 0)], 99, 1),
            (vec![agent(2, 2), agent(0, 5)], 100, 2),
        ] {
            let total = TotalProgress::of(&agents).unwrap();
            assert_eq!((total.percent(), total.agents_done_count), (percent, done), "{agents:?}");
        }
    }

    proptest! {
        #[test]
        fn an_evaluation_counts_from_the_start_of_its_period_to_before_the_end(
            offset in -2..=2_i64,
            at_end: bool,
            is_evaluation: bool,
            is_of_template: bool,
        ) {
            let time = |text: &str| Timestamp::parse(text).unwrap();
            let period = EvaluationPeriod {
                start_time: time("2026-05-25T04:00:00Z"),
                end_time: time("2026-06-01T04:00:00Z"),
            };
            let edge = if at_end { period.end_time } else { period.start_time };
            let mark = ScorecardMark {
                submitted: edge.plus(chrono::TimeDelta::nanoseconds(offset)),
                template: Id::parse(if is_of_template { "quality" } else { "quality2" }).unwrap(),
                is_evaluation,
                plans: Vec::new(),
            };
            let mut evaluations = Evaluations::default();
            evaluations.add(&mark, &Id::parse("quality").unwrap(), &period);
            let counts = is_evaluation && is_of_template && (at_end == (offset < 0));
            prop_assert_eq!(evaluations.count, u32::from(counts));
            prop_assert_eq!(evaluations.last, counts.then_some(mark.submitted));
        }
    }
}
