//! The rows of a table as the records that the API takes.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use coaching_jobs::cells::{self, Score};
use csv::{ReaderBuilder, StringRecord};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::{Import, Records};
use crate::docs::DOCUMENT;

/// The character with which a table in UTF-8 may begin.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// Columns of exports whose names do not follow from fields.
const EXPORTED_AS: [(&str, &str); 1] = [("submitter_user_name", "submittedBy")];
/// Columns of exports that tell what follows from other records.
const FOLLOWING: [&str; 4] = ["agent_display_name", "state", "template_title", "not_applicable"];
/// A table whose columns are known.
pub(super) struct Table {
    file: PathBuf,
    headings: Vec<String>,
    columns: Vec<Column>,
    /// Whether the apostrophes at the beginning of texts are their own.
    raw_text: bool,
    /// The places of the columns after which records without a name are named.
    key: Vec<usize>,
    /// The beginning of the names of the customer's, and of the profile's resources.
    parents: [String; 2],
    /// The pattern of the records' own names.
    name: Field,
    schema: Validator,
}

/// A row of a table.
pub(super) struct Row {
    /// The line of the file at which it begins.
    pub(super) line: u64,
    pub(super) record: Value,
    /// What is wrong with it.
    pub(super) problems: Vec<String>,
}

impl Row {
    /// Whether it is a scorecard that calibrates another one.
    pub(super) fn is_calibration(&self) -> bool {
        self.record.get("calibratedScorecardName").is_some()
    }
}

/// What a column holds.
#[derive(Clone)]
enum Column {
    Field(Field),
    /// Scores of a criterion, in rows of the template.
    Score {
        template: String,
        criterion: String,
    },
    LeftOut,
}

/// A field of a record.
#[derive(Clone)]
struct Field {
    /// Its name, and that of the field within it that the column holds.
    path: Vec<String>,
    /// The schema of one value.
    schema: Value,
    is_list: bool,
}

/// Letters and digits alone: `agent_user_name`, `agentUserName` and `Agent user name` are one column.
fn plain(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|path| document.pointer(path)).unwrap_or(schema)
}

impl Field {
    /// The fields that a column can hold of a record with `schema`, each by its plain name.
    fn all(document: &Value, schema: &Value) -> BTreeMap<String, Self> {
        let mut fields = BTreeMap::new();
        for (name, property) in properties(schema) {
            let property = resolved(document, property);
            let is_list = property.get("type") == Some(&json!("array"));
            let value = property.get("items").filter(|_| is_list).unwrap_or(property);
            let value = resolved(document, value);
            let within: Vec<_> = properties(value).collect();
            match within[..] {
                [] => {
                    fields.insert(plain(name), Self { path: vec![name.clone()], schema: value.clone(), is_list });
                }
                // Somebody, by their name.
                [(inner, inner_schema)] if !is_list => {
                    let field = Self { path: vec![name.clone(), inner.clone()], schema: inner_schema.clone(), is_list };
                    fields.insert(plain(name), field.clone());
                    fields.insert(plain(&format!("{name}User{inner}")), field);
                }
                _ => {}
            }
        }
        fields
    }

    /// The collection of the resources that it names, if it names any.
    fn collection(&self) -> Option<&str> {
        let (before, _) = self.schema.get("pattern")?.as_str()?.rsplit_once("/(?!")?;
        before.rsplit('/').next()
    }

    /// Whether these resources belong to a profile.
    fn is_of_profile(&self) -> bool {
        let pattern = self.schema.get("pattern").and_then(Value::as_str).unwrap_or_default();
        pattern.contains("/profiles/") && self.collection() != Some("profiles")
    }

    /// The value of a cell.
    fn value(&self, cell: &str, parents: &[String; 2]) -> Result<Value, &'static str> {
        if !self.is_list {
            return self.one(cell, parents);
        }
        let parts: Vec<&str> = match self.collection() {
            Some(_) => cell.split([' ', ';', '\n']).collect(),
            None => cell.split([';', '\n']).collect(),
        };
        let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| self.one(part, parents)).collect::<Result<Vec<_>, _>>().map(Value::Array)
    }

    fn one(&self, cell: &str, [customer, profile]: &[String; 2]) -> Result<Value, &'static str> {
        match self.schema.get("type").and_then(Value::as_str) {
            Some("boolean") => match cell.to_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(true.into()),
                "false" | "no" | "0" => Ok(false.into()),
                _ => Err("is neither true nor false"),
            },
            Some("integer") => cell.parse::<i64>().map(Value::from).map_err(|_| "is no whole number"),
            Some("number") => cells::number_of(cell).map(Value::from).ok_or("is no number"),
            _ => Ok(match self.collection() {
                None => cell.to_owned(),
                Some(collection) => {
                    let parent = if self.is_of_profile() { profile } else { customer };
                    let own = format!("{collection}/");
                    // A name from elsewhere becomes one of this customer and profile.
                    let id =
                        if cell.starts_with("customers/") { cell.rsplit(&*own).next().unwrap_or(cell) } else { cell };
                    format!("{parent}/{own}{}", id.trim_start_matches(&*own))
                }
            }
            .into()),
        }
    }
}

