//! The customer's directory, loaded by the customer's own sync: users, groups of them, and the usecases
//! of each profile.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::etag::etag_in_directory;
use crate::json::Json;
use crate::message;
use crate::message::{Place, Rule};
use crate::names::{GroupId, UsecaseId, UserId};
use crate::outline::Kind;
use crate::rules::{Distinct, Flag, Title};
use crate::{Caller, CustomerTenant, Role, Tenant};

/// The most entries of one call.
pub const MAX_ENTRIES: usize = 500;
/// The longest display name of a user, group or usecase, in bytes: lists are sorted by it.
pub const MAX_DISPLAY_NAME_BYTES: usize = 256;
/// The most profiles that a user can be limited to.
pub const MAX_PROFILES: usize = 20;
/// The most members of one group.
pub const MAX_MEMBERS: usize = 2000;
/// The most sub-groups of one group.
pub const MAX_SUBGROUPS: usize = 200;
/// The most users who lead one group. With those of before, and the words of both names, a group is listed by at most 72
/// items, and a transaction takes 100.
pub const MAX_MANAGERS: usize = 20;

/// An entry of the directory with its version.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T> {
    /// The entry.
    pub value: T,
    /// The number of times it was written, from 1 on.
    pub version: u64,
}

impl<T> Versioned<T> {
    /// Its etag (AIP-154).
    pub fn etag(&self) -> String {
        etag_in_directory(self.version)
    }
}

message! {
    /// A user in the directory.
    #[derive(Debug, Clone, PartialEq)]
    pub struct User {
        /// Their id as in their tokens, where it is usually `sub`.
        pub id: UserId = "name",
        /// Their display name.
        pub display_name: Title<MAX_DISPLAY_NAME_BYTES> = "displayName",
        /// Whether they work here now.
        pub is_active: bool = "isActive",
        /// Whether they are a test user.
        pub is_dev_user: Flag = "isDevUser",
        /// Their roles.
        pub roles: Distinct<Role, 4> = "roles",
        /// The profiles that they work in; empty: all.
        pub profiles: Distinct<Tenant, MAX_PROFILES> = "profileNames",
    }
}

message! {
    /// A group of users.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Group {
        /// Its id.
        pub id: GroupId = "name",
        /// Its display name.
        pub display_name: Title<MAX_DISPLAY_NAME_BYTES> = "displayName",
        /// Its direct members.
        pub members: Distinct<UserId, MAX_MEMBERS> = "memberUserNames",
        /// Its direct sub-groups.
        pub subgroups: Distinct<GroupId, MAX_SUBGROUPS> = "subgroupNames",
        /// Who leads it.
        pub managers: Distinct<UserId, MAX_MANAGERS> = "managerUserNames",
    }
}

/// A group as it is listed: without members and sub-groups.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedGroup {
    /// Its id.
    pub id: GroupId,
    /// Its display name.
    pub display_name: String,
    /// Who leads it.
    pub managers: Vec<UserId>,
}

message! {
    /// A usecase of a profile.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Usecase {
        /// Its id.
        pub id: UsecaseId = "name",
        /// Its display name.
        pub display_name: Title<MAX_DISPLAY_NAME_BYTES> = "displayName",
    }
}

impl Rule for Role {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        place.string(json, |text| Self::parse(&text).ok_or("must be agent, manager, service or admin"))
    }

    fn kind() -> Kind {
        Kind::one_of(&Self::NAMES)
    }
}

impl User {
    /// Whether they are an agent.
    pub fn is_agent(&self) -> bool {
        self.roles.contains(&Role::Agent)
    }

    /// Whether they are an agent of the profile.
    pub fn is_agent_of(&self, profile: &Tenant) -> bool {
        self.is_agent() && (self.profiles.is_empty() || self.profiles.contains(profile))
    }

    /// Whether they work in any of the `known` profiles, or in all; `None`: all profiles are known.
    pub fn works_in(&self, known: Option<&[Tenant]>) -> bool {
        known.is_none_or(|known| self.profiles.is_empty() || self.profiles.iter().any(|one| known.contains(one)))
    }

    /// The user without profiles other than the `known` ones; `None`: all are known.
    #[must_use]
    pub fn as_known(mut self, known: Option<&[Tenant]>) -> Self {
        if let Some(known) = known {
            self.profiles.retain(|profile| known.contains(profile));
        }
        self
    }

    /// Whether progress treats them the same as `other`: same agent role, profiles, active state and test flag.
    pub fn stands_as(&self, other: &Self) -> bool {
        let standing = |user: &Self| {
            let profiles: BTreeSet<String> = user.profiles.iter().map(Tenant::name).collect();
            (user.is_agent(), user.is_active, user.is_dev_user, profiles)
        };
        standing(self) == standing(other)
    }
}

/// A user in the directory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserMessage<'a> {
    /// Their resource name: `customers/{customer}/users/{user}`; the id is the one in their tokens, usually `sub`.
    name: String,
    /// Their display name, at most 256 bytes, not blank and without control or invisible characters.
    display_name: &'a str,
    /// Whether they work here now.
    is_active: bool,
    /// Whether they are a test user.
    is_dev_user: bool,
    /// Their roles, each one of `agent`, `manager`, `service` and `admin`.
    roles: Vec<&'static str>,
    /// The profiles that they work in, `customers/{customer}/profiles/{profile}`, at most 20; empty: all.
    profile_names: Vec<String>,
    /// Opaque version, to send with an entry of a batch.
    etag: String,
}

