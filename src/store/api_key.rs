//! API keys: only their hashes.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, sea_query::Expr,
};

use super::{Scope, Store, StoreError, audit::Deed, instant, millis, parse};
use crate::domain::{ApiKeyId, TenantId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_key")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub name: String,
        pub hash: String,
        pub scopes: String,
        pub created_at: i64,
        pub expires_at: i64,
        pub revoked_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// An API key without the key.
#[derive(Debug, Clone)]
pub struct ApiKeyRow {
    /// Identity.
    pub id: ApiKeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is for, as its maker named it.
    pub name: String,
    /// SHA-256 of the key, hexadecimal.
    pub hash: String,
    /// Scopes, space separated.
    pub scopes: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
}

fn key_of(row: entity::Model) -> Result<ApiKeyRow, StoreError> {
    Ok(ApiKeyRow {
        id: parse(&row.id, "api_key.id")?,
        tenant: parse(&row.tenant_id, "api_key.tenant_id")?,
        name: row.name,
        hash: row.hash,
        scopes: row.scopes,
        created_at: instant(row.created_at),
        expires_at: instant(row.expires_at),
        revoked_at: row.revoked_at.map(instant),
    })
}

impl Store {
    /// The key with this hash, of whichever tenant: the one look-up that finds
    /// out which tenant a caller belongs to.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn api_key_by_hash(&self, hash: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        let row = entity::Entity::find()
            .filter(entity::Column::Hash.eq(hash))
            .one(&self.reader)
            .await?;
        row.map(key_of).transpose()
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// One key.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKeyRow>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(key_of).transpose()
    }

    /// All keys, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .order_by_desc(entity::Column::Id)
            .all(self.conn)
            .await?;
        rows.into_iter().map(key_of).collect()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps a new key that `by` made.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn insert_api_key(&self, key: &ApiKeyRow, by: &str) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(key.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            name: Set(key.name.clone()),
            hash: Set(key.hash.clone()),
            scopes: Set(key.scopes.clone()),
            created_at: Set(millis(key.created_at)),
            expires_at: Set(millis(key.expires_at)),
            revoked_at: Set(key.revoked_at.map(millis)),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.conn)
            .await?;
        let detail = serde_json::json!({
            "scopes": key.scopes,
            "until": key.expires_at,
            "sha256": key.hash,
        });
        let deed = Deed::new("key_made", key.created_at).by(by);
        self.note(deed.about(key.id).with(&detail));
        Ok(())
    }

    /// Takes a key back in the name of `by`. Gives whether it was there and in force.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn revoke_api_key(
        &self,
        id: ApiKeyId,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::RevokedAt, Expr::value(millis(now)))
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.eq(id.to_string()))
            .filter(entity::Column::RevokedAt.is_null())
            .exec(self.conn)
            .await?;
        let revoked = done.rows_affected == 1;
        if revoked {
            self.note(Deed::new("key_revoked", now).by(by).about(id));
        }
        Ok(revoked)
    }
}
