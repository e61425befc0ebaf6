//! Tenants: one row an organisation.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{Store, StoreError, Tx, instant, millis, parse};
use crate::domain::TenantId;

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "tenant")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub created_at: i64,
        pub directory_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Store {
    /// The tenant of this name, created when it is new.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn ensure_tenant(
        &self,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<TenantId, StoreError> {
        let tx = self.begin().await?;
        let known = entity::Entity::find()
            .filter(entity::Column::Name.eq(name))
            .one(tx.conn())
            .await?;
        if let Some(row) = known {
            return parse(&row.id, "tenant.id");
        }
        let id = TenantId::new(now);
        let row = entity::ActiveModel {
            id: Set(id.to_string()),
            name: Set(name.to_owned()),
            created_at: Set(millis(now)),
            directory_at: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(tx.conn())
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// When the directory was last read in full.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn directory_read_at(
        &self,
        tenant: TenantId,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = entity::Entity::find_by_id(tenant.to_string())
            .one(&self.reader)
            .await?;
        Ok(row.and_then(|r| r.directory_at).map(instant))
    }
}

impl Tx {
    /// Records a complete reading of the directory.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn mark_directory_read(
        &self,
        tenant: TenantId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .set(entity::ActiveModel {
                directory_at: Set(Some(millis(now))),
                ..Default::default()
            })
            .filter(entity::Column::Id.eq(tenant.to_string()))
            .exec(self.conn())
            .await?;
        Ok(())
    }
}
