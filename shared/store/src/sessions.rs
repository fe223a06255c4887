//! Coaching sessions in the table, and the lists of them.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::change::{Author, Document};
use coaching_domain::export::percent_of_way;
use coaching_domain::names::{self, CoachingPlanId, CoachingSessionId, UsecaseId, UserId};
use coaching_domain::references::References;
use coaching_domain::session::{AskedSessions, CoachingSession, State};
use coaching_domain::{Error, Reason, Tenant, Timestamp, Version};

use crate::Store;
use crate::activity::{self, PlacedMark};
use crate::dependents::{self, Child, ChildOfPlan};
use crate::engine::entity::{self, Entity};
use crate::engine::transaction::{Outcome, Refusal, Refused, Transaction};
use crate::idempotency::{Created, IdempotencyRecord};
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, Key, LIST_ORDER, ListIndex, SESSION_TIME_ORDER, UPDATE_TIME_ORDER};
use crate::list::{Filter, Listed, Page, PartlyShown, Range, SeenByAgent};
use crate::sessions_held::{CountChange, Places};
use crate::unreadable::Unreadable;

/// The most agents whose sessions are read one by one; for more, those of the usecases or the profile are filtered.
const MAX_AGENT_RANGES: usize = 20;

/// Selects sessions of a profile: those that match every field that is set.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Of this agent.
    pub agent: Option<UserId>,
    /// Of any of these agents, if they are given.
    pub agents: Option<Arc<HashSet<UserId>>>,
    /// Of this plan.
    pub plan: Option<CoachingPlanId>,
    /// Created by this user.
    pub creator: Option<UserId>,
    /// Of any of these usecases; empty: of any usecase or none.
    pub usecases: Vec<UsecaseId>,
    /// In any of these states; empty: in any.
    pub states: Vec<State>,
    /// Overdue, or not.
    pub overdue: Option<bool>,
    /// Of this `sessionTime` or later.
    pub start_session_time: Option<Timestamp>,
    /// Of a `sessionTime` before this one.
    pub end_session_time: Option<Timestamp>,
    /// Changed at this time or later.
    pub start_update_time: Option<Timestamp>,
    /// Changed before this time.
    pub end_update_time: Option<Timestamp>,
    /// By session time, the latest first, whatever else is set; those without a session time do not match.
    pub by_session_time: bool,
    /// As an agent sees them: fields that are hidden from the agent decide neither which sessions match, nor how many
    /// fit on a page.
    pub as_agent: bool,
}

impl SessionFilter {
    /// What is `asked` for: by `agent`, who is shown their own sessions as they see them; `None`: by somebody else.
    pub fn new(asked: AskedSessions, agent: Option<&UserId>) -> Self {
        let AskedSessions { agent: asked_agent, plan, usecases, states, overdue, .. } = asked;
        Self {
            agent: agent.cloned().or(asked_agent),
            agents: None,
            plan,
            creator: None,
            usecases,
            states,
            overdue,
            start_session_time: asked.start_session_time,
            end_session_time: asked.end_session_time,
            start_update_time: asked.start_update_time,
            end_update_time: asked.end_update_time,
            by_session_time: false,
            as_agent: agent.is_some(),
        }
    }

    /// Whether only unacknowledged sessions match.
    fn is_open(&self) -> bool {
        self.overdue == Some(true) || !(self.states.is_empty() || self.states.contains(&State::Acknowledged))
    }

    /// Whether it is known without a read that none match.
    fn matches_none(&self) -> bool {
        let without = |agents: &HashSet<UserId>| self.agent.as_ref().is_some_and(|agent| !agents.contains(agent));
        self.agents.as_ref().is_some_and(|agents| agents.is_empty() || without(agents))
    }

    /// Whether only sessions with a session time in a range match.
    fn has_session_time(&self) -> bool {
        self.start_session_time.is_some() || self.end_session_time.is_some()
    }

    /// Whether only sessions that were last changed in a range of time match.
    fn has_update_time(&self) -> bool {
        self.start_update_time.is_some() || self.end_update_time.is_some()
    }

    /// The part of the list, in percent, that is behind once it has come to `session`: as far as the range of time tells
    /// that it is ordered by, else 0.
    pub fn percent_at(&self, session: &CoachingSession) -> u8 {
        let is_by_creation = self.plan.is_some() || self.agent.is_some();
        let (range, reached) = match self.has_session_time() {
            _ if is_by_creation => (None, None),
            true => (self.end_session_time.zip(self.start_session_time), session.session_time),
            false => (self.start_update_time.zip(self.end_update_time), Some(session.update_time)),
        };
        range.zip(reached).map_or(0, |((from, to), reached)| percent_of_way(from, to, reached))
    }

