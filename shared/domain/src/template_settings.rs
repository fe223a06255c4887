//! What a template has beside its revisions: whom and what it is for, and whether it is deleted.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::message;
use crate::message::{Message, Object, Place};
use crate::names::{GroupId, UserId};
use crate::qa_task::QaTaskConfig;
use crate::references::References;
use crate::rules::{AnyObject, Distinct, Enumeration, Flag, OneOf, Patch};
use crate::{Caller, Error, Reason, Role, Tenant, Timestamp, outline};

/// The most users and groups of an audience.
const MAX_AUDIENCE_USERS: usize = 200;
const MAX_AUDIENCE_GROUPS: usize = 20;
/// The most bytes of JSON that `permissions` and `qaScoreConfig` take each.
const MAX_OBJECT_BYTES: usize = 8 * 1024;
/// The most bytes that a template's settings take together, as they are stored. With this limit and those of a revision,
/// an item of the table stays below 396 KiB.
pub const MAX_SETTINGS_BYTES: usize = 40 * 1024;

/// What a template has beside its revisions: it changes without a new one, and every revision shows it as it is now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TemplateSettings {
    /// The number of their changes.
    pub version: u64,
    /// When the template was deleted.
    pub delete_time: Option<Timestamp>,
    /// The agents whom it is for.
    pub audience: Audience,
    /// The set-up of evaluations.
    pub qa_task: Option<QaTaskConfig>,
    /// What it scores.
    pub kind: Option<TemplateType>,
    /// A client's own object.
    pub permissions: Option<Map<String, Value>>,
    /// Another.
    pub qa_score: Option<Map<String, Value>>,
    /// Who last changed the template.
    pub last_updated_by: Option<UserId>,
}

message! {
    /// The agents whom a template is for; without users and groups, everyone.
    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub struct Audience {
        /// Users.
        pub users: Distinct<UserId, MAX_AUDIENCE_USERS> = "userNames",
        /// Groups, whose members it is for.
        pub groups: Distinct<GroupId, MAX_AUDIENCE_GROUPS> = "groupNames",
        /// Whether members of sub-groups are members, of exceptions from quotas too.
        pub indirect: Flag = "includeIndirectGroupMembers",
    }
}

impl Audience {
    /// Whether it is everyone.
    pub fn is_everyone(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }
}

/// What a template scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TemplateType {
    /// Conversations.
    Conversation,
    /// Processes.
    Process,
}

/// The names of types.
pub(crate) const TYPES: [(&str, Option<TemplateType>); 3] = [
    ("SCORECARD_TEMPLATE_TYPE_UNSPECIFIED", None),
    ("SCORECARD_TEMPLATE_TYPE_CONVERSATION", Some(TemplateType::Conversation)),
    ("SCORECARD_TEMPLATE_TYPE_PROCESS", Some(TemplateType::Process)),
];

/// A request may leave it open.
impl Enumeration for Option<TemplateType> {
    const VALUES: &'static [(&'static str, Self)] = &TYPES;
}

message! {
    /// What a create or update sets: of an update, only what it has.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct SettingsUpdate {
        audience: Patch<Option<Audience>> = "audience",
        qa_task: Patch<Option<QaTaskConfig>> = "qaTaskConfig",
        kind: Patch<Option<OneOf<Option<TemplateType>>>> = "type",
        permissions: Patch<Option<AnyObject<MAX_OBJECT_BYTES>>> = "permissions",
        qa_score: Patch<Option<AnyObject<MAX_OBJECT_BYTES>>> = "qaScoreConfig",
    }
}

/// An `M` of a revision, with the template's settings in the same object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WithSettings<M> {
    /// What is of the revision.
    pub revision: M,
    /// The settings.
    pub settings: SettingsUpdate,
}

impl<M: Message> Message for WithSettings<M> {
    fn names() -> Vec<&'static str> {
        [M::names(), SettingsUpdate::names()].concat()
    }

    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self> {
        let revision = M::read(object, place);
        let settings = <SettingsUpdate as Message>::read(object, place);
        Some(Self { revision: revision?, settings: settings? })
    }

    fn fields() -> Vec<outline::Field> {
        M::fields().into_iter().chain(SettingsUpdate::fields()).collect()
    }
}

