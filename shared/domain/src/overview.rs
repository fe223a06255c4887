//! Overviews of an agent's coaching within a window: what their marks of activity and their scores add up to.

use std::collections::HashSet;
use std::ops::Range;

use chrono::NaiveDate;

use crate::Timestamp;
use crate::activity::{ScorecardMark, SessionMark};
use crate::names::{CoachingPlanId, ScorecardTemplateId};
use crate::progress::mean_score;
use crate::session::State;
use crate::statistics::{Cell, Inconsistent, PackedStatistics, Period, WHOLE_SCORECARD};

/// The sessions and linked scorecards of an agent within a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// The sessions whose counted time is within the window.
    pub sessions: Vec<OverviewSession>,
    /// The number of scorecards that were submitted within the window and are linked to plans.
    pub linked_scorecard_count: usize,
    /// The plans that those are linked to, one for each link.
    links: Vec<CoachingPlanId>,
}

/// A session within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewSession {
    /// The time at which it counts.
    pub counted: Timestamp,
    /// Its state now.
    pub state: State,
    /// Whether a step is overdue now.
    pub overdue: bool,
    /// The plan that it belongs to.
    pub plan: CoachingPlanId,
}

/// The part of an overview that one plan has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfPlan {
    /// Its sessions.
    pub session_count: usize,
    /// The scorecards that are linked to it.
    pub scorecard_count: usize,
    /// When the last of the sessions was that are not ahead.
    pub last_session_time: Option<Timestamp>,
}

impl Activity {
    /// Adds a session as it is at `now`, if it is within `window`, of which the end is excluded.
    pub fn add_session(&mut self, mark: SessionMark, window: &Range<Timestamp>, now: Timestamp) {
        let SessionMark { steps, plan, .. } = mark;
        if window.contains(&steps.counted) {
            let (state, overdue) = (steps.state(now), steps.overdue(now));
            self.sessions.push(OverviewSession { counted: steps.counted, state, overdue, plan });
        }
    }

    /// Adds a scorecard, if it was submitted within `window`, is linked to plans, and is of one of `templates` (empty:
    /// of any).
    pub fn add_scorecard(
        &mut self,
        mark: ScorecardMark,
        window: &Range<Timestamp>,
        templates: &HashSet<ScorecardTemplateId>,
    ) {
        let is_in_scope = templates.is_empty() || templates.contains(&mark.template);
        if is_in_scope && !mark.plans.is_empty() && window.contains(&mark.submitted) {
            self.linked_scorecard_count += 1;
            self.links.extend(mark.plans);
        }
    }

    /// The number of sessions in `state`.
    pub fn in_state(&self, state: State) -> usize {
        self.sessions.iter().filter(|session| session.state == state).count()
    }

    /// The number of sessions in `state` of which a step is overdue.
    pub fn overdue_in_state(&self, state: State) -> usize {
        self.sessions.iter().filter(|session| session.state == state && session.overdue).count()
    }

    /// The latest counted time, ahead or not.
    pub fn latest_time(&self) -> Option<Timestamp> {
        self.sessions.iter().map(|session| session.counted).max()
    }

    /// The latest counted time that is not after `now`.
    pub fn last_session_time(&self, now: Timestamp) -> Option<Timestamp> {
        last_of(self.sessions.iter(), now)
    }

    /// The earliest counted time after `now`.
    pub fn next_session_time(&self, now: Timestamp) -> Option<Timestamp> {
        self.sessions.iter().map(|session| session.counted).filter(|time| *time > now).min()
    }

    /// The part of `plan`; `None` if it has neither a session nor a linked scorecard.
    pub fn of_plan(&self, plan: &CoachingPlanId, now: Timestamp) -> Option<OfPlan> {
        let sessions = || self.sessions.iter().filter(|session| session.plan == *plan);
        let of_plan = OfPlan {
            session_count: sessions().count(),
            scorecard_count: self.links.iter().filter(|linked| *linked == plan).count(),
            last_session_time: last_of(sessions(), now),
        };
        (of_plan.session_count + of_plan.scorecard_count > 0).then_some(of_plan)
    }
}

fn last_of<'a>(sessions: impl Iterator<Item = &'a OverviewSession>, now: Timestamp) -> Option<Timestamp> {
    sessions.map(|session| session.counted).filter(|time| *time <= now).max()
}

/// The scores of whole scorecards of an agent within a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WholeScores(Cell);

impl WholeScores {
    /// Adds the scores of `period` on `days`, of `templates` (empty: of all); `packed` are the agent's statistics.
    ///
    /// # Errors
    /// [`Inconsistent`] if the statistics cannot be read. Scores that were added before that stay.
    pub fn add(
        &mut self,
        period: Period,
        packed: &[u8],
        days: &Range<NaiveDate>,
        templates: &HashSet<ScorecardTemplateId>,
    ) -> Result<(), Inconsistent> {
        if packed.is_empty() {
            return Ok(());
        }
        for (id, template) in PackedStatistics::new(packed).all()? {
            if templates.is_empty() || templates.contains(&id) {
                let [scores] = template.over(period, WHOLE_SCORECARD, [days])?;
                self.0 = self.0.plus(scores);
            }
        }
        Ok(())
    }

