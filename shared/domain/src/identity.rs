//! Who is calling, and whose data the call may touch.
//!
//! A [`Tenant`] proves that the caller's verified claims were compared with the path. The keys of the table are made
//! from it, so code without one cannot address anybody's data.

use std::borrow::Cow;

use crate::names::{GroupId, UserId};
use crate::{Error, Reason};

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

/// The names of the four claims in the tokens of an identity provider, such as `https://example.com/role`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// The customer's id.
    pub customer: Box<str>,
    /// The profiles that the token opens.
    pub profiles: Box<str>,
    /// The role.
    pub role: Box<str>,
    /// The user's id.
    pub user: Box<str>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self { customer: "customer".into(), profiles: "profiles".into(), role: "role".into(), user: "sub".into() }
    }
}

impl ClaimNames {
    /// Each claim's meaning, with its name.
    pub fn each(&self) -> [(&'static str, &str); 4] {
        [("customer", &self.customer), ("profiles", &self.profiles), ("role", &self.role), ("user", &self.user)]
    }

    /// The same names, if they are valid: each 1 to 256 visible ASCII characters, and no two the same.
    ///
    /// # Errors
    /// A text for the operator, if a name is not valid or two are the same.
    pub fn checked(self) -> Result<Self, String> {
        let names = self.each();
        for (place, (kind, name)) in names.iter().enumerate() {
            if !(1..=256).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("the name of the claim of {kind} must be 1 to 256 visible characters of ASCII"));
            }
            if let Some((other, _)) = names.iter().skip(place + 1).find(|(_, other)| other == name) {
                return Err(format!("the claims of {kind} and {other} are both called '{name}'"));
            }
        }
        Ok(self)
    }
}

/// The profiles that a token opens.
#[derive(Debug, Clone)]
enum OpenProfiles {
    /// All of the customer's, and the data that they share.
    All,
    /// These.
    Some(Vec<Box<str>>),
}

impl OpenProfiles {
    /// The profiles in a claim: an empty one opens none, `*` alone opens all, otherwise each is named.
    fn parse(claim: Option<&str>) -> Option<Self> {
        let listed: Vec<&str> = claim.map(words).into_iter().flatten().collect();
        if listed == ["*"] {
            return Some(Self::All);
        }
        listed
            .iter()
            .all(|profile| is_profile_id(profile))
            .then(|| Self::Some(listed.into_iter().map(Box::from).collect()))
    }
}

/// The entries of a claim that is a list: `a b`, or `[a b]` as API Gateway's authorizer writes an array.
fn words(claim: &str) -> impl Iterator<Item = &str> {
    entries_of_array(claim).unwrap_or(claim).split_ascii_whitespace()
}

/// The text between the brackets of `[a b]`.
fn entries_of_array(claim: &str) -> Option<&str> {
    claim.strip_prefix('[')?.strip_suffix(']')
}

/// The role in a claim: its name, or an array that contains exactly one role. Identity providers list all roles of a
/// user, and those of other applications may be among them.
fn role_in(claim: &str) -> Option<Role> {
    let Some(entries) = entries_of_array(claim) else { return Role::parse(claim) };
    let mut known = entries.split_ascii_whitespace().filter_map(Role::parse);
    known.next().filter(|_| known.next().is_none())
}

/// The caller of one request, from claims that an authorizer verified.
#[derive(Debug, Clone)]
pub struct Caller {
    customer: Box<str>,
    profiles: OpenProfiles,
    role: Role,
    user: UserId,
}

