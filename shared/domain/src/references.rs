//! The resources that a request names beside its subject: usecases, templates and people, which must exist; plans,
//! sessions and threads, which must also belong to the right agent or plan.

use std::collections::{HashMap, HashSet};

use crate::names::{
    CoachingCommentId, CoachingPlanId, CoachingSessionId, GroupId, ScorecardTemplateId, UsecaseId, UserId,
};
use crate::{Tenant, Violations};

/// A resource that a request names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    /// A usecase.
    Usecase(UsecaseId),
    /// A template, in any revision.
    Template(ScorecardTemplateId),
    /// A user in the directory.
    User(UserId),
    /// A plan.
    Plan(CoachingPlanId),
    /// A group in the directory.
    Group(GroupId),
    /// A user in the directory who works in the profile, or worked there before they left.
    Colleague(UserId),
    /// Such a user who is an agent.
    Agent(UserId),
}

impl Named {
    /// The fault of naming it, if it does not exist.
    fn fault(&self, tenant: &Tenant) -> String {
        match self {
            Self::Usecase(id) => format!("'{}' does not exist", tenant.name_of(id)),
            Self::Template(id) => format!("'{}' does not exist", tenant.name_of(id)),
            Self::User(id) => format!("'{}' is not in the directory", tenant.name_of(id)),
            Self::Plan(id) => format!("'{}' does not exist", tenant.name_of(id)),
            Self::Group(id) => format!("'{}' does not exist", tenant.name_of(id)),
            Self::Colleague(id) => format!("'{}' is no one of this profile in the directory", tenant.name_of(id)),
            Self::Agent(id) => format!("'{}' is no agent of this profile in the directory", tenant.name_of(id)),
        }
    }
}

/// The resources that a request names, each with the path of its field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct References(Vec<(String, Named)>);

impl References {
    /// Adds the usecases in `field`.
    #[must_use]
    pub fn usecases<'a>(mut self, field: &str, ids: impl IntoIterator<Item = &'a UsecaseId>) -> Self {
        self.0.extend(ids.into_iter().map(|id| (field.to_owned(), Named::Usecase(id.clone()))));
        self
    }

    /// Adds the template in `field`.
    #[must_use]
    pub fn template(mut self, field: impl Into<String>, id: &ScorecardTemplateId) -> Self {
        self.0.push((field.into(), Named::Template(id.clone())));
        self
    }

    /// Adds the users in `field`.
    #[must_use]
    pub fn users<'a>(mut self, field: &str, ids: impl IntoIterator<Item = &'a UserId>) -> Self {
        self.0.extend(ids.into_iter().map(|id| (field.to_owned(), Named::User(id.clone()))));
        self
    }

    /// Adds the plans in `field`.
    #[must_use]
    pub fn plans<'a>(mut self, field: &str, ids: impl IntoIterator<Item = &'a CoachingPlanId>) -> Self {
        self.0.extend(ids.into_iter().map(|id| (field.to_owned(), Named::Plan(id.clone()))));
        self
    }

    /// Adds the groups in `field`.
    #[must_use]
    pub fn groups<'a>(mut self, field: &str, ids: impl IntoIterator<Item = &'a GroupId>) -> Self {
        self.0.extend(ids.into_iter().map(|id| (field.to_owned(), Named::Group(id.clone()))));
        self
    }

    /// Adds the coached user in `field`, who must be an agent of the profile. A caller who `imports` history may also
    /// name someone who was an agent and no longer is.
    #[must_use]
    pub fn coached(mut self, field: impl Into<String>, id: &UserId, imports: bool) -> Self {
        let named = if imports { Named::Colleague(id.clone()) } else { Named::Agent(id.clone()) };
        self.0.push((field.into(), named));
        self
    }

    /// Adds `others`.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The named resources, some perhaps more than once.
    pub fn named(&self) -> impl Iterator<Item = &Named> {
        self.0.iter().map(|(_, named)| named)
    }

    /// Notes each field that names resources that are not in `exists`, with all of those.
    pub fn check(&self, tenant: &Tenant, exists: &HashSet<Named>, violations: &mut Violations) {
        let mut unknown: Vec<(&str, Vec<String>)> = Vec::new();
        for (field, named) in self.0.iter().filter(|(_, named)| !exists.contains(named)) {
            match unknown.iter_mut().find(|(known, _)| known == field) {
                Some((_, faults)) => faults.push(named.fault(tenant)),
                None => unknown.push((field, vec![named.fault(tenant)])),
            }
        }
        for (field, faults) in unknown {
            violations.add(field, faults.join("; "));
        }
    }
}

/// The owners of the plans, sessions and comments that a request names, as far as they exist.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    /// The agents of plans.
    pub plans: HashMap<CoachingPlanId, UserId>,
    /// The agents of sessions.
    pub sessions: HashMap<CoachingSessionId, UserId>,
    /// The plans of comments that begin a thread; `None` for a thread about no plan.
    pub threads: HashMap<CoachingCommentId, Option<CoachingPlanId>>,
}

impl Owners {
    /// The agent of a plan.
    pub fn of_plan(&self, plan: &CoachingPlanId) -> Option<&UserId> {
        self.plans.get(plan)
    }

    /// Notes in `field` the `sessions` that do not exist or, if there is an `agent`, are not theirs. The text is the
    /// same for both.
    pub fn check_sessions<'a>(
        &self,
        sessions: impl IntoIterator<Item = &'a CoachingSessionId>,
        agent: Option<&UserId>,
        field: &str,
        tenant: &Tenant,
        violations: &mut Violations,
    ) {
        let of_agent = |owner: &&UserId| agent.is_none_or(|agent| *owner == agent);
        let whose = agent.map_or("", |_| " of the plan's agent");
        let others = sessions.into_iter().filter(|session| self.sessions.get(*session).filter(of_agent).is_none());
        let faults: Vec<String> =
            others.map(|session| format!("'{}' is no session{whose}", tenant.name_of(session))).collect();
        if !faults.is_empty() {
            violations.add(field, faults.join("; "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::tenant;

    #[test]
    fn a_field_is_named_once_with_all_that_does_not_exist() {
        let ids = ["care", "none", "nothing"].map(|id| UsecaseId::parse(id).unwrap());
        let template = ScorecardTemplateId::parse("lost").unwrap();
        let references = References::default().usecases("usecaseNames", &ids).template("templateName", &template);
        let exists = HashSet::from([Named::Usecase(ids[0].clone())]);
        let mut violations = Violations::default();
        references.check(&tenant("acme", "support"), &exists, &mut violations);
        let error = violations.into_result().unwrap_err();
        let parent = "customers/acme/profiles/support";
        assert_eq!(
            error.message(),
            format!(
                "usecaseNames: '{parent}/usecases/none' does not exist; '{parent}/usecases/nothing' does not exist; \
                 templateName: '{parent}/scorecardTemplates/lost' does not exist"
            )
        );
    }
}
