//! Sessions, plans, comments and targets: each is an item with a version, and every write is conditional on the version
//! that was read.
//!
//! Two other kinds have code of their own. A template is never changed: each revision is an item, and the current one
//! is stored once more. Scorecards are written in runs that share their agents' statistics.

use coaching_domain::change::{Author, Document};
use coaching_domain::names::Collection;
use coaching_domain::{Error, Id, Tenant, Timestamp, Version};

use crate::engine::attempts::{Attempts, keeps_changing};
use crate::engine::transaction::{Outcome, Refusal, Refused, Transaction};
use crate::engine::write::Write;
use crate::item::Item;
use crate::keys::Key;
use crate::list::Listed;
use crate::{Store, changes};

/// An entity that has an item of its own.
pub(crate) trait Entity: Listed + Clone + Send + Sync {
    /// Its collection.
    type Collection: Collection;
    /// The result of a refused attempt at a write, for the next one.
    type Learned: Default + Send + Sync;

    /// The key of the one with this id.
    fn key(tenant: &Tenant, id: &Id<Self::Collection>) -> Key;

    /// Its id.
    fn id(&self) -> &Id<Self::Collection>;

    /// Its version.
    fn version(&self) -> Version;

    /// The time of its last change; a further change is never before that.
    fn last_change(&self) -> Timestamp;

    /// Makes this changed copy of `before` the version after it.
    fn follow(&mut self, before: &Self);

    /// Its item, with its places in indexes.
    fn to_item(&self, tenant: &Tenant) -> Item;

    /// The entity as history records it; `None` if it has no history.
    fn document(&self, tenant: &Tenant) -> Option<Document>;

    /// The one with this id, as it is at `now`.
    fn find(
        store: &Store,
        tenant: &Tenant,
        id: &Id<Self::Collection>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Self>, Error>> + Send;

    /// The unconditional writes that go with its deletion, whoever deletes it.
    fn deleted_with(&self, _tenant: &Tenant, _now: Timestamp) -> Vec<Write> {
        Vec::new()
    }

    /// Adds the writes to other items when `before` is changed into `after`, or deleted.
    fn write_beside(
        _store: &Store,
        _transaction: &mut Transaction,
        _tenant: &Tenant,
        _change: (&Self, Option<&Self>),
        _now: Timestamp,
        _learned: &Self::Learned,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// Notes for the next attempt why this one was `refused`.
    fn learn(
        _store: &Store,
        _tenant: &Tenant,
        _change: (&Self, Option<&Self>),
        _refused: &Refused,
        _learned: &mut Self::Learned,
    ) {
    }
}

/// The transaction that creates `entity`; refused if its name is taken.
pub(crate) fn creation<E: Entity>(tenant: &Tenant, entity: &E, author: Author<'_>) -> Transaction {
    let mut transaction = Transaction::of(Write::put_new(entity.to_item(tenant)), Refusal::NameTaken);
    transaction.add_unconditional(record(tenant, None, Some(entity), author));
    transaction
}

/// Adds the writes that delete the version of `entity` that was read.
pub(crate) fn delete<E: Entity>(transaction: &mut Transaction, tenant: &Tenant, entity: &E, author: Author<'_>) {
    let author = author.not_before(entity.last_change());
    let delete = Write::delete_version(E::key(tenant, entity.id()), entity.version());
    transaction.add(delete, Refusal::Changed);
    transaction.add_unconditional(record(tenant, Some(entity), None, author));
    transaction.add_unconditional(entity.deleted_with(tenant, author.now));
}

/// The write that records a change in the history, if the entity has one.
fn record<E: Entity>(tenant: &Tenant, before: Option<&E>, after: Option<&E>, author: Author<'_>) -> Option<Write> {
    let entity = after.or(before)?;
    let version = if after.is_some() { entity.version() } else { entity.version().next() };
    let document = |entity: Option<&E>| entity.and_then(|entity| entity.document(tenant));
    let (before, after) = (document(before), document(after));
    if before.is_none() && after.is_none() {
        return None;
    }
    let change = author.change(version, before, after);
    Some(changes::record(&E::key(tenant, entity.id()).partition, change))
}

impl Store {
    /// Applies `change` to the entity `id`. It returns whether it changed anything, and may be called several times:
    /// with each state that others leave the entity in before this change is written, and the time of the change. An
    /// entity that was `read` is not read again, unless it has changed.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `change`; ABORTED if others keep changing it.
    pub(crate) async fn change<E: Entity>(
        &self,
        tenant: &Tenant,
        id: &Id<E::Collection>,
        mut read: Option<E>,
        author: Author<'_>,
        change: impl Fn(&mut E, Timestamp) -> Result<bool, Error>,
    ) -> Result<E, Error> {
        let name = tenant.name_of(id);
        let mut learned = E::Learned::default();
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let found = match read.take() {
                None => E::find(self, tenant, id, author.now).await?,
                read => read,
            };
            let before = found.ok_or_else(|| Error::not_found(&name))?;
            let author = author.not_before(before.last_change());
            let mut after = before.clone();
            if !change(&mut after, author.now)? {
                return Ok(before);
            }
            after.follow(&before);
            let replace = Write::replace(after.to_item(tenant), before.version());
            let mut transaction = Transaction::of(replace, Refusal::Changed);
            transaction.add_unconditional(record(tenant, Some(&before), Some(&after), author));
            let made = (&before, Some(&after));
            E::write_beside(self, &mut transaction, tenant, made, author.now, &learned).await?;
            match self.transact(transaction).await? {
                Outcome::Written => return Ok(after),
                Outcome::Refused(refused) => E::learn(self, tenant, made, &refused, &mut learned),
            }
        }
        Err(keeps_changing(&name))
    }

    /// Deletes the entity `id`, if `check` agrees.
    ///
    /// # Errors
    /// NOT_FOUND; the errors of `check`; ABORTED if others keep changing it.
    pub(crate) async fn delete<E: Entity>(
        &self,
        tenant: &Tenant,
        id: &Id<E::Collection>,
        author: Author<'_>,
        check: impl Fn(&E) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let name = tenant.name_of(id);
        let mut learned = E::Learned::default();
        let mut attempts = Attempts::new();
        while attempts.another().await {
            let found = E::find(self, tenant, id, author.now).await?;
            let entity = found.ok_or_else(|| Error::not_found(&name))?;
            check(&entity)?;
            let mut transaction = Transaction::default();
            delete(&mut transaction, tenant, &entity, author);
            let made = (&entity, None);
            E::write_beside(self, &mut transaction, tenant, made, author.now, &learned).await?;
            match self.transact(transaction).await? {
                Outcome::Written => return Ok(()),
                Outcome::Refused(refused) => E::learn(self, tenant, made, &refused, &mut learned),
            }
        }
        Err(keeps_changing(&name))
    }
}
