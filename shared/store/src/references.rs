//! Whether what requests name exists.

use std::collections::HashSet;

use coaching_domain::references::{Named, References};
use coaching_domain::{Error, Tenant, Violations};

use crate::Store;
use crate::item::Attributes;
use crate::keys::{self, Key};

impl Store {
    /// Notes which fields of a request name what does not exist: with `consistent`, as it is now; else as of
    /// within about a second. Nothing named costs nothing.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn unknown_names(
        &self,
        tenant: &Tenant,
        references: &References,
        consistent: bool,
    ) -> Result<Violations, Error> {
        let exists = self.existing(tenant, references.named(), consistent).await?;
        let mut violations = Violations::default();
        references.check(tenant, &exists, &mut violations);
        Ok(violations)
    }

    /// Those of `named` that exist. Nothing of them but their keys is sent.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn existing(
        &self,
        tenant: &Tenant,
        named: impl IntoIterator<Item = &Named>,
        consistent: bool,
    ) -> Result<HashSet<Named>, Error> {
        let keys: Vec<Key> = named
            .into_iter()
            .map(|named| match named {
                Named::Usecase(id) => keys::usecase(tenant, id),
                Named::Template(id) => keys::template(tenant, id, None),
            })
            .collect();
        let mut existing = HashSet::with_capacity(keys.len());
        for item in self.batch_get_keys(keys, consistent).await? {
            let item = Attributes::of(item);
            existing.insert(match item.key.sort.as_str() {
                "usecase" => Named::Usecase(item.last_of_key()?),
                _ => Named::Template(item.last_of_key()?),
            });
        }
        Ok(existing)
    }
}
