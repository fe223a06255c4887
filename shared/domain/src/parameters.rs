//! The parameters of a request for a page, to which the token of the next page is bound.

use std::borrow::Cow;

use crate::json::Json;

/// The parameters that were read, in the order of reading, as bytes. Equal values make equal bytes, however the client
/// wrote and ordered the names; different values make different bytes. Parameters that only say which page is wanted, or
/// whether it comes with totals, are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<u8>);

impl Parameters {
    /// Adds `values` of the parameter `name`; without values it adds nothing.
    pub fn add<T: AsRef<str>>(&mut self, name: &str, values: impl ExactSizeIterator<Item = T>) {
        if values.len() == 0 || matches!(name, "pageSize" | "pageToken" | "includeTotals") {
            return;
        }
        // Lengths go first, so that no two different requests make the same bytes.
        self.0.extend_from_slice(&values.len().to_be_bytes());
        self.add_text(name);
        for value in values {
            self.add_text(value.as_ref());
        }
    }

    /// Adds the value of the field at `path`. Of a list of objects it adds only the length: their fields are read, and added, one
    /// by one.
    pub(crate) fn add_json(&mut self, path: &str, value: &Json) {
        match value {
            Json::Object(_) => {}
            Json::Array(entries) => self.add(path, entries.iter().map(text)),
            one => self.add(path, std::iter::once(text(one))),
        }
    }

    /// Appends `others`.
    pub fn append(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn add_text(&mut self, text: &str) {
        self.0.extend_from_slice(&text.len().to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// A value as it would stand in a query string.
fn text(value: &Json) -> Cow<'_, str> {
    match value {
        Json::String(text) => Cow::Borrowed(text),
        Json::Number(number) => Cow::Owned(number.to_string()),
        Json::Bool(true) => Cow::Borrowed("true"),
        Json::Bool(false) => Cow::Borrowed("false"),
        Json::Null | Json::Array(_) | Json::Object(_) => Cow::Borrowed(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::message::tests::read_noting;
    use crate::rules::{Double, List, PageSize, Text};
    use crate::{UpdateMask, Violations};
    use proptest::prelude::*;

    crate::message! {
        /// A range.
        struct Range {
            _start: Option<Text<30>> = "startTime",
        }
    }

    crate::message! {
        /// A criterion.
        struct Criterion {
            _id: Option<Text<10>> = "criterionId",
        }
    }

    crate::message! {
        /// A request for a page, with each type of field.
        struct Asked {
            _agents: List<Text<10>, 10> = "agentUserNames",
            _order_by: Option<Text<10>> = "orderBy",
            _a: Option<Double<0, 10>> = "a",
            _range: Option<Range> = "timeRange",
            _criteria: List<Criterion, 10> = "focusCriteria",
            _page_size: PageSize = "pageSize",
            _page_token: Option<Text<100>> = "pageToken",
        }
    }

    /// The parameters recorded of `body`.
    fn read(body: &str) -> Parameters {
        let mut violations = Violations::default();
        violations.keep_parameters();
        read_noting(&mut violations, "manager", body, &UpdateMask::Present, |mut object, place| {
            Asked::read(&mut object, place);
        });
        violations.take_parameters()
    }

    #[test]
    fn the_same_request_has_the_same_parameters_however_it_is_written() {
        let body = r#"{"agentUserNames": ["x", "y"], "orderBy": "z", "a": 5, "timeRange": {"startTime": "t"}, "focusCriteria": [{"criterionId": "c"}]}"#;
        for same in [
            r#"{"focusCriteria": [{"criterionId": "c"}], "timeRange": {"startTime": "t"}, "a": 5, "orderBy": "z", "agentUserNames": ["x", "y"]}"#,
            r#"{"agent_user_names": ["x", "y"], "order_by": "z", "a": "5", "time_range": {"start_time": "t"}, "focus_criteria": [{"criterion_id": "c"}]}"#,
            r#"{"agentUserNames": ["x", "y"], "orderBy": "z", "a": 5, "timeRange": {"startTime": "t", "other": 1}, "focusCriteria": [{"criterionId": "c"}], "pageSize": 7, "pageToken": "q", "unknown": [1]}"#,
        ] {
            assert_eq!(read(same), read(body), "{same}");
        }
        assert_eq!(
            read("{}"),
            read(r#"{"agentUserNames": [], "orderBy": "", "a": null, "timeRange": {}, "focusCriteria": null}"#)
        );
    }

    #[test]
    fn every_parameter_counts() {
        let bodies = [
            "{}",
            r#"{"agentUserNames": ["x"]}"#,
            r#"{"agentUserNames": ["x", ""]}"#,
            r#"{"agentUserNames": ["x", "y"]}"#,
            r#"{"agentUserNames": ["y", "x"]}"#,
            r#"{"agentUserNames": ["xy"]}"#,
            r#"{"orderBy": "x"}"#,
            r#"{"a": 1}"#,
            r#"{"a": 2}"#,
            r#"{"timeRange": {"startTime": "t"}}"#,
            r#"{"timeRange": {"startTime": "u"}}"#,
            r#"{"focusCriteria": [{"criterionId": "c"}]}"#,
            r#"{"focusCriteria": [{"criterionId": "c"}, {"criterionId": "d"}]}"#,
            r#"{"focusCriteria": [{"criterionId": "c"}, {}]}"#,
            r#"{"focusCriteria": [{}, {"criterionId": "c"}]}"#,
        ];
        for (place, body) in bodies.iter().enumerate() {
            for other in bodies.iter().skip(place + 1) {
                assert_ne!(read(body), read(other), "{body} and {other}");
            }
        }
    }

    proptest! {
        #[test]
        fn different_values_make_different_bytes(
            a in prop::collection::vec(("[ab]{0,2}", prop::collection::vec("[ab]{0,2}", 1..4)), 0..4),
            b in prop::collection::vec(("[ab]{0,2}", prop::collection::vec("[ab]{0,2}", 1..4)), 0..4),
        ) {
            let bytes = |parameters: &[(String, Vec<String>)]| {
                let mut all = Parameters::default();
                parameters.iter().for_each(|(name, values)| all.add(name, values.iter()));
                all
            };
            prop_assert_eq!(bytes(&a) == bytes(&b), a == b);
        }
    }
}
