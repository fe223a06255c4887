//! Ids and resource names.
//!
//! An [`Id`] is typed by its collection and can be taken out of a resource name only through the
//! [`Tenant`] of the request, so a name of another customer or profile never becomes an id at all.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use crate::{CustomerTenant, Tenant};

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Whether a collection lies under the customer or under one of the customer's profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `customers/{customer}/{collection}/{id}`
    Customer,
    /// `customers/{customer}/profiles/{profile}/{collection}/{id}`
    Profile,
}

/// A collection of resources of one kind.
pub trait Collection {
    /// The segment of the resource name, such as `coachingPlans`.
    const SEGMENT: &'static str;
    /// The placeholder of an id in the documented form of a name, such as `coaching_plan_id`.
    const PLACEHOLDER: &'static str;
    /// Where the collection lies.
    const LEVEL: Level;
}

macro_rules! collections {
    ($($(#[$doc:meta])* $kind:ident, $id:ident: $level:ident $segment:literal $placeholder:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $kind {}

        impl Collection for $kind {
            const SEGMENT: &'static str = $segment;
            const PLACEHOLDER: &'static str = $placeholder;
            const LEVEL: Level = Level::$level;
        }

        $(#[$doc])*
        pub type $id = Id<$kind>;
    )+};
}

collections! {
    /// People: agents, managers, admins, and services.
    User, UserId: Customer "users" "user_id";
    /// Teams: groups of users and of further groups.
    Group, GroupId: Customer "groups" "group_id";
    /// The separate jobs that agents of one profile do, such as sales and care.
    Usecase, UsecaseId: Profile "usecases" "usecase_id";
    /// Plans of what a manager and one agent work on.
    CoachingPlan, CoachingPlanId: Profile "coachingPlans" "coaching_plan_id";
    /// Comments on plans, by managers and agents.
    CoachingComment, CoachingCommentId: Profile "coachingComments" "coaching_comment_id";
    /// Meetings of a manager and an agent under a plan.
    CoachingSession, CoachingSessionId: Profile "coachingSessions" "coaching_session_id";
    /// Conversations of customers with agents, held by another service.
    Conversation, ConversationId: Profile "conversations" "conversation_id";
    /// Kinds of moments in conversations, kept by another service.
    Moment, MomentId: Profile "moments" "moment_id";
    /// Conversations scored against a template.
    Scorecard, ScorecardId: Profile "scorecards" "scorecard_id";
    /// Scores to be reached, by an agent under a plan or by the whole organisation.
    Target, TargetId: Profile "targets" "target_id";
    /// Templates that conversations are scored against. The id is without a revision.
    ScorecardTemplate, ScorecardTemplateId: Profile "scorecardTemplates" "scorecard_template_id";
    /// Work that the service does beside requests, such as a large export.
    Job, JobId: Profile "jobs" "job_id";
}

/// The characters of an id of collection `C`: as a class of a regular expression, and as a text for people.
///
/// A user's id comes from their identity provider: `auth0|5f7c8e`, or an address such as `ana+test@example.com`.
pub(crate) fn alphabet<C: Collection>() -> (&'static str, &'static str) {
    if C::SEGMENT == User::SEGMENT {
        ("A-Za-z0-9._~@|+=-", "A-Z a-z 0-9 . _ ~ @ | + = -")
    } else {
        ("A-Za-z0-9._~@-", "A-Z a-z 0-9 . _ ~ @ -")
    }
}

/// The id of a resource in collection `C`: 1 to 128 of `A–Z a–z 0–9 . _ ~ @ -`, for a user also of `| + =`, but neither
/// `.` nor `..`.
///
/// The two dot segments are left out because every HTTP client removes them from a path
/// (RFC 3986, 5.2.4): such a resource could never be read back.
pub struct Id<C> {
    text: Box<str>,
    collection: PhantomData<fn() -> C>,
}

impl<C: Collection> Id<C> {
    /// Parses `text`; `None` if it is not an id.
    pub fn parse(text: &str) -> Option<Self> {
        let is_user = C::SEGMENT == User::SEGMENT;
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"._~@-".contains(&byte) || is_user && b"|+=".contains(&byte);
        let fits = (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(allowed);
        // The `@` of a template's name starts its revision.
        let ambiguous = C::SEGMENT == ScorecardTemplate::SEGMENT && text.contains('@');
        (fits && !ambiguous && text != "." && text != "..").then(|| Self { text: text.into(), collection: PhantomData })
    }
}

impl<C: Collection> Id<C> {
    /// The rule for an id, as a text for people.
    pub fn rule() -> String {
        format!("1 to {MAX_ID_BYTES} of {}", alphabet::<C>().1)
    }
}

impl<C> Id<C> {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Why a text is not a resource name that this request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// It does not have the form of the collection's names.
    Malformed {
        /// The level of the collection.
        level: Level,
        /// The collection's segment.
        segment: &'static str,
        /// The placeholder of the id.
        placeholder: &'static str,
        /// The part after the id: for a template, the revisions that may be named.
        revision: &'static str,
        /// The characters of an id, as a text for people.
        alphabet: &'static str,
    },
    /// It is a name under another customer or profile.
    Foreign,
}

impl NameError {
    /// The error for a text that is not a name of collection `C`.
    pub fn malformed<C: Collection>() -> Self {
        let (_, alphabet) = alphabet::<C>();
        Self::Malformed { level: C::LEVEL, segment: C::SEGMENT, placeholder: C::PLACEHOLDER, revision: "", alphabet }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { level, segment, placeholder, revision, alphabet } => {
                let parent = match level {
                    Level::Customer => "customers/{customer_id}",
                    Level::Profile => "customers/{customer_id}/profiles/{profile_id}",
                };
                write!(
                    formatter,
                    "must have the form {parent}/{segment}/{{{placeholder}}}{revision}, each id 1 to {MAX_ID_BYTES} of {alphabet}"
                )
            }
            Self::Foreign => formatter.write_str("must lie under the customer and profile of the request's path"),
        }
    }
}

impl Tenant {
    /// The full resource name of `id`.
    pub fn name_of<C: Collection>(&self, id: &Id<C>) -> String {
        match C::LEVEL {
            Level::Customer => name_under_customer(self.customer(), id),
            Level::Profile => {
                ["customers/", self.customer(), "/profiles/", self.profile(), "/", C::SEGMENT, "/", id.as_str()]
                    .concat()
            }
        }
    }

    /// The id in the resource name `name`, which must lie under this tenant.
    ///
    /// # Errors
    /// [`NameError`] if it is no name of collection `C`, or one of another tenant.
    pub fn id_in<C: Collection>(&self, name: &str) -> Result<Id<C>, NameError> {
        let (customer, profile, id) = split_name(name)?;
        if customer != self.customer() || profile.is_some_and(|profile| profile != self.profile()) {
            return Err(NameError::Foreign);
        }
        Ok(id)
    }
}

// Answers contain many names, so they are built without `format!`.
fn name_under_customer<C: Collection>(customer: &str, id: &Id<C>) -> String {
    ["customers/", customer, "/", C::SEGMENT, "/", id.as_str()].concat()
}

impl CustomerTenant {
    /// The full resource name of `id`, of a collection that lies under the customer.
    pub fn name_of<C: Collection>(&self, id: &Id<C>) -> String {
        name_under_customer(self.customer(), id)
    }

    /// The id in the resource name `name`, of a collection that lies under the customer.
    ///
    /// # Errors
    /// [`NameError`] if it is no name of collection `C`, or one of another customer.
    pub fn id_in<C: Collection>(&self, name: &str) -> Result<Id<C>, NameError> {
        match split_name(name)? {
            (customer, None, id) if customer == self.customer() => Ok(id),
            _ => Err(NameError::Foreign),
        }
    }
}

/// The customer, the profile (if the collection lies under one) and the id in a resource name.
fn split_name<C: Collection>(name: &str) -> Result<(&str, Option<&str>, Id<C>), NameError> {
    let malformed = NameError::malformed::<C>();
    let segments: Vec<&str> = name.split('/').collect();
    let (customer, profile, id) = match (C::LEVEL, segments.as_slice()) {
        (Level::Customer, ["customers", customer, segment, id]) if *segment == C::SEGMENT => (*customer, None, *id),
        (Level::Profile, ["customers", customer, "profiles", profile, segment, id]) if *segment == C::SEGMENT => {
            (*customer, Some(*profile), *id)
        }
        _ => return Err(malformed),
    };
    if customer.is_empty() || profile == Some("") {
        return Err(malformed);
    }
    Ok((customer, profile, Id::parse(id).ok_or(malformed)?))
}

/// Which revision of a template a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Revision {
    /// The name has no revision: the current one.
    Current,
    /// `@*`: every one.
    Every,
    /// `@{number}`
    Number(u32),
}

/// What revisions a field may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revisions {
    /// None: the name has no revision.
    Unnamed,
    /// One by its number, or none for the current one.
    One,
    /// Every one: `@*`.
    Every,
    /// Every one, with `@*` or without a revision.
    EveryOrUnnamed,
    /// Any of those.
    Any,
}

