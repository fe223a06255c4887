//! Items as attribute maps: written attribute by attribute, and read so that every absent one is noticed.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::change::Shown;
use coaching_domain::names::Collection;
use coaching_domain::{Id, Timestamp, Version};

use crate::keys::{Key, PK, SK};
use crate::list::bytes_of;
use crate::unreadable::Unreadable;

/// An item being written.
#[derive(Debug, Clone)]
pub(crate) struct Item(HashMap<String, AttributeValue>);

impl Item {
    pub(crate) fn at(key: Key) -> Self {
        Self(key_attributes(key))
    }

    /// An item of these attributes, its key among them.
    pub(crate) fn of(attributes: HashMap<String, AttributeValue>) -> Self {
        Self(attributes)
    }

    pub(crate) fn text(mut self, attribute: &str, value: impl Into<String>) -> Self {
        self.0.insert(attribute.to_owned(), AttributeValue::S(value.into()));
        self
    }

    pub(crate) fn optional_text<T: ToString>(self, attribute: &str, value: Option<&T>) -> Self {
        match value {
            Some(value) => self.text(attribute, value.to_string()),
            None => self,
        }
    }

    pub(crate) fn number(mut self, attribute: &str, value: i64) -> Self {
        self.0.insert(attribute.to_owned(), AttributeValue::N(value.to_string()));
        self
    }

    /// The version that the next write is conditional on.
    pub(crate) fn optional_number(self, attribute: &str, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.number(attribute, value),
            None => self,
        }
    }

    pub(crate) fn version(self, version: impl Into<u64>) -> Self {
        self.number("version", i64::try_from(version.into()).unwrap_or(i64::MAX))
    }

    /// The version and the time of the last change that the agent sees, if others see other ones.
    pub(crate) fn shown(self, shown: Shown, version: Version, update_time: Timestamp) -> Self {
        if shown == (Shown { version, update_time }) {
            return self;
        }
        self.number("shown_version", i64::try_from(u64::from(shown.version)).unwrap_or(i64::MAX))
            .text("shown_update_time", shown.update_time.to_string())
    }

    pub(crate) fn bytes(mut self, attribute: &str, value: impl Into<Blob>) -> Self {
        self.0.insert(attribute.to_owned(), AttributeValue::B(value.into()));
        self
    }

    pub(crate) fn boolean(mut self, attribute: &str, value: bool) -> Self {
        self.0.insert(attribute.to_owned(), AttributeValue::Bool(value));
        self
    }

    /// A list of texts; an empty one is left out.
    pub(crate) fn texts(mut self, attribute: &str, values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<_> = values.into_iter().map(AttributeValue::S).collect();
        if !values.is_empty() {
            self.0.insert(attribute.to_owned(), AttributeValue::L(values));
        }
        self
    }

    pub(crate) fn map(mut self, attribute: &str, value: HashMap<String, AttributeValue>) -> Self {
        self.0.insert(attribute.to_owned(), AttributeValue::M(value));
        self
    }

    /// Its size, in bytes.
    pub(crate) fn size(&self) -> usize {
        bytes_of(&self.0)
    }

    pub(crate) fn into_attributes(self) -> HashMap<String, AttributeValue> {
        self.0
    }
}

/// The two key attributes of `key`.
pub(crate) fn key_attributes(key: Key) -> HashMap<String, AttributeValue> {
    HashMap::from([(PK.to_owned(), AttributeValue::S(key.partition)), (SK.to_owned(), AttributeValue::S(key.sort))])
}

/// An item being read; each attribute is taken once. It knows its key, so that an unreadable attribute names its item.
#[derive(Debug)]
pub(crate) struct Attributes {
    /// Its key; the parts that were not read are empty.
    pub(crate) key: Key,
    /// Its other attributes.
    pub(crate) rest: HashMap<String, AttributeValue>,
}

impl Attributes {
    pub(crate) fn of(mut item: HashMap<String, AttributeValue>) -> Self {
        let mut take = |name: &str| match item.remove(name) {
            Some(AttributeValue::S(text)) => text,
            _ => String::new(),
        };
        let key = Key { partition: take(PK), sort: take(SK) };
        Self { key, rest: item }
    }

    /// The item as unreadable, because of this attribute.
    pub(crate) fn corrupt(&self, attribute: &str) -> Unreadable {
        Unreadable::of(&self.key, attribute)
    }

