//! Coaching sessions in the table, and the lists of them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use coaching_domain::names::{self, CoachingPlanId, UsecaseId, UserId};
use coaching_domain::session::CoachingSession;
use coaching_domain::{Code, Error, Tenant, Timestamp};

use crate::Store;
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, LIST_ORDER, ListIndex, ListPosition};
use crate::list::{Filter, Listed, Page, Range, answer_bytes_of};
use crate::requests::{Created, RequestRecord};
use crate::transaction::Outcome;

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
        writes.extend(self.count_session(tenant, &session)?);
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

    /// The first `size` sessions after `after` that match `filter`: the newest creation first, ties by id.
    ///
    /// What the best index cannot tell apart is filtered from what that index yields. Reads are
    /// eventually consistent: a session shows within about a second of its creation.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn sessions(
        &self,
        tenant: &Tenant,
        filter: &SessionFilter,
        after: Option<&ListPosition>,
        size: usize,
    ) -> Result<Page<CoachingSession>, Error> {
        self.page(ranges(tenant, filter, after), size).await
    }
}

/// The ranges that together hold everything that `filter` matches, least of all else: the plan's,
/// else the agent's, else one for each usecase, else the whole profile.
fn ranges(tenant: &Tenant, filter: &SessionFilter, after: Option<&ListPosition>) -> Vec<Range<CoachingSession>> {
    let of_usecases = Filter::default().any_of("usecase", &filter.usecases);
    match (&filter.plan, &filter.agent) {
        (Some(plan), agent) => {
            let rest = of_usecases.any_of("agent", agent);
            vec![Range::new(ListIndex::Plan, keys::sessions_of_plan(tenant, plan), rest, after)]
        }
        (None, Some(agent)) => {
            vec![Range::new(ListIndex::Agent, keys::sessions_of_agent(tenant, agent), of_usecases, after)]
        }
        (None, None) if filter.usecases.is_empty() => {
            vec![Range::new(ListIndex::Profile, keys::sessions_of_profile(tenant), Filter::default(), after)]
        }
        (None, None) => {
            let partitions = filter.usecases.iter().map(|usecase| keys::sessions_of_usecase(tenant, usecase));
            partitions.map(|partition| Range::new(ListIndex::Usecase, partition, Filter::default(), after)).collect()
        }
    }
}

impl Listed for CoachingSession {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Error> {
        from_item(item)
    }

    fn position(&self) -> ListPosition {
        ListPosition::of(self.create_time, &self.id)
    }

    fn answer_bytes(&self) -> usize {
        let texts = [&self.meeting_notes, &self.agent_comment].into_iter().flatten();
        SESSION_BYTES + texts.map(|text| answer_bytes_of(text)).sum::<usize>()
    }
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
