//! The request, and how it is read.

use std::ops::Range;

use chrono::TimeDelta;
use coaching_domain::fields::Fields;
use coaching_domain::progress::{Span, Window};
use coaching_domain::{Caller, Error, Tenant, Timestamp};
use coaching_edge::{AskedAgents, AskedPage};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderBy {
    Name,
    ActivityTime,
    ScorecardCount,
}

pub(crate) struct RetrieveOverviewsRequest {
    pub(crate) agents: AskedAgents,
    pub(crate) order_by: OrderBy,
    /// The window of sessions and links, as asked for.
    pub(crate) window: Range<Timestamp>,
    /// The days that hold it, whose scores count.
    pub(crate) days: Window,
    pub(crate) page: AskedPage,
}

impl RetrieveOverviewsRequest {
    pub(crate) fn read(fields: &mut Fields<'_>, tenant: &Tenant, now: Timestamp) -> Option<Self> {
        let agents = AskedAgents::read(fields, tenant);
        let order_by = fields.enumeration(
            "orderBy",
            &[
                ("ORDER_BY_UNSPECIFIED", OrderBy::Name),
                ("ORDER_BY_COACHING_SESSION_ACTIVITY_TIME", OrderBy::ActivityTime),
                ("ORDER_BY_NUM_SCORECARD", OrderBy::ScorecardCount),
            ],
        );
        let descending = AskedPage::read_descending(fields);
        let start = fields.required("startTime", |fields, field| fields.timestamp(field));
        let end = fields.required("endTime", |fields, field| fields.timestamp(field));
        let window = start.zip(end).map(|(start, end)| start..end);
        let days = window.as_ref().and_then(|window| {
            let days = Window::new(Some(window.start), Some(window.end), now);
            days.map_err(|description| fields.refuse("endTime", description)).ok()
        });
        let page = AskedPage::read(fields, descending);
        Some(Self { agents: agents?, order_by: order_by.unwrap_or(OrderBy::Name), window: window?, days: days?, page })
    }

    /// The same for `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group.
    pub(crate) fn for_caller(self, caller: &Caller, tenant: &Tenant) -> Result<Self, Error> {
        Ok(Self { agents: self.agents.for_caller(caller, tenant)?, ..self })
    }

    /// The time whose facts count, if asked at `now`: who was an agent then, and which plans are active now.
    pub(crate) fn span(&self, now: Timestamp) -> Span {
        let last = Some(self.window.end.plus(TimeDelta::nanoseconds(-1))).filter(|last| *last < now);
        Span { start: self.window.start, at: last.unwrap_or(now), is_over: last.is_some(), coaching_at: now }
    }
}
