//! Statistics that hold as much as they may.

use chrono::{Days, NaiveDate};
use coaching_domain::names::ScorecardTemplateId;
use coaching_domain::statistics::{Contribution, FULL, Period, Statistics};

/// The most bytes that the statistics of one agent, usecase and two months take.
pub const MOST_STATISTICS_BYTES: usize = 256 * 1024;

/// The contribution of a scorecard with `scores` different scores. The first 61 numbers are 61 days of one template,
/// the next 61 of another, and so on.
fn contribution(scores: u32, number: u32) -> Contribution {
    let (template, day) = (number / 61, number % 61);
    let first = NaiveDate::from_ymd_opt(2026, 5, 1).unwrap();
    Contribution {
        template: ScorecardTemplateId::parse(&format!("template-{scores}-{template}")).unwrap(),
        day: first.checked_add_days(Days::new(day.into())).unwrap(),
        scores: (0..scores)
            .map(|part| (part, u64::from((template * 733 + day * 4219 + part * 7919) % 10_001) * (FULL / 10_000)))
            .collect(),
    }
}

/// `statistics` filled up to the limit: first with many scores, at last with few.
#[must_use]
pub fn filled(mut statistics: Statistics) -> Statistics {
    for (scores, mut step) in [(1000, 16), (100, 8), (10, 8)] {
        let mut number = 0;
        while step > 0 {
            let mut more = statistics.clone();
            for contribution in (number..number + step).map(|number| contribution(scores, number)) {
                more.add(Period::of(contribution.day), &contribution).unwrap();
            }
            if more.encode().len() > MOST_STATISTICS_BYTES {
                step /= 2;
            } else {
                (statistics, number) = (more, number + step);
            }
        }
    }
    statistics
}
