//! Query strings, read strictly: repeated parameters repeat, unknown ones are refused.

use coaching_domain::fields::{page_size, snake_case};
use coaching_domain::names::{Collection, ScorecardTemplateId};
use coaching_domain::template::Revision;
use coaching_domain::{Error, Id, Tenant, Timestamp, UpdateMask, Violations};
use uuid::Uuid;

/// The parameters of a query string, each taken once.
#[derive(Debug)]
pub struct Query {
    parameters: Vec<(String, String)>,
    violations: Violations,
}

impl Query {
    /// The parameters of `raw`, a query string as the client wrote it.
    pub(crate) fn parse(raw: &str) -> Self {
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
        Self { parameters, violations }
    }

    /// Every value of a repeated parameter, under either of its names; empty ones are left out.
    fn take(&mut self, name: &str) -> Vec<String> {
        let original = snake_case(name);
        let (taken, rest) = std::mem::take(&mut self.parameters)
            .into_iter()
            .partition(|(parameter, _)| *parameter == name || *parameter == original);
        self.parameters = rest;
        taken.into_iter().map(|(_, value)| value).filter(|value| !value.is_empty()).collect()
    }

    /// The value of a parameter that may stand once.
    pub fn string(&mut self, name: &str) -> Option<String> {
        let mut values = self.take(name);
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

    /// The id in a resource name under `tenant`.
    pub fn id<C: Collection>(&mut self, name: &str, tenant: &Tenant) -> Option<Id<C>> {
        let value = self.string(name)?;
        tenant.id_in(&value).map_err(|error| self.refuse(name, error.to_string())).ok()
    }

    /// The template and revision in a template's name under `tenant`.
    pub fn template(&mut self, name: &str, tenant: &Tenant) -> Option<(ScorecardTemplateId, Revision)> {
        let value = self.string(name)?;
        tenant.template_in(&value).map_err(|error| self.refuse(name, error.to_string())).ok()
    }

    /// The ids in the resource names of a repeated parameter, at most `max_entries`, in order and
    /// without repeats.
    pub fn ids<C: Collection>(&mut self, name: &str, max_entries: usize, tenant: &Tenant) -> Vec<Id<C>> {
        let values = self.take(name);
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
        let value = self.string(name)?;
        let time = Timestamp::parse(&value);
        if time.is_none() {
            self.refuse(name, "must be an RFC 3339 time such as 2019-08-24T14:15:22Z");
        }
        time
    }

    /// A boolean, as Go reads one: grpc-gateway does.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.string(name)?.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
            _ => {
                self.refuse(name, "must be true or false");
                None
            }
        }
    }

    /// `pageSize` (AIP-158): 50 if absent or 0, at most 1000.
    pub fn page_size(&mut self) -> usize {
        let asked = match self.string("pageSize") {
            None => Ok(0),
            Some(value) => value.parse::<i32>().map_err(|_| "must be a whole number of 32 bits"),
        };
        match asked.and_then(page_size) {
            Ok(size) => size,
            Err(description) => {
                self.refuse("pageSize", description);
                0
            }
        }
    }

    /// `updateMask` (AIP-134), whose paths are `known`.
    pub fn update_mask(&mut self, known: &[&'static str]) -> UpdateMask {
        let text = self.string("updateMask");
        UpdateMask::parse(text.as_deref(), known).unwrap_or_else(|description| {
            self.refuse("updateMask", description);
            UpdateMask::Present
        })
    }

    /// The values of a repeated parameter, each by name one of `values`.
    pub fn enumerations<T: Copy>(&mut self, name: &str, values: &[(&str, T)]) -> Vec<T> {
        let mut read = Vec::new();
        for text in self.take(name) {
            match values.iter().find(|(value, _)| *value == text) {
                Some((_, value)) => read.push(*value),
                None => {
                    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
                    self.refuse(name, format!("must be one of {}", names.join(", ")));
                }
            }
        }
        read
    }

    /// The texts of a repeated parameter, at most `max_entries` of at most `max_bytes` bytes each.
    pub fn strings(&mut self, name: &str, max_entries: usize, max_bytes: usize) -> Vec<String> {
        let values = self.take(name);
        if values.len() > max_entries || values.iter().any(|value| value.len() > max_bytes) {
            self.refuse(name, format!("must stand at most {max_entries} times, with at most {max_bytes} bytes each"));
            return Vec::new();
        }
        values
    }

    /// `requestId` (AIP-155): a UUID other than the nil one.
    pub fn request_id(&mut self) -> Option<Uuid> {
        let value = self.string("requestId")?;
        let uuid = Uuid::try_parse(&value).ok().filter(|uuid| value.len() == 36 && !uuid.is_nil());
        if uuid.is_none() {
            self.refuse("requestId", "must be a UUID such as 6d1d8f2e-7a0e-4c39-9c44-0f5f6c9b8a11");
        }
        uuid
    }

    /// Refuses every parameter that was not asked for, and hands over what was noted so far.
    pub fn finish(mut self) -> Violations {
        for (name, _) in self.parameters {
            self.violations.add(name, "is not a parameter of this operation");
        }
        self.violations
    }

    /// As [`Query::finish`], for a request without a body.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with every bad parameter.
    pub fn into_result(self) -> Result<(), Error> {
        self.finish().into_result()
    }
}

/// The text that `encoded` stands for, with `+` for a space as browsers and API Gateway read it, or
/// nothing if it is not UTF-8 or an escape is broken.
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
    use proptest::prelude::*;

    fn refused(query: Query) -> Vec<String> {
        let error = query.into_result().err();
        error.iter().flat_map(|error| error.violations()).map(|violation| violation.field.clone()).collect()
    }

    #[test]
    fn parameters_repeat_and_do_not_split_at_commas() {
        let mut query = Query::parse("a=x&a=y%2Cz&a=u,v&b=1");
        assert_eq!(query.take("a"), ["x", "y,z", "u,v"]);
        assert_eq!(query.string("b").as_deref(), Some("1"));
        assert_eq!(refused(query), Vec::<String>::new());
    }

    #[test]
    fn a_single_parameter_stands_once() {
        for raw in ["pageToken=a&pageToken=b", "pageToken=a&page_token=a"] {
            let mut query = Query::parse(raw);
            assert_eq!(query.string("pageToken"), None);
            assert_eq!(refused(query), ["pageToken"]);
        }
    }

    #[test]
    fn both_names_are_known_and_others_refused() {
        let mut query = Query::parse("page_token=x&agentUsername=y&PageToken=z");
        assert_eq!(query.string("pageToken").as_deref(), Some("x"));
        assert_eq!(refused(query), ["agentUsername", "PageToken"]);
    }

    #[test]
    fn broken_encodings_are_refused() {
        for (raw, named) in
            [("a=%FF", "a"), ("a=%4", "a"), ("a=%zz", "a"), ("%FF=a", "query"), ("=a", "query"), ("a=%ED%A0%80", "a")]
        {
            assert_eq!(refused(Query::parse(raw)), [named], "{raw}");
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
            let mut query = Query::parse(raw);
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
            let mut query = Query::parse(raw);
            query.page_size();
            assert_eq!(refused(query), ["pageSize"], "{raw}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(value in ".{1,30}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(Query::parse(&format!("a={encoded}")).string("a"), Some(value));
        }

        #[test]
        fn no_query_makes_it_panic(raw in ".{0,60}") {
            let mut query = Query::parse(&raw);
            query.page_size();
            let _ = query.into_result();
        }
    }
}
