//! `POST /v1/{parent=customers/*/profiles/*}/coachingProgresses:retrieve`: how far agents' scores moved, and
//! how far they still are from target.
//!
//! **Which agents**: `agentUserNames` and the members of `groupNames` (of sub-groups too with
//! `includeIndirectGroupMembers`), or all agents of the profile if both are empty; inactive and dev users
//! only if asked for. Who is no agent of the profile is left out.
//! **Which scores**: of `usecaseNames` (required) and, if given, `scorecardTemplateNames` (every revision:
//! `@*`), submitted from `startTime` (rounded down to a day, UTC) until `endTime` (rounded up); by default in
//! the 30 days that end with today. The baseline is the equally long window just before.
//! **Which targets**: those of the organisation, and an agent's own on active plans of theirs, which replace
//! the organisation's for the same template and criterion; each with the value that was in force at the
//! window's end.
//!
//! Of each target: `score` and `baselineScore` (means), `progress = score − baselineScore`,
//! `gap = target − score` (negative if exceeded), in percentage points to four decimals, absent where there is
//! no score, and the counts of scorecards behind them. Of the agent: the mean progress, and the mean of the
//! gaps, an exceeded target counting as none.
//!
//! Ordered by agent name, progress or gap; agents with no value come last, ties break by resource name. Pages
//! are stable: the order by progress or gap is kept for three days when its first page is read, so every agent
//! appears once even while scorecards arrive. The figures are always the present ones.

use std::collections::{HashMap, HashSet};

