//! The directory's users, and what each agent's record in a profile keeps of them.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::bodies::Entry;
use coaching_domain::directory::{User, Versioned};
use coaching_domain::erasure::{ERASED_NAME, Erased};
use coaching_domain::etag::etag_in_directory;
use coaching_domain::names::UserId;
use coaching_domain::{CustomerTenant, Error, ExpectedEtag, Tenant, Timestamp};
use futures_util::stream::{StreamExt, iter};

use crate::engine::attempts::Attempts;
use crate::engine::transaction::{Refusal, Transaction};
use crate::engine::write::Write;
use crate::item::{Attributes, Item, last_of};
use crate::keys::{self, Cursor, LIST_ORDER, LISTED_AS, ListIndex, PK};
use crate::unreadable::{Found, Unreadable};
use crate::user_items::{self, item_at};
use crate::{Deadline, Store, agent_counts, past, user_list};

/// The number of users written concurrently.
const AT_ONCE: usize = 8;

/// A user as they were read.
struct Read {
    user: User,
    /// The time since which they are that to progress; `None`: always.
    since: Option<Timestamp>,
    version: u64,
}

/// The stored user that a write replaces.
struct Before {
    /// `None` if they cannot be read.
    user: Option<User>,
    /// The time since which they are that to progress; `None`: always.
    since: Option<Timestamp>,
    /// The stored version, if there is one.
    stored_version: Option<AttributeValue>,
    /// The display name that they are listed by among the customer's users, if they are.
    listed_as: Option<String>,
    /// The profiles that list them as an agent, or may.
    listed_in: Vec<Tenant>,
}

impl Before {
    /// As much as is known of a user whose `item` may not be readable.
    fn of(tenant: &CustomerTenant, id: &UserId, item: HashMap<String, AttributeValue>) -> Self {
        let stored_version = item.get("version").cloned();
        let mut rest = Attributes::of(item.clone());
        let listed_as = rest.optional_text(LISTED_AS).ok().flatten();
        match from_item(tenant, item) {
            Ok(Read { user, since, .. }) if user.id == *id => {
                let listed_in = agent_profiles(&user);
                Self { user: Some(user), since, stored_version, listed_as, listed_in }
            }
            _ => {
                let profiles = rest.texts("profiles").unwrap_or_default();
                let listed_in = profiles.iter().filter_map(|profile| tenant.profile_in(profile).ok()).collect();
                let since = rest.optional_time("since").ok().flatten();
                Self { user: None, since, stored_version, listed_as, listed_in }
            }
        }
    }

    /// Its version; 0 if that cannot be read.
    fn version(&self) -> u64 {
        let version = self.stored_version.as_ref().and_then(|version| version.as_n().ok()?.parse::<u64>().ok());
        version.unwrap_or(0)
    }
}

