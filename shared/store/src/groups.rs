//! The directory's groups.
//!
//! Sub-groups never form a cycle. Every change of them is made in a transaction with the customer's one `groups` item,
//! whose version shows that no other change was made since the groups were read; so two changes that are harmless alone
//! cannot close a cycle together.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::bodies::Entry;
use coaching_domain::directory::{Group, Versioned};
use coaching_domain::etag::etag_in_directory;
use coaching_domain::names::{self, GroupId, UserId};
use coaching_domain::{Caller, CustomerTenant, Error, Tenant};

use crate::engine::attempts::Attempts;
use crate::engine::transaction::{Refusal, Transaction};
use crate::engine::write::Write;
use crate::group_list::{self, Listing};
use crate::item::{Attributes, Item, last_of};
use crate::keys::PK;
use crate::unreadable::{Found, Unreadable};
use crate::{Deadline, Store, keys};

/// The most levels that groups may be nested.
pub const MAX_DEPTH: usize = 20;
/// The most writes of groups and of their lists in one transaction, beside that of the tree's version, and the most bytes
/// that the groups may take.
const MAX_WRITES_AT_ONCE: usize = 99;
const MAX_BYTES_AT_ONCE: usize = 3 * 1024 * 1024;

/// A round of writes of groups over those that were read.
struct Round<'g> {
    /// The version of the groups' tree.
    version: i64,
    /// The result of each group if everything that is left is written: its stored version.
    results: Vec<Result<u64, Error>>,
    /// The groups still to be written.
    left: Vec<Change<'g>>,
}

/// A group to be written.
struct Change<'g> {
    /// Its place among the entries.
    place: usize,
    group: &'g Group,
    /// Its new version.
    version: u64,
    /// How it is listed before.
    listed: Option<Listing>,
}

impl Change<'_> {
    /// The writes of the group and of the lists that it is in.
    fn writes(&self, tenant: &CustomerTenant) -> Vec<Write> {
        let item = Write::put(to_item(tenant, self.group).version(self.version));
        let list = group_list::replace(tenant, self.listed.as_ref(), self.group);
        std::iter::once(item).chain(list).collect()
    }
}

/// The stored groups that writes of groups have to do with.
#[derive(Default)]
struct Known {
    /// Those that can be read.
    groups: HashMap<GroupId, Versioned<Group>>,
    /// Those that cannot.
    damaged: HashMap<GroupId, Unreadable>,
    /// How those are listed that are.
    listed: HashMap<GroupId, Listing>,
}

impl Round<'_> {
    /// The result of each group if those that are left fail with `error`.
    fn failed(mut self, mut error: Error) -> Vec<Result<u64, Error>> {
        for Change { place, .. } in self.left {
            if let Some(result) = self.results.get_mut(place) {
                let again = error.for_another();
                *result = Err(std::mem::replace(&mut error, again));
            }
        }
        self.results
    }
}

/// The members of the groups that a request names.
#[derive(Debug)]
pub struct GroupMembers {
    members: Vec<UserId>,
    /// The groups that do not exist.
    unknown: Vec<GroupId>,
    /// The groups that cannot be read, whose members are missing.
    unreadable: Vec<Unreadable>,
}

impl GroupMembers {
    /// The members.
    pub fn into_members(self) -> Vec<UserId> {
        self.members
    }

    /// The groups that cannot be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &Unreadable> {
        self.unreadable.iter()
    }

    /// The members, for `caller`. To a caller who is confined to some profiles, a group that does not exist looks like
    /// one without members in their profile: which groups the customer has is not for them to know.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming `groupNames`, to all others, if a group does not exist.
    pub fn for_caller(self, caller: &Caller, tenant: &Tenant) -> Result<Vec<UserId>, Error> {
        if self.unknown.is_empty() || !caller.enters_every_profile() {
            return Ok(self.members);
        }
        let names: Vec<String> = self.unknown.iter().map(|group| tenant.name_of(group)).collect();
        Err(Error::invalid_field("groupNames", format!("'{}' does not exist", names.join("', '"))))
    }
}

