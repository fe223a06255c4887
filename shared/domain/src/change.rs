//! The history of an entity: who changed which of its fields, and when.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::names::UserId;
use crate::{Caller, Role, Tenant, Timestamp};

/// One change of a session, plan or comment, kept for good.
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
    /// The entity's version after it, from 1 on; a deletion makes one too, a link of a scorecard none.
    pub version: u64,
    /// The fields that changed as they were; absent ones were not set.
    pub before: Map<String, Value>,
    /// The fields that changed as they became; absent ones are no longer set.
    pub after: Map<String, Value>,
}

/// Who changes something, when, and by which operation.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The operation.
    pub operation: &'static str,
    /// When it is changed.
    pub now: Timestamp,
}

impl Author<'_> {
    /// The same, not before `latest`, when what is changed was last changed: clocks may be set back, and what follows
    /// is never before what it follows.
    #[must_use]
    pub fn not_before(self, latest: Timestamp) -> Self {
        Self { now: self.now.max(latest), ..self }
    }

    /// The change that made `after` out of `before`; without either, the creation or deletion of the other.
    pub fn change(&self, version: u64, before: Option<Value>, after: Option<Value>) -> Change {
        let fields = |value: Option<Value>| match value {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
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
        Change {
            time: self.now,
            user: self.caller.user().clone(),
            role: self.caller.role(),
            operation: self.operation.to_owned(),
            version,
            before,
            after,
        }
    }
}

/// A change of a session, plan or comment: who changed what, and when.
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
    /// The entity's version after it, from 1 on.
    version: u64,
    /// The fields that changed.
    fields: Vec<&'a str>,
    /// The fields that changed as they were; absent ones were not set.
    #[schema(value_type = HashMap<String, Value>)]
    before: &'a Map<String, Value>,
    /// The fields that changed as they became; absent ones are no longer set.
    #[schema(value_type = HashMap<String, Value>)]
    after: &'a Map<String, Value>,
}

impl Change {
    /// The change as `tenant`'s managers read it.
    pub fn message(&self, tenant: &Tenant) -> ChangeMessage<'_> {
        let mut fields: Vec<&str> = self.before.keys().chain(self.after.keys()).map(String::as_str).collect();
        fields.sort_unstable();
        fields.dedup();
        ChangeMessage {
            change_time: self.time,
            user_name: tenant.name_of(&self.user),
            role: self.role.as_str(),
            operation: &self.operation,
            version: self.version,
            fields,
            before: &self.before,
            after: &self.after,
        }
    }
}

/// How often an entity was written, and when it last was, as its agent knows it: a change of what they do not see leaves
/// both as they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// How often, from 1 on.
    pub version: u64,
    /// When last.
    pub update_time: Timestamp,
}
