//! Scores over time: a window cut into days, weeks or months, and what was scored in each of them.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::Timestamp;
use crate::names::ScorecardTemplateId;
use crate::progress::Window;
use crate::rules::Enumeration;
use crate::statistics::{Cell, Inconsistent, PackedStatistics, Period};
use crate::target::Target;

/// The length of the parts of a window, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// A day.
    Day,
    /// A week that begins on Monday.
    Week,
    /// A calendar month.
    Month,
}

impl Enumeration for Granularity {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("GRANULARITY_UNSPECIFIED", Self::Day),
        ("GRANULARITY_DAY", Self::Day),
        ("GRANULARITY_WEEK", Self::Week),
        ("GRANULARITY_MONTH", Self::Month),
    ];
}

impl Granularity {
    /// The first day after the part in which `day` is; `None` at the end of time.
    fn next(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => day.succ_opt(),
            Self::Week => day.checked_add_days(Days::new(7 - u64::from(day.weekday().num_days_from_monday()))),
            Self::Month => day.with_day(1)?.checked_add_months(Months::new(1)),
        }
    }
}

/// The parts of a window, in order. The window cuts the first and the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    starts: Vec<NaiveDate>,
    end: NaiveDate,
}

impl Parts {
    /// The parts of `days`.
    pub fn of(days: &Range<NaiveDate>, granularity: Granularity) -> Self {
        let within = |day: &NaiveDate| *day < days.end;
        let starts =
            std::iter::successors(Some(days.start).filter(within), |day| granularity.next(*day).filter(within));
        Self { starts: starts.collect(), end: days.end }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The days of each.
    pub fn days(&self) -> impl Iterator<Item = Range<NaiveDate>> {
        let ends = self.starts.iter().skip(1).chain([&self.end]);
        self.starts.iter().zip(ends).map(|(start, end)| *start..*end)
    }

    /// The place of the part that `day` is in; `None`: it is in none.
    fn place_of(&self, day: NaiveDate) -> Option<usize> {
        if day >= self.end {
            return None;
        }
        self.starts.partition_point(|start| *start <= day).checked_sub(1)
    }
}

/// What was scored in each part of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(Vec<Cell>);

impl Line {
    /// No scores in any of `parts`.
    pub fn empty(parts: &Parts) -> Self {
        Self(vec![Cell::default(); parts.count()])
    }

    /// The line with `cells`, one for each part.
    pub fn of(cells: impl IntoIterator<Item = Cell>) -> Self {
        Self(cells.into_iter().collect())
    }

