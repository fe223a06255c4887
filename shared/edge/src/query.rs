//! Query strings, read strictly: repeated parameters repeat, unknown ones are refused.

use std::fmt::Display;

use coaching_domain::message::snake_case;
use coaching_domain::names::{Collection, Revision, Revisions, ScorecardTemplateId};
use coaching_domain::outline::Kind;
use coaching_domain::timestamp::range_fault;
use coaching_domain::values::page_size;
use coaching_domain::{Error, ExpectedEtag, Id, Parameters, Tenant, Timestamp, UpdateMask, Violations};
use uuid::Uuid;

/// The parameters of a query string, each read once, and the header `If-Match`.
#[derive(Debug)]
pub struct Query {
    parameters: Vec<(String, String)>,
    if_match: Option<String>,
    violations: Violations,
    /// The parameters that were read.
    read: Parameters,
}

impl Query {
    /// The parameters of `raw`, a query string as the client wrote it, with the header `If-Match`.
    pub(crate) fn parse(raw: &str, if_match: Option<&str>) -> Self {
        let mut violations = Violations::default();
        let mut parameters = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (percent_decode(name), percent_decode(value)) {
                (Some(name), Some(value)) if !name.is_empty() => parameters.push((name, value)),
                (Some(name), None) if !name.is_empty() => violations.add(name, "is not percent-encoded UTF-8"),
                _ => violations.add("query", "holds a parameter whose name is empty or not percent-encoded UTF-8"),
            }
        }
        Self { parameters, if_match: if_match.map(str::to_owned), violations, read: Parameters::default() }
    }

    /// A query in documentation mode.
    pub(crate) fn outlining() -> Self {
        Self {
            parameters: Vec::new(),
            if_match: None,
            violations: Violations::outlining(),
            read: Parameters::default(),
        }
    }

    /// Takes every value of a repeated parameter of this `kind`, under either of its names, without empty ones.
    fn take(&mut self, name: &str, kind: impl FnOnce() -> Kind) -> Vec<String> {
        if self.violations.outlines(name, kind) {
            return Vec::new();
        }
        let original = snake_case(name);
        let (taken, rest) = std::mem::take(&mut self.parameters)
            .into_iter()
            .partition(|(parameter, _)| *parameter == name || *parameter == original);
        self.parameters = rest;
        let values: Vec<String> = taken.into_iter().map(|(_, value)| value).filter(|value| !value.is_empty()).collect();
        self.read.add(name, values.iter());
        values
    }

    /// The text of a parameter that may occur once.
    pub fn string(&mut self, name: &str) -> Option<String> {
        self.one(name, || Kind::Text { max_bytes: None })
    }

    /// The value of a parameter of this `kind` that may occur once.
    fn one(&mut self, name: &str, kind: impl FnOnce() -> Kind) -> Option<String> {
        let mut values = self.take(name, kind);
        if values.len() > 1 {
            self.violations.add(name, "must stand only once");
            return None;
        }
        values.pop()
    }

    /// Notes that `name` is bad, and why.
    pub fn refuse(&mut self, name: &str, description: impl Into<String>) {
        self.violations.add(name, description);
    }

    /// The value of a parameter that may occur once, parsed by `read`.
    pub fn text<T, E: Display>(
        &mut self,
        name: &str,
        kind: impl FnOnce() -> Kind,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.one(name, kind)?;
        read(&value).map_err(|error| self.refuse(name, error.to_string())).ok()
    }

    /// A required value; notes a violation if it is absent.
    pub fn required<T>(&mut self, name: &str, read: impl FnOnce(&mut Self, &str) -> Option<T>) -> Option<T> {
        let noted = self.violations.len();
        let value = read(self, name);
        self.violations.note_as_required();
        if value.is_none() && self.violations.len() == noted {
            self.refuse(name, "is required");
        }
        value
    }

    /// The id in a resource name under `tenant`.
    pub fn id<C: Collection>(&mut self, name: &str, tenant: &Tenant) -> Option<Id<C>> {
        self.text(name, Kind::name::<C>, |value| tenant.id_in(value))
    }

    /// The template and revision in a template's name under `tenant`.
    pub fn template(&mut self, name: &str, tenant: &Tenant) -> Option<(ScorecardTemplateId, Revision)> {
        let kind = || Kind::template_name(Revisions::Any);
        self.text(name, kind, |value| tenant.template_among(value, Revisions::Any))
    }

    /// The ids in the resource names of a repeated parameter, at most `max_entries`, in order and
    /// without repeats.
    pub fn ids<C: Collection>(&mut self, name: &str, max_entries: usize, tenant: &Tenant) -> Vec<Id<C>> {
        let values = self.take(name, || Kind::name::<C>().listed(Some(max_entries)));
        if values.len() > max_entries {
            self.refuse(name, format!("must stand at most {max_entries} times"));
            return Vec::new();
        }
        let mut ids = Vec::with_capacity(values.len());
        for value in values {
            match tenant.id_in(&value) {
                Ok(id) => ids.push(id),
                Err(error) => self.refuse(name, error.to_string()),
            }
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// A point in time.
    pub fn timestamp(&mut self, name: &str) -> Option<Timestamp> {
        self.text(
            name,
            || Kind::Timestamp,
            |value| Timestamp::parse(value).ok_or("must be an RFC 3339 time such as 2019-08-24T14:15:22Z"),
        )
    }

    /// The times of the parameters `start` and `end`, a range without its end.
    pub fn range(&mut self, start: &str, end: &str) -> (Option<Timestamp>, Option<Timestamp>) {
        let (from, before) = (self.timestamp(start), self.timestamp(end));
        if let Some(fault) = range_fault(from, before, start) {
            self.refuse(end, fault);
        }
        (from, before)
    }

    /// A boolean, as Go parses it, because grpc-gateway does.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        self.text(
            name,
            || Kind::Boolean,
            |value| match value {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
                "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
                _ => Err("must be true or false"),
            },
        )
    }

    /// `pageSize` (AIP-158): 50 if absent or 0, at most 1000.
    pub fn page_size(&mut self) -> usize {
        let size = self.text(
            "pageSize",
            || Kind::Int32 { minimum: 0, maximum: i32::MAX },
            |value| value.parse().map_err(|_| "must be a whole number of 32 bits").and_then(page_size),
        );
        size.or_else(|| page_size(0).ok()).unwrap_or_default()
    }

    /// `updateMask` (AIP-134), whose paths are `known`.
    pub fn update_mask(&mut self, known: &[&'static str]) -> UpdateMask {
        let kind = || Kind::UpdateMask(known.to_vec());
        self.text("updateMask", kind, |value| UpdateMask::parse(value, known)).unwrap_or(UpdateMask::Present)
    }

    /// An enum's value, by name or number; `values` are in the order of their numbers, from 0 up.
    pub fn enumeration<T: Copy>(&mut self, name: &str, values: &[(&str, T)]) -> Option<T> {
        self.text(
            name,
            || Kind::one_of(values),
            |text| {
                let mut numbered = values.iter().enumerate();
                let found = numbered.find(|(number, (value, _))| *value == text || number.to_string() == text);
                found.map(|(_, (_, value))| *value).ok_or_else(|| one_of(values))
            },
        )
    }

    /// The values of a repeated parameter, each the name of one of `values`.
    pub fn enumerations<T: Copy>(&mut self, name: &str, values: &[(&str, T)]) -> Vec<T> {
        let mut read = Vec::new();
        for text in self.take(name, || Kind::one_of(values).listed(None)) {
            match values.iter().find(|(value, _)| *value == text) {
                Some((_, value)) => read.push(*value),
                None => self.refuse(name, one_of(values)),
            }
        }
        read
    }

    /// The texts of a repeated parameter, at most `max_entries` of at most `max_bytes` bytes each.
    pub fn strings(&mut self, name: &str, max_entries: usize, max_bytes: usize) -> Vec<String> {
        let values = self.take(name, || Kind::Text { max_bytes: Some(max_bytes) }.listed(Some(max_entries)));
        if values.len() > max_entries || values.iter().any(|value| value.len() > max_bytes) {
            self.refuse(name, format!("must stand at most {max_entries} times, with at most {max_bytes} bytes each"));
            return Vec::new();
        }
        values
    }

    /// `requestId` (AIP-155): a UUID other than the nil one.
    pub(crate) fn request_id(&mut self) -> Option<Uuid> {
        self.text(
            "requestId",
            || Kind::Uuid,
            |value| {
                let uuid = Uuid::try_parse(value).ok().filter(|uuid| value.len() == 36 && !uuid.is_nil());
                uuid.ok_or("must be a UUID such as 6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11")
            },
        )
    }

    /// The version that the caller means to change, by the header `If-Match`.
    pub(crate) fn if_match(&mut self) -> ExpectedEtag {
        if self.violations.outlines("If-Match", || Kind::EntityTags) {
            return ExpectedEtag::default();
        }
        ExpectedEtag::in_header(self.if_match.take().as_deref()).unwrap_or_else(|description| {
            self.refuse("If-Match", description);
            ExpectedEtag::default()
        })
    }

    /// The version that the caller means to change, by `If-Match` and the parameter `etag`.
    pub fn etag(&mut self) -> ExpectedEtag {
        let sent = self.string("etag");
        self.if_match().and(sent)
    }

    /// Refuses every parameter that was not read, and an `If-Match` that was not read, because nothing would be checked
    /// against it. Returns the violations noted so far.
    pub fn finish(mut self) -> Violations {
        if self.if_match.is_some() {
            self.refuse("If-Match", "is not a header of this operation");
        }
        for (name, _) in self.parameters {
            self.violations.add(name, "is not a parameter of this operation");
        }
        self.violations
    }

    /// As [`Query::finish`], for a request without a body; returns the parameters that were read.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with every bad parameter.
    pub fn into_result(mut self) -> Result<Parameters, Error> {
        let read = std::mem::take(&mut self.read);
        self.finish().into_result()?;
        Ok(read)
    }
}

