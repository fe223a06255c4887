//! What an operation reads of a request, as data from which the API's document is written: the fields of the messages
//! that it reads, by their names and rules. So the document says exactly what the running code takes.

use std::ops::Bound;

use crate::names::{Collection, Level, MAX_ID_BYTES, Revisions, ScorecardTemplate, Usecase, alphabet};

/// The parts of a request that an operation reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    /// The query parameters and the headers.
    pub parameters: Message,
    /// The body, if there is one.
    pub body: Option<Message>,
}

/// The fields of one object, in the order in which they are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// The fields.
    pub fields: Vec<Field>,
    /// Whether other keys are refused; otherwise they are ignored.
    pub closed: bool,
}

/// One field, or one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name in lowerCamelCase.
    pub name: String,
    /// The values that it may hold.
    pub kind: Kind,
    /// Whether a message without it is refused.
    pub required: bool,
    /// Whether it may be empty: `null`, an empty list or an empty text.
    pub may_be_empty: bool,
}

/// The values that a field may hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A text of at most so many bytes of UTF-8.
    Text {
        /// The limit, if there is one.
        max_bytes: Option<usize>,
    },
    /// A name for people, of at most so many bytes of UTF-8: see [`crate::rules::Title`].
    Title {
        /// The limit.
        max_bytes: usize,
    },
    /// A text that this regular expression (ECMA 262) matches.
    Pattern(String),
    /// `true` or `false`.
    Boolean,
    /// A point in time.
    Timestamp,
    /// A UUID.
    Uuid,
    /// A whole number of 32 bits.
    Int32 {
        /// The least value.
        minimum: i32,
        /// The largest.
        maximum: i32,
    },
    /// A finite number between two bounds.
    Double(Bound<f64>, Bound<f64>),
    /// One of these names.
    Enumeration(Vec<String>),
    /// Paths separated by commas, each one of these, or `*`.
    UpdateMask(Vec<&'static str>),
    /// Entity tags in quotes, separated by commas, or `*`: a header.
    EntityTags,
    /// A list.
    List {
        /// The kind of each entry.
        entry: Box<Kind>,
        /// The most entries, if there is a limit.
        max_entries: Option<usize>,
    },
    /// An object.
    Object(Message),
    /// An object with any keys, of at most so many bytes of JSON.
    AnyObject {
        /// The limit.
        max_bytes: usize,
    },
    /// Anything: it is ignored.
    Dropped,
}

/// An id of collection `C`, as part of a regular expression.
fn id_of<C: Collection>() -> String {
    format!(r"(?!\.{{1,2}}(?:[/@]|$))[{}]{{1,{MAX_ID_BYTES}}}", alphabet::<C>().0)
}

/// An id, as most collections have them.
fn id() -> String {
    id_of::<Usecase>()
}

/// The id of a scorecard template, without `@`, which starts its revision.
fn template_id() -> String {
    id().replace("~@-", "~-")
}

/// The part of a name with the customer, with which all names begin.
fn customer() -> String {
    format!("customers/[a-z0-9-]{{1,{MAX_ID_BYTES}}}")
}

impl Kind {
    /// An id.
    pub fn id() -> Self {
        Self::Pattern(format!("^{}$", id()))
    }

    /// An id of collection `C`.
    pub fn id_of<C: Collection>() -> Self {
        Self::Pattern(format!("^{}$", id_of::<C>()))
    }

    /// The name of a resource in collection `C`.
    pub fn name<C: Collection>() -> Self {
        Self::Pattern(format!("^{}$", name::<C>()))
    }

    /// The name of a profile.
    pub fn profile_name() -> Self {
        Self::Pattern(format!("^{}/profiles/{}$", customer(), id()))
    }

    /// The name of a template, with a revision that `revisions` allows.
    pub fn template_name(revisions: Revisions) -> Self {
        Self::Pattern(format!("^{}{}$", name::<ScorecardTemplate>(), revisions.pattern()))
    }

    /// The last segment of a template's name, with or without a revision.
    pub fn template_segment() -> Self {
        Self::Pattern(format!("^{}{}$", template_id(), Revisions::One.pattern()))
    }

    /// The name of a resource in one of several collections under a profile.
    pub fn name_in(segments: &[&str]) -> Self {
        Self::Pattern(format!("^{}/profiles/{}/(?:{})/{}$", customer(), id(), segments.join("|"), id()))
    }

    /// One of `values`, by name.
    pub fn one_of<T>(values: &[(&str, T)]) -> Self {
        Self::Enumeration(values.iter().map(|(name, _)| (*name).to_owned()).collect())
    }

    /// A list of this kind.
    pub fn listed(self, max_entries: Option<usize>) -> Self {
        Self::List { entry: Box::new(self), max_entries }
    }
}

impl Revisions {
    fn pattern(self) -> &'static str {
        match self {
            Self::Unnamed => "",
            Self::One => "(?:@[1-9][0-9]{0,8})?",
            Self::Every => r"@\*",
            Self::EveryOrUnnamed => r"(?:@\*)?",
            Self::Any => r"(?:@(?:\*|[1-9][0-9]{0,8}))?",
        }
    }
}

fn name<C: Collection>() -> String {
    let id = if C::SEGMENT == ScorecardTemplate::SEGMENT { template_id() } else { id_of::<C>() };
    let profile = match C::LEVEL {
        Level::Customer => String::new(),
        Level::Profile => format!("/profiles/{}", self::id()),
    };
    format!("{}{profile}/{}/{id}", customer(), C::SEGMENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{CoachingPlan, User};

    #[test]
    fn a_name_is_outlined_with_the_form_that_is_read() {
        let Kind::Pattern(pattern) = Kind::name::<CoachingPlan>() else { panic!("a name is a text") };
        assert!(pattern.starts_with("^customers/[a-z0-9-]{1,128}/profiles/"), "{pattern}");
        assert!(pattern.ends_with("/coachingPlans/(?!\\.{1,2}(?:[/@]|$))[A-Za-z0-9._~@-]{1,128}$"), "{pattern}");
        let Kind::Pattern(pattern) = Kind::name::<User>() else { panic!("a name is a text") };
        assert!(pattern.ends_with("/users/(?!\\.{1,2}(?:[/@]|$))[A-Za-z0-9._~@|+=-]{1,128}$"), "{pattern}");
    }
}