impl Revisions {
    /// How they are written behind a template's id, in the form that is shown of a name.
    fn form(self) -> &'static str {
        match self {
            Self::Unnamed => "",
            Self::One => "[@{revision}]",
            Self::Every => "@*",
            Self::EveryOrUnnamed => "[@*]",
            Self::Any => "[@{revision}|@*]",
        }
    }

    /// Looks whether they hold `revision`.
    ///
    /// # Errors
    /// A text that says what may stand instead.
    pub fn check(self, revision: Revision) -> Result<(), &'static str> {
        match (self, revision) {
            (Self::Unnamed, Revision::Number(_) | Revision::Every) => Err("must not name a revision"),
            (Self::One, Revision::Every) => Err("must name one revision, or none for the current one"),
            (Self::Every, Revision::Current | Revision::Number(_)) => Err("must name every revision: end in @*"),
            (Self::EveryOrUnnamed, Revision::Number(_)) => {
                Err("must name every revision: end in @*, or in no revision")
            }
            _ => Ok(()),
        }
    }
}

impl Tenant {
    /// The name of a revision: `{template}@{revision}`.
    pub fn name_of_revision(&self, template: &ScorecardTemplateId, revision: u32) -> String {
        format!("{}@{revision}", self.name_of(template))
    }

    /// The template and revision in a resource name, which must lie under this tenant.
    ///
    /// # Errors
    /// [`NameError`] if it is no name of a template, or one of another tenant.
    fn template_in(&self, name: &str) -> Result<(ScorecardTemplateId, Revision), NameError> {
        let (name, revision) = match name.rsplit_once('@') {
            Some((template, revision)) if !revision.contains('/') => (template, parse_revision(revision)),
            _ => (name, Some(Revision::Current)),
        };
        let id = self.id_in::<ScorecardTemplate>(name)?;
        revision.map(|revision| (id, revision)).ok_or_else(NameError::malformed::<ScorecardTemplate>)
    }