use coaching_domain::names::{GroupId, ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::progress::{Measured, Reached, Scope, Window, overall_gap, overall_progress, points};
use coaching_domain::statistics::{Period, WHOLE_SCORECARD};
use coaching_domain::target::Target;
use coaching_domain::template::{Revision, ScorecardTemplate};
use coaching_domain::{Error, Role, Tenant, Timestamp};
use coaching_edge::{Answer, App, Binding, Operation, Request};
use coaching_store::{Agent, AgentStatistics, ListPosition, plans_in_scope};
use serde::Serialize;
use uuid::Uuid;

/// The most agents, groups, usecases and templates that a request names.
const MAX_AGENTS: usize = 1000;
const MAX_GROUPS: usize = 100;
const MAX_USECASES: usize = 20;
const MAX_TEMPLATES: usize = 100;
/// The longest page token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 1024;
/// How many agents are read at once when a whole profile is.
const AGENTS_AT_ONCE: usize = 1000;
/// From how many agents on the statistics of the whole profile are read in ranges, not agent by agent.
const MANY_AGENTS: usize = 400;

/// The operation.
pub static OPERATION: Operation =
    Operation { name: "retrieve-progress", handle: |app, request| Box::pin(handle(app, request)) };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OrderBy {
    Name,
    Progress,
    Gap,
}

struct RetrieveProgressRequest {
    agents: Vec<UserId>,
    groups: Vec<GroupId>,
    usecases: Vec<UsecaseId>,
    templates: Vec<ScorecardTemplateId>,
    with_inactive: bool,
    with_dev_users: bool,
    with_indirect_members: bool,
    order_by: OrderBy,
    descending: bool,
    window: Window,
    page_size: usize,
    page_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetrieveProgressResponse {
    agent_coaching_progresses: Vec<AgentCoachingProgress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AgentCoachingProgress {
    agent_user_name: String,
    agent_display_name: String,
    coaching_plan_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<f64>,
    criterion_progresses: Vec<CriterionProgress>,
    coaching_session_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_coaching_session_time: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CriterionProgress {
    scorecard_template_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    criterion_or_chapter_id: String,
    criterion_display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    coaching_plan_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    target: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<f64>,
    baseline_scorecard_count: u64,
    scorecard_count: u64,
}

impl RetrieveProgressRequest {
    fn read(fields: &mut coaching_domain::fields::Fields<'_>, tenant: &Tenant, now: Timestamp) -> Option<Self> {
        let agents = fields.ids("agentUserNames", MAX_AGENTS, tenant);
        let groups = fields.ids("groupNames", MAX_GROUPS, tenant);
        let usecases = fields.required("usecaseNames", |fields, field| {
            Some(fields.ids::<coaching_domain::names::Usecase>(field, MAX_USECASES, tenant))
                .filter(|ids| !ids.is_empty())
        });
        let templates = fields.each("scorecardTemplateNames", MAX_TEMPLATES, |name| match tenant.template_in(name) {
            Ok((template, Revision::Every)) => Ok(template),
            Ok(_) => Err("must name every revision: end in @*".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        let with_inactive = fields.boolean("includeInactiveUsers").unwrap_or(false);
        let with_dev_users = fields.boolean("includeDevUsers").unwrap_or(false);
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
            with_inactive,
            with_dev_users,
            with_indirect_members,
            order_by: order_by.unwrap_or(OrderBy::Name),
            descending: descending.unwrap_or(false),
            window: window.ok()?,
            page_size,
            page_token,
        })
    }

    fn binding(&self, tenant: &Tenant) -> Binding {
        let flags = [self.with_inactive, self.with_dev_users, self.with_indirect_members, self.descending];
        Binding::new(OPERATION.name, tenant)
            .with("agentUserNames", self.agents.iter())
            .with("groupNames", self.groups.iter())
            .with("usecaseNames", self.usecases.iter())
            .with("scorecardTemplateNames", self.templates.iter())
            .with("flags", flags)
            .with("orderBy", [format!("{:?}", self.order_by)])
            .with("days", [self.window.days.start, self.window.days.end])
    }
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize(&[Role::Agent, Role::Manager, Role::Service, Role::Admin])?;
    let now = app.now()?;
    let mut asked =
        request.body(request.query().finish(), |fields| RetrieveProgressRequest::read(fields, &tenant, now))?;
    if request.caller().role() == Role::Agent {
        let foreign = asked.agents.iter().find(|agent| *agent != request.caller().user());
        if let Some(agent) = foreign {
            return Err(Error::permission_denied(&tenant.name_of(agent)));
        }
        if let Some(group) = asked.groups.first() {
            return Err(Error::permission_denied(&tenant.name_of(group)));
        }
        asked.agents = vec![request.caller().user().clone()];
    }

    let progress = Progress { app, tenant: &tenant, asked: &asked, now };
    let (agents, next) = match asked.order_by {
        OrderBy::Name => progress.page_by_name().await?,
        OrderBy::Progress | OrderBy::Gap => progress.page_by_value().await?,
    };

    let next_page_token = app.page_tokens.next(next.as_deref(), &asked.binding(&tenant), now)?;
    Answer::json(&RetrieveProgressResponse {
        agent_coaching_progresses: agents.into_iter().map(|agent| agent.message(&tenant, &asked)).collect(),
        next_page_token,
        start_time: asked.window.start(),
        end_time: asked.window.end(),
    })
}

/// One request being answered.
struct Progress<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    asked: &'a RetrieveProgressRequest,
    now: Timestamp,
}

/// An agent with what they were measured by.
struct MeasuredAgent {
    agent: Agent,
    targets: Vec<MeasuredTarget>,
    session_count: usize,
    last_session: Option<i64>,
}

struct MeasuredTarget {
    target: Target,
    display_name: String,
    measured: Measured,
    reached: Reached,
}

/// A page of agents, and the place after it if more follow.
type Page = (Vec<MeasuredAgent>, Option<String>);

impl Progress<'_> {
    /// A page by display name, then resource name.
    async fn page_by_name(&self) -> Result<Page, Error> {
        let after = self.app.page_tokens.position(
            self.asked.page_token.as_deref(),
            &self.asked.binding(self.tenant),
            self.now,
        )?;
        let after = after.map(ListPosition::from_text);
        self.check_usecases().await?;
        let size = self.asked.page_size;
        if self.names_nobody() && !self.asked.descending {
            let RetrieveProgressRequest { with_inactive, with_dev_users, .. } = *self.asked;
            let page = self
                .app
                .store
                .agents_of_profile(self.tenant, with_inactive, with_dev_users, after.as_ref(), size)
                .await?;
            let measured = self.measure(page.entries).await?;
            return Ok((measured, page.next.map(|place| place.as_str().to_owned())));
        }
        let mut agents = self.all_agents().await?;
        let place = |agent: &Agent| ListPosition::by_name(&agent.display_name, &agent.id);
        agents.sort_by_cached_key(place);
        if self.asked.descending {
            // Names go down, resource names of the same name still go up.
            agents.sort_by(|a, b| b.display_name.cmp(&a.display_name).then_with(|| a.id.cmp(&b.id)));
        }
        if let Some(after) = after {
            let passed = agents.iter().position(|agent| place(agent) == after).map_or_else(
                || agents.iter().filter(|agent| (place(agent) < after) != self.asked.descending).count(),
                |index| index + 1,
            );
            agents.drain(..passed);
        }
        let more = agents.len() > size;
        agents.truncate(size);
        let next = agents.last().filter(|_| more).map(|agent| place(agent).as_str().to_owned());
        Ok((self.measure(agents).await?, next))
    }

    /// A page by progress or gap: the first one orders all agents and keeps the order, the others follow it.
    async fn page_by_value(&self) -> Result<Page, Error> {
        let size = self.asked.page_size;
        let binding = self.asked.binding(self.tenant);
        if let Some(token) = &self.asked.page_token {
            let place = self.app.page_tokens.open(token, &binding, self.now)?;
            let (order, start) = parse_place(&place)?;
            let (ids, more) = self.app.store.kept_order(self.tenant, order, start, size).await?;
            let mut agents = self.app.store.agents_by_id(self.tenant, &ids).await?;
            let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
            agents.sort_by_key(|agent| places.get(&agent.id).copied());
            let next = more.then(|| format_place(order, start + size));
            return Ok((self.measure(agents).await?, next));
        }
        self.check_usecases().await?;
        let agents = self.all_agents().await?;
        let mut measured = self.measure(agents).await?;
        measured.sort_by(|a, b| {
            let value = |agent: &MeasuredAgent| match self.asked.order_by {
                OrderBy::Gap => agent.gap(),
                OrderBy::Name | OrderBy::Progress => agent.progress(),
            };
            let by_value = match (value(a), value(b)) {
                (Some(a), Some(b)) if self.asked.descending => b.cmp(&a),
                (Some(a), Some(b)) => a.cmp(&b),
                // Agents with no value come last in either direction.
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            by_value.then_with(|| a.agent.id.cmp(&b.agent.id))
        });
        if measured.len() <= size {
            return Ok((measured, None));
        }
        let order: Vec<UserId> = measured.iter().map(|agent| agent.agent.id.clone()).collect();
        let order = self.app.store.keep_order(self.tenant, &order, self.now).await?;
        measured.truncate(size);
        Ok((measured, Some(format_place(order, size))))
    }

    fn names_nobody(&self) -> bool {
        self.asked.agents.is_empty() && self.asked.groups.is_empty()
    }

    async fn check_usecases(&self) -> Result<(), Error> {
        let existing = self.app.store.existing_usecases(self.tenant, &self.asked.usecases).await?;
        match self.asked.usecases.iter().find(|usecase| !existing.contains(usecase)) {
            None => Ok(()),
            Some(usecase) => {
                Err(Error::invalid_field("usecaseNames", format!("'{}' does not exist", self.tenant.name_of(usecase))))
            }
        }
    }

    /// The agents of the request, in no order.
    async fn all_agents(&self) -> Result<Vec<Agent>, Error> {
        let RetrieveProgressRequest { with_inactive, with_dev_users, .. } = *self.asked;
        if self.names_nobody() {
            let mut agents = Vec::new();
            let mut after = None;
            loop {
                let page = self
                    .app
                    .store
                    .agents_of_profile(self.tenant, with_inactive, with_dev_users, after.as_ref(), AGENTS_AT_ONCE)
                    .await?;
                agents.extend(page.entries);
                after = page.next;
                if after.is_none() {
                    return Ok(agents);
                }
            }
        }
        let mut ids: HashSet<UserId> = self.asked.agents.iter().cloned().collect();
        if !self.asked.groups.is_empty() {
            let customer = self.tenant.of_customer();
            let members =
                self.app.store.members_of(&customer, &self.asked.groups, self.asked.with_indirect_members).await?;
            ids.extend(members.map_err(|unknown| {
                let names: Vec<String> = unknown.iter().map(|group| self.tenant.name_of(group)).collect();
                Error::invalid_field("groupNames", format!("'{}' does not exist", names.join("', '")))
            })?);
        }
        let ids: Vec<UserId> = ids.into_iter().collect();
        let mut agents = self.app.store.agents_by_id(self.tenant, &ids).await?;
        agents.retain(|agent| (agent.is_active || with_inactive) && (!agent.is_dev_user || with_dev_users));
        Ok(agents)
    }

    /// Measures `agents`, in their order.
    async fn measure(&self, agents: Vec<Agent>) -> Result<Vec<MeasuredAgent>, Error> {
        let scope = Scope {
            usecases: self.asked.usecases.iter().cloned().collect(),
            templates: self.asked.templates.iter().cloned().collect(),
            end: self.asked.window.end().unwrap_or(self.now),
        };
        let organisation =
            self.asked.usecases.iter().map(|usecase| self.app.store.organisation_targets(self.tenant, usecase));
        let organisation: Vec<Target> =
            futures_util::future::try_join_all(organisation).await?.into_iter().flatten().collect();
        let chosen: Vec<Vec<Target>> = agents
            .iter()
            .map(|agent| {
                let active: HashSet<_> = agent.plans.iter().map(|(plan, _)| plan).collect();
                scope.targets_of(&agent.targets, &active, &organisation).into_iter().cloned().collect()
            })
            .collect();
        let templates: HashSet<ScorecardTemplateId> =
            chosen.iter().flatten().map(|target| target.template.clone()).collect();
        let templates: Vec<_> = templates.into_iter().map(|template| (template, None)).collect();
        let (templates, statistics) = futures_util::future::try_join(
            self.app.store.templates(self.tenant, &templates, false),
            self.statistics(&agents),
        )
        .await?;
        let templates: HashMap<ScorecardTemplateId, ScorecardTemplate> =
            templates.into_iter().map(|template| (template.id.clone(), template)).collect();
        let mut by_agent: HashMap<UserId, Vec<AgentStatistics>> = HashMap::new();
        for one in statistics {
            by_agent.entry(one.agent.clone()).or_default().push(one);
        }
        let measured = agents.into_iter().zip(chosen).map(|(agent, targets)| {
            let statistics = by_agent.remove(&agent.id).unwrap_or_default();
            self.measured(agent, targets, &statistics, &templates, &scope)
        });
        Ok(measured.collect())
    }

    async fn statistics(&self, agents: &[Agent]) -> Result<Vec<AgentStatistics>, Error> {
        let periods = Period::of_days(&self.asked.window.all_days());
        let store = &self.app.store;
        if agents.len() >= MANY_AGENTS && self.names_nobody() && self.asked.page_size < agents.len() {
            return store.statistics_of_profile(self.tenant, &self.asked.usecases, &periods, |one| one).await;
        }
        let ids: Vec<UserId> = agents.iter().map(|agent| agent.id.clone()).collect();
        store.statistics_of_agents(self.tenant, &self.asked.usecases, &ids, &periods, self.now).await
    }

    fn measured(
        &self,
        agent: Agent,
        targets: Vec<Target>,
        statistics: &[AgentStatistics],
        templates: &HashMap<ScorecardTemplateId, ScorecardTemplate>,
        scope: &Scope,
    ) -> MeasuredAgent {
        let window = &self.asked.window;
        let baseline = window.baseline();
        let targets = targets.into_iter().filter_map(|target| {
            let template = templates.get(&target.template);
            let part = target.criterion_or_chapter_id.as_str();
            let number = if part.is_empty() { Some(WHOLE_SCORECARD) } else { template?.number_of(part) };
            let mut measured = Measured::default();
            for one in statistics.iter().filter(|one| one.usecase == target.usecase) {
                let over = |days| number.map(|number| one.statistics.over(one.period, &target.template, number, days));
                measured.window = measured.window.plus(over(&window.days).unwrap_or_default());
                measured.baseline = measured.baseline.plus(over(&baseline).unwrap_or_default());
            }
            let display_name = match template {
                Some(template) if part.is_empty() => &template.title,
                Some(template) => template.display_name_of(part).unwrap_or(part),
                None => part,
            };
            Some(MeasuredTarget {
                display_name: display_name.to_owned(),
                reached: Reached::new(target.hundredths_at(scope.end)?, measured),
                measured,
                target,
            })
        });
        let bounds = window.start().zip(window.end()).map(|(start, end)| (start.unix_seconds(), end.unix_seconds()));
        let within = |time: &i64| bounds.is_some_and(|(start, end)| (start..end).contains(time));
        let sessions = statistics.iter().flat_map(|one| &one.sessions).map(|(time, _)| *time).filter(within);
        MeasuredAgent {
            targets: targets.collect(),
            session_count: sessions.clone().count(),
            last_session: sessions.max(),
            agent,
        }
    }
}

fn format_place(order: Uuid, start: usize) -> String {
    format!("{order}#{start}")
}

fn parse_place(place: &str) -> Result<(Uuid, usize), Error> {
    let parsed = place.split_once('#').and_then(|(order, start)| Some((order.parse().ok()?, start.parse().ok()?)));
    parsed.ok_or_else(|| Error::internal("a page token holds no place in an order"))
}

impl MeasuredAgent {
    fn reached(&self) -> Vec<Reached> {
        self.targets.iter().map(|target| target.reached).collect()
    }

    fn progress(&self) -> Option<i64> {
        overall_progress(&self.reached())
    }

    fn gap(&self) -> Option<i64> {
        overall_gap(&self.reached())
    }

    fn message(self, tenant: &Tenant, asked: &RetrieveProgressRequest) -> AgentCoachingProgress {
        let usecases: HashSet<UsecaseId> = asked.usecases.iter().cloned().collect();
        let (progress, gap) = (self.progress(), self.gap());
        AgentCoachingProgress {
            agent_user_name: tenant.name_of(&self.agent.id),
            coaching_plan_names: plans_in_scope(&self.agent, &usecases).map(|plan| tenant.name_of(plan)).collect(),
            agent_display_name: self.agent.display_name,
            progress: progress.map(points),
            gap: gap.map(points),
            criterion_progresses: self.targets.into_iter().map(|target| target.message(tenant)).collect(),
            coaching_session_count: self.session_count,
            last_coaching_session_time: self.last_session.and_then(Timestamp::from_unix_seconds),
        }
    }
}

impl MeasuredTarget {
    fn message(self, tenant: &Tenant) -> CriterionProgress {
        let Self { target, display_name, measured, reached } = self;
        CriterionProgress {
            scorecard_template_name: tenant.name_of(&target.template),
            coaching_plan_name: target.plan.as_ref().map(|plan| tenant.name_of(plan)),
            criterion_or_chapter_id: target.criterion_or_chapter_id,
            criterion_display_name: display_name,
            baseline_score: reached.baseline_score.map(points),
            score: reached.score.map(points),
            progress: reached.progress.map(points),
            target: points(reached.target),
            gap: reached.gap.map(points),
            baseline_scorecard_count: measured.baseline.count,
            scorecard_count: measured.window.count,
        }
    }
}
