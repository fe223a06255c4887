//! Agents page by page, for operations that measure them: which agents a request is for, the order by name or by what
//! was measured, and where the next page continues.

use std::collections::{HashMap, HashSet};

use coaching_domain::message::{Message, Object, Place};
use coaching_domain::names::{GroupId, ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::progress::Span;
use coaching_domain::references::References;
use coaching_domain::rules::{AtLeastOne, Distinct, Enumeration, Every, EveryOrUnnamed, Flag, TemplateName};
use coaching_domain::{Caller, Error, Reason, Role, Tenant, Timestamp, message, outline};
use coaching_store::{Agent, AgentFilter, Cursor};
use futures_util::future::try_join;
use futures_util::join;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Answer, App, Binding, bytes_in_answer};

/// The most agents that a request names.
pub const MAX_AGENTS: usize = 1000;
/// The most groups that a request names.
pub const MAX_GROUPS: usize = 100;
/// The most usecases that a request is about.
pub const MAX_USECASES: usize = 20;
const MAX_TEMPLATES: usize = 100;

message! {
    /// What a request says of the agents that it is for, and of what they are measured by.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct SentAgents {
        agents: Distinct<UserId, MAX_AGENTS> = "agentUserNames",
        groups: Distinct<GroupId, MAX_GROUPS> = "groupNames",
        usecases: AtLeastOne<Distinct<UsecaseId, MAX_USECASES>> = "usecaseNames",
        templates: Distinct<TemplateName<Every>, MAX_TEMPLATES> = "scorecardTemplateNames",
        with_inactive: Flag = "includeInactiveUsers",
        with_dev_users: Flag = "includeDevUsers",
        with_indirect_members: Flag = "includeIndirectGroupMembers",
    }
}

message! {
    /// What a request says of the agents that it is for, all of whom it names, and of what they are measured by.
    #[derive(Debug)]
    pub struct NamedAgents {
        agents: Distinct<UserId, MAX_AGENTS> = "agentUserNames",
        groups: Distinct<GroupId, MAX_GROUPS> = "groupNames",
        usecases: AtLeastOne<Distinct<UsecaseId, MAX_USECASES>> = "usecaseNames",
        templates: Distinct<TemplateName<EveryOrUnnamed>, MAX_TEMPLATES> = "scorecardTemplateNames",
        with_indirect_members: Flag = "includeIndirectGroupMembers",
    }
}

message! {
    /// What a request says of the agents whose sessions it is for.
    #[derive(Debug)]
    pub struct AgentsOfSessions {
        agents: Distinct<UserId, MAX_AGENTS> = "agentUserNames",
        groups: Distinct<GroupId, MAX_GROUPS> = "groupNames",
        usecases: AtLeastOne<Distinct<UsecaseId, MAX_USECASES>> = "usecaseNames",
        with_inactive: Flag = "includeInactiveUsers",
        with_dev_users: Flag = "includeDevUsers",
        with_indirect_members: Flag = "includeIndirectGroupMembers",
    }
}

impl SentAgents {
    /// The resources that it names and that must exist. To a `caller` who is confined to some profiles, whom the customer
    /// employs elsewhere, and in which groups, is not told.
    pub fn references(&self, caller: &Caller) -> References {
        let measured_by = measured_by(&self.usecases, &self.templates);
        match caller.enters_every_profile() {
            true => measured_by.users("agentUserNames", &self.agents).groups("groupNames", &self.groups),
            false => measured_by,
        }
    }

    /// For how many usecases it asks.
    pub fn usecase_count(&self) -> usize {
        self.usecases.len()
    }
}

/// The usecases and templates that a request names.
fn measured_by(usecases: &[UsecaseId], templates: &[ScorecardTemplateId]) -> References {
    let usecases = References::default().usecases("usecaseNames", usecases);
    templates.iter().fold(usecases, |all, template| all.template("scorecardTemplateNames", template))
}

