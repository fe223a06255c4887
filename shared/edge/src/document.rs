//! What an operation declares for the API's document. It is kept only with the feature `document`, which the tests that
//! write the document enable: in a deployed function a declaration takes no room.

use utoipa::ToSchema;

#[cfg(feature = "document")]
use std::collections::BTreeMap;

#[cfg(feature = "document")]
use serde_json::Value;

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
