//! The list of a customer's users, by display name and by every word of it.
//!
//! A user has an item in the list for their name, and one for each further word of it; each holds all that the list
//! answers. The items are written in the transaction that writes the user, over the user that was read: so none is left
//! of an earlier name, a repeat writes none, and of two writes at once the later one replaces what the first listed. A
//! user's own item tells under which name they are listed. One without that was written by a version without this list,
//! and is listed when they are loaded again.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::directory::{User, Versioned};
use coaching_domain::name_search::NameSearch;
use coaching_domain::names::UserId;
use coaching_domain::{CustomerTenant, Error, Id, Role, Tenant};

use crate::Store;
use crate::engine::write::Write;
use crate::item::Attributes;
use crate::keys::{self, Cursor, Key, SK};
use crate::list::{Filter, Listed, Page, Range};
use crate::unreadable::Unreadable;
use crate::user_items::{self, item_at};

/// Selects users of a customer: those that match every field that is set.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Whose display name has this.
    pub search: Option<NameSearch>,
    /// With any of these roles.
    pub roles: Vec<Role>,
    /// Who work in this profile.
    pub profile: Option<Tenant>,
    /// Who work in any of these, the profiles that the caller may know of; `None`: all.
    pub known: Option<Vec<Tenant>>,
    /// Whether those are among them who do not work here now.
    pub inactive: bool,
    /// Whether test users are among them.
    pub dev_users: bool,
}

impl UserFilter {
    /// The profile that is asked for, unless the caller may not know of it.
    fn asks_for_unknown(&self) -> bool {
        self.profile.as_ref().is_some_and(|asked| self.known.as_ref().is_some_and(|known| !known.contains(asked)))
    }

    /// What DynamoDB filters by. A user of all profiles has no list of them.
    fn of_items(&self) -> Filter {
        let roles = self.roles.iter().map(|role| role.as_str());
        let names = |profiles: &[Tenant]| profiles.iter().map(Tenant::name).collect::<Vec<_>>();
        let filter = Filter::default()
            .holding_any_of("roles", roles)
            .holding_any_of("profiles", names(self.profile.as_slice()))
            .holding_any_of("profiles", names(self.known.as_deref().unwrap_or_default()));
        let filter = if self.inactive { filter } else { filter.where_true("is_active") };
        if self.dev_users { filter } else { filter.where_false("is_dev_user") }
    }

    /// Whether it selects `user`, listed by the word `place` of their name: once, and by role too if they have none.
    fn selects(&self, place: usize, user: &User) -> bool {
        let found = self.search.as_ref().map_or(Some(0), |search| search.place_in(&user.display_name));
        found == Some(place) && (self.roles.is_empty() || user.roles.iter().any(|role| self.roles.contains(role)))
    }
}

/// An item of the list.
struct Raw(HashMap<String, AttributeValue>);

impl Listed for Raw {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        Ok(Self(item))
    }
}

impl Raw {
    /// The user, and the place of the word of their name that this lists them by.
    fn read(&self, tenant: &CustomerTenant) -> Result<(usize, Versioned<User>), Unreadable> {
        let mut item = Attributes::of(self.0.clone());
        let (place, id) = keys::place_and_id_in_name_list(&item.key.sort).unzip();
        let (place, id) = (place.ok_or_else(|| item.corrupt(SK))?, id.and_then(Id::parse));
        let id = id.ok_or_else(|| item.corrupt(SK))?;
        let version = item.version()?;
        let (value, _) = user_items::read(tenant, id, &mut item)?;
        Ok((place, Versioned { value, version }))
    }
}

impl Store {
    /// The first `size` users after `after` that match `filter`, each once, by display name. With a search, those whose
    /// name begins with it come first; then, in the order of the names from there on, those with a further word that does.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn list_users(
        &self,
        tenant: &CustomerTenant,
        filter: &UserFilter,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<Page<Versioned<User>>, Error> {
        if filter.asks_for_unknown() {
            return Ok(Page::empty());
        }
        let ranges = keys::ranges_of_name_list(filter.search.as_ref()).into_iter().map(|(first, last)| {
            let range = Range::of_table(keys::user_names(tenant), filter.of_items(), after);
            let (tenant, filter) = (tenant.clone(), filter.clone());
            range.between(Some(first), Some(last)).keeping(move |raw: &Raw| {
                raw.read(&tenant).map_or(true, |(place, user)| filter.selects(place, &user.value))
            })
        });
        let page = self.page(ranges.collect(), size).await?;
        let page = page.leaving_out(|raw| self.noting(raw.read(tenant)).err().into_iter().collect());
        let users = page.entries.iter().map(|raw| raw.read(tenant).ok().map(|(_, user)| user)).collect();
        Ok(page.made_into(users))
    }
}

/// The writes that list `user` in this `version`, in place of a user who was listed as `before`.
pub(crate) fn replace(tenant: &CustomerTenant, before: Option<&str>, user: &User, version: u64) -> Vec<Write> {
    let keys = |display_name: &str| keys::in_name_list(&keys::user_names(tenant), display_name, &user.id);
    let after = keys(&user.display_name);
    let left: BTreeSet<Key> = before.map(keys).into_iter().flatten().filter(|key| !after.contains(key)).collect();
    let put = |key| Write::put(item_at(key, user, None).version(version));
    left.into_iter().map(Write::delete).chain(after.into_iter().map(put)).collect()
}

/// The writes that take the user `id`, who is listed as `listed_as`, out of the list.
pub(crate) fn remove(tenant: &CustomerTenant, listed_as: Option<&str>, id: &UserId) -> Vec<Write> {
    let keys = listed_as.map(|name| keys::in_name_list(&keys::user_names(tenant), name, id));
    keys.into_iter().flatten().map(Write::delete).collect()
}
