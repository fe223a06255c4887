//! Coaching progress: how far an agent's scores moved, and how far they still are from target.
//!
//! Figures are whole ten-thousandths of a percentage point. Each is computed from the sums and counts themselves and
//! rounded once, half away from zero, so it may be one off the result of computing with the other rounded figures.
//! [`crate::statistics`] says how exact the sums are.

use std::collections::{BTreeMap, HashSet};
use std::iter::once;
use std::ops::Range;

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};

use crate::Timestamp;
use crate::exact::{FULL_SCORE, greatest_common_divisor};
use crate::names::{ScorecardTemplateId, UsecaseId};
use crate::quotient::{Quotient, rounded};
use crate::statistics::{Cell, FULL, day_of};
use crate::target::Target;
use crate::timestamp::range_fault;

/// The number of days in the default window, which ends with today.
const DEFAULT_DAYS: u64 = 30;
/// The most days of a window.
pub const MAX_DAYS: i64 = 400;

/// The days whose scores are measured, in whole UTC days, and as many before them to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days; the end is excluded.
    pub days: Range<NaiveDate>,
}

impl Window {
    /// The window from `start`, rounded down, until `end`, rounded up: by default the 30 days that end
    /// with the day of `now`.
    ///
    /// # Errors
    /// A text about `endTime`, if it is not after the start, to the nanosecond, or more than 400 days after it.
    pub fn new(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> Result<Self, String> {
        // Rounded to days, a reversed range within one day would become that day.
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

    /// The start of the window.
    pub fn start(&self) -> Option<Timestamp> {
        Timestamp::from_utc(self.days.start.and_time(NaiveTime::MIN).and_utc())
    }

    /// The end of the window: the first moment that is not in it.
    pub fn end(&self) -> Option<Timestamp> {
        Timestamp::from_utc(self.days.end.and_time(NaiveTime::MIN).and_utc())
    }

    /// The time whose facts the window is measured by, if asked at `now`.
    pub fn span(&self, now: Timestamp) -> Span {
        let last = self.end().map(|end| end.plus(TimeDelta::nanoseconds(-1))).filter(|last| *last < now);
        let at = last.unwrap_or(now);
        Span { start: self.start().unwrap_or(now), at, is_over: last.is_some(), coaching_at: at }
    }
}

/// The time whose facts a window is measured by: which plans were active, which targets existed with which values, who
/// was an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The start of the window.
    pub start: Timestamp,
    /// The last moment of a window that is over, else the moment of the request: the facts at this moment count.
    pub at: Timestamp,
    /// Whether the window is over, so that what changes now does not change its figures.
    pub is_over: bool,
    /// The moment whose plans and targets count: `at`, or the moment of the request.
    pub coaching_at: Timestamp,
}

impl Span {
    /// Whether plans and targets count as they were, and not as they are.
    pub fn has_past_coaching(&self) -> bool {
        self.is_over && self.coaching_at == self.at
    }
}

/// The scope of a request for progress.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// The usecases.
    pub usecases: HashSet<UsecaseId>,
    /// The templates; empty: all.
    pub templates: HashSet<ScorecardTemplateId>,
    /// The time whose facts count.
    pub at: Timestamp,
}

impl Scope {
    fn holds(&self, target: &Target) -> bool {
        self.usecases.contains(&target.usecase)
            && (self.templates.is_empty() || self.templates.contains(&target.template))
            && target.hundredths_at(self.at).is_some()
    }

    /// The targets that an agent is measured by: their `own`, of plans that were active, and those of the organisation
    /// that none of their own replaces (same usecase, template and part of it). For each plan, and for the
    /// organisation, there is one for such a part: the one created first.
    pub fn targets_of<'a>(&self, own: &'a [Target], organisation: &'a [Target]) -> Vec<&'a Target> {
        type Part<'a> = (&'a ScorecardTemplateId, &'a str, &'a UsecaseId);
        let part = |target: &'a Target| -> Part<'a> {
            (&target.template, target.criterion_or_chapter_id.as_str(), &target.usecase)
        };
        let replaced: HashSet<Part<'a>> = own.iter().filter(|target| self.holds(target)).map(part).collect();
        let own = own.iter().filter(|target| self.holds(target));
        let others = organisation.iter().filter(|target| self.holds(target) && !replaced.contains(&part(target)));
        let mut targets: BTreeMap<_, &'a Target> = BTreeMap::new();
        for target in own.chain(others) {
            let first = targets.entry((part(target), &target.plan)).or_insert(target);
            if (target.create_time, &target.id) < (first.create_time, &first.id) {
                *first = target;
            }
        }
        let mut targets: Vec<&Target> = targets.into_values().collect();
        targets.sort_by_key(|target| (&target.template, &target.criterion_or_chapter_id, &target.id));
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

impl Measured {
    /// The two together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { window: self.window.plus(other.window), baseline: self.baseline.plus(other.baseline) }
    }
}

