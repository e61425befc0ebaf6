//! The signed receipt of a search. It stands in the search's row and is read only by
//! whoever shows it: it may name ten thousand mailboxes, and the row is read and
//! written with every step.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    sea_query::Expr,
};
use serde_json::Value;

use super::super::{Scope, StoreError};
use crate::domain::SearchId;

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "search")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub receipt: Option<Json>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The receipt of a search, once there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn receipt(&self, id: SearchId) -> Result<Option<Value>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        Ok(row.and_then(|row| row.receipt))
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps the receipt of a search in place of the one before.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_receipt(&self, id: SearchId, receipt: Value) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::Receipt, Expr::value(receipt))
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.eq(id.to_string()))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}