    /// Whether `session` matches the parts of the filter that no index and no expression decides.
    fn matches(&self, session: &CoachingSession, now: Timestamp) -> bool {
        let held = session.session_time;
        self.agents.as_ref().is_none_or(|agents| agents.contains(&session.agent))
            && (self.states.is_empty() || self.states.contains(&session.state(now)))
            && self.overdue.is_none_or(|overdue| session.overdue(now) == overdue)
            && self.start_session_time.is_none_or(|start| held.is_some_and(|time| time >= start))
            && self.end_session_time.is_none_or(|end| held.is_some_and(|time| time < end))
            && self.start_update_time.is_none_or(|start| session.update_time >= start)
            && self.end_update_time.is_none_or(|end| session.update_time < end)
    }
}

/// The counts of its plan that include a session.
fn counted_as(session: &CoachingSession) -> &'static [Child] {
    match session.acknowledge_time {
        Some(_) => &[Child::Session, Child::AcknowledgedSession],
        None => &[Child::Session],
    }
}

impl Store {
    /// Creates `session`, which must belong to a plan of its agent, for `request` ([`Store::once`]). With
    /// `inherits_usecase` the session takes the plan's usecase. `references` must exist.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if anything in `references`, or the usecase, does not exist; ALREADY_EXISTS if the id is taken;
    /// FAILED_PRECONDITION if the agent has no such plan, also if it is deleted at that moment; ABORTED if the plan's
    /// usecase changes meanwhile, or the request was answered before.
    pub async fn create_session(
        &self,
        tenant: &Tenant,
        mut session: CoachingSession,
        inherits_usecase: bool,
        references: &References,
        request: Option<&IdempotencyRecord>,
        author: Author<'_>,
    ) -> Result<Created<names::CoachingSession>, Error> {
        let plan = async { if inherits_usecase { self.plan(tenant, &session.plan).await } else { Ok(None) } };
        let (plan, unknown) = tokio::try_join!(plan, self.unknown_names(tenant, references, true))?;
        unknown.into_result()?;
        if inherits_usecase {
            let plan = plan.filter(|plan| plan.agent == session.agent);
            session.usecase = plan.ok_or_else(|| no_such_plan(tenant, &session))?.usecase;
        }
        // A session mostly has its plan's usecase, which exists, and the transaction checks that they agree. The
        // session's usecase is looked up only if the plan has another one.
        let mut as_plan = inherits_usecase || session.usecase.is_some();
        let counted = CountChange::of(None, Some(&session));
        let mut places = Places::default();
        loop {
            let usecase = session.usecase.clone();
            let created =
                Created { id: session.id.clone(), time: author.now, usecase, revision: None, consistency: None };
            let of_plan = as_plan.then_some(session.usecase.as_ref());
            let mut transaction = entity::creation(tenant, &session, author);
            let add = dependents::add(tenant, &session.plan, counted_as(&session), &session.agent, of_plan);
            transaction.add(add, Refusal::PlanTakesNoChild);
            let mark = PlacedMark::of_session(&session);
            transaction.add_unconditional(activity::replace(tenant, None, mark.as_ref()));
            if let Some(counted) = &counted {
                self.count_session(&mut transaction, tenant, counted, places);
            }
            let refused = match self.create(tenant, transaction, request, &created).await? {
                Outcome::Written => return Ok(created),
                Outcome::Refused(refused) => refused,
            };
            if let (true, Some(counted)) = (refused.is_only(Refusal::StatisticsFull), &counted) {
                self.look_elsewhere(tenant, counted, &mut places, &refused);
                continue;
            }
            let plan = refused.item(Refusal::PlanTakesNoChild);
            if !plan.is_some_and(|plan| dependents::takes_children_of(plan, &session.agent)) {
                return Err(no_such_plan(tenant, &session));
            }
            if inherits_usecase || !as_plan {
                return Err(Error::concurrent_changes("the coaching plan was changed at the same moment; try again"));
            }
            let named = References::default().usecases("usecaseName", &session.usecase);
            self.unknown_names(tenant, &named, true).await?.into_result()?;
            as_plan = false;
        }
    }