/// A target and how far it is reached; or scores without a target. Its figures are in ten-thousandths of a percentage point;
/// each is computed exactly from what was measured, and rounded once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The value in force at the window's end, in hundredths of a percentage point: the sum of those of so many `agents`,
    /// whose mean is the target.
    hundredths: u64,
    /// 0: there is no target.
    agents: u64,
    measured: Measured,
}

impl Reached {
    /// How far a target of `hundredths` of a percentage point is reached.
    pub fn new(hundredths: u32, measured: Measured) -> Self {
        Self::of_agents(hundredths.into(), 1, measured)
    }

    /// How far the mean of the targets of `agents` is reached, which are `hundredths` of a percentage point together; of no
    /// agents: scores without a target.
    pub fn of_agents(hundredths: u64, agents: u64, measured: Measured) -> Self {
        Self { hundredths, agents, measured }
    }

    /// The mean score over the baseline.
    pub fn baseline_score(&self) -> Option<i64> {
        mean_score(self.measured.baseline)
    }

    /// The mean score over the window.
    pub fn score(&self) -> Option<i64> {
        mean_score(self.measured.window)
    }

    /// How far the mean score moved from the baseline to the window; `None` without a target.
    pub fn progress(&self) -> Option<i64> {
        shown(self.moved()?.into_iter(), 1)
    }

    /// The target that was in force at the window's end.
    pub fn target(&self) -> Option<i64> {
        let mean = (200 * self.hundredths + self.agents).checked_div(2 * self.agents)?;
        i64::try_from(mean).ok()
    }

    /// How far the mean score is below the target; negative if it exceeds it.
    pub fn gap(&self) -> Option<i64> {
        shown(once(self.missed()?), 1)
    }

    /// The number of scorecards in the mean of [`Reached::score`].
    pub fn scorecard_count(&self) -> u64 {
        self.measured.window.count
    }

    /// The number of scorecards in the mean of [`Reached::baseline_score`].
    pub fn baseline_scorecard_count(&self) -> u64 {
        self.measured.baseline.count
    }

    /// The exact terms of [`Reached::progress`].
    fn moved(&self) -> Option<[Quotient; 2]> {
        if self.agents == 0 {
            return None;
        }
        let (score, baseline) = (mean(self.measured.window)?, mean(self.measured.baseline)?);
        Some([score, Quotient { numerator: -baseline.numerator, ..baseline }])
    }

    /// The exact value of [`Reached::gap`].
    fn missed(&self) -> Option<Quotient> {
        let Quotient { numerator, denominator } = mean(self.measured.window)?;
        let target = i128::from(self.hundredths) * i128::from(FULL / u64::from(FULL_SCORE));
        let numerator = target * i128::from(denominator) - numerator * i128::from(self.agents);
        let denominator = denominator.checked_mul(self.agents).filter(|denominator| *denominator > 0)?;
        Some(Quotient { numerator, denominator })
    }
}

/// The mean progress of targets, without those of [`Reached`] that have none, in ten-thousandths of a percentage point: of the exact values, and rounded once.
pub fn overall_progress(reached: &[Reached]) -> Option<i64> {
    let moved = reached.iter().filter_map(Reached::moved);
    shown(moved.clone().flatten(), moved.count())
}

/// The mean gap of targets, likewise; an exceeded target counts as no gap.
pub fn overall_gap(reached: &[Reached]) -> Option<i64> {
    let missed = reached.iter().filter_map(Reached::missed);
    let missed = missed.map(|gap| Quotient { numerator: gap.numerator.max(0), ..gap });
    shown(missed.clone(), missed.count())
}

