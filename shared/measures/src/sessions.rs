//! Agents' sessions alone, for requests that need nothing else of their activity.

use std::collections::HashMap;
use std::ops::Range;

use chrono::TimeDelta;
use coaching_domain::activity::SessionMark;
use coaching_domain::names::{CoachingSessionId, UserId};
use coaching_domain::progress::Span;
use coaching_domain::statistics::{Period, day_of};
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{AgentSums, App, AskedAgents, Measuring};
use coaching_store::{Agent, AgentMark, Mark, Marked, Marks, Unreadable};

/// The most ranges of marks that are read until their agents are known.
const MAX_RANGES_AHEAD: usize = 200;

type ReadMarks = Vec<Result<AgentMark, Unreadable>>;

/// A session of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSession {
    /// Its id.
    pub id: CoachingSessionId,
    /// Its mark.
    pub mark: SessionMark,
}

/// An agent with their sessions, in no order.
pub type AgentWithSessions = (Agent, Vec<AgentSession>);

/// Reads the sessions of agents whose counted time is within a window. If an agent asks for themselves, the sessions are as
/// they see them.
#[derive(Debug)]
pub struct SessionMeasuring<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    asked: &'a AskedAgents,
    window: Range<Timestamp>,
    now: Timestamp,
    periods: Vec<Period>,
}

impl<'a> SessionMeasuring<'a> {
    /// Makes ready to read, at `now`, the sessions of those who are `asked` for within `window`.
    pub fn new(
        app: &'a App,
        tenant: &'a Tenant,
        asked: &'a AskedAgents,
        window: Range<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let last = day_of(window.end.plus(TimeDelta::nanoseconds(-1)));
        let days = day_of(window.start)..last.succ_opt().unwrap_or(last);
        Self { app, tenant, asked, window, now, periods: Period::of_days(&days) }
    }

    fn take(&self, sessions: &mut AgentSums<'_, Vec<AgentSession>>, one: Result<AgentMark, Unreadable>) {
        sessions.take(
            one,
            |one| &one.agent,
            |sessions, one| {
                if let (Marked::Session(id), Mark::Session(mut mark)) = (one.marked, one.mark)
                    && self.window.contains(&mark.steps.counted)
                {
                    if self.asked.is_of_caller() {
                        mark.steps = mark.steps.seen_by_agent();
                    }
                    sessions.push(AgentSession { id, mark });
                }
                true
            },
        );
    }
}

/// The time whose facts count for a `window` of sessions, if asked at `now`: who was an agent at its last moment, and which
/// plans are active now.
pub fn span_of(window: &Range<Timestamp>, now: Timestamp) -> Span {
    let last = Some(window.end.plus(TimeDelta::nanoseconds(-1))).filter(|last| *last < now);
    Span { start: window.start, at: last.unwrap_or(now), is_over: last.is_some(), coaching_at: now }
}

impl Measuring for SessionMeasuring<'_> {
    type Measured = AgentWithSessions;
    /// They are only ordered by name.
    type Value = ();
    type Basis = ();
    type ReadAhead = ReadMarks;

    async fn basis(&self) -> Result<(), Error> {
        Ok(())
    }

    fn are_few(&self, agents: usize) -> bool {
        agents * self.asked.usecases.len() * self.periods.len() <= MAX_RANGES_AHEAD
    }

    async fn read_ahead(&self, agents: &[UserId]) -> Result<ReadMarks, Error> {
        let mut marks = Vec::new();
        let (store, usecases) = (&self.app.store, &self.asked.usecases);
        let read = store.activity_of_agents(self.tenant, usecases, agents, &self.periods, Marks::Sessions, |one| {
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
        ahead: Option<ReadMarks>,
    ) -> Result<Vec<AgentWithSessions>, Error> {
        let ids: Vec<UserId> = agents.iter().map(|agent| agent.id.clone()).collect();
        let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
        let mut sessions = AgentSums::of(&places);
        let take = |one| {
            self.take(&mut sessions, one);
            Ok(())
        };
        let (store, tenant, usecases) = (&self.app.store, self.tenant, &self.asked.usecases);
        match ahead {
            Some(marks) => marks.into_iter().try_for_each(take)?,
            None if self.asked.is_everyone() => {
                store.activity_of_profile(tenant, usecases, &self.periods, Marks::Sessions, take).await?;
            }
            None => store.activity_of_agents(tenant, usecases, &ids, &self.periods, Marks::Sessions, take).await?,
        }
        // If something of an agent cannot be read, they are left out.
        let with_sessions = agents.into_iter().zip(sessions.into_sums());
        let mut measured: Vec<AgentWithSessions> =
            with_sessions.filter_map(|(agent, sessions)| Some((agent, sessions?))).collect();
        let all = measured.iter_mut().map(|(_, sessions)| sessions).collect();
        self.app.store.leave_out_deleted(tenant, all, |session| &session.mark.plan, self.now).await?;
        Ok(measured)
    }

    async fn complete(&self, _page: &mut Vec<AgentWithSessions>) -> Result<(), Error> {
        Ok(())
    }

    fn agent((agent, _): &AgentWithSessions) -> &Agent {
        agent
    }

    fn value(&self, _measured: &AgentWithSessions) -> Option<()> {
        None
    }
}
