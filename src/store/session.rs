//! Console sessions: opened with an API key, named by the hash of a cookie.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    QueryFilter as _,
};

use super::{Scope, Store, StoreError, Tx, audit::Deed, instant, millis, parse};
use crate::domain::{ApiKeyId, TenantId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "console_session")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: String,
        pub tenant_id: String,
        pub api_key_id: String,
        pub csrf: String,
        pub created_at: i64,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A signed-in console.
#[derive(Debug, Clone)]
pub struct ConsoleSession {
    /// SHA-256 of the cookie's value, hexadecimal.
    pub hash: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// The key it was opened with; its scopes and expiry bind the session.
    pub api_key: ApiKeyId,
    /// Token that every form must carry.
    pub csrf: String,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl Store {
    /// The session of a cookie.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn console_session(&self, hash: &str) -> Result<Option<ConsoleSession>, StoreError> {
        let Some(row) = entity::Entity::find_by_id(hash).one(&self.reader).await? else {
            return Ok(None);
        };
        Ok(Some(ConsoleSession {
            hash: row.hash,
            tenant: parse(&row.tenant_id, "console_session.tenant_id")?,
            api_key: parse(&row.api_key_id, "console_session.api_key_id")?,
            csrf: row.csrf,
            created_at: instant(row.created_at),
            expires_at: instant(row.expires_at),
        }))
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps a new session.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn insert_console_session(&self, s: &ConsoleSession) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            hash: Set(s.hash.clone()),
            tenant_id: Set(self.tenant.clone()),
            api_key_id: Set(s.api_key.to_string()),
            csrf: Set(s.csrf.clone()),
            created_at: Set(millis(s.created_at)),
            expires_at: Set(millis(s.expires_at)),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.conn)
            .await?;
        let who = s.api_key.to_string();
        let until = serde_json::json!({ "until": s.expires_at });
        let deed = Deed::new("signed_in", s.created_at).by(&who);
        self.note(deed.about(who).with(&until));
        Ok(())
    }
}

impl Tx {
    /// Ends a session and drops those that have expired.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn end_console_session(
        &self,
        hash: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(
                entity::Column::Hash
                    .eq(hash)
                    .or(entity::Column::ExpiresAt.lt(millis(now))),
            )
            .exec(self.conn())
            .await?;
        Ok(())
    }
}