impl SettingsUpdate {
    /// The users and groups that it names and that must exist, in fields that begin with `path`. A caller who is
    /// confined to some profiles is not told which groups the customer has; one that does not exist holds nobody.
    pub fn references(&self, path: &str, caller: &Caller) -> References {
        let audience = self.audience.iter().flatten();
        let completion = || self.qa_task.iter().flatten().filter_map(|config| config.completion.as_ref());
        let overridden = format!("{path}qaTaskConfig.taskCompleteConfig.overriddenAgents");
        let references = References::default()
            .users(&format!("{path}audience.userNames"), audience.clone().flat_map(|audience| &audience.users))
            .users(&overridden, completion().flat_map(|config| config.users()));
        if !caller.enters_every_profile() {
            return references;
        }
        references
            .groups(&format!("{path}audience.groupNames"), audience.flat_map(|audience| &audience.groups))
            .groups(&overridden, completion().flat_map(|config| config.groups()))
    }

    /// Sets what it has in `settings`.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if they would be larger than before, and take more than [`MAX_SETTINGS_BYTES`].
    pub fn apply(self, settings: &mut TemplateSettings) -> Result<(), Error> {
        let before = settings.bytes();
        if let Some(audience) = self.audience {
            settings.audience = audience.unwrap_or_default();
        }
        if let Some(qa_task) = self.qa_task {
            settings.qa_task = qa_task;
        }
        if let Some(kind) = self.kind {
            settings.kind = kind.flatten();
        }
        if let Some(permissions) = self.permissions {
            settings.permissions = permissions;
        }
        if let Some(qa_score) = self.qa_score {
            settings.qa_score = qa_score;
        }
        match settings.bytes() {
            bytes if bytes > MAX_SETTINGS_BYTES && bytes > before => Err(full(bytes)),
            _ => Ok(()),
        }
    }
}

fn full(bytes: usize) -> Error {
    let message = format!(
        "a template's audience, qaTaskConfig, permissions and qaScoreConfig take at most {MAX_SETTINGS_BYTES} bytes \
         together as they are stored, and would take {bytes}; name groups instead of users, or shorten them"
    );
    Error::new(Reason::TemplateSettingsFull, message)
        .with("limit", MAX_SETTINGS_BYTES.to_string())
        .with("size", bytes.to_string())
}

impl TemplateSettings {
    /// The same, as the next version of `current` if they differ.
    #[must_use]
    pub(crate) fn after(self, current: &Self) -> Self {
        if self == *current { self } else { Self { version: current.version + 1, ..self } }
    }

    /// About the bytes that they take as they are stored.
    fn bytes(&self) -> usize {
        let of = |value: serde_json::Result<String>| value.map_or(0, |text| text.len());
        of(serde_json::to_string(&self.audience))
            + self.qa_task.as_ref().map_or(0, |config| of(serde_json::to_string(config)))
            + [&self.permissions, &self.qa_score]
                .into_iter()
                .flatten()
                .map(|map| of(serde_json::to_string(map)))
                .sum::<usize>()
    }

    /// The same as `caller` sees them: an agent does not see who else it is for, nor exceptions for others.
    #[must_use]
    pub(crate) fn seen_by(self, caller: &Caller) -> Self {
        if caller.role() != Role::Agent {
            return self;
        }
        Self {
            audience: Audience::default(),
            qa_task: self.qa_task.map(|config| QaTaskConfig { completion: None, ..config }),
            permissions: None,
            qa_score: None,
            ..self
        }
    }
}

impl Audience {
    /// The audience as `tenant`'s clients read it; `None` if it is as without any.
    pub(crate) fn message(&self, tenant: &Tenant) -> Option<AudienceMessage> {
        Some(self).filter(|audience| **audience != Self::default()).map(|audience| AudienceMessage {
            user_names: audience.users.iter().map(|user| tenant.name_of(user)).collect(),
            group_names: audience.groups.iter().map(|group| tenant.name_of(group)).collect(),
            include_indirect_group_members: audience.indirect,
        })
    }
}

/// The agents whom a template is for; without users and groups, everyone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Audience)]
pub(crate) struct AudienceMessage {
    /// These users, `customers/{customer}/users/{user}`: at most 200.
    user_names: Vec<String>,
    /// The members of these groups, `customers/{customer}/groups/{group}`: at most 20.
    group_names: Vec<String>,
    /// Whether members of sub-groups are members, of the groups in `overriddenAgents` too.
    include_indirect_group_members: bool,
}