/// Groups, and those below them if their members count.
#[derive(Debug)]
pub struct GroupTree {
    groups: HashMap<GroupId, Group>,
    unreadable: Vec<Unreadable>,
    indirect: bool,
}

impl GroupTree {
    /// One of the groups that cannot be read, if there is one.
    pub fn unreadable(&self) -> Option<&Unreadable> {
        self.unreadable.first()
    }

    /// The members of the group `id`, each once; none if there is no such group, or it cannot be read.
    pub fn members(&self, id: &GroupId) -> HashSet<&UserId> {
        let mut members = HashSet::new();
        let mut seen = HashSet::from([id]);
        let mut left = vec![id];
        while let Some(id) = left.pop() {
            let Some(group) = self.groups.get(id) else { continue };
            members.extend(&group.members);
            left.extend(group.subgroups.iter().filter(|below| self.indirect && seen.insert(*below)));
        }
        members
    }
}

impl Store {
    /// Writes each of `groups` over the stored one, wholly or not at all, until `deadline`, and returns the stored
    /// version of each. They are taken in order: a group that would close a cycle with those before it, or nest groups
    /// deeper than 20 levels, is refused.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer at first; for one group, that too, if it does not answer later, and
    /// ABORTED if its version is not the expected one, or others keep changing groups.
    pub async fn upsert_groups(
        &self,
        tenant: &CustomerTenant,
        groups: &[&Entry<Group>],
        deadline: Deadline,
    ) -> Result<Vec<Result<u64, Error>>, Error> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let mut round = self.plan_groups(tenant, groups).await?;
        let mut attempts = Attempts::new();
        while attempts.another().await {
            match deadline.within(self.write_round(tenant, &mut round)).await {
                Ok(true) => return Ok(round.results),
                Ok(false) => {}
                Err(error) => return Ok(round.failed(error)),
            }
            // Groups that were written meanwhile are found unchanged in the next round.
            match deadline.within(self.plan_groups(tenant, groups)).await {
                Ok(again) => round = again,
                Err(error) => return Ok(round.failed(error)),
            }
        }
        Ok(round.failed(Error::kept_changing("groups")))
    }

    /// Plans the writes of `groups` over what is stored now.
    async fn plan_groups<'g>(&self, tenant: &CustomerTenant, groups: &[&'g Entry<Group>]) -> Result<Round<'g>, Error> {
        let version = self.groups_version(tenant).await?;
        let Known { groups: found, mut damaged, mut listed } = self.reachable_groups(tenant, groups).await?;
        let mut versions = HashMap::new();
        let mut known = HashMap::new();
        for (id, Versioned { value, version }) in found {
            versions.insert(id.clone(), version);
            known.insert(id, value);
        }
        let mut results = Vec::with_capacity(groups.len());
        let mut left = Vec::new();
        for (place, Entry { value: group, expected }) in groups.iter().enumerate() {
            let read = versions.get(&group.id).copied();
            if let Err(refused) = expected.check_found(read.map(etag_in_directory).as_deref()) {
                results.push(Err(refused));
                continue;
            }
            // A group that cannot be read is replaced. What is below other such groups is not known, so no group is put
            // above them.
            let unreadable = damaged.remove(&group.id);
            let before = known.insert(group.id.clone(), group.clone());
            let unchanged = before.as_ref() == Some(group) && group_list::is_listed(listed.get(&group.id), group);
            let version = read.unwrap_or(0);
            let refused = match (damaged_below(&group.id, &known, &damaged), depth_below(&group.id, &known)) {
                (Some(unreadable), _) => unreadable.clone().into(),
                (None, None) => Error::invalid_field(
                    "subgroupNames",
                    format!("would make a group its own sub-group, or nest groups deeper than {MAX_DEPTH}"),
                ),
                (None, Some(_)) if unchanged => {
                    results.push(Ok(version));
                    continue;
                }
                (None, Some(_)) => {
                    let (version, listed) = (version + 1, listed.remove(&group.id));
                    left.push(Change { place, group, version, listed });
                    results.push(Ok(version));
                    continue;
                }
            };
            match before {
                Some(before) => known.insert(group.id.clone(), before),
                None => known.remove(&group.id),
            };
            damaged.extend(unreadable.map(|unreadable| (group.id.clone(), unreadable)));
            results.push(Err(refused));
        }
        Ok(Round { version, results, left })
    }

    /// Writes what is left of `round`; returns whether all of it is written, or false if others changed groups
    /// meanwhile.
    async fn write_round(&self, tenant: &CustomerTenant, round: &mut Round<'_>) -> Result<bool, Error> {
        while !round.left.is_empty() {
            let (mut bytes, mut fitting, mut writes) = (0, 0, Vec::new());
            for change in &round.left {
                let more = change.writes(tenant);
                bytes += bytes_of(change.group) + more.len() * BYTES_OF_LISTING;
                if fitting > 0 && (writes.len() + more.len() > MAX_WRITES_AT_ONCE || bytes > MAX_BYTES_AT_ONCE) {
                    break;
                }
                writes.extend(more);
                fitting += 1;
            }
            if !self.write_groups(tenant, writes, round.version).await? {
                return Ok(false);
            }
            round.version += 1;
            round.left.drain(..fitting);
        }
        Ok(true)
    }

    /// The group `id`, as it is now.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn group(&self, tenant: &CustomerTenant, id: &GroupId) -> Result<Option<Versioned<Group>>, Error> {
        let item = self.get(keys::group(tenant, id)).await?;
        Ok(item.map(|item| self.noting(from_item(item))).transpose()?)
    }

    /// The members of `groups` as of within about a second, each once; with `indirect`, also those of their sub-groups.
    /// Groups that cannot be read are returned too; their members are missing.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn members_of(
        &self,
        tenant: &CustomerTenant,
        groups: &[GroupId],
        indirect: bool,
    ) -> Result<GroupMembers, Error> {
        let GroupTree { groups: found, unreadable, .. } = self.group_tree(tenant, groups.iter(), indirect).await?;
        let is_known =
            |id: &GroupId| found.contains_key(id) || unreadable.iter().any(|unreadable| unreadable.id() == id.as_str());
        let unknown = groups.iter().filter(|id| !is_known(id)).cloned().collect();
        let members: HashSet<UserId> = found.into_values().flat_map(|group| group.members).collect();
        Ok(GroupMembers { members: members.into_iter().collect(), unknown, unreadable })
    }

    /// `groups` as of within about a second, for the members of each; with `indirect`, those of sub-groups are members.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn group_tree<'g>(
        &self,
        tenant: &CustomerTenant,
        groups: impl Iterator<Item = &'g GroupId>,
        indirect: bool,
    ) -> Result<GroupTree, Error> {
        let mut tree = GroupTree { groups: HashMap::new(), unreadable: Vec::new(), indirect };
        let mut asked: HashSet<GroupId> = groups.cloned().collect();
        let mut level: Vec<GroupId> = asked.iter().cloned().collect();
        while !level.is_empty() {
            let found = self.groups_by_id(tenant, &level).await?;
            tree.unreadable.extend(found.unreadable);
            level.clear();
            for Versioned { value: group, .. } in found.entries {
                let below = group.subgroups.iter().filter(|id| indirect && asked.insert((*id).clone()));
                level.extend(below.cloned());
                tree.groups.insert(group.id.clone(), group);
            }
        }
        Ok(tree)
    }

    /// The groups `ids` as of within about a second, in no order, without those that do not exist.
    pub(crate) async fn groups_by_id(
        &self,
        tenant: &CustomerTenant,
        ids: &[GroupId],
    ) -> Result<Found<Versioned<Group>>, Error> {
        let keys = ids.iter().map(|id| keys::group(tenant, id)).collect();
        self.batch_read(keys, false, from_item).await
    }

    async fn groups_version(&self, tenant: &CustomerTenant) -> Result<i64, Error> {
        let item = self.get(keys::groups(tenant)).await?;
        Ok(item.map_or(Ok(0), |item| Attributes::of(item).number("version"))?)
    }

    /// The stored `groups`, and all groups below them and below their new sub-groups, as they are now.
    async fn reachable_groups(&self, tenant: &CustomerTenant, groups: &[&Entry<Group>]) -> Result<Known, Error> {
        let mut known = Known::default();
        let groups = groups.iter().map(|group| &group.value);
        let mut level: HashSet<GroupId> =
            groups.flat_map(|group| std::iter::once(&group.id).chain(&group.subgroups)).cloned().collect();
        let mut asked: HashSet<GroupId> = HashSet::new();
        while !level.is_empty() {
            let keys = level.iter().map(|id| keys::group(tenant, id)).collect();
            asked.extend(level.drain());
            for item in self.batch_get(keys, true).await? {
                let id = item.get(PK).and_then(|key| key.as_s().ok()).and_then(|key| last_of::<names::Group>(key));
                let Some(id) = id else { continue };
                known.listed.extend(Listing::of_item(&item).map(|listing| (id.clone(), listing)));
                match self.noting(from_item(item)) {
                    Ok(group) => {
                        level.extend(group.value.subgroups.iter().filter(|id| !asked.contains(*id)).cloned());
                        known.groups.insert(id, group);
                    }
                    Err(unreadable) => {
                        known.damaged.insert(id, unreadable);
                    }
                }
            }
        }
        Ok(known)
    }

    async fn write_groups(&self, tenant: &CustomerTenant, writes: Vec<Write>, version: i64) -> Result<bool, Error> {
        let marker = Item::at(keys::groups(tenant)).number("version", version + 1);
        let marker = match version {
            0 => Write::put_new(marker),
            _ => Write::put(marker).when("version = :read").number(":read", version),
        };
        let mut transaction = Transaction::of(marker, Refusal::Changed);
        transaction.add_unconditional(writes);
        Ok(self.transact(transaction).await?.is_written())
    }
}

