//! The audit trail: who did what, entry by entry, each with the hash of the one before.
//!
//! What is done in a change is collected there and appended at its very end, in
//! [`Tx::commit`](super::Tx::commit): an entry and what it tells commit together or
//! not at all. The head of the chain is the last row that a change takes hold of, so
//! that changes which wait for each other at it wait in no circle, and one that tells
//! nothing takes no hold of it. Entries hold ids, counts and hashes, no content: erasing
//! a message leaves the chain whole.

mod checkpoint;
mod deed;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction,
    EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::OnConflict,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Page, PageRequest, Scope, StoreError, held, instant, millis};

pub use checkpoint::Checkpoint;
pub use deed::Deed;
pub(super) use deed::Deeds;

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub at: i64,
        pub actor: String,
        pub action: String,
        pub subject: String,
        pub detail: String,
        pub previous: String,
        pub hash: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod head {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_head")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        pub seq: i64,
        pub hash: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Entries that one statement inserts: nine values each, and SQLite takes 32,766.
const AT_ONCE: usize = 500;

/// One entry of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// From 1, without a gap.
    pub seq: i64,
    /// When, to the millisecond.
    pub at: DateTime<Utc>,
    /// Who: `unhook`, the id of an API key, or the account at the command line.
    pub actor: String,
    /// What was done, as one word: `verdict`, `pulled`, `content_viewed`, ...
    pub action: String,
    /// The id of what it was done to; empty where there is no single one.
    pub subject: String,
    /// Ids, counts and hashes, as JSON text. Other text stands as its SHA-256.
    pub detail: String,
    /// Hash of the entry before; empty for the first.
    pub previous: String,
    /// What [`Entry::digest`] gave when it was written, lower-case hexadecimal.
    pub hash: String,
}

impl Entry {
    /// What its hash must be: SHA-256 over all that it says, its number and the hash
    /// before it among that. The parts are preceded by their lengths, so that no two
    /// entries have the same octets.
    #[must_use]
    pub fn digest(&self, tenant: &str) -> String {
        self.digest_as(tenant, self.seq)
    }

