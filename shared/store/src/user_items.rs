//! Users as items.

use coaching_domain::directory::User;
use coaching_domain::names::UserId;
use coaching_domain::{CustomerTenant, Role, Tenant, Timestamp};

use crate::item::{Attributes, Item};
use crate::keys::Key;
use crate::unreadable::Unreadable;

/// The item of a user, without a place in any list. They have been this `since` a time; `None`: always.
pub(crate) fn item_at(key: Key, user: &User, since: Option<Timestamp>) -> Item {
    Item::at(key)
        .text("display_name", &user.display_name)
        .boolean("is_active", user.is_active)
        .boolean("is_dev_user", user.is_dev_user)
        .texts("roles", user.roles.iter().map(|role| role.as_str().to_owned()))
        .texts("profiles", user.profiles.iter().map(Tenant::name))
        .optional_text("since", since.as_ref())
}

/// Reads the user `id` that [`item_at`] wrote, and the time since which they have been that.
pub(crate) fn read(
    tenant: &CustomerTenant,
    id: UserId,
    item: &mut Attributes,
) -> Result<(User, Option<Timestamp>), Unreadable> {
    let user = User {
        id,
        display_name: item.text("display_name")?,
        is_active: item.boolean("is_active")?,
        is_dev_user: item.boolean("is_dev_user")?,
        roles: roles(item)?,
        profiles: profiles(tenant, item)?,
    };
    Ok((user, item.optional_time("since")?))
}

fn roles(item: &mut Attributes) -> Result<Vec<Role>, Unreadable> {
    let roles = item.texts("roles")?;
    roles.iter().map(|role| Role::parse(role).ok_or_else(|| item.corrupt("roles"))).collect()
}

fn profiles(tenant: &CustomerTenant, item: &mut Attributes) -> Result<Vec<Tenant>, Unreadable> {
    let profiles = item.texts("profiles")?;
    profiles.iter().map(|profile| tenant.profile_in(profile).map_err(|_| item.corrupt("profiles"))).collect()
}

/// The attributes that [`standing`] reads.
pub(crate) const STANDING: [&str; 2] = ["roles", "profiles"];

/// The standing of a user in one profile.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    /// Whether they work there.
    pub(crate) works_here: bool,
    /// Whether they are an agent, there or elsewhere.
    pub(crate) is_agent: bool,
}

/// The standing of the user in `item` in the profile of `tenant`.
pub(crate) fn standing(tenant: &Tenant, item: &mut Attributes) -> Result<Standing, Unreadable> {
    let profiles = profiles(&tenant.of_customer(), item)?;
    let works_here = profiles.is_empty() || profiles.contains(tenant);
    Ok(Standing { works_here, is_agent: roles(item)?.contains(&Role::Agent) })
}