    /// The number of scorecards.
    pub fn count(&self) -> u64 {
        self.0.count
    }

    /// Their mean score, in ten-thousandths of a percentage point; `None` if there are none.
    pub fn average(&self) -> Option<i64> {
        mean_score(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Steps;
    use crate::statistics::{Contribution, FULL, Statistics};
    use crate::{Id, names};

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn plan(id: &str) -> names::CoachingPlanId {
        Id::parse(id).unwrap()
    }

    fn session(counted: &str, plan: &str) -> SessionMark {
        let steps = Steps {
            counted: time(counted),
            has_session_time: true,
            has_notes: false,
            submitted: None,
            acknowledged: None,
        };
        SessionMark { steps, coach: Id::parse("maria").unwrap(), plan: Id::parse(plan).unwrap() }
    }

    #[test]
    fn a_window_holds_its_start_and_not_its_end_to_the_nanosecond() {
        let (window, now) = (time("2026-05-01T10:00:00Z")..time("2026-05-03T10:00:00Z"), time("2026-05-02T00:00:00Z"));
        let mut activity = Activity::default();
        for counted in [
            "2026-05-01T09:59:59.999999999Z",
            "2026-05-01T10:00:00Z",
            "2026-05-02T00:00:00Z",
            "2026-05-02T00:00:00.000000001Z",
            "2026-05-03T09:59:59.999999999Z",
            "2026-05-03T10:00:00Z",
        ] {
            activity.add_session(session(counted, "a"), &window, now);
        }
        assert_eq!(activity.sessions.len(), 4);
        assert_eq!(activity.last_session_time(now), Some(time("2026-05-02T00:00:00Z")));
        assert_eq!(activity.next_session_time(now), Some(time("2026-05-02T00:00:00.000000001Z")));
        assert_eq!(activity.latest_time(), Some(time("2026-05-03T09:59:59.999999999Z")));
        assert_eq!((activity.in_state(State::Held), activity.in_state(State::Scheduled)), (2, 2));
        assert_eq!((activity.overdue_in_state(State::Held), activity.overdue_in_state(State::Submitted)), (2, 0));
    }

    #[test]
    fn a_scorecard_of_two_plans_counts_once_and_for_each_plan() {
        let (window, now) = (time("2026-05-01T00:00:00Z")..time("2026-06-01T00:00:00Z"), time("2026-07-01T00:00:00Z"));
        let mark = |template: &str, plans: &[&str]| ScorecardMark {
            submitted: time("2026-05-20T10:00:00Z"),
            template: Id::parse(template).unwrap(),
            is_evaluation: true,
            plans: plans.iter().map(|id| plan(id)).collect(),
        };
        let mut activity = Activity::default();
        let of_quality = HashSet::from([Id::parse("quality").unwrap()]);
        for (mark, templates) in [
            (mark("quality", &["a", "b"]), &HashSet::new()),
            (mark("quality", &["a"]), &of_quality),
            (mark("other", &["a"]), &of_quality),
            (mark("quality", &[]), &HashSet::new()),
        ] {
            activity.add_scorecard(mark, &window, templates);
        }
        assert_eq!(activity.linked_scorecard_count, 2);
        let counts = ["a", "b", "c"].map(|id| activity.of_plan(&plan(id), now).map(|of_plan| of_plan.scorecard_count));
        assert_eq!(counts, [Some(2), Some(1), None]);
    }

    #[test]
    fn scores_of_all_templates_in_scope_make_one_mean() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 5, day).unwrap();
        let period = Period::of(day(1));
        let mut statistics = Statistics::default();
        for (template, of_day, quarters) in [("a", 1, 4), ("a", 2, 1), ("b", 2, 2), ("c", 3, 3)] {
            let scores = vec![(WHOLE_SCORECARD, quarters * FULL / 4), (1, FULL)];
            let contribution = Contribution { template: Id::parse(template).unwrap(), day: day(of_day), scores };
            statistics.add(period, &contribution).unwrap();
        }
        let packed = statistics.encode();
        let result = |templates: &[&str], days: Range<NaiveDate>| {
            let mut scores = WholeScores::default();
            let templates = templates.iter().map(|id| Id::parse(id).unwrap()).collect();
            scores.add(period, &packed, &days, &templates).unwrap();
            (scores.count(), scores.average())
        };
        assert_eq!(result(&[], day(1)..day(4)), (4, Some(625_000)));
        assert_eq!(result(&["a", "b"], day(2)..day(4)), (2, Some(375_000)));
        assert_eq!(result(&["d"], day(1)..day(4)), (0, None));
        assert_eq!(result(&[], day(10)..day(20)), (0, None));
        let mut scores = WholeScores::default();
        assert_eq!(scores.add(period, &[], &(day(1)..day(4)), &HashSet::new()), Ok(()));
        assert_eq!(scores.add(period, &[9, 9], &(day(1)..day(4)), &HashSet::new()), Err(Inconsistent));
    }
}
