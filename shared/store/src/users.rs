//! The directory's users, and what each agent's record in a profile keeps of them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use coaching_domain::directory::User;
use coaching_domain::names::UserId;
use coaching_domain::{Code, CustomerTenant, Error, Role, Tenant, Timestamp};
use futures_util::stream::{StreamExt, iter};

use crate::failure::corrupt;
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, LIST_ORDER, ListIndex, ListPosition, PK};
use crate::transaction::Outcome;
use crate::{Deadline, Store};

/// How many users are written side by side.
const AT_ONCE: usize = 8;
/// How often a user is written that others keep changing.
const ATTEMPTS: usize = 6;

/// A user as they were read.
struct Read {
    user: User,
    /// Since when they are that to progress; nothing if always.
    since: Option<Timestamp>,
    version: u64,
}

impl Store {
    /// Writes each of `users` over whatever is there at `now`, whole or not at all, until `deadline`, and says for
    /// each whether it is written. One that is there already stays as it is.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer; for one user, that too, and ABORTED if others keep changing them.
    pub async fn upsert_users(
        &self,
        tenant: &CustomerTenant,
        users: &[User],
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let ids: Vec<UserId> = users.iter().map(|user| user.id.clone()).collect();
        let read = self.read_users(tenant, &ids, true).await?;
        let mut read: HashMap<UserId, Read> = read.into_iter().map(|read| (read.user.id.clone(), read)).collect();
        let writes: Vec<(User, Option<Read>)> =
            users.iter().map(|user| (user.clone(), read.remove(&user.id))).collect();
        let write = async |(user, read): (User, Option<Read>)| {
            deadline.within(self.upsert_user(tenant, &user, read, now)).await
        };
        let writes = writes.into_iter().map(write);
        Ok(iter(writes).buffered(AT_ONCE).collect().await)
    }

    async fn upsert_user(
        &self,
        tenant: &CustomerTenant,
        user: &User,
        mut read: Option<Read>,
        now: Timestamp,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            if read.as_ref().is_some_and(|read| read.user == *user) {
                return Ok(());
            }
            // What somebody was before the directory first had them is not known: they count as having been that always.
            let changed = read.as_ref().filter(|read| !read.user.stands_as(user));
            let since = if changed.is_some() { Some(now) } else { read.as_ref().and_then(|read| read.since) };
            let mut writes = vec![self.put_user(tenant, user, since, read.as_ref())?];
            if let Some(before) = changed.filter(|before| before.user.is_agent()) {
                writes.push(self.put_past_user(tenant, &before.user, before.since, now)?);
            }
            let before = read.as_ref().map(|read| agent_profiles(&read.user)).unwrap_or_default();
            let after = agent_profiles(user);
            for profile in before.iter().filter(|profile| !after.contains(profile)) {
                writes.push(self.leave_profile(profile, &user.id)?);
            }
            for profile in &after {
                writes.push(self.enter_profile(profile, user, since)?);
            }
            if let Outcome::Written = self.transact(writes).await? {
                return Ok(());
            }
            read = self.read_users(tenant, std::slice::from_ref(&user.id), true).await?.pop();
        }
        Err(Error::new(Code::Aborted, "CONCURRENT_CHANGES", "others kept changing the user; try again"))
    }

    /// The user `id`, as they are now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn user(&self, tenant: &CustomerTenant, id: &UserId) -> Result<Option<User>, Error> {
        let item = self.get(keys::user(tenant, id)).await?;
        item.map(|item| from_item(tenant, item).map(|read| read.user)).transpose()
    }

    /// Those of `ids` whom the directory has, as they are now. Nobody named costs nothing.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn known_users<'a>(
        &self,
        tenant: &Tenant,
        ids: impl IntoIterator<Item = &'a UserId>,
    ) -> Result<HashMap<UserId, User>, Error> {
        let ids: Vec<UserId> = ids.into_iter().cloned().collect();
        let read = self.read_users(&tenant.of_customer(), &ids, true).await?;
        Ok(read.into_iter().map(|read| (read.user.id.clone(), read.user)).collect())
    }

    /// The users `ids` as they were within about a second, in no order, each with the time since when progress
    /// knows them as that, if not always; what does not exist is left out.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub(crate) async fn users(
        &self,
        tenant: &CustomerTenant,
        ids: &[UserId],
    ) -> Result<Vec<(User, Option<Timestamp>)>, Error> {
        Ok(self.read_users(tenant, ids, false).await?.into_iter().map(|read| (read.user, read.since)).collect())
    }

    async fn read_users(&self, tenant: &CustomerTenant, ids: &[UserId], consistent: bool) -> Result<Vec<Read>, Error> {
        let keys = ids.iter().map(|id| keys::user(tenant, id)).collect();
        self.batch_get(keys, consistent).await?.into_iter().map(|item| from_item(tenant, item)).collect()
    }

    fn put_user(
        &self,
        tenant: &CustomerTenant,
        user: &User,
        since: Option<Timestamp>,
        read: Option<&Read>,
    ) -> Result<TransactWriteItem, Error> {
        let version = read.map_or(0, |read| read.version);
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(to_item(tenant, user, since, version + 1).into_attributes()));
        let put = match read {
            None => put.condition_expression(format!("attribute_not_exists({PK})")),
            Some(_) => put
                .condition_expression("version = :read")
                .expression_attribute_values(":read", AttributeValue::N(version.to_string())),
        };
        Ok(TransactWriteItem::builder().put(put.build().map_err(Error::internal)?).build())
    }

    /// An update, because an agent's record also holds their plans and targets.
    fn enter_profile(
        &self,
        profile: &Tenant,
        user: &User,
        since: Option<Timestamp>,
    ) -> Result<TransactWriteItem, Error> {
        let list = ListIndex::Profile.partition_attribute();
        let mut set = format!(
            "display_name = :name, is_active = :active, is_dev_user = :dev, {list} = :list, {LIST_ORDER} = :order"
        );
        let mut update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::agent(profile, &user.id))))
            .expression_attribute_values(":name", AttributeValue::S(user.display_name.clone()))
            .expression_attribute_values(":active", AttributeValue::Bool(user.is_active))
            .expression_attribute_values(":dev", AttributeValue::Bool(user.is_dev_user))
            .expression_attribute_values(":list", AttributeValue::S(keys::agents_of_profile(profile)))
            .expression_attribute_values(":order", AttributeValue::S(list_order(user)));
        if let Some(since) = since {
            set.push_str(", since = :since");
            update = update.expression_attribute_values(":since", AttributeValue::S(since.to_string()));
        }
        let update = update.update_expression(format!("SET {set}"));
        Ok(TransactWriteItem::builder().update(update.build().map_err(Error::internal)?).build())
    }

    fn leave_profile(&self, profile: &Tenant, id: &UserId) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::agent(profile, id))))
            .update_expression(format!(
                "REMOVE display_name, is_active, is_dev_user, since, {}, {LIST_ORDER}",
                ListIndex::Profile.partition_attribute()
            ));
        Ok(TransactWriteItem::builder().update(update.build().map_err(Error::internal)?).build())
    }
}

