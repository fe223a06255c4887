//! The directory's usecases.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_domain::directory::Usecase;
use coaching_domain::name_search::NameSearch;
use coaching_domain::names::UsecaseId;
use coaching_domain::{Error, Tenant};
use futures_util::future::join_all;

use crate::engine::transaction::Transaction;
use crate::engine::write::Write;
use crate::item::{Attributes, Item};
use crate::keys::{self, Cursor, LIST_ORDER, ListIndex};
use crate::list::{Filter, Listed, Page, Range};
use crate::unreadable::Unreadable;
use crate::{Deadline, Store};

/// The most usecases that one transaction takes: DynamoDB's limit.
const MAX_AT_ONCE: usize = 100;

impl Store {
    /// The usecase `id`.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn usecase(&self, tenant: &Tenant, id: &UsecaseId) -> Result<Option<Usecase>, Error> {
        let item = self.get(keys::usecase(tenant, id)).await?;
        Ok(item.map(|item| self.noting(Usecase::from_item(item))).transpose()?)
    }

    /// The first `size` usecases after `after` that `search` finds, by display name. It costs all that it passes over: a
    /// profile has tens of usecases, not thousands.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn usecases(
        &self,
        tenant: &Tenant,
        search: Option<NameSearch>,
        after: Option<&Cursor>,
        size: usize,
    ) -> Result<Page<Usecase>, Error> {
        let range = Range::new(ListIndex::Profile, keys::usecases_of_profile(tenant), Filter::default(), after);
        let found = move |usecase: &Usecase| search.as_ref().is_none_or(|search| search.finds(&usecase.display_name));
        self.page(vec![range.keeping(found)], size).await
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
                Item::at(keys::usecase(tenant, &usecase.id))
                    .text("display_name", &usecase.display_name)
                    .text(ListIndex::Profile.partition_attribute(), keys::usecases_of_profile(tenant))
                    .text(LIST_ORDER, Cursor::by_name(&usecase.display_name, &usecase.id).as_str())
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

impl Listed for Usecase {
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        let mut item = Attributes::of(item);
        Ok(Self { id: item.last_of_key()?, display_name: item.text("display_name")? })
    }
}
