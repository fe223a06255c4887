//! Who people are, for the rows of exports: read once for many rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use coaching_domain::names::UserId;
use coaching_domain::{Error, Tenant};
use coaching_edge::App;

/// The most people that are remembered.
const MAX_REMEMBERED: usize = 50_000;

/// Who somebody is.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Their name as people read it; empty if they are not in the directory, or cannot be read.
    pub(crate) display_name: Arc<str>,
    /// Whether they work here. Of somebody who cannot be read that is not known, and is taken to be so.
    is_active: bool,
}

impl Person {
    /// Whether they work here.
    pub(crate) fn works_here(&self) -> bool {
        self.is_active
    }
}

/// People, by their ids.
#[derive(Debug)]
pub(crate) struct People<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    known: HashMap<UserId, Person>,
}

impl<'a> People<'a> {
    pub(crate) fn new(app: &'a App, tenant: &'a Tenant) -> Self {
        Self { app, tenant, known: HashMap::new() }
    }

    /// Reads those of `people` who are not known yet.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub(crate) async fn know(&mut self, people: impl Iterator<Item = UserId>) -> Result<(), Error> {
        if self.known.len() > MAX_REMEMBERED {
            self.known.clear();
        }
        let unknown: HashSet<UserId> = people.filter(|id| !self.known.contains_key(id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let unknown: Vec<UserId> = unknown.into_iter().collect();
        let found = self.app.store.people(&self.tenant.of_customer(), &unknown).await?;
        let unnamed = |is_active| Person { display_name: Arc::default(), is_active };
        self.known.extend(unknown.into_iter().map(|id| (id, unnamed(false))));
        for user in found.entries {
            let person = Person { display_name: user.display_name.into(), is_active: user.is_active };
            self.known.insert(user.id, person);
        }
        let unreadable = found.unreadable.iter().filter_map(|unreadable| unreadable.user());
        self.known.extend(unreadable.map(|id| (id, unnamed(true))));
        Ok(())
    }

    /// Who `id` is, if that was read.
    pub(crate) fn get(&self, id: &UserId) -> Option<&Person> {
        self.known.get(id)
    }
}