impl From<NamedAgents> for SentAgents {
    fn from(named: NamedAgents) -> Self {
        let NamedAgents { agents, groups, usecases, templates, with_indirect_members } = named;
        let (with_inactive, with_dev_users) = (false, false);
        Self { agents, groups, usecases, templates, with_inactive, with_dev_users, with_indirect_members }
    }
}

impl From<AgentsOfSessions> for SentAgents {
    fn from(sent: AgentsOfSessions) -> Self {
        let AgentsOfSessions { agents, groups, usecases, with_inactive, with_dev_users, with_indirect_members } = sent;
        let templates = Vec::new();
        Self { agents, groups, usecases, templates, with_inactive, with_dev_users, with_indirect_members }
    }
}

/// A request about agents, with further fields `M`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfAgents<M, A = SentAgents> {
    /// The agents.
    pub agents: A,
    /// The further fields.
    pub value: M,
}

impl<M: Message, A: Message> Message for OfAgents<M, A> {
    fn names() -> Vec<&'static str> {
        [A::names(), M::names()].concat()
    }

    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self> {
        let (agents, value) = (A::read(object, place), M::read(object, place));
        Some(Self { agents: agents?, value: value? })
    }

    fn fields() -> Vec<outline::Field> {
        A::fields().into_iter().chain(M::fields()).collect()
    }
}

/// The direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderDirection {
    /// The least first.
    Ascending,
    /// The most first.
    Descending,
}

impl Enumeration for OrderDirection {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("ORDER_DIRECTION_UNSPECIFIED", Self::Ascending),
        ("ORDER_DIRECTION_ASC", Self::Ascending),
        ("ORDER_DIRECTION_DESC", Self::Descending),
    ];
}

/// The agents that a request is for, and what they are measured by.
#[derive(Debug, Clone)]
pub struct AskedAgents {
    agents: Vec<UserId>,
    groups: Vec<GroupId>,
    /// The usecases, at least one.
    pub usecases: Vec<UsecaseId>,
    /// The templates, in every revision; empty: all.
    pub templates: Vec<ScorecardTemplateId>,
    filter: AgentFilter,
    with_indirect_members: bool,
    /// The only ones who are answered; `None`: all who are asked for.
    audience: Option<HashSet<UserId>>,
    /// Whether the caller is an agent, and so asks for themselves.
    is_of_caller: bool,
}

impl AskedAgents {
    /// The agents that `sent` is for, sent by `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group.
    pub fn new(sent: SentAgents, caller: &Caller, tenant: &Tenant) -> Result<Self, Error> {
        let named = Self::named(sent.agents, sent.groups, sent.with_indirect_members, caller, tenant)?;
        Ok(Self {
            usecases: sent.usecases,
            templates: sent.templates,
            filter: AgentFilter { with_inactive: sent.with_inactive, with_dev_users: sent.with_dev_users },
            ..named
        })
    }

    /// `agents` and the members of `groups`, or everyone if there are none, asked for by `caller`: those who work here,
    /// without test users. They are measured by neither usecases nor templates.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group.
    pub fn named(
        agents: Vec<UserId>,
        groups: Vec<GroupId>,
        with_indirect_members: bool,
        caller: &Caller,
        tenant: &Tenant,
    ) -> Result<Self, Error> {
        let is_of_caller = caller.role() == Role::Agent;
        if is_of_caller {
            let foreign = agents.iter().find(|agent| *agent != caller.user()).map(|agent| tenant.name_of(agent));
            if let Some(foreign) = foreign.or_else(|| groups.first().map(|group| tenant.name_of(group))) {
                return Err(Error::permission_denied(&foreign));
            }
        }
        Ok(Self {
            agents: if is_of_caller { vec![caller.user().clone()] } else { agents },
            groups,
            usecases: Vec::new(),
            templates: Vec::new(),
            filter: AgentFilter::default(),
            with_indirect_members,
            audience: None,
            is_of_caller,
        })
    }

