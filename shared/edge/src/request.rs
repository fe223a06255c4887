//! A request as operations read it.

use std::borrow::Cow;
#[cfg(feature = "document")]
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use coaching_domain::bodies::{Entry, Paged};
use coaching_domain::change::Author;
use coaching_domain::json::{Json, JsonError, MAX_VALUES};
use coaching_domain::message::{Message, Object, Origin, Place, Scope};
use coaching_domain::names::{Collection, UserId};
use coaching_domain::queries::{DeletionQuery, StepQuery, UpdateQuery};
use coaching_domain::{
    Caller, ClaimNames, Code, CustomerTenant, Error, ExpectedEtag, Id, Parameters, Reason, Role, Tenant, Timestamp,
    UpdateMask, Violations, bodies,
};
use coaching_store::IdempotencyRecord;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::query::Query;
use crate::{HttpEvent, Operation, RequestType, Verb, identity, takes_gzip};

/// The largest body, in bytes after base64 decoding.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The most bytes of path, query and headers together. API Gateway takes 10,240 and adds headers of its own.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// One request of a caller whose token was verified.
#[derive(Debug)]
pub struct Request<'a> {
    operation: &'a Operation,
    event: &'a HttpEvent,
    caller: Caller,
    /// Whether its query and body were read.
    #[cfg(feature = "document")]
    is_read: AtomicBool,
}

impl<'a> Request<'a> {
    /// The request in `event` for `operation`. The claims called `names` identify its caller.
    ///
    /// # Errors
    /// UNAUTHENTICATED without verified claims; PERMISSION_DENIED naming an unusable claim; INVALID_ARGUMENT if path,
    /// query and headers are larger than any that API Gateway passes; NOT_FOUND for a path that only looks like one of
    /// the route, because a variable of it contains a slash.
    pub(crate) fn new(operation: &'a Operation, event: &'a HttpEvent, names: &ClaimNames) -> Result<Self, Error> {
        let caller = identity::caller(event, names)?;
        let request = Self {
            operation,
            event,
            caller,
            #[cfg(feature = "document")]
            is_read: AtomicBool::new(false),
        };
        if event.head_bytes() > MAX_HEAD_BYTES {
            return Err(Error::invalid_field(
                "query",
                format!("must, with path and headers, take at most {MAX_HEAD_BYTES} bytes"),
            ));
        }
        // API Gateway decodes variables after it has found the route: a slash that was escaped twice appears here.
        if event.path_parameters.values().any(|value| value.contains('/')) {
            return Err(request.no_such_path());
        }
        Ok(request)
    }

    /// Asserts, where declarations are kept, that `read` is what the operation or the verb of the path declares.
    pub(crate) fn assert_declared(&self, read: RequestType) {
        #[cfg(feature = "document")]
        {
            let asked = self.event.path_parameters.values().filter_map(|value| value.rsplit_once(':'));
            let verb = asked.filter_map(|(_, asked)| self.verb(asked)).next();
            let declared = verb.map_or(self.operation.request, |verb| verb.request);
            assert!(read == declared, "{} declares {declared:?} and reads {read:?}", self.operation.name);
            self.is_read.store(true, Ordering::Relaxed);
        }
        #[cfg(not(feature = "document"))]
        let _ = read;
    }

    /// Asserts, where declarations are kept, that the query and the body were read: else a client would not be told what
    /// is wrong in them.
    pub(crate) fn assert_read(&self) {
        #[cfg(feature = "document")]
        assert!(self.is_read.load(Ordering::Relaxed), "{} answers a request that it did not read", self.operation.name);
    }