    /// The template and revision in a resource name under this tenant, with a revision that `revisions` allows.
    ///
    /// # Errors
    /// A text that says what is wrong with the name.
    pub fn template_among(&self, name: &str, revisions: Revisions) -> Result<(ScorecardTemplateId, Revision), String> {
        let (id, revision) = self.template_in(name).map_err(|error| match error {
            NameError::Malformed { level, segment, placeholder, alphabet, .. } => {
                let revision = revisions.form();
                NameError::Malformed { level, segment, placeholder, revision, alphabet }.to_string()
            }
            NameError::Foreign => error.to_string(),
        })?;
        revisions.check(revision)?;
        Ok((id, revision))
    }
}

/// The template and revision in the last segment of a template's name.
pub fn parse_template_segment(segment: &str) -> Option<(ScorecardTemplateId, Revision)> {
    let (id, revision) = match segment.rsplit_once('@') {
        Some((id, revision)) => (id, parse_revision(revision)?),
        None => (segment, Revision::Current),
    };
    Some((Id::parse(id)?, revision))
}

fn parse_revision(text: &str) -> Option<Revision> {
    if text == "*" {
        return Some(Revision::Every);
    }
    let number = text.parse().ok().filter(|number| *number > 0 && text.bytes().all(|byte| byte.is_ascii_digit()));
    number.map(Revision::Number)
}

impl<C> fmt::Display for Id<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl<C> fmt::Debug for Id<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Id({})", self.text)
    }
}

impl<C> Clone for Id<C> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), collection: PhantomData }
    }
}

impl<C> PartialEq for Id<C> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<C> Eq for Id<C> {}

impl<C> PartialOrd for Id<C> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<C> Ord for Id<C> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<C> Hash for Id<C> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<'de, C: Collection> serde::Deserialize<'de> for Id<C> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("is no id"))
    }
}

