//! Coaching plans in the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::names::{self, CoachingPlanId};
use coaching_domain::plan::{CoachingPlan, FocusCriterion};
use coaching_domain::{Error, Tenant};

use crate::Store;
use crate::failure::corrupt;
use crate::item::{Attributes, Item};
use crate::keys;
use crate::requests::{Created, RequestRecord};
use crate::transaction::Outcome;

impl Store {
    /// Creates `plan`, or answers what the same `request` created before.
    ///
    /// # Errors
    /// ALREADY_EXISTS if the id is taken; INVALID_ARGUMENT if the request's id was used for another.
    pub async fn create_plan(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlan,
        request: Option<&RequestRecord>,
        time: coaching_domain::Timestamp,
    ) -> Result<Created<names::CoachingPlan>, Error> {
        let created = Created { id: plan.id.clone(), time, usecase: plan.usecase.clone() };
        let mut writes = vec![self.put_new(to_item(tenant, plan))?];
        if plan.is_active {
            writes.push(self.keep_plan_with_agent(tenant, plan)?);
        }
        if let Some(request) = request {
            writes.push(self.record_request(tenant, request, &created)?);
        }
        let failed = match self.transact(writes).await? {
            Outcome::Written => return Ok(created),
            Outcome::Refused(failed) => failed,
        };
        if let (Some(request), Some(item)) = (request, failed.into_iter().find_map(|condition| condition.item)) {
            return request.answer_from(item);
        }
        Err(Error::already_exists(&tenant.name_of(&plan.id)))
    }

    /// The plan `id`, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn plan(&self, tenant: &Tenant, id: &CoachingPlanId) -> Result<Option<CoachingPlan>, Error> {
        let item = self.get(keys::plan(tenant, id)).await?;
        item.map(|item| from_item(id.clone(), item)).transpose()
    }
}

fn to_item(tenant: &Tenant, plan: &CoachingPlan) -> Item {
    let focus_criteria = plan
        .focus_criteria
        .iter()
        .flat_map(|focus| [focus.template.to_string(), focus.criterion_or_chapter_id.clone()]);
    Item::at(keys::plan(tenant, &plan.id))
        .optional_text("start_time", plan.start_time.as_ref())
        .optional_text("end_time", plan.end_time.as_ref())
        .texts("focus_behaviors", plan.focus_behaviors.iter().cloned())
        // Template and criterion take turns.
        .texts("focus_criteria", focus_criteria)
        .optional_text("comment", plan.comment.as_ref())
        .optional_text("manager_comment_submit_time", plan.manager_comment_submit_time.as_ref())
        .text("agent", plan.agent.as_str())
        .text("creator", plan.creator.as_str())
        .boolean("is_active", plan.is_active)
        .text("create_time", plan.create_time.to_string())
        .text("update_time", plan.update_time.to_string())
        .optional_text("display_name", plan.display_name.as_ref())
        .optional_text("usecase", plan.usecase.as_ref())
}

fn from_item(id: CoachingPlanId, item: HashMap<String, AttributeValue>) -> Result<CoachingPlan, Error> {
    let mut item = Attributes(item);
    let mut focus_criteria = Vec::new();
    let mut texts = item.texts("focus_criteria")?.into_iter();
    while let (Some(template), Some(criterion_or_chapter_id)) = (texts.next(), texts.next()) {
        let template = coaching_domain::Id::parse(&template).ok_or_else(|| corrupt("focus_criteria"))?;
        focus_criteria.push(FocusCriterion { template, criterion_or_chapter_id });
    }
    Ok(CoachingPlan {
        id,
        start_time: item.optional_time("start_time")?,
        end_time: item.optional_time("end_time")?,
        focus_behaviors: item.texts("focus_behaviors")?,
        focus_criteria,
        comment: item.optional_text("comment")?,
        manager_comment_submit_time: item.optional_time("manager_comment_submit_time")?,
        agent: item.id("agent")?,
        creator: item.id("creator")?,
        is_active: item.boolean("is_active")?,
        create_time: item.time("create_time")?,
        update_time: item.time("update_time")?,
        display_name: item.optional_text("display_name")?,
        usecase: item.optional_id("usecase")?,
    })
}