impl Column {
    /// What the column `heading` holds.
    fn of(heading: &str, fields: &BTreeMap<String, Field>, records: Records, answered: &Value) -> Option<Self> {
        if let Some((template, criterion)) = heading.split_once('/').filter(|_| records == Records::Scorecards) {
            return Some(Self::Score { template: template.to_owned(), criterion: criterion.to_owned() });
        }
        let exported = EXPORTED_AS.iter().find(|(column, _)| *column == heading).map(|(_, field)| *field);
        let own_name = plain(&format!("{}Name", records.resource()));
        let name = match plain(exported.unwrap_or(heading)) {
            name if name == own_name => "name".to_owned(),
            name => name,
        };
        let is_answered = || properties(answered).any(|(property, _)| plain(property) == name);
        match fields.get(&name) {
            Some(field) => Some(Self::Field(field.clone())),
            None => (FOLLOWING.contains(&heading) || is_answered()).then_some(Self::LeftOut),
        }
    }
}

impl Table {
    /// The table of `import`, whose rows are `records`.
    pub(super) fn open(import: &Import, records: Records) -> Result<Self, String> {
        let document: Value =
            serde_json::from_str(DOCUMENT).map_err(|error| format!("the document of the API: {error}"))?;
        let (path, list) = records.sent_to();
        let body = document
            .pointer(&format!("/paths/{}/post/requestBody/content/application~1json/schema", path.replace('/', "~1")));
        let body = resolved(&document, body.unwrap_or(&Value::Null));
        let schema = match list {
            Some(list) => {
                resolved(&document, body.pointer(&format!("/properties/{list}/items")).unwrap_or(&Value::Null))
            }
            None => body,
        };
        let answered = document.pointer(&format!("/components/schemas/{}", records.resource())).unwrap_or(&Value::Null);
        let fields = Field::all(&document, schema);
        let name = fields.get("name").cloned().ok_or("the document of the API has no names of such records")?;

        let mut with_components = schema.clone();
        if let (Some(root), Some(components)) = (with_components.as_object_mut(), document.get("components")) {
            root.insert("components".to_owned(), components.clone());
        }
        let validator = jsonschema::validator_for(&with_components).map_err(|error| error.to_string())?;

        let mut reader = reader(&import.file)?;
        let headings = reader.headers().map_err(|error| unreadable(&import.file, &error))?;
        let headings = headings.iter().map(|heading| heading.trim_start_matches(BYTE_ORDER_MARK).trim());
        let headings: Vec<String> =
            headings.map(|heading| cells::text_of(heading, import.raw_text).to_owned()).collect();
        let mapping = import.mapping.as_deref().map(mapping).transpose()?.unwrap_or_default();
        if let Some(column) = mapping.keys().find(|column| !headings.contains(column)) {
            return Err(format!("the mapping has the column {column}, which the table has not"));
        }
        let mut unknown = Vec::new();
        let mut columns = Vec::new();
        for heading in &headings {
            let column = match mapping.get(heading) {
                Some(None) => Some(Column::LeftOut),
                Some(Some(field)) => Column::of(field, &fields, records, answered),
                None => Column::of(heading, &fields, records, answered),
            };
            if column.is_none() {
                unknown.push(heading.as_str());
            }
            columns.push(column.unwrap_or(Column::LeftOut));
        }
        if !unknown.is_empty() {
            let known: Vec<&str> = properties(schema).map(|(name, _)| name.as_str()).collect();
            return Err(format!(
                "not fields of such records: {}; --mapping can say which they are, or leave them out; the fields are {}",
                unknown.join(", "),
                known.join(", ")
            ));
        }
        let place = |column: &String| {
            let place = headings.iter().position(|heading| heading == column);
            place.ok_or_else(|| format!("--key names the column {column}, which the table has not"))
        };
        let key = import.key.iter().map(place).collect::<Result<_, _>>()?;
        let customer = format!("customers/{}", import.customer);
        let profile = format!("{customer}/profiles/{}", import.profile);
        let parents = [customer, profile];
        let (file, raw_text) = (import.file.clone(), import.raw_text);
        Ok(Self { file, headings, columns, raw_text, key, parents, name, schema: validator })
    }

