//! Bodies and queries of requests as types: each field is one line of a struct, declared by
//! [`message!`](crate::message!), whose type is the rule for what the field holds ([`crate::rules`]). The API's document
//! is made from the same lines.
//!
//! By the proto3 JSON mapping a field may have its lowerCamelCase or its original snake_case name, and `null` and the
//! empty string mean absence. Every bad field is noted, not only the first. Other keys of a body are ignored, except in
//! updates. A query has only texts: its numbers, booleans and enums are read as text, and a list is a parameter that
//! stands several times.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::Bound;

use crate::identity::Caller;
use crate::json::Json;
use crate::names::{Collection, Id, NameError};
use crate::outline::{self, Kind};
use crate::timestamp::{is_before, is_future, range_fault};
use crate::{CustomerTenant, Tenant, Timestamp, UpdateMask, Violations};

/// The fields of a JSON object.
pub type Object = BTreeMap<String, Json>;

/// Whose path a request has.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// One profile.
    Profile(&'a Tenant),
    /// The customer as a whole.
    Customer(&'a CustomerTenant),
}

impl<'a> From<&'a Tenant> for Scope<'a> {
    fn from(tenant: &'a Tenant) -> Self {
        Self::Profile(tenant)
    }
}

impl<'a> From<&'a CustomerTenant> for Scope<'a> {
    fn from(tenant: &'a CustomerTenant) -> Self {
        Self::Customer(tenant)
    }
}

impl Scope<'_> {
    /// The id in the resource name `name`, which must lie under this path.
    ///
    /// # Errors
    /// [`NameError`] if it is no name of collection `C`, or one of another customer or profile.
    pub fn id_in<C: Collection>(self, name: &str) -> Result<Id<C>, NameError> {
        match self {
            Self::Profile(tenant) => tenant.id_in(name),
            Self::Customer(tenant) => tenant.id_in(name),
        }
    }

    /// The name of the customer or profile.
    pub fn name(self) -> String {
        match self {
            Self::Profile(tenant) => tenant.name(),
            Self::Customer(tenant) => tenant.name(),
        }
    }

    /// The name of the resource `id` of collection `C` under this path.
    pub(crate) fn name_of<C: Collection>(self, id: &Id<C>) -> String {
        match self {
            Self::Profile(tenant) => tenant.name_of(id),
            Self::Customer(tenant) => tenant.name_of(id),
        }
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Whose names the request may hold.
    pub scope: Scope<'a>,
    /// Who sent it.
    pub caller: &'a Caller,
    /// When it was received.
    pub now: Timestamp,
}

/// A place in a body or a query: what is read there, and where its faults are noted.
#[derive(Debug)]
pub struct Place<'a> {
    origin: &'a Origin<'a>,
    part: Part<'a>,
    path: Path<'a>,
    violations: &'a mut Violations,
}

/// The part of a request that is read.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Query,
    /// The body, of which an update changes what its mask says.
    Body(&'a UpdateMask),
}

#[derive(Debug, Clone, Copy)]
enum Path<'a> {
    Whole,
    Field(&'a Path<'a>, &'a str),
    Entry(&'a Path<'a>, usize),
}

/// The path, as a violation names it.
impl Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Field(Self::Whole, name) => formatter.write_str(name),
            Self::Field(within, name) => write!(formatter, "{within}.{name}"),
            Self::Entry(within, index) => write!(formatter, "{within}[{index}]"),
        }
    }
}

impl<'a> Place<'a> {
    /// The whole body of a request from `origin`, of which an update with `mask` changes something.
    pub fn of_body(origin: &'a Origin<'a>, mask: &'a UpdateMask, violations: &'a mut Violations) -> Self {
        Self { origin, part: Part::Body(mask), path: Path::Whole, violations }
    }

    /// The whole query of a request from `origin`. Of each parameter it holds the list of the values that are not empty.
    pub fn of_query(origin: &'a Origin<'a>, violations: &'a mut Violations) -> Self {
        Self { origin, part: Part::Query, path: Path::Whole, violations }
    }