impl Caller {
    /// Reads the claims called `names`, each through `claim`, as API Gateway's authorizer passes them: the customer's
    /// id; the profiles (`a b`, or an array as `[a b]`; `*`: all of the customer's; absent or empty: none); the role,
    /// or an array with just this one of the four; the user's id.
    ///
    /// Numbers and booleans arrive as text, so a user `5` and a number 5 are the same.
    ///
    /// Only the edge calls this, with claims whose signature, issuer, audience and times were verified.
    ///
    /// # Errors
    /// PERMISSION_DENIED naming the claim that is absent or unusable.
    pub fn from_verified_claims<'a>(
        names: &ClaimNames,
        claim: impl Fn(&str) -> Option<Cow<'a, str>>,
    ) -> Result<Self, Error> {
        let refused = |name: &str| {
            Error::new(Reason::ClaimUnusable, format!("the token's claim '{name}' is absent or unusable"))
                .with("claim", name)
        };
        let customer =
            claim(&names.customer).filter(|id| is_customer_id(id)).ok_or_else(|| refused(&names.customer))?;
        let profiles =
            OpenProfiles::parse(claim(&names.profiles).as_deref()).ok_or_else(|| refused(&names.profiles))?;
        let role = claim(&names.role).and_then(|role| role_in(&role)).ok_or_else(|| refused(&names.role))?;
        let user = claim(&names.user).and_then(|id| UserId::parse(&id)).ok_or_else(|| refused(&names.user))?;
        Ok(Self { customer: customer.into(), profiles, role, user })
    }

    /// The one for whom a job of `tenant` works: `user`, who started it in `role`. Only the worker of jobs calls this,
    /// with what the operation that started the job noted of its caller.
    pub fn of_job(tenant: &Tenant, user: UserId, role: Role) -> Self {
        Self {
            customer: tenant.customer.clone(),
            profiles: OpenProfiles::Some(vec![tenant.profile.clone()]),
            role,
            user,
        }
    }

    /// The caller's customer, to say whose request it was; only a [`Tenant`] opens records.
    pub fn customer(&self) -> &str {
        &self.customer
    }

    /// The caller's own customer, for what the directory says of the caller: a token without profiles opens that too.
    pub fn own_customer(&self) -> CustomerTenant {
        CustomerTenant(self.customer.clone())
    }

    /// The names of the profiles that the claims open; `None`: all of the customer's.
    pub fn profile_names(&self) -> Option<Vec<String>> {
        match &self.profiles {
            OpenProfiles::All => None,
            OpenProfiles::Some(profiles) => {
                Some(profiles.iter().map(|profile| profile_name(&self.customer, profile)).collect())
            }
        }
    }

    /// The caller's role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The caller's user id (the token's `sub`).
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The caller, if they are an agent, and so are shown only what is theirs.
    pub fn agent(&self) -> Option<&UserId> {
        Some(&self.user).filter(|_| self.role == Role::Agent)
    }

    /// The tenant of a path, if the caller's claims open it.
    ///
    /// # Errors
    /// PERMISSION_DENIED, the same whether the customer and profile exist or not.
    pub fn enter(&self, customer: &str, profile: &str) -> Result<Tenant, Error> {
        let is_open = match &self.profiles {
            OpenProfiles::All => is_profile_id(profile),
            OpenProfiles::Some(profiles) => profiles.iter().any(|one| **one == *profile),
        };
        if customer == &*self.customer && is_open {
            Ok(Tenant { customer: customer.into(), profile: profile.into() })
        } else {
            Err(Error::permission_denied(&profile_name(customer, profile)))
        }
    }

    /// Whether the claims open all profiles of the customer, and with them the data that these share.
    pub fn enters_every_profile(&self) -> bool {
        matches!(self.profiles, OpenProfiles::All)
    }

    /// The customer of a path as a whole, if the caller's claims open all its profiles.
    ///
    /// # Errors
    /// PERMISSION_DENIED, the same whether the customer exists or not.
    pub fn enter_customer(&self, customer: &str) -> Result<CustomerTenant, Error> {
        if customer == &*self.customer && self.enters_every_profile() {
            Ok(CustomerTenant(customer.into()))
        } else {
            Err(Error::permission_denied(&format!("customers/{customer}")))
        }
    }

    /// The customer of a path, for data of which each profile is shown its own, and the profiles that the caller's claims
    /// open; `None`: all.
    ///
    /// # Errors
    /// PERMISSION_DENIED, the same whether the customer exists or not; also if the claims open no profile.
    pub fn enter_some_profiles(&self, customer: &str) -> Result<(CustomerTenant, Option<Vec<Tenant>>), Error> {
        let OpenProfiles::Some(profiles) = &self.profiles else {
            return Ok((self.enter_customer(customer)?, None));
        };
        let opened = profiles.iter().map(|profile| self.enter(customer, profile));
        match opened.collect::<Result<Vec<_>, _>>() {
            Ok(opened) if !opened.is_empty() => Ok((CustomerTenant(customer.into()), Some(opened))),
            _ => Err(Error::permission_denied(&format!("customers/{customer}"))),
        }
    }

    /// Refuses a caller whose role is not among `roles`.
    ///
    /// # Errors
    /// PERMISSION_DENIED naming `roles`, and nothing of the resource.
    pub fn require_role(&self, roles: &[Role]) -> Result<(), Error> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        let role = self.role.as_str();
        let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let message = format!("the role {role} may not do this; it is for {}", roles.join(", "));
        Err(Error::new(Reason::RoleNotAllowed, message).with("role", role).with("allowedRoles", roles.join(" ")))
    }
}

/// One profile of one customer, opened by the claims of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    customer: Box<str>,
    profile: Box<str>,
}