    /// The session `id`, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn session(
        &self,
        tenant: &Tenant,
        id: &CoachingSessionId,
        now: Timestamp,
    ) -> Result<Option<CoachingSession>, Error> {
        self.get_unless_deleted(tenant, keys::session(tenant, id), now).await
    }

    /// Applies `change` to the session `id`. It returns whether it changed anything, and may be called several times:
    /// with each state that others leave the session in before this change is written, and the time of the change.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `change`; ABORTED if others keep changing it.
    pub async fn change_session(
        &self,
        tenant: &Tenant,
        id: &CoachingSessionId,
        author: Author<'_>,
        change: impl Fn(&mut CoachingSession, Timestamp) -> Result<bool, Error>,
    ) -> Result<CoachingSession, Error> {
        self.change(tenant, id, None, author, change).await
    }

    /// Deletes the session `id`, if `check` agrees.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `check`; ABORTED if others keep changing it.
    pub async fn delete_session(
        &self,
        tenant: &Tenant,
        id: &CoachingSessionId,
        author: Author<'_>,
        check: impl Fn(&CoachingSession) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.delete(tenant, id, author, check).await
    }

    /// The first `size` sessions after `after` that match `filter`, the newest creation first. By session time, and without
    /// an agent and a plan with a range of it, the latest session time comes first; else, without an agent and a plan, with a
    /// range of update time the earliest. Ties are listed by id.
    ///
    /// The best index for the filter is read, and the rest of the filter is applied to what it yields, as are the
    /// states at `now` and whether sessions are overdue. Reads are eventually consistent: a session shows within about
    /// a second of its creation.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn sessions(
        &self,
        tenant: &Tenant,
        filter: &SessionFilter,
        after: Option<&Cursor>,
        size: usize,
        now: Timestamp,
    ) -> Result<Page<CoachingSession>, Error> {
        if filter.as_agent {
            let page = self.page_unless_deleted(tenant, || ranges(tenant, filter, after, now), size, now).await?;
            return Ok(page.map(|SeenByAgent(session)| session));
        }
        self.page_unless_deleted(tenant, || ranges(tenant, filter, after, now), size, now).await
    }

    /// As [`Store::sessions`], for the first page of one plan, even if the plan is being deleted: the caller checks
    /// afterwards whether it still exists.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn sessions_of_plan(
        &self,
        tenant: &Tenant,
        filter: &SessionFilter,
        size: usize,
        now: Timestamp,
    ) -> Result<Page<CoachingSession>, Error> {
        if filter.as_agent {
            let page = self.page(ranges(tenant, filter, None, now), size).await?;
            return Ok(page.map(|SeenByAgent(session)| session));
        }
        self.page(ranges(tenant, filter, None, now), size).await
    }
}

/// The narrowest index ranges that cover `filter`, in order of preference: session time if it is the order, plan, agent,
/// range of session time, of update time, open sessions, one for each of few agents, one for each usecase, profile.
fn ranges<T: Borrow<CoachingSession> + 'static>(
    tenant: &Tenant,
    filter: &SessionFilter,
    after: Option<&Cursor>,
    now: Timestamp,
) -> Vec<Range<T>> {
    if filter.matches_none() {
        return Vec::new();
    }
    let created = Filter::default().any_of("creator", &filter.creator);
    let of_usecases = created.clone().any_of("usecase", &filter.usecases);
    let by_session_time = |rest: Filter| {
        let start = filter.start_session_time.map(Cursor::after_all_at);
        let end = filter.end_session_time.map(Cursor::after_all_at);
        Range::new(ListIndex::SessionTime, keys::sessions_of_profile(tenant), rest, after).between(end, start)
    };
    let ranges = match (&filter.plan, &filter.agent) {
        (plan, agent) if filter.by_session_time => {
            vec![by_session_time(of_usecases.any_of("plan", plan).only("agent", agent))]
        }
        (Some(plan), agent) => {
            let rest = of_usecases.only("agent", agent);
            vec![Range::new(ListIndex::Plan, keys::sessions_of_plan(tenant, plan), rest, after)]
        }
        (None, Some(agent)) => {
            vec![Range::new(ListIndex::Agent, keys::sessions_of_agent(tenant, agent), of_usecases, after)]
        }
        (None, None) if filter.has_session_time() => vec![by_session_time(of_usecases)],
        (None, None) if filter.has_update_time() => {
            let start = filter.start_update_time.map(Cursor::before_all_at);
            let end = filter.end_update_time.map(Cursor::before_all_at);
            let range = Range::new(ListIndex::UpdateTime, keys::sessions_of_profile(tenant), of_usecases, after);
            vec![range.between(start, end)]
        }
        (None, None) if filter.is_open() => {
            vec![Range::new(ListIndex::Open, keys::sessions_of_profile(tenant), of_usecases, after)]
        }
        (None, None) => {
            let few = filter.agents.as_ref().filter(|agents| agents.len() <= MAX_AGENT_RANGES);
            let (index, partitions, rest): (_, Vec<String>, _) = match (few, filter.usecases.as_slice()) {
                (Some(agents), _) => {
                    let partitions = agents.iter().map(|agent| keys::sessions_of_agent(tenant, agent));
                    (ListIndex::Agent, partitions.collect(), of_usecases)
                }
                (None, []) => (ListIndex::Profile, vec![keys::sessions_of_profile(tenant)], created),
                (None, usecases) => {
                    let partitions = usecases.iter().map(|usecase| keys::sessions_of_usecase(tenant, usecase));
                    (ListIndex::Usecase, partitions.collect(), created)
                }
            };
            partitions.into_iter().map(|partition| Range::new(index, partition, rest.clone(), after)).collect()
        }
    };
    let kept = ranges.into_iter().map(|range| {
        let filter = filter.clone();
        range.keeping(move |session: &T| filter.matches(session.borrow(), now))
    });
    kept.collect()
}