    /// The agents that `sent` is for, of whom those that do not exist are left out.
    pub fn of(sent: SentAgents) -> Self {
        let SentAgents { agents, groups, usecases, templates, with_inactive, with_dev_users, with_indirect_members } =
            sent;
        Self {
            agents,
            groups,
            usecases,
            templates,
            filter: AgentFilter { with_inactive, with_dev_users },
            with_indirect_members,
            audience: None,
            is_of_caller: false,
        }
    }

    /// Those of them who are in `audience`.
    #[must_use]
    pub fn within(self, audience: HashSet<UserId>) -> Self {
        Self { audience: Some(audience), ..self }
    }

    /// Whether an agent asks for themselves, and so gets what an agent sees.
    pub fn is_of_caller(&self) -> bool {
        self.is_of_caller
    }

    /// Whether it is for all agents of the profile.
    pub fn is_everyone(&self) -> bool {
        self.names_nobody() && self.audience.is_none()
    }

    /// Whether it names neither agents nor groups.
    pub fn names_nobody(&self) -> bool {
        self.agents.is_empty() && self.groups.is_empty()
    }
}

/// The page of agents that a request is for.
#[derive(Debug, Clone)]
pub struct AskedPage {
    /// Whether the order descends.
    pub descending: bool,
    /// The most agents on it.
    pub size: usize,
    /// The token that it continues from; `None`: it is the first.
    pub token: Option<String>,
}

impl AskedPage {
    /// The page of at most `size` agents that `token` leads to, in `direction`.
    pub fn new(direction: Option<OrderDirection>, size: usize, token: Option<String>) -> Self {
        Self { descending: direction == Some(OrderDirection::Descending), size, token }
    }
}

/// Measures agents for one request.
pub trait Measuring: Sync {
    /// An agent with what was measured.
    type Measured: Send + Sync;
    /// What agents are ordered by.
    type Value: Ord + Send;
    /// What is read once for all agents.
    type Basis: Send + Sync;
    /// What is read of few agents while they are found.
    type ReadAhead: Send;

    /// Reads what all agents are measured by.
    fn basis(&self) -> impl Future<Output = Result<Self::Basis, Error>> + Send;

    /// Whether so many agents are few enough to read ahead.
    fn are_few(&self, agents: usize) -> bool;

    /// Reads ahead what is measured of `agents`, who may not exist.
    fn read_ahead(&self, agents: &[UserId]) -> impl Future<Output = Result<Self::ReadAhead, Error>> + Send;

    /// Measures any number of agents, in their order, without those of whom something cannot be read.
    fn measure(
        &self,
        agents: Vec<Agent>,
        basis: &Self::Basis,
        ahead: Option<Self::ReadAhead>,
    ) -> impl Future<Output = Result<Vec<Self::Measured>, Error>> + Send;

    /// Completes what was measured of the agents of a page, beyond what they are ordered by; leaves out those of whom
    /// something cannot be read.
    fn complete(&self, page: &mut Vec<Self::Measured>) -> impl Future<Output = Result<(), Error>> + Send;

    /// The agent.
    fn agent(measured: &Self::Measured) -> &Agent;

    /// What the agent is ordered by; `None`: there is no value, and they come last.
    fn value(&self, measured: &Self::Measured) -> Option<Self::Value>;
}

/// A page of agents.
#[derive(Debug)]
pub struct AgentPage<T> {
    /// The agents.
    pub agents: Vec<T>,
    /// The place after it, if more follow.
    next: Option<String>,
    places: Places,
}

impl<T> AgentPage<T> {
    /// Whether no agent follows it.
    pub fn is_last(&self) -> bool {
        self.next.is_none()
    }
}

/// The places of the agents of a page, for an answer that does not show them all.
#[derive(Debug)]
enum Places {
    /// In the list by name.
    ByName,
    /// In a kept order: for each agent, the number of agents up to and including them.
    InOrder(Uuid, Vec<usize>),
    /// The same in an order of these agents, who are all. It need not be kept if the page shows them all.
    InOrderNotKept(Vec<UserId>, Vec<usize>),
}