impl Tenant {
    /// The tenant of a maintenance task, which an operator starts and no caller of the API can. Only for tasks without
    /// a route.
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

    /// The customer, for the data that its profiles share.
    pub fn of_customer(&self) -> CustomerTenant {
        CustomerTenant(self.customer.clone())
    }

    /// `customers/{customer_id}/profiles/{profile_id}`
    pub fn name(&self) -> String {
        profile_name(&self.customer, &self.profile)
    }
}

fn profile_name(customer: &str, profile: &str) -> String {
    format!("customers/{customer}/profiles/{profile}")
}

/// One customer as a whole, with the data that its profiles share, opened by the claims of the caller.
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

/// A customer's id is 1 to 128 of `a–z 0–9 -`, so that it can be an IAM session tag, and part of an IAM policy's
/// pattern without being a pattern itself.
fn is_customer_id(text: &str) -> bool {
    is_profile_id(text) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A profile's id follows the same rule as a group's and most others.
fn is_profile_id(text: &str) -> bool {
    GroupId::parse(text).is_some()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Code;

    pub(crate) fn tenant(customer: &str, profile: &str) -> Tenant {
        Tenant { customer: customer.into(), profile: profile.into() }
    }

    #[expect(clippy::disallowed_methods, reason = "claims are read here without an edge")]
    fn caller_by(names: &ClaimNames, claims: &[(&str, &'static str)]) -> Result<Caller, Error> {
        Caller::from_verified_claims(names, |name| {
            claims.iter().find(|(key, _)| *key == name).map(|(_, value)| Cow::Borrowed(*value))
        })
    }

    /// A caller with this role, of every profile of `acme`, whose user is `u1`.
    pub(crate) fn caller_with(role: &'static str) -> Caller {
        caller(&[("customer", "acme"), ("profiles", "*"), ("role", role), ("sub", "u1")]).unwrap()
    }

    fn caller(claims: &[(&str, &'static str)]) -> Result<Caller, Error> {
        caller_by(&ClaimNames::default(), claims)
    }

    const MANAGER: [(&str, &str); 3] = [("customer", "acme"), ("role", "manager"), ("sub", "m1")];

    fn manager_of(profiles: &'static str) -> Result<Caller, Error> {
        caller(&[MANAGER.as_slice(), &[("profiles", profiles)]].concat())
    }

    #[test]
    fn a_caller_enters_only_their_customer_and_profiles() {
        for all in ["*", "[*]", " * "] {
            let everywhere = manager_of(all).unwrap();
            assert!(everywhere.enter("acme", "support").is_ok());
            assert!(everywhere.enter("acme", "sales").is_ok());
            assert!(everywhere.enter_customer("acme").is_ok());
            assert!(everywhere.enter_customer("globex").is_err());
            for (customer, profile) in [
                ("acme-eu", "support"),
                ("ACME", "support"),
                ("", "support"),
                ("acme", ""),
                ("acme", "*"),
                ("acme", "a#b"),
                ("acme", "a|b"),
            ] {
                assert_eq!(everywhere.enter(customer, profile).unwrap_err().code(), Code::PermissionDenied);
            }
        }
        for some in ["support care", "[support care]", " support  care ", "[care support]"] {
            let support = manager_of(some).unwrap();
            assert!(support.enter("acme", "support").is_ok(), "{some}");
            assert!(support.enter("acme", "care").is_ok(), "{some}");
            assert!(support.enter("acme", "sales").is_err(), "{some}");
            assert!(support.enter_customer("acme").is_err(), "{some}");
        }
        assert!(manager_of("[support]").unwrap().enter("acme", "support").is_ok());
    }

    #[test]
    fn a_token_that_names_no_profile_opens_none() {
        let callers = [caller(&MANAGER), manager_of(""), manager_of("[]"), manager_of(" "), manager_of("[ ]")];
        for nowhere in callers.map(Result::unwrap) {
            assert!(nowhere.enter("acme", "support").is_err());
            assert!(nowhere.enter("acme", "").is_err());
            assert!(nowhere.enter_customer("acme").is_err());
        }
    }

    #[test]
    fn unusable_claims_are_named() {
        for (claims, named) in [
            (vec![("role", "manager"), ("sub", "m1")], "customer"),
            (vec![("customer", "Acme"), ("role", "manager"), ("sub", "m1")], "customer"),
            (vec![("customer", "[acme]"), ("role", "manager"), ("sub", "m1")], "customer"),
            (vec![("customer", "acme"), ("role", "root"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("role", "manager agent"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("role", "[manager agent]"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("role", "[manager manager]"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("role", "[billing]"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("role", "[]"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("role", "[manager"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("sub", "m1")], "role"),
            (vec![("customer", "acme"), ("role", "agent"), ("sub", "a#b")], "sub"),
            (vec![("customer", "acme"), ("role", "agent"), ("sub", "[ana]")], "sub"),
            (vec![("customer", "acme"), ("role", "agent")], "sub"),
            (vec![("customer", "acme"), ("role", "agent"), ("sub", "a"), ("profiles", "a,b")], "profiles"),
            (vec![("customer", "acme"), ("role", "agent"), ("sub", "a"), ("profiles", "* support")], "profiles"),
            (vec![("customer", "acme"), ("role", "agent"), ("sub", "a"), ("profiles", "**")], "profiles"),
            (vec![("customer", "acme"), ("role", "agent"), ("sub", "a"), ("profiles", "[[*]]")], "profiles"),
            (vec![("customer", "acme"), ("role", "agent"), ("sub", "a"), ("profiles", r#"["support"]"#)], "profiles"),
        ] {
            let error = caller(&claims).unwrap_err();
            assert_eq!((error.reason(), error.metadata()), (Reason::ClaimUnusable, &[("claim", named.to_owned())][..]));
        }
    }

    #[test]
    fn a_role_may_stand_in_an_array() {
        for (claim, role) in
            [("manager", Role::Manager), ("[manager]", Role::Manager), ("[billing.read service Agent]", Role::Service)]
        {
            let claims = [("customer", "acme"), ("role", claim), ("sub", "m1")];
            assert_eq!(caller(&claims).unwrap().role(), role);
        }
    }

    #[test]
    fn users_have_the_ids_that_identity_providers_give_them() {
        for sub in
            ["auth0|5f7c8ec7c33c6c004bbafe82", "google-oauth2|103547991597142817347", "ana+test@example.com", "QW5h=="]
        {
            let caller = caller(&[("customer", "acme"), ("role", "agent"), ("sub", sub)]).unwrap();
            assert_eq!(caller.user().as_str(), sub);
        }
    }

    #[test]
    fn claims_are_read_by_their_configured_names_alone() {
        let names = ClaimNames {
            customer: "https://example.com/customer".into(),
            profiles: "https://example.com/profiles".into(),
            role: "roles".into(),
            user: "oid".into(),
        };
        let claims = [
            ("https://example.com/customer", "acme"),
            ("https://example.com/profiles", "[support]"),
            ("roles", "[agent]"),
            ("oid", "ana"),
            ("customer", "globex"),
            ("profiles", "*"),
            ("role", "admin"),
            ("sub", "root"),
        ];
        let ana = caller_by(&names, &claims).unwrap();
        assert_eq!((ana.customer(), ana.role(), ana.user().as_str()), ("acme", Role::Agent, "ana"));
        assert!(ana.enter("acme", "support").is_ok() && !ana.enters_every_profile());
        for (place, name) in [(0, "https://example.com/customer"), (2, "roles"), (3, "oid")] {
            let mut claims = claims.to_vec();
            claims.remove(place);
            assert_eq!(caller_by(&names, &claims).unwrap_err().metadata(), [("claim", name.to_owned())]);
        }
        let unnamed = [&claims[..1], &claims[2..]].concat();
        assert!(caller_by(&names, &unnamed).unwrap().enter("acme", "support").is_err(), "no other claim stands for it");
    }

    #[test]
    fn names_that_no_four_claims_can_have_are_refused() {
        assert!(ClaimNames::default().checked().is_ok());
        for (name, told) in [
            ("role", "role and user are both called 'role'"),
            ("", "claim of user"),
            ("a b", "claim of user"),
            ("ä", "claim of user"),
        ] {
            let refused = ClaimNames { user: name.into(), ..ClaimNames::default() }.checked().unwrap_err();
            assert!(refused.contains(told), "{refused}");
        }
        let namespaced = ClaimNames { user: "https://example.com/user".into(), ..ClaimNames::default() };
        assert!(namespaced.checked().is_ok());
    }

    #[test]
    fn a_role_that_may_not_is_told_which_may() {
        let manager = manager_of("*").unwrap();
        assert!(manager.require_role(&[Role::Service, Role::Manager]).is_ok());
        let refused = manager.require_role(&[Role::Service, Role::Admin]).unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (Code::PermissionDenied, Reason::RoleNotAllowed));
        assert_eq!(refused.message(), "the role manager may not do this; it is for service, admin");
        assert_eq!(refused.metadata(), [("role", "manager".to_owned()), ("allowedRoles", "service admin".to_owned())]);
    }
}
