//! Records that cannot be read, because they are damaged or a newer version wrote them. Such a record fails nothing
//! else: a list leaves it out, names it, and notes it for the log. A caller who asks for it by name gets an error.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex};

use coaching_domain::names::{
    self, CoachingComment, CoachingPlan, CoachingPlanId, CoachingSession, Collection, Group, Job, Level, Scorecard,
    ScorecardTemplate, Target, Usecase, User, UserId,
};
use coaching_domain::{Error, Id, Reason, Tenant};

use crate::Store;
use crate::keys::{self, Key};

/// The most records that one page, or one answer, names as unreadable.
pub const MAX_UNREADABLE: usize = 100;

/// A record that cannot be read as what its key says it is. It holds only the record's key, and which attribute is
/// absent or not of its type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unreadable(Box<Facts>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Facts {
    customer: String,
    profile: String,
    kind: &'static str,
    id: String,
    name: Option<String>,
    attribute: String,
}

impl Unreadable {
    /// The item at this key; without a sort key, the entity itself.
    pub(crate) fn at(partition: &str, sort: &str, attribute: &str) -> Self {
        let mut parts = partition.splitn(4, '#');
        let mut part = || parts.next().unwrap_or_default();
        let (customer, profile, collection, rest) = (part(), part(), part(), part());
        let named = Named { customer, profile };
        let entity = named.entity(collection, rest);
        let of_entity = sort.split('#').next().unwrap_or_default();
        let (kind, id, name) = match (collection, of_entity) {
            ("statistics" | "activity", _) => {
                let agent = sort.split('#').nth(1).unwrap_or_default();
                let usecase = rest.split('#').next().unwrap_or_default();
                let kind = if collection == "activity" { "activity" } else { "statistics" };
                (kind, format!("{usecase}#{sort}"), named.of::<User>(agent))
            }
            ("user-names", _) => {
                let user = sort.rsplit('\u{0}').next().unwrap_or_default();
                ("user", user.to_owned(), named.of::<User>(user))
            }
            ("group-names" | "groups-of", _) => {
                let group = sort.rsplit('\u{0}').next().unwrap_or_default();
                ("group", group.to_owned(), named.of::<Group>(group))
            }
            (_, "change") => {
                let version = sort.split('#').nth(2).map(|version| version.trim_start_matches('0')).unwrap_or_default();
                let name = entity.map(|entity| format!("{entity}/changes/{version}"));
                ("change", format!("{collection}#{rest}#{sort}"), name)
            }
            (_, "dependents") => ("dependents", rest.to_owned(), entity),
            (_, "past") => ("past", format!("{collection}#{rest}#{sort}"), entity),
            ("template", "revision") => {
                let number = sort.split('#').nth(1).and_then(|number| number.parse::<u32>().ok());
                let revision = number.map(|number| format!("@{number}")).unwrap_or_default();
                ("template", format!("{rest}{revision}"), entity.map(|name| name + &revision))
            }
            _ => (kind_of(collection), rest.to_owned(), entity),
        };
        let (customer, profile) = (customer.to_owned(), profile.to_owned());
        Self(Box::new(Facts { customer, profile, kind, id, name, attribute: attribute.to_owned() }))
    }

    /// The item at `key`.
    pub(crate) fn of(key: &Key, attribute: &str) -> Self {
        Self::at(&key.partition, &key.sort, attribute)
    }

    /// An entry in the list of deletions, of `plan` if it names one.
    pub(crate) fn deletion(tenant: &Tenant, plan: Option<&CoachingPlanId>) -> Self {
        let Self(mut facts) = Self::of(&keys::deletions(tenant), keys::DELETED_PLAN);
        facts.name = plan.map(|plan| tenant.name_of(plan));
        facts.id = plan.map(ToString::to_string).unwrap_or_default();
        Self(facts)
    }

    /// The customer that it belongs to.
    pub fn customer(&self) -> &str {
        &self.0.customer
    }

    /// The profile that it belongs to; empty if it belongs to the customer.
    pub fn profile(&self) -> &str {
        &self.0.profile
    }

    /// Its kind, in a word.
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// Its id: the part of its key that distinguishes it from others of its kind.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The attribute that is absent or not of its type; for attributes that are named by ids, their prefix.
    pub fn attribute(&self) -> &str {
        &self.0.attribute
    }

    /// The name of the resource that the record belongs to; if it belongs to none, its kind.
    pub fn name(&self) -> &str {
        self.resource().unwrap_or(self.0.kind)
    }

