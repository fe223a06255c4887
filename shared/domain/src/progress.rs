//! Coaching progress: how far an agent's scores moved, and how far they still are from target.
//!
//! Figures are whole ten-thousandths of a percentage point, each mean rounded half away from zero
//! once, so that what is shown adds up: `progress` is exactly `score` less `baselineScore`.

use std::collections::HashSet;
use std::ops::Range;

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};

use crate::Timestamp;
use crate::names::{CoachingPlanId, ScorecardTemplateId, UsecaseId};
use crate::statistics::{Cell, day_of};
use crate::target::Target;
use crate::timestamp::range_fault;

/// How many days the default window has; it ends with today.
const DEFAULT_DAYS: u64 = 30;
/// The most days of a window.
pub const MAX_DAYS: i64 = 400;

/// The days whose scores are measured, in whole UTC days, and as many before them to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days, the last one left out.
    pub days: Range<NaiveDate>,
}

impl Window {
    /// The window from `start`, rounded down, until `end`, rounded up: by default the 30 days that end
    /// with the day of `now`.
    ///
    /// # Errors
    /// A text about `endTime`, if it is not after the start, to the nanosecond, or more than 400 days after it.
    pub fn new(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> Result<Self, String> {
        // Rounded to days, a range that is turned round within one day would be that day.
        if let Some(fault) = range_fault(start, end, "startTime") {
            return Err(fault);
        }
        let tomorrow = day_of(now) + Days::new(1);
        let end = end.map_or(tomorrow, |end| day_of(end.plus(TimeDelta::nanoseconds(-1))) + Days::new(1));
        let start = start.map_or_else(|| end.checked_sub_days(Days::new(DEFAULT_DAYS)), |start| Some(day_of(start)));
        let start = start.ok_or("must be later")?;
        match (end - start).num_days() {
            ..=0 => Err("must be after startTime".to_owned()),
            1..=MAX_DAYS => Ok(Self { days: start..end }),
            _ => Err(format!("must be at most {MAX_DAYS} days after startTime")),
        }
    }

    /// The equally long window just before.
    pub fn baseline(&self) -> Range<NaiveDate> {
        let length = self.days.end - self.days.start;
        self.days.start.checked_sub_signed(length).unwrap_or(NaiveDate::MIN)..self.days.start
    }

    /// Every day that is read: the baseline's and the window's.
    pub fn all_days(&self) -> Range<NaiveDate> {
        self.baseline().start..self.days.end
    }

    /// When the window starts.
    pub fn start(&self) -> Option<Timestamp> {
        Timestamp::from_utc(self.days.start.and_time(NaiveTime::MIN).and_utc())
    }

    /// When it ends: the first moment that is not in it.
    pub fn end(&self) -> Option<Timestamp> {
        Timestamp::from_utc(self.days.end.and_time(NaiveTime::MIN).and_utc())
    }
}

/// What a request for progress is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// The usecases.
    pub usecases: HashSet<UsecaseId>,
    /// The templates; empty: all.
    pub templates: HashSet<ScorecardTemplateId>,
    /// When the window ends: targets are measured by the value that was in force then.
    pub end: Timestamp,
}

impl Scope {
    fn holds(&self, target: &Target) -> bool {
        self.usecases.contains(&target.usecase)
            && (self.templates.is_empty() || self.templates.contains(&target.template))
            && target.hundredths_at(self.end).is_some()
    }

    /// The targets that an agent is measured by: their own, on active plans of theirs, and those of
    /// the organisation that none of their own replaces (same usecase, template and criterion).
    pub fn targets_of<'a>(
        &self,
        own: &'a [Target],
        active_plans: &HashSet<&CoachingPlanId>,
        organisation: &'a [Target],
    ) -> Vec<&'a Target> {
        let on_active_plan = |target: &&Target| target.plan.as_ref().is_some_and(|plan| active_plans.contains(plan));
        let mut targets: Vec<&Target> = own.iter().filter(|target| self.holds(target)).filter(on_active_plan).collect();
        let key = |target: &'a Target| (&target.usecase, &target.template, target.criterion_or_chapter_id.as_str());
        let replaced: HashSet<_> = targets.iter().map(|target| key(target)).collect();
        targets.extend(organisation.iter().filter(|target| self.holds(target) && !replaced.contains(&key(target))));
        targets.sort_by(|a, b| {
            let order = |target: &'a Target| (&target.template, &target.criterion_or_chapter_id, &target.id);
            order(a).cmp(&order(b))
        });
        targets
    }
}

/// The scores that one target is measured by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// Within the window.
    pub window: Cell,
    /// Within the baseline.
    pub baseline: Cell,
}

/// One target and how far it is reached, in ten-thousandths of a percentage point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The mean score over the baseline.
    pub baseline_score: Option<i64>,
    /// The mean score over the window.
    pub score: Option<i64>,
    /// `score − baseline_score`
    pub progress: Option<i64>,
    /// The target that was in force at the window's end.
    pub target: i64,
    /// `target − score`; negative if exceeded.
    pub gap: Option<i64>,
}

