//! The one error type of the service: a `google.rpc.Code`, a text for the caller, a cause for the log.

use std::error::Error as StdError;
use std::fmt;

use crate::{Parameters, Reason};

/// The part of `google.rpc.Code` that the service answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request is wrong whatever the state of the service.
    InvalidArgument,
    /// The named resource, or the path, does not exist.
    NotFound,
    /// A resource of that name exists already.
    AlreadyExists,
    /// The caller is known and may not do this.
    PermissionDenied,
    /// The request is right, but not in the present state.
    FailedPrecondition,
    /// A stored quantity has reached its limit, and the request would exceed it.
    ResourceExhausted,
    /// A race was lost; reading again and repeating may succeed.
    Aborted,
    /// A fault of the service.
    Internal,
    /// The service cannot answer now; the same request may succeed later.
    Unavailable,
    /// The caller did not prove who they are.
    Unauthenticated,
}

impl Code {
    /// The number in `google/rpc/code.proto`.
    pub fn number(self) -> u8 {
        match self {
            Self::InvalidArgument => 3,
            Self::NotFound => 5,
            Self::AlreadyExists => 6,
            Self::PermissionDenied => 7,
            Self::ResourceExhausted => 8,
            Self::FailedPrecondition => 9,
            Self::Aborted => 10,
            Self::Internal => 13,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }

    /// The name in `google/rpc/code.proto`.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::Aborted => "ABORTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// One bad field of a request (`google.rpc.BadRequest.FieldViolation`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path of the field as the client writes it, such as `scores[2].criterionId`.
    pub field: String,
    /// What is wrong with it, without repeating the value.
    pub description: String,
}

/// The most bad fields that one answer names, so that an answer stays small whatever was sent.
pub const MAX_VIOLATIONS: usize = 32;
/// The most bytes of a field's path that an answer repeats: clients choose the names of unknown fields.
const MAX_FIELD_BYTES: usize = 256;

/// Collects the bad fields of a request, so that one answer names them all, or the first
/// [`MAX_VIOLATIONS`] and how many more there are.
#[derive(Debug, Default)]
pub struct Violations {
    named: Vec<FieldViolation>,
    noted: usize,
    /// The resource that the request names and the caller may not.
    denied: Option<String>,
    /// The parameters read so far of a request for a page.
    parameters: Option<Parameters>,
}

impl Violations {
    /// Records parameters from now on.
    pub fn keep_parameters(&mut self) {
        self.parameters = Some(Parameters::default());
    }

    /// The parameters recorded so far, if they are recorded.
    pub(crate) fn parameters(&mut self) -> Option<&mut Parameters> {
        self.parameters.as_mut()
    }

    /// Takes the recorded parameters.
    pub fn take_parameters(&mut self) -> Parameters {
        self.parameters.take().unwrap_or_default()
    }

    /// Notes that the caller may not name the resource called `name`, whatever else is bad (AIP-211).
    pub(crate) fn deny(&mut self, name: String) {
        self.denied.get_or_insert(name);
    }

    /// Notes that `field` is bad, and why. Only the first fault of a field counts: later rules see only what was left
    /// of its value.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        let mut field = field.into();
        if field.len() > MAX_FIELD_BYTES {
            field.truncate(field.floor_char_boundary(MAX_FIELD_BYTES));
            field.push('…');
        }
        if self.names(&field) {
            return;
        }
        self.noted += 1;
        if self.named.len() < MAX_VIOLATIONS {
            self.named.push(FieldViolation { field, description: description.into() });
        }
    }

    /// Whether `field` is one of the bad fields that are named.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.named.iter().any(|named| named.field == field)
    }

    /// Whether any field was bad.
    pub fn is_empty(&self) -> bool {
        self.noted == 0
    }

    /// How many fields were noted.
    pub fn len(&self) -> usize {
        self.noted
    }

    /// `Ok` if nothing was noted.
    ///
    /// # Errors
    /// PERMISSION_DENIED if the caller may not name a resource; INVALID_ARGUMENT with the noted fields.
    pub fn into_result(self) -> Result<(), Error> {
        let Self { named, noted, denied, parameters: _ } = self;
        if let Some(denied) = denied {
            return Err(Error::permission_denied(&denied));
        }
        let more = noted - named.len();
        if named.is_empty() { Ok(()) } else { Err(Error::invalid_fields(named, more)) }
    }

    /// `value`, if no field was bad.
    ///
    /// # Errors
    /// As [`Violations::into_result`].
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        self.into_result()?;
        value.ok_or_else(|| Error::internal("a request was refused without naming a field"))
    }
}

