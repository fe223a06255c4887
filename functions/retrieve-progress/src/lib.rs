//! How far agents' scores moved, and
//! how far they still are from target.
//!
//! **When**: the window is from `startTime` (rounded down to a day, UTC) until `endTime` (rounded up); by default the 30
//! days that end with today. The baseline is the equally long window just before. Who was an agent, which plans were
//! active and which targets there were is asked of the window's last moment, or of now while the window is under way: so
//! what changes later does not change the figures of a window that is over.
//! **Which agents**: `agentUserNames` and the members of `groupNames` (of sub-groups too with
//! `includeIndirectGroupMembers`), or all agents of the profile if both are empty; inactive and dev users
//! only if asked for. Who was an agent in the window and at its end no longer (promoted, moved to another profile) is
//! answered when named in `agentUserNames`, or with `includeInactiveUsers`. Who never was one in the window is left
//! out; who is nobody in the directory is INVALID_ARGUMENT. Both are left out alike, and so are groups that do not exist, for a
//! caller who is confined to some profiles.
//! **Which scores**: of `usecaseNames` (required) and, if given, `scorecardTemplateNames`, which must exist, in every
//! revision (`customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}@*`), submitted in the window.
//! **Which targets**: those of the organisation, and an agent's own on active plans of theirs, which replace
//! the organisation's for the same usecase, template and criterion; each with the value that was in force. A plan is active
//! from its `startTime` until before its `endTime`, where it has them.
//! **Which sessions**: those of the usecases that were held (they have notes or are submitted) and whose time, the
//! session's or else that of its creation, is within the window and not ahead.
//!
//! Of each target: `score` and `baselineScore` (means), `progress = score − baselineScore`,
//! `gap = target − score` (negative if exceeded), in percentage points, absent where there is
//! no score, and the counts of scorecards behind them. Of the agent: the mean progress, and the mean of the
//! gaps, an exceeded target counting as none. Each figure is computed exactly and rounded once, half away from zero,
//! to four decimals; so `progress` may be 0.0001 off the difference of the two scores that are shown.
//!
//! Ordered by agent name, progress or gap; agents with no value come last, ties break by resource name. Names are
//! ordered as people read them: by their letters without case and marks (NFKD), then as they are. Pages
//! are stable: the order by progress or gap is kept for three days when its first page is read, so every agent
//! appears once even while scorecards arrive. The figures are always the present ones. A page is full unless it is the
//! last, or its agents have so many targets that the answer would pass what a Lambda function may answer.
//!
//! What cannot be read costs itself: an agent of whom something cannot be read is left out, as is a target, or what is
//! measured by a template; `unreachable` names them, and a page has as many agents less.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDate;
use coaching_domain::names::{CoachingPlanId, GroupId, ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::outline::Kind;
use coaching_domain::progress::{Measured, Reached, Scope, Span, Window, overall_gap, overall_progress, points};
use coaching_domain::references::References;
use coaching_domain::statistics::{Inconsistent, PackedStatistics, Period, WHOLE_SCORECARD};
use coaching_domain::target::Target;
use coaching_domain::template::{Revisions, ScorecardTemplate};
use coaching_domain::{Caller, Error, Role, Tenant, Timestamp};
use coaching_edge::{
    Access, Answer, App, Binding, ListIndex, MAX_ANSWER_BYTES, Operation, Partition, Request, Route, Size,
    bytes_in_answer,
};
use coaching_store::{Agent, AgentFilter, AgentStatistics, Cursor, Unreadable, plans_in_scope};
use futures_util::future::{try_join, try_join_all};
use futures_util::join;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The most agents, groups, usecases and templates that a request names.
const MAX_AGENTS: usize = 1000;
const MAX_GROUPS: usize = 100;
const MAX_USECASES: usize = 20;
const MAX_TEMPLATES: usize = 100;
/// The longest page token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 1024;
/// The most statistics (about 2 KB each) that are held until it is known what they are read for. Of more, the
/// agents and their targets are read first, and the statistics then pass by.
const MAX_STATISTICS_HELD: usize = 200;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "retrieve-progress",
    route: Some(Route::post("/v1/customers/{customer}/profiles/{profile}/coachingProgresses:retrieve")),
    summary: "progress",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent their own"),
    pages: true,
    costly: true,
    // A whole CPU, of which a team of 80 agents takes 3.6 ms, and all the time that API Gateway gives: for whole profiles.
    size: Some(Size { memory_mb: 1769, timeout_seconds: 29 }),
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::BatchGetItem(&[
            Partition::Template,
            Partition::Target,
            Partition::Agent,
            Partition::Usecase,
            Partition::Statistics,
            Partition::Order,
            Partition::User,
            Partition::Group,
        ]),
        Access::Query(&[Partition::Agent, Partition::Statistics, Partition::User]),
        Access::QueryIndex(
            ListIndex::Profile,
            &[Partition::Agents, Partition::PastCoaching, Partition::AgentsOfCustomer, Partition::PastUsers],
        ),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::TargetsOfUsecase, Partition::PastTargetsOfUsecase]),
        Access::PutItem(&[Partition::Order]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

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
    filter: AgentFilter,
    with_indirect_members: bool,
    order_by: OrderBy,
    descending: bool,
    window: Window,
    page_size: usize,
    page_token: Option<String>,
    /// Whether it is an agent who asks, and so for themselves.
    is_of_caller: bool,
}

