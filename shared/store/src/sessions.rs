//! Coaching sessions in the table, and the lists of them.

use std::collections::{HashMap, VecDeque};

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use coaching_domain::names::{self, CoachingPlanId, UsecaseId, UserId};
use coaching_domain::session::CoachingSession;
use coaching_domain::{Code, Error, Tenant, Timestamp};
use futures_util::future::try_join_all;

use crate::Store;
use crate::failure::failure;
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, LIST_ORDER, ListIndex, ListPosition};
use crate::requests::{Created, RequestRecord};
use crate::transaction::Outcome;

/// The most that the sessions of a page may take in the answer, in bytes: a Lambda function may
/// answer with 6 MB, and a page of long notes would pass that. Such a page stops short.
pub const MAX_PAGE_BYTES: usize = 5 * 1024 * 1024;

/// What a session takes in the answer beside its texts, in bytes, with the longest ids.
const SESSION_BYTES: usize = 2 * 1024;

/// Which sessions of a profile are wanted: those that match everything that is named.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Of this agent.
    pub agent: Option<UserId>,
    /// Of this plan.
    pub plan: Option<CoachingPlanId>,
    /// Of any of these usecases; empty: of any usecase or none.
    pub usecases: Vec<UsecaseId>,
}

/// One page of sessions.
#[derive(Debug)]
pub struct SessionPage {
    /// The sessions, newest creation first, ties by id.
    pub sessions: Vec<CoachingSession>,
    /// The place of the last session, if more follow it.
    pub next: Option<ListPosition>,
}

impl Store {
    /// Creates `session`, which must belong to a plan of its agent, or answers what the same
    /// `request` created before. With `inherits_usecase` the session takes the plan's usecase.
    ///
    /// # Errors
    /// ALREADY_EXISTS if the id is taken; FAILED_PRECONDITION if the agent has no such plan, also
    /// when it is deleted at the same moment; ABORTED if the plan's usecase changes meanwhile;
    /// INVALID_ARGUMENT if the request's id was used for another.
    pub async fn create_session(
        &self,
        tenant: &Tenant,
        mut session: CoachingSession,
        inherits_usecase: bool,
        request: Option<&RequestRecord>,
        time: Timestamp,
    ) -> Result<Created<names::CoachingSession>, Error> {
        if inherits_usecase {
            let plan = self.plan(tenant, &session.plan).await?;
            let Some(plan) = plan.filter(|plan| plan.agent == session.agent) else {
                let earlier = match request {
                    Some(request) => self.first_answer(tenant, request).await?,
                    None => None,
                };
                return earlier.ok_or_else(|| no_such_plan(tenant, &session));
            };
            session.usecase = plan.usecase;
        }
        let created = Created { id: session.id.clone(), time, usecase: session.usecase.clone() };
        let mut writes =
            vec![self.put_new(to_item(tenant, &session))?, self.check_plan(tenant, &session, inherits_usecase)?];
        if let Some(request) = request {
            writes.push(self.record_request(tenant, request, &created)?);
        }
        let failed = match self.transact(writes).await? {
            Outcome::Written => return Ok(created),
            Outcome::Refused(failed) => failed,
        };
        // What an earlier call with the same id was answered comes before whatever holds now.
        let mut plan_now = None;
        let mut taken = false;
        for condition in failed {
            match (condition.index, request, condition.item) {
                (0, ..) => taken = true,
                (1, _, item) => plan_now = Some(item),
                (_, Some(request), Some(item)) => return request.answer_from(item),
                _ => {}
            }
        }
        match plan_now {
            _ if taken => Err(Error::already_exists(&tenant.name_of(&session.id))),
            Some(Some(plan)) if plan.get("agent") == Some(&AttributeValue::S(session.agent.to_string())) => {
                Err(Error::new(
                    Code::Aborted,
                    "CONCURRENT_CHANGES",
                    "the coaching plan was changed at the same moment; try again",
                ))
            }
            _ => Err(no_such_plan(tenant, &session)),
        }
    }