/// The fault of a value that is none of `values`.
fn one_of<T>(values: &[(&str, T)]) -> String {
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    format!("must be one of {}", names.join(", "))
}

/// Decodes `encoded`, with `+` for a space as browsers and API Gateway read it; `None` if it is not UTF-8 or an escape
/// is broken.
fn percent_decode(encoded: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
                u8::try_from(16 * digit()? + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page_token::tests::tenant;
    use coaching_domain::names::User;
    use proptest::prelude::*;

    fn refused(query: Query) -> Vec<String> {
        let error = query.into_result().err();
        error.iter().flat_map(|error| error.violations()).map(|violation| violation.field.clone()).collect()
    }

    #[test]
    fn parameters_repeat_and_do_not_split_at_commas() {
        let mut query = Query::parse("a=x&a=y%2Cz&a=u,v&b=1", None);
        assert_eq!(query.take("a", || Kind::Dropped), ["x", "y,z", "u,v"]);
        assert_eq!(query.string("b").as_deref(), Some("1"));
        assert_eq!(refused(query), Vec::<String>::new());
    }

    #[test]
    fn a_single_parameter_stands_once() {
        for raw in ["pageToken=a&pageToken=b", "pageToken=a&page_token=a"] {
            let mut query = Query::parse(raw, None);
            assert_eq!(query.string("pageToken"), None);
            assert_eq!(refused(query), ["pageToken"]);
        }
    }

    #[test]
    fn both_names_are_known_and_others_refused() {
        let mut query = Query::parse("page_token=x&agentUsername=y&PageToken=z", None);
        assert_eq!(query.string("pageToken").as_deref(), Some("x"));
        assert_eq!(refused(query), ["agentUsername", "PageToken"]);
    }

    #[test]
    fn broken_encodings_are_refused() {
        for (raw, named) in
            [("a=%FF", "a"), ("a=%4", "a"), ("a=%zz", "a"), ("%FF=a", "query"), ("=a", "query"), ("a=%ED%A0%80", "a")]
        {
            assert_eq!(refused(Query::parse(raw, None)), [named], "{raw}");
        }
    }

    /// Reads one parameter and returns whether it found a value.
    type Reader = fn(&mut Query, &Tenant) -> bool;

    /// Every reader of a parameter, with its name.
    const READERS: [(&str, Reader); 14] = [
        ("string", |query, _| query.string("a").is_some()),
        ("text", |query, _| query.text("a", Kind::id, |text| Ok::<_, String>(text.to_owned())).is_some()),
        ("id", |query, tenant| query.id::<User>("a", tenant).is_some()),
        ("template", |query, tenant| query.template("a", tenant).is_some()),
        ("ids", |query, tenant| !query.ids::<User>("a", 10, tenant).is_empty()),
        ("timestamp", |query, _| query.timestamp("a").is_some()),
        ("boolean", |query, _| query.boolean("a").is_some()),
        ("page_size", |query, _| query.page_size() != 50),
        ("update_mask", |query, _| query.update_mask(&["a"]) != UpdateMask::Present),
        ("enumeration", |query, _| query.enumeration("a", &[("ONE", ()), ("TWO", ())]).is_some()),
        ("enumerations", |query, _| !query.enumerations("a", &[("ONE", ()), ("TWO", ())]).is_empty()),
        ("strings", |query, _| !query.strings("a", 10, 10).is_empty()),
        ("request_id", |query, _| query.request_id().is_some()),
        ("etag", |query, _| query.etag() != ExpectedEtag::default()),
    ];

    #[test]
    fn empty_is_absent_whatever_is_read() {
        let tenant = tenant("acme", "support");
        for (name, reader) in READERS {
            let parameter = match name {
                "page_size" => "pageSize",
                "update_mask" => "updateMask",
                "request_id" => "requestId",
                "etag" => "etag",
                _ => "a",
            };
            for raw in
                [String::new(), format!("{parameter}="), parameter.to_owned(), format!("{}=", snake_case(parameter))]
            {
                let mut query = Query::parse(&raw, None);
                assert!(!reader(&mut query, &tenant), "{name}: {raw}");
                assert_eq!(refused(query), Vec::<String>::new(), "{name}: {raw}");
            }
        }
    }

    #[test]
    fn page_sizes_follow_aip_158() {
        for (raw, size) in [
            ("", 50),
            ("pageSize=", 50),
            ("pageSize=0", 50),
            ("pageSize=7", 7),
            ("pageSize=%2B7", 7),
            ("pageSize=1000", 1000),
            ("page_size=2147483647", 1000),
        ] {
            let mut query = Query::parse(raw, None);
            assert_eq!(query.page_size(), size, "{raw}");
            assert_eq!(refused(query), Vec::<String>::new(), "{raw}");
        }
        for raw in [
            "pageSize=-1",
            "pageSize=2147483648",
            "pageSize=1e2",
            "pageSize=1.0",
            "pageSize=x",
            "pageSize=1&pageSize=2",
        ] {
            let mut query = Query::parse(raw, None);
            query.page_size();
            assert_eq!(refused(query), ["pageSize"], "{raw}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(value in ".{1,30}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(Query::parse(&format!("a={encoded}"), None).string("a"), Some(value));
        }

        #[test]
        fn no_query_makes_it_panic(raw in ".{0,60}") {
            let mut query = Query::parse(&raw, None);
            query.page_size();
            let _ = query.into_result();
        }
    }
}
