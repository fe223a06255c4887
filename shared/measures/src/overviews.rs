//! Overviews of agents' coaching in a window.

mod answered;
mod measure;

use std::ops::Range;

use coaching_domain::message::Place;
use coaching_domain::progress::{Span, Window};
use coaching_domain::rules::Enumeration;
use coaching_domain::{Error, Timestamp, message};
use coaching_edge::AskedAgents;
use serde::{Deserialize, Serialize};

use crate::sessions::span_of;

pub use answered::{AgentCoachingOverview, CoachingPlanOverview};
pub use measure::{OverviewMeasuring, OverviewedAgent};

/// What overviews are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverviewOrder {
    /// The agent's name.
    Name,
    /// The latest counted time in the window.
    ActivityTime,
    /// The number of scorecards.
    ScorecardCount,
}

impl Enumeration for OverviewOrder {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("ORDER_BY_UNSPECIFIED", Self::Name),
        ("ORDER_BY_COACHING_SESSION_ACTIVITY_TIME", Self::ActivityTime),
        ("ORDER_BY_NUM_SCORECARD", Self::ScorecardCount),
    ];
}

message! {
    /// The window of a request for overviews.
    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    pub struct OverviewWindow, checked as SentOverviewWindow {
        /// When it starts.
        pub start: Timestamp = "startTime",
        /// When it ends: the first moment that is not in it.
        pub end: Timestamp = "endTime",
    }
}

impl SentOverviewWindow {
    fn check(&mut self, place: &mut Place<'_>) {
        if let (Some(start), Some(end)) = (self.start, self.end)
            && let Err(fault) = Window::new(Some(start), Some(end), place.now())
        {
            place.refuse_field("endTime", fault);
        }
    }
}

/// The overviews that are asked for.
#[derive(Debug, Clone)]
pub struct AskedOverviews {
    /// The agents.
    pub agents: AskedAgents,
    /// The window of sessions and links, as asked for.
    pub window: Range<Timestamp>,
    /// The days that hold it, whose scores count.
    pub days: Window,
    /// What they are ordered by.
    pub order_by: OverviewOrder,
    /// Whether all agents of the profile are measured, not only those of a page.
    pub is_of_everyone: bool,
}

impl AskedOverviews {
    /// The overviews of `agents` in `window`, by name.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the window is none.
    pub fn new(agents: AskedAgents, window: OverviewWindow, now: Timestamp) -> Result<Self, Error> {
        let OverviewWindow { start, end } = window;
        let days = Window::new(Some(start), Some(end), now).map_err(|fault| Error::invalid_field("endTime", fault))?;
        Ok(Self { agents, window: start..end, days, order_by: OverviewOrder::Name, is_of_everyone: false })
    }

    /// The time whose facts count, if asked at `now`: who was an agent then, and which plans are active now.
    pub(crate) fn span(&self, now: Timestamp) -> Span {
        span_of(&self.window, now)
    }
}
