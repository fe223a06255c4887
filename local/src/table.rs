//! The table, created as `template.yaml` defines it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, Projection, TimeToLiveSpecification,
};

use crate::template::{KeyElement, TableDefinition};

/// Creates the table `name` if there is none; returns whether it did. An existing table must have the indexes.
///
/// Leaves out the definition's stream: nothing of the service reads it, and the embedded DynamoDB goes through the
/// whole stream at every write, so that loading `n` items would take time by `n` squared.
///
/// # Errors
/// One line, if DynamoDB does not answer or refuses the definition, or the existing table lacks an index.
pub async fn create_table(client: &Client, name: &str, definition: &TableDefinition) -> Result<bool, String> {
    let unusable = |error: aws_sdk_dynamodb::error::BuildError| format!("template.yaml, the table: {error}");
    let mut attributes = Vec::new();
    for attribute in &definition.attribute_definitions {
        let built = AttributeDefinition::builder()
            .attribute_name(&attribute.attribute_name)
            .attribute_type(attribute.attribute_type.as_str().into());
        attributes.push(built.build().map_err(unusable)?);
    }
    let mut indexes = Vec::new();
    for index in &definition.global_secondary_indexes {
        let projection = Projection::builder().projection_type(index.projection.projection_type.as_str().into());
        let built = GlobalSecondaryIndex::builder()
            .index_name(&index.index_name)
            .set_key_schema(Some(key_schema(&index.key_schema).map_err(unusable)?))
            .projection(projection.build());
        indexes.push(built.build().map_err(unusable)?);
    }
    let created = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes))
        .set_key_schema(Some(key_schema(&definition.key_schema).map_err(unusable)?))
        .set_global_secondary_indexes(Some(indexes))
        .send()
        .await;
    match created {
        Ok(_) => {}
        Err(SdkError::ServiceError(error)) if matches!(error.err(), CreateTableError::ResourceInUseException(_)) => {
            return has_indexes(client, name, definition).await.map(|()| false);
        }
        Err(error) => return Err(format!("the table cannot be created: {}", told(&error))),
    }
    let expiry = &definition.time_to_live_specification;
    if !expiry.enabled {
        return Ok(true);
    }
    let expiry = TimeToLiveSpecification::builder()
        .attribute_name(&expiry.attribute_name)
        .enabled(true)
        .build()
        .map_err(unusable)?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(expiry)
        .send()
        .await
        .map_err(|error| format!("the table's expiry cannot be set: {}", told(&error)))?;
    Ok(true)
}

/// Refuses a table of an earlier version, before requests fail that need a later index.
async fn has_indexes(client: &Client, name: &str, definition: &TableDefinition) -> Result<(), String> {
    let described = client.describe_table().table_name(name).send().await;
    let described = described.map_err(|error| format!("the table cannot be described: {}", told(&error)))?;
    let indexes = described.table().map(|table| table.global_secondary_indexes()).unwrap_or_default();
    let there = |name: &str| indexes.iter().any(|index| index.index_name() == Some(name));
    match definition.global_secondary_indexes.iter().find(|index| !there(&index.index_name)) {
        None => Ok(()),
        Some(absent) => Err(format!(
            "the table '{name}' lacks the index '{}': an earlier version made it; name another folder with --data, or \
             another DynamoDB",
            absent.index_name
        )),
    }
}

/// DynamoDB's message, or the reason why there is none: the text alone, on one line.
fn told<E>(error: &SdkError<E>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    if let Some(said) = error.as_service_error() {
        return match (said.code(), said.message()) {
            (_, Some(message)) => message.to_owned(),
            (code, None) => code.unwrap_or("no reason was given").to_owned(),
        };
    }
    causes(error)
}

/// An error and its causes, on one line.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in std::iter::successors(Some(error), |error| error.source()) {
        let text = error.to_string();
        // Many errors repeat the text of their cause.
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ").replace('\n', " ")
}

fn key_schema(elements: &[KeyElement]) -> Result<Vec<KeySchemaElement>, aws_sdk_dynamodb::error::BuildError> {
    let built = elements.iter().map(|element| {
        let key = KeySchemaElement::builder().attribute_name(&element.attribute_name);
        key.key_type(element.key_type.as_str().into()).build()
    });
    built.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{error, fmt};

    #[derive(Debug)]
    struct Failure(&'static str, Option<Box<Failure>>);

    impl fmt::Display for Failure {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl error::Error for Failure {
        fn source(&self) -> Option<&(dyn error::Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn an_error_is_said_with_its_causes_each_once_and_on_one_line() {
        let cause = Failure("cannot be read:\nrebuild them", None);
        let told_already = Failure("the statistics cannot be read:\nrebuild them", Some(Box::new(cause)));
        let failure = Failure("INTERNAL", Some(Box::new(told_already)));
        assert_eq!(causes(&failure), "INTERNAL: the statistics cannot be read: rebuild them");
    }
}
