//! `openapi.json` equals what the code takes and answers, and its examples are real.

mod document;
mod schema;
mod words;

use std::collections::HashMap;

use coaching_tests::{Replayed, replay_every_event, root};
use jsonschema::Validator;
use serde_json::Value;
use xtask::generated::Generated;

pub use document::{Method, methods};

/// Replaces the parts that differ from run to run: random bits of ids, and sealed page tokens.
fn settle(value: &mut Value, ids: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let parts: Vec<String> = text.split('/').map(|part| settled_id(part, ids)).collect();
            *text = parts.join("/");
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| settle(entry, ids)),
        Value::Object(object) => {
            for (name, value) in object {
                match name.as_str() {
                    "nextPageToken" => *value = "bmV4dCBwYWdl".into(),
                    _ => settle(value, ids),
                }
            }
        }
        _ => {}
    }
}

/// Replaces an id that the service made by its time and its number in the document.
fn settled_id(part: &str, ids: &mut Vec<String>) -> String {
    let (id, revision) = part.split_at(part.find('@').unwrap_or(part.len()));
    let made = uuid::Uuid::try_parse(id).is_ok_and(|uuid| uuid.get_version_num() == 7);
    if !made {
        return part.to_owned();
    }
    let number = ids.iter().position(|known| known == id).unwrap_or_else(|| {
        ids.push(id.to_owned());
        ids.len() - 1
    });
    format!("{}-7000-8000-{number:012x}{revision}", &id[..13])
}

/// Validates against `schema`, which may refer to the components of `document`.
pub fn validator(document: &Value, schema: &Value) -> Validator {
    let mut root = schema.clone();
    root["components"] = document["components"].clone();
    jsonschema::options().should_validate_formats(true).build(&root).unwrap()
}

fn assert_valid(validator: &Validator, value: &Value, what: &str) {
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

/// Every example of a parameter and of a body is valid against its schema.
fn examples_are_valid(document: &Value) {
    for (path, operations) in document["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            for parameter in operation["parameters"].as_array().unwrap() {
                if let Some(example) = parameter.get("example") {
                    let what = format!("{path}: {id}: {}", parameter["name"]);
                    assert_valid(&validator(document, &parameter["schema"]), example, &what);
                }
            }
            let Some(content) = operation.pointer("/requestBody/content/application~1json") else { continue };
            let validator = validator(document, &content["schema"]);
            for (name, example) in content["examples"].as_object().unwrap() {
                assert_valid(&validator, &example["value"], &format!("{id}: {name}"));
            }
        }
    }
}

/// Every answer to an event has a documented status, all required fields, and no undocumented ones.
fn answers_are_as_documented(document: &Value, replayed: &[Replayed]) {
    let mut closed = document.clone();
    for schema in closed["components"]["schemas"].as_object_mut().unwrap().values_mut() {
        if schema.get("properties").is_some() {
            schema["additionalProperties"] = false.into();
        }
    }
    let mut validators = HashMap::new();
    for one in replayed {
        let Some(operation) = document::documented(document, &one.event) else { continue };
        let status = one.answered.status.to_string();
        let response = &operation["responses"][&status];
        let response = response["$ref"].as_str().map_or(response, |shared| document.pointer(&shared[1..]).unwrap());
        assert!(response.is_object(), "{}: {status} is not documented", one.name);
        let told = response["description"].as_str().unwrap();
        assert!(told.contains(one.answered.reason()), "{}: {} is not documented", one.name, one.answered.reason());
        let schema = &response["content"]["application/json"]["schema"];
        let validator = validators.entry(schema.to_string()).or_insert_with(|| validator(&closed, schema));
        assert_valid(validator, &one.answered.body, &one.name);
        for header in response["headers"].as_object().into_iter().flat_map(serde_json::Map::keys) {
            let sent = one.answered.headers.contains_key(&header.to_lowercase());
            assert!(sent, "{}: without the header {header}", one.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_what_runs() {
    let mut replayed: Vec<Replayed> = replay_every_event().await.to_vec();
    let mut ids = Vec::new();
    for one in &mut replayed {
        settle(&mut one.answered.body, &mut ids);
    }
    let document = document::document(&replayed);
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    examples_are_valid(&document);
    answers_are_as_documented(&document, &replayed);
    Generated { file: "openapi.json".to_owned(), part: None, text }.hold(root()).unwrap();
}
