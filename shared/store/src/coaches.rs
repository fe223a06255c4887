//! Who coaches whom: an agent's coaches are those who created a plan or a session of theirs.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::names::UserId;
use coaching_domain::{Error, Tenant};

use crate::Store;
use crate::keys::{self, ListIndex};
use crate::list::{Filter, Listed, Range};
use crate::unreadable::Unreadable;

/// The attribute of plans and sessions that has who created them.
const CREATOR: &str = "creator";

/// A plan or a session that somebody created.
struct Created;

impl Listed for Created {
    const ATTRIBUTES: &'static [&'static str] = &[CREATOR];

    fn from_item(_: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        Ok(Self)
    }
}

impl Store {
    /// Whether `coach` created a plan or a session of `agent` in this profile, as of within about a second. It costs the
    /// plans and sessions that it passes over.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn has_coached(&self, tenant: &Tenant, coach: &UserId, agent: &UserId) -> Result<bool, Error> {
        let of_agent = [keys::plans_of_agent(tenant, agent), keys::sessions_of_agent(tenant, agent)];
        let ranges = of_agent.map(|partition| {
            Range::<Created>::new(ListIndex::Agent, partition, Filter::default().only(CREATOR, [coach]), None)
        });
        Ok(!self.page(Vec::from(ranges), 1).await?.entries.is_empty())
    }
}