/// A page of agents with their progress.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetrieveProgressResponse<'a> {
    /// The agents, in the order asked for.
    agent_coaching_progresses: &'a [AgentCoachingProgress],
    /// The `pageToken` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// When the window starts.
    start_time: Option<Timestamp>,
    /// When it ends: the first moment that is not in it.
    end_time: Option<Timestamp>,
    /// What could not be read, the first 100: names of agents, who are missing from the page, or may be from any other; of
    /// targets, and of templates whose targets, are left out of the figures; and of groups whose members are not among
    /// the agents. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// How far the scores of one agent moved, and how far they still are from target.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AgentCoachingProgress {
    /// The agent: `customers/{customer}/users/{user}`.
    agent_user_name: String,
    /// Their name as people read it.
    agent_display_name: String,
    /// Their plans for the usecases of the request that were active at the window's end, or are now if that is ahead.
    coaching_plan_names: Vec<String>,
    /// The mean progress of their targets, in percentage points; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    /// The mean of the gaps of their targets, an exceeded target counting as none, in percentage points; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<f64>,
    /// Each target that they are measured by.
    criterion_progresses: Vec<CriterionProgress>,
    /// How many sessions of the usecases of the request were held in the window: they have notes or are submitted, and
    /// their time has come.
    coaching_session_count: usize,
    /// When the last of those was; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_coaching_session_time: Option<Timestamp>,
}

