//! Agents' progress towards their targets in a window.

mod answered;
mod measure;

use coaching_domain::message::Place;
use coaching_domain::progress::Window;
use coaching_domain::rules::Enumeration;
use coaching_domain::{Error, Timestamp, message};
use coaching_edge::AskedAgents;
use serde::{Deserialize, Serialize};

pub use answered::{AgentCoachingProgress, CriterionProgress, TeamProgress};
pub use measure::{MeasuredAgent, MeasuredTeam, ProgressMeasuring};

/// What progress is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressOrder {
    /// The agent's name.
    Name,
    /// The mean progress of their targets.
    Progress,
    /// The mean gap of their targets.
    Gap,
}

impl Enumeration for ProgressOrder {
    const VALUES: &'static [(&'static str, Self)] =
        &[("ORDER_BY_UNSPECIFIED", Self::Name), ("ORDER_BY_PROGRESS", Self::Progress), ("ORDER_BY_GAP", Self::Gap)];
}

message! {
    /// The window of a request for progress.
    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    pub struct ProgressWindow, checked as SentProgressWindow {
        /// When it starts; absent: 30 days before its end.
        pub start: Option<Timestamp> = "startTime",
        /// When it ends; absent: with today.
        pub end: Option<Timestamp> = "endTime",
    }
}

impl SentProgressWindow {
    fn check(&mut self, place: &mut Place<'_>) {
        if let Err(fault) = Window::new(self.start, self.end, place.now()) {
            place.refuse_field("endTime", fault);
        }
    }
}

/// The progress that is asked for.
#[derive(Debug, Clone)]
pub struct AskedProgress {
    /// Of these agents.
    pub agents: AskedAgents,
    /// Within these days.
    pub window: Window,
    /// What it is ordered by.
    pub order_by: ProgressOrder,
    /// Whether also of criteria that they were scored on and have no target for.
    pub with_criteria_without_target: bool,
    /// Whether also of all of them together.
    pub with_team: bool,
}

impl AskedProgress {
    /// The progress of `agents` in `window`, by name: of their targets, each for themselves.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the window is none.
    pub fn new(agents: AskedAgents, window: ProgressWindow, now: Timestamp) -> Result<Self, Error> {
        let window = Window::new(window.start, window.end, now);
        let window = window.map_err(|fault| Error::invalid_field("endTime", fault))?;
        let (with_criteria_without_target, with_team) = (false, false);
        Ok(Self { agents, window, order_by: ProgressOrder::Name, with_criteria_without_target, with_team })
    }
}