    /// Holds for as long as the transaction takes that the session's agent has the plan.
    fn check_plan(
        &self,
        tenant: &Tenant,
        session: &CoachingSession,
        inherits_usecase: bool,
    ) -> Result<TransactWriteItem, Error> {
        let mut check = ConditionCheck::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::plan(tenant, &session.plan))))
            // `agent` is a reserved word of DynamoDB's expressions.
            .expression_attribute_names("#agent", "agent")
            .expression_attribute_values(":agent", AttributeValue::S(session.agent.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        check = match &session.usecase {
            Some(usecase) if inherits_usecase => check
                .condition_expression("#agent = :agent AND usecase = :usecase")
                .expression_attribute_values(":usecase", AttributeValue::S(usecase.to_string())),
            None if inherits_usecase => check.condition_expression("#agent = :agent AND attribute_not_exists(usecase)"),
            _ => check.condition_expression("#agent = :agent"),
        };
        Ok(TransactWriteItem::builder().condition_check(check.build().map_err(Error::internal)?).build())
    }

    /// The first `size` sessions after `after` that match `filter`.
    ///
    /// The page is full unless it is the last or its answer would pass 5 MiB. It costs what it
    /// returns and one session more, which tells whether another page follows; what the best index
    /// cannot tell apart is filtered from what that index yields. Reads are eventually consistent:
    /// a session shows within about a second of its creation.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn sessions(
        &self,
        tenant: &Tenant,
        filter: &SessionFilter,
        after: Option<&ListPosition>,
        size: usize,
    ) -> Result<SessionPage, Error> {
        let mut ranges = Range::best_for(tenant, filter, after);
        let mut sessions = Vec::new();
        let mut bytes = 0;
        let mut more = false;
        loop {
            self.fill(&mut ranges, size + 1 - sessions.len()).await?;
            // Every range that is not exhausted shows its first session, so the least is the next.
            let first = |range: &Range| range.read.front().map(|(position, _)| position.clone());
            let Some(next) = ranges
                .iter_mut()
                .filter_map(|range| first(range).map(|position| (position, range)))
                .min_by(|(a, _), (b, _)| a.cmp(b))
                .and_then(|(_, range)| range.read.pop_front())
            else {
                break;
            };
            bytes += answer_bytes(&next.1);
            if sessions.len() == size || bytes > MAX_PAGE_BYTES {
                more = true;
                break;
            }
            sessions.push(next.1);
        }
        let next = if more { sessions.last().map(|last| ListPosition::of(last.create_time, &last.id)) } else { None };
        Ok(SessionPage { sessions, next })
    }

    /// Reads on in every range that has nothing to show and is not exhausted, side by side.
    async fn fill(&self, ranges: &mut [Range], wanted: usize) -> Result<(), Error> {
        while ranges.iter().any(Range::is_dry) {
            let share = wanted.div_ceil(ranges.len());
            let dry = ranges.iter_mut().filter(|range| range.is_dry());
            try_join_all(dry.map(|range| self.read_on(range, share))).await?;
        }
        Ok(())
    }

    /// Reads the next part of a range.
    async fn read_on(&self, range: &mut Range, wanted: usize) -> Result<(), Error> {
        // Where a filter drops sessions, each further read passes over twice as many.
        let limit = wanted.max(range.passed_over.min(1000));
        let partition = range.index.partition_attribute();
        let mut query = self
            .client
            .query()
            .table_name(&*self.table)
            .index_name(range.index.name())
            .expression_attribute_values(":partition", AttributeValue::S(range.partition.clone()))
            .limit(i32::try_from(limit).map_err(Error::internal)?)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        query = match &range.after {
            None => query.key_condition_expression(format!("{partition} = :partition")),
            Some(after) => query
                .key_condition_expression(format!("{partition} = :partition AND {LIST_ORDER} > :after"))
                .expression_attribute_values(":after", AttributeValue::S(after.as_str().to_owned())),
        };
        if let Some(expression) = &range.filter.expression {
            query = query.filter_expression(expression);
            if range.filter.names_agent {
                query = query.expression_attribute_names("#agent", "agent");
            }
            for (name, value) in &range.filter.values {
                query = query.expression_attribute_values(name, AttributeValue::S(value.clone()));
            }
        }
        let output = query.send().await.map_err(failure)?;
        self.spent.read(output.consumed_capacity());

        range.passed_over = 2 * limit;
        range.after = match output.last_evaluated_key {
            None => {
                range.exhausted = true;
                None
            }
            Some(mut key) => match key.remove(LIST_ORDER) {
                Some(AttributeValue::S(text)) => Some(ListPosition::from_text(text)),
                _ => return Err(crate::failure::corrupt(LIST_ORDER)),
            },
        };
        for item in output.items.unwrap_or_default() {
            let session = from_item(item)?;
            range.read.push_back((ListPosition::of(session.create_time, &session.id), session));
        }
        Ok(())
    }
}

/// A part of one index being read in order.
struct Range {
    index: ListIndex,
    partition: String,
    filter: Filter,
    after: Option<ListPosition>,
    /// Read and not yet shown.
    read: VecDeque<(ListPosition, CoachingSession)>,
    exhausted: bool,
    /// How many sessions the next read may pass over to find matches.
    passed_over: usize,
}

/// What the index of a range does not tell apart.
#[derive(Clone, Default)]
struct Filter {
    expression: Option<String>,
    values: Vec<(String, String)>,
    /// Whether the expression has the name `#agent`.
    names_agent: bool,
}

