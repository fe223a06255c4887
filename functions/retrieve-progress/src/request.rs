//! The request, and how it is read.

use coaching_domain::fields::Fields;
use coaching_domain::names::{GroupId, Revisions, ScorecardTemplateId, Usecase, UsecaseId, UserId};
use coaching_domain::outline::Kind;
use coaching_domain::progress::Window;
use coaching_domain::{Caller, Error, Role, Tenant, Timestamp};
use coaching_store::AgentFilter;

/// The most agents, groups, usecases and templates that a request names.
const MAX_AGENTS: usize = 1000;
const MAX_GROUPS: usize = 100;
const MAX_USECASES: usize = 20;
const MAX_TEMPLATES: usize = 100;
/// The longest page token that is read, in bytes.
const MAX_TOKEN_BYTES: usize = 1024;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderBy {
    Name,
    Progress,
    Gap,
}

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
    pub(crate) fn read(fields: &mut Fields<'_>, tenant: &Tenant, now: Timestamp) -> Option<Self> {
        let agents = fields.ids("agentUserNames", MAX_AGENTS, tenant);
        let groups = fields.ids("groupNames", MAX_GROUPS, tenant);
        let usecases = fields.required("usecaseNames", |fields, field| {
            Some(fields.ids::<Usecase>(field, MAX_USECASES, tenant)).filter(|ids| !ids.is_empty())
        });
        let templates = fields.each(
            "scorecardTemplateNames",
            MAX_TEMPLATES,
            || Kind::template_name(Revisions::Every),
            |name| tenant.template_among(name, Revisions::Every).map(|(template, _)| template),
        );
        let filter = AgentFilter {
            with_inactive: fields.boolean("includeInactiveUsers").unwrap_or(false),
            with_dev_users: fields.boolean("includeDevUsers").unwrap_or(false),
        };
        let with_indirect_members = fields.boolean("includeIndirectGroupMembers").unwrap_or(false);
        let order_by = fields.enumeration(
            "orderBy",
            &[
                ("ORDER_BY_UNSPECIFIED", OrderBy::Name),
                ("ORDER_BY_PROGRESS", OrderBy::Progress),
                ("ORDER_BY_GAP", OrderBy::Gap),
            ],
        );
        let descending = fields.enumeration(
            "orderDirection",
            &[("ORDER_DIRECTION_UNSPECIFIED", false), ("ORDER_DIRECTION_ASC", false), ("ORDER_DIRECTION_DESC", true)],
        );
        let start = fields.timestamp("startTime");
        let end = fields.timestamp("endTime");
        let window = Window::new(start, end, now).map_err(|description| fields.refuse("endTime", description));
        let page_size = fields.page_size();
        let page_token = fields.string("pageToken", MAX_TOKEN_BYTES);
        Some(Self {
            agents,
            groups,
            usecases: usecases?,
            templates,
            filter,
            with_indirect_members,
            order_by: order_by.unwrap_or(OrderBy::Name),
            descending: descending.unwrap_or(false),
            window: window.ok()?,
            page_size,
            page_token,
            is_of_caller: false,
        })
    }
    /// The same for `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group.
    pub(crate) fn for_caller(self, caller: &Caller, tenant: &Tenant) -> Result<Self, Error> {
        if caller.role() != Role::Agent {
            return Ok(self);
        }
        let foreign = self.agents.iter().find(|agent| *agent != caller.user()).map(|agent| tenant.name_of(agent));
        match foreign.or_else(|| self.groups.first().map(|group| tenant.name_of(group))) {
            Some(foreign) => Err(Error::permission_denied(&foreign)),
            None => Ok(Self { agents: vec![caller.user().clone()], is_of_caller: true, ..self }),
        }
    }

    /// Whether it is for all agents of the profile.
    pub(crate) fn names_nobody(&self) -> bool {
        self.agents.is_empty() && self.groups.is_empty()
    }
}
