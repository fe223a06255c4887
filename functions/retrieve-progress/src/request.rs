//! The request, and how it is read.

use coaching_domain::bodies::Paged;
use coaching_domain::message::Place;
use coaching_domain::progress::Window;
use coaching_domain::rules::{Enumeration, OneOf};
use coaching_domain::{Caller, Error, Tenant, Timestamp, message};
use coaching_edge::{AskedAgents, AskedPage, OfAgents, OrderDirection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderBy {
    Name,
    Progress,
    Gap,
}

impl Enumeration for OrderBy {
    const VALUES: &'static [(&'static str, Self)] =
        &[("ORDER_BY_UNSPECIFIED", Self::Name), ("ORDER_BY_PROGRESS", Self::Progress), ("ORDER_BY_GAP", Self::Gap)];
}

message! {
    /// The fields beside those of the agents and of the page.
    pub(crate) struct Body, checked as SentBody {
        order_by: Option<OneOf<OrderBy>> = "orderBy",
        order_direction: Option<OneOf<OrderDirection>> = "orderDirection",
        start: Option<Timestamp> = "startTime",
        end: Option<Timestamp> = "endTime",
    }
}

impl SentBody {
    fn check(&mut self, place: &mut Place<'_>) {
        if let Err(fault) = Window::new(self.start, self.end, place.now()) {
            place.refuse_field("endTime", fault);
        }
    }
}

/// What is asked for.
pub(crate) struct RetrieveProgressRequest {
    pub(crate) agents: AskedAgents,
    pub(crate) order_by: OrderBy,
    pub(crate) window: Window,
    pub(crate) page: AskedPage,
}

impl RetrieveProgressRequest {
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
        Ok(Self {
            agents: AskedAgents::new(agents, caller, tenant)?,
            order_by: body.order_by.unwrap_or(OrderBy::Name),
            window: Window::new(body.start, body.end, now).map_err(|fault| Error::invalid_field("endTime", fault))?,
            page: AskedPage::new(body.order_direction, page_size, page_token),
        })
    }
}