    /// The same under another number: finds out where an entry stood that was moved.
    #[must_use]
    pub fn digest_as(&self, tenant: &str, seq: i64) -> String {
        let mut hash = Sha256::new();
        let seq = seq.to_be_bytes();
        let at = millis(self.at).to_be_bytes();
        for part in [
            tenant.as_bytes(),
            seq.as_slice(),
            at.as_slice(),
            self.actor.as_bytes(),
            self.action.as_bytes(),
            self.subject.as_bytes(),
            self.detail.as_bytes(),
            self.previous.as_bytes(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }
}

impl From<entity::Model> for Entry {
    fn from(row: entity::Model) -> Self {
        Self {
            seq: row.seq,
            at: instant(row.at),
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            detail: row.detail,
            previous: row.previous,
            hash: row.hash,
        }
    }
}

/// Where the chain ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Number of the last entry.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// Which entries are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// An id that they are about, or name.
    pub subject: Option<String>,
    /// Who did it, exactly.
    pub actor: Option<String>,
    /// What was done, exactly.
    pub action: Option<String>,
}

/// Appends what was done in a change to the chain of its tenant. The last thing that
/// happens in it.
pub(super) async fn append(
    conn: &DatabaseTransaction,
    tenant: &str,
    deeds: Vec<Deed>,
) -> Result<(), StoreError> {
    // Writing first: a change that has only read so far must not find, on SQLite, that
    // what it read is no longer the newest.
    head::Entity::insert(head::ActiveModel {
        tenant_id: Set(tenant.to_owned()),
        seq: Set(0),
        hash: Set(String::new()),
    })
    .on_conflict(
        OnConflict::column(head::Column::TenantId)
            .do_nothing()
            .to_owned(),
    )
    .exec_without_returning(conn)
    .await?;
    let query = head::Entity::find_by_id(tenant);
    let mut head = held(conn, query)
        .one(conn)
        .await?
        .ok_or_else(|| StoreError::Corrupt("audit_head".to_owned()))?;
    let mut rows = Vec::with_capacity(deeds.len());
    for deed in deeds {
        let mut entry = Entry {
            seq: head.seq.saturating_add(1),
            previous: std::mem::take(&mut head.hash),
            hash: String::new(),
            // to the precision that is kept
            at: instant(millis(deed.at)),
            actor: deed.actor,
            action: deed.action,
            subject: deed.subject,
            detail: deed.detail.to_string(),
        };
        entry.hash = entry.digest(tenant);
        head.seq = entry.seq;
        head.hash = entry.hash.clone();
        rows.push(entity::ActiveModel {
            tenant_id: Set(tenant.to_owned()),
            seq: Set(entry.seq),
            at: Set(millis(entry.at)),
            actor: Set(entry.actor),
            action: Set(entry.action),
            subject: Set(entry.subject),
            detail: Set(entry.detail),
            previous: Set(entry.previous),
            hash: Set(entry.hash),
        });
    }
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(AT_ONCE));
        entity::Entity::insert_many(rows)
            .exec_without_returning(conn)
            .await?;
        rows = rest;
    }
    head::Entity::update(head::ActiveModel {
        tenant_id: Set(head.tenant_id),
        seq: Set(head.seq),
        hash: Set(head.hash),
    })
    .exec(conn)
    .await?;
    Ok(())
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The name of the tenant, which stands in every hash of its chain.
    #[must_use]
    pub fn tenant_name(&self) -> &str {
        &self.tenant
    }

    /// Where the chain ends; `None` when nothing was ever written.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn audit_head(&self) -> Result<Option<Head>, StoreError> {
        let row = head::Entity::find_by_id(self.tenant.as_str())
            .one(self.conn)
            .await?;
        Ok(row.map(|row| Head {
            seq: row.seq,
            hash: row.hash,
        }))
    }

    /// The entries behind a number, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn audit_after(&self, seq: i64, most: u64) -> Result<Vec<Entry>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Seq.gt(seq))
            .order_by_asc(entity::Column::Seq)
            .limit(most)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().map(Entry::from).collect())
    }

    /// Entries, newest first; a page's cursor is the number of its last one.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or for a cursor that is no number.
    pub async fn audit_entries(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<Entry>, StoreError> {
        use entity::Column as C;
        let mut query = entity::Entity::find().filter(C::TenantId.eq(&self.tenant));
        if let Some(subject) = &filter.subject {
            let mut about = Condition::any().add(C::Subject.eq(subject));
            if deed::is_id(subject) {
                about = about.add(C::Detail.contains(subject));
            }
            query = query.filter(about);
        }
        if let Some(actor) = &filter.actor {
            query = query.filter(C::Actor.eq(actor));
        }
        if let Some(action) = &filter.action {
            query = query.filter(C::Action.eq(action));
        }
        if let Some(after) = &page.after {
            let after: i64 = super::parse(after, "a cursor of the audit trail")?;
            query = query.filter(C::Seq.lt(after));
        }
        let rows = query
            .order_by_desc(C::Seq)
            .limit(page.limit + 1)
            .all(self.conn)
            .await?;
        let entries = rows.into_iter().map(Entry::from).collect();
        Ok(Page::cut(entries, page.limit, |e: &Entry| {
            e.seq.to_string()
        }))
    }

    /// Whether somebody did just that since then.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn audited_since(
        &self,
        deed: &Deed,
        since: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let found = entity::Entity::find()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::Subject.eq(&deed.subject))
            .filter(C::Actor.eq(&deed.actor))
            .filter(C::Action.eq(&deed.action))
            .filter(C::Detail.eq(deed.detail.to_string()))
            .filter(C::At.gt(millis(since)))
            .count(self.conn)
            .await?;
        Ok(found > 0)
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Has the change tell, when it commits, that this was done.
    pub fn note(&self, deed: Deed) {
        if let Some(deeds) = self.deeds {
            deeds.add(&self.tenant, deed);
        }
    }
}
