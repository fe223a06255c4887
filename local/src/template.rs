//! The table, as `template.yaml` defines it.

use serde::Deserialize;

/// The text of `template.yaml`.
pub const TEMPLATE: &str = include_str!("../../template.yaml");

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
    /// The expiry of items.
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
    /// The attributes that it holds.
    pub projection: ProjectionDefinition,
}

/// The attributes that an index holds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProjectionDefinition {
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection_type: String,
}

/// The expiry of a table's items.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLiveDefinition {
    /// The attribute with the Unix second of expiry.
    pub attribute_name: String,
    /// Whether items expire.
    pub enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    resources: Resources,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resources {
    table: Table,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Table {
    properties: TableDefinition,
}

impl TableDefinition {
    /// Reads the table that a template defines.
    ///
    /// # Errors
    /// One line that says what the template lacks.
    pub fn of_template(text: &str) -> Result<Self, String> {
        let template: Template = yaml_serde::from_str(text).map_err(|error| format!("template.yaml: {error}"))?;
        Ok(template.resources.table.properties)
    }
}
