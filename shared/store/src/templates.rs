//! Scorecard templates in the table: every revision, and a copy of the current one, which is listed and has the
//! template's settings.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::change::Author;
use coaching_domain::directory::Group;
use coaching_domain::names::{self, GroupId, MomentId, ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::template::{Chapter, Dropped, Part, ScorecardTemplate};
use coaching_domain::template_settings::{Audience, TemplateSettings, TemplateType};
use coaching_domain::{CustomerTenant, Error, Tenant, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::engine::attempts::{Attempts, keeps_changing};
use crate::engine::transaction::{Outcome, Refusal, Transaction};
use crate::engine::write::Write;
use crate::idempotency::{Created, IdempotencyRecord};
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, LIST_ORDER, ListIndex};
use crate::list::{Filter, Listed, MAX_DROPPED, MAX_READ_BYTES, Page, Range};
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

    /// Writes `next` over `read`, the current revision as it was read, with the settings of the template. Another
    /// revision is added in the same transaction. Returns whether it is written: nothing is, if the template has changed
    /// since.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn replace_template(
        &self,
        tenant: &Tenant,
        read: &ScorecardTemplate,
        next: &ScorecardTemplate,
    ) -> Result<bool, Error> {
        let settings = read.settings.as_ref().map_or(0, |settings| settings.version);
        let unchanged = match settings {
            0 => format!("revision = :revision AND attribute_not_exists({SETTINGS_VERSION})"),
            _ => format!("revision = :revision AND {SETTINGS_VERSION} = :settings"),
        };
        let current = Write::put(current_item(tenant, next)?).when(unchanged).number(":revision", read.revision);
        let current = if settings == 0 { current } else { current.number(":settings", settings) };
        let mut transaction = Transaction::of(current, Refusal::Changed);
        if next.revision != read.revision {
            let revision = item_at(keys::template(tenant, &next.id, Some(next.revision)), next)?;
            transaction.add(Write::put_new(revision), Refusal::Changed);
        }
        Ok(self.transact(transaction).await?.is_written())
    }

    /// Deletes the template `id`, if `check` agrees; one that is deleted already stays as it is. Returns its
    /// current revision. Its items stay.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `check`; ABORTED if others keep changing it.
    pub async fn delete_template(
        &self,
        tenant: &Tenant,
        id: &ScorecardTemplateId,
        author: Author<'_>,
        check: impl Fn(&ScorecardTemplate) -> Result<(), Error>,
    ) -> Result<ScorecardTemplate, Error> {
        let name = tenant.name_of(id);
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let read = self.template(tenant, id, None).await?.ok_or_else(|| Error::not_found(&name))?;
            check(&read)?;
            let mut deleted = read.clone();
            deleted.delete(author);
            if deleted == read || self.replace_template(tenant, &read, &deleted).await? {
                return Ok(deleted);
            }
        }
        Err(keeps_changing(&name))
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

    /// As [`Store::templates`], without the settings of templates: what scores are counted by.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn revisions(
        &self,
        tenant: &Tenant,
        revisions: &[(ScorecardTemplateId, Option<u32>)],
        consistent: bool,
    ) -> Result<Found<ScorecardTemplate>, Error> {
        let keys = revisions.iter().map(|(id, revision)| keys::template(tenant, id, *revision)).collect();
        self.batch_read(keys, consistent, |item| revision_of(&mut Attributes::of(item))).await
    }

    /// The first `size` current revisions after `after` that match `filter`, as of within about a second. Groups that
    /// cannot be read are named with the page: templates for them may be missing.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn current_templates(
        &self,
        tenant: &Tenant,
        filter: &TemplateFilter,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<Page<ScorecardTemplate>, Error> {
        let Some(agent) = &filter.agent else {
            return self.page(vec![filter.range(tenant, after)], size).await;
        };
        let mut groups = KnownGroups::default();
        let mut kept = Page::empty();
        let mut after = after.cloned();
        let mut dropped = 0;
        loop {
            let more = size.saturating_sub(kept.entries.len()).max(LEAST_READ_FOR_AGENT);
            let read = self.page(vec![filter.range(tenant, after.as_ref())], more).await?;
            let audiences = read.entries.iter().filter_map(|template| template.settings.as_ref());
            let audiences = audiences.map(|settings| &settings.audience);
            self.learn_groups(&tenant.of_customer(), audiences, &mut groups).await?;
            let count = read.entries.len();
            let page = read.leaving_out_where(|template| !groups.holds(&template.settings, agent));
            dropped += count - page.entries.len();
            kept = kept.followed_by(page);
            after = kept.next.clone();
            let is_full = kept.entries.len() >= size || kept.bytes() > MAX_READ_BYTES || dropped >= MAX_DROPPED;
            if is_full || after.is_none() {
                break;
            }
        }
        kept.name_after_all(groups.unreadable);
        if kept.entries.len() > size {
            kept.cut(size);
        }
        Ok(kept)
    }

    /// Reads those of the groups of `audiences`, and below them if members of sub-groups count, that are not in `known`.
    async fn learn_groups(
        &self,
        tenant: &CustomerTenant,
        audiences: impl Iterator<Item = &Audience> + Clone,
        known: &mut KnownGroups,
    ) -> Result<(), Error> {
        loop {
            let unknown: HashSet<&GroupId> = audiences
                .clone()
                .flat_map(|audience| known.reached_by(audience))
                .filter(|group| !known.groups.contains_key(*group))
                .collect();
            if unknown.is_empty() {
                return Ok(());
            }
            let unknown: Vec<GroupId> = unknown.into_iter().cloned().collect();
            let found = self.groups_by_id(tenant, &unknown).await?;
            known.groups.extend(unknown.into_iter().map(|group| (group, None)));
            known.groups.extend(found.entries.into_iter().map(|group| (group.value.id.clone(), Some(group.value))));
            known.unreadable.extend(found.unreadable);
        }
    }
}

