//! Measures how far one agent came towards their goals: statistics become figures here, period by period.

use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::Timestamp;
use crate::goal::Goal;
use crate::names::{CoachingPlanId, ScorecardTemplateId, UsecaseId};
use crate::progress::{Measured, Reached, Span};
use crate::statistics::{Inconsistent, PackedStatistics, Period};

/// The goals of an agent, and the scores and sessions found for them so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Shared by all agents who have no targets of their own.
    goals: Arc<[Goal]>,
    /// The scores of each goal.
    measured: Vec<Measured>,
    /// The sessions held within the window: the time, in seconds since 1970, and the plan of each.
    pub sessions: Vec<(i64, CoachingPlanId)>,
}

impl Measurement {
    /// An empty measurement of `goals`, in which those of one template are adjacent.
    pub fn of(goals: Arc<[Goal]>) -> Self {
        Self { measured: vec![Measured::default(); goals.len()], goals, sessions: Vec::new() }
    }

    /// The goals of the agent.
    pub fn goals(&self) -> &[Goal] {
        &self.goals
    }

    /// Adds the agent's scores in `usecase` and `period` within the `window` and the `baseline`; `packed` are their
    /// statistics.
    ///
    /// # Errors
    /// [`Inconsistent`] if the statistics cannot be read. Scores that were added before that stay.
    pub fn add_scores(
        &mut self,
        usecase: &UsecaseId,
        period: Period,
        packed: &[u8],
        window: &Range<NaiveDate>,
        baseline: &Range<NaiveDate>,
    ) -> Result<(), Inconsistent> {
        if packed.is_empty() {
            return Ok(());
        }
        let packed = PackedStatistics::new(packed);
        let mut of_template: Option<(&ScorecardTemplateId, _)> = None;
        for (goal, measured) in self.goals.iter().zip(&mut self.measured) {
            let (Some(number), true) = (goal.number, goal.target.usecase == *usecase) else { continue };
            // Goals of one template are adjacent.
            let template = match &of_template {
                Some((id, template)) if **id == goal.target.template => template,
                _ => {
                    let template = packed.of(&goal.target.template)?;
                    &of_template.insert((&goal.target.template, template)).1
                }
            };
            let Some(template) = template else { continue };
            let [in_window, in_baseline] = template.over(period, number, [window, baseline])?;
            measured.window = measured.window.plus(in_window);
            measured.baseline = measured.baseline.plus(in_baseline);
        }
        Ok(())
    }

    /// Adds those of the agent's `sessions` that were held within `span`. One that has notes already and is still to
    /// come is left out.
    pub fn add_sessions(&mut self, sessions: Vec<(i64, CoachingPlanId)>, span: Span) {
        let within = span.start.unix_seconds()..=span.at.unix_seconds();
        self.sessions.extend(sessions.into_iter().filter(|(time, _)| within.contains(time)));
    }

    /// The time of the last of the sessions.
    pub fn last_session_time(&self) -> Option<Timestamp> {
        self.sessions.iter().map(|(time, _)| *time).max().and_then(Timestamp::from_unix_seconds)
    }

    /// The result of each goal, in their order.
    pub fn reached(&self) -> Vec<Reached> {
        let goals = self.goals.iter().zip(&self.measured);
        goals.map(|(goal, measured)| Reached::new(goal.hundredths, *measured)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;
    use crate::goal::tests::{target, template};
    use crate::progress::Window;
    use crate::statistics::{Contribution, FULL, Statistics, WHOLE_SCORECARD};
    use crate::target::Target;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 6, day).unwrap()
    }

    /// The goals of a whole scorecard and of `greeting`, of `greeting` in another usecase, and of a part that the
    /// template does not have.
    fn goals() -> Arc<[Goal]> {
        let sales = Target { usecase: Id::parse("sales").unwrap(), ..target("greeting") };
        let targets = [target(""), target("greeting"), sales, target("unheard-of")];
        let template = template(1, &[("greeting", "Greeting")], &[]);
        let at = time("2026-06-15T00:00:00Z");
        targets.iter().filter_map(|target| Goal::new(target, at, Some(&template))).collect()
    }