    /// The first day of each of `parts` in which there are scores, and these.
    pub fn points(&self, parts: &Parts) -> impl Iterator<Item = (NaiveDate, Cell)> {
        let points = parts.starts.iter().zip(&self.0).filter(|(_, cell)| cell.count > 0);
        points.map(|(start, cell)| (*start, *cell))
    }
}

/// The places of the lines that are wanted: by template, then by the number of a criterion, chapter or whole scorecard in
/// statistics.
pub type WantedLines = BTreeMap<ScorecardTemplateId, BTreeMap<u32, usize>>;

/// Adds an agent's scores of one usecase and `period` to their `lines` of it; `packed` are their statistics.
///
/// # Errors
/// [`Inconsistent`] if the statistics cannot be read. Scores that were added before that stay.
pub fn add_scores(
    lines: &mut [Line],
    wanted: &WantedLines,
    parts: &Parts,
    period: Period,
    packed: &[u8],
) -> Result<(), Inconsistent> {
    if packed.is_empty() {
        return Ok(());
    }
    let packed = PackedStatistics::new(packed);
    for (template, numbers) in wanted {
        let Some(of_template) = packed.of(template)? else { continue };
        of_template.cells(period, |day, number, cell| {
            let line = numbers.get(&number).and_then(|place| lines.get_mut(*place));
            let sum = line.zip(parts.place_of(day)).and_then(|(line, place)| line.0.get_mut(place));
            if let Some(sum) = sum {
                *sum = sum.plus(cell);
            }
        })?;
    }
    Ok(())
}

/// The values of `target` that were in force at times of `window`, up to `now`: each with the time from which it was, the
/// first no earlier than the window's start; in hundredths of a percentage point.
pub fn steps(target: &Target, window: &Window, now: Timestamp) -> Vec<(Timestamp, u32)> {
    let (Some(start), Some(end)) = (window.start(), window.end()) else { return Vec::new() };
    let before = target.history.iter().rfind(|(time, _)| *time <= start).map(|(_, hundredths)| (start, *hundredths));
    let within = target.history.iter().filter(|(time, _)| *time > start && *time < end && *time <= now);
    before.into_iter().chain(within.copied()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Id;
    use crate::goal::tests::target;
    use crate::statistics::{Contribution, FULL, Statistics};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn starts(days: &Range<NaiveDate>, granularity: Granularity) -> Vec<String> {
        Parts::of(days, granularity).days().map(|days| days.start.to_string()).collect()
    }

    #[test]
    fn the_window_cuts_the_first_and_the_last_part() {
        // 2026-05-27 is a Wednesday.
        let days = day("2026-05-27")..day("2026-06-09");
        assert_eq!(Parts::of(&days, Granularity::Day).count(), 13);
        assert_eq!(starts(&days, Granularity::Week), ["2026-05-27", "2026-06-01", "2026-06-08"]);
        assert_eq!(starts(&days, Granularity::Month), ["2026-05-27", "2026-06-01"]);
        let last = Parts::of(&days, Granularity::Week).days().last();
        assert_eq!(last, Some(day("2026-06-08")..day("2026-06-09")));
        assert_eq!(starts(&(day("2026-05-31")..day("2026-06-01")), Granularity::Week), ["2026-05-31"]);
        assert_eq!(starts(&(day("2026-01-31")..day("2026-03-31")), Granularity::Month).len(), 3);
    }

    #[test]
    fn a_target_is_a_step_from_when_it_was_in_force() {
        let window = |start: &str, end: &str| Window { days: day(start)..day(end) };
        let (created, changed) = (time("2026-05-01T00:00:00Z"), time("2026-06-01T00:00:00Z"));
        let of = |window: &Window, now: &str| steps(&target(""), window, time(now));
        let later = "2026-12-01T00:00:00Z";
        let whole = window("2026-04-15", "2026-07-01");
        assert_eq!(of(&whole, later), [(created, 8_000), (changed, 9_000)]);
        assert_eq!(of(&whole, "2026-05-31T23:59:59Z"), [(created, 8_000)]);
        let within = window("2026-05-10", "2026-06-01");
        assert_eq!(of(&within, later), [(time("2026-05-10T00:00:00Z"), 8_000)], "the end is no part of the window");
        let from_the_change = window("2026-06-01", "2026-06-02");
        assert_eq!(of(&from_the_change, later), [(changed, 9_000)]);
        assert_eq!(of(&window("2026-04-01", "2026-05-01"), later), []);
    }

    proptest! {
        /// Whatever the parts, their sums are that of the window, and each score is in the part that has its day.
        #[test]
        fn parts_add_up_to_the_window(
            scores in prop::collection::vec((0_u64..60, 0..=FULL), 0..40),
            start in 0_u64..60,
            length in 1_u64..60,
        ) {
            let first = day("2026-05-01");
            let days = first + Days::new(start)..first + Days::new(start + length);
            let template: ScorecardTemplateId = Id::parse("quality").unwrap();
            let period = Period::of(first);
            let mut statistics = Statistics::default();
            for (on, score) in &scores {
                let day = first + Days::new(*on);
                let contribution = Contribution { template: template.clone(), day, scores: vec![(3, *score)] };
                statistics.add(period, &contribution).unwrap();
            }
            let packed = statistics.encode();
            let wanted = WantedLines::from([(template, BTreeMap::from([(3, 0)]))]);
            for granularity in [Granularity::Day, Granularity::Week, Granularity::Month] {
                let parts = Parts::of(&days, granularity);
                let mut lines = vec![Line::empty(&parts)];
                add_scores(&mut lines, &wanted, &parts, period, &packed).unwrap();
                let mut counted = 0;
                for (start, cell) in lines[0].points(&parts) {
                    let within = parts.days().find(|days| days.start == start).unwrap();
                    let of_part = || scores.iter().filter(|(on, _)| within.contains(&(first + Days::new(*on))));
                    prop_assert_eq!(cell.count, of_part().count() as u64);
                    prop_assert_eq!(cell.sum, of_part().map(|(_, score)| u128::from(*score)).sum::<u128>());
                    counted += cell.count;
                }
                let in_window = scores.iter().filter(|(on, _)| days.contains(&(first + Days::new(*on)))).count();
                prop_assert_eq!(counted, in_window as u64);
            }
        }
    }
}