/// The profiles whose agents a user is listed among; a user of all profiles is listed once, by
/// themselves.
fn agent_profiles(user: &User) -> Vec<Tenant> {
    if user.is_agent() { user.profiles.clone() } else { Vec::new() }
}

fn list_order(user: &User) -> String {
    ListPosition::by_name(&user.display_name, &user.id).as_str().to_owned()
}

fn to_item(tenant: &CustomerTenant, user: &User, since: Option<Timestamp>, version: u64) -> Item {
    let item = item_at(keys::user(tenant, &user.id), user, since).version(version);
    if user.is_agent() && user.profiles.is_empty() {
        return item
            .text(ListIndex::Profile.partition_attribute(), keys::agents_of_all_profiles(tenant))
            .text(LIST_ORDER, list_order(user));
    }
    item
}

/// A user who is that `since` a time, or always, without a place in any list.
pub(crate) fn item_at(key: keys::Key, user: &User, since: Option<Timestamp>) -> Item {
    Item::at(key)
        .text("display_name", &user.display_name)
        .boolean("is_active", user.is_active)
        .boolean("is_dev_user", user.is_dev_user)
        .texts("roles", user.roles.iter().map(|role| role.as_str().to_owned()))
        .texts("profiles", user.profiles.iter().map(Tenant::name))
        .optional_text("since", since.as_ref())
}

fn from_item(tenant: &CustomerTenant, item: HashMap<String, AttributeValue>) -> Result<Read, Error> {
    let mut item = Attributes(item);
    let version = item.version()?;
    let (user, since) = read(tenant, &mut item)?;
    Ok(Read { user, since, version })
}

/// The user that [`item_at`] wrote, and since when they are that.
pub(crate) fn read(tenant: &CustomerTenant, item: &mut Attributes) -> Result<(User, Option<Timestamp>), Error> {
    let roles = item.texts("roles")?;
    let profiles = item.texts("profiles")?;
    let user = User {
        id: item.last_of_key()?,
        display_name: item.text("display_name")?,
        is_active: item.boolean("is_active")?,
        is_dev_user: item.boolean("is_dev_user")?,
        roles: roles
            .iter()
            .map(|role| Role::parse(role).ok_or_else(|| corrupt("roles")))
            .collect::<Result<_, Error>>()?,
        profiles: profiles
            .iter()
            .map(|profile| tenant.profile_in(profile).map_err(|_| corrupt("profiles")))
            .collect::<Result<_, Error>>()?,
    };
    Ok((user, item.optional_time("since")?))
}
