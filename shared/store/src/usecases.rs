//! The directory's usecases.

use coaching_domain::directory::Usecase;
use coaching_domain::{Error, Tenant};
use futures_util::future::join_all;

use crate::engine::transaction::Transaction;
use crate::engine::write::Write;
use crate::item::Item;
use crate::{Deadline, Store, keys};

/// The most usecases that one transaction takes: DynamoDB's limit.
const MAX_AT_ONCE: usize = 100;

impl Store {
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
