//! One write of a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use coaching_domain::Error;

use crate::item::{Item, key_attributes};
use crate::keys::{Key, PK};

/// A write of one item, or a check of one, with its condition.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    action: Action,
    condition: Option<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
    shows_item: bool,
}

#[derive(Debug, Clone)]
enum Action {
    Put(Item),
    Update { key: Key, expression: String },
    Delete(Key),
    Check(Key),
}

impl Write {
    /// Writes `item` over whatever is there.
    pub(crate) fn put(item: Item) -> Self {
        Self::of(Action::Put(item))
    }

    /// Writes `item`, whose key must be free.
    pub(crate) fn put_new(item: Item) -> Self {
        Self::put(item).when(format!("attribute_not_exists({PK})"))
    }

    /// Writes `item` over version `read` of it.
    pub(crate) fn replace(item: Item, read: impl Into<u64>) -> Self {
        Self::put(item).when_version(read)
    }

    /// Changes the item at `key` by an update expression.
    pub(crate) fn update(key: Key, expression: impl Into<String>) -> Self {
        Self::of(Action::Update { key, expression: expression.into() })
    }

    /// The size of the item that it puts, in bytes.
    pub(crate) fn size(&self) -> usize {
        match &self.action {
            Action::Put(item) => item.size(),
            Action::Update { .. } | Action::Delete(_) | Action::Check(_) => 0,
        }
    }

    /// Deletes the item at `key`.
    pub(crate) fn delete(key: Key) -> Self {
        Self::of(Action::Delete(key))
    }

    /// Deletes version `read` of the item at `key`.
    pub(crate) fn delete_version(key: Key, read: impl Into<u64>) -> Self {
        Self::delete(key).when_version(read)
    }

    /// Checks a `condition` on the item at `key`, and writes nothing.
    pub(crate) fn check(key: Key, condition: impl Into<String>) -> Self {
        Self::of(Action::Check(key)).when(condition)
    }

    /// Checks that the item at `key` is of version `read`, or that there is none.
    pub(crate) fn check_version(key: Key, read: Option<impl Into<u64>>) -> Self {
        match read {
            None => Self::check(key, format!("attribute_not_exists({PK})")),
            Some(read) => Self::of(Action::Check(key)).when_version(read),
        }
    }

    fn of(action: Action) -> Self {
        Self { action, condition: None, names: HashMap::new(), values: HashMap::new(), shows_item: false }
    }

    /// The same, made only if the item meets `condition`.
    pub(crate) fn when(self, condition: impl Into<String>) -> Self {
        Self { condition: Some(condition.into()), ..self }
    }

    /// The same, made only over version `read` of the item.
    pub(crate) fn when_version(self, read: impl Into<u64>) -> Self {
        self.when("version = :read").number(":read", read.into())
    }

    /// The same, with `placeholder` for the name of an attribute in its expressions.
    pub(crate) fn name(mut self, placeholder: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.names.insert(placeholder.into(), attribute.into());
        self
    }

    /// The same, with `placeholder` for a value in its expressions.
    pub(crate) fn value(mut self, placeholder: impl Into<String>, value: AttributeValue) -> Self {
        self.values.insert(placeholder.into(), value);
        self
    }

    /// The same, with `placeholder` for a text in its expressions.
    pub(crate) fn text(self, placeholder: impl Into<String>, text: impl Into<String>) -> Self {
        self.value(placeholder, AttributeValue::S(text.into()))
    }

    /// The same, with `placeholder` for a number in its expressions.
    pub(crate) fn number(self, placeholder: impl Into<String>, number: impl ToString) -> Self {
        self.value(placeholder, AttributeValue::N(number.to_string()))
    }

    /// The same; if its condition does not hold, the refusal has the current item.
    pub(crate) fn showing_item(self) -> Self {
        Self { shows_item: true, ..self }
    }

    /// The write as DynamoDB takes it, in `table`.
    pub(crate) fn build(self, table: &str) -> Result<TransactWriteItem, Error> {
        let Self { action, condition, names, values, shows_item } = self;
        let names = Some(names).filter(|names| !names.is_empty());
        let values = Some(values).filter(|values| !values.is_empty());
        let shown = shows_item.then_some(ReturnValuesOnConditionCheckFailure::AllOld);
        let write = TransactWriteItem::builder();
        let write = match action {
            Action::Put(item) => {
                let put = Put::builder().table_name(table).set_item(Some(item.into_attributes()));
                let put = put.set_condition_expression(condition).set_return_values_on_condition_check_failure(shown);
                let put = put.set_expression_attribute_names(names).set_expression_attribute_values(values);
                write.put(put.build().map_err(Error::internal)?)
            }
            Action::Update { key, expression } => {
                let update = Update::builder().table_name(table).set_key(Some(key_attributes(key)));
                let update = update.update_expression(expression).set_condition_expression(condition);
                let update = update.set_return_values_on_condition_check_failure(shown);
                let update = update.set_expression_attribute_names(names).set_expression_attribute_values(values);
                write.update(update.build().map_err(Error::internal)?)
            }
            Action::Delete(key) => {
                let delete = Delete::builder().table_name(table).set_key(Some(key_attributes(key)));
                let delete = delete.set_condition_expression(condition);
                let delete = delete.set_return_values_on_condition_check_failure(shown);
                let delete = delete.set_expression_attribute_names(names).set_expression_attribute_values(values);
                write.delete(delete.build().map_err(Error::internal)?)
            }
            Action::Check(key) => {
                let check = ConditionCheck::builder().table_name(table).set_key(Some(key_attributes(key)));
                let check = check.set_condition_expression(condition);
                let check = check.set_return_values_on_condition_check_failure(shown);
                let check = check.set_expression_attribute_names(names).set_expression_attribute_values(values);
                write.condition_check(check.build().map_err(Error::internal)?)
            }
        };
        Ok(write.build())
    }
}
