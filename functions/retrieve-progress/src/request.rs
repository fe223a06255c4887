//! The request, and how it is read.

use coaching_domain::bodies::Paged;
use coaching_domain::message::Place;
use coaching_domain::names::{GroupId, ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::progress::Window;
use coaching_domain::rules::{AtLeastOne, Distinct, Enumeration, Every, Flag, OneOf, TemplateName};
use coaching_domain::{Caller, Error, Role, Tenant, Timestamp, message};
use coaching_store::AgentFilter;

/// The most agents, groups, usecases and templates that a request names.
const MAX_AGENTS: usize = 1000;
const MAX_GROUPS: usize = 100;
const MAX_USECASES: usize = 20;
const MAX_TEMPLATES: usize = 100;

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

#[derive(Clone, Copy, PartialEq)]
enum OrderDirection {
    Ascending,
    Descending,
}

impl Enumeration for OrderDirection {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("ORDER_DIRECTION_UNSPECIFIED", Self::Ascending),
        ("ORDER_DIRECTION_ASC", Self::Ascending),
        ("ORDER_DIRECTION_DESC", Self::Descending),
    ];
}

message! {
    /// The body.
    pub(crate) struct Body, checked as SentBody {
        agents: Distinct<UserId, MAX_AGENTS> = "agentUserNames",
        groups: Distinct<GroupId, MAX_GROUPS> = "groupNames",
        usecases: AtLeastOne<Distinct<UsecaseId, MAX_USECASES>> = "usecaseNames",
        templates: Distinct<TemplateName<Every>, MAX_TEMPLATES> = "scorecardTemplateNames",
        with_inactive: Flag = "includeInactiveUsers",
        with_dev_users: Flag = "includeDevUsers",
        with_indirect_members: Flag = "includeIndirectGroupMembers",
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
    pub(crate) agents: Vec<UserId>,
    pub(crate) groups: Vec<GroupId>,
    pub(crate) usecases: Vec<UsecaseId>,
    pub(crate) templates: Vec<ScorecardTemplateId>,
    pub(crate) filter: AgentFilter,
    pub(crate) with_indirect_members: bool,
    pub(crate) order_by: OrderBy,
    pub(crate) descending: bool,
    pub(crate) window: Window,
    pub(crate) page_size: usize,
    pub(crate) page_token: Option<String>,
    /// Whether the caller is an agent, and so asks for themselves.
    pub(crate) is_of_caller: bool,
}

impl RetrieveProgressRequest {
    /// What is `asked` for at `now`, for `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group.
    pub(crate) fn new(asked: Paged<Body>, caller: &Caller, tenant: &Tenant, now: Timestamp) -> Result<Self, Error> {
        let Paged { value: body, page_size, page_token } = asked;
        let is_of_caller = caller.role() == Role::Agent;
        if is_of_caller {
            let foreign = body.agents.iter().find(|agent| *agent != caller.user()).map(|agent| tenant.name_of(agent));
            if let Some(foreign) = foreign.or_else(|| body.groups.first().map(|group| tenant.name_of(group))) {
                return Err(Error::permission_denied(&foreign));
            }
        }
        Ok(Self {
            agents: if is_of_caller { vec![caller.user().clone()] } else { body.agents },
            groups: body.groups,
            usecases: body.usecases,
            templates: body.templates,
            filter: AgentFilter { with_inactive: body.with_inactive, with_dev_users: body.with_dev_users },
            with_indirect_members: body.with_indirect_members,
            order_by: body.order_by.unwrap_or(OrderBy::Name),
            descending: body.order_direction == Some(OrderDirection::Descending),
            window: Window::new(body.start, body.end, now).map_err(|fault| Error::invalid_field("endTime", fault))?,
            page_size,
            page_token,
            is_of_caller,
        })
    }

    /// Whether it is for all agents of the profile.
    pub(crate) fn names_nobody(&self) -> bool {
        self.agents.is_empty() && self.groups.is_empty()
    }
}