    pub(crate) fn optional_text(&mut self, attribute: &str) -> Result<Option<String>, Unreadable> {
        match self.rest.remove(attribute) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(self.corrupt(attribute)),
        }
    }

    pub(crate) fn text(&mut self, attribute: &str) -> Result<String, Unreadable> {
        self.optional_text(attribute)?.ok_or_else(|| self.corrupt(attribute))
    }

    pub(crate) fn optional_id<C: Collection>(&mut self, attribute: &str) -> Result<Option<Id<C>>, Unreadable> {
        self.optional_text(attribute)?.map(|text| Id::parse(&text).ok_or_else(|| self.corrupt(attribute))).transpose()
    }

    pub(crate) fn id<C: Collection>(&mut self, attribute: &str) -> Result<Id<C>, Unreadable> {
        self.optional_id(attribute)?.ok_or_else(|| self.corrupt(attribute))
    }

    pub(crate) fn optional_time(&mut self, attribute: &str) -> Result<Option<Timestamp>, Unreadable> {
        self.optional_text(attribute)?
            .map(|text| Timestamp::parse(&text).ok_or_else(|| self.corrupt(attribute)))
            .transpose()
    }

    pub(crate) fn time(&mut self, attribute: &str) -> Result<Timestamp, Unreadable> {
        self.optional_time(attribute)?.ok_or_else(|| self.corrupt(attribute))
    }

    pub(crate) fn optional_number(&mut self, attribute: &str) -> Result<Option<i64>, Unreadable> {
        match self.rest.remove(attribute) {
            None => Ok(None),
            Some(AttributeValue::N(number)) => number.parse().map(Some).map_err(|_| self.corrupt(attribute)),
            Some(_) => Err(self.corrupt(attribute)),
        }
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, attribute: &str) -> Result<T, Unreadable> {
        let number = self.optional_number(attribute)?.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| self.corrupt(attribute))
    }

    pub(crate) fn version<V: From<u64>>(&mut self) -> Result<V, Unreadable> {
        Ok(self.number::<i64>("version")?.unsigned_abs().into())
    }

    /// Reads what [`Item::shown`] wrote.
    pub(crate) fn shown(&mut self, version: Version, update_time: Timestamp) -> Result<Shown, Unreadable> {
        Ok(Shown {
            version: self.optional_number("shown_version")?.map_or(version, |shown: i64| shown.unsigned_abs().into()),
            update_time: self.optional_time("shown_update_time")?.unwrap_or(update_time),
        })
    }

    pub(crate) fn optional_bytes(&mut self, attribute: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        match self.rest.remove(attribute) {
            None => Ok(None),
            Some(AttributeValue::B(bytes)) => Ok(Some(bytes.into_inner())),
            Some(_) => Err(self.corrupt(attribute)),
        }
    }

    pub(crate) fn map(&mut self, attribute: &str) -> Result<HashMap<String, AttributeValue>, Unreadable> {
        match self.rest.remove(attribute) {
            Some(AttributeValue::M(value)) => Ok(value),
            _ => Err(self.corrupt(attribute)),
        }
    }

    pub(crate) fn ids<C: Collection>(&mut self, attribute: &str) -> Result<Vec<Id<C>>, Unreadable> {
        let texts = self.texts(attribute)?;
        texts.iter().map(|text| Id::parse(text).ok_or_else(|| self.corrupt(attribute))).collect()
    }

    /// The id at the end of the partition key.
    pub(crate) fn last_of_key<C: Collection>(&self) -> Result<Id<C>, Unreadable> {
        last_of(&self.key.partition).ok_or_else(|| self.corrupt(PK))
    }

    pub(crate) fn boolean(&mut self, attribute: &str) -> Result<bool, Unreadable> {
        match self.rest.remove(attribute) {
            Some(AttributeValue::Bool(value)) => Ok(value),
            _ => Err(self.corrupt(attribute)),
        }
    }

    pub(crate) fn texts(&mut self, attribute: &str) -> Result<Vec<String>, Unreadable> {
        match self.rest.remove(attribute) {
            None => Ok(Vec::new()),
            Some(AttributeValue::L(values)) => values
                .into_iter()
                .map(|value| match value {
                    AttributeValue::S(text) => Ok(text),
                    _ => Err(self.corrupt(attribute)),
                })
                .collect(),
            Some(_) => Err(self.corrupt(attribute)),
        }
    }
}

/// The id at the end of `key`.
pub(crate) fn last_of<C: Collection>(key: &str) -> Option<Id<C>> {
    key.rsplit('#').next().and_then(Id::parse)
}
