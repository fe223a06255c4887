//! What a request names beside what it is about: usecases and templates, which must exist.

use std::collections::HashSet;

use crate::names::{ScorecardTemplateId, UsecaseId};
use crate::{Tenant, Violations};

/// What a request names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    /// A usecase.
    Usecase(UsecaseId),
    /// A template, in any revision.
    Template(ScorecardTemplateId),
}

impl Named {
    fn name(&self, tenant: &Tenant) -> String {
        match self {
            Self::Usecase(id) => tenant.name_of(id),
            Self::Template(id) => tenant.name_of(id),
        }
    }
}

/// What a request names, each with the path of the field that holds it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct References(Vec<(String, Named)>);

impl References {
    /// With the usecases that `field` holds.
    #[must_use]
    pub fn usecases<'a>(mut self, field: &str, ids: impl IntoIterator<Item = &'a UsecaseId>) -> Self {
        self.0.extend(ids.into_iter().map(|id| (field.to_owned(), Named::Usecase(id.clone()))));
        self
    }

    /// With a template that `field` holds.
    #[must_use]
    pub fn template(mut self, field: impl Into<String>, id: &ScorecardTemplateId) -> Self {
        self.0.push((field.into(), Named::Template(id.clone())));
        self
    }

    /// What is named, some of it perhaps more than once.
    pub fn named(&self) -> impl Iterator<Item = &Named> {
        self.0.iter().map(|(_, named)| named)
    }

    /// Notes the fields that hold what is not among what `exists`.
    pub fn check(&self, tenant: &Tenant, exists: &HashSet<Named>, violations: &mut Violations) {
        for (field, named) in self.0.iter().filter(|(_, named)| !exists.contains(named)) {
            violations.add(field.as_str(), format!("'{}' does not exist", named.name(tenant)));
        }
    }
}
