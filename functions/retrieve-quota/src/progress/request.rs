//! The request, and how it is read.

use coaching_domain::bodies::Paged;
use coaching_domain::names::{GroupId, UsecaseId, UserId};
use coaching_domain::qa_task::EvaluationPeriod;
use coaching_domain::rules::{Distinct, Enumeration, Flag, OneOf};
use coaching_domain::{Caller, Error, Tenant, message};
use coaching_edge::{AskedAgents, AskedPage, MAX_AGENTS, MAX_GROUPS, OrderDirection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderBy {
    AgentName,
    Remaining,
}

impl Enumeration for OrderBy {
    const VALUES: &'static [(&'static str, Self)] =
        &[("ORDER_BY_UNSPECIFIED", Self::AgentName), ("AGENT_NAME", Self::AgentName), ("REMAINING", Self::Remaining)];
}

message! {
    /// The fields beside those of the page.
    pub(crate) struct Body {
        usecase: Option<UsecaseId> = "usecaseName",
        period: Option<EvaluationPeriod> = "evaluationPeriod",
        agents: Distinct<UserId, MAX_AGENTS> = "agentUserNames",
        groups: Distinct<GroupId, MAX_GROUPS> = "groupNames",
        with_indirect_members: Flag = "includeIndirectGroupMembers",
        order_by: Option<OneOf<OrderBy>> = "orderBy",
        order_direction: Option<OneOf<OrderDirection>> = "orderDirection",
        with_totals: Flag = "includeTotals",
    }
}

/// What is asked for.
pub(crate) struct RetrieveEvaluationProgressRequest {
    pub(crate) usecase: Option<UsecaseId>,
    pub(crate) period: Option<EvaluationPeriod>,
    pub(crate) agents: AskedAgents,
    pub(crate) order_by: OrderBy,
    pub(crate) with_totals: bool,
    pub(crate) page: AskedPage,
}

impl RetrieveEvaluationProgressRequest {
    /// What is `asked` for, for `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group.
    pub(crate) fn new(asked: Paged<Body>, caller: &Caller, tenant: &Tenant) -> Result<Self, Error> {
        let Paged { value: body, page_size, page_token } = asked;
        Ok(Self {
            usecase: body.usecase,
            period: body.period,
            agents: AskedAgents::named(body.agents, body.groups, body.with_indirect_members, caller, tenant)?,
            order_by: body.order_by.unwrap_or(OrderBy::AgentName),
            with_totals: body.with_totals,
            page: AskedPage::new(body.order_direction, page_size, page_token),
        })
    }
}
