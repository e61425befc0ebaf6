//! Signed checkpoints: kept here until they have left the host.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use crate::store::{Scope, StoreError, instant, millis};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_checkpoint")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub at: i64,
        pub body: String,
        pub filed_at: Option<i64>,
        pub posted_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Checkpoints that are kept. One that never left is dropped with the oldest: every
/// later one vouches for all that it did.
const KEPT: u64 = 1_000;

/// A signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last entry that it vouches for.
    pub seq: i64,
    /// When it was signed.
    pub at: DateTime<Utc>,
    /// The signed JSON, on one line.
    pub body: String,
    /// Whether it stands in the file.
    pub filed: bool,
    /// Whether it was posted.
    pub posted: bool,
}

impl From<entity::Model> for Checkpoint {
    fn from(row: entity::Model) -> Self {
        Self {
            seq: row.seq,
            at: instant(row.at),
            body: row.body,
            filed: row.filed_at.is_some(),
            posted: row.posted_at.is_some(),
        }
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The newest checkpoints, oldest of them first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn checkpoints(&self, most: u64) -> Result<Vec<Checkpoint>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .order_by_desc(entity::Column::Seq)
            .limit(most)
            .all(self.conn)
            .await?;
        Ok(rows.into_iter().rev().map(Checkpoint::from).collect())
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps a new checkpoint, and drops the oldest beyond what is kept. One that is
    /// known stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_checkpoint(&self, one: &Checkpoint) -> Result<(), StoreError> {
        use entity::Column as C;
        let row = entity::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            seq: Set(one.seq),
            at: Set(millis(one.at)),
            body: Set(one.body.clone()),
            filed_at: Set(None),
            posted_at: Set(None),
        };
        entity::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([C::TenantId, C::Seq])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        let oldest = entity::Entity::find()
            .filter(C::TenantId.eq(&self.tenant))
            .order_by_desc(C::Seq)
            .offset(KEPT)
            .limit(1)
            .one(self.conn)
            .await?;
        if let Some(oldest) = oldest {
            entity::Entity::delete_many()
                .filter(C::TenantId.eq(&self.tenant))
                .filter(C::Seq.lte(oldest.seq))
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Notes that checkpoints have left: into the file, or to the address.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn checkpoints_left(
        &self,
        seqs: &[i64],
        posted: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let column = if posted { C::PostedAt } else { C::FiledAt };
        entity::Entity::update_many()
            .col_expr(column, Expr::value(millis(now)))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::Seq.is_in(seqs.iter().copied()))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}
