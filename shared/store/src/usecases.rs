//! The directory's usecases.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use coaching_domain::directory::Usecase;
use coaching_domain::{Error, Tenant};
use futures_util::future::join_all;

use crate::item::Item;
use crate::keys;
use crate::transaction::Outcome;
use crate::{Deadline, Store};

/// The most usecases that one transaction takes: DynamoDB's limit.
const MAX_AT_ONCE: usize = 100;

impl Store {
    /// Writes each of `usecases` over whatever is there until `deadline`, and says for each whether it is written:
    /// UNAVAILABLE if the table does not answer.
    pub async fn upsert_usecases(
        &self,
        tenant: &Tenant,
        usecases: &[Usecase],
        deadline: Deadline,
    ) -> Vec<Result<(), Error>> {
        let write = async |usecases: &[Usecase]| {
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
