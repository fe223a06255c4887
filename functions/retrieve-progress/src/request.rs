//! The request, and how it is read.

use coaching_domain::bodies::Paged;
use coaching_domain::rules::OneOf;
use coaching_domain::{Caller, Error, Tenant, Timestamp, message};
use coaching_edge::{AskedAgents, AskedPage, OfAgents, OrderDirection};
use coaching_measures::progress::{AskedProgress, ProgressOrder, ProgressWindow};

message! {
    /// The order of the agents.
    pub(crate) struct Order {
        order_by: Option<OneOf<ProgressOrder>> = "orderBy",
        order_direction: Option<OneOf<OrderDirection>> = "orderDirection",
    }
}

/// The fields beside those of the agents and of the page.
pub(crate) type Body = (Order, ProgressWindow);

/// What is asked for.
pub(crate) struct RetrieveProgressRequest {
    pub(crate) progress: AskedProgress,
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
        let Paged { value: OfAgents { agents, value: (order, window) }, page_size, page_token } = asked;
        let agents = AskedAgents::new(agents, caller, tenant)?;
        let order_by = order.order_by.unwrap_or(ProgressOrder::Name);
        Ok(Self {
            progress: AskedProgress { order_by, ..AskedProgress::new(agents, window, now)? },
            page: AskedPage::new(order.order_direction, page_size, page_token),
        })
    }
}
