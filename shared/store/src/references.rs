//! Checks that the resources that requests name exist, and finds their owners.

use std::collections::HashSet;

use coaching_domain::names::{CoachingCommentId, CoachingPlanId, CoachingSessionId, UserId};
use coaching_domain::references::{Named, Owners, References};
use coaching_domain::{Error, Tenant, Violations};

use crate::Store;
use crate::item::Attributes;
use crate::keys::{self, Key};
use crate::unreadable::Unreadable;
use crate::user_items::{self, Standing};

impl Store {
    /// Notes the fields of a request that name resources that do not exist: as of now with `consistent`, else as of
    /// within about a second. A request that names nothing costs nothing.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn unknown_names(
        &self,
        tenant: &Tenant,
        references: &References,
        consistent: bool,
    ) -> Result<Violations, Error> {
        let exists = self.existing(tenant, references.named(), consistent).await?;
        let mut violations = Violations::default();
        references.check(tenant, &exists, &mut violations);
        Ok(violations)
    }

    /// The resources in `named` that exist. Only their keys are read, and the roles and profiles of users.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn existing(
        &self,
        tenant: &Tenant,
        named: impl IntoIterator<Item = &Named>,
        consistent: bool,
    ) -> Result<HashSet<Named>, Error> {
        let customer = tenant.of_customer();
        let keys: Vec<Key> = named
            .into_iter()
            .map(|named| match named {
                Named::Usecase(id) => keys::usecase(tenant, id),
                Named::Template(id) => keys::template(tenant, id, None),
                Named::Plan(id) => keys::plan(tenant, id),
                Named::Group(id) => keys::group(&customer, id),
                Named::User(id) | Named::Colleague(id) | Named::Agent(id) => keys::user(&customer, id),
            })
            .collect();
        let mut existing = HashSet::with_capacity(keys.len());
        for item in self.batch_get_only(&user_items::STANDING, keys, consistent).await? {
            let mut item = Attributes::of(item);
            match item.key.sort.as_str() {
                "usecase" => {
                    existing.insert(Named::Usecase(item.last_of_key()?));
                }
                "plan" => {
                    existing.insert(Named::Plan(item.last_of_key()?));
                }
                "group" => {
                    existing.insert(Named::Group(item.last_of_key()?));
                }
                "user" => {
                    let id: UserId = item.last_of_key()?;
                    // The directory has this user, but nothing else is known of them.
                    let standing = self.noting(user_items::standing(tenant, &mut item));
                    let Standing { works_here, is_agent } = standing.unwrap_or_default();
                    existing.extend(works_here.then(|| Named::Colleague(id.clone())));
                    existing.extend((works_here && is_agent).then(|| Named::Agent(id.clone())));
                    existing.insert(Named::User(id));
                }
                _ => {
                    existing.insert(Named::Template(item.last_of_key()?));
                }
            }
        }
        Ok(existing)
    }

    /// The owners of `plans`, `sessions` and the comments that begin `threads`, as far as those exist, as they are now.
    /// Without names it costs nothing.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn owners(
        &self,
        tenant: &Tenant,
        plans: &[CoachingPlanId],
        sessions: &[CoachingSessionId],
        threads: Option<&CoachingCommentId>,
    ) -> Result<Owners, Error> {
        let keys = plans.iter().map(|id| keys::plan(tenant, id));
        let keys = keys.chain(sessions.iter().map(|id| keys::session(tenant, id)));
        let keys = keys.chain(threads.map(|id| keys::comment(tenant, id)));
        let mut owners = Owners::default();
        for item in self.batch_get_only(&["agent", "plan", "thread"], keys.collect(), true).await? {
            // An entity whose owner cannot be read belongs to nobody.
            let _ = self.noting(take_owner(&mut owners, Attributes::of(item)));
        }
        Ok(owners)
    }
}

fn take_owner(owners: &mut Owners, mut item: Attributes) -> Result<(), Unreadable> {
    match item.key.sort.as_str() {
        "plan" => {
            owners.plans.insert(item.last_of_key()?, item.id("agent")?);
        }
        "session" => {
            owners.sessions.insert(item.last_of_key()?, item.id("agent")?);
        }
        _ => {
            let thread = item.text("thread")?;
            let first: CoachingCommentId = item.last_of_key()?;
            if thread == first.as_str() {
                owners.threads.insert(first, item.optional_id("plan")?);
            }
        }
    }
    Ok(())
}