/// What an operation answers when it does not succeed.
///
/// The message, metadata and violations go to the caller; the cause goes to the log only.
#[derive(Debug)]
pub struct Error {
    reason: Reason,
    message: String,
    metadata: Vec<(&'static str, String)>,
    violations: Vec<FieldViolation>,
    /// The number of further bad fields, which are not named.
    unnamed: usize,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with `reason` and its code.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), metadata: Vec::new(), violations: Vec::new(), unnamed: 0, cause: None }
    }

    /// INVALID_ARGUMENT for one field.
    pub fn invalid_field(field: &str, description: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldViolation { field: field.to_owned(), description: description.into() }], 0)
    }

    /// INVALID_ARGUMENT naming the fields of `violations`, and how many `more` there are.
    fn invalid_fields(mut violations: Vec<FieldViolation>, more: usize) -> Self {
        if let (Some(last), 1..) = (violations.last_mut(), more) {
            last.description.push_str(&format!(" ({more} more fields are bad)"));
        }
        let listed: Vec<String> =
            violations.iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect();
        let mut error = Self::new(Reason::InvalidFields, listed.join("; "));
        error.violations = violations;
        error.unnamed = more;
        error
    }

    /// The same INVALID_ARGUMENT, naming only the first `fields` and how many more there are.
    #[must_use]
    pub fn naming_at_most(&self, fields: usize) -> Self {
        let named: Vec<FieldViolation> = self.violations.iter().take(fields).cloned().collect();
        let more = self.violations.len() - named.len() + self.unnamed;
        Self::invalid_fields(named, more)
    }

    /// PERMISSION_DENIED in words that do not tell whether the resource exists (AIP-211).
    pub fn permission_denied(resource: &str) -> Self {
        Self::new(Reason::PermissionDenied, format!("permission denied on '{resource}' (or it might not exist)"))
            .with("resource", resource)
    }

    /// NOT_FOUND for a resource that the caller could see if it existed.
    pub fn not_found(resource: &str) -> Self {
        Self::new(Reason::ResourceNotFound, format!("'{resource}' does not exist")).with("resource", resource)
    }

    /// ALREADY_EXISTS for a resource name that is taken.
    pub fn already_exists(resource: &str) -> Self {
        Self::new(Reason::ResourceAlreadyExists, format!("'{resource}' exists already")).with("resource", resource)
    }

    /// ABORTED: another change came first.
    pub fn concurrent_changes(message: impl Into<String>) -> Self {
        Self::new(Reason::ConcurrentChanges, message)
    }

    /// ABORTED: others changed `what` at each attempt.
    pub fn kept_changing(what: &str) -> Self {
        Self::concurrent_changes(format!("others kept changing {what}; try again"))
    }

    /// INTERNAL with a text for the log; the caller is told only that the service failed.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Reason::InternalError, "the service failed to answer this request").because(cause)
    }

    /// Adds a value that the message contains, for programs to read (`google.rpc.ErrorInfo.metadata`).
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((key, value.into()));
        self
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// A copy without the cause, for another entry of a batch that failed with it.
    #[must_use]
    pub fn for_another(&self) -> Self {
        let Self { reason, message, metadata, violations, unnamed, cause: _ } = self;
        Self {
            reason: *reason,
            message: message.clone(),
            metadata: metadata.clone(),
            violations: violations.clone(),
            unnamed: *unnamed,
            cause: None,
        }
    }

    /// The same with the bad fields of `other` too, if both are about fields.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self.violations.is_empty() || other.violations.is_empty() {
            return self;
        }
        let more = self.unnamed + other.unnamed;
        Self::invalid_fields(self.violations.into_iter().chain(other.violations).collect(), more)
    }

    /// The `google.rpc.Code`.
    pub fn code(&self) -> Code {
        self.reason.code()
    }

    /// The reason within the service's error domain.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The text for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The dynamic values of the message.
    pub fn metadata(&self) -> &[(&'static str, String)] {
        &self.metadata
    }

    /// The named bad fields, for INVALID_ARGUMENT.
    pub fn violations(&self) -> &[FieldViolation] {
        &self.violations
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}): {}", self.code().name(), self.reason, self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

/// So many of the things that are called `one` and, if there are none or several, `one` with an s: `1 session`.
pub fn counted(count: impl Into<i128>, one: &str) -> String {
    let count = count.into();
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(violations: Violations) -> Vec<String> {
        let error = violations.into_result().unwrap_err();
        error.violations().iter().map(|one| one.field.clone()).collect()
    }

    #[test]
    fn a_field_is_bad_once() {
        let mut violations = Violations::default();
        for field in ["a", "b", "a", "b"] {
            violations.add(field, "must not stand here");
        }
        assert_eq!((violations.len(), named(violations)), (2, vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn an_answer_names_so_many_fields_and_so_much_of_each() {
        let mut violations = Violations::default();
        for index in 0..40 {
            violations.add(format!("{index}{}", "ä".repeat(200)), "is not a field of this message");
        }
        let named = named(violations);
        assert_eq!(named.len(), MAX_VIOLATIONS);
        assert!(named.iter().all(|field| field.len() <= 260 && field.ends_with('…')), "{named:?}");
    }
}