/// A user as the caller may know them: to an agent, their coaches without what else the directory says of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KnownUser)]
pub struct KnownUserMessage<'a> {
    /// Their resource name: `customers/{customer}/users/{user}`; the id is the one in their tokens, usually `sub`.
    name: String,
    /// Their display name, at most 256 bytes, not blank and without control or invisible characters.
    display_name: &'a str,
    /// Whether they work here now. An agent reads it of themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_active: Option<bool>,
    /// Whether they are a test user. An agent reads it of themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_dev_user: Option<bool>,
    /// Their roles, each one of `agent`, `manager`, `service` and `admin`. An agent reads their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<&'static str>>,
    /// The profiles that they work in, `customers/{customer}/profiles/{profile}`, at most 20; empty: all. An agent reads
    /// their own. A caller whose token names profiles reads only those of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_names: Option<Vec<String>>,
    /// Opaque version, to send with an entry of a batch.
    etag: String,
}

/// A group of users.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Group)]
pub struct GroupMessage<'a> {
    /// Its resource name: `customers/{customer}/groups/{group}`.
    name: String,
    /// Its display name, at most 256 bytes, not blank and without control or invisible characters.
    display_name: &'a str,
    /// Its direct members, `customers/{customer}/users/{user}`, at most 2000.
    member_user_names: Vec<String>,
    /// Its direct sub-groups, `customers/{customer}/groups/{group}`, at most 200.
    subgroup_names: Vec<String>,
    /// Who leads it, `customers/{customer}/users/{user}`, at most 20.
    manager_user_names: Vec<String>,
    /// Opaque version, to send with an entry of a batch.
    etag: String,
}

/// A group as it is listed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ListedGroup)]
pub struct ListedGroupMessage<'a> {
    /// Its resource name: `customers/{customer}/groups/{group}`.
    name: String,
    /// Its display name, at most 256 bytes, not blank and without control or invisible characters.
    display_name: &'a str,
    /// Who leads it, `customers/{customer}/users/{user}`, at most 20.
    manager_user_names: Vec<String>,
}

/// A usecase: one of the separate jobs that agents of a profile do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Usecase)]
pub struct UsecaseMessage<'a> {
    /// Its resource name: `customers/{customer}/profiles/{profile}/usecases/{usecase}`.
    name: String,
    /// Its display name, at most 256 bytes, not blank and without control or invisible characters.
    display_name: &'a str,
}

impl User {
    /// The user as `tenant`'s clients read them, in this version.
    pub fn message(&self, tenant: &CustomerTenant, version: u64) -> UserMessage<'_> {
        UserMessage {
            name: tenant.name_of(&self.id),
            display_name: &self.display_name,
            is_active: self.is_active,
            is_dev_user: self.is_dev_user,
            roles: self.roles.iter().map(|role| role.as_str()).collect(),
            profile_names: self.profiles.iter().map(Tenant::name).collect(),
            etag: etag_in_directory(version),
        }
    }

    /// As [`User::message`], of a user whom the caller may know.
    pub fn known_message(&self, tenant: &CustomerTenant, version: u64) -> KnownUserMessage<'_> {
        let UserMessage { name, display_name, is_active, is_dev_user, roles, profile_names, etag } =
            self.message(tenant, version);
        KnownUserMessage {
            name,
            display_name,
            is_active: Some(is_active),
            is_dev_user: Some(is_dev_user),
            roles: Some(roles),
            profile_names: Some(profile_names),
            etag,
        }
    }

    /// Only the name of the user, as an agent reads that of their coach.
    pub fn name_message(&self, tenant: &CustomerTenant, version: u64) -> KnownUserMessage<'_> {
        let known = self.known_message(tenant, version);
        KnownUserMessage { is_active: None, is_dev_user: None, roles: None, profile_names: None, ..known }
    }
}

impl Group {
    /// The group as `tenant`'s clients read it, in this version.
    pub fn message(&self, tenant: &CustomerTenant, version: u64) -> GroupMessage<'_> {
        GroupMessage {
            name: tenant.name_of(&self.id),
            display_name: &self.display_name,
            member_user_names: self.members.iter().map(|user| tenant.name_of(user)).collect(),
            subgroup_names: self.subgroups.iter().map(|group| tenant.name_of(group)).collect(),
            manager_user_names: self.managers.iter().map(|user| tenant.name_of(user)).collect(),
            etag: etag_in_directory(version),
        }
    }

    /// The group as `caller` may know it; `None` if they may not know that there is one. An agent knows their own, without
    /// others in it. Which groups the customer has is not for callers of some profiles to know, but those that they lead.
    pub fn known_to(self, caller: &Caller) -> Option<Self> {
        let user = caller.user();
        let (is_in, leads) = (self.members.contains(user), self.managers.contains(user));
        match caller.role() {
            Role::Agent if !is_in => None,
            Role::Agent => {
                let members = vec![user.clone()];
                Some(Self { members, subgroups: Vec::new(), managers: Vec::new(), ..self })
            }
            _ => Some(self).filter(|_| leads || caller.enters_every_profile()),
        }
    }
}

impl ListedGroup {
    /// The group as `tenant`'s clients read it in a list.
    pub fn message(&self, tenant: &CustomerTenant) -> ListedGroupMessage<'_> {
        ListedGroupMessage {
            name: tenant.name_of(&self.id),
            display_name: &self.display_name,
            manager_user_names: self.managers.iter().map(|user| tenant.name_of(user)).collect(),
        }
    }
}

impl Usecase {
    /// The usecase as `tenant`'s clients read it.
    pub fn message(&self, tenant: &Tenant) -> UsecaseMessage<'_> {
        UsecaseMessage { name: tenant.name_of(&self.id), display_name: &self.display_name }
    }
}