/// One target, and how far an agent came towards it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CriterionProgress {
    /// The target: `customers/{customer}/profiles/{profile}/targets/{target}`.
    target_name: String,
    /// The usecase whose scores it is for: `customers/{customer}/profiles/{profile}/usecases/{usecase}`.
    usecase_name: String,
    /// The target's template: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}`.
    scorecard_template_name: String,
    /// The criterion or chapter; absent: the whole scorecard.
    #[serde(skip_serializing_if = "String::is_empty")]
    criterion_or_chapter_id: String,
    /// Its label, in the latest revision that has it, or the template's title.
    criterion_display_name: String,
    /// The plan that the target hangs on; absent: it is the organisation's.
    #[serde(skip_serializing_if = "Option::is_none")]
    coaching_plan_name: Option<String>,
    /// The mean score over the baseline, in percent; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_score: Option<f64>,
    /// The mean score over the window, in percent; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    /// `score` less `baselineScore`, in percentage points; absent where either is.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    /// What was to be reached when the window ended, or is now if that is ahead, in percent.
    target: f64,
    /// `target` less `score`, negative if exceeded, in percentage points; absent without a score.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<f64>,
    /// How many scorecards `baselineScore` is the mean of.
    baseline_scorecard_count: u64,
    /// How many scorecards `score` is the mean of.
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
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (mut asked, parameters) = request.body_of_list(|fields| RetrieveProgressRequest::read(fields, &tenant, now))?;
    if request.caller().role() == Role::Agent {
        let foreign = asked.agents.iter().find(|agent| *agent != request.caller().user());
        if let Some(agent) = foreign {
            return Err(Error::permission_denied(&tenant.name_of(agent)));
        }
        if let Some(group) = asked.groups.first() {
            return Err(Error::permission_denied(&tenant.name_of(group)));
        }
        asked.agents = vec![request.caller().user().clone()];
        asked.is_of_caller = true;
    }

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let progress = Progress::new(app, &tenant, &asked, request.caller(), &binding, now);
    let page = match asked.order_by {
        OrderBy::Name => progress.page_by_name().await?,
        OrderBy::Progress | OrderBy::Gap => progress.page_by_value().await?,
    };

    let dropped = progress.templates_of_dropped(&page.agents).await?;
    let unreachable = app.store.unreadable();
    let unreachable: BTreeSet<&str> = unreachable.iter().map(Unreadable::name).collect();
    let messages: Vec<_> = page.agents.iter().map(|agent| agent.message(&tenant, &asked, &dropped)).collect();
    let response = |shown, order| {
        let next = page.after(<[_]>::len(shown), order);
        Ok(RetrieveProgressResponse {
            agent_coaching_progresses: shown,
            next_page_token: app.page_tokens.next(next.as_deref(), &binding, now)?,
            start_time: asked.window.start(),
            end_time: asked.window.end(),
            unreachable: unreachable.iter().map(ToString::to_string).collect(),
        })
    };
    // A place takes as many bytes in any order.
    let answer =
        Answer::beginning(&messages, messages.iter().map(bytes_in_answer), |shown| response(shown, Uuid::nil()));
    let (answer, shown) = answer?.ok_or_else(|| {
        let limit = format!("the {MAX_ANSWER_BYTES} bytes of an answer");
        let refusal = format!("have targets that take one agent more than {limit}; name fewer, or some templates");
        Error::invalid_field("usecaseNames", refusal)
    })?;
    match (&page.places, messages.get(..shown)) {
        (Places::InOrderNotKept(ids), Some(shown)) if shown.len() < messages.len() => {
            let ids: Vec<&UserId> = ids.iter().collect();
            let order = progress.keep_order(&ids).await?;
            Answer::json(&response(shown, order)?)
        }
        _ => Ok(answer),
    }
}

/// One request being answered.
struct Progress<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    asked: &'a RetrieveProgressRequest,
    caller: &'a Caller,
    binding: &'a Binding,
    now: Timestamp,
    scope: Scope,
    /// When what is measured held.
    span: Span,
    baseline: Range<NaiveDate>,
    periods: Vec<Period>,
}

/// Current templates by their ids; nothing for one that cannot be read.
type Templates = HashMap<ScorecardTemplateId, Option<ScorecardTemplate>>;

/// Statistics, or that they cannot be read.
type ReadStatistics = Result<AgentStatistics, Unreadable>;

/// What the organisation wants of everyone.
struct Organisation {
    targets: Vec<Target>,
    templates: Templates,
}

/// A target in scope, and where its scores are.
struct Goal {
    target: Target,
    /// What was in force at the window's end.
    hundredths: u32,
    /// Of the criterion or chapter in statistics; nothing if its template does not have it.
    number: Option<u32>,
    display_name: String,
    /// The last revision that has the criterion or chapter and its label, if the current one does not.
    last_revision: Option<u32>,
}

/// An agent with what they were measured by.
struct MeasuredAgent {
    agent: Agent,
    /// The same for all who have no targets of their own.
    goals: Arc<[Goal]>,
    /// What each goal is measured by.
    measured: Vec<Measured>,
    /// Held within the window: when, in seconds since 1970, and of which plan.
    sessions: Vec<(i64, CoachingPlanId)>,
    /// Whether something that they are measured by cannot be read.
    is_damaged: bool,
}

/// That a template cannot be read, and so not what a target of it is for.
struct TemplateUnreadable;

/// A page of agents.
struct Page {
    agents: Vec<MeasuredAgent>,
    /// The place after it, if more follow.
    next: Option<String>,
    places: Places,
}

/// Where the agents of a page stand, for a page that does not show them all.
enum Places {
    /// In the list by name.
    ByName,
    /// In an order that is kept: how many come before each, itself included.
    InOrder(Uuid, Vec<usize>),
    /// In an order of all these, which are the page, that need not be kept if the page shows them all.
    InOrderNotKept(Vec<UserId>),
}

