//! Who is calling, and whose data the call may touch.
//!
//! A [`Tenant`] is the proof that the caller's verified claims were compared with the path. Keys of
//! the table are functions of it, so code that was not handed one cannot address anybody's data.

use crate::names::UserId;
use crate::{Code, Error};

/// What a caller may do, from the token's `role` claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees and does what is theirs: own sessions, plans, scorecards and progress.
    Agent,
    /// Coaches: creates and changes plans and sessions of the profiles in the token.
    Manager,
    /// A customer's own system: may import history with its own times.
    Service,
    /// Everything a manager and a service may do.
    Admin,
}

impl Role {
    /// The roles by name.
    pub const NAMES: [(&'static str, Self); 4] =
        [("agent", Self::Agent), ("manager", Self::Manager), ("service", Self::Service), ("admin", Self::Admin)];

    /// The role that the claim `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, role)| *role)
    }

    /// The claim's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Manager => "manager",
            Self::Service => "service",
            Self::Admin => "admin",
        }
    }

    /// Whether the role may import history: its times, and fields that another role owns, are kept.
    pub fn imports_history(self) -> bool {
        matches!(self, Self::Service | Self::Admin)
    }
}

/// The caller of one request, from claims that an authorizer verified.
#[derive(Debug, Clone)]
pub struct Caller {
    customer: Box<str>,
    profiles: Option<Vec<Box<str>>>,
    role: Role,
    user: UserId,
}

impl Caller {
    /// Reads the claims `customer`, `profiles` (space-separated; absent: all of the customer's),
    /// `role` and `sub` through `claim`.
    ///
    /// Only the edge calls this, with claims whose signature, issuer, audience and times were verified.
    ///
    /// # Errors
    /// PERMISSION_DENIED naming the claim that is absent or unusable.
    pub fn from_verified_claims<'a>(claim: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Error> {
        let refused = |name: &'static str| {
            Error::new(
                Code::PermissionDenied,
                "CLAIM_UNUSABLE",
                format!("the token's claim '{name}' is absent or unusable"),
            )
            .with("claim", name)
        };
        let customer = claim("customer").filter(|id| is_customer_id(id)).ok_or_else(|| refused("customer"))?;
        let profiles = match claim("profiles") {
            None => None,
            Some(list) => {
                let profiles: Vec<Box<str>> = list.split_ascii_whitespace().map(Box::from).collect();
                if !profiles.iter().all(|profile| is_profile_id(profile)) {
                    return Err(refused("profiles"));
                }
                Some(profiles)
            }
        };
        let role = claim("role").and_then(Role::parse).ok_or_else(|| refused("role"))?;
        let user = claim("sub").and_then(UserId::parse).ok_or_else(|| refused("sub"))?;
        Ok(Self { customer: customer.into(), profiles, role, user })
    }

    /// The caller's customer, to tell whom a request was for; a [`Tenant`] is what opens records.
    pub fn customer(&self) -> &str {
        &self.customer
    }

    /// The caller's role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The caller's user id (the token's `sub`).
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The tenant of a path, if the caller's claims open it.
    ///
    /// # Errors
    /// PERMISSION_DENIED, the same whether the customer and profile exist or not.
    pub fn enter(&self, customer: &str, profile: &str) -> Result<Tenant, Error> {
        let open = customer == &*self.customer
            && is_profile_id(profile)
            && self.profiles.as_ref().is_none_or(|profiles| profiles.iter().any(|one| &**one == profile));
        if open {
            Ok(Tenant { customer: customer.into(), profile: profile.into() })
        } else {
            Err(Error::permission_denied(&format!("customers/{customer}/profiles/{profile}")))
        }
    }

    /// The whole customer of a path, if the caller's claims open it in all its profiles.
    ///
    /// # Errors
    /// PERMISSION_DENIED, the same whether the customer exists or not.
    pub fn enter_customer(&self, customer: &str) -> Result<CustomerTenant, Error> {
        if customer == &*self.customer && self.profiles.is_none() {
            Ok(CustomerTenant(customer.into()))
        } else {
            Err(Error::permission_denied(&format!("customers/{customer}")))
        }
    }

    /// Refuses a caller whose role is not among `roles`.
    ///
    /// # Errors
    /// PERMISSION_DENIED on `tenant`, the resource name of what was entered.
    pub fn require_role(&self, tenant: &str, roles: &[Role]) -> Result<(), Error> {
        if roles.contains(&self.role) { Ok(()) } else { Err(Error::permission_denied(tenant)) }
    }
}

/// One profile of one customer, opened by the claims of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    customer: Box<str>,
    profile: Box<str>,
}