/// Finds the agents of one page.
#[derive(Debug)]
pub struct Paging<'a, M> {
    /// The app.
    pub app: &'a App,
    /// The profile.
    pub tenant: &'a Tenant,
    /// The agents asked for.
    pub asked: &'a AskedAgents,
    /// The page asked for.
    pub page: &'a AskedPage,
    /// The time whose facts count.
    pub span: Span,
    /// The time of the request.
    pub now: Timestamp,
    /// The caller.
    pub caller: &'a Caller,
    /// The request that page tokens are valid for.
    pub binding: &'a Binding,
    /// Measures the agents.
    pub measuring: &'a M,
}

/// The agents that a request is for, and what measures them.
#[derive(Debug)]
pub struct Roster<'a, M> {
    /// The app.
    pub app: &'a App,
    /// The profile.
    pub tenant: &'a Tenant,
    /// The agents asked for.
    pub asked: &'a AskedAgents,
    /// The time whose facts count.
    pub span: Span,
    /// Who is told which of them do not exist; `None`: nobody.
    pub caller: Option<&'a Caller>,
    /// Measures the agents.
    pub measuring: &'a M,
}

/// A part of the agents of a [`Roster`].
#[derive(Debug)]
pub struct RosterPart<T> {
    /// The agents.
    pub agents: Vec<T>,
    /// The place after it, if more follow.
    pub next: Option<Cursor>,
}

/// Agents, and what was read ahead of them.
type Found<M> = (Vec<Agent>, Option<<M as Measuring>::ReadAhead>);