    /// Whether this is a place in a query, where every value is a text.
    pub(crate) fn is_in_query(&self) -> bool {
        matches!(self.part, Part::Query)
    }

    /// Whose names may stand here.
    pub fn scope(&self) -> Scope<'a> {
        self.origin.scope
    }

    /// Whether this is a place in an update that changes everything.
    pub(crate) fn changes_everything(&self) -> bool {
        matches!(self.part, Part::Body(UpdateMask::Every))
    }

    /// The number of bad fields noted so far.
    pub(crate) fn noted(&self) -> usize {
        self.violations.len()
    }

    /// Who sent the request.
    pub fn caller(&self) -> &'a Caller {
        self.origin.caller
    }

    /// When the request was received.
    pub fn now(&self) -> Timestamp {
        self.origin.now
    }

    /// The path of what is here, as a violation names it.
    pub(crate) fn path(&self) -> String {
        self.path.to_string()
    }

    /// Notes that what is at `path` of the whole is bad, and why.
    pub(crate) fn refuse_at(&mut self, path: &str, description: &str) {
        self.violations.add(path, description);
    }

    /// Notes that what is here is bad, and why.
    pub fn refuse<T>(&mut self, description: impl Display) -> Option<T> {
        self.violations.add(self.path.to_string(), description.to_string());
        None
    }

    /// Notes that the `field` of the object here is bad, and why.
    pub fn refuse_field(&mut self, field: &str, description: impl Display) {
        self.field(field).refuse::<()>(description);
    }

    /// Whether the `field` of the object here was noted as bad.
    pub fn is_noted(&self, field: &str) -> bool {
        self.violations.names(&Path::Field(&self.path, field).to_string())
    }

    /// Notes that the caller may not name the resource called `name`, which refuses the request whatever else is bad.
    pub(crate) fn deny<T>(&mut self, name: String) -> Option<T> {
        self.violations.deny(name);
        None
    }

    /// Refuses `time` of the `field` here if it is the time of something done, and in the future.
    pub fn refuse_future(&mut self, field: &str, time: Option<Timestamp>) {
        if is_future(time, self.now()) {
            self.refuse_field(field, "must not be in the future");
        }
    }

    /// Refuses `time` of the `field` here if it is before `earlier`, the time of a step that comes first.
    pub fn refuse_before(
        &mut self,
        (field, time): (&str, Option<Timestamp>),
        (first, earlier): (&str, Option<Timestamp>),
    ) {
        if is_before(time, earlier) {
            self.refuse_field(field, format_args!("must not be before {first}"));
        }
    }

    /// Refuses the range from `start` until before `end`, the times of two fields here, if it ends at or before its
    /// start.
    pub fn refuse_empty_range(
        &mut self,
        (first, start): (&str, Option<Timestamp>),
        (field, end): (&str, Option<Timestamp>),
    ) {
        if let Some(fault) = range_fault(start, end, first) {
            self.refuse_field(field, fault);
        }
    }

    /// `read` of the string in `json`.
    pub fn string<T, E: Display>(&mut self, json: Json, read: impl FnOnce(String) -> Result<T, E>) -> Option<T> {
        match json {
            Json::String(text) => read(text).map_or_else(|fault| self.refuse(fault), Some),
            _ => self.refuse("must be a string"),
        }
    }

    /// Reads the field `name` of `object`, which is here.
    pub fn read_field<F: Field>(&mut self, object: &mut Object, name: &str) -> F::Read {
        let mut place = self.field(name);
        let json = match place.part {
            Part::Query => place.take_values(object, name, F::IS_LIST),
            Part::Body(_) => place.take(object, name),
        };
        if let Some(json) = json.as_ref().filter(|json| !is_empty(json))
            && let Some(parameters) = place.violations.parameters()
        {
            parameters.add_json(&place.path.to_string(), json);
        }
        F::read(json, &mut place)
    }

    /// Takes the field `name`, whose place this is, out of `object`.
    fn take(&mut self, object: &mut Object, name: &str) -> Option<Json> {
        let (value, original) = taken(object, name);
        if let (Some(_), Some((original, _))) = (&value, &original) {
            self.refuse::<()>(format_args!("stands twice, also as {original}"));
        }
        value.or(original.map(|(_, value)| value))
    }

    /// Takes the values of the parameter `name`, whose place this is, out of `object`: one, or a list if it `is_list`.
    fn take_values(&mut self, object: &mut Object, name: &str, is_list: bool) -> Option<Json> {
        let (own, original) = taken(object, name);
        let mut values = Vec::new();
        for parameter in own.into_iter().chain(original.map(|(_, parameter)| parameter)) {
            match parameter {
                Json::Array(more) => values.extend(more),
                one => values.push(one),
            }
        }
        match values.len() {
            0 => None,
            _ if is_list => Some(Json::Array(values)),
            1 => values.pop(),
            _ => self.refuse("must stand only once"),
        }
    }

    /// Refuses what was not read of `object`, which is here, unless the update has a mask.
    pub(crate) fn refuse_unknown(&mut self, object: Object) {
        if matches!(self.part, Part::Body(UpdateMask::Present)) {
            for name in object.into_keys() {
                self.refuse_field(&name, "is not a field of this message");
            }
        }
    }

    /// Whether the update changes the field here, which is sent as `json`.
    pub(crate) fn is_covered(&self, json: Option<&Json>) -> bool {
        match (self.part, self.path) {
            (Part::Body(UpdateMask::Present), _) => json.is_some(),
            (Part::Body(UpdateMask::Paths(paths)), Path::Field(_, name)) => paths.contains(name),
            _ => true,
        }
    }

    /// The place of a field of the object here.
    pub(crate) fn field<'b>(&'b mut self, name: &'b str) -> Place<'b> {
        Place { path: Path::Field(&self.path, name), violations: self.violations, ..*self }
    }

    /// The place of an entry of the list here: in a query, that of the parameter.
    pub(crate) fn entry(&mut self, index: usize) -> Place<'_> {
        let path = if self.is_in_query() { self.path } else { Path::Entry(&self.path, index) };
        Place { path, violations: self.violations, ..*self }
    }

    /// The same place, whose faults are noted in `violations`.
    pub(crate) fn noting<'b>(&'b self, violations: &'b mut Violations) -> Place<'b> {
        Place { violations, ..*self }
    }
}