impl Page {
    /// The place after the first `shown` agents, at least one if there are any; nothing if none follows. An order that
    /// is not kept has the id `order`.
    fn after(&self, shown: usize, order: Uuid) -> Option<String> {
        let last = shown.checked_sub(1).filter(|_| shown < self.agents.len());
        let Some(last) = last else { return self.next.clone() };
        match &self.places {
            Places::ByName => {
                let agent = &self.agents.get(last)?.agent;
                Some(Cursor::by_name(&agent.display_name, &agent.id).into_name_and_id())
            }
            Places::InOrder(order, before) => Some(format_place(*order, *before.get(last)?)),
            Places::InOrderNotKept(_) => Some(format_place(order, shown)),
        }
    }
}

impl<'a> Progress<'a> {
    fn new(
        app: &'a App,
        tenant: &'a Tenant,
        asked: &'a RetrieveProgressRequest,
        caller: &'a Caller,
        binding: &'a Binding,
        now: Timestamp,
    ) -> Self {
        let span = asked.window.span(now);
        let scope = Scope {
            usecases: asked.usecases.iter().cloned().collect(),
            templates: asked.templates.iter().cloned().collect(),
            at: span.at,
        };
        let baseline = asked.window.baseline();
        let periods = Period::of_days(&asked.window.all_days());
        Self { app, tenant, asked, caller, binding, now, scope, span, baseline, periods }
    }

    /// A page by display name, then resource name.
    async fn page_by_name(&self) -> Result<Page, Error> {
        let after = self.app.page_tokens.position(self.asked.page_token.as_deref(), self.binding, self.now)?;
        let after = after.map(|after| Cursor::from_name_and_id(&after));
        let size = self.asked.page_size;
        let RetrieveProgressRequest { filter, descending, .. } = *self.asked;
        if self.names_nobody() {
            let store = &self.app.store;
            let page = store.agents_of_profile(self.tenant, self.span, filter, descending, after.as_ref(), size);
            let (checked, page, organisation) = join!(self.check_names(), page, self.organisation());
            checked?;
            let page = page?;
            let measured = self.measure(page.entries, &organisation?, None).await?;
            return Ok(Page {
                agents: measured,
                next: page.next.map(Cursor::into_name_and_id),
                places: Places::ByName,
            });
        }
        let (checked, everyone, organisation) = join!(self.check_names(), self.everyone(size), self.organisation());
        let (mut agents, statistics) = checked_and(checked, everyone)?;
        let place = |agent: &Agent| Cursor::by_name(&agent.display_name, &agent.id);
        if let Some(after) = after {
            let after = after.rank(descending);
            agents.retain(|agent| place(agent).rank(descending) > after);
        }
        agents.sort_by_cached_key(|agent| place(agent).rank(descending));
        let more = agents.len() > size;
        agents.truncate(size);
        let next = agents.last().filter(|_| more).map(|agent| place(agent).into_name_and_id());
        let agents = self.measure(agents, &organisation?, statistics).await?;
        Ok(Page { agents, next, places: Places::ByName })
    }