impl ChildOfPlan for CoachingSession {
    fn plan(&self) -> Option<&CoachingPlanId> {
        Some(&self.plan)
    }
}

impl Listed for CoachingSession {
    const ATTRIBUTES: &'static [&'static str] = &[
        "version",
        "create_time",
        "update_time",
        "recorded_at",
        "manager_update_time",
        "agent_update_time",
        "acknowledge_time",
        "agent_comment",
        "agent",
        "creator",
        "plan",
        "session_time",
        "meeting_notes",
        "private_notes",
        "manager_submit_time",
        "agent_submit_time",
        "usecase",
        "manager_submitter",
        "shown_version",
        "shown_update_time",
        "shown_manager_update_time",
    ];

    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        from_item(item)
    }
}

impl PartlyShown for CoachingSession {
    const HIDDEN_ATTRIBUTES: &'static [&'static str] = &["private_notes"];

    fn seen_by_its_agent(self) -> Self {
        self.seen_by_agent()
    }

    fn bytes_of_texts(&self) -> usize {
        [&self.meeting_notes, &self.agent_comment].into_iter().flatten().map(String::len).sum()
    }
}

impl Borrow<CoachingSession> for SeenByAgent<CoachingSession> {
    fn borrow(&self) -> &CoachingSession {
        &self.0
    }
}

impl ChildOfPlan for SeenByAgent<CoachingSession> {
    fn plan(&self) -> Option<&CoachingPlanId> {
        self.0.plan()
    }
}

impl Entity for CoachingSession {
    type Collection = names::CoachingSession;
    type Learned = Places;

    fn key(tenant: &Tenant, id: &CoachingSessionId) -> Key {
        keys::session(tenant, id)
    }

    fn id(&self) -> &CoachingSessionId {
        &self.id
    }

    fn version(&self) -> Version {
        self.version
    }

    fn last_change(&self) -> Timestamp {
        Self::last_change(self)
    }

    fn follow(&mut self, before: &Self) {
        Self::follow(self, before);
    }

    fn to_item(&self, tenant: &Tenant) -> Item {
        to_item(tenant, self)
    }

    fn document(&self, tenant: &Tenant) -> Option<Document> {
        Self::document(self, tenant)
    }

    async fn find(
        store: &Store,
        tenant: &Tenant,
        id: &CoachingSessionId,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        store.session(tenant, id, now).await
    }

    /// Adds the changes to the statistics that count it, to its mark, and to the counts of its plan.
    async fn write_beside(
        store: &Store,
        transaction: &mut Transaction,
        tenant: &Tenant,
        (before, after): (&Self, Option<&Self>),
        _now: Timestamp,
        learned: &Places,
    ) -> Result<(), Error> {
        match after {
            None => {
                transaction.add(dependents::remove(tenant, &before.plan, counted_as(before)), Refusal::Changed);
            }
            Some(after) => dependents::count_acknowledged(transaction, tenant, before, after),
        }
        let marks = (PlacedMark::of_session(before), after.and_then(PlacedMark::of_session));
        transaction.add_unconditional(activity::replace(tenant, marks.0.as_ref(), marks.1.as_ref()));
        if let Some(counted) = CountChange::of(Some(before), after) {
            store.count_session(transaction, tenant, &counted, *learned);
        }
        Ok(())
    }

    fn learn(
        store: &Store,
        tenant: &Tenant,
        (before, after): (&Self, Option<&Self>),
        refused: &Refused,
        learned: &mut Places,
    ) {
        if refused.has(Refusal::Changed) {
            // It is another version now, which may be counted anywhere.
            *learned = Places::default();
        } else if let Some(counted) = CountChange::of(Some(before), after) {
            store.look_elsewhere(tenant, &counted, learned, refused);
        }
    }
}