impl Reached {
    /// How far a target of `hundredths` is reached.
    pub fn new(hundredths: u32, measured: Measured) -> Self {
        let score = mean_of(measured.window);
        let baseline_score = mean_of(measured.baseline);
        let target = i64::from(hundredths) * 100;
        Self {
            baseline_score,
            score,
            progress: score.zip(baseline_score).map(|(score, baseline)| score - baseline),
            target,
            gap: score.map(|score| target - score),
        }
    }
}

/// The mean progress over targets.
pub fn overall_progress(reached: &[Reached]) -> Option<i64> {
    mean(reached.iter().filter_map(|one| one.progress))
}

/// The mean over targets of how far they are missed.
pub fn overall_gap(reached: &[Reached]) -> Option<i64> {
    mean(reached.iter().filter_map(|one| one.gap).map(|gap| gap.max(0)))
}

fn mean(values: impl Iterator<Item = i64>) -> Option<i64> {
    let (sum, count) = values.fold((0_i64, 0_i64), |(sum, count), value| (sum + value, count + 1));
    rounded(i128::from(sum), i128::from(count))
}

fn mean_of(cell: Cell) -> Option<i64> {
    rounded(i128::from(cell.sum) * 100, i128::from(cell.count))
}

/// `sum / count`, rounded half away from zero.
fn rounded(sum: i128, count: i128) -> Option<i64> {
    if count == 0 {
        return None;
    }
    let halves = (2 * sum.abs() + count) / (2 * count);
    i64::try_from(halves * sum.signum()).ok()
}

/// Ten-thousandths of a percentage point as the wire has them.
#[expect(clippy::cast_precision_loss, reason = "figures are at most 100 percentage points")]
pub fn points(ten_thousandths: i64) -> f64 {
    ten_thousandths as f64 / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn window(start: Option<&str>, end: Option<&str>) -> Result<(String, String, String), String> {
        let window = Window::new(start.map(time), end.map(time), time("2026-06-15T08:00:00Z"))?;
        let baseline = window.baseline().start.to_string();
        Ok((baseline, window.days.start.to_string(), window.days.end.to_string()))
    }

    #[test]
    fn windows_are_whole_days() {
        let days = |a: &str, b: &str, c: &str| Ok((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(window(None, None), days("2026-04-17", "2026-05-17", "2026-06-16"));
        let (start, end) = ("2026-06-01T23:59:59Z", "2026-06-03T00:00:00Z");
        assert_eq!(window(Some(start), Some(end)), days("2026-05-30", "2026-06-01", "2026-06-03"));
        let end = "2026-06-03T00:00:00.000000001Z";
        assert_eq!(window(Some(start), Some(end)), days("2026-05-29", "2026-06-01", "2026-06-04"));
        assert_eq!(window(None, Some("2026-03-01T00:00:00Z")), days("2025-12-31", "2026-01-30", "2026-03-01"));
        assert_eq!(window(Some("2026-06-15T00:00:00Z"), None), days("2026-06-14", "2026-06-15", "2026-06-16"));
        assert!(window(Some("2026-06-16T00:00:00Z"), None).is_err());
        assert!(window(Some("2026-06-03T00:00:00Z"), Some("2026-06-03T00:00:00Z")).is_err());
        for end in ["2026-06-03T10:00:00Z", "2026-06-03T15:00:00Z", "2026-06-02T23:00:00Z"] {
            assert_eq!(window(Some("2026-06-03T15:00:00Z"), Some(end)), Err("must be after startTime".to_owned()));
        }
        let of_a_day = window(Some("2026-06-03T15:00:00Z"), Some("2026-06-03T15:00:00.000000001Z"));
        assert_eq!(of_a_day, days("2026-06-02", "2026-06-03", "2026-06-04"));
        assert!(window(Some("2026-01-01T00:00:00Z"), Some("2027-02-05T00:00:00Z")).is_ok());
        assert!(window(Some("2026-01-01T00:00:00Z"), Some("2027-02-05T00:00:01Z")).is_err());
    }

    #[test]
    fn figures_round_once_and_add_up() {
        let cell = |sum, count| Cell { sum, count };
        let reached = Reached::new(9_000, Measured { window: cell(25_000, 3), baseline: cell(16_667, 2) });
        assert_eq!(reached.score, Some(833_333));
        assert_eq!(reached.baseline_score, Some(833_350));
        assert_eq!(reached.progress, Some(-17));
        assert_eq!(reached.gap, Some(66_667));
        let new = Reached::new(5_000, Measured { window: cell(8_000, 1), baseline: Cell::default() });
        assert_eq!((new.progress, new.gap), (None, Some(-300_000)));
        assert_eq!(overall_progress(&[reached, new]), Some(-17));
        assert_eq!(overall_gap(&[reached, new]), Some(33_334), "half away from zero, and what is exceeded is no gap");
        assert_eq!(overall_gap(&[]), None);
    }
}