/// What stands in `object` under `name`, and what stands, under which key, by its original name. Both are taken out.
fn taken(object: &mut Object, name: &str) -> (Option<Json>, Option<(String, Json)>) {
    let value = object.remove(name);
    let first_word = name.split(|letter: char| letter.is_ascii_uppercase()).next().unwrap_or(name);
    let beside = object.range::<str, _>((Bound::Included(first_word), Bound::Unbounded));
    let mut beside = beside.map(|(key, _)| key).take_while(|key| key.starts_with(first_word));
    let original = beside.find(|key| is_snake_case(key, name)).cloned();
    (value, original.and_then(|original| object.remove_entry(&original)))
}

/// The proto name of a field from its JSON name: `agentUserName` is `agent_user_name`.
pub fn snake_case(field: &str) -> String {
    let mut name = String::with_capacity(field.len() + 4);
    name.extend(in_snake_case(field));
    name
}

/// Whether `key` is the proto name of `field`.
fn is_snake_case(key: &str, field: &str) -> bool {
    key.chars().eq(in_snake_case(field))
}

fn in_snake_case(field: &str) -> impl Iterator<Item = char> {
    field.chars().flat_map(|letter| {
        let before = letter.is_ascii_uppercase().then_some('_');
        before.into_iter().chain([letter.to_ascii_lowercase()])
    })
}

