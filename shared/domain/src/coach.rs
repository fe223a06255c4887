//! What there is of the coaching of one coach: the sessions of a window that they hold, and how reliably each step is
//! taken.

use std::collections::HashSet;

use crate::Timestamp;
use crate::names::UserId;
use crate::session::{State, Steps};

/// The sessions of one coach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoachSessions {
    agents: HashSet<UserId>,
    /// The sessions in each state, in the order of [`State`].
    states: [u64; 4],
    not_held: u64,
    not_acknowledged: u64,
    due: u64,
    /// How long each acknowledgement took from the submission on, in whole seconds.
    seconds_to_acknowledge: Vec<i64>,
}

impl CoachSessions {
    /// Adds a session with `agent` as it is at `now`.
    pub fn add(&mut self, agent: &UserId, steps: &Steps, now: Timestamp) {
        if !self.agents.contains(agent) {
            self.agents.insert(agent.clone());
        }
        let state = steps.state(now);
        let [scheduled, held, submitted, acknowledged] = &mut self.states;
        *match state {
            State::Scheduled => scheduled,
            State::Held => held,
            State::Submitted => submitted,
            State::Acknowledged => acknowledged,
        } += 1;
        match state {
            State::Held if steps.overdue(now) => self.not_held += 1,
            State::Submitted if steps.overdue(now) => self.not_acknowledged += 1,
            _ => {}
        }
        self.due += u64::from(steps.counted <= now && state != State::Scheduled);
        if let (Some(submitted), Some(acknowledged)) = (steps.submitted, steps.acknowledged) {
            let taken = acknowledged.as_utc().signed_duration_since(submitted.as_utc());
            self.seconds_to_acknowledge.push(taken.num_seconds());
        }
    }

    /// The number of different agents.
    pub fn agent_count(&self) -> usize {
        self.agents.len()
    }

    /// The number of sessions in `state`.
    pub fn in_state(&self, state: State) -> u64 {
        let [scheduled, held, submitted, acknowledged] = self.states;
        match state {
            State::Scheduled => scheduled,
            State::Held => held,
            State::Submitted => submitted,
            State::Acknowledged => acknowledged,
        }
    }

    /// The number of sessions.
    pub fn count(&self) -> u64 {
        self.states.iter().sum()
    }

    /// The number of sessions whose counted time has come, without those that have neither a time nor notes.
    pub fn due_count(&self) -> u64 {
        self.due
    }

    /// The number of sessions whose session time has come and that have no notes.
    pub fn not_held_count(&self) -> u64 {
        self.not_held
    }

    /// The number of submitted sessions whose acknowledgement is overdue.
    pub fn not_acknowledged_count(&self) -> u64 {
        self.not_acknowledged
    }

    /// The share of what is due that was held, in ten-thousandths; `None` if nothing is due.
    pub fn held_rate(&self) -> Option<u64> {
        rate(self.due.saturating_sub(self.not_held), self.due)
    }

    /// The share of what is submitted that is acknowledged, in ten-thousandths; `None` if nothing is submitted.
    pub fn acknowledged_rate(&self) -> Option<u64> {
        let acknowledged = self.in_state(State::Acknowledged);
        rate(acknowledged, self.in_state(State::Submitted) + acknowledged)
    }

    /// The median time that an acknowledgement took, in seconds, of two in the middle the lower; `None` without any.
    pub fn median_seconds_to_acknowledge(&self) -> Option<i64> {
        let mut seconds = self.seconds_to_acknowledge.clone();
        seconds.sort_unstable();
        seconds.get(seconds.len().checked_sub(1)? / 2).copied()
    }
}

/// `part / whole` in ten-thousandths, rounded half up; `None` of nothing.
fn rate(part: u64, whole: u64) -> Option<u64> {
    (20_000 * part + whole).checked_div(2 * whole)
}

/// Ten-thousandths as a share of 1, for the wire.
#[expect(clippy::cast_precision_loss, reason = "a share is at most 1")]
pub fn share(ten_thousandths: u64) -> f64 {
    ten_thousandths as f64 / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn steps(counted: &str, has_notes: bool, submitted: Option<&str>, acknowledged: Option<&str>) -> Steps {
        let (submitted, acknowledged) = (submitted.map(time), acknowledged.map(time));
        Steps { counted: time(counted), has_session_time: true, has_notes, submitted, acknowledged }
    }

    #[test]
    fn sessions_are_counted_by_what_is_due_and_what_was_done() {
        let now = time("2026-06-01T12:00:00Z");
        let (ana, ben): (UserId, UserId) = (Id::parse("ana").unwrap(), Id::parse("ben").unwrap());
        let mut sessions = CoachSessions::default();
        assert_eq!((sessions.held_rate(), sessions.acknowledged_rate()), (None, None));
        assert_eq!(sessions.median_seconds_to_acknowledge(), None);
        let submitted = Some("2026-05-20T10:00:00Z");
        for (agent, steps) in [
            (&ana, steps("2026-06-01T12:00:00.000000001Z", false, None, None)),
            (&ana, steps("2026-06-01T12:00:00Z", false, None, None)),
            (&ana, steps("2026-05-20T09:00:00Z", true, None, None)),
            (&ben, steps("2026-05-20T09:00:00Z", true, submitted, None)),
            (&ben, steps("2026-05-20T09:00:00Z", true, submitted, Some("2026-05-20T10:00:09.9Z"))),
            (&ben, steps("2026-05-20T09:00:00Z", true, submitted, Some("2026-05-20T10:00:30Z"))),
            // Its notes and its submission came ahead of it.
            (&ana, steps("2026-06-02T09:00:00Z", true, submitted, None)),
        ] {
            sessions.add(agent, &steps, now);
        }
        // It has neither a time nor notes, so nobody is late.
        let untimed = Steps { has_session_time: false, ..steps("2026-05-20T09:00:00Z", false, None, None) };
        sessions.add(&ana, &untimed, now);
        let states = [State::Scheduled, State::Held, State::Submitted, State::Acknowledged];
        assert_eq!(states.map(|state| sessions.in_state(state)), [2, 2, 2, 2]);
        assert_eq!((sessions.count(), sessions.agent_count(), sessions.due_count()), (8, 2, 5));
        assert_eq!((sessions.not_held_count(), sessions.not_acknowledged_count()), (1, 1));
        assert_eq!((sessions.held_rate(), sessions.acknowledged_rate()), (Some(8_000), Some(5_000)));
        assert_eq!(sessions.median_seconds_to_acknowledge(), Some(9));
    }

    #[test]
    fn rates_are_rounded_once_half_up() {
        assert_eq!(
            [(1, 3), (2, 3), (1, 20_000), (1, 20_001), (7, 7), (0, 5)].map(|(part, whole)| rate(part, whole)),
            [Some(3_333), Some(6_667), Some(1), Some(0), Some(10_000), Some(0)]
        );
        assert_eq!(rate(0, 0), None);
    }
}
