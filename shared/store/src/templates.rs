//! Scorecard templates in the table: every revision, and a copy of the current one, which is listed.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::names::{self, ScorecardTemplateId, UsecaseId};
use coaching_domain::template::{Chapter, Dropped, Part, ScorecardTemplate};
use coaching_domain::{Error, Tenant, Timestamp};

use crate::Store;
use crate::engine::transaction::{Outcome, Refusal, Transaction};
use crate::engine::write::Write;
use crate::idempotency::{Created, IdempotencyRecord};
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, LIST_ORDER, ListIndex};
use crate::list::{Filter, Listed, Page, Range};
use crate::unreadable::{Found, Unreadable};

impl Store {
    /// Creates the first revision of a template for `request` ([`Store::once`]).
    ///
    /// # Errors
    /// ALREADY_EXISTS if the id is taken; ABORTED if the request was answered before.
    pub async fn create_template(
        &self,
        tenant: &Tenant,
        template: &ScorecardTemplate,
        request: Option<&IdempotencyRecord>,
        time: Timestamp,
    ) -> Result<Created<names::ScorecardTemplate>, Error> {
        let created = Created {
            id: template.id.clone(),
            time,
            usecase: None,
            revision: Some(template.revision),
            consistency: None,
        };
        let revision = item_at(keys::template(tenant, &template.id, Some(template.revision)), template)?;
        let mut transaction = Transaction::default();
        transaction.add(Write::put_new(current_item(tenant, template)?), Refusal::NameTaken);
        transaction.add(Write::put_new(revision), Refusal::NameTaken);
        match self.create(tenant, transaction, request, &created).await? {
            Outcome::Written => Ok(created),
            Outcome::Refused(_) => Err(Error::already_exists(&tenant.name_of(&template.id))),
        }
    }

    /// Adds `next` as the current revision.
    ///
    /// # Errors
    /// ABORTED if the revision before it is not the current one any more.
    pub async fn add_revision(&self, tenant: &Tenant, next: &ScorecardTemplate) -> Result<(), Error> {
        let current = Write::put(current_item(tenant, next)?);
        let current = current.when("revision = :read").number(":read", next.revision - 1);
        let revision = Write::put_new(item_at(keys::template(tenant, &next.id, Some(next.revision)), next)?);
        let mut transaction = Transaction::default();
        transaction.add_all([current, revision], Refusal::Changed);
        match self.transact(transaction).await? {
            Outcome::Written => Ok(()),
            Outcome::Refused(_) => {
                Err(Error::concurrent_changes("the template was changed at the same moment; read it again and repeat"))
            }
        }
    }

    /// The revision `revision` of a template, or the current one, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn template(
        &self,
        tenant: &Tenant,
        id: &ScorecardTemplateId,
        revision: Option<u32>,
    ) -> Result<Option<ScorecardTemplate>, Error> {
        let item = self.get(keys::template(tenant, id, revision)).await?;
        Ok(item.map(|item| self.noting(ScorecardTemplate::from_item(item))).transpose()?)
    }

    /// Revisions of templates (`None`: the current one), in no order, without those that do not exist. With
    /// `consistent`, as they are now; else as of within about a second.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn templates(
        &self,
        tenant: &Tenant,
        revisions: &[(ScorecardTemplateId, Option<u32>)],
        consistent: bool,
    ) -> Result<Found<ScorecardTemplate>, Error> {
        let keys = revisions.iter().map(|(id, revision)| keys::template(tenant, id, *revision)).collect();
        self.batch_read(keys, consistent, ScorecardTemplate::from_item).await
    }

    /// The first `size` current revisions after `after`: those for any of `usecases` or for all usecases; without
    /// `deactivated`, only those in use.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn current_templates(
        &self,
        tenant: &Tenant,
        usecases: &[UsecaseId],
        deactivated: bool,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<Page<ScorecardTemplate>, Error> {
        let mut filter = Filter::default();
        if !usecases.is_empty() {
            filter =
                filter.holding_any_of("usecases", usecases.iter().map(ToString::to_string).chain([EVERY.to_owned()]));
        }
        if !deactivated {
            filter = filter.without_text("deactivate_time");
        }
        let range = Range::new(ListIndex::Profile, keys::templates_of_profile(tenant), filter, after);
        self.page(vec![range], size).await
    }
}

/// Stands for all usecases in a template's list of usecases; no id is empty.
const EVERY: &str = "";

fn current_item(tenant: &Tenant, template: &ScorecardTemplate) -> Result<Item, Error> {
    let item = item_at(keys::template(tenant, &template.id, None), template)?;
    Ok(item
        .text(ListIndex::Profile.partition_attribute(), keys::templates_of_profile(tenant))
        .text(LIST_ORDER, Cursor::latest_first(template.create_time, &template.id).as_str()))
}

fn item_at(key: keys::Key, template: &ScorecardTemplate) -> Result<Item, Error> {
    let mut usecases: Vec<String> = template.usecases.iter().map(ToString::to_string).collect();
    if usecases.is_empty() {
        usecases.push(EVERY.to_owned());
    }
    let dropped = template.dropped.iter();
    let dropped: Vec<DroppedInItem> =
        dropped.map(|(number, dropped)| (*number, dropped.part, dropped.last_revision)).collect();
    let dropped =
        if dropped.is_empty() { None } else { Some(serde_json::to_string(&dropped).map_err(Error::internal)?) };
    Ok(Item::at(key)
        .number("revision", template.revision.into())
        .text("title", &template.title)
        .text("chapters", serde_json::to_string(&template.chapters).map_err(Error::internal)?)
        .texts("usecases", usecases)
        .text("create_time", template.create_time.to_string())
        .text("update_time", template.update_time.to_string())
        .optional_text("deactivate_time", template.deactivate_time.as_ref())
        .texts("known_ids", template.known_ids.iter().cloned())
        .optional_text("dropped", dropped.as_ref()))
}

/// A dropped part: its number, what it was, and the last revision that has it.
type DroppedInItem = (u32, Part, u32);

impl Listed for ScorecardTemplate {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        let chapters = item.text("chapters")?;
        let chapters: Vec<Chapter> = serde_json::from_str(&chapters).map_err(|_| item.corrupt("chapters"))?;
        let dropped: Vec<DroppedInItem> = match item.optional_text("dropped")? {
            Some(text) => serde_json::from_str(&text).map_err(|_| item.corrupt("dropped"))?,
            None => Vec::new(),
        };
        let usecases = item.texts("usecases")?;
        let usecases = usecases.iter().filter(|usecase| *usecase != EVERY);
        let usecases =
            usecases.map(|usecase| coaching_domain::Id::parse(usecase).ok_or_else(|| item.corrupt("usecases")));
        let usecases = usecases.collect::<Result<_, Unreadable>>()?;
        Ok(Self {
            id: item.last_of_key()?,
            revision: item.number("revision")?,
            title: item.text("title")?,
            chapters,
            usecases,
            create_time: item.time("create_time")?,
            update_time: item.time("update_time")?,
            deactivate_time: item.optional_time("deactivate_time")?,
            known_ids: item.texts("known_ids")?,
            dropped: dropped
                .into_iter()
                .map(|(number, part, last_revision)| (number, Dropped { part, last_revision }))
                .collect(),
        })
    }
}
