//! Routes of API Gateway, and the custom methods that share one.

use coaching_domain::Role;

use crate::{AnswerType, RequestType};

/// A method and a path of API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with its variables in braces.
    pub path: &'static str,
}

impl Route {
    /// `GET` and `path`.
    pub const fn get(path: &'static str) -> Self {
        Self { method: "GET", path }
    }

    /// `POST` and `path`.
    pub const fn post(path: &'static str) -> Self {
        Self { method: "POST", path }
    }

    /// `PATCH` and `path`.
    pub const fn patch(path: &'static str) -> Self {
        Self { method: "PATCH", path }
    }

    /// `DELETE` and `path`.
    pub const fn delete(path: &'static str) -> Self {
        Self { method: "DELETE", path }
    }
}

/// A custom method of an item: the part of the path after the colon. All of an item's share one route of API Gateway.
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// The verb, such as `acknowledge`.
    pub name: &'static str,
    /// The method's id in the API's document, such as `acknowledgeSession`.
    pub id: &'static str,
    /// Its summary, in a few words.
    pub summary: &'static str,
    /// The roles that may call it.
    pub roles: &'static [Role],
    /// Its callers in words, if the roles do not say all of it.
    pub callers: Option<&'static str>,
    /// What its request holds.
    pub request: RequestType,
    /// What it answers.
    pub answer: AnswerType,
}
