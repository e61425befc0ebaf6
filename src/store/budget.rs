//! Small texts that several processes change: the budgets of the providers' calls.
//!
//! Not part of any change of state: each write stands by itself, and one that is
//! lost costs a few calls.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, OnConflict},
};

use super::{Store, StoreError, millis};
use crate::domain::TenantId;

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "budget")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub content: String,
        pub version: i64,
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Attempts while other processes come first.
const ATTEMPTS: usize = 8;
/// Texts that nobody changed for so long are dropped when a new one comes.
const KEPT: chrono::TimeDelta = chrono::TimeDelta::days(30);

impl Store {
    /// Changes the text that stands under a name; `change` is given what stands
    /// there and gives what is to stand there, `None` to leave it. It runs again
    /// when another process came first. Whether it was changed.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; `false` when others always came
    /// first.
    pub async fn change_budget(
        &self,
        tenant: TenantId,
        name: &str,
        now: DateTime<Utc>,
        change: &mut (dyn for<'a> FnMut(Option<&'a str>) -> Option<String> + Send),
    ) -> Result<bool, StoreError> {
        let tenant = tenant.to_string();
        for _ in 0..ATTEMPTS {
            let key = (tenant.clone(), name.to_owned());
            let known = entity::Entity::find_by_id(key).one(&self.reader).await?;
            let text = known.as_ref().map(|row| row.content.as_str());
            let Some(content) = change(text) else {
                return Ok(true);
            };
            let changed = match &known {
                Some(row) => self.replace_budget(row, content, now).await?,
                None => self.add_budget(&tenant, name, content, now).await?,
            };
            if changed {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn replace_budget(
        &self,
        row: &entity::Model,
        content: String,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Content, Expr::value(content))
            .col_expr(entity::Column::Version, Expr::value(row.version + 1))
            .col_expr(entity::Column::ChangedAt, Expr::value(millis(now)))
            .filter(entity::Column::TenantId.eq(&row.tenant_id))
            .filter(entity::Column::Name.eq(&row.name))
            .filter(entity::Column::Version.eq(row.version))
            .exec(&self.writer)
            .await?;
        Ok(done.rows_affected == 1)
    }

    async fn add_budget(
        &self,
        tenant: &str,
        name: &str,
        content: String,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let row = entity::ActiveModel {
            tenant_id: Set(tenant.to_owned()),
            name: Set(name.to_owned()),
            content: Set(content),
            version: Set(1),
            changed_at: Set(millis(now)),
        };
        let same = OnConflict::columns([entity::Column::TenantId, entity::Column::Name])
            .do_nothing()
            .to_owned();
        let added = entity::Entity::insert(row)
            .on_conflict(same)
            .exec_without_returning(&self.writer)
            .await?;
        entity::Entity::delete_many()
            .filter(entity::Column::TenantId.eq(tenant))
            .filter(entity::Column::ChangedAt.lt(millis(now - KEPT)))
            .exec(&self.writer)
            .await?;
        Ok(added == 1)
    }
}
