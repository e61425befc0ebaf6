//! What a search did, entry by entry. Each entry carries the hash of the one before
//! it and is written in the transaction of what it tells, so that nothing can be
//! taken out, put in or changed afterwards without the receipt showing it.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Search, millis};
use crate::{
    domain::SearchId,
    store::{Scope, StoreError, instant},
};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "search_entry")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub search_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub tenant_id: String,
        pub previous: String,
        pub hash: String,
        pub body: String,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// One entry of a search's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From 1, without a gap.
    pub seq: i64,
    /// Hash of the entry before; empty for the first.
    pub previous: String,
    /// SHA-256 over the number, the time, the hash before and the body, lower-case
    /// hexadecimal; see [`Entry::digest`].
    pub hash: String,
    /// What was done, as JSON text: counts, ids and hashes, no content.
    pub body: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Entry {
    /// What its hash must be. The parts are preceded by their lengths, so that no
    /// two entries have the same octets.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let seq = self.seq.to_be_bytes();
        let at = millis(self.at).to_be_bytes();
        for part in [
            seq.as_slice(),
            at.as_slice(),
            self.previous.as_bytes(),
            self.body.as_bytes(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The chain of a search, from its beginning.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn chain(&self, id: SearchId) -> Result<Vec<Entry>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::SearchId.eq(id.to_string()))
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .order_by_asc(entity::Column::Seq)
            .all(self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| Entry {
                seq: row.seq,
                previous: row.previous,
                hash: row.hash,
                body: row.body,
                at: instant(row.at),
            })
            .collect())
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Adds an entry to the chain of a search that is held, and moves its head on;
    /// the caller saves the search in the same transaction.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn enter(
        &self,
        search: &mut Search,
        body: &serde_json::Value,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut entry = Entry {
            seq: search.entries.saturating_add(1),
            previous: search.head.clone(),
            hash: String::new(),
            body: body.to_string(),
            // to the precision that is kept
            at: instant(millis(now)),
        };
        entry.hash = entry.digest();
        search.entries = entry.seq;
        search.head.clone_from(&entry.hash);
        let row = entity::ActiveModel {
            search_id: Set(search.id.to_string()),
            seq: Set(entry.seq),
            tenant_id: Set(self.tenant.clone()),
            previous: Set(entry.previous),
            hash: Set(entry.hash),
            body: Set(entry.body),
            at: Set(millis(now)),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }
}