impl<M: Measuring> Paging<'_, M> {
    /// The agents asked for.
    fn roster(&self) -> Roster<'_, M> {
        let Self { app, tenant, asked, span, caller, measuring, .. } = *self;
        Roster { app, tenant, asked, span, caller: Some(caller), measuring }
    }

    /// A page by display name, then resource name.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming what does not exist, or a page token that is not of this request; the errors of
    /// measuring; UNAVAILABLE if the table does not answer.
    pub async fn by_name(&self) -> Result<AgentPage<M::Measured>, Error> {
        let roster = self.roster();
        let AskedPage { descending, size, ref token } = *self.page;
        let after = self.app.page_tokens.position(token.as_deref(), self.binding, self.now)?;
        let after = after.map(|after| Cursor::from_name_and_id(&after));
        if self.asked.is_everyone() {
            let store = &self.app.store;
            let filter = self.asked.filter;
            let page = store.agents_of_profile(self.tenant, self.span, filter, descending, after.as_ref(), size);
            let (checked, page, basis) = join!(roster.check_names(), page, self.measuring.basis());
            checked?;
            let page = page?;
            let agents = roster.measure(page.entries, &basis?, None).await?;
            return Ok(AgentPage { agents, next: page.next.map(Cursor::into_name_and_id), places: Places::ByName });
        }
        let (checked, everyone, basis) = join!(roster.check_names(), roster.everyone(size), self.measuring.basis());
        let (agents, ahead) = checked_and(checked, everyone)?;
        let (agents, next) = self.cut_by_name(agents, |agent| agent, after);
        let agents = roster.measure(agents, &basis?, ahead).await?;
        Ok(AgentPage { agents, next, places: Places::ByName })
    }

    /// As [`Paging::by_name`], of all agents, who are `measured`.
    ///
    /// # Errors
    /// As there.
    pub async fn by_name_of(&self, measured: Vec<M::Measured>) -> Result<AgentPage<M::Measured>, Error> {
        let after = self.app.page_tokens.position(self.page.token.as_deref(), self.binding, self.now)?;
        let after = after.map(|after| Cursor::from_name_and_id(&after));
        let (mut agents, next) = self.cut_by_name(measured, M::agent, after);
        self.measuring.complete(&mut agents).await?;
        Ok(AgentPage { agents, next, places: Places::ByName })
    }

    /// Those of `all` who are on the page after `after` by name, in order, and the place after it if more follow.
    fn cut_by_name<T>(
        &self,
        mut all: Vec<T>,
        agent: impl Fn(&T) -> &Agent,
        after: Option<Cursor>,
    ) -> (Vec<T>, Option<String>) {
        let AskedPage { descending, size, .. } = *self.page;
        let place = |one: &T| agent(one).place_by_name();
        if let Some(after) = after {
            let after = after.rank(descending);
            all.retain(|one| place(one).rank(descending) > after);
        }
        all.sort_by_cached_key(|one| place(one).rank(descending));
        let more = all.len() > size;
        all.truncate(size);
        let next = all.last().filter(|_| more).map(|last| place(last).into_name_and_id());
        (all, next)
    }

    /// All agents that the request is for, measured, in no order.
    ///
    /// # Errors
    /// As [`Paging::by_name`].
    pub async fn everyone_measured(&self) -> Result<Vec<M::Measured>, Error> {
        let roster = self.roster();
        let (checked, everyone, basis) =
            join!(roster.check_names(), roster.everyone(usize::MAX), self.measuring.basis());
        let (agents, ahead) = checked_and(checked, everyone)?;
        self.measuring.measure(agents, &basis?, ahead).await
    }

    /// All agents that the request is for, measured, in no order, if they are at most `most`.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if there are more, or more people are named; as [`Paging::by_name`].
    pub async fn at_most_measured(&self, most: usize) -> Result<Vec<M::Measured>, Error> {
        let roster = self.roster();
        let within = |count: usize, what: &str| match count <= most {
            true => Ok(()),
            false => Err(Error::new(
                Reason::ScopeTooLarge,
                format!("the request is for {count} {what}, and may be for {most}: name groups of fewer"),
            )),
        };
        let found = async {
            if self.asked.is_everyone() {
                let active = self.app.store.active_agent_count(self.tenant).await?;
                within(usize::try_from(active).unwrap_or(usize::MAX), "agents")?;
                let agents = self.app.store.all_agents_of_profile(self.tenant, self.span, self.asked.filter).await?;
                // Those who do not work here now are not among the active ones.
                within(agents.len(), "agents")?;
                return Ok((agents, None));
            }
            let ids = roster.people().await?;
            within(ids.len(), "people")?;
            roster.agents_among(&ids, true).await
        };
        let (checked, found, basis) = join!(roster.check_names(), found, self.measuring.basis());
        let (agents, ahead) = checked_and(checked, found)?;
        self.measuring.measure(agents, &basis?, ahead).await
    }

    /// All agents asked for, by display name, then resource name. They are named, or members of groups that are: at most
    /// `most` people.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming what does not exist, or if there are more people; the errors of measuring; UNAVAILABLE if
    /// the table does not answer.
    pub async fn all_by_name(&self, most: usize) -> Result<Vec<M::Measured>, Error> {
        let roster = self.roster();
        let found = async {
            let ids = roster.people().await?;
            if ids.len() > most {
                let refusal = format!("and groupNames must name at most {most} people, and name {}", ids.len());
                return Err(Error::invalid_field("agentUserNames", refusal));
            }
            roster.agents_among(&ids, true).await
        };
        let (checked, found, basis) = join!(roster.check_names(), found, self.measuring.basis());
        let (mut agents, ahead) = checked_and(checked, found)?;
        agents.sort_by_cached_key(Agent::place_by_name);
        roster.measure(agents, &basis?, ahead).await
    }

    /// A page by value: the first one orders all agents and keeps the order, the others follow it.
    ///
    /// # Errors
    /// As [`Paging::by_name`].
    pub async fn by_value(&self) -> Result<AgentPage<M::Measured>, Error> {
        match &self.page.token {
            Some(token) => self.in_kept_order(token).await,
            None => self.first_by_value(self.everyone_measured().await?).await,
        }
    }

    /// The first page by value, of all agents, who are `measured`.
    ///
    /// # Errors
    /// As [`Paging::by_name`].
    pub async fn first_by_value(&self, measured: Vec<M::Measured>) -> Result<AgentPage<M::Measured>, Error> {
        let size = self.page.size;
        let order = self.in_order(&measured);
        let ids: Vec<&UserId> = order.iter().map(|(_, id, _)| *id).collect();
        let kept = if ids.len() > size { Some(self.keep_order(&ids).await?) } else { None };
        let not_kept: Vec<UserId> = if kept.is_none() { ids.into_iter().cloned().collect() } else { Vec::new() };
        let ranks: HashMap<usize, usize> =
            order.iter().take(size).enumerate().map(|(rank, (_, _, place))| (*place, rank)).collect();
        let mut page: Vec<(usize, M::Measured)> = Vec::with_capacity(ranks.len());
        for (place, agent) in measured.into_iter().enumerate() {
            page.extend(ranks.get(&place).map(|rank| (*rank, agent)));
        }
        page.sort_unstable_by_key(|(rank, _)| *rank);
        let ranks: HashMap<UserId, usize> =
            page.iter().map(|(rank, agent)| (M::agent(agent).id.clone(), *rank)).collect();
        let mut page: Vec<M::Measured> = page.into_iter().map(|(_, agent)| agent).collect();
        // Those of whom something cannot be read are left out now.
        self.measuring.complete(&mut page).await?;
        let before = page.iter().filter_map(|agent| Some(ranks.get(&M::agent(agent).id)? + 1)).collect();
        let next = kept.map(|kept| format_place(kept, size));
        let places = match kept {
            Some(kept) => Places::InOrder(kept, before),
            None => Places::InOrderNotKept(not_kept, before),
        };
        Ok(AgentPage { agents: page, next, places })
    }

    /// A page of the kept order that `token` continues.
    ///
    /// # Errors
    /// As [`Paging::by_name`].
    pub async fn in_kept_order(&self, token: &str) -> Result<AgentPage<M::Measured>, Error> {
        let roster = self.roster();
        let size = self.page.size;
        let place = self.app.page_tokens.open(token, self.binding, self.now)?;
        let (order, start) = parse_place(&place)?;
        let kept = self.app.store.kept_order(self.tenant, self.binding.own(order), start, size);
        let (kept, basis) = join!(kept, self.measuring.basis());
        let (ids, more) = kept?;
        let (mut agents, ahead) = roster.agents_and_ahead(&ids, true).await?;
        let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
        agents.sort_by_key(|agent| places.get(&agent.id).copied());
        let next = more.then(|| format_place(order, start + size));
        let agents = roster.measure(agents, &basis?, ahead).await?;
        let before = agents.iter().filter_map(|agent| Some(start + places.get(&M::agent(agent).id)? + 1)).collect();
        Ok(AgentPage { agents, next, places: Places::InOrder(order, before) })
    }

    /// The agents in the requested order by value: the value, the id and the place in `measured` of each.
    fn in_order<'m>(&self, measured: &'m [M::Measured]) -> Vec<(Option<M::Value>, &'m UserId, usize)> {
        let agents = measured.iter().enumerate();
        let mut order: Vec<_> =
            agents.map(|(place, agent)| (self.measuring.value(agent), &M::agent(agent).id, place)).collect();
        order.sort_unstable_by(|(a, a_id, _), (b, b_id, _)| {
            let by_value = match (a, b) {
                (Some(a), Some(b)) if self.page.descending => b.cmp(a),
                (Some(a), Some(b)) => a.cmp(b),
                // Agents with no value come last in either direction.
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            by_value.then_with(|| a_id.cmp(b_id))
        });
        order
    }

    /// Keeps an order for requests of this binding; returns the id by which their page tokens name it.
    async fn keep_order(&self, ids: &[&UserId]) -> Result<Uuid, Error> {
        let order = Uuid::new_v4();
        self.app.store.keep_order(self.tenant, self.binding.own(order), ids, self.now).await?;
        Ok(order)
    }

    /// Answers as many agents of `page` as there is room for. `messages` has the message of each, and `response` makes
    /// the answer of the first of them and the token of the next page.
    ///
    /// # Errors
    /// The error `too_large` if there is no room for one agent; UNAVAILABLE if the table does not answer.
    pub async fn answer<'m, E: Serialize, R: Serialize>(
        &self,
        page: &AgentPage<M::Measured>,
        messages: &'m [E],
        response: impl Fn(&'m [E], Option<String>) -> R,
        too_large: impl FnOnce() -> Error,
    ) -> Result<Answer, Error> {
        let response = |shown: &'m [E], order| {
            let next = self.after(page, shown.len(), order);
            Ok(response(shown, self.app.page_tokens.next(next.as_deref(), self.binding, self.now)?))
        };
        // A place takes as many bytes in any order.
        let sizes = messages.iter().map(bytes_in_answer);
        let answer = Answer::beginning(messages, sizes, |shown| response(shown, Uuid::nil()))?;
        let (answer, shown) = answer.ok_or_else(too_large)?;
        match (&page.places, messages.get(..shown)) {
            (Places::InOrderNotKept(ids, _), Some(shown)) if shown.len() < messages.len() => {
                let ids: Vec<&UserId> = ids.iter().collect();
                let order = self.keep_order(&ids).await?;
                Answer::json(&response(shown, order)?)
            }
            _ => Ok(answer),
        }
    }

    /// The place after the first `shown` agents of `page`, at least one if there are any; `None` if none follows.
    /// `order` is the id of an order that is not kept yet.
    fn after(&self, page: &AgentPage<M::Measured>, shown: usize, order: Uuid) -> Option<String> {
        let last = shown.checked_sub(1).filter(|_| shown < page.agents.len());
        let Some(last) = last else { return page.next.clone() };
        match &page.places {
            Places::ByName => Some(M::agent(page.agents.get(last)?).place_by_name().into_name_and_id()),
            Places::InOrder(order, before) => Some(format_place(*order, *before.get(last)?)),
            Places::InOrderNotKept(_, before) => Some(format_place(order, *before.get(last)?)),
        }
    }
}