    /// A page by progress or gap: the first one orders all agents and keeps the order, the others follow it.
    async fn page_by_value(&self) -> Result<Page, Error> {
        let size = self.asked.page_size;
        if let Some(token) = &self.asked.page_token {
            let place = self.app.page_tokens.open(token, self.binding, self.now)?;
            let (order, start) = parse_place(&place)?;
            let kept = self.app.store.kept_order(self.tenant, self.binding.own(order), start, size);
            let (kept, organisation) = join!(kept, self.organisation());
            let (ids, more) = kept?;
            let (mut agents, statistics) = self.agents_and_statistics(&ids, true).await?;
            let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
            agents.sort_by_key(|agent| places.get(&agent.id).copied());
            let next = more.then(|| format_place(order, start + size));
            let agents = self.measure(agents, &organisation?, statistics).await?;
            let before = agents.iter().filter_map(|agent| Some(start + places.get(&agent.agent.id)? + 1)).collect();
            return Ok(Page { agents, next, places: Places::InOrder(order, before) });
        }
        let (checked, everyone, organisation) =
            join!(self.check_names(), self.everyone(usize::MAX), self.organisation());
        let (agents, statistics) = checked_and(checked, everyone)?;
        let mut measured = self.measure_all(agents, &organisation?, statistics).await?;
        let mut order: Vec<(Option<i64>, &UserId, usize)> = measured
            .iter()
            .enumerate()
            .map(|(place, agent)| {
                let value = match self.asked.order_by {
                    OrderBy::Gap => agent.gap(),
                    OrderBy::Name | OrderBy::Progress => agent.progress(),
                };
                (value, &agent.agent.id, place)
            })
            .collect();
        order.sort_unstable_by(|(a, a_id, _), (b, b_id, _)| {
            let by_value = match (a, b) {
                (Some(a), Some(b)) if self.asked.descending => b.cmp(a),
                (Some(a), Some(b)) => a.cmp(b),
                // Agents with no value come last in either direction.
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            by_value.then_with(|| a_id.cmp(b_id))
        });
        let ids: Vec<&UserId> = order.iter().map(|(_, id, _)| *id).collect();
        let (next, kept) = if order.len() > size {
            let kept = self.keep_order(&ids).await?;
            (Some(format_place(kept, size)), Places::InOrder(kept, (1..=size).collect()))
        } else {
            (None, Places::InOrderNotKept(ids.into_iter().cloned().collect()))
        };
        let places: HashMap<usize, usize> =
            order.iter().take(size).enumerate().map(|(rank, (_, _, place))| (*place, rank)).collect();
        let mut page: Vec<(usize, MeasuredAgent)> = Vec::with_capacity(places.len());
        for (place, agent) in std::mem::take(&mut measured).into_iter().enumerate() {
            page.extend(places.get(&place).map(|rank| (*rank, agent)));
        }
        page.sort_unstable_by_key(|(rank, _)| *rank);
        let mut page: Vec<MeasuredAgent> = page.into_iter().map(|(_, agent)| agent).collect();
        self.leave_out_deleted(&mut page).await?;
        Ok(Page { agents: page, next, places: kept })
    }

    /// Keeps an order for requests of this binding, and makes the id that their page tokens name it by.
    async fn keep_order(&self, ids: &[&UserId]) -> Result<Uuid, Error> {
        let order = Uuid::new_v4();
        self.app.store.keep_order(self.tenant, self.binding.own(order), ids, self.now).await?;
        Ok(order)
    }

    fn names_nobody(&self) -> bool {
        self.asked.agents.is_empty() && self.asked.groups.is_empty()
    }

    /// The usecases and templates of the request must exist.
    async fn check_names(&self) -> Result<(), Error> {
        let usecases = References::default().usecases("usecaseNames", &self.asked.usecases);
        let templates = self.asked.templates.iter();
        let references = templates.fold(usecases, |all, template| all.template("scorecardTemplateNames", template));
        self.app.store.unknown_names(self.tenant, &references, false).await?.into_result()
    }

    /// The organisation's targets in scope, with their templates.
    async fn organisation(&self) -> Result<Organisation, Error> {
        let targets = self
            .asked
            .usecases
            .iter()
            .map(|usecase| self.app.store.organisation_targets(self.tenant, usecase, self.span));
        let targets: Vec<Target> = try_join_all(targets).await?.into_iter().flat_map(|found| found.entries).collect();
        let in_scope = self.scope.targets_of(&[], &targets);
        let templates = self.templates(in_scope.iter().map(|target| &target.template).collect()).await?;
        Ok(Organisation { targets, templates })
    }

    async fn templates(&self, ids: HashSet<&ScorecardTemplateId>) -> Result<Templates, Error> {
        let current: Vec<_> = ids.into_iter().map(|template| (template.clone(), None)).collect();
        let found = self.app.store.templates(self.tenant, &current, false).await?;
        let unreadable = found.unreadable.iter().filter_map(|one| Some((ScorecardTemplateId::parse(one.id())?, None)));
        let templates = found.entries.into_iter().map(|template| (template.id.clone(), Some(template)));
        Ok(unreadable.chain(templates).collect())
    }

    /// The agents of the request, in no order; with their statistics, if they are few and no more than are
    /// `measured`.
    async fn everyone(&self, measured: usize) -> Result<(Vec<Agent>, Option<Vec<ReadStatistics>>), Error> {
        if self.names_nobody() {
            let agents = self.app.store.all_agents_of_profile(self.tenant, self.span, self.asked.filter);
            return Ok((agents.await?, None));
        }
        let mut ids: HashSet<UserId> = self.asked.agents.iter().cloned().collect();
        if !self.asked.groups.is_empty() {
            let customer = self.tenant.of_customer();
            let members =
                self.app.store.members_of(&customer, &self.asked.groups, self.asked.with_indirect_members).await?;
            ids.extend(members.for_caller(self.caller, self.tenant)?);
        }
        let ids: Vec<UserId> = ids.into_iter().collect();
        let (mut agents, statistics) = self.agents_and_statistics(&ids, ids.len() <= measured).await?;
        // Who has left within the window is answered when named.
        let named: HashSet<&UserId> = self.asked.agents.iter().collect();
        let filter = self.asked.filter;
        agents.retain(|agent| match agent.has_left && named.contains(&agent.id) {
            true => filter.with_dev_users || !agent.is_dev_user,
            false => filter.matches(agent),
        });
        Ok((agents, statistics))
    }

    /// Those of `ids` who are agents of the profile; side by side, if `all_are_measured` and they are few,
    /// their statistics.
    async fn agents_and_statistics(
        &self,
        ids: &[UserId],
        all_are_measured: bool,
    ) -> Result<(Vec<Agent>, Option<Vec<ReadStatistics>>), Error> {
        let agents = async {
            let found = self.app.store.agents_by_id(self.tenant, ids, self.span).await?;
            self.check_agents(&found.unknown)?;
            Ok(found.agents)
        };
        if all_are_measured && self.are_few(ids.len()) {
            let (agents, statistics) = try_join(agents, self.statistics_of(ids)).await?;
            return Ok((agents, Some(statistics)));
        }
        Ok((agents.await?, None))
    }

    /// Refuses names that the request asks for of users whom the directory does not know, unless the caller is confined to
    /// some profiles: whom the customer employs elsewhere is not for them to know.
    fn check_agents(&self, unknown: &[UserId]) -> Result<(), Error> {
        if !self.caller.enters_every_profile() {
            return Ok(());
        }
        let unknown: HashSet<&UserId> = unknown.iter().collect();
        let names = self.asked.agents.iter().filter(|agent| unknown.contains(agent) && !self.asked.is_of_caller);
        let names: Vec<String> = names.map(|agent| self.tenant.name_of(agent)).collect();
        match names.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid_field("agentUserNames", format!("'{}' does not exist", names.join("', '")))),
        }
    }

    fn are_few(&self, agents: usize) -> bool {
        agents * self.asked.usecases.len() * self.periods.len() <= MAX_STATISTICS_HELD
    }

    async fn statistics_of(&self, agents: &[UserId]) -> Result<Vec<ReadStatistics>, Error> {
        let mut statistics = Vec::new();
        let store = &self.app.store;
        let read = store.statistics_of_agents(self.tenant, &self.asked.usecases, agents, &self.periods, |one| {
            statistics.push(one);
            Ok(())
        });
        read.await?;
        Ok(statistics)
    }

    /// Measures the `agents` of a page, in their order, by their `statistics`, if they are read already.
    async fn measure(
        &self,
        agents: Vec<Agent>,
        organisation: &Organisation,
        statistics: Option<Vec<ReadStatistics>>,
    ) -> Result<Vec<MeasuredAgent>, Error> {
        let mut measured = self.measure_all(agents, organisation, statistics).await?;
        self.leave_out_deleted(&mut measured).await?;
        Ok(measured)
    }

    /// As [`Progress::measure`], however many agents: what is read of many passes by. Sessions of plans that
    /// are being deleted are still among theirs.
    async fn measure_all(
        &self,
        agents: Vec<Agent>,
        organisation: &Organisation,
        statistics: Option<Vec<ReadStatistics>>,
    ) -> Result<Vec<MeasuredAgent>, Error> {
        let with_own = agents.iter().filter(|agent| !agent.targets.is_empty());
        let further = with_own.flat_map(|agent| self.targets_of(agent, organisation)).map(|target| &target.template);
        let further = further.filter(|template| !organisation.templates.contains_key(*template)).collect();
        let ids: Vec<UserId> = agents.iter().map(|agent| agent.id.clone()).collect();
        let statistics = async {
            match statistics {
                None if self.are_few(ids.len()) => self.statistics_of(&ids).await.map(Some),
                statistics => Ok(statistics),
            }
        };
        let (further, statistics) = try_join(self.templates(further), statistics).await?;
        let template = |id: &ScorecardTemplateId| match organisation.templates.get(id).or_else(|| further.get(id)) {
            None => Ok(None),
            Some(Some(template)) => Ok(Some(template)),
            Some(None) => Err(TemplateUnreadable),
        };

        let of_everyone = self.goals(self.scope.targets_of(&[], &organisation.targets), &template);
        let mut measured: Vec<MeasuredAgent> = Vec::with_capacity(agents.len());
        for mut agent in agents {
            let goals = match agent.targets.is_empty() {
                true => Arc::clone(&of_everyone),
                false => self.goals(self.targets_of(&agent, organisation), &template),
            };
            agent.targets.clear();
            let blank = vec![Measured::default(); goals.len()];
            measured.push(MeasuredAgent { agent, goals, measured: blank, sessions: Vec::new(), is_damaged: false });
        }
        let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
        let mut take = |one: ReadStatistics| {
            let of = match &one {
                Ok(statistics) => places.get(&statistics.agent),
                Err(unreadable) => unreadable.user().and_then(|agent| places.get(&agent)),
            };
            let Some(agent) = of.and_then(|place| measured.get_mut(*place)) else { return Ok(()) };
            let taken = one.is_ok_and(|mut one| {
                let taken = agent.take(&mut one, &self.asked.window, &self.baseline, self.span);
                if taken.is_err() {
                    self.app.store.note(&one.unreadable(self.tenant));
                }
                taken.is_ok()
            });
            agent.is_damaged |= !taken;
            Ok(())
        };
        let (store, usecases) = (&self.app.store, &self.asked.usecases);
        match statistics {
            Some(statistics) => statistics.into_iter().try_for_each(take)?,
            None if self.names_nobody() => {
                store.statistics_of_profile(self.tenant, usecases, &self.periods, &mut take).await?;
            }
            None => store.statistics_of_agents(self.tenant, usecases, &ids, &self.periods, &mut take).await?,
        }
        // Of whom not all can be read, no figure is right.
        measured.retain(|agent| !agent.is_damaged);
        Ok(measured)
    }

    fn targets_of<'t>(&self, agent: &'t Agent, organisation: &'t Organisation) -> Vec<&'t Target> {
        self.scope.targets_of(&agent.targets, &organisation.targets)
    }

    fn goals<'t>(
        &self,
        targets: Vec<&Target>,
        template: &impl Fn(&ScorecardTemplateId) -> Result<Option<&'t ScorecardTemplate>, TemplateUnreadable>,
    ) -> Arc<[Goal]> {
        let goals = targets.into_iter().filter_map(|target| {
            let template = template(&target.template).ok()?;
            let part = target.criterion_or_chapter_id.as_str();
            let display_name = match template {
                Some(template) if part.is_empty() => &template.title,
                Some(template) => template.display_name_of(part).unwrap_or(part),
                None => part,
            };
            Some(Goal {
                hundredths: target.hundredths_at(self.scope.at)?,
                number: if part.is_empty() {
                    Some(WHOLE_SCORECARD)
                } else {
                    template.and_then(|one| one.number_of(part))
                },
                display_name: display_name.to_owned(),
                last_revision: template.and_then(|one| one.last_revision_with(part)),
                target: target.clone(),
            })
        });
        goals.collect()
    }

    /// The revisions that have what the targets of `agents` are for and current revisions do not.
    async fn templates_of_dropped(&self, agents: &[MeasuredAgent]) -> Result<Vec<ScorecardTemplate>, Error> {
        let goals = agents.iter().flat_map(|agent| agent.goals.iter());
        let revisions: HashSet<_> = goals
            .filter_map(|goal| goal.last_revision.map(|revision| (goal.target.template.clone(), Some(revision))))
            .collect();
        let revisions: Vec<_> = revisions.into_iter().collect();
        Ok(self.app.store.templates(self.tenant, &revisions, false).await?.entries)
    }

    async fn leave_out_deleted(&self, agents: &mut [MeasuredAgent]) -> Result<(), Error> {
        let sessions = agents.iter_mut().map(|agent| &mut agent.sessions).collect();
        self.app.store.leave_out_deleted(self.tenant, sessions, self.now).await
    }
}

