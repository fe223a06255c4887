//! The history of an entity: who changed which of its fields, and when.
//!
//! What the agent may see of a change is decided when the change is made, and stored with it: what was hidden then
//! stays hidden, whatever becomes of the entity.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::names::UserId;
use crate::{Caller, Role, Tenant, Timestamp, Version};

/// Fields that any change updates. An agent does not see them change: they would reveal changes that the agent may not
/// see.
const FOLLOWING_FIELDS: [&str; 5] =
    ["updateTime", "managerUpdateTime", "agentUpdateTime", "managerSubmitterUserName", "updatedBy"];

/// One change of a session, plan, comment or scorecard, kept for good.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// When it was made.
    pub time: Timestamp,
    /// Who made it.
    pub user: UserId,
    /// The role that they made it in.
    pub role: Role,
    /// The operation, such as `update-session`.
    pub operation: String,
    /// The entity's version after the change, from 1 on. A deletion makes a version too; linking a scorecard makes
    /// none.
    pub version: u64,
    /// The changed fields as they were; absent ones were not set.
    pub before: Map<String, Value>,
    /// The changed fields as they became; absent ones are no longer set.
    pub after: Map<String, Value>,
    /// The agent to whom the entity belongs, who may see the change; absent: no agent may.
    pub agent: Option<UserId>,
    /// The fields of `before` that the agent did not see.
    pub hidden_before: Vec<String>,
    /// The fields of `after` that the agent does not see.
    pub hidden_after: Vec<String>,
}

/// An entity as its history stores it.
#[derive(Debug, Clone)]
pub struct Document {
    /// All stored fields.
    pub(crate) fields: Map<String, Value>,
    agent: UserId,
    hidden: Hidden,
}

/// What is hidden of an entity from its agent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hidden {
    /// The whole entity: for the agent it does not exist.
    All,
    /// These fields.
    Fields(&'static [&'static str]),
}

impl Hidden {
    fn has(self, field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Fields(fields) => fields.contains(&field),
        }
    }
}

impl Document {
    /// The document of `agent`'s entity with the fields of `message`; `hidden` is what the agent does not see. `None`
    /// if `message` is not serialised to an object.
    pub(crate) fn of(message: &impl Serialize, agent: &UserId, hidden: Hidden) -> Option<Self> {
        match serde_json::to_value(message) {
            Ok(Value::Object(fields)) => Some(Self { fields, agent: agent.clone(), hidden }),
            _ => None,
        }
    }
}

/// Who makes a change, when, and by which operation.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    /// The caller.
    pub caller: &'a Caller,
    /// The operation.
    pub operation: &'static str,
    /// When the change is made.
    pub now: Timestamp,
}

impl Author<'_> {
    /// The same, but not before `latest`, the time of the previous change: clocks may be set back, and no change is
    /// recorded before the one that it follows.
    #[must_use]
    pub fn not_before(self, latest: Timestamp) -> Self {
        Self { now: self.now.max(latest), ..self }
    }

    /// The change from `before` to `after`: a creation without `before`, a deletion without `after`.
    pub fn change(&self, version: Version, before: Option<Document>, after: Option<Document>) -> Change {
        let agent = after.as_ref().or(before.as_ref()).map(|document| document.agent.clone());
        let hidden = |document: &Option<Document>| document.as_ref().map_or(Hidden::All, |document| document.hidden);
        let (hidden_before, hidden_after) = (hidden(&before), hidden(&after));
        let fields = |document: Option<Document>| document.map(|document| document.fields).unwrap_or_default();
        let (mut before, mut after) = (fields(before), fields(after));
        let same: Vec<String> = before
            .iter()
            .filter(|(field, value)| after.get(*field) == Some(value))
            .map(|(field, _)| field.clone())
            .collect();
        for field in same {
            before.remove(&field);
            after.remove(&field);
        }
        let among = |fields: &Map<String, Value>, hidden: Hidden| -> Vec<String> {
            fields.keys().filter(|field| hidden.has(field)).cloned().collect()
        };
        Change {
            time: self.now,
            user: self.caller.user().clone(),
            role: self.caller.role(),
            operation: self.operation.to_owned(),
            version: version.count(),
            agent,
            hidden_before: among(&before, hidden_before),
            hidden_after: among(&after, hidden_after),
            before,
            after,
        }
    }
}

/// A change of a session, plan, comment or scorecard: who changed what, and when.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Change)]
pub struct ChangeMessage<'a> {
    /// When it was made.
    change_time: Timestamp,
    /// Who made it: `customers/{customer}/users/{user}`.
    user_name: String,
    /// The role that they made it in: `agent`, `manager`, `service` or `admin`.
    role: &'static str,
    /// The function that made it, such as `update-session`.
    operation: &'a str,
    /// The entity's version after the change, from 1 on; absent for an agent, because a gap in the numbers would reveal changes that they do not see.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// The names of the changed fields.
    fields: Vec<&'a str>,
    /// The changed fields as they were; absent ones were not set.
    #[schema(value_type = HashMap<String, Value>)]
    before: &'a Map<String, Value>,
    /// The changed fields as they became; absent ones are no longer set.
    #[schema(value_type = HashMap<String, Value>)]
    after: &'a Map<String, Value>,
}

impl Change {
    /// What `agent` may see of the change; `None` if that is no field, or if the entity was not theirs.
    pub fn seen_by(mut self, agent: &UserId) -> Option<Self> {
        if self.agent.as_ref() != Some(agent) {
            return None;
        }
        for (fields, hidden) in [(&mut self.before, &self.hidden_before), (&mut self.after, &self.hidden_after)] {
            fields.retain(|field, _| !hidden.contains(field) && !FOLLOWING_FIELDS.contains(&field.as_str()));
        }
        (!self.before.is_empty() || !self.after.is_empty()).then_some(self)
    }

    /// The change as `caller` reads it.
    pub fn message(&self, tenant: &Tenant, caller: &Caller) -> ChangeMessage<'_> {
        let mut fields: Vec<&str> = self.before.keys().chain(self.after.keys()).map(String::as_str).collect();
        fields.sort_unstable();
        fields.dedup();
        ChangeMessage {
            change_time: self.time,
            user_name: tenant.name_of(&self.user),
            role: self.role.as_str(),
            operation: &self.operation,
            version: (caller.role() != Role::Agent).then_some(self.version),
            fields,
            before: &self.before,
            after: &self.after,
        }
    }
}

/// The version and update time of an entity as its agent sees them: a change of hidden fields leaves both as they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// That after the writes that the agent sees.
    pub version: Version,
    /// The time of the last of them.
    pub update_time: Timestamp,
}
