//! The effects of coaching sessions on agents' scores.

mod answered;
mod measure;

use std::ops::Range;

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};
use coaching_domain::Timestamp;
use coaching_domain::effect::{Around, EffectUnit};
use coaching_domain::statistics::day_of;
use coaching_edge::AskedAgents;

pub use answered::{CoachingEffect, EffectSummary};
pub use measure::{EffectOfSession, Effects, effects_of};

/// The effects that are asked for.
#[derive(Debug, Clone)]
pub struct AskedEffects {
    /// The agents.
    pub agents: AskedAgents,
    /// The window of the sessions.
    pub window: Range<Timestamp>,
    /// The number of days before and after a session.
    pub days: u64,
    /// What an effect is that of.
    pub unit: EffectUnit,
    /// The least number of scorecards on each side.
    pub minimum_scorecard_count: u64,
}

impl AskedEffects {
    /// The times of the sessions that may be on the same days as the scores of one in the window, up to `now`: none was
    /// held later.
    pub fn sessions_around(&self, now: Timestamp) -> Range<Timestamp> {
        let last = day_of(self.window.end.plus(TimeDelta::nanoseconds(-1)));
        let first = Around::new(day_of(self.window.start), self.days).span().start;
        let end = Around::new(last, self.days).span().end;
        let end = midnight(end).unwrap_or(self.window.end).min(now.plus(TimeDelta::nanoseconds(1)));
        midnight(first).unwrap_or(self.window.start)..end
    }
}

/// The start of `day`, UTC; `None` outside the years 1 to 9999.
fn midnight(day: NaiveDate) -> Option<Timestamp> {
    Timestamp::from_utc(day.and_time(NaiveTime::MIN).and_utc())
}

/// The window of sessions until `end`, by default the latest whose days afterwards, of which there are `days`, are over at
/// `now`; from `start` on, by default 90 days before the end.
pub fn window(start: Option<Timestamp>, end: Option<Timestamp>, days: u64, now: Timestamp) -> Range<Timestamp> {
    let latest = || day_of(now).checked_sub_days(Days::new(days)).and_then(midnight).unwrap_or(now);
    let end = end.unwrap_or_else(latest);
    start.unwrap_or_else(|| end.plus(TimeDelta::days(-DEFAULT_WINDOW_DAYS)))..end
}

/// The days of the window if no start is named.
const DEFAULT_WINDOW_DAYS: i64 = 90;