impl Tenant {
    /// The tenant of maintenance that an operator starts, and no caller of the API can: for tasks
    /// without a route only.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if either is no id.
    pub fn for_maintenance(customer: &str, profile: &str) -> Result<Self, Error> {
        if !is_customer_id(customer) || !is_profile_id(profile) {
            return Err(Error::invalid_field("customer", "customer and profile must be ids"));
        }
        Ok(Self { customer: customer.into(), profile: profile.into() })
    }

    /// The customer's id.
    pub fn customer(&self) -> &str {
        &self.customer
    }

    /// The profile's id.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// The customer, for what its profiles share.
    pub fn of_customer(&self) -> CustomerTenant {
        CustomerTenant(self.customer.clone())
    }

    /// `customers/{customer_id}/profiles/{profile_id}`
    pub fn name(&self) -> String {
        format!("customers/{}/profiles/{}", self.customer, self.profile)
    }
}

/// One customer as a whole, opened by the claims of the caller: what its profiles share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerTenant(Box<str>);

impl CustomerTenant {
    /// The customer's id.
    pub fn customer(&self) -> &str {
        &self.0
    }

    /// The profile in the resource name `name`, which must lie under this customer: all its profiles
    /// are open to the caller.
    ///
    /// # Errors
    /// A text that says what is wrong with the name.
    pub fn profile_in(&self, name: &str) -> Result<Tenant, &'static str> {
        match name.split('/').collect::<Vec<_>>().as_slice() {
            ["customers", customer, "profiles", profile] if is_profile_id(profile) => {
                if **customer == *self.0 {
                    Ok(Tenant { customer: self.0.clone(), profile: (*profile).into() })
                } else {
                    Err("must lie under the customer of the request's path")
                }
            }
            _ => Err("must have the form customers/{customer_id}/profiles/{profile_id}"),
        }
    }

    /// `customers/{customer_id}`
    pub fn name(&self) -> String {
        format!("customers/{}", self.0)
    }
}

/// A customer's id is 1 to 128 of `a–z 0–9 -`: it can be an IAM session tag and part of an IAM
/// policy's pattern without being one itself.
fn is_customer_id(text: &str) -> bool {
    UserId::parse(text).is_some()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Profiles are named by the same rule as everything else.
fn is_profile_id(text: &str) -> bool {
    UserId::parse(text).is_some()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn tenant(customer: &str, profile: &str) -> Tenant {
        Tenant { customer: customer.into(), profile: profile.into() }
    }

    #[expect(clippy::disallowed_methods, reason = "claims are read here without an edge")]
    fn caller(claims: &[(&str, &'static str)]) -> Result<Caller, Error> {
        Caller::from_verified_claims(|name| claims.iter().find(|(key, _)| *key == name).map(|(_, value)| *value))
    }

    const MANAGER: [(&str, &str); 3] = [("customer", "acme"), ("role", "manager"), ("sub", "m1")];

    #[test]
    fn a_caller_enters_only_their_customer_and_profiles() {
        let everywhere = caller(&MANAGER).unwrap();
        assert!(everywhere.enter("acme", "support").is_ok());
        assert!(everywhere.enter("acme", "sales").is_ok());
        for (customer, profile) in
            [("acme-eu", "support"), ("ACME", "support"), ("", "support"), ("acme", ""), ("acme", "a#b")]
        {
            assert_eq!(everywhere.enter(customer, profile).unwrap_err().code(), Code::PermissionDenied);
        }
        let support = caller(&[MANAGER.as_slice(), &[("profiles", "support care")]].concat()).unwrap();
        assert!(support.enter("acme", "support").is_ok());
        assert!(support.enter("acme", "care").is_ok());
        assert!(support.enter("acme", "sales").is_err());
        let nowhere = caller(&[MANAGER.as_slice(), &[("profiles", "")]].concat()).unwrap();
        assert!(nowhere.enter("acme", "support").is_err());
    }

    #[test]
    fn unusable_claims_are_named() {
        for (claims, named) in [
            (vec![("role", "manager"), ("sub", "m1")], "customer"),
            (vec![("customer", "Acme"), ("role", "manager"), ("sub", "m1")], "customer"),
            (vec![("customer", "acme"), ("role", "root"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("role", "agent"), ("sub", "a#b")], "sub"),
            (vec![("customer", "acme"), ("role", "agent")], "sub"),
            (vec![("customer", "acme"), ("role", "agent"), ("sub", "a"), ("profiles", "a,b")], "profiles"),
        ] {
            let error = caller(&claims).unwrap_err();
            assert_eq!(error.metadata(), [("claim", named.to_owned())]);
        }
    }
}