/// The number of levels below a group; `None` if there is a cycle or there are too many.
fn depth_below(id: &GroupId, known: &HashMap<GroupId, Group>) -> Option<usize> {
    let mut level: HashSet<&GroupId> = HashSet::from([id]);
    for depth in 0..MAX_DEPTH {
        level = level.iter().filter_map(|id| known.get(*id)).flat_map(|group| &group.subgroups).collect();
        if level.contains(id) {
            return None;
        }
        if level.is_empty() {
            return Some(depth);
        }
    }
    None
}

/// A group of `damaged` that is below a group.
fn damaged_below<'d>(
    id: &GroupId,
    known: &HashMap<GroupId, Group>,
    damaged: &'d HashMap<GroupId, Unreadable>,
) -> Option<&'d Unreadable> {
    if damaged.is_empty() {
        return None;
    }
    let mut seen: HashSet<&GroupId> = HashSet::from([id]);
    let mut left = vec![id];
    while let Some(group) = left.pop().and_then(|id| known.get(id)) {
        for below in &group.subgroups {
            if let Some(unreadable) = damaged.get(below) {
                return Some(unreadable);
            }
            if known.contains_key(below) && seen.insert(below) {
                left.push(below);
            }
        }
    }
    None
}

/// About the most bytes of an item that lists a group: its key of at most 1024, its name and its managers.
const BYTES_OF_LISTING: usize = 4096;

fn bytes_of(group: &Group) -> usize {
    let ids = group.members.iter().chain(&group.managers).map(|id| id.as_str().len() + 3);
    ids.chain(group.subgroups.iter().map(|id| id.as_str().len() + 3)).sum::<usize>() + 1024
}

fn to_item(tenant: &CustomerTenant, group: &Group) -> Item {
    let item = Item::at(keys::group(tenant, &group.id))
        .text("display_name", &group.display_name)
        .texts("members", group.members.iter().map(ToString::to_string))
        .texts("subgroups", group.subgroups.iter().map(ToString::to_string));
    group_list::with_listing(item, group)
}

fn from_item(item: HashMap<String, AttributeValue>) -> Result<Versioned<Group>, Unreadable> {
    let mut item = Attributes::of(item);
    // Groups were written without a version once.
    let version = item.optional_number("version")?.map_or(1, i64::unsigned_abs);
    let value = Group {
        id: item.last_of_key()?,
        display_name: item.text("display_name")?,
        members: item.ids("members")?,
        subgroups: item.ids("subgroups")?,
        managers: item.ids(group_list::MANAGERS)?,
    };
    Ok(Versioned { value, version })
}
