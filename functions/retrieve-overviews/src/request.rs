//! The request, and how it is read.

use std::ops::Range;

use chrono::TimeDelta;
use coaching_domain::bodies::Paged;
use coaching_domain::message::Place;
use coaching_domain::progress::{Span, Window};
use coaching_domain::rules::{Enumeration, OneOf};
use coaching_domain::{Caller, Error, Tenant, Timestamp, message};
use coaching_edge::{AskedAgents, AskedPage, OfAgents, OrderDirection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderBy {
    Name,
    ActivityTime,
    ScorecardCount,
}

impl Enumeration for OrderBy {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("ORDER_BY_UNSPECIFIED", Self::Name),
        ("ORDER_BY_COACHING_SESSION_ACTIVITY_TIME", Self::ActivityTime),
        ("ORDER_BY_NUM_SCORECARD", Self::ScorecardCount),
    ];
}

message! {
    /// The fields beside those of the agents and of the page.
    pub(crate) struct Body, checked as SentBody {
        order_by: Option<OneOf<OrderBy>> = "orderBy",
        order_direction: Option<OneOf<OrderDirection>> = "orderDirection",
        start: Timestamp = "startTime",
        end: Timestamp = "endTime",
    }
}

impl SentBody {
    fn check(&mut self, place: &mut Place<'_>) {
        if let (Some(start), Some(end)) = (self.start, self.end)
            && let Err(fault) = Window::new(Some(start), Some(end), place.now())
        {
            place.refuse_field("endTime", fault);
        }
    }
}

/// What is asked for.
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
    /// What is `asked` for at `now`, for `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group.
    pub(crate) fn new(
        asked: Paged<OfAgents<Body>>,
        caller: &Caller,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let Paged { value: OfAgents { agents, value: body }, page_size, page_token } = asked;
        let days = Window::new(Some(body.start), Some(body.end), now);
        Ok(Self {
            agents: AskedAgents::new(agents, caller, tenant)?,
            order_by: body.order_by.unwrap_or(OrderBy::Name),
            window: body.start..body.end,
            days: days.map_err(|fault| Error::invalid_field("endTime", fault))?,
            page: AskedPage::new(body.order_direction, page_size, page_token),
        })
    }

    /// The time whose facts count, if asked at `now`: who was an agent then, and which plans are active now.
    pub(crate) fn span(&self, now: Timestamp) -> Span {
        let last = Some(self.window.end.plus(TimeDelta::nanoseconds(-1))).filter(|last| *last < now);
        Span { start: self.window.start, at: last.unwrap_or(now), is_over: last.is_some(), coaching_at: now }
    }
}
