//! Schemas of requests, in the form that clients should send: one type per field. The introduction describes the other
//! accepted forms.

use std::collections::BTreeMap;
use std::ops::Bound;

use coaching_domain::message::snake_case;
use coaching_domain::outline::{Kind, Message};
use coaching_domain::values::title_pattern;
use serde_json::{Map, Value, json};

use super::words::Words;

/// RFC 3339 as the service reads it: upper case, no leap second, at most nine digits of a fraction.
const TIMESTAMP: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$";
/// Entity tags of RFC 9110 without commas, or `*`.
const ENTITY_TAGS: &str = r#"^(\*|(W/)?"[!#-+.-~-]*"( ?, ?(W/)?"[!#-+.-~-]*")*)$"#;

/// The named schemas of requests: objects and enums.
#[derive(Debug, Default)]
pub struct Components(pub BTreeMap<String, Value>);

impl Components {
    /// Stores `schema` as `name`, and returns a reference to it.
    fn refer(&mut self, name: String, schema: Value) -> Value {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        let before = self.0.insert(name, schema.clone());
        assert!(before.is_none_or(|before| before == schema), "two schemas have the same name: {reference}");
        reference
    }

    /// The schema of a text that is one of `names`. An enum that answers have is named as there; one whose first name
    /// is `…_UNSPECIFIED`, by the rest of that name; any other, by the `field`. What a list
    /// is ordered by is named by its operation too, because it differs from one to the next.
    fn enumeration(&mut self, field: &str, names: &[String], words: &Words<'_>) -> Value {
        let schema = json!({"type": "string", "enum": names});
        let answered = words.schemas.iter().find(|(_, answered)| answered["enum"] == schema["enum"]);
        if let Some((name, _)) = answered {
            return json!({"$ref": format!("#/components/schemas/{name}")});
        }
        let unspecified = names.first().and_then(|name| name.strip_suffix("_UNSPECIFIED"));
        let name: String = unspecified.map_or_else(
            || first_upper(singular(field)),
            |name| name.split('_').map(|word| first_upper(&word.to_lowercase())).collect(),
        );
        let name = if field == "orderBy" { first_upper(words.operation_id) + &name } else { name };
        self.refer(name, schema)
    }
}

fn first_upper(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

fn singular(name: &str) -> &str {
    name.strip_suffix('s').unwrap_or(name)
}

/// The name of the schema that the answer's `property` refers to or lists.
fn referred(property: &Value) -> Option<&str> {
    let reference = property["$ref"].as_str().or_else(|| property["items"]["$ref"].as_str());
    reference.and_then(|path| path.rsplit('/').next())
}

/// The schema of an object. `words` describes its fields, in the context of `answer`. An object in it is named by the
/// operation, and by its schema in answers or its field.
pub fn of_message(message: &Message, words: &Words<'_>, answer: &Value, components: &mut Components) -> Value {
    let mut properties = Map::new();
    for field in &message.fields {
        let (description, within) = words.describe(field, answer);
        let mut named = |message: &Message, own: &str| {
            let name = format!("{}{}", first_upper(words.operation_id), referred(within).unwrap_or(&first_upper(own)));
            let schema = of_message(message, words, within, components);
            components.refer(name, schema)
        };
        let mut schema = match &field.kind {
            Kind::Object(message) => named(message, &field.name),
            Kind::List { entry, max_entries } => match &**entry {
                Kind::Object(message) => list(named(message, singular(&field.name)), *max_entries),
                kind => list(of_kind(kind, &field.name, words, components), *max_entries),
            },
            Kind::Dropped => {
                let mut schema = within.clone();
                schema["readOnly"] = true.into();
                schema
            }
            kind => of_kind(kind, &field.name, words, components),
        };
        if !field.may_be_empty {
            not_empty(&mut schema);
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

/// The schema of the value of `field`.
pub fn of_kind(kind: &Kind, field: &str, words: &Words<'_>, components: &mut Components) -> Value {
    match kind {
        Kind::Text { max_bytes: None } => json!({"type": "string"}),
        // Every character takes at least one byte.
        Kind::Text { max_bytes: Some(bytes) } => json!({"type": "string", "maxLength": bytes}),
        Kind::Title { max_bytes } => json!({"type": "string", "maxLength": max_bytes, "pattern": title_pattern()}),
        Kind::Pattern(pattern) => json!({"type": "string", "pattern": pattern}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Timestamp => json!({"type": "string", "format": "date-time", "pattern": TIMESTAMP}),
        Kind::Uuid => json!({"type": "string", "format": "uuid"}),
        Kind::Int32 { minimum, maximum } => {
            json!({"type": "integer", "format": "int32", "minimum": minimum, "maximum": maximum})
        }
        Kind::AnyObject { .. } => json!({"type": "object"}),
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
            schema
        }
        Kind::Enumeration(names) => components.enumeration(field, names, words),
        Kind::UpdateMask(paths) => {
            let paths = paths.iter().flat_map(|path| {
                let original = snake_case(path);
                std::iter::once((*path).to_owned()).chain(Some(original).filter(|original| original != path))
            });
            let path = format!("({})", paths.collect::<Vec<_>>().join("|"));
            json!({"type": "string", "pattern": format!(r"^(\*|{path}(,{path})*)$")})
        }
        Kind::EntityTags => json!({"type": "string", "pattern": ENTITY_TAGS}),
        Kind::List { entry, max_entries } => list(of_kind(entry, field, words, components), *max_entries),
        Kind::Object(_) | Kind::Dropped => unreachable!("only fields of bodies are objects, or dropped"),
    }
}

fn list(items: Value, max_entries: Option<usize>) -> Value {
    let mut schema = json!({"type": "array", "items": items});
    if let Some(max_entries) = max_entries {
        schema["maxItems"] = max_entries.into();
    }
    schema
}

fn not_empty(schema: &mut Value) {
    if schema["type"] == "array" {
        schema["minItems"] = 1.into();
    }
    if schema["type"] == "string" && schema.get("pattern").is_none() && schema.get("enum").is_none() {
        schema["minLength"] = 1.into();
    }
}