/// The least number of templates that are read at once for an agent: many may be for others.
const LEAST_READ_FOR_AGENT: usize = 50;

/// Selects current templates of a profile: those that match every field that is set.
#[derive(Debug, Clone, Default)]
pub struct TemplateFilter {
    /// For any of these usecases, or for all usecases.
    pub usecases: Vec<UsecaseId>,
    /// With any of these triggers.
    pub triggers: Vec<MomentId>,
    /// Of any of these types.
    pub types: Vec<Option<TemplateType>>,
    /// For this agent.
    pub agent: Option<UserId>,
    /// Deactivated ones too.
    pub deactivated: bool,
    /// Deleted ones too.
    pub deleted: bool,
}

impl TemplateFilter {
    /// The current templates that it lets through, whatever its agent.
    fn range(&self, tenant: &Tenant, after: Option<&Cursor>) -> Range<ScorecardTemplate> {
        let Self { usecases, triggers, types, .. } = self.clone();
        let mut filter = Filter::default();
        if !usecases.is_empty() {
            let usecases = usecases.iter().map(ToString::to_string).chain([EVERY.to_owned()]);
            filter = filter.holding_any_of("usecases", usecases);
        }
        if !self.deactivated {
            filter = filter.without_text("deactivate_time");
        }
        if !self.deleted {
            filter = filter.without_text("delete_time");
        }
        let range = Range::new(ListIndex::Profile, keys::templates_of_profile(tenant), filter, after);
        range.keeping(move |template: &ScorecardTemplate| {
            let kind = template.settings.as_ref().and_then(|settings| settings.kind);
            (triggers.is_empty() || template.has_any_trigger(&triggers)) && (types.is_empty() || types.contains(&kind))
        })
    }
}

/// Groups that were read; `None` those that do not exist or cannot be read, which hold nobody.
#[derive(Debug, Default)]
struct KnownGroups {
    groups: HashMap<GroupId, Option<Group>>,
    unreadable: Vec<Unreadable>,
}

impl KnownGroups {
    /// The groups of `audience`, and those below them if members of sub-groups count, as far as they are known.
    fn reached_by<'a>(&'a self, audience: &'a Audience) -> HashSet<&'a GroupId> {
        let mut reached = HashSet::new();
        let mut next: Vec<&GroupId> = audience.groups.iter().collect();
        while let Some(group) = next.pop() {
            if reached.insert(group) && audience.indirect {
                next.extend(self.groups.get(group).into_iter().flatten().flat_map(|group| &group.subgroups));
            }
        }
        reached
    }