impl<C> serde::Serialize for Id<C> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::tenant;
    use proptest::prelude::*;

    const ID: &str = "[A-Za-z0-9._~@-]{1,128}";
    const USER_ID: &str = "[A-Za-z0-9._~@|+=-]{1,128}";

    proptest! {
        #[test]
        fn a_printed_name_parses_to_the_same_id(text in ID, user in USER_ID) {
            prop_assume!(text != "." && text != ".." && user != "." && user != "..");
            let tenant = tenant("acme", "support");
            let plan = CoachingPlanId::parse(&text).unwrap();
            let user = UserId::parse(&user).unwrap();
            prop_assert_eq!(tenant.id_in::<CoachingPlan>(&tenant.name_of(&plan)), Ok(plan));
            prop_assert_eq!(tenant.id_in::<User>(&tenant.name_of(&user)), Ok(user));
        }

        #[test]
        fn a_text_that_parses_prints_back_to_itself(text in ".{0,60}|customers/[a-z]{1,4}/users/[A-Za-z0-9./#@-]{0,9}") {
            let tenant = tenant("acme", "support");
            if let Ok(id) = tenant.id_in::<User>(&text) {
                prop_assert_eq!(tenant.name_of(&id), text);
            }
        }

        #[test]
        fn a_name_of_another_tenant_is_foreign(customer in "[a-z0-9-]{1,12}", profile in ID, id in ID) {
            let other = tenant(&customer, &profile);
            let here = tenant("acme", "support");
            let id = UsecaseId::parse(&id);
            prop_assume!(id.is_some() && (customer != "acme" || profile != "support"));
            prop_assert_eq!(here.id_in::<Usecase>(&other.name_of(&id.unwrap())), Err(NameError::Foreign));
        }

        #[test]
        fn no_id_holds_a_separator(text in ".{0,20}") {
            if text.contains(['#', '/', ':', ' ', '*', '?', '%', '[', ']', ',']) {
                prop_assert!(UserId::parse(&text).is_none());
            }
            if text.contains(['#', '/', ':', ' ', '*', '?', '%', '[', ']', ',', '+', '|', '=']) {
                prop_assert!(CoachingPlanId::parse(&text).is_none() && GroupId::parse(&text).is_none());
            }
        }
    }

    #[test]
    fn ids_are_refused() {
        for text in ["", ".", "..", "a/b", "a#b", "a:b", "a b", "ä", "a\u{0}", &"x".repeat(129)] {
            assert_eq!(UserId::parse(text), None, "{text:?}");
        }
        assert_eq!(ScorecardTemplateId::parse("quality@3"), None);
        for text in ["auth0|5f7c8e", "a+b@example.com", "QW5h="] {
            assert!(UserId::parse(text).is_some() && GroupId::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn names_are_refused() {
        let tenant = tenant("acme", "support");
        for name in [
            "",
            "string",
            "customers/acme",
            "customers/acme/users",
            "customers/acme/users/",
            "customers/acme/users/a/",
            "customers/acme/users/a/b",
            "/customers/acme/users/a",
            "Customers/acme/users/a",
            "customers/acme/profiles/support/users/a",
            "customers/acme/groups/a",
            "customers//users/a",
            "users/a",
        ] {
            assert!(matches!(tenant.id_in::<User>(name), Err(NameError::Malformed { .. })), "{name}");
        }
    }
    #[test]
    fn a_field_names_the_revisions_that_it_may() {
        let tenant = tenant("acme", "support");
        let among = |revision: &str, revisions| {
            let name = format!("customers/acme/profiles/support/scorecardTemplates/quality{revision}");
            tenant.template_among(&name, revisions).map(|(_, revision)| revision).ok()
        };
        let (current, third, every) = (Revision::Current, Revision::Number(3), Revision::Every);
        for (revisions, expected) in [
            (Revisions::Unnamed, [Some(current), None, None]),
            (Revisions::One, [Some(current), Some(third), None]),
            (Revisions::Every, [None, None, Some(every)]),
            (Revisions::EveryOrUnnamed, [Some(current), None, Some(every)]),
            (Revisions::Any, [Some(current), Some(third), Some(every)]),
        ] {
            assert_eq!(["", "@3", "@*"].map(|revision| among(revision, revisions)), expected, "{revisions:?}");
            for revision in ["@", "@0", "@-1", "@+3", "@x", "@3@3", "@3/"] {
                assert_eq!(among(revision, revisions), None, "{revision} of {revisions:?}");
            }
        }
        let segment = |text: &str| parse_template_segment(text).map(|(id, revision)| (id.to_string(), revision));
        assert_eq!(segment("quality"), Some(("quality".to_owned(), current)));
        assert_eq!(segment("quality@3"), Some(("quality".to_owned(), third)));
        assert_eq!((segment("quality@0"), segment("@3")), (None, None));
    }
}
