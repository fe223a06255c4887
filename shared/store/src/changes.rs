//! The history of entities. A change is an item in the partition of the entity it is of, written in
//! the transaction that makes it, so there is one exactly if the change was made. It outlives the entity.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnConsumedCapacity, TransactWriteItem};
use coaching_domain::change::Change;
use coaching_domain::{Code, Error, Role};
use serde_json::{Map, Number, Value};

use crate::Store;
use crate::failure::failure;
use crate::item::{Attributes, Item, key_attributes};
use crate::keys::{self, ListPosition, PK, SK};
use crate::list::{MAX_READ_BYTES, Page, Place, bytes_of};
use crate::unreadable::{MAX_UNREADABLE, Unreadable};

/// How often a change is tried that others keep getting in front of.
pub(crate) const ATTEMPTS: usize = 8;

impl Store {
    /// The write that keeps `change` of the entity in `partition`.
    pub(crate) fn record_change(&self, partition: &str, change: Change) -> Result<TransactWriteItem, Error> {
        let item = Item::at(keys::change(partition, &change))
            .text("time", change.time.to_string())
            .text("user", change.user.as_str())
            .text("role", change.role.as_str())
            .text("operation", change.operation)
            .version(change.version)
            .map("before", attributes(change.before))
            .map("after", attributes(change.after));
        let put = Put::builder().table_name(&*self.table).set_item(Some(item.into_attributes()));
        Ok(TransactWriteItem::builder().put(put.build().map_err(Error::internal)?).build())
    }

    /// The write of `item` over version `read` of it.
    pub(crate) fn replace(&self, item: Item, read: u64) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item.into_attributes()))
            .condition_expression("version = :read")
            .expression_attribute_values(":read", AttributeValue::N(read.to_string()));
        Ok(TransactWriteItem::builder().put(put.build().map_err(Error::internal)?).build())
    }

    /// The write that deletes version `read` of the item at `key`.
    pub(crate) fn delete_version(&self, key: keys::Key, read: u64) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(key)))
            .condition_expression("version = :read")
            .expression_attribute_values(":read", AttributeValue::N(read.to_string()));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(Error::internal)?).build())
    }

    /// The first `size` changes after `after` of the entity in `partition`, the latest first. The page is full unless
    /// it is the last, or its items would pass 6 MiB.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn history(
        &self,
        partition: &str,
        after: Option<ListPosition>,
        size: usize,
    ) -> Result<Page<Change>, Error> {
        let mut page = Page::empty();
        let mut after = after.map(ListPosition::into_text);
        let mut bytes = 0;
        while page.entries.len() <= size {
            let before = after.clone().unwrap_or_else(|| keys::AFTER_CHANGES.to_owned());
            let limit = i32::try_from(size + 1 - page.entries.len()).map_err(Error::internal)?;
            let query = self
                .client
                .query()
                .table_name(&*self.table)
                // The entity itself, and what counts on it, sort after all of its changes.
                .key_condition_expression(format!("{PK} = :partition AND {SK} < :before"))
                .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
                .expression_attribute_values(":before", AttributeValue::S(before))
                .scan_index_forward(false)
                .limit(limit)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let output = query.customize().interceptor(self.account.clone()).send().await.map_err(failure)?;
            for item in output.items.unwrap_or_default() {
                let of_item = bytes_of(&item);
                bytes += of_item;
                if page.entries.len() == size || bytes > MAX_READ_BYTES {
                    page.next = page.places.last().map(|place| place.position.clone());
                    return Ok(page);
                }
                let item = Attributes::of(item);
                let position = ListPosition::from_text(item.key.sort.clone());
                match self.noting(from_item(item)) {
                    Ok(change) => {
                        page.entries.push(change);
                        page.places.push(Place { position, bytes: of_item });
                    }
                    Err(unreadable) => {
                        bytes -= of_item;
                        page.unreadable.push((page.entries.len(), unreadable));
                        if page.unreadable.len() == MAX_UNREADABLE {
                            page.next = Some(position);
                            return Ok(page);
                        }
                    }
                }
            }
            match output.last_evaluated_key.and_then(|mut key| key.remove(SK)) {
                Some(AttributeValue::S(place)) => after = Some(place),
                _ => break,
            }
        }
        Ok(page)
    }
}

/// ABORTED, after [`ATTEMPTS`].
pub(crate) fn keeps_changing(name: &str) -> Error {
    Error::new(Code::Aborted, "CONCURRENT_CHANGES", format!("others kept changing '{name}'; try again"))
}

fn from_item(mut item: Attributes) -> Result<Change, Unreadable> {
    let role = item.text("role")?;
    Ok(Change {
        time: item.time("time")?,
        user: item.id("user")?,
        role: Role::parse(&role).ok_or_else(|| item.corrupt("role"))?,
        operation: item.text("operation")?,
        version: item.version()?,
        before: fields(item.map("before")?).ok_or_else(|| item.corrupt("before"))?,
        after: fields(item.map("after")?).ok_or_else(|| item.corrupt("after"))?,
    })
}

/// JSON as attributes: a text takes no more room than it has bytes, however it would be escaped.
fn attributes(fields: Map<String, Value>) -> HashMap<String, AttributeValue> {
    fields.into_iter().map(|(field, value)| (field, attribute(value))).collect()
}

fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(attribute).collect()),
        Value::Object(fields) => AttributeValue::M(attributes(fields)),
    }
}

fn fields(attributes: HashMap<String, AttributeValue>) -> Option<Map<String, Value>> {
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
