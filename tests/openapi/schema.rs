//! Schemas of what readers take.

use std::ops::Bound;

use coaching_domain::fields::{snake_case, title_pattern};
use coaching_domain::outline::{Kind, Message};
use serde_json::{Map, Value, json};

use super::words::Words;

/// Where a value stands, which decides in which forms it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In JSON, where `null` is the same as absence.
    Body,
    /// In the path, the query or a header, where everything is text.
    Text,
}

/// A number without a fraction or with one, as text.
const NUMBER: &str = r"^[+-]?([0-9]+\.?[0-9]*|[0-9]*\.[0-9]+)([eE][+-]?[0-9]+)?$";
/// RFC 3339 as the service reads it: upper case, no leap second, at most nine digits of a fraction.
const TIMESTAMP: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$";
/// Entity tags of RFC 9110 without commas, or `*`.
const ENTITY_TAGS: &str = r#"^(\*|(W/)?"[!#-+.-~-]*"( ?, ?(W/)?"[!#-+.-~-]*")*)$"#;

/// The schema of an object; what its fields mean is said by `words`, in the context of `answer`.
pub fn of_message(message: &Message, words: &Words<'_>, answer: &Value) -> Value {
    let mut properties = Map::new();
    for field in &message.fields {
        let (description, within) = words.describe(field, answer);
        let mut schema = match &field.kind {
            Kind::Object(message) => of_message(message, words, within),
            Kind::List { entry, max_entries } => match &**entry {
                Kind::Object(message) => list(of_message(message, words, within), *max_entries),
                kind => list(of_kind(kind, Place::Body), *max_entries),
            },
            kind => of_kind(kind, Place::Body),
        };
        match field.may_be_empty {
            true => or_null(&mut schema),
            false => not_empty(&mut schema),
        }
        schema["description"] = description.into();
        properties.insert(field.name.clone(), schema);
    }
    let required: Vec<&str> =
        message.fields.iter().filter(|field| field.required).map(|field| field.name.as_str()).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    if message.closed {
        schema["additionalProperties"] = false.into();
    }
    schema
}

/// The schema of a value in `place`.
pub fn of_kind(kind: &Kind, place: Place) -> Value {
    match kind {
        Kind::Text { max_bytes: None } => json!({"type": "string"}),
        // Every character takes a byte at least.
        Kind::Text { max_bytes: Some(bytes) } => json!({"type": "string", "maxLength": bytes}),
        Kind::Title { max_bytes } => json!({"type": "string", "maxLength": max_bytes, "pattern": title_pattern()}),
        Kind::Pattern(pattern) => json!({"type": "string", "pattern": pattern}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Timestamp => json!({"type": "string", "format": "date-time", "pattern": TIMESTAMP}),
        Kind::Uuid => json!({"type": "string", "format": "uuid"}),
        Kind::Int32 { minimum } => {
            let mut schema = json!({"type": "integer", "format": "int32", "minimum": minimum, "maximum": i32::MAX});
            or_text(&mut schema, place);
            schema
        }
        Kind::Double(least, most) => {
            let mut schema = json!({"type": "number", "format": "double"});
            match least {
                Bound::Included(least) => schema["minimum"] = json!(least),
                Bound::Excluded(below) => schema["exclusiveMinimum"] = json!(below),
                Bound::Unbounded => {}
            }
            if let Bound::Included(most) = most {
                schema["maximum"] = json!(most);
            }
            or_text(&mut schema, place);
            schema
        }
        Kind::Enumeration { names, numbered } => {
            let by_name = json!({"type": "string", "enum": names});
            match numbered {
                true => json!({"anyOf": [by_name, {"type": "integer", "minimum": 0, "maximum": names.len() - 1}]}),
                false => by_name,
            }
        }
        Kind::UpdateMask(paths) => {
            let paths = paths.iter().flat_map(|path| {
                let original = snake_case(path);
                std::iter::once((*path).to_owned()).chain(Some(original).filter(|original| original != path))
            });
            let path = format!("({})", paths.collect::<Vec<_>>().join("|"));
            json!({"type": "string", "pattern": format!(r"^(\*|{path}(,{path})*)$")})
        }
        Kind::EntityTags => json!({"type": "string", "pattern": ENTITY_TAGS}),
        Kind::List { entry, max_entries } => list(of_kind(entry, place), *max_entries),
        Kind::Object(_) => json!({"type": "object"}),
        Kind::Dropped => json!({}),
    }
}

fn list(items: Value, max_entries: Option<usize>) -> Value {
    let mut schema = json!({"type": "array", "items": items});
    if let Some(max_entries) = max_entries {
        schema["maxItems"] = max_entries.into();
    }
    schema
}

/// A number may also stand as text, in JSON.
fn or_text(schema: &mut Value, place: Place) {
    if place == Place::Body {
        schema["type"] = json!([schema["type"], "string"]);
        schema["pattern"] = NUMBER.into();
    }
}

fn or_null(schema: &mut Value) {
    if let Some(alternatives) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        alternatives.push(json!({"type": "null"}));
    } else if let Some(kinds) = schema.get_mut("type") {
        let mut all = kinds.as_array().cloned().unwrap_or_else(|| vec![kinds.clone()]);
        all.push("null".into());
        *kinds = all.into();
        if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            values.push(Value::Null);
        }
    }
}

fn not_empty(schema: &mut Value) {
    if schema["type"] == "array" {
        schema["minItems"] = 1.into();
    }
    if schema["type"] == "string" && schema.get("pattern").is_none() && schema.get("enum").is_none() {
        schema["minLength"] = 1.into();
    }
}