impl<M: Measuring> Roster<'_, M> {
    /// All its agents, by display name, then resource name, if it is not for everyone.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn named(&self) -> Result<Option<Vec<Agent>>, Error> {
        if self.asked.is_everyone() {
            return Ok(None);
        }
        let (mut agents, _) = self.agents_among(&self.people().await?, false).await?;
        agents.sort_by_cached_key(Agent::place_by_name);
        Ok(Some(agents))
    }

    /// The first `size` agents after `after` by display name, then resource name, measured, without those of whom
    /// something cannot be read; of `named`, if those are all.
    ///
    /// # Errors
    /// The errors of measuring; UNAVAILABLE if the table does not answer.
    pub async fn part(
        &self,
        named: Option<&[Agent]>,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<RosterPart<M::Measured>, Error> {
        let (agents, next) = match named {
            Some(named) => {
                let behind = after.map_or(0, |after| named.partition_point(|agent| agent.place_by_name() <= *after));
                let left = named.get(behind..).unwrap_or_default();
                let agents = left.get(..size).unwrap_or(left).to_vec();
                let next = agents.last().filter(|_| left.len() > agents.len()).map(Agent::place_by_name);
                (agents, next)
            }
            None => {
                let (store, filter) = (&self.app.store, self.asked.filter);
                let page = store.agents_of_profile(self.tenant, self.span, filter, false, after, size).await?;
                (page.entries, page.next)
            }
        };
        let basis = self.measuring.basis().await?;
        Ok(RosterPart { agents: self.measure(agents, &basis, None).await?, next })
    }

    async fn measure(
        &self,
        agents: Vec<Agent>,
        basis: &M::Basis,
        ahead: Option<M::ReadAhead>,
    ) -> Result<Vec<M::Measured>, Error> {
        let mut measured = self.measuring.measure(agents, basis, ahead).await?;
        self.measuring.complete(&mut measured).await?;
        Ok(measured)
    }

    /// Refuses usecases and templates of the request that do not exist.
    async fn check_names(&self) -> Result<(), Error> {
        let references = measured_by(&self.asked.usecases, &self.asked.templates);
        self.app.store.unknown_names(self.tenant, &references, false).await?.into_result()
    }

    /// The agents of the request, in no order. If it names agents or groups whose people are few and at most
    /// `measured`, what is measured of them is read too.
    async fn everyone(&self, measured: usize) -> Result<Found<M>, Error> {
        if self.asked.is_everyone() {
            let agents = self.app.store.all_agents_of_profile(self.tenant, self.span, self.asked.filter);
            return Ok((agents.await?, None));
        }
        let ids = self.people().await?;
        self.agents_among(&ids, ids.len() <= measured).await
    }

    /// The people whom the request names, and the members of the groups that it names; if it names nobody, its audience.
    async fn people(&self) -> Result<Vec<UserId>, Error> {
        let AskedAgents { agents, groups, with_indirect_members, audience, .. } = self.asked;
        let mut ids: HashSet<UserId> = agents.iter().cloned().collect();
        if !groups.is_empty() {
            let customer = self.tenant.of_customer();
            let members = self.app.store.members_of(&customer, groups, *with_indirect_members).await?;
            ids.extend(match self.caller {
                Some(caller) => members.for_caller(caller, self.tenant)?,
                None => members.into_members(),
            });
        }
        if self.asked.names_nobody() {
            ids.extend(audience.iter().flatten().cloned());
        }
        Ok(ids.into_iter().collect())
    }

    /// The agents of the request among the people `ids`; if `all_are_measured` and they are few, what is measured of them
    /// is read too.
    async fn agents_among(&self, ids: &[UserId], all_are_measured: bool) -> Result<Found<M>, Error> {
        let AskedAgents { agents, filter, audience, .. } = self.asked;
        let (mut found, ahead) = self.agents_and_ahead(ids, all_are_measured).await?;
        // Agents who left within the window are answered if named.
        let named: HashSet<&UserId> = agents.iter().collect();
        found.retain(|agent| {
            let is_asked_for = audience.as_ref().is_none_or(|audience| audience.contains(&agent.id));
            let named_and_left = agent.has_left && named.contains(&agent.id);
            is_asked_for
                && if named_and_left { filter.with_dev_users || !agent.is_dev_user } else { filter.matches(agent) }
        });
        Ok((found, ahead))
    }

    /// Those of `ids` who are agents of the profile; if `all_are_measured` and they are few, what is measured of them
    /// too, read concurrently.
    async fn agents_and_ahead(&self, ids: &[UserId], all_are_measured: bool) -> Result<Found<M>, Error> {
        let agents = async {
            let found = self.app.store.agents_by_id(self.tenant, ids, self.span).await?;
            self.check_agents(&found.unknown)?;
            Ok(found.agents)
        };
        if all_are_measured && self.measuring.are_few(ids.len()) {
            let (agents, ahead) = try_join(agents, self.measuring.read_ahead(ids)).await?;
            return Ok((agents, Some(ahead)));
        }
        Ok((agents.await?, None))
    }

    /// Refuses named users whom the directory does not know, unless the caller is confined to some profiles: whom the
    /// customer employs elsewhere is not for them to know.
    fn check_agents(&self, unknown: &[UserId]) -> Result<(), Error> {
        if !self.caller.is_some_and(Caller::enters_every_profile) {
            return Ok(());
        }
        let unknown: HashSet<&UserId> = unknown.iter().collect();
        let asked = self.asked;
        let names = asked.agents.iter().filter(|agent| unknown.contains(agent) && !asked.is_of_caller);
        let names: Vec<String> = names.map(|agent| self.tenant.name_of(agent)).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(Error::invalid_field("agentUserNames", format!("'{}' does not exist", names.join("', '"))))
    }
}

/// `read`, if `checked` is right; else the bad fields of both.
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
