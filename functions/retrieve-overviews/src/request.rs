//! The request, and how it is read.

use coaching_domain::bodies::Paged;
use coaching_domain::rules::OneOf;
use coaching_domain::{Caller, Error, Tenant, Timestamp, message};
use coaching_edge::{AskedAgents, AskedPage, Included, OfAgents, OrderDirection};
use coaching_measures::overviews::{AskedOverviews, OverviewOrder, OverviewWindow};

message! {
    /// The order of the overviews.
    pub(crate) struct Order {
        order_by: Option<OneOf<OverviewOrder>> = "orderBy",
        order_direction: Option<OneOf<OrderDirection>> = "orderDirection",
    }
}

/// The fields beside those of the agents and of the page.
pub(crate) type Body = (Order, (OverviewWindow, Included));

/// What is asked for.
pub(crate) struct RetrieveOverviewsRequest {
    pub(crate) overviews: AskedOverviews,
    pub(crate) page: AskedPage,
    pub(crate) included: Included,
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
        let Paged { value: OfAgents { agents, value: (order, (window, included)) }, page_size, page_token } = asked;
        let agents = AskedAgents::new(agents, caller, tenant)?;
        let order_by = order.order_by.unwrap_or(OverviewOrder::Name);
        let is_of_everyone = agents.is_everyone() && order_by != OverviewOrder::Name && page_token.is_none();
        Ok(Self {
            overviews: AskedOverviews { order_by, is_of_everyone, ..AskedOverviews::new(agents, window, now)? },
            page: AskedPage::new(order.order_direction, page_size, page_token),
            included,
        })
    }
}