    /// The operation's verb of this name.
    fn verb(&self, name: &str) -> Option<&'static Verb> {
        self.operation.verbs.iter().find(|verb| verb.name == name)
    }

    /// Whether the client takes an answer that is compressed (gzip).
    pub fn takes_gzip(&self) -> bool {
        takes_gzip(self.event.header("accept-encoding").unwrap_or_default())
    }

    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The path's customer and profile, opened for a caller with one of the operation's roles. Nothing of the request
    /// but its operation is checked before this (AIP-211).
    ///
    /// # Errors
    /// PERMISSION_DENIED, the same whether the customer and profile exist or not; NOT_FOUND for a path with a verb,
    /// whatever the role; PERMISSION_DENIED naming the roles.
    pub fn authorize(&self) -> Result<Tenant, Error> {
        let tenant = self.enter()?;
        self.require_no_verb()?;
        self.caller.require_role(self.operation.roles)?;
        Ok(tenant)
    }

    /// As [`Request::authorize`], for an operation with verbs, with `id:verb` in the route's variable `parameter`; also
    /// returns the id and the name of the verb. API Gateway takes no route that mixes a variable and text, so an item's
    /// verbs share one. No id contains a colon.
    ///
    /// # Errors
    /// PERMISSION_DENIED, the same whether the customer and profile exist or not; NOT_FOUND for another verb or none,
    /// whatever the role; PERMISSION_DENIED naming the verb's roles; as [`Request::path_id`].
    pub fn authorize_verb<C: Collection>(&self, parameter: &str) -> Result<(Tenant, Id<C>, &'static str), Error> {
        let (tenant, id, verb) = self.authorize_verb_of(parameter)?;
        let id = self.parse_id(id, &tenant.name())?;
        Ok((tenant, id, verb))
    }

    /// As [`Request::authorize_verb`], with what stands before the verb as it is: a template's has a revision.
    ///
    /// # Errors
    /// As there, except those of the id.
    pub fn authorize_verb_of(&self, parameter: &str) -> Result<(Tenant, &str, &'static str), Error> {
        let tenant = self.enter()?;
        let (id, verb) = self.verb_of(parameter)?;
        Ok((tenant, id, verb))
    }

    /// As [`Request::authorize_verb`], for a path under the customer: the caller must not be limited to some of its
    /// profiles.
    ///
    /// # Errors
    /// As there.
    pub fn authorize_customer_verb<C: Collection>(
        &self,
        parameter: &str,
    ) -> Result<(CustomerTenant, Id<C>, &'static str), Error> {
        self.assert_for_some_profiles(false);
        let tenant = self.caller.enter_customer(self.path_parameter("customer"))?;
        let (id, verb) = self.verb_of(parameter)?;
        let id = self.parse_id(id, &tenant.name())?;
        Ok((tenant, id, verb))
    }

    /// What stands before the verb in the variable `parameter`, and the verb, for a caller with one of its roles.
    fn verb_of(&self, parameter: &str) -> Result<(&str, &'static str), Error> {
        let asked = self.path_parameter(parameter).rsplit_once(':');
        let known = asked.and_then(|(id, asked)| Some((id, self.verb(asked)?)));
        let (id, verb) = known.ok_or_else(|| self.no_such_path())?;
        self.caller.require_role(verb.roles)?;
        Ok((id, verb.name))
    }

    /// The path's customer and profile, if the caller's claims open them.
    fn enter(&self) -> Result<Tenant, Error> {
        self.caller.enter(self.path_parameter("customer"), self.path_parameter("profile"))
    }

    /// Refuses a path with a verb of another method, or of none: no id contains a colon.
    fn require_no_verb(&self) -> Result<(), Error> {
        if self.event.path_parameters.values().any(|value| value.contains(':')) {
            return Err(self.no_such_path());
        }
        Ok(())
    }

    /// As [`Request::authorize`], for a path under the customer: the caller must not be limited to some of its
    /// profiles.
    ///
    /// # Errors
    /// As [`Request::authorize`].
    pub fn authorize_customer(&self) -> Result<CustomerTenant, Error> {
        self.assert_for_some_profiles(false);
        let tenant = self.caller.enter_customer(self.path_parameter("customer"))?;
        self.require_no_verb()?;
        self.caller.require_role(self.operation.roles)?;
        Ok(tenant)
    }

    /// As [`Request::authorize_customer`], for an operation [for some profiles](Operation::for_some_profiles): also returns
    /// the profiles that the caller is limited to; `None`: all.
    ///
    /// # Errors
    /// As [`Request::authorize`].
    pub fn authorize_some_profiles(&self) -> Result<(CustomerTenant, Option<Vec<Tenant>>), Error> {
        self.assert_for_some_profiles(true);
        let opened = self.caller.enter_some_profiles(self.path_parameter("customer"))?;
        self.require_no_verb()?;
        self.caller.require_role(self.operation.roles)?;
        Ok(opened)
    }

    /// Asserts, where declarations are kept, that the operation declares whether it is for callers of some profiles.
    fn assert_for_some_profiles(&self, read: bool) {
        #[cfg(feature = "document")]
        assert!(read == self.operation.for_some_profiles, "{}: for_some_profiles is not {read}", self.operation.name);
        #[cfg(not(feature = "document"))]
        let _ = read;
    }

    /// The caller's own customer, for an operation whose path has none, because it tells callers of themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED naming the roles.
    pub fn authorize_caller(&self) -> Result<CustomerTenant, Error> {
        self.caller.require_role(self.operation.roles)?;
        Ok(self.caller.own_customer())
    }

    /// The variable `name` of the route, percent-decoded; empty if the route has none.
    pub fn path_parameter(&self, name: &str) -> &str {
        self.event.path_parameters.get(name).map_or("", String::as_str)
    }

    /// The agent whose records are shown if those of `asked` are asked for: to an agent, themselves.
    pub fn shown_agent(&self, asked: Option<UserId>) -> Option<UserId> {
        self.caller.agent().cloned().or(asked)
    }

    /// `record` if it exists and the caller may see it: an agent sees only their own, and does not learn whether
    /// another's exists.
    ///
    /// # Errors
    /// NOT_FOUND; for an agent PERMISSION_DENIED, even if the record does not exist.
    pub fn visible<T>(&self, record: Option<T>, agent: impl Fn(&T) -> &UserId, name: &str) -> Result<T, Error> {
        match record {
            Some(record) if self.caller.role() != Role::Agent || agent(&record) == self.caller.user() => Ok(record),
            None if self.caller.role() != Role::Agent => Err(Error::not_found(name)),
            _ => Err(Error::permission_denied(name)),
        }
    }

    /// `error`, unless it would tell an agent that `name` does not exist.
    pub fn hidden(&self, error: Error, name: &str) -> Error {
        match (self.caller.role(), error.code()) {
            (Role::Agent, Code::NotFound) => Error::permission_denied(name),
            _ => error,
        }
    }

    /// NOT_FOUND for a path without an operation.
    pub fn no_such_path(&self) -> Error {
        let asked = self.method_and_path();
        Error::new(Reason::PathNotFound, format!("there is no operation at '{asked}'")).with("request", asked)
    }

    /// The id in the route's variable `parameter`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming `name`; for an agent PERMISSION_DENIED, so that they do not learn what exists.
    pub fn path_id<C: Collection>(&self, parameter: &str, tenant: &Tenant) -> Result<Id<C>, Error> {
        self.path_id_below(parameter, &tenant.name())
    }

    /// As [`Request::path_id`], for a resource under the one named `parent`.
    ///
    /// # Errors
    /// As [`Request::path_id`].
    pub fn path_id_below<C: Collection>(&self, parameter: &str, parent: &str) -> Result<Id<C>, Error> {
        self.parse_id(self.path_parameter(parameter), parent)
    }

    fn parse_id<C: Collection>(&self, text: &str, parent: &str) -> Result<Id<C>, Error> {
        Id::parse(text).ok_or_else(|| match self.caller.role() {
            Role::Agent => Error::permission_denied(&format!("{parent}/{}/{text}", C::SEGMENT)),
            _ => Error::invalid_field("name", format!("must end in an id of {}", Id::<C>::rule())),
        })
    }

    /// The method and path, for errors.
    fn method_and_path(&self) -> String {
        let http = &self.event.request_context.http;
        format!("{} {}", http.method, http.path)
    }

    /// Reads a query without parameters.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every parameter that it has, and an `If-Match`.
    pub fn without_parameters(&self) -> Result<(), Error> {
        self.assert_declared(RequestType::NOTHING);
        self.no_parameters().into_result()
    }

    /// Reads the query, a `Q`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every bad parameter.
    pub fn parameters<'t, Q: Message>(&'t self, tenant: impl Into<Scope<'t>>, now: Timestamp) -> Result<Q, Error> {
        self.assert_declared(RequestType::parameters::<Q>());
        let mut violations = Violations::default();
        let asked = self.query(&self.origin(tenant, now), &mut violations);
        violations.finish(asked)
    }

    /// Reads the query of a list, a request for a page of what a `Q` asks for; also returns the parameters that were
    /// read.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every bad parameter.
    pub fn list<'t, Q: Message>(
        &'t self,
        tenant: impl Into<Scope<'t>>,
        now: Timestamp,
    ) -> Result<(Paged<Q>, Parameters), Error> {
        self.assert_declared(RequestType::list::<Q>());
        let mut violations = Violations::default();
        violations.keep_parameters();
        let asked = self.query(&self.origin(tenant, now), &mut violations);
        let parameters = violations.take_parameters();
        Ok((violations.finish(asked)?, parameters))
    }

    /// Reads the query of a deletion, a `Q`, and the version that the caller means, by `If-Match` and the parameter
    /// `etag`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every bad parameter.
    pub fn deletion<Q: Message>(&self, tenant: &Tenant, now: Timestamp) -> Result<(Q, ExpectedEtag), Error> {
        self.assert_declared(RequestType::deletion::<Q>());
        let mut violations = Violations::default();
        let asked = self.query(&self.origin(tenant, now), &mut violations);
        let DeletionQuery { value, expected } = violations.finish(asked)?;
        Ok((value, expected))
    }

    /// Reads the query, a `Q`, and adds what is bad to `violations`.
    pub(crate) fn query<Q: Message>(&self, origin: &Origin<'_>, violations: &mut Violations) -> Option<Q> {
        let mut query = self.parse_query(violations);
        let read = query.read(origin, violations);
        query.refuse_rest(violations);
        read
    }

    /// What is bad of a query without parameters.
    fn no_parameters(&self) -> Violations {
        let mut violations = Violations::default();
        self.parse_query(&mut violations).refuse_rest(&mut violations);
        violations
    }

    fn parse_query(&self, violations: &mut Violations) -> Query {
        Query::parse(&self.event.raw_query_string, self.event.header("if-match"), violations)
    }

    /// The idempotency record of this request with its `request_id`. Its fingerprint covers the `message` that was read
    /// from the request, and the role, which decided what was kept of the message.
    ///
    /// # Errors
    /// INTERNAL if the message cannot be written as JSON.
    pub(crate) fn record(
        &self,
        request_id: Uuid,
        message: &impl Serialize,
        time: Timestamp,
    ) -> Result<IdempotencyRecord, Error> {
        let message = serde_json::to_vec(&(self.caller.role().as_str(), message)).map_err(Error::internal)?;
        let fingerprint = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, &message));
        Ok(IdempotencyRecord {
            user: self.caller.user().clone(),
            operation: self.operation.name,
            request_id,
            fingerprint,
            time,
        })
    }

    /// The author of a change at `now`, for its history: the caller, by this operation.
    pub fn author(&self, now: Timestamp) -> Author<'_> {
        Author { caller: &self.caller, operation: self.operation.name, now }
    }

    /// Reads the body of an update of an `M`, `{"<entity>": {…}}`, under the `updateMask` of the query, and the version
    /// that the caller means, by `If-Match` and an `etag` in the entity.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every bad field, and every unknown one if there is no mask.
    pub fn update<M: Message>(
        &self,
        entity: &'static str,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<(M, ExpectedEtag), Error> {
        self.assert_declared(RequestType::update::<M>(entity));
        let origin = self.origin(tenant, now);
        let mut violations = Violations::default();
        let query = self.query::<UpdateQuery<M>>(&origin, &mut violations);
        let (mask, header) = query.map_or((UpdateMask::Present, None), |query| (query.mask, Some(query.expected)));
        let update = self
            .read_body(&mut violations, &origin, &mask, |body, place| bodies::read_update::<M>(body, entity, place));
        let Entry { value, expected } = violations.finish(update)?;
        Ok((value, expected.with_header(header.unwrap_or_default())))
    }

    /// Reads the body of a custom method, an `M`, and the version that the caller means, by `If-Match` and an `etag` in
    /// the body.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every bad field.
    pub fn step<M: Message>(&self, tenant: &Tenant, now: Timestamp) -> Result<(M, ExpectedEtag), Error> {
        self.assert_declared(RequestType::step::<M>());
        let origin = self.origin(tenant, now);
        let mut violations = Violations::default();
        let query = self.query::<StepQuery>(&origin, &mut violations);
        let step = self.message(&origin, &mut violations);
        let (StepQuery { expected: header }, Entry { value, expected }) = violations.finish(query.zip(step))?;
        Ok((value, expected.with_header(header)))
    }

    /// Reads the body, an `M`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every bad field; a repeated key of an object by its path; `body` if it is not a JSON
    /// object or over 1 MiB. An empty body is an empty object.
    pub fn body<'t, M: Message>(&'t self, tenant: impl Into<Scope<'t>>, now: Timestamp) -> Result<M, Error> {
        self.assert_declared(RequestType::body::<M>());
        let mut violations = self.no_parameters();
        let value = self.message(&self.origin(tenant, now), &mut violations);
        violations.finish(value)
    }

    /// Reads the body of a request for a page of what an `M` asks for; also returns the parameters that were read.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming every bad field.
    pub fn page<M: Message>(&self, tenant: &Tenant, now: Timestamp) -> Result<(Paged<M>, Parameters), Error> {
        self.assert_declared(RequestType::page::<M>());
        let mut violations = self.no_parameters();
        violations.keep_parameters();
        let value = self.message(&self.origin(tenant, now), &mut violations);
        let parameters = violations.take_parameters();
        Ok((violations.finish(value)?, parameters))
    }

    /// Reads the entries of a batch: the list of 1 to `N` objects in `field`. Each is refused by itself; those with the
    /// same `id` are all refused.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if there is no such list.
    pub fn entries<'t, M: Message, C: Collection, const N: usize>(
        &'t self,
        field: &'static str,
        tenant: impl Into<Scope<'t>>,
        now: Timestamp,
        id: impl Fn(&M) -> Option<&Id<C>>,
    ) -> Result<Vec<Result<M, Error>>, Error> {
        self.assert_declared(RequestType::entries::<M, N>(field));
        let mut violations = self.no_parameters();
        let origin = self.origin(tenant, now);
        let entries = self.read_body(&mut violations, &origin, &UpdateMask::Present, |body, place| {
            bodies::read_entries::<M, C, N>(body, field, place, id)
        });
        violations.finish(entries)
    }

    /// Reads the body, an `M`, and adds what is bad to `violations`.
    pub(crate) fn message<M: Message>(&self, origin: &Origin<'_>, violations: &mut Violations) -> Option<M> {
        self.read_body(violations, origin, &UpdateMask::Present, |mut body, place| M::read(&mut body, place))
    }

    /// The body as it was sent, for a record of the request.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it is no JSON object of at most `most` bytes.
    pub fn body_as_sent(&self, most: usize) -> Result<Map<String, Value>, Error> {
        let body = self.body_object().map_err(|(field, fault)| Error::invalid_field(&field, fault))?;
        match Value::from(Json::Object(body)) {
            Value::Object(body) if Value::from(body.clone()).to_string().len() <= most => Ok(body),
            _ => Err(Error::invalid_field("body", format!("must take at most {most} bytes of JSON for a job"))),
        }
    }

    /// Where the request comes from: the caller, for `tenant`, at `now`.
    pub(crate) fn origin<'t>(&'t self, tenant: impl Into<Scope<'t>>, now: Timestamp) -> Origin<'t> {
        Origin { scope: tenant.into(), caller: &self.caller, now }
    }

    /// `read` of the body.
    fn read_body<T>(
        &self,
        violations: &mut Violations,
        origin: &Origin<'_>,
        mask: &UpdateMask,
        read: impl FnOnce(Object, &mut Place<'_>) -> Option<T>,
    ) -> Option<T> {
        let body = self.body_object().map_err(|(field, description)| violations.add(field, description)).ok()?;
        read(body, &mut Place::of_body(origin, mask, violations))
    }

    /// The body, or the bad field and its fault.
    fn body_object(&self) -> Result<Object, (String, String)> {
        let of_body = |description: &str| ("body".to_owned(), description.to_owned());
        let content_type = self.event.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if content_type.starts_with("multipart/") || content_type.starts_with("application/x-www-form-urlencoded") {
            return Err(of_body("must be JSON; send it with content-type: application/json"));
        }
        let encoded = self.event.body.as_deref().unwrap_or_default();
        let too_long = || of_body(&format!("must be at most {MAX_BODY_BYTES} bytes"));
        // Base64 takes four characters for three bytes.
        if encoded.len() / 4 > MAX_BODY_BYTES.div_ceil(3) {
            return Err(too_long());
        }
        let body = if self.event.is_base64_encoded {
            Cow::Owned(BASE64_STANDARD.decode(encoded).map_err(|_| of_body("is not valid base64"))?)
        } else {
            Cow::Borrowed(encoded.as_bytes())
        };
        if body.len() > MAX_BODY_BYTES {
            return Err(too_long());
        }
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Object::new());
        }
        match Json::parse(&body) {
            Ok(Json::Object(object)) => Ok(object),
            Ok(_) => Err(of_body("must be a JSON object")),
            Err(JsonError::Twice(path)) if path.is_empty() => Err(of_body("has an empty key twice")),
            Err(JsonError::Twice(path)) => Err((path, "stands twice in one object".to_owned())),
            // serde_json's own text can quote the body, which may hold notes about people.
            Err(JsonError::Invalid { line, column }) => Err(of_body(&format!(
                "is not valid JSON of at most {MAX_VALUES} values at line {line}, column {column}"
            ))),
        }
    }
}
