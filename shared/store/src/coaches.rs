//! Who coaches whom: an agent's coaches are those who created a plan or a session of theirs.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::names::UserId;
use coaching_domain::{Error, Tenant};

use crate::Store;
use crate::item::Attributes;
use crate::keys::{self, ListIndex};
use crate::list::{Filter, Listed, Range};
use crate::unreadable::Unreadable;

/// The attribute of plans and sessions that has who created them.
const CREATOR: &str = "creator";
/// The most values of which an expression asks for any (DynamoDB's limit of operands of `IN`).
const MAX_IN_EXPRESSION: usize = 100;

/// Who created a plan or a session.
struct Creator(UserId);

impl Listed for Creator {
    const ATTRIBUTES: &'static [&'static str] = &[CREATOR];

    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        Attributes::of(item).id(CREATOR).map(Self)
    }
}

impl Store {
    /// Those `among` some users who created a plan or a session of `agent` in this profile, as of within about a second. It
    /// costs the plans and sessions that it passes over, until all are found.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn coaches_of(
        &self,
        tenant: &Tenant,
        agent: &UserId,
        among: &HashSet<UserId>,
    ) -> Result<HashSet<UserId>, Error> {
        let among: Vec<&UserId> = among.iter().collect();
        let mut coaches = HashSet::new();
        for some in among.chunks(MAX_IN_EXPRESSION) {
            let seen = Arc::new(Mutex::new(HashSet::new()));
            let all = some.len();
            let of_agent = [keys::plans_of_agent(tenant, agent), keys::sessions_of_agent(tenant, agent)];
            let ranges = of_agent.map(|partition| {
                let filter = Filter::default().only(CREATOR, some.iter().copied());
                let seen = Arc::clone(&seen);
                // Each once, so that the page is full, and its reading ends, soon after all are found.
                Range::<Creator>::new(ListIndex::Agent, partition, filter, None).keeping(move |creator: &Creator| {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.len() == all || seen.insert(creator.0.clone())
                })
            });
            let found = self.page(Vec::from(ranges), some.len()).await?;
            coaches.extend(found.entries.into_iter().map(|Creator(coach)| coach));
        }
        Ok(coaches)
    }
}
