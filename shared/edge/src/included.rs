//! What an answer has beside what is asked for: the display names of the users that it names.

use std::collections::{BTreeMap, HashMap, HashSet};

use coaching_domain::names::{User, UserId};
use coaching_domain::rules::{AnyOf, Enumeration};
use coaching_domain::{Caller, Error, Tenant, message};

use crate::App;

/// What an answer can include.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Include {
    DisplayNames,
}

impl Enumeration for Include {
    const VALUES: &'static [(&'static str, Self)] = &[("displayNames", Self::DisplayNames)];
}

message! {
    /// What an answer is asked to include.
    #[derive(Debug)]
    pub struct Included {
        include: AnyOf<Include> = "include",
    }
}

impl Included {
    /// Whether it includes display names.
    pub fn display_names(&self) -> bool {
        self.include.contains(&Include::DisplayNames)
    }

    /// If it includes display names, the users called `names`.
    pub fn users<'n>(&self, tenant: &Tenant, names: impl Iterator<Item = &'n str>) -> Option<HashSet<UserId>> {
        self.display_names().then(|| names.filter_map(|name| tenant.id_in::<User>(name).ok()).collect())
    }
}

/// Those `among` some users who have coached `agent` in any of `profiles`, which are those that the agent's token opens.
///
/// # Errors
/// UNAVAILABLE if the table does not answer.
pub async fn coaches_of(
    app: &App,
    agent: &UserId,
    profiles: Option<Vec<Tenant>>,
    mut among: HashSet<UserId>,
) -> Result<HashSet<UserId>, Error> {
    let mut coaches = HashSet::new();
    for profile in profiles.iter().flatten() {
        if among.is_empty() {
            break;
        }
        let found = app.store.coaches_of(profile, agent, &among).await?;
        among.retain(|one| !found.contains(one));
        coaches.extend(found);
    }
    Ok(coaches)
}

/// Display names by the resource names of users; `None`: none were asked for.
#[derive(Debug)]
pub struct DisplayNames(Option<HashMap<String, String>>);

impl DisplayNames {
    /// The display names of those of `users` whom the `caller` may read, as `get-user` answers them; of none if there are
    /// none to be read. All are read at once, as of within about a second; without those that are not in the directory or
    /// cannot be read there.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn read(
        app: &App,
        caller: &Caller,
        tenant: &Tenant,
        users: Option<HashSet<UserId>>,
    ) -> Result<Self, Error> {
        let Some(users) = users else { return Ok(Self(None)) };
        let (customer, known) = caller.enter_some_profiles(tenant.customer())?;
        let mut read: Vec<UserId> = users.iter().cloned().collect();
        // The directory says in which profiles an agent works.
        read.extend(caller.agent().filter(|agent| !users.is_empty() && !users.contains(*agent)).cloned());
        let mut people = app.store.people(&customer, &read).await?.entries;
        match caller.agent() {
            Some(agent) => {
                let of_directory = people.iter().find(|one| one.id == *agent).map(|one| one.profiles.clone());
                let among = people.iter().map(|one| &one.id).filter(|one| *one != agent).cloned().collect();
                let coaches = coaches_of(app, agent, known.or(of_directory), among).await?;
                people.retain(|one| one.id == *agent || coaches.contains(&one.id));
            }
            None => people.retain(|one| one.id == *caller.user() || one.works_in(known.as_deref())),
        }
        let people = people.into_iter().filter(|one| users.contains(&one.id));
        Ok(Self(Some(people.map(|one| (customer.name_of(&one.id), one.display_name)).collect())))
    }

    /// Those of the users called `names`; `None`: none were asked for.
    pub fn of<'n>(&self, names: impl Iterator<Item = &'n str>) -> Option<BTreeMap<&str, &str>> {
        let known = self.0.as_ref()?;
        let named = names.filter_map(|name| known.get_key_value(name));
        Some(named.map(|(name, display_name)| (name.as_str(), display_name.as_str())).collect())
    }
}
