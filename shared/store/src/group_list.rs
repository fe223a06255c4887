//! The list of a customer's groups: by display name, by every word of it, and by who leads them.
//!
//! A group has an item for its name, one for each further word of it, and one for each of its managers; each holds all
//! that the list answers, so a page costs nothing for members. The items are written in the transaction that writes the
//! group, over the group that was read, and only if what they hold changes. A group's own item tells under which name it
//! is listed. One without that was written by a version without this list, and is listed when it is loaded again.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::directory::{Group, ListedGroup};
use coaching_domain::name_search::NameSearch;
use coaching_domain::names::{GroupId, UserId};
use coaching_domain::{CustomerTenant, Error, Id};

use crate::Store;
use crate::engine::write::Write;
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, Key, LISTED_AS, SK};
use crate::list::{Filter, Listed, Page, Range};
use crate::unreadable::Unreadable;

/// The attribute that has a group's managers.
pub(crate) const MANAGERS: &str = "managers";

/// Selects groups of a customer: those that match every field that is set.
#[derive(Debug, Clone, Default)]
pub struct GroupFilter {
    /// Whose display name has this.
    pub search: Option<NameSearch>,
    /// That this user leads.
    pub manager: Option<UserId>,
}

impl GroupFilter {
    /// Whether it selects a group of this name, listed by the word `place` of it: once.
    fn selects(&self, place: usize, display_name: &str) -> bool {
        let Some(search) = &self.search else { return true };
        match self.manager {
            Some(_) => search.finds(display_name),
            None => search.place_in(display_name) == Some(place),
        }
    }
}

/// How a group is listed, as far as its own item tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listing {
    display_name: String,
    managers: Vec<UserId>,
}

impl Listing {
    /// How the group is listed that `item` is of, readable or not; `None` if it is not.
    pub(crate) fn of_item(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        let display_name = item.get(LISTED_AS)?.as_s().ok()?.clone();
        let managers = item.get(MANAGERS).and_then(|managers| managers.as_l().ok()).into_iter().flatten();
        let managers = managers.filter_map(|manager| Id::parse(manager.as_s().ok()?)).collect();
        Some(Self { display_name, managers })
    }

    /// How `group` is to be listed.
    fn of(group: &Group) -> Self {
        Self { display_name: group.display_name.clone(), managers: group.managers.clone() }
    }

    /// The keys of the items that list the group `id`.
    fn keys(&self, tenant: &CustomerTenant, id: &GroupId) -> Vec<Key> {
        let of_managers = self.managers.iter().filter_map(|manager| {
            let partition = keys::groups_of_manager(tenant, manager);
            keys::in_name_list(&partition, &self.display_name, id).into_iter().next()
        });
        keys::in_name_list(&keys::group_names(tenant), &self.display_name, id).into_iter().chain(of_managers).collect()
    }
}

/// An item of the list.
struct Raw {
    /// The place of the word that it lists the group by.
    place: usize,
    group: ListedGroup,
}

impl Listed for Raw {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        let (place, id) = keys::place_and_id_in_name_list(&item.key.sort).unzip();
        let (place, id) = (place.ok_or_else(|| item.corrupt(SK))?, id.and_then(Id::parse));
        let id = id.ok_or_else(|| item.corrupt(SK))?;
        let group = ListedGroup { id, display_name: item.text("display_name")?, managers: item.ids(MANAGERS)? };
        Ok(Self { place, group })
    }
}

impl Store {
    /// The first `size` groups after `after` that match `filter`, each once, by display name. With a search in all groups,
    /// those whose name begins with it come first; then, in the order of the names from there on, those with a further
    /// word that does. A search in the groups that somebody leads passes over the others of these.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn list_groups(
        &self,
        tenant: &CustomerTenant,
        filter: &GroupFilter,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<Page<ListedGroup>, Error> {
        let (partition, search) = match &filter.manager {
            Some(manager) => (keys::groups_of_manager(tenant, manager), None),
            None => (keys::group_names(tenant), filter.search.as_ref()),
        };
        let ranges = keys::ranges_of_name_list(search).into_iter().map(|(first, last)| {
            let range = Range::of_table(partition.clone(), Filter::default(), after);
            let filter = filter.clone();
            let range = range.between(Some(first), Some(last));
            range.keeping(move |raw: &Raw| filter.selects(raw.place, &raw.group.display_name))
        });
        Ok(self.page(ranges.collect(), size).await?.map(|raw| raw.group))
    }
}

/// A group's own `item`, with what it tells of the list.
pub(crate) fn with_listing(item: Item, group: &Group) -> Item {
    item.text(LISTED_AS, &group.display_name).texts(MANAGERS, group.managers.iter().map(ToString::to_string))
}

/// Whether `group` is listed as it is.
pub(crate) fn is_listed(before: Option<&Listing>, group: &Group) -> bool {
    before == Some(&Listing::of(group))
}

/// The writes that list `group`, in place of how it was listed `before`; none if nothing of that changes.
pub(crate) fn replace(tenant: &CustomerTenant, before: Option<&Listing>, group: &Group) -> Vec<Write> {
    if is_listed(before, group) {
        return Vec::new();
    }
    let after = Listing::of(group).keys(tenant, &group.id);
    let left = before.map(|before| before.keys(tenant, &group.id)).into_iter().flatten();
    let left: BTreeSet<Key> = left.filter(|key| !after.contains(key)).collect();
    let put = |key| {
        let item = Item::at(key).text("display_name", &group.display_name);
        Write::put(item.texts(MANAGERS, group.managers.iter().map(ToString::to_string)))
    };
    left.into_iter().map(Write::delete).chain(after.into_iter().map(put)).collect()
}