/// The mean score of a cell, in ten-thousandths of a percentage point, rounded half away from zero.
pub fn mean_score(cell: Cell) -> Option<i64> {
    shown(once(mean(cell)?), 1)
}

/// The mean score, in units of [`FULL`].
pub(crate) fn mean(cell: Cell) -> Option<Quotient> {
    let numerator = i128::try_from(cell.sum).ok()?;
    (cell.count > 0).then_some(Quotient { numerator, denominator: cell.count })
}

/// The sum of `scores` divided by `count`, in ten-thousandths of a percentage point, rounded half away from zero;
/// `None` for a count of zero.
fn shown(scores: impl Iterator<Item = Quotient> + Clone, count: usize) -> Option<i64> {
    shown_share(scores, 1, i128::try_from(count).ok()?)
}

/// `part / whole` times the sum of `scores`, likewise.
pub(crate) fn shown_share(scores: impl Iterator<Item = Quotient> + Clone, part: i128, whole: i128) -> Option<i64> {
    let whole = Some(whole).filter(|whole| *whole > 0)?;
    // Without the common divisor, divisions are mostly of 64 bits, which is faster.
    const SHARED: u64 = greatest_common_divisor(FULL_SCORE as u64 * 100, FULL);
    let (points, units) = (i128::from(u64::from(FULL_SCORE) * 100 / SHARED), i128::from(FULL / SHARED));
    i64::try_from(rounded(points * part, scores, units * whole)).ok()
}

/// Ten-thousandths of a percentage point as percentage points, for the wire.
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

    /// Scores of so many hundredths of a percentage point in all.
    fn cell(hundredths: u128, count: u64) -> Cell {
        Cell { sum: hundredths * u128::from(FULL / 10_000), count }
    }

    #[test]
    fn figures_are_rounded_once() {
        let reached = Reached::new(9_000, Measured { window: cell(25_000, 3), baseline: cell(16_667, 2) });
        assert_eq!(reached.score(), Some(833_333));
        assert_eq!(reached.baseline_score(), Some(833_350));
        assert_eq!(reached.progress(), Some(-17));
        assert_eq!(reached.gap(), Some(66_667));
        let new = Reached::new(5_000, Measured { window: cell(8_000, 1), baseline: Cell::default() });
        assert_eq!((new.progress(), new.gap()), (None, Some(-300_000)));
        assert_eq!(overall_progress(&[reached, new]), Some(-17));
        assert_eq!(overall_gap(&[reached, new]), Some(33_333), "of 6.666…, and what is exceeded is no gap");
        assert_eq!(overall_gap(&[]), None);
    }

    #[test]
    fn progress_is_the_difference_of_the_means_and_not_of_their_figures() {
        // 66.666… − 33.333… = 33.333…, and 66.6667 − 33.3333 = 33.3334.
        let third = u128::from(FULL / 3);
        let (two, one) = (Cell { sum: 2 * third, count: 1 }, Cell { sum: third, count: 1 });
        let better = Reached::new(10_000, Measured { window: two, baseline: one });
        assert_eq!((better.score(), better.baseline_score()), (Some(666_667), Some(333_333)));
        assert_eq!(better.progress(), Some(333_333));
        let worse = Reached::new(10_000, Measured { window: one, baseline: two });
        assert_eq!((worse.progress(), worse.gap()), (Some(-333_333), Some(666_667)));
        // (33.333… + 33.333… − 33.333…) / 3 = 11.111…, and gaps of 33.333…, 33.333… and 66.666… are 44.444… in the
        // mean.
        assert_eq!(overall_progress(&[better, better, worse]), Some(111_111));
        assert_eq!(overall_gap(&[better, better, worse]), Some(444_444));
    }

    #[test]
    fn a_half_is_rounded_away_from_zero() {
        // A ten-thousandth and a half.
        let little = Cell { sum: u128::from(FULL / 10_000) * 3, count: 200 };
        let none = Cell { sum: 0, count: 7 };
        let up = Reached::new(0, Measured { window: little, baseline: none });
        let down = Reached::new(0, Measured { window: none, baseline: little });
        assert_eq!((up.score(), up.progress(), up.gap()), (Some(2), Some(2), Some(-2)));
        assert_eq!(down.progress(), Some(-2));
        assert_eq!(overall_progress(&[up, down]), Some(0));
    }
}
