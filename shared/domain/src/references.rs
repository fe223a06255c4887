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

    /// Notes the fields that hold what is not among what `exists`, each with all of that which it holds.
    pub fn check(&self, tenant: &Tenant, exists: &HashSet<Named>, violations: &mut Violations) {
        let mut unknown: Vec<(&str, Vec<String>)> = Vec::new();
        for (field, named) in self.0.iter().filter(|(_, named)| !exists.contains(named)) {
            let name = named.name(tenant);
            match unknown.iter_mut().find(|(known, _)| known == field) {
                Some((_, names)) => names.push(name),
                None => unknown.push((field, vec![name])),
            }
        }
        for (field, names) in unknown {
            violations.add(field, format!("'{}' does not exist", names.join("', '")));
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
                "usecaseNames: '{parent}/usecases/none', '{parent}/usecases/nothing' does not exist; \
                 templateName: '{parent}/scorecardTemplates/lost' does not exist"
            )
        );
    }
}