    /// Whether a template with these `settings` is for `agent`.
    fn holds(&self, settings: &Option<TemplateSettings>, agent: &UserId) -> bool {
        settings.as_ref().map(|settings| &settings.audience).is_none_or(|audience| {
            let has = |group: &&GroupId| {
                self.groups.get(*group).into_iter().flatten().any(|group| group.members.contains(agent))
            };
            audience.is_everyone() || audience.users.contains(agent) || self.reached_by(audience).iter().any(has)
        })
    }
}

/// The attribute with the version of a template's settings, once they were changed.
const SETTINGS_VERSION: &str = "settings_version";

/// Stands for all usecases in a template's list of usecases; no id is empty.
const EVERY: &str = "";

fn current_item(tenant: &Tenant, template: &ScorecardTemplate) -> Result<Item, Error> {
    let item = item_at(keys::template(tenant, &template.id, None), template)?;
    let item = match &template.settings {
        Some(settings) => with_settings(item, settings)?,
        None => item,
    };
    Ok(item
        .text(ListIndex::Profile.partition_attribute(), keys::templates_of_profile(tenant))
        .text(LIST_ORDER, Cursor::latest_first(template.create_time, &template.id).as_str()))
}

fn with_settings(item: Item, settings: &TemplateSettings) -> Result<Item, Error> {
    let TemplateSettings { version, delete_time, audience, qa_task, kind, permissions, qa_score, last_updated_by } =
        settings;
    let item = match version {
        0 => item,
        _ => item.number(SETTINGS_VERSION, i64::try_from(*version).unwrap_or(i64::MAX)),
    };
    let audience = Some(audience).filter(|audience| **audience != Audience::default());
    Ok(item
        .optional_text("delete_time", delete_time.as_ref())
        .optional_text("audience", json(audience)?.as_ref())
        .optional_text("qa_task", json(qa_task.as_ref())?.as_ref())
        .optional_text("type", json(kind.as_ref())?.as_ref())
        .optional_text("permissions", json(permissions.as_ref())?.as_ref())
        .optional_text("qa_score", json(qa_score.as_ref())?.as_ref())
        .optional_text("last_updated_by", last_updated_by.as_ref()))
}

fn json<T: Serialize>(value: Option<&T>) -> Result<Option<String>, Error> {
    value.map(serde_json::to_string).transpose().map_err(Error::internal)
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
        let settings = if keys::is_current_template(&item.key) { Some(settings_of(&mut item)?) } else { None };
        Ok(Self { settings, ..revision_of(&mut item)? })
    }
}

/// The revision in `item`, without the settings of its template.
fn revision_of(item: &mut Attributes) -> Result<ScorecardTemplate, Unreadable> {
    let chapters = item.text("chapters")?;
    let chapters: Vec<Chapter> = serde_json::from_str(&chapters).map_err(|_| item.corrupt("chapters"))?;
    let dropped: Vec<DroppedInItem> = match item.optional_text("dropped")? {
        Some(text) => serde_json::from_str(&text).map_err(|_| item.corrupt("dropped"))?,
        None => Vec::new(),
    };
    let usecases = item.texts("usecases")?;
    let usecases = usecases.iter().filter(|usecase| *usecase != EVERY);
    let usecases = usecases.map(|usecase| coaching_domain::Id::parse(usecase).ok_or_else(|| item.corrupt("usecases")));
    let usecases = usecases.collect::<Result<_, Unreadable>>()?;
    Ok(ScorecardTemplate {
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
        settings: None,
    })
}

fn settings_of(item: &mut Attributes) -> Result<TemplateSettings, Unreadable> {
    Ok(TemplateSettings {
        version: item.optional_number(SETTINGS_VERSION)?.map_or(0, i64::unsigned_abs),
        delete_time: item.optional_time("delete_time")?,
        audience: from_json(item, "audience")?.unwrap_or_default(),
        qa_task: from_json(item, "qa_task")?,
        kind: from_json(item, "type")?,
        permissions: from_json(item, "permissions")?,
        qa_score: from_json(item, "qa_score")?,
        last_updated_by: item.optional_id("last_updated_by")?,
    })
}

fn from_json<T: DeserializeOwned>(item: &mut Attributes, attribute: &str) -> Result<Option<T>, Unreadable> {
    let text = item.optional_text(attribute)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| item.corrupt(attribute))).transpose()
}