impl Store {
    /// Writes each of `users` at `now` over the stored one, wholly or not at all, until `deadline`, and returns the
    /// stored version of each. A user who is stored already stays as they are; one who cannot be read is corrected.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; for one user, that too, and ABORTED if their version is not the
    /// expected one, or others keep changing them.
    pub async fn upsert_users(
        &self,
        tenant: &CustomerTenant,
        users: &[&Entry<User>],
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Vec<Result<u64, Error>>, Error> {
        let ids: Vec<UserId> = users.iter().map(|user| user.value.id.clone()).collect();
        let mut read = self.read_before(tenant, &ids).await?;
        let writes: Vec<(&Entry<User>, Option<Before>)> =
            users.iter().map(|user| (*user, read.remove(&user.value.id))).collect();
        let write = async |(user, read): (&Entry<User>, Option<Before>)| {
            deadline.within(self.upsert_user(tenant, user, read, now)).await
        };
        let writes = writes.into_iter().map(write);
        Ok(iter(writes).buffered(AT_ONCE).collect().await)
    }

    async fn upsert_user(
        &self,
        tenant: &CustomerTenant,
        Entry { value: user, expected }: &Entry<User>,
        mut read: Option<Before>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let version = read.as_ref().map(Before::version);
            expected.check_found(version.map(etag_in_directory).as_deref())?;
            let known = read.as_ref().and_then(|read| Some((read.user.as_ref()?, read.since)));
            let listed_as = read.as_ref().and_then(|read| read.listed_as.as_deref());
            let is_listed = listed_as == Some(user.display_name.as_str());
            if let (Some(_), Some(version), true) = (known.filter(|(known, _)| *known == user), version, is_listed) {
                return Ok(version);
            }
            // A clock may be set back: nobody ends being what they were before they began.
            let now = read.as_ref().and_then(|read| read.since).map_or(now, |since| now.max(since));
            // The state before somebody was in the directory is not known, nor one that cannot be read: the new state
            // counts as having held always.
            let changed = known.filter(|(known, _)| !known.stands_as(user));
            let since = if changed.is_some() { Some(now) } else { read.as_ref().and_then(|read| read.since) };
            let mut transaction = Transaction::of(put_user(tenant, user, since, read.as_ref()), Refusal::Changed);
            if let Some((before, began)) = changed.filter(|(before, _)| before.is_agent()) {
                transaction.add_unconditional([past::put_user(tenant, before, began, now)]);
            }
            let before = read.as_ref().map(|read| read.listed_in.clone()).unwrap_or_default();
            let after = agent_profiles(user);
            let left = before.iter().filter(|profile| !after.contains(profile));
            transaction.add_unconditional(left.map(|profile| leave_profile(profile, &user.id)));
            transaction.add_unconditional(after.iter().map(|profile| enter_profile(profile, user, since)));
            // Of somebody who cannot be read, it is not known where they are counted.
            if known.is_some() || read.is_none() {
                let before = known.map(|(known, _)| known);
                transaction.add_unconditional(agent_counts::replace(tenant, before, user, now));
            }
            let version = version.unwrap_or(0).saturating_add(1);
            transaction.add_unconditional(user_list::replace(tenant, listed_as, user, version));
            if self.transact(transaction).await?.is_written() {
                return Ok(version);
            }
            read = self.read_before(tenant, std::slice::from_ref(&user.id)).await?.remove(&user.id);
        }
        Err(Error::kept_changing("the user"))
    }

