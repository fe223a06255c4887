//! The directory's usecases.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use coaching_domain::directory::Usecase;
use coaching_domain::{Error, Tenant};
use futures_util::future::try_join_all;

use crate::Store;
use crate::item::Item;
use crate::keys;
use crate::transaction::Outcome;

/// The most usecases that one transaction takes: DynamoDB's limit.
const MAX_AT_ONCE: usize = 100;

impl Store {
    /// Writes `usecases` over whatever is there. If it fails, some may be written, and the same call may
    /// be repeated.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn upsert_usecases(&self, tenant: &Tenant, usecases: &[Usecase]) -> Result<(), Error> {
        let transactions = usecases.chunks(MAX_AT_ONCE).map(async |usecases| {
            let mut writes = Vec::with_capacity(usecases.len());
            for usecase in usecases {
                let item = Item::at(keys::usecase(tenant, &usecase.id)).text("display_name", &usecase.display_name);
                let put = Put::builder().table_name(&*self.table).set_item(Some(item.into_attributes()));
                writes.push(TransactWriteItem::builder().put(put.build().map_err(Error::internal)?).build());
            }
            if let Outcome::Refused(_) = self.transact(writes).await? {
                return Err(Error::internal("a write without a condition was refused by one"));
            }
            Ok(())
        });
        try_join_all(transactions).await.map(|_| ())
    }
}
