//! What sources answered, kept for as long as it holds; "nothing known" too.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, sea_query::OnConflict,
};
use sha2::{Digest as _, Sha256};

use super::{Scope, StoreError, instant, millis};
use crate::domain::{AskedKind, SourceAnswer};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "lookup_answer")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub source: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub value_sha256: String,
        pub answer: Json,
        pub asked_at: i64,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What stands in an index for a value, which may be longer than one takes.
pub(super) fn key(value: &str) -> String {
    hex::encode(Sha256::digest(value))
}

/// An answer with the time until which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The answer.
    pub answer: SourceAnswer,
    /// Until when it is used instead of asking again.
    pub expires_at: DateTime<Utc>,
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The answers of one source that still hold, by kind and value.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn answers(
        &self,
        source: &str,
        asked: &[(AskedKind, &str)],
        now: DateTime<Utc>,
    ) -> Result<HashMap<(AskedKind, String), SourceAnswer>, StoreError> {
        self.said(source, asked, Some(now)).await
    }

    /// The last answers of one source, whether or not they still hold, by kind and
    /// value.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn last_answers(
        &self,
        source: &str,
        asked: &[(AskedKind, &str)],
    ) -> Result<HashMap<(AskedKind, String), SourceAnswer>, StoreError> {
        self.said(source, asked, None).await
    }

    async fn said(
        &self,
        source: &str,
        asked: &[(AskedKind, &str)],
        holds_at: Option<DateTime<Utc>>,
    ) -> Result<HashMap<(AskedKind, String), SourceAnswer>, StoreError> {
        let mut found = HashMap::new();
        for asked in asked.chunks(200) {
            let keys: Vec<String> = asked.iter().map(|(_, value)| key(value)).collect();
            let mut query = entity::Entity::find()
                .filter(entity::Column::TenantId.eq(&self.tenant))
                .filter(entity::Column::Source.eq(source))
                .filter(entity::Column::ValueSha256.is_in(keys));
            if let Some(now) = holds_at {
                query = query.filter(entity::Column::ExpiresAt.gt(millis(now)));
            }
            for row in query.all(self.conn).await? {
                // a row of an older form is as good as none
                let Ok(mut answer) = serde_json::from_value::<SourceAnswer>(row.answer) else {
                    continue;
                };
                answer.asked_at = instant(row.asked_at);
                answer.cached = true;
                found.insert((answer.kind, answer.value.clone()), answer);
            }
        }
        Ok(found)
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps answers.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_answers(&self, kept: &[Kept]) -> Result<(), StoreError> {
        for kept in kept {
            let Ok(answer) = serde_json::to_value(&kept.answer) else {
                continue;
            };
            let row = entity::ActiveModel {
                tenant_id: Set(self.tenant.clone()),
                source: Set(kept.answer.source.clone()),
                kind: Set(kept.answer.kind.as_str().to_owned()),
                value_sha256: Set(key(&kept.answer.value)),
                answer: Set(answer),
                asked_at: Set(millis(kept.answer.asked_at)),
                expires_at: Set(millis(kept.expires_at)),
            };
            let same = OnConflict::columns([
                entity::Column::TenantId,
                entity::Column::Source,
                entity::Column::Kind,
                entity::Column::ValueSha256,
            ])
            .update_columns([
                entity::Column::Answer,
                entity::Column::AskedAt,
                entity::Column::ExpiresAt,
            ])
            .to_owned();
            entity::Entity::insert(row)
                .on_conflict(same)
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }
}
