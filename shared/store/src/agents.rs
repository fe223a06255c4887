//! Agents' records: all that progress needs to know of an agent in a profile, in one item. The directory
//! writes who they are, plans and targets write themselves into it.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use coaching_domain::directory::User;
use coaching_domain::names::{CoachingPlanId, UsecaseId, UserId};
use coaching_domain::plan::CoachingPlan;
use coaching_domain::target::Target;
use coaching_domain::{Error, Id, Tenant};

use crate::Store;
use crate::failure::corrupt;
use crate::item::{Attributes, key_attributes};
use crate::keys::{self, ListIndex, ListPosition};
use crate::list::{Filter, Listed, Page, Range};
use crate::targets::TARGET_ATTRIBUTE;

/// What begins the attributes of an agent's record that hold their active plans.
const PLAN_ATTRIBUTE: &str = "plan#";

/// An agent of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Their id.
    pub id: UserId,
    /// Their name as people read it.
    pub display_name: String,
    /// Whether they work here now.
    pub is_active: bool,
    /// Whether they are a test user.
    pub is_dev_user: bool,
    /// Their active plans, each with its usecase.
    pub plans: Vec<(CoachingPlanId, Option<UsecaseId>)>,
    /// The targets of their plans.
    pub targets: Vec<Target>,
}

/// A record as it is stored: without a name, the directory does not list the agent in this profile.
struct Record {
    id: UserId,
    name: Option<(String, bool, bool)>,
    plans: Vec<(CoachingPlanId, Option<UsecaseId>)>,
    targets: Vec<Target>,
}

/// A user who is an agent of all profiles.
struct AgentEverywhere {
    id: UserId,
    display_name: String,
    is_active: bool,
    is_dev_user: bool,
}

impl Store {
    /// Those of `ids` who are agents of the profile, in no order, as they were within about a second.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn agents_by_id(&self, tenant: &Tenant, ids: &[UserId]) -> Result<Vec<Agent>, Error> {
        let mut records = self.records(tenant, ids).await?;
        let unnamed: Vec<UserId> =
            ids.iter().filter(|id| records.get(*id).is_none_or(|record| record.name.is_none())).cloned().collect();
        let users = if unnamed.is_empty() { Vec::new() } else { self.users(&tenant.of_customer(), &unnamed).await? };
        let everywhere = users.into_iter().filter(|user| user.is_agent() && user.profiles.is_empty());
        let mut agents: Vec<Agent> = everywhere.map(|user| AgentEverywhere::from(user).with(&mut records)).collect();
        agents.extend(records.into_values().filter_map(Record::into_agent));
        Ok(agents)
    }

    /// The first `size` agents of the profile after `after`, by display name, the last first if `names_descend`,
    /// then id.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn agents_of_profile(
        &self,
        tenant: &Tenant,
        with_inactive: bool,
        with_dev_users: bool,
        names_descend: bool,
        after: Option<&ListPosition>,
        size: usize,
    ) -> Result<Page<Agent>, Error> {
        let mut lists = lists_of_agents(tenant, with_inactive, with_dev_users, after);
        if names_descend {
            lists = lists.map(Range::names_descending);
        }
        let mut page: Page<Listing> = self.page(lists.into(), size).await?;
        let agents = self.agents_of(tenant, std::mem::take(&mut page.entries)).await?;
        Ok(page.made_into(agents))
    }

    /// Every agent of the profile, in no order: the whole of both lists that hold them, side by side.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn all_agents_of_profile(
        &self,
        tenant: &Tenant,
        with_inactive: bool,
        with_dev_users: bool,
    ) -> Result<Vec<Agent>, Error> {
        let [here, everywhere] = lists_of_agents(tenant, with_inactive, with_dev_users, None);
        let (here, everywhere) = tokio::try_join!(self.all(here), self.all(everywhere))?;
        let agents = self.agents_of(tenant, here.into_iter().chain(everywhere).collect()).await?;
        Ok(agents.into_iter().flatten().collect())
    }

    /// The agent of each listing, with the records of those who are agents of all profiles; nothing for one who is no
    /// agent of the profile any more.
    async fn agents_of(&self, tenant: &Tenant, listed: Vec<Listing>) -> Result<Vec<Option<Agent>>, Error> {
        let ids = listed.iter().filter_map(|listing| match listing {
            Listing::Here(_) => None,
            Listing::Everywhere(agent) => Some(agent.id.clone()),
        });
        let ids: Vec<UserId> = ids.collect();
        let mut records = if ids.is_empty() { HashMap::new() } else { self.records(tenant, &ids).await? };
        let agents = listed.into_iter().map(|listing| match listing {
            Listing::Here(record) => record.into_agent(),
            Listing::Everywhere(agent) => Some(agent.with(&mut records)),
        });
        Ok(agents.collect())
    }

    async fn records(&self, tenant: &Tenant, ids: &[UserId]) -> Result<HashMap<UserId, Record>, Error> {
        let keys = ids.iter().map(|id| keys::agent(tenant, id)).collect();
        let records = self.batch_get(keys, false).await?.into_iter().map(Record::from_item);
        records.map(|record| record.map(|record| (record.id.clone(), record))).collect()
    }

    /// Keeps an active plan in its agent's record, and takes one that is not active out of it.
    pub(crate) fn keep_plan_with_agent(
        &self,
        tenant: &Tenant,
        plan: &CoachingPlan,
    ) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(keys::agent(tenant, &plan.agent))))
            .expression_attribute_names("#plan", format!("{PLAN_ATTRIBUTE}{}", plan.id));
        let update = if plan.is_active {
            let usecase = plan.usecase.as_ref().map_or("", Id::as_str);
            update
                .update_expression("SET #plan = :usecase")
                .expression_attribute_values(":usecase", AttributeValue::S(usecase.to_owned()))
        } else {
            update.update_expression("REMOVE #plan")
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(Error::internal)?).build())
    }
}