/// Whether `json` means absence.
fn is_empty(json: &Json) -> bool {
    matches!(json, Json::Null) || matches!(json, Json::String(text) if text.is_empty())
}

/// What is sent, unless it means absence.
pub(crate) fn filled(json: Option<Json>) -> Option<Json> {
    json.filter(|json| !is_empty(json))
}

/// A rule for a value that is present.
pub trait Rule {
    /// What is read.
    type Value;

    /// The value of `json`; `None` if it is bad, which is noted.
    fn read(json: Json, place: &mut Place<'_>) -> Option<Self::Value>;

    /// The values that it allows.
    fn kind() -> Kind;
}

/// A rule for a field: a [`Rule`] for its value, and what its absence means. A [`Rule`] by itself is one for a field
/// that is required.
pub trait Field {
    /// What a message holds of the field.
    type Value;
    /// What is read of the field: its value; of one that is required, `None` if it is bad.
    type Read: Known<Self::Value>;
    /// Whether a message without it is refused.
    const IS_REQUIRED: bool = false;
    /// Whether it may be empty: `null`, an empty list or an empty text.
    const MAY_BE_EMPTY: bool = true;
    /// Whether it holds a list, so that its parameter of a query may stand more than once.
    const IS_LIST: bool = false;

    /// Reads the field that is sent as `json`, noting its faults.
    fn read(json: Option<Json>, place: &mut Place<'_>) -> Self::Read;

    /// The values that it allows.
    fn kind() -> Kind;

    /// The field in the API's document.
    fn outline(name: &str) -> outline::Field {
        let (required, may_be_empty) = (Self::IS_REQUIRED, Self::MAY_BE_EMPTY);
        outline::Field { name: name.to_owned(), kind: Self::kind(), required, may_be_empty }
    }
}

impl<R: Rule> Field for R {
    type Value = R::Value;
    type Read = Option<R::Value>;
    const IS_REQUIRED: bool = true;
    const MAY_BE_EMPTY: bool = false;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Option<R::Value> {
        match filled(json) {
            Some(json) => R::read(json, place),
            None => place.refuse("is required"),
        }
    }

    fn kind() -> Kind {
        R::kind()
    }
}

impl<R: Rule> Field for Option<R> {
    type Value = Option<R::Value>;
    type Read = Option<R::Value>;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Option<R::Value> {
        filled(json).and_then(|json| R::read(json, place))
    }

    fn kind() -> Kind {
        R::kind()
    }
}

/// What is known of a `T`: it, or, with an `Option` around, that it is bad.
pub trait Known<T> {
    /// The `T`; `None` if it is bad.
    fn known(self) -> Option<T>;
}

impl<T> Known<T> for T {
    fn known(self) -> Option<T> {
        Some(self)
    }
}

impl<T> Known<T> for Option<T> {
    fn known(self) -> Option<T> {
        self
    }
}

/// A body, an object in one, or a query. [`message!`](crate::message!) implements it.
pub trait Message: Sized {
    /// The names of its fields, in the order in which they are read.
    fn names() -> Vec<&'static str>;

    /// Reads its fields, noting every bad one, and leaves the others in `object`.
    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self>;

    /// Its fields in the API's document.
    fn fields() -> Vec<outline::Field>;
}

/// A body or query that has no fields of its own.
impl Message for () {
    fn names() -> Vec<&'static str> {
        Vec::new()
    }

    fn read(_: &mut Object, _: &mut Place<'_>) -> Option<Self> {
        Some(())
    }

    fn fields() -> Vec<outline::Field> {
        Vec::new()
    }
}

/// The fields of one message, then those of another.
impl<A: Message, B: Message> Message for (A, B) {
    fn names() -> Vec<&'static str> {
        [A::names(), B::names()].concat()
    }

    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self> {
        let (first, second) = (A::read(object, place), B::read(object, place));
        Some((first?, second?))
    }

    fn fields() -> Vec<outline::Field> {
        A::fields().into_iter().chain(B::fields()).collect()
    }
}

