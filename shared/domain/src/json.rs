//! JSON as a tree, read strictly: a repeated key in one object is an error, as proto3 JSON prefers, and the number of
//! values is limited, because a tree takes far more memory than its text.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The most values that one text may hold, each entry of an array or object counted.
pub const MAX_VALUES: usize = 100_000;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as near as 64 bits hold it.
    Number(serde_json::Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads `text`, which must be one JSON value of at most [`MAX_VALUES`] values.
    ///
    /// # Errors
    /// [`JsonError`], with the place.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let mut state = State { left: MAX_VALUES, path: String::new(), has_twice: false };
        let value = Reader(&mut state).deserialize(&mut deserializer);
        match value.and_then(|value| deserializer.end().map(|()| value)) {
            Ok(value) => Ok(value),
            Err(_) if state.has_twice => Err(JsonError::Twice(state.path)),
            Err(error) => Err(JsonError::Invalid { line: error.line(), column: error.column() }),
        }
    }
}

impl From<Json> for serde_json::Value {
    fn from(value: Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::Number(number),
            Json::String(text) => Self::String(text),
            Json::Array(entries) => entries.into_iter().map(Self::from).collect(),
            Json::Object(object) => object.into_iter().map(|(key, value)| (key, Self::from(value))).collect(),
        }
    }
}

/// Why a text is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum JsonError {
    /// A key is repeated in one object: the path of its second value, such as `scores[2].criterionId`.
    Twice(String),
    /// It is not JSON, or has a number that 64 bits do not hold, more than 127 levels, or too many values.
    Invalid {
        /// The line in which that was noticed, from 1 on.
        line: usize,
        /// The column, in bytes.
        column: usize,
    },
}

/// The state of reading a text.
struct State {
    /// The number of values that may still follow.
    left: usize,
    /// The path of the value that is being read.
    path: String,
    /// Whether that is a repeated key's second value.
    has_twice: bool,
}

/// Reads one value.
struct Reader<'a>(&'a mut State);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        self.0.left = self.0.left.checked_sub(1).ok_or_else(|| D::Error::custom("there are too many values"))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        serde_json::Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        let around = self.0.path.len();
        loop {
            // Writing to a `String` does not fail.
            let _ = write!(self.0.path, "[{}]", array.len());
            let Some(entry) = entries.next_element_seed(Reader(&mut *self.0))? else { break };
            array.push(entry);
            self.0.path.truncate(around);
        }
        self.0.path.truncate(around);
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = BTreeMap::new();
        let around = self.0.path.len();
        while let Some(key) = entries.next_key::<String>()? {
            if around > 0 {
                self.0.path.push('.');
            }
            self.0.path.push_str(&key);
            let value = entries.next_value_seed(Reader(&mut *self.0))?;
            if object.insert(key, value).is_some() {
                self.0.has_twice = true;
                return Err(A::Error::custom("a key stands twice in one object"));
            }
            self.0.path.truncate(around);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_named_with_its_place() {
        for (text, path) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"{"a": {"b": 1}, "b": 1, "a": 2}"#, "a"),
            (r#"{"b": [{"a": 1, "c": 1}, [0, {"a": 1, "a": 2}]]}"#, "b[1][1].a"),
            (r#"{"a": {"c": 1}, "b": {"c": {"d": 1, "e": [], "d": []}}}"#, "b.c.d"),
            (r#"[{"a": 1}, {"a": 1, "a": 1}]"#, "[1].a"),
            (r#"{"": 1, "": 2}"#, ""),
        ] {
            assert_eq!(Json::parse(text.as_bytes()), Err(JsonError::Twice(path.to_owned())), "{text}");
        }
        assert!(Json::parse(br#"{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}"#).is_ok());
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place() {
        assert_eq!(Json::parse(b"{\n  \"a\": }"), Err(JsonError::Invalid { line: 2, column: 8 }));
        assert!(matches!(Json::parse(b"{} {}"), Err(JsonError::Invalid { .. })));
    }

    #[test]
    fn the_number_of_values_is_limited() {
        let array = |entries: usize| format!("[{}0]", "0,".repeat(entries - 1));
        assert!(Json::parse(array(MAX_VALUES - 1).as_bytes()).is_ok());
        assert!(Json::parse(array(MAX_VALUES).as_bytes()).is_err());
    }
}
