//! The history of entities. A change is an item in the partition of its entity, written in the transaction that makes
//! the change, so it exists exactly if the change was made. It outlives the entity. A change that does not fit into one
//! item continues in others right behind it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::change::Change;
use coaching_domain::names::UserId;
use coaching_domain::values::SMALLEST;
use coaching_domain::{Error, Role};
use serde_json::{Map, Number, Value};

use crate::Store;
use crate::engine::write::Write;
use crate::failure::failure;
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, PK, SK};
use crate::list::{MAX_READ_BYTES, Page, Place, bytes_of};
use crate::unreadable::{MAX_UNREADABLE, Unreadable};

/// The most bytes that the fields of a change take in one item: DynamoDB allows 400 KB. A single field that takes more,
/// as a scorecard's scores may, still fits alone.
const MAX_BYTES_OF_PART: usize = 320 * 1024;
/// The number of changes read at once for an agent, who may not see all of them.
const READ_FOR_AGENT: usize = 100;

/// The write that records `change` of the entity in `partition`; its fields must fit into one item.
pub(crate) fn record(partition: &str, change: Change) -> Write {
    let fields = Part { before: attributes(&change.before), after: attributes(&change.after) };
    Write::put(first_item(keys::change(partition, &change), &change, fields))
}

/// The writes that record `change` of the entity in `partition`, however large its fields are.
pub(crate) fn record_large(partition: &str, change: &Change) -> Vec<Write> {
    let key = keys::change(partition, change);
    let parts = parts_of(change).into_iter().enumerate();
    let items = parts.map(|(number, fields)| match number {
        0 => first_item(key.clone(), change, fields),
        number => fields.into_item(Item::at(keys::part_of_change(&key, number))),
    });
    items.map(Write::put).collect()
}

fn first_item(key: keys::Key, change: &Change, fields: Part) -> Item {
    let item = Item::at(key)
        .text("time", change.time.to_string())
        .text("user", change.user.as_str())
        .text("role", change.role.as_str())
        .text("operation", &change.operation)
        .version(change.version)
        .optional_text("agent", change.agent.as_ref())
        .texts("hidden_before", change.hidden_before.iter().cloned())
        .texts("hidden_after", change.hidden_after.iter().cloned());
    fields.into_item(item)
}

impl Store {
    /// The first `size` changes after `after` of the entity in `partition`, the latest first. The page is full unless
    /// it is the last, or its items would exceed 6 MiB. For an `agent`, only what they may see, and nothing if the
    /// latest change is not of theirs: the entity is a colleague's now, or its history is older than what agents may
    /// see.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn history(
        &self,
        partition: &str,
        after: Option<Cursor>,
        size: usize,
        agent: Option<&UserId>,
    ) -> Result<Page<Change>, Error> {
        let mut page = Page::empty();
        let mut is_latest = after.is_none();
        let mut after = after.map(Cursor::into_text);
        let mut bytes = 0;
        // The parts of the change that is read next: they sort behind it.
        let mut behind = Part::default();
        let mut damaged = None;
        while page.entries.len() <= size {
            let before = after.clone().unwrap_or_else(|| keys::AFTER_CHANGES.to_owned());
            let left = size + 1 - page.entries.len();
            let limit = agent.map_or(left, |_| left.max(READ_FOR_AGENT));
            let query = self
                .client
                .query()
                .table_name(&*self.table)
                // The entity itself, and the counts on it, sort after all of its changes.
                .key_condition_expression(format!("{PK} = :partition AND {SK} < :before"))
                .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
                .expression_attribute_values(":before", AttributeValue::S(before))
                .scan_index_forward(false)
                .limit(i32::try_from(limit).map_err(Error::internal)?)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let output = query.customize().interceptor(self.meter.clone()).send().await.map_err(failure)?;
            for item in output.items.unwrap_or_default() {
                let of_item = bytes_of(&item);
                let mut item = Attributes::of(item);
                let sort = item.key.sort.clone();
                if keys::is_part_of_change(&sort) {
                    match self.noting(behind.take(&mut item)) {
                        Ok(()) => {}
                        Err(unreadable) => damaged = Some(unreadable),
                    }
                    continue;
                }
                let of_change = of_item + bytes_of(&behind.before) + bytes_of(&behind.after);
                let change = self.noting(from_item(item, std::mem::take(&mut behind)));
                let change = damaged.take().map_or(change, Err);
                let change = match (change, agent) {
                    (Ok(change), None) => change,
                    (change, Some(agent)) => {
                        let of_agent = |change: &Change| change.agent.as_ref() == Some(agent);
                        if std::mem::take(&mut is_latest) && !change.as_ref().is_ok_and(of_agent) {
                            return Ok(page);
                        }
                        match change.ok().and_then(|change| change.seen_by(agent)) {
                            Some(seen) => seen,
                            None => continue,
                        }
                    }
                    (Err(_), None) if page.entries.len() == size => {
                        page.next = page.places.last().map(|place| place.cursor.clone());
                        return Ok(page);
                    }
                    (Err(unreadable), None) => {
                        page.unreadable.push((page.entries.len(), unreadable));
                        if page.unreadable.len() == MAX_UNREADABLE {
                            page.next = Some(Cursor::from_text(sort));
                            return Ok(page);
                        }
                        continue;
                    }
                };
                bytes += of_change;
                if page.entries.len() == size || (bytes > MAX_READ_BYTES && !page.entries.is_empty()) {
                    page.next = page.places.last().map(|place| place.cursor.clone());
                    return Ok(page);
                }
                page.entries.push(change);
                page.places.push(Place { cursor: Cursor::from_text(sort), bytes: of_change });
            }
            match output.last_evaluated_key.and_then(|mut key| key.remove(SK)) {
                Some(AttributeValue::S(place)) => after = Some(place),
                _ => break,
            }
        }
        Ok(page)
    }
}

