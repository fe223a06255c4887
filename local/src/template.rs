//! What `template.yaml` defines, as far as one machine serves it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use yaml_serde::Value;

/// The text of `template.yaml`.
pub const TEMPLATE: &str = include_str!("../../template.yaml");

/// The parts of a SAM template that say which functions there are, where they are reached, and
/// what the table looks like.
#[derive(Debug)]
pub struct Template {
    /// The functions.
    pub functions: Vec<Function>,
    /// The table.
    pub table: TableDefinition,
}

/// A function of the template.
#[derive(Debug)]
pub struct Function {
    /// Its package, from `CodeUri`, such as `create-session`.
    pub name: String,
    /// Where API Gateway sends requests for it: method and path, or nothing for what no other takes. A
    /// task has none. Browsers' preflights are left out.
    pub routes: Vec<Option<(String, String)>>,
}

/// `AWS::DynamoDB::Table`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TableDefinition {
    /// The key attributes.
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// The table's keys.
    pub key_schema: Vec<KeyElement>,
    /// Its indexes.
    pub global_secondary_indexes: Vec<IndexDefinition>,
    /// What expires.
    pub time_to_live_specification: TimeToLiveDefinition,
}

/// One key attribute.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    /// Its name.
    pub attribute_name: String,
    /// `S`, `N` or `B`.
    pub attribute_type: String,
}

/// One part of a key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyElement {
    /// Its attribute.
    pub attribute_name: String,
    /// `HASH` or `RANGE`.
    pub key_type: String,
}

/// One index.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IndexDefinition {
    /// Its name.
    pub index_name: String,
    /// Its keys.
    pub key_schema: Vec<KeyElement>,
    /// What it holds.
    pub projection: ProjectionDefinition,
}

/// What an index holds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProjectionDefinition {
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection_type: String,
}

/// What expires in a table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLiveDefinition {
    /// The attribute with the Unix second of expiry.
    pub attribute_name: String,
    /// Whether items expire.
    pub enabled: bool,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Resources")]
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Properties", default)]
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    code_uri: String,
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(rename = "Type")]
    kind: String,
    properties: EventProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventProperties {
    method: Option<String>,
    path: Option<String>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// One line that says what it lacks.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Document = yaml_serde::from_str(text).map_err(|error| format!("template.yaml: {error}"))?;
        let mut functions = Vec::new();
        let mut table = None;
        for (name, resource) in document.resources {
            match resource.kind.as_str() {
                "AWS::Serverless::Function" => functions.push(function(properties(&name, resource.properties)?)),
                "AWS::DynamoDB::Table" => table = Some(properties(&name, resource.properties)?),
                _ => {}
            }
        }
        let table = table.ok_or("template.yaml defines no table")?;
        Ok(Self { functions, table })
    }
}

fn properties<T: DeserializeOwned>(resource: &str, properties: Value) -> Result<T, String> {
    yaml_serde::from_value(properties).map_err(|error| format!("template.yaml, {resource}: {error}"))
}

fn function(properties: FunctionProperties) -> Function {
    let name = properties.code_uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let http = properties.events.into_values().filter(|event| event.kind == "HttpApi");
    let routes = http.map(|event| event.properties.method.zip(event.properties.path));
    // API Gateway answers preflights itself.
    let routes = routes.filter(|route| route.as_ref().is_none_or(|(method, _)| method != "OPTIONS")).collect();
    Function { name, routes }
}