    /// The name of the resource that the record belongs to, if it belongs to one.
    pub fn resource(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The user that the record belongs to, if it belongs to one.
    pub fn user(&self) -> Option<UserId> {
        let below = format!("customers/{}/{}/", self.0.customer, User::SEGMENT);
        Id::parse(self.resource()?.strip_prefix(&below)?)
    }

    /// The unreadable record that caused `error`, if one did.
    pub fn cause_of(error: &Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }
}

/// The customer and profile that names begin with.
struct Named<'a> {
    customer: &'a str,
    profile: &'a str,
}

impl Named<'_> {
    /// The name of the entity `id`; `collection` is the word for its kind in keys.
    fn entity(&self, collection: &str, id: &str) -> Option<String> {
        match collection {
            "plan" => self.of::<CoachingPlan>(id),
            "session" => self.of::<CoachingSession>(id),
            "comment" => self.of::<CoachingComment>(id),
            "agent" | "user" => self.of::<User>(id),
            "group" => self.of::<Group>(id),
            "scorecard" => self.of::<Scorecard>(id),
            "template" => self.of::<ScorecardTemplate>(id),
            "target" => self.of::<Target>(id),
            "usecase" => self.of::<Usecase>(id),
            "job" => self.of::<Job>(id),
            _ => None,
        }
    }

    fn of<C: names::Collection>(&self, id: &str) -> Option<String> {
        let Self { customer, profile } = self;
        let id: Id<C> = Id::parse(id)?;
        Some(match C::LEVEL {
            Level::Customer => ["customers/", customer, "/", C::SEGMENT, "/", id.as_str()].concat(),
            Level::Profile => {
                ["customers/", customer, "/profiles/", profile, "/", C::SEGMENT, "/", id.as_str()].concat()
            }
        })
    }
}

/// The kind of record for the word `collection` of a key.
fn kind_of(collection: &str) -> &'static str {
    const KINDS: [&str; 19] = [
        "plan",
        "session",
        "comment",
        "agent",
        "template",
        "target",
        "target-place",
        "usecase",
        "scorecard",
        "order",
        "rebuild",
        "user",
        "group",
        "groups",
        "agent-counts",
        "benchmark",
        "deletions",
        "job",
        "unfinished-jobs",
    ];
    KINDS.iter().find(|kind| **kind == collection).copied().unwrap_or("request")
}

impl fmt::Debug for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// For the log: without the id, which may be a person's.
impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { kind, attribute, .. } = &*self.0;
        write!(formatter, "the attribute '{attribute}' of a record of the kind '{kind}' is absent or not of its type")
    }
}

impl StdError for Unreadable {}

/// INTERNAL, naming the record.
impl From<Unreadable> for Error {
    fn from(unreadable: Unreadable) -> Self {
        let error = match &unreadable.0.name {
            Some(name) => {
                let message = format!("what is kept of '{name}' cannot be read");
                Self::new(Reason::RecordUnreadable, message).with("resource", name)
            }
            None => {
                let message = format!("a record of the kind '{}' cannot be read", unreadable.0.kind);
                Self::new(Reason::RecordUnreadable, message)
            }
        };
        error.because(unreadable)
    }
}

/// Records that were read, and those that could not be.
#[derive(Debug)]
pub struct Found<T> {
    /// Those that could be read, in no order unless stated.
    pub entries: Vec<T>,
    /// Those that could not.
    pub unreadable: Vec<Unreadable>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), unreadable: Vec::new() }
    }
}

impl<T> Found<T> {
    /// All of them.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub fn whole(self) -> Result<Vec<T>, Unreadable> {
        match self.unreadable.into_iter().next() {
            None => Ok(self.entries),
            Some(unreadable) => Err(unreadable),
        }
    }

    pub(crate) fn take(&mut self, read: Result<T, Unreadable>) {
        match read {
            Ok(entry) => self.entries.push(entry),
            Err(unreadable) => self.unreadable.push(unreadable),
        }
    }

    /// These, and `others` after them.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.entries.extend(others.entries);
        self.unreadable.extend(others.unreadable);
        self
    }
}

/// Records that cannot be read, each once, up to [`MAX_UNREADABLE`]; shared by its clones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted(Arc<Mutex<BTreeSet<Unreadable>>>);

impl Noted {
    fn note(&self, unreadable: &Unreadable) {
        if let Ok(mut noted) = self.0.lock()
            && noted.len() < MAX_UNREADABLE
        {
            noted.insert(unreadable.clone());
        }
    }
}