/// `read`, if what was `checked` beside it is right; else the bad fields of both.
fn checked_and<T>(checked: Result<(), Error>, read: Result<T, Error>) -> Result<T, Error> {
    match (checked, read) {
        (Err(error), Err(other)) => Err(error.and(other)),
        (checked, read) => checked.and(read),
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
    /// Adds what `statistics` hold of the agent within the window and the baseline.
    fn take(
        &mut self,
        statistics: &mut AgentStatistics,
        window: &Window,
        baseline: &Range<NaiveDate>,
        span: Span,
    ) -> Result<(), Inconsistent> {
        let AgentStatistics { usecase, period, packed, sessions, .. } = statistics;
        if !packed.is_empty() {
            let packed = PackedStatistics::new(packed);
            let mut of_template: Option<(&ScorecardTemplateId, _)> = None;
            for (goal, measured) in self.goals.iter().zip(&mut self.measured) {
                let (Some(number), true) = (goal.number, goal.target.usecase == *usecase) else { continue };
                // Goals of one template stand together.
                let template = match &of_template {
                    Some((id, template)) if **id == goal.target.template => template,
                    _ => {
                        let template = packed.of(&goal.target.template)?;
                        &of_template.insert((&goal.target.template, template)).1
                    }
                };
                let Some(template) = template else { continue };
                let sums = template.over(*period, number, [&window.days, baseline])?;
                let [in_window, in_baseline] = sums;
                measured.window = measured.window.plus(in_window);
                measured.baseline = measured.baseline.plus(in_baseline);
            }
        }
        // Not what has notes already and is still to come.
        let within = span.start.unix_seconds()..=span.at.unix_seconds();
        self.sessions.extend(std::mem::take(sessions).into_iter().filter(|(time, _)| within.contains(time)));
        Ok(())
    }

    fn reached(&self) -> Vec<Reached> {
        let goals = self.goals.iter().zip(&self.measured);
        goals.map(|(goal, measured)| Reached::new(goal.hundredths, *measured)).collect()
    }

    fn progress(&self) -> Option<i64> {
        overall_progress(&self.reached())
    }

    fn gap(&self) -> Option<i64> {
        overall_gap(&self.reached())
    }

    fn message(
        &self,
        tenant: &Tenant,
        asked: &RetrieveProgressRequest,
        dropped: &[ScorecardTemplate],
    ) -> AgentCoachingProgress {
        let usecases: HashSet<UsecaseId> = asked.usecases.iter().cloned().collect();
        let reached = self.reached();
        let goals = self.goals.iter().zip(&self.measured).zip(&reached);
        AgentCoachingProgress {
            agent_user_name: tenant.name_of(&self.agent.id),
            coaching_plan_names: plans_in_scope(&self.agent, &usecases).map(|plan| tenant.name_of(plan)).collect(),
            progress: overall_progress(&reached).map(points),
            gap: overall_gap(&reached).map(points),
            criterion_progresses: goals
                .map(|((goal, measured), reached)| goal.message(tenant, measured, reached, dropped))
                .collect(),
            coaching_session_count: self.sessions.len(),
            last_coaching_session_time: self
                .sessions
                .iter()
                .map(|(time, _)| *time)
                .max()
                .and_then(Timestamp::from_unix_seconds),
            agent_display_name: self.agent.display_name.clone(),
        }
    }
}

impl Goal {
    /// Its label: of a criterion or chapter that the current revision does not have, that of its last one.
    fn label<'a>(&'a self, dropped: &'a [ScorecardTemplate]) -> &'a str {
        let is_last =
            |one: &&ScorecardTemplate| one.id == self.target.template && Some(one.revision) == self.last_revision;
        let last = dropped.iter().find(is_last);
        last.and_then(|one| one.display_name_of(&self.target.criterion_or_chapter_id)).unwrap_or(&self.display_name)
    }

    fn message(
        &self,
        tenant: &Tenant,
        measured: &Measured,
        reached: &Reached,
        dropped: &[ScorecardTemplate],
    ) -> CriterionProgress {
        CriterionProgress {
            target_name: tenant.name_of(&self.target.id),
            usecase_name: tenant.name_of(&self.target.usecase),
            scorecard_template_name: tenant.name_of(&self.target.template),
            coaching_plan_name: self.target.plan.as_ref().map(|plan| tenant.name_of(plan)),
            criterion_or_chapter_id: self.target.criterion_or_chapter_id.clone(),
            criterion_display_name: self.label(dropped).to_owned(),
            baseline_score: reached.baseline_score().map(points),
            score: reached.score().map(points),
            progress: reached.progress().map(points),
            target: points(reached.target()),
            gap: reached.gap().map(points),
            baseline_scorecard_count: measured.baseline.count,
            scorecard_count: measured.window.count,
        }
    }
}
