//! The request, and how it is read.

use coaching_domain::bodies::Paged;
use coaching_domain::rules::{Flag, OneOf};
use coaching_domain::{Caller, Error, Tenant, Timestamp, message};
use coaching_edge::{AskedAgents, AskedPage, Included, OfAgents, OrderDirection};
use coaching_measures::progress::{AskedProgress, ProgressOrder, ProgressWindow};

message! {
    /// The order of the agents.
    pub(crate) struct Order {
        order_by: Option<OneOf<ProgressOrder>> = "orderBy",
        order_direction: Option<OneOf<OrderDirection>> = "orderDirection",
    }
}

message! {
    /// What is answered beside agents' targets.
    pub(crate) struct Beside {
        with_criteria_without_target: Flag = "includeCriteriaWithoutTarget",
        with_team: Flag = "includeTeam",
    }
}

/// The fields beside those of the agents and of the page.
pub(crate) type Body = ((Order, ProgressWindow), (Beside, Included));

/// What is asked for.
pub(crate) struct RetrieveProgressRequest {
    pub(crate) progress: AskedProgress,
    pub(crate) page: AskedPage,
    pub(crate) included: Included,
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
        let Paged { value: OfAgents { agents, value }, page_size, page_token } = asked;
        let ((order, window), (beside, included)) = value;
        let agents = AskedAgents::new(agents, caller, tenant)?;
        let order_by = order.order_by.unwrap_or(ProgressOrder::Name);
        let with_criteria_without_target = beside.with_criteria_without_target;
        // Of several pages, the first has the team.
        let with_team = beside.with_team && page_token.is_none();
        let of_targets = AskedProgress::new(agents, window, now)?;
        Ok(Self {
            progress: AskedProgress { order_by, with_criteria_without_target, with_team, ..of_targets },
            page: AskedPage::new(order.order_direction, page_size, page_token),
            included,
        })
    }
}
