//! The request, and how it is read.

use coaching_domain::fields::Fields;
use coaching_domain::progress::Window;
use coaching_domain::{Caller, Error, Tenant, Timestamp};
use coaching_edge::{AskedAgents, AskedPage};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderBy {
    Name,
    Progress,
    Gap,
}

pub(crate) struct RetrieveProgressRequest {
    pub(crate) agents: AskedAgents,
    pub(crate) order_by: OrderBy,
    pub(crate) window: Window,
    pub(crate) page: AskedPage,
}

impl RetrieveProgressRequest {
    pub(crate) fn read(fields: &mut Fields<'_>, tenant: &Tenant, now: Timestamp) -> Option<Self> {
        let agents = AskedAgents::read(fields, tenant);
        let order_by = fields.enumeration(
            "orderBy",
            &[
                ("ORDER_BY_UNSPECIFIED", OrderBy::Name),
                ("ORDER_BY_PROGRESS", OrderBy::Progress),
                ("ORDER_BY_GAP", OrderBy::Gap),
            ],
        );
        let descending = AskedPage::read_descending(fields);
        let start = fields.timestamp("startTime");
        let end = fields.timestamp("endTime");
        let window = Window::new(start, end, now).map_err(|description| fields.refuse("endTime", description));
        let page = AskedPage::read(fields, descending);
        Some(Self { agents: agents?, order_by: order_by.unwrap_or(OrderBy::Name), window: window.ok()?, page })
    }

    /// The same for `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group.
    pub(crate) fn for_caller(self, caller: &Caller, tenant: &Tenant) -> Result<Self, Error> {
        Ok(Self { agents: self.agents.for_caller(caller, tenant)?, ..self })
    }
}