fn no_such_plan(tenant: &Tenant, session: &CoachingSession) -> Error {
    Error::new(
        Reason::CoachingPlanNotTheAgents,
        format!(
            "coachingPlanName: '{}' is not a plan of '{}'",
            tenant.name_of(&session.plan),
            tenant.name_of(&session.agent)
        ),
    )
    .with("coachingPlanName", tenant.name_of(&session.plan))
    .with("agentUserName", tenant.name_of(&session.agent))
}

fn to_item(tenant: &Tenant, session: &CoachingSession) -> Item {
    let item = Item::at(keys::session(tenant, &session.id))
        .text(ListIndex::Profile.partition_attribute(), keys::sessions_of_profile(tenant))
        .text(ListIndex::Agent.partition_attribute(), keys::sessions_of_agent(tenant, &session.agent))
        .text(ListIndex::Plan.partition_attribute(), keys::sessions_of_plan(tenant, &session.plan))
        .text(LIST_ORDER, Cursor::latest_first(session.create_time, &session.id).as_str())
        .version(session.version)
        .optional_text(
            SESSION_TIME_ORDER,
            session.session_time.map(|time| Cursor::latest_first(time, &session.id).into_text()).as_ref(),
        )
        .text(UPDATE_TIME_ORDER, Cursor::earliest_first(session.update_time, &session.id).as_str())
        .text("create_time", session.create_time.to_string())
        .text("update_time", session.update_time.to_string())
        .optional_text("recorded_at", session.recorded_at.as_ref())
        .text("manager_update_time", session.manager_update_time.to_string())
        .text("agent_update_time", session.agent_update_time.to_string())
        .optional_text("acknowledge_time", session.acknowledge_time.as_ref())
        .optional_text("agent_comment", session.agent_comment.as_ref())
        .text("agent", session.agent.as_str())
        .text("creator", session.creator.as_str())
        .text("plan", session.plan.as_str())
        .optional_text("session_time", session.session_time.as_ref())
        .optional_text("meeting_notes", session.meeting_notes.as_ref())
        .optional_text("private_notes", session.private_notes.as_ref())
        .optional_text("manager_submit_time", session.manager_submit_time.as_ref())
        .optional_text("agent_submit_time", session.agent_submit_time.as_ref())
        .optional_text("usecase", session.usecase.as_ref())
        .optional_text("manager_submitter", session.manager_submitter.as_ref())
        .shown(session.shown, session.version, session.update_time)
        .optional_text(
            "shown_manager_update_time",
            Some(session.shown_manager_update_time).filter(|time| *time != session.manager_update_time).as_ref(),
        );
    let item = match &session.acknowledge_time {
        None => item.text(ListIndex::Open.partition_attribute(), keys::sessions_of_profile(tenant)),
        Some(_) => item,
    };
    match &session.usecase {
        Some(usecase) => {
            item.text(ListIndex::Usecase.partition_attribute(), keys::sessions_of_usecase(tenant, usecase))
        }
        None => item,
    }
}

fn from_item(item: HashMap<String, AttributeValue>) -> Result<CoachingSession, Unreadable> {
    let mut item = Attributes::of(item);
    let (version, update_time) = (item.version()?, item.time("update_time")?);
    let manager_update_time = item.time("manager_update_time")?;
    Ok(CoachingSession {
        id: item.last_of_key()?,
        version,
        create_time: item.time("create_time")?,
        update_time,
        recorded_at: item.optional_time("recorded_at")?,
        manager_update_time,
        agent_update_time: item.time("agent_update_time")?,
        acknowledge_time: item.optional_time("acknowledge_time")?,
        agent_comment: item.optional_text("agent_comment")?,
        agent: item.id("agent")?,
        creator: item.id("creator")?,
        plan: item.id("plan")?,
        session_time: item.optional_time("session_time")?,
        meeting_notes: item.optional_text("meeting_notes")?,
        private_notes: item.optional_text("private_notes")?,
        manager_submit_time: item.optional_time("manager_submit_time")?,
        agent_submit_time: item.optional_time("agent_submit_time")?,
        usecase: item.optional_id("usecase")?,
        manager_submitter: item.optional_id("manager_submitter")?,
        shown: item.shown(version, update_time)?,
        shown_manager_update_time: item.optional_time("shown_manager_update_time")?.unwrap_or(manager_update_time),
    })
}