/// The fields of a change that are in one item.
#[derive(Debug, Default)]
struct Part {
    before: HashMap<String, AttributeValue>,
    after: HashMap<String, AttributeValue>,
}

impl Part {
    fn into_item(self, item: Item) -> Item {
        item.map("before", self.before).map("after", self.after)
    }

    /// Adds the fields in `item`.
    fn take(&mut self, item: &mut Attributes) -> Result<(), Unreadable> {
        self.before.extend(item.map("before")?);
        self.after.extend(item.map("after")?);
        Ok(())
    }
}

/// The number of items that `change` takes.
pub(crate) fn items_of(change: &Change) -> usize {
    parts_of(change).len()
}

/// The size of the fields of `change` in items, in bytes.
pub(crate) fn bytes_of_fields(change: &Change) -> usize {
    bytes_of(&attributes(&change.before)) + bytes_of(&attributes(&change.after))
}

/// The fields of `change`, item by item, at least one.
fn parts_of(change: &Change) -> Vec<Part> {
    let sides = change.before.iter().map(|field| (false, field)).chain(change.after.iter().map(|field| (true, field)));
    let mut parts = Vec::new();
    let mut part = Part::default();
    let mut bytes = 0;
    for (is_after, (field, value)) in sides {
        let field = HashMap::from([(field.clone(), attribute(value))]);
        let of_field = bytes_of(&field);
        if bytes > 0 && bytes + of_field > MAX_BYTES_OF_PART {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += of_field;
        if is_after {
            part.after.extend(field)
        } else {
            part.before.extend(field)
        };
    }
    parts.push(part);
    parts
}

/// The change in `item`, with the fields of its further items in `behind`.
fn from_item(mut item: Attributes, mut behind: Part) -> Result<Change, Unreadable> {
    behind.take(&mut item)?;
    let role = item.text("role")?;
    Ok(Change {
        time: item.time("time")?,
        user: item.id("user")?,
        role: Role::parse(&role).ok_or_else(|| item.corrupt("role"))?,
        operation: item.text("operation")?,
        version: item.version()?,
        before: fields(behind.before).ok_or_else(|| item.corrupt("before"))?,
        after: fields(behind.after).ok_or_else(|| item.corrupt("after"))?,
        agent: item.optional_id("agent")?,
        hidden_before: item.texts("hidden_before")?,
        hidden_after: item.texts("hidden_after")?,
    })
}

/// JSON as attributes: a text takes as many bytes as it has, without the escapes of JSON.
pub(crate) fn attributes(fields: &Map<String, Value>) -> HashMap<String, AttributeValue> {
    fields.iter().map(|(field, value)| (field.clone(), attribute(value))).collect()
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::Number(number) => AttributeValue::N(digits(number)),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(values) => AttributeValue::L(values.iter().map(attribute).collect()),
        Value::Object(fields) => AttributeValue::M(attributes(fields)),
    }
}

/// `number` as DynamoDB keeps it: 3 for 3.0, and 0 for what is smaller than it keeps.
fn digits(number: &Number) -> String {
    match number.as_f64() {
        Some(fraction) if fraction.abs() < SMALLEST => "0".to_owned(),
        Some(fraction) if number.is_f64() => fraction.to_string(),
        _ => number.to_string(),
    }
}

/// The JSON that [`attributes`] wrote.
pub(crate) fn fields(attributes: HashMap<String, AttributeValue>) -> Option<Map<String, Value>> {
    attributes.into_iter().map(|(field, attribute)| Some((field, value(attribute)?))).collect()
}

fn value(attribute: AttributeValue) -> Option<Value> {
    Some(match attribute {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(value) => Value::Bool(value),
        AttributeValue::N(text) => Value::Number(text.parse::<Number>().ok()?),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => Value::Array(values.into_iter().map(value).collect::<Option<_>>()?),
        AttributeValue::M(attributes) => Value::Object(fields(attributes)?),
        _ => return None,
    })
}