impl Store {
    /// Notes a record that cannot be read, for the log and for the caller's answer.
    pub fn note(&self, unreadable: &Unreadable) {
        self.noted.note(unreadable);
    }

    /// Returns `read`; if it failed, the record is noted.
    pub(crate) fn noting<T>(&self, read: Result<T, Unreadable>) -> Result<T, Unreadable> {
        read.inspect_err(|unreadable| self.note(unreadable))
    }

    /// The unreadable records that this handle met: each once, in the order of their customers, profiles, kinds and
    /// ids, only the first [`MAX_UNREADABLE`] that were met.
    pub fn unreadable(&self) -> Vec<Unreadable> {
        self.noted.0.lock().map(|noted| noted.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use coaching_domain::statistics::Period;

    use super::*;

    fn id<C: Collection>(text: &str) -> Id<C> {
        Id::parse(text).unwrap()
    }

    #[test]
    fn a_key_tells_what_it_is_of_and_which() {
        #[expect(clippy::disallowed_methods, reason = "no request is under way")]
        let tenant = Tenant::for_maintenance("acme", "support").unwrap();
        let customer = tenant.of_customer();
        let user = id("ana");
        let period = Period::of(NaiveDate::from_ymd_opt(2026, 5, 20).unwrap());
        let below = |path: &str| Some(format!("customers/acme/profiles/support/{path}"));
        let ana = Some("customers/acme/users/ana".to_owned());
        let statistics = keys::statistics(&tenant, &id("care"), &user, period);
        for (key, kind, id, name) in [
            (keys::session(&tenant, &id("s")), "session", "s", below("coachingSessions/s")),
            (keys::plan(&tenant, &id("p")), "plan", "p", below("coachingPlans/p")),
            (keys::dependents(&tenant, &id("p")), "dependents", "p", below("coachingPlans/p")),
            (keys::comment(&tenant, &id("c")), "comment", "c", below("coachingComments/c")),
            (keys::scorecard(&tenant, &id("s")), "scorecard", "s", below("scorecards/s")),
            (keys::template(&tenant, &id("t"), None), "template", "t", below("scorecardTemplates/t")),
            (keys::template(&tenant, &id("t"), Some(12)), "template", "t@12", below("scorecardTemplates/t@12")),
            (keys::target(&tenant, &id("t")), "target", "t", below("targets/t")),
            (keys::usecase(&tenant, &id("u")), "usecase", "u", below("usecases/u")),
            (keys::agent(&tenant, &user), "agent", "ana", ana.clone()),
            (keys::user(&customer, &user), "user", "ana", ana.clone()),
            (keys::group(&customer, &id("g")), "group", "g", Some("customers/acme/groups/g".to_owned())),
            (keys::groups(&customer), "groups", "", None),
            (keys::rebuild(&tenant), "rebuild", "", None),
            (statistics, "statistics", "care#2026-05#ana", ana.clone()),
            (
                keys::session_mark(&tenant, &id("care"), &user, period, &id("s")),
                "activity",
                "care#2026-05#ana#session#s",
                ana,
            ),
        ] {
            let unreadable = Unreadable::of(&key, "version");
            let told = (unreadable.kind(), unreadable.id(), unreadable.resource());
            assert_eq!(told, (kind, id, name.as_deref()), "{key:?}");
            assert_eq!(unreadable.customer(), "acme");
            let is_of_ana = name.is_some_and(|name| name.ends_with("/users/ana"));
            assert_eq!(unreadable.user(), is_of_ana.then(|| user.clone()), "{key:?}");
        }
    }

    #[test]
    fn what_is_no_key_of_an_entity_has_no_name() {
        for (partition, sort) in
            [("", ""), ("#", "#"), ("acme#support#session#two words", "session"), ("acme#support#x#y", "")]
        {
            let unreadable = Unreadable::at(partition, sort, "version");
            assert_eq!((unreadable.resource(), unreadable.user()), (None, None), "{partition}");
            assert!(!unreadable.name().is_empty());
        }
    }

    #[test]
    fn the_log_is_told_no_id_and_the_client_no_attribute() {
        let unreadable = Unreadable::at("acme#support#session#of-ana", "session", "private_notes");
        assert!(!unreadable.to_string().contains("of-ana"));
        let error: Error = unreadable.clone().into();
        assert!(error.message().contains("customers/acme/profiles/support/coachingSessions/of-ana"));
        assert!(!error.to_string().contains("private_notes"));
        assert_eq!(Unreadable::cause_of(&error), Some(&unreadable));
    }
}