/// Declares a message. Each line is a field: its name in Rust, its rule, which is a [`Field`], and its name on the wire.
/// They are read in the order of the lines.
///
/// With `checked as Name` the message also has rules about several fields. They are in the method
/// `fn check(&mut self, place: &mut Place<'_>)` of `Name`, which has what was read of each field, even if another is bad.
#[macro_export]
macro_rules! message {
    (
        $(#[$about:meta])* $visible:vis struct $name:ident $(, checked as $read:ident)? {
            $($(#[$doc:meta])* $seen:vis $field:ident: $rule:ty = $wire:literal,)+
        }
    ) => {
        $(#[$about])*
        $visible struct $name {
            $($(#[$doc])* $seen $field: <$rule as $crate::message::Field>::Value,)+
        }

        $crate::message! { @checked [$($read)?] $($field: $rule,)+ }

        impl $crate::message::Message for $name {
            fn names() -> Vec<&'static str> {
                vec![$($wire),+]
            }

            fn read(
                object: &mut $crate::message::Object,
                place: &mut $crate::message::Place<'_>,
            ) -> Option<Self> {
                $(let $field = place.read_field::<$rule>(object, $wire);)+
                $crate::message! { @check [$($read)?] place, $($field,)+ }
                Some(Self { $($field: $crate::message::known::<$rule>($field)?,)+ })
            }

            fn fields() -> Vec<$crate::outline::Field> {
                vec![$(<$rule as $crate::message::Field>::outline($wire)),+]
            }
        }

        impl $crate::message::Rule for $name {
            type Value = Self;

            fn read(json: $crate::json::Json, place: &mut $crate::message::Place<'_>) -> Option<Self> {
                $crate::message::read_object(json, place)
            }

            fn kind() -> $crate::outline::Kind {
                $crate::message::kind_of_object::<Self>(false)
            }
        }
    };
    (@checked [] $($field:ident: $rule:ty,)+) => {};
    (@checked [$read:ident] $($field:ident: $rule:ty,)+) => {
        struct $read {
            $($field: <$rule as $crate::message::Field>::Read,)+
        }
    };
    (@check [] $place:ident, $($field:ident,)+) => {};
    (@check [$read:ident] $place:ident, $($field:ident,)+) => {
        let mut read = $read { $($field,)+ };
        read.check($place);
        let $read { $($field,)+ } = read;
    };
}

/// The value of a field with this rule; `None` if it is bad.
pub fn known<F: Field>(read: F::Read) -> Option<F::Value> {
    read.known()
}

/// The message in `json`, an object.
pub fn read_object<M: Message>(json: Json, place: &mut Place<'_>) -> Option<M> {
    match json {
        Json::Object(mut object) => M::read(&mut object, place),
        _ => place.refuse("must be an object"),
    }
}

/// The kind of an object that is an `M`; if it is closed, other keys are refused.
pub fn kind_of_object<M: Message>(closed: bool) -> Kind {
    Kind::Object(outline::Message { fields: M::fields(), closed })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;
    use crate::identity::tests::{caller_with, tenant};
    use crate::names::UserId;
    use crate::rules::{Distinct, Flag, List, Text, Title};

    /// `read` of `body`, sent by a caller with this role at noon; its faults are noted in `violations`.
    pub(crate) fn read_noting<T>(
        violations: &mut Violations,
        role: &'static str,
        body: &str,
        mask: &UpdateMask,
        read: impl FnOnce(Object, &mut Place<'_>) -> T,
    ) -> T {
        let Ok(Json::Object(object)) = Json::parse(body.as_bytes()) else { panic!("{body} is no object") };
        let (tenant, caller) = (tenant("acme", "support"), caller_with(role));
        let now = Timestamp::parse("2026-06-01T12:00:00Z").unwrap();
        let origin = Origin { scope: Scope::from(&tenant), caller: &caller, now };
        read(object, &mut Place::of_body(&origin, mask, violations))
    }

    /// `read` of `body`, sent by a caller with this role at noon, and the names of the bad fields.
    pub(crate) fn read_by<T>(
        role: &'static str,
        body: &str,
        mask: &UpdateMask,
        read: impl FnOnce(Object, &mut Place<'_>) -> T,
    ) -> (T, Vec<String>) {
        let mut violations = Violations::default();
        let value = read_noting(&mut violations, role, body, mask, read);
        let error = violations.into_result().err();
        let named = error.iter().flat_map(|error| error.violations()).map(|one| one.field.clone()).collect();
        (value, named)
    }

    /// The message in `body`, and the names of its bad fields.
    pub(crate) fn sent<M: Message>(body: &str) -> (Option<M>, Vec<String>) {
        read_by("manager", body, &UpdateMask::Present, |mut object, place| M::read(&mut object, place))
    }

    crate::message! {
        /// A part of [`Whole`].
        #[derive(Debug, PartialEq, Serialize)]
        struct Part {
            part_id: Text<10> = "partId",
            is_open: Option<bool> = "isOpen",
        }
    }

    crate::message! {
        /// A message with parts and rules about several fields.
        #[derive(Debug, PartialEq, Serialize)]
        struct Whole, checked as SentWhole {
            display_name: Title<10> = "displayName",
            user: Option<UserId> = "userName",
            user_names: Distinct<UserId, 3> = "userNames",
            start_time: Option<Timestamp> = "startTime",
            end_time: Option<Timestamp> = "endTime",
            first_part: Option<Part> = "firstPart",
            parts: List<Part, 2> = "parts",
            is_hidden: Flag = "isHidden",
        }
    }

    impl SentWhole {
        fn check(&mut self, place: &mut Place<'_>) {
            place.refuse_future("startTime", self.start_time);
            place.refuse_before(("endTime", self.end_time), ("startTime", self.start_time));
            self.end_time = self.end_time.or(self.start_time);
            if self.user.as_ref() == Some(place.caller().user()) {
                place.refuse_field("userName", "must be another");
            }
        }
    }

    #[test]
    fn a_message_holds_what_is_sent() {
        let body = r#"{"displayName": "A", "user_name": "customers/acme/users/u2", "parts": [{"partId": "p"}], "other": 1,
            "startTime": "2026-05-01T00:00:00Z", "firstPart": {"partId": "f", "is_open": false}, "isHidden": true}"#;
        let start = Timestamp::parse("2026-05-01T00:00:00Z");
        let expected = Whole {
            display_name: "A".to_owned(),
            user: UserId::parse("u2"),
            user_names: vec![],
            start_time: start,
            end_time: start,
            first_part: Some(Part { part_id: "f".to_owned(), is_open: Some(false) }),
            parts: vec![Part { part_id: "p".to_owned(), is_open: None }],
            is_hidden: true,
        };
        assert_eq!(sent(body), (Some(expected), vec![]));
    }

    #[test]
    fn every_bad_field_is_named_by_its_path_in_the_order_of_the_message() {
        let body = r#"{"isHidden": 1, "parts": [{"partId": ""}, 7], "firstPart": {"isOpen": "yes"}, "endTime": "soon",
            "userNames": [null, "customers/acme/users/a", "customers/globex/users/a"], "displayName": " "}"#;
        let named = [
            "displayName",
            "userNames[0]",
            "userNames[2]",
            "endTime",
            "firstPart.partId",
            "firstPart.isOpen",
            "parts[0].partId",
            "parts[1]",
            "isHidden",
        ];
        assert_eq!(sent::<Whole>(body), (None, named.map(str::to_owned).to_vec()));
    }

    #[test]
    fn rules_about_several_fields_are_checked_even_if_a_field_is_bad() {
        let body = r#"{"userName": "customers/acme/users/u1", "startTime": "2026-06-02T00:00:00Z",
            "endTime": "2026-06-01T00:00:00Z"}"#;
        let named = ["displayName", "startTime", "endTime", "userName"];
        assert_eq!(sent::<Whole>(body), (None, named.map(str::to_owned).to_vec()));
        let a_minute_ahead = r#"{"displayName": "A", "startTime": "2026-06-01T12:01:00Z"}"#;
        assert!(sent::<Whole>(a_minute_ahead).0.is_some(), "that is a difference of clocks");
    }

    #[test]
    fn a_field_stands_under_one_of_its_names() {
        let (_, named) = sent::<Part>(r#"{"partId": "p", "part_id": null}"#);
        assert_eq!(named, ["partId"]);
        let (part, named) =
            sent::<Part>(r#"{"part": 1, "part_": 1, "part_a": 1, "part_id": "p", "part_ids": 1, "parts": 1}"#);
        assert_eq!((part.map(|part| part.part_id), named), (Some("p".to_owned()), vec![]));
        let (_, named) = sent::<Part>(r#"{"PartId": "p", "partid": "p", "part_Id": "p"}"#);
        assert_eq!(named, ["partId"], "they are other keys");
    }

    #[test]
    fn the_document_has_the_fields_of_the_message() {
        let field = |name: &str, kind, required| outline::Field {
            name: name.to_owned(),
            kind,
            required,
            may_be_empty: !required,
        };
        let part_id = field("partId", Kind::Text { max_bytes: Some(10) }, true);
        let part = Kind::Object(outline::Message {
            fields: vec![part_id, field("isOpen", Kind::Boolean, false)],
            closed: false,
        });
        let expected = [
            field("displayName", Kind::Title { max_bytes: 10 }, true),
            field("userName", Kind::name::<crate::names::User>(), false),
            field("userNames", Kind::name::<crate::names::User>().listed(Some(3)), false),
            field("startTime", Kind::Timestamp, false),
            field("endTime", Kind::Timestamp, false),
            field("firstPart", part.clone(), false),
            field("parts", part.listed(Some(2)), false),
            field("isHidden", Kind::Boolean, false),
        ];
        assert_eq!(Whole::fields(), expected);
        assert_eq!(Whole::names(), expected.map(|field| field.name));
    }

    /// A JSON value, good for some field of [`Whole`] or for none.
    fn value() -> impl Strategy<Value = serde_json::Value> {
        let values = r#"[null, "", "A", " ", 7, true, [], {}, "customers/acme/users/u1", "2026-05-01T00:00:00Z",
            "2027-05-01T00:00:00Z", ["customers/acme/users/a", ""], {"partId": "p"}, {"part_id": "p", "is_open": 1},
            [{"partId": "p"}, {"partId": "p"}], [{}, null]]"#;
        prop::sample::select(serde_json::from_str::<Vec<_>>(values).unwrap())
    }

    proptest! {
        #[test]
        fn what_is_read_depends_neither_on_the_order_nor_on_the_kind_of_names(
            values in prop::collection::vec(prop::option::of(value()), 8),
            snake in prop::collection::vec(any::<bool>(), 8),
            of_absent in prop::collection::vec(prop::sample::select(vec![None, Some("null"), Some("\"\"")]), 8),
        ) {
            let mut plain = Vec::new();
            let mut other = BTreeSet::new();
            for (((name, value), snake), absent) in Whole::names().into_iter().zip(values).zip(snake).zip(of_absent) {
                let own = if snake { snake_case(name) } else { name.to_owned() };
                match value {
                    Some(value) => {
                        plain.push(format!("\"{name}\": {value}"));
                        other.insert(format!("\"{own}\": {value}"));
                    }
                    None => other.extend(absent.map(|absent| format!("\"{own}\": {absent}"))),
                }
            }
            let other: Vec<String> = other.into_iter().collect();
            let body = |fields: &[String]| format!("{{{}}}", fields.join(", "));
            prop_assert_eq!(sent::<Whole>(&body(&plain)), sent::<Whole>(&body(&other)));
        }
    }
}
