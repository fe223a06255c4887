//! What an operation declares for the API's document. It is kept only with the feature `document`, which the tests that
//! write the document enable: in a deployed function a declaration takes no room.

#[cfg(feature = "document")]
use std::collections::BTreeMap;

#[cfg(feature = "document")]
use coaching_domain::bodies::{Entry, Paged, outline_of_entries, outline_of_update};
use coaching_domain::message::Message;
#[cfg(feature = "document")]
use coaching_domain::outline::{self, Outline};
#[cfg(feature = "document")]
use coaching_domain::queries::{DeletionQuery, StepQuery, UpdateQuery};
#[cfg(feature = "document")]
use serde_json::Value;
use utoipa::ToSchema;

#[cfg(feature = "document")]
use crate::creation::CreationQuery;

/// What a request holds: its query and its body. There is one for each of the methods of [`Request`](crate::Request) that
/// read them, by its name; where declarations are kept, each of these asserts that it reads what is declared.
#[derive(Debug, Clone, Copy)]
pub struct RequestType {
    /// The name of the method.
    #[cfg(feature = "document")]
    read_by: &'static str,
    /// The name of the message that it reads.
    #[cfg(feature = "document")]
    message: fn() -> &'static str,
    /// The field of the body that holds the message, or a list of it.
    #[cfg(feature = "document")]
    field: &'static str,
    /// Makes the outline, with that field.
    #[cfg(feature = "document")]
    outline: fn(&str) -> Outline,
}

/// A [`RequestType`] of these values, in their order.
#[cfg(feature = "document")]
macro_rules! request_type {
    ($read_by:literal, $message:ty, $field:expr, $outline:expr) => {
        RequestType { read_by: $read_by, message: std::any::type_name::<$message>, field: $field, outline: $outline }
    };
}

#[cfg(not(feature = "document"))]
macro_rules! request_type {
    ($read_by:literal, $message:ty, $field:expr, $outline:expr) => {{
        let _ = $field;
        RequestType {}
    }};
}

impl RequestType {
    /// No parameters and no body: see [`Request::without_parameters`](crate::Request::without_parameters).
    pub const NOTHING: Self = request_type!("without_parameters", (), "", |_| Outline::default());

    /// A query: see [`Request::parameters`](crate::Request::parameters).
    pub const fn parameters<Q: Message>() -> Self {
        request_type!("parameters", Q, "", |_| of_parts(Q::fields(), None))
    }

    /// The query of a list: see [`Request::list`](crate::Request::list).
    pub const fn list<Q: Message>() -> Self {
        request_type!("list", Q, "", |_| of_parts(Paged::<Q>::fields(), None))
    }

    /// The query of a deletion: see [`Request::deletion`](crate::Request::deletion).
    pub const fn deletion<Q: Message>() -> Self {
        request_type!("deletion", Q, "", |_| of_parts(DeletionQuery::<Q>::fields(), None))
    }

    /// What is to be created: see [`Request::creation`](crate::Request::creation).
    pub const fn creation<N: Message>() -> Self {
        request_type!("creation", N, "", |_| of_parts(CreationQuery::fields(), Some(open(N::fields()))))
    }

    /// The update of an `entity`: see [`Request::update`](crate::Request::update).
    pub const fn update<M: Message>(entity: &'static str) -> Self {
        request_type!("update", M, entity, |entity| {
            of_parts(UpdateQuery::<M>::fields(), Some(outline_of_update::<M>(entity)))
        })
    }

    /// The body of a custom method that may say which version it means: see [`Request::step`](crate::Request::step).
    pub const fn step<M: Message>() -> Self {
        request_type!("step", M, "", |_| of_parts(StepQuery::fields(), Some(open(Entry::<M>::fields()))))
    }

    /// A body: see [`Request::body`](crate::Request::body).
    pub const fn body<M: Message>() -> Self {
        request_type!("body", M, "", |_| of_parts(Vec::new(), Some(open(M::fields()))))
    }

    /// The body of a request for a page: see [`Request::page`](crate::Request::page).
    pub const fn page<M: Message>() -> Self {
        request_type!("page", M, "", |_| of_parts(Vec::new(), Some(open(Paged::<M>::fields()))))
    }

    /// A batch of at most `N` entries in the `field` of the body: see [`Request::entries`](crate::Request::entries).
    pub const fn entries<M: Message, const N: usize>(field: &'static str) -> Self {
        request_type!("entries", [M; N], field, |field| {
            of_parts(Vec::new(), Some(open(vec![outline_of_entries::<M, N>(field)])))
        })
    }

    /// What the request may hold.
    #[cfg(feature = "document")]
    pub fn outline(self) -> Outline {
        (self.outline)(self.field)
    }
}

#[cfg(feature = "document")]
impl PartialEq for RequestType {
    fn eq(&self, other: &Self) -> bool {
        let parts = |of: &Self| (of.read_by, (of.message)(), of.field);
        parts(self) == parts(other)
    }
}

/// The outline of a request with these `parameters` and this `body`.
#[cfg(feature = "document")]
fn of_parts(parameters: Vec<outline::Field>, body: Option<outline::Message>) -> Outline {
    Outline { parameters: open(parameters), body }
}

/// A message with these `fields`, of which other keys are ignored.
#[cfg(feature = "document")]
fn open(fields: Vec<outline::Field>) -> outline::Message {
    outline::Message { fields, closed: false }
}

/// The type of an answer.
#[derive(Debug, Clone, Copy)]
pub struct AnswerType {
    #[cfg(feature = "document")]
    schema: Option<fn() -> AnswerSchema>,
}

impl AnswerType {
    /// No answer: what never succeeds, and what has verbs, which have their own.
    pub const NONE: Self = Self {
        #[cfg(feature = "document")]
        schema: None,
    };

    /// The answer `T`.
    pub const fn of<T: ToSchema>() -> Self {
        Self {
            #[cfg(feature = "document")]
            schema: Some(AnswerSchema::of::<T>),
        }
    }

    /// The schema of the answer, if there is one.
    #[cfg(feature = "document")]
    pub fn schema(self) -> Option<AnswerSchema> {
        self.schema.map(|schema| schema())
    }
}

/// The schema of an answer.
#[cfg(feature = "document")]
#[derive(Debug, Clone)]
pub struct AnswerSchema {
    /// Its name.
    pub name: String,
    /// This schema and all that it refers to, by name: the components of an OpenAPI document.
    pub schemas: BTreeMap<String, Value>,
}

#[cfg(feature = "document")]
impl AnswerSchema {
    /// That of `T`.
    pub fn of<T: ToSchema>() -> Self {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        let schemas = schemas.into_iter().map(|(name, schema)| (name, serde_json::json!(schema)));
        Self { name: T::name().into_owned(), schemas: schemas.collect() }
    }
}