    /// The columns that are left out.
    pub(super) fn left_out(&self) -> impl Iterator<Item = &str> {
        let columns = self.headings.iter().zip(&self.columns);
        columns.filter(|(_, column)| matches!(column, Column::LeftOut)).map(|(heading, _)| heading.as_str())
    }

    /// The rows, from the first.
    pub(super) fn rows(&self) -> Result<impl Iterator<Item = Result<Row, String>>, String> {
        let records = reader(&self.file)?.into_records();
        Ok(records.map(|record| Ok(self.row(&record.map_err(|error| unreadable(&self.file, &error))?))))
    }

    fn row(&self, row: &StringRecord) -> Row {
        let mut problems = Vec::new();
        let mut record = Map::new();
        let mut scores = Vec::new();
        for ((cell, column), heading) in row.iter().zip(&self.columns).zip(&self.headings) {
            match column {
                _ if cell.is_empty() => {}
                Column::LeftOut => {}
                Column::Score { template, criterion } => {
                    scores.push((template, score(criterion, cells::score_of(cell, self.raw_text))))
                }
                Column::Field(field) => match field.value(cells::text_of(cell, self.raw_text), &self.parents) {
                    Ok(value) => put(&mut record, &field.path, value),
                    Err(fault) => problems.push(format!("{heading}: {fault}: {cell}")),
                },
            }
        }
        if !scores.is_empty() {
            let template = record.get("templateName").and_then(Value::as_str).unwrap_or_default();
            let template = template.rsplit('/').next().and_then(|id| id.split('@').next()).unwrap_or_default();
            let of_template = scores.into_iter().filter(|(of, _)| *of == template);
            let of_template: Vec<Value> = of_template.map(|(_, score)| score).collect();
            record.insert("scores".to_owned(), of_template.into());
        }
        if !record.contains_key("name") {
            let name = self.name.one(&self.id_of(row), &self.parents);
            record.insert("name".to_owned(), name.unwrap_or_default());
        }
        let record = Value::Object(record);
        problems.extend(self.schema.iter_errors(&record).map(|error| {
            let field = error.instance_path().to_string();
            let said: String = error.to_string().chars().take(200).collect();
            format!(
                "{}{said}",
                if field.is_empty() { String::new() } else { format!("{}: ", field.trim_start_matches('/')) }
            )
        }));
        Row { line: row.position().map_or(0, csv::Position::line), record, problems }
    }

    /// The id of a record without a name: its key, or a digest of the whole row.
    fn id_of(&self, cells: &StringRecord) -> String {
        if !self.key.is_empty() {
            let parts: Vec<&str> = self.key.iter().filter_map(|place| cells.get(*place)).map(str::trim).collect();
            return parts.join("-");
        }
        let whole: Vec<&str> = cells.iter().collect();
        let digest = digest(&SHA256, whole.join("\u{1f}").as_bytes());
        let bytes = digest.as_ref().first_chunk::<16>().copied().unwrap_or_default();
        uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
    }
}

fn reader(file: &Path) -> Result<csv::Reader<File>, String> {
    ReaderBuilder::new().from_path(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &csv::Error) -> String {
    format!("{}: {error}", file.display())
}

/// The columns that the file of a mapping names, and the field of each; `None` leaves it out.
fn mapping(file: &Path) -> Result<HashMap<String, Option<String>>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text)
        .map_err(|error| format!("{} is no JSON object from columns to fields or null: {error}", file.display()))
}

/// The score of a criterion as the API takes it.
fn score(criterion: &str, score: Score<'_>) -> Value {
    match score {
        Score::NotApplicable => json!({"criterionId": criterion, "notApplicable": true}),
        Score::Number(number) => json!({"criterionId": criterion, "numericValue": number}),
        Score::Text(text) => json!({"criterionId": criterion, "textValue": text}),
    }
}

fn put(record: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            record.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let within = record.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Some(within) = within.as_object_mut() {
                put(within, rest, value);
            }
        }
    }
}
