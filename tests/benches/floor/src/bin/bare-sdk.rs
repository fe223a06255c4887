//! The least that a function which writes to DynamoDB can be: the SDK as its guide sets it up, and one transaction,
//! always the same except for an id. `TRANSACTION` holds it in the form of DynamoDB's protocol, with `ID` for the id.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem, Update};
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use serde_json::Value;
use uuid::Uuid;

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::new(&aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await);
        let text = std::env::var("TRANSACTION").unwrap_or_default();
        let transaction: Value = serde_json::from_str(&text)?;
        let writes = writes(&transaction["TransactItems"])?;
        let answer = async |_: Request| {
            let id = Uuid::now_v7().to_string();
            let writes = writes.iter().map(|write| with_id(write, &id)).collect();
            client.transact_write_items().set_transact_items(Some(writes)).send().await?;
            Ok::<_, Error>(Response::new(Body::from("Written.")))
        };
        run(service_fn(answer)).await
    })
}

/// The writes of a transaction in the form of DynamoDB's protocol.
fn writes(transaction: &Value) -> Result<Vec<TransactWriteItem>, Error> {
    let mut writes = Vec::new();
    for write in transaction.as_array().into_iter().flatten() {
        let item = TransactWriteItem::builder();
        writes.push(if let Some(put) = write.get("Put") {
            let built = Put::builder()
                .table_name(text(&put["TableName"]))
                .set_item(Some(attributes(&put["Item"])?))
                .set_condition_expression(expression(&put["ConditionExpression"]))
                .set_expression_attribute_names(names(&put["ExpressionAttributeNames"]))
                .set_expression_attribute_values(values(&put["ExpressionAttributeValues"])?);
            item.put(built.build()?).build()
        } else if let Some(update) = write.get("Update") {
            let built = Update::builder()
                .table_name(text(&update["TableName"]))
                .set_key(Some(attributes(&update["Key"])?))
                .set_update_expression(expression(&update["UpdateExpression"]))
                .set_condition_expression(expression(&update["ConditionExpression"]))
                .set_expression_attribute_names(names(&update["ExpressionAttributeNames"]))
                .set_expression_attribute_values(values(&update["ExpressionAttributeValues"])?);
            item.update(built.build()?).build()
        } else {
            let check = &write["ConditionCheck"];
            let built = ConditionCheck::builder()
                .table_name(text(&check["TableName"]))
                .set_key(Some(attributes(&check["Key"])?))
                .set_condition_expression(expression(&check["ConditionExpression"]))
                .set_expression_attribute_names(names(&check["ExpressionAttributeNames"]))
                .set_expression_attribute_values(values(&check["ExpressionAttributeValues"])?);
            item.condition_check(built.build()?).build()
        });
    }
    Ok(writes)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn expression(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn names(value: &Value) -> Option<HashMap<String, String>> {
    let names = value.as_object()?.iter().map(|(placeholder, name)| (placeholder.clone(), text(name).to_owned()));
    Some(names.collect())
}

fn values(value: &Value) -> Result<Option<HashMap<String, AttributeValue>>, Error> {
    if value.is_null() { Ok(None) } else { attributes(value).map(Some) }
}

fn attributes(value: &Value) -> Result<HashMap<String, AttributeValue>, Error> {
    let attributes = value.as_object().into_iter().flatten();
    attributes.map(|(name, value)| Ok((name.clone(), attribute(value)?))).collect()
}

fn attribute(value: &Value) -> Result<AttributeValue, Error> {
    let Some((kind, value)) = value.as_object().and_then(|object| object.iter().next()) else {
        return Err(format!("no attribute value: {value}").into());
    };
    Ok(match kind.as_str() {
        "S" => AttributeValue::S(text(value).to_owned()),
        "N" => AttributeValue::N(text(value).to_owned()),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap_or_default()),
        "NULL" => AttributeValue::Null(true),
        "L" => AttributeValue::L(value.as_array().into_iter().flatten().map(attribute).collect::<Result<_, _>>()?),
        "M" => AttributeValue::M(attributes(value)?),
        _ => return Err(format!("an attribute of type {kind}").into()),
    })
}

/// `write` with `id` for `ID` in every key and text.
fn with_id(write: &TransactWriteItem, id: &str) -> TransactWriteItem {
    let mut write = write.clone();
    let maps = [
        write.put.as_mut().map(|put| &mut put.item),
        write.update.as_mut().map(|update| &mut update.key),
        write.condition_check.as_mut().map(|check| &mut check.key),
    ];
    for value in maps.into_iter().flatten().flat_map(HashMap::values_mut) {
        if let AttributeValue::S(text) = value
            && text.contains("ID")
        {
            *text = text.replace("ID", id);
        }
    }
    write
}