impl Range {
    /// The ranges that together hold everything that `filter` matches, least of all else: the plan's,
    /// else the agent's, else one for each usecase, else the whole profile.
    fn best_for(tenant: &Tenant, filter: &SessionFilter, after: Option<&ListPosition>) -> Vec<Self> {
        let range = |index, partition, filter| Self {
            index,
            partition,
            filter,
            after: after.cloned(),
            read: VecDeque::new(),
            exhausted: false,
            passed_over: 0,
        };
        match (&filter.plan, &filter.agent) {
            (Some(plan), agent) => {
                let rest = Filter::of(agent.as_ref(), &filter.usecases);
                vec![range(ListIndex::Plan, keys::sessions_of_plan(tenant, plan), rest)]
            }
            (None, Some(agent)) => {
                let rest = Filter::of(None, &filter.usecases);
                vec![range(ListIndex::Agent, keys::sessions_of_agent(tenant, agent), rest)]
            }
            (None, None) if filter.usecases.is_empty() => {
                vec![range(ListIndex::Profile, keys::sessions_of_profile(tenant), Filter::default())]
            }
            (None, None) => {
                let of =
                    |usecase| range(ListIndex::Usecase, keys::sessions_of_usecase(tenant, usecase), Filter::default());
                filter.usecases.iter().map(of).collect()
            }
        }
    }

    fn is_dry(&self) -> bool {
        self.read.is_empty() && !self.exhausted
    }
}

impl Filter {
    fn of(agent: Option<&UserId>, usecases: &[UsecaseId]) -> Self {
        let mut terms = Vec::new();
        let mut values = Vec::new();
        if let Some(agent) = agent {
            terms.push("#agent = :agent".to_owned());
            values.push((":agent".to_owned(), agent.to_string()));
        }
        if !usecases.is_empty() {
            let names: Vec<String> = (0..usecases.len()).map(|index| format!(":usecase{index}")).collect();
            terms.push(format!("usecase IN ({})", names.join(", ")));
            values.extend(names.into_iter().zip(usecases.iter().map(ToString::to_string)));
        }
        Self { expression: (!terms.is_empty()).then(|| terms.join(" AND ")), values, names_agent: agent.is_some() }
    }
}

/// The most that a session takes in a function's answer: its JSON stands in there as a JSON string,
/// so what is escaped is escaped twice.
fn answer_bytes(session: &CoachingSession) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 4,
        b'\n' | b'\r' | b'\t' => 3,
        0..0x20 => 7,
        _ => 1,
    };
    let texts = [&session.meeting_notes, &session.agent_comment].into_iter().flatten();
    SESSION_BYTES + texts.flat_map(|text| text.bytes()).map(escaped).sum::<usize>()
}

fn no_such_plan(tenant: &Tenant, session: &CoachingSession) -> Error {
    Error::new(
        Code::FailedPrecondition,
        "COACHING_PLAN_NOT_THE_AGENTS",
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
        .text(LIST_ORDER, ListPosition::of(session.create_time, &session.id).as_str())
        .text("create_time", session.create_time.to_string())
        .text("update_time", session.update_time.to_string())
        .text("manager_update_time", session.manager_update_time.to_string())
        .text("agent_update_time", session.agent_update_time.to_string())
        .optional_text("acknowledge_time", session.acknowledge_time.as_ref())
        .optional_text("agent_comment", session.agent_comment.as_ref())
        .text("agent", session.agent.as_str())
        .text("creator", session.creator.as_str())
        .text("plan", session.plan.as_str())
        .optional_text("session_time", session.session_time.as_ref())
        .optional_text("meeting_notes", session.meeting_notes.as_ref())
        .optional_text("manager_submit_time", session.manager_submit_time.as_ref())
        .optional_text("agent_submit_time", session.agent_submit_time.as_ref())
        .optional_text("usecase", session.usecase.as_ref())
        .optional_text("manager_submitter", session.manager_submitter.as_ref());
    match &session.usecase {
        Some(usecase) => {
            item.text(ListIndex::Usecase.partition_attribute(), keys::sessions_of_usecase(tenant, usecase))
        }
        None => item,
    }
}

fn from_item(item: HashMap<String, AttributeValue>) -> Result<CoachingSession, Error> {
    let mut item = Attributes(item);
    Ok(CoachingSession {
        id: item.last_of_key()?,
        create_time: item.time("create_time")?,
        update_time: item.time("update_time")?,
        manager_update_time: item.time("manager_update_time")?,
        agent_update_time: item.time("agent_update_time")?,
        acknowledge_time: item.optional_time("acknowledge_time")?,
        agent_comment: item.optional_text("agent_comment")?,
        agent: item.id("agent")?,
        creator: item.id("creator")?,
        plan: item.id("plan")?,
        session_time: item.optional_time("session_time")?,
        meeting_notes: item.optional_text("meeting_notes")?,
        manager_submit_time: item.optional_time("manager_submit_time")?,
        agent_submit_time: item.optional_time("agent_submit_time")?,
        usecase: item.optional_id("usecase")?,
        manager_submitter: item.optional_id("manager_submitter")?,
    })
}