    /// Statistics of scorecards of `quality`, each with its day, its score in whole and that of `greeting`, in
    /// quarters.
    fn statistics(scorecards: &[(u32, u64, u64)]) -> Vec<u8> {
        let mut statistics = Statistics::default();
        for (of_day, whole, greeting) in scorecards {
            let scores = vec![(WHOLE_SCORECARD, whole * FULL / 4), (1, greeting * FULL / 4)];
            let contribution = Contribution { template: Id::parse("quality").unwrap(), day: day(*of_day), scores };
            statistics.add(Period::of(day(*of_day)), &contribution).unwrap();
        }
        statistics.encode()
    }

    fn scores(measurement: &Measurement) -> Vec<(Option<i64>, Option<i64>)> {
        measurement.reached().iter().map(|reached| (reached.score(), reached.baseline_score())).collect()
    }

    #[test]
    fn scores_count_in_the_window_or_the_baseline_of_their_usecase() {
        let (window, baseline) = (day(11)..day(13), day(9)..day(11));
        let packed = statistics(&[(8, 0, 0), (9, 1, 2), (10, 3, 4), (11, 4, 4), (12, 2, 4), (13, 0, 0)]);
        let mut measurement = Measurement::of(goals());
        let mut add = |usecase: &str, packed: &[u8]| {
            let usecase = Id::parse(usecase).unwrap();
            measurement.add_scores(&usecase, Period::of(day(11)), packed, &window, &baseline).unwrap();
        };
        add("care", &packed);
        add("care", &[]);
        add("billing", &packed);
        let nothing = (None, None);
        let whole = (Some(750_000), Some(500_000));
        assert_eq!(scores(&measurement), [whole, (Some(1_000_000), Some(750_000)), nothing, nothing]);
        let counts: Vec<(u64, u64)> =
            measurement.measured.iter().map(|one| (one.window.count, one.baseline.count)).collect();
        assert_eq!(counts, [(2, 2), (2, 2), (0, 0), (0, 0)]);
    }

    #[test]
    fn periods_add_up() {
        let (window, baseline) = (day(11)..day(13), day(9)..day(11));
        let mut measurement = Measurement::of(goals());
        for packed in [statistics(&[(11, 4, 0)]), statistics(&[(12, 0, 0)])] {
            let care = Id::parse("care").unwrap();
            measurement.add_scores(&care, Period::of(day(11)), &packed, &window, &baseline).unwrap();
        }
        assert_eq!(scores(&measurement).first(), Some(&(Some(500_000), None)));
    }

    #[test]
    fn statistics_that_cannot_be_read_are_no_scores() {
        let mut measurement = Measurement::of(goals());
        let (care, days) = (Id::parse("care").unwrap(), day(1)..day(30));
        let added = measurement.add_scores(&care, Period::of(day(11)), &[0xff; 9], &days, &days);
        assert_eq!(added, Err(Inconsistent));
    }

    #[test]
    fn sessions_count_from_the_start_of_the_window_until_its_last_moment_or_now() {
        let now = time("2026-06-12T15:00:00Z");
        let ends = [("2026-06-12T00:00:00Z", "2026-06-11T23:59:59Z"), ("2026-06-20T00:00:00Z", "2026-06-12T15:00:00Z")];
        for (end, last) in ends {
            let window = Window::new(Some(time("2026-06-11T00:00:00Z")), Some(time(end)), now).unwrap();
            let mut measurement = Measurement::of(goals());
            let plan: CoachingPlanId = Id::parse("plan").unwrap();
            let start = time("2026-06-11T00:00:00Z").unix_seconds();
            let last = time(last).unix_seconds();
            let sessions = [start - 1, start, last, last + 1].map(|time| (time, plan.clone()));
            assert_eq!(measurement.last_session_time(), None);
            measurement.add_sessions(sessions.to_vec(), window.span(now));
            let times: Vec<i64> = measurement.sessions.iter().map(|(time, _)| *time).collect();
            assert_eq!(times, [start, last]);
            assert_eq!(measurement.last_session_time(), Timestamp::from_unix_seconds(last));
        }
    }
}