    /// Makes the user who is `erased` inactive at `now`, and has the pseudonym stand in for them in the directory: with the
    /// same roles and profiles since the same time, and inactive. Returns whether the user is there. A repeat changes
    /// nothing.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; ABORTED if others keep changing them.
    pub async fn stand_in(&self, tenant: &CustomerTenant, erased: &Erased, now: Timestamp) -> Result<bool, Error> {
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let mut read = self.read_before(tenant, &[erased.id.clone(), erased.pseudonym.clone()]).await?;
            let Some(before) = read.remove(&erased.id) else { return Ok(false) };
            let inactive = match before.user.clone() {
                Some(user) => User { is_active: false, ..user },
                // All that is known of somebody who cannot be read.
                None => User {
                    id: erased.id.clone(),
                    display_name: ERASED_NAME.to_owned(),
                    is_active: false,
                    is_dev_user: false,
                    roles: Vec::new(),
                    profiles: before.listed_in.clone(),
                },
            };
            if before.user.as_ref() != Some(&inactive) {
                let entry = Entry { value: inactive, expected: ExpectedEtag::default() };
                self.upsert_user(tenant, &entry, Some(before), now).await?;
                continue;
            }
            let user = User { id: erased.pseudonym.clone(), display_name: ERASED_NAME.to_owned(), ..inactive };
            let other = read.remove(&erased.pseudonym);
            if other.as_ref().is_some_and(|other| other.user.as_ref() == Some(&user) && other.since == before.since) {
                return Ok(true);
            }
            let version = other.as_ref().map_or(0, Before::version).saturating_add(1);
            let listed_as = other.as_ref().and_then(|other| other.listed_as.as_deref());
            let put = put_user(tenant, &user, before.since, other.as_ref());
            let mut transaction = Transaction::of(put, Refusal::Changed);
            let profiles = agent_profiles(&user);
            transaction.add_unconditional(profiles.iter().map(|profile| enter_profile(profile, &user, before.since)));
            transaction.add_unconditional(user_list::replace(tenant, listed_as, &user, version));
            if self.transact(transaction).await?.is_written() {
                return Ok(true);
            }
        }
        Err(Error::kept_changing("the user"))
    }

    /// Takes the user `id` out of the directory at `now`, and returns whether they were in it. Their past stays.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; ABORTED if others keep changing them.
    pub async fn remove_user(&self, tenant: &CustomerTenant, id: &UserId, now: Timestamp) -> Result<bool, Error> {
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let read = self.read_before(tenant, std::slice::from_ref(id)).await?.remove(id);
            let Some(before) = read else { return Ok(false) };
            let delete = Write::delete(keys::user(tenant, id));
            let delete = match &before.stored_version {
                None => delete.when("attribute_not_exists(version)"),
                Some(version) => delete.when("version = :read").value(":read", version.clone()),
            };
            let mut transaction = Transaction::of(delete, Refusal::Changed);
            transaction.add_unconditional(before.listed_in.iter().map(|profile| leave_profile(profile, id)));
            if let Some(user) = &before.user {
                let inactive = User { is_active: false, ..user.clone() };
                transaction.add_unconditional(agent_counts::replace(tenant, Some(user), &inactive, now));
            }
            transaction.add_unconditional(user_list::remove(tenant, before.listed_as.as_deref(), id));
            if self.transact(transaction).await?.is_written() {
                return Ok(true);
            }
        }
        Err(Error::kept_changing("the user"))
    }

    /// The user `id`, as they are now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn user(&self, tenant: &CustomerTenant, id: &UserId) -> Result<Option<Versioned<User>>, Error> {
        let item = self.get(keys::user(tenant, id)).await?;
        let read = item.map(|item| self.noting(from_item(tenant, item))).transpose()?;
        Ok(read.map(|read| Versioned { value: read.user, version: read.version }))
    }

    /// Those of `ids` that are in the directory now, readable or not. Without ids it costs nothing.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn known_users<'u>(
        &self,
        tenant: &CustomerTenant,
        ids: impl IntoIterator<Item = &'u UserId>,
    ) -> Result<HashSet<UserId>, Error> {
        let keys = ids.into_iter().map(|id| keys::user(tenant, id)).collect();
        let items = self.batch_get_only(&[], keys, true).await?.into_iter();
        Ok(items.filter_map(|item| last_of(item.get(PK)?.as_s().ok()?)).collect())
    }

    /// The users `ids` as of within about a second, in no order, without those that do not exist.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn people(&self, tenant: &CustomerTenant, ids: &[UserId]) -> Result<Found<User>, Error> {
        let Found { entries, unreadable } = self.users(tenant, ids).await?;
        Ok(Found { entries: entries.into_iter().map(|(user, _)| user).collect(), unreadable })
    }

    /// The users `ids` as of within about a second, in no order, without those that do not exist. Each has the time
    /// since which they are that to progress, if not always.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub(crate) async fn users(
        &self,
        tenant: &CustomerTenant,
        ids: &[UserId],
    ) -> Result<Found<(User, Option<Timestamp>)>, Error> {
        let keys = ids.iter().map(|id| keys::user(tenant, id)).collect();
        self.batch_read(keys, false, |item| from_item(tenant, item).map(|read| (read.user, read.since))).await
    }

    /// The users `ids` as they are now, readable or not.
    async fn read_before(&self, tenant: &CustomerTenant, ids: &[UserId]) -> Result<HashMap<UserId, Before>, Error> {
        let keys = ids.iter().map(|id| keys::user(tenant, id)).collect();
        let items = self.batch_get(keys, true).await?.into_iter();
        let before = items.filter_map(|item| {
            let id: UserId = last_of(item.get(PK)?.as_s().ok()?)?;
            let before = Before::of(tenant, &id, item);
            Some((id, before))
        });
        Ok(before.collect())
    }

    /// The transaction that corrects who `agent` is in their record in a profile; refused if the directory has changed
    /// meanwhile.
    pub(crate) async fn person_put_right(&self, profile: &Tenant, agent: &UserId) -> Result<Transaction, Error> {
        let customer = profile.of_customer();
        let key = keys::user(&customer, agent);
        let item = self.get(key.clone()).await?;
        let read = item.map(|item| self.noting(from_item(&customer, item))).transpose()?;
        let check = Write::check_version(key, read.as_ref().map(|read| read.version));
        let mut transaction = Transaction::of(check, Refusal::Changed);
        let put = match read {
            Some(read) if agent_profiles(&read.user).contains(profile) => {
                enter_profile(profile, &read.user, read.since)
            }
            _ => leave_profile(profile, agent),
        };
        transaction.add_unconditional([put]);
        Ok(transaction)
    }
}

