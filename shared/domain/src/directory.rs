//! The customer's directory, loaded by the customer's own sync: users, groups of them, and the usecases
//! of each profile.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::etag::etag_in_directory;
use crate::fields::Fields;
use crate::names::{Group as GroupCollection, GroupId, UsecaseId, User as UserCollection, UserId};
use crate::outline::Kind;
use crate::{CustomerTenant, Role, Tenant};

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

/// A user in the directory.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Their id as in their tokens, where it is usually `sub`.
    pub id: UserId,
    /// Their display name.
    pub display_name: String,
    /// Whether they work here now.
    pub is_active: bool,
    /// Whether they are a test user.
    pub is_dev_user: bool,
    /// Their roles.
    pub roles: Vec<Role>,
    /// The profiles that they work in; empty: all.
    pub profiles: Vec<Tenant>,
}

/// A group of users.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its display name.
    pub display_name: String,
    /// Its direct members.
    pub members: Vec<UserId>,
    /// Its direct sub-groups.
    pub subgroups: Vec<GroupId>,
}

/// A usecase of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Usecase {
    /// Its id.
    pub id: UsecaseId,
    /// Its display name.
    pub display_name: String,
}

impl User {
    /// Reads a user, noting every bad field.
    pub fn read(fields: &mut Fields<'_>, tenant: &CustomerTenant) -> Option<Self> {
        let id = fields.required("name", |fields, field| fields.customer_id::<UserCollection>(field, tenant));
        let display_name = read_display_name(fields);
        let is_active = fields.required("isActive", |fields, field| fields.boolean(field));
        let is_dev_user = fields.boolean("isDevUser").unwrap_or(false);
        let roles = fields.each(
            "roles",
            4,
            || Kind::one_of(&Role::NAMES),
            |text| Role::parse(text).ok_or_else(|| "must be agent, manager, service or admin".to_owned()),
        );
        let profiles = fields.each("profileNames", MAX_PROFILES, Kind::profile_name, |name| {
            tenant.profile_in(name).map_err(|error| error.to_string())
        });
        Some(Self { id: id?, display_name: display_name?, is_active: is_active?, is_dev_user, roles, profiles })
    }

    /// Whether they are an agent.
    pub fn is_agent(&self) -> bool {
        self.roles.contains(&Role::Agent)
    }

    /// Whether they are an agent of the profile.
    pub fn is_agent_of(&self, profile: &Tenant) -> bool {
        self.is_agent() && (self.profiles.is_empty() || self.profiles.contains(profile))
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

impl Group {
    /// Reads a group, noting every bad field.
    pub fn read(fields: &mut Fields<'_>, tenant: &CustomerTenant) -> Option<Self> {
        let id = fields.required("name", |fields, field| fields.customer_id::<GroupCollection>(field, tenant));
        let display_name = read_display_name(fields);
        let members = fields.each("memberUserNames", MAX_MEMBERS, Kind::name::<UserCollection>, |name| {
            tenant.id_in(name).map_err(|error| error.to_string())
        });
        let subgroups = fields.each("subgroupNames", MAX_SUBGROUPS, Kind::name::<GroupCollection>, |name| {
            tenant.id_in(name).map_err(|error| error.to_string())
        });
        Some(Self { id: id?, display_name: display_name?, members, subgroups })
    }
}

impl Usecase {
    /// Reads a usecase, noting every bad field.
    pub fn read(fields: &mut Fields<'_>, tenant: &Tenant) -> Option<Self> {
        let id = fields.required("name", |fields, field| fields.id(field, tenant));
        let display_name = read_display_name(fields);
        Some(Self { id: id?, display_name: display_name? })
    }
}

fn read_display_name(fields: &mut Fields<'_>) -> Option<String> {
    fields.required("displayName", |fields, field| fields.title(field, MAX_DISPLAY_NAME_BYTES))
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
    /// Opaque version, to send with an entry of a batch.
    etag: String,
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
}

impl Group {
    /// The group as `tenant`'s clients read it, in this version.
    pub fn message(&self, tenant: &CustomerTenant, version: u64) -> GroupMessage<'_> {
        GroupMessage {
            name: tenant.name_of(&self.id),
            display_name: &self.display_name,
            member_user_names: self.members.iter().map(|user| tenant.name_of(user)).collect(),
            subgroup_names: self.subgroups.iter().map(|group| tenant.name_of(group)).collect(),
            etag: etag_in_directory(version),
        }
    }
}

impl Usecase {
    /// The usecase as `tenant`'s clients read it.
    pub fn message(&self, tenant: &Tenant) -> UsecaseMessage<'_> {
        UsecaseMessage { name: tenant.name_of(&self.id), display_name: &self.display_name }
    }
}
