//! The directory's usecases.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::directory::Usecase;
use coaching_domain::names::UsecaseId;
use coaching_domain::{Error, Tenant};
use futures_util::future::join_all;

use crate::engine::transaction::Transaction;
use crate::engine::write::Write;
use crate::item::{Attributes, Item};
use crate::unreadable::Unreadable;
use crate::{Deadline, Store, keys};

/// The most usecases that one transaction takes: DynamoDB's limit.
const MAX_AT_ONCE: usize = 100;

impl Store {
    /// The usecase `id`.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn usecase(&self, tenant: &Tenant, id: &UsecaseId) -> Result<Option<Usecase>, Error> {
        let item = self.get(keys::usecase(tenant, id)).await?;
        Ok(item.map(|item| self.noting(from_item(item))).transpose()?)
    }

    /// Writes each of `usecases` over its stored item until `deadline`, and returns for each whether it is written:
    /// UNAVAILABLE if the table does not answer.
    pub async fn upsert_usecases(
        &self,
        tenant: &Tenant,
        usecases: &[Usecase],
        deadline: Deadline,
    ) -> Vec<Result<(), Error>> {
        let write = async |usecases: &[Usecase]| {
            let items = usecases.iter().map(|usecase| {
                Item::at(keys::usecase(tenant, &usecase.id)).text("display_name", &usecase.display_name)
            });
            let mut transaction = Transaction::default();
            transaction.add_unconditional(items.map(Write::put));
            self.transact(transaction).await.map(|_| ())
        };
        let transactions =
            usecases.chunks(MAX_AT_ONCE).map(async |usecases| match deadline.within(write(usecases)).await {
                Ok(()) => usecases.iter().map(|_| Ok(())).collect::<Vec<_>>(),
                Err(error) => {
                    let others = usecases.iter().skip(1).map(|_| Err(error.for_another()));
                    let mut failed: Vec<_> = others.collect();
                    failed.push(Err(error));
                    failed
                }
            });
        join_all(transactions).await.into_iter().flatten().collect()
    }
}

fn from_item(item: HashMap<String, AttributeValue>) -> Result<Usecase, Unreadable> {
    let mut item = Attributes::of(item);
    Ok(Usecase { id: item.last_of_key()?, display_name: item.text("display_name")? })
}