fn put_user(tenant: &CustomerTenant, user: &User, since: Option<Timestamp>, read: Option<&Before>) -> Write {
    let version = read.map_or(0, Before::version).saturating_add(1);
    let item = to_item(tenant, user, since, version);
    match read.map(|read| &read.stored_version) {
        None => Write::put_new(item),
        Some(None) => Write::put(item).when(format!("attribute_exists({PK}) AND attribute_not_exists(version)")),
        Some(Some(version)) => Write::put(item).when("version = :read").value(":read", version.clone()),
    }
}

/// An update, because an agent's record also holds their plans and targets.
fn enter_profile(profile: &Tenant, user: &User, since: Option<Timestamp>) -> Write {
    let list = ListIndex::Profile.partition_attribute();
    // Old values of a record that could not be read must not stay.
    let of_since = if since.is_some() { ", since = :since" } else { " REMOVE since" };
    let expression = format!(
        "SET display_name = :name, is_active = :active, is_dev_user = :dev, {list} = :list, {LIST_ORDER} = :order{of_since}"
    );
    let update = Write::update(keys::agent(profile, &user.id), expression)
        .text(":name", &user.display_name)
        .value(":active", AttributeValue::Bool(user.is_active))
        .value(":dev", AttributeValue::Bool(user.is_dev_user))
        .text(":list", keys::agents_of_profile(profile))
        .text(":order", list_order(user));
    match since {
        None => update,
        Some(since) => update.text(":since", since.to_string()),
    }
}

fn leave_profile(profile: &Tenant, id: &UserId) -> Write {
    let list = ListIndex::Profile.partition_attribute();
    let expression = format!("REMOVE display_name, is_active, is_dev_user, since, {list}, {LIST_ORDER}");
    Write::update(keys::agent(profile, id), expression)
}

/// The profiles that list a user among their agents. A user of all profiles is listed once, by their own item.
fn agent_profiles(user: &User) -> Vec<Tenant> {
    if user.is_agent() { user.profiles.clone() } else { Vec::new() }
}

fn list_order(user: &User) -> String {
    Cursor::by_name(&user.display_name, &user.id).as_str().to_owned()
}

fn to_item(tenant: &CustomerTenant, user: &User, since: Option<Timestamp>, version: u64) -> Item {
    let item = item_at(keys::user(tenant, &user.id), user, since).version(version).text(LISTED_AS, &user.display_name);
    if user.is_agent() && user.profiles.is_empty() {
        return item
            .text(ListIndex::Profile.partition_attribute(), keys::agents_of_all_profiles(tenant))
            .text(LIST_ORDER, list_order(user));
    }
    item
}

fn from_item(tenant: &CustomerTenant, item: HashMap<String, AttributeValue>) -> Result<Read, Unreadable> {
    let mut item = Attributes::of(item);
    let version = item.version()?;
    let id = item.last_of_key()?;
    let (user, since) = user_items::read(tenant, id, &mut item)?;
    Ok(Read { user, since, version })
}