/// The two lists that hold the agents of a profile: its own, and the customer's for all profiles.
fn lists_of_agents(
    tenant: &Tenant,
    with_inactive: bool,
    with_dev_users: bool,
    after: Option<&ListPosition>,
) -> [Range<Listing>; 2] {
    let mut filter = Filter::default();
    if !with_inactive {
        filter = filter.where_true("is_active");
    }
    if !with_dev_users {
        filter = filter.where_false("is_dev_user");
    }
    [keys::agents_of_profile(tenant), keys::agents_of_all_profiles(&tenant.of_customer())]
        .map(|partition| Range::new(ListIndex::Profile, partition, filter.clone(), after))
}

impl From<User> for AgentEverywhere {
    fn from(user: User) -> Self {
        let User { id, display_name, is_active, is_dev_user, .. } = user;
        Self { id, display_name, is_active, is_dev_user }
    }
}

impl AgentEverywhere {
    fn with(self, records: &mut HashMap<UserId, Record>) -> Agent {
        let (plans, targets) =
            records.remove(&self.id).map(|record| (record.plans, record.targets)).unwrap_or_default();
        let Self { id, display_name, is_active, is_dev_user } = self;
        Agent { id, display_name, is_active, is_dev_user, plans, targets }
    }
}

impl Record {
    fn into_agent(self) -> Option<Agent> {
        let (display_name, is_active, is_dev_user) = self.name?;
        let Self { id, plans, targets, .. } = self;
        Some(Agent { id, display_name, is_active, is_dev_user, plans, targets })
    }

    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Error> {
        let mut item = Attributes(item);
        let id: UserId = item.last_of_key()?;
        let name = match item.optional_text("display_name")? {
            None => None,
            Some(name) => Some((name, item.boolean("is_active")?, item.boolean("is_dev_user")?)),
        };
        let mut plans = Vec::new();
        let mut targets = Vec::new();
        for (attribute, value) in item.0 {
            let AttributeValue::S(text) = value else { continue };
            if let Some(plan) = attribute.strip_prefix(PLAN_ATTRIBUTE) {
                let plan = Id::parse(plan).ok_or_else(|| corrupt(PLAN_ATTRIBUTE))?;
                plans.push((plan, Id::parse(&text)));
            } else if let Some(target) = attribute.strip_prefix(TARGET_ATTRIBUTE) {
                let target = Id::parse(target).and_then(|target| Target::from_attribute(target, &id, &text));
                targets.push(target.ok_or_else(|| corrupt(TARGET_ATTRIBUTE))?);
            }
        }
        plans.sort();
        targets.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { id, name, plans, targets })
    }
}

/// What the two lists of a profile's agents hold.
enum Listing {
    Here(Record),
    Everywhere(AgentEverywhere),
}

impl Listed for Listing {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Error> {
        if item.get(keys::SK) == Some(&AttributeValue::S("agent".to_owned())) {
            return Record::from_item(item).map(Self::Here);
        }
        let mut item = Attributes(item);
        Ok(Self::Everywhere(AgentEverywhere {
            id: item.last_of_key()?,
            display_name: item.text("display_name")?,
            is_active: item.boolean("is_active")?,
            is_dev_user: item.boolean("is_dev_user")?,
        }))
    }
}

/// The plans of `agent` that progress of `usecases` takes in: the active ones of those usecases, or of none.
pub fn plans_in_scope<'a>(
    agent: &'a Agent,
    usecases: &'a HashSet<UsecaseId>,
) -> impl Iterator<Item = &'a CoachingPlanId> {
    let plans = agent.plans.iter();
    plans.filter(|(_, usecase)| usecase.as_ref().is_none_or(|usecase| usecases.contains(usecase))).map(|(plan, _)| plan)
}
