//! Which value stands in which message: the questions that may be asked about a
//! submission, so that what becomes known later finds it.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::{Scope, StoreError, answer::key, millis, parse};
use crate::domain::{AskedKind, SubmissionId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "sighting")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub value_sha256: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub submission_id: String,
        pub value: String,
        pub said: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Sightings kept of one submission.
pub const MOST: usize = 500;
/// Rows in one statement, whose values are bounded.
const AT_ONCE: usize = 100;

fn limit(most: usize) -> u64 {
    u64::try_from(most).unwrap_or(u64::MAX)
}

/// A value that stands in a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What it is.
    pub kind: AskedKind,
    /// The value in the form in which sources are asked about it; a stranger's text.
    pub value: String,
    /// What the submission's kept answers say of it, as far as a hunt compares it:
    /// words apart by blanks.
    pub said: String,
}

/// A submission that holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The submission.
    pub submission: SubmissionId,
    /// See [`Sighting::said`].
    pub said: String,
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The values that stand in submissions reported since a time, each once, in the
    /// order of their keys, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn sighted(
        &self,
        after: Option<&(AskedKind, String)>,
        since: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<(AskedKind, String)>, StoreError> {
        use entity::Column as C;
        let mut query = entity::Entity::find()
            .select_only()
            .column(C::Kind)
            .column(C::ValueSha256)
            .column(C::Value)
            .distinct()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::CreatedAt.gte(millis(since)));
        if let Some((kind, value)) = after {
            let same = C::Kind.eq(kind.as_str());
            let further = same.and(C::ValueSha256.gt(key(value)));
            query = query.filter(C::Kind.gt(kind.as_str()).or(further));
        }
        let rows: Vec<(String, String, String)> = query
            .order_by_asc(C::Kind)
            .order_by_asc(C::ValueSha256)
            .limit(limit(most))
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|(kind, _, value)| Ok((parse(&kind, "sighting.kind")?, value)))
            .collect()
    }

    /// The submissions reported since a time that hold a value, the latest first,
    /// those before `before`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn holders(
        &self,
        kind: AskedKind,
        value: &str,
        since: DateTime<Utc>,
        before: Option<SubmissionId>,
        most: usize,
    ) -> Result<Vec<Holder>, StoreError> {
        use entity::Column as C;
        let mut query = entity::Entity::find()
            .select_only()
            .column(C::SubmissionId)
            .column(C::Said)
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::Kind.eq(kind.as_str()))
            .filter(C::ValueSha256.eq(key(value)))
            .filter(C::CreatedAt.gte(millis(since)));
        if let Some(before) = before {
            query = query.filter(C::SubmissionId.lt(before.to_string()));
        }
        let rows: Vec<(String, String)> = query
            .order_by_desc(C::SubmissionId)
            .limit(limit(most))
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|(submission, said)| {
                Ok(Holder {
                    submission: parse(&submission, "sighting.submission_id")?,
                    said,
                })
            })
            .collect()
    }

    /// What stands in a submission.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn sightings_of(
        &self,
        submission: SubmissionId,
    ) -> Result<Vec<Sighting>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.eq(submission.to_string()))
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Sighting {
                    kind: parse(&row.kind, "sighting.kind")?,
                    value: row.value,
                    said: row.said,
                })
            })
            .collect()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps what stands in a submission that was reported at a time, at most
    /// [`MOST`], in the place of what was kept of it before.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_sightings(
        &self,
        submission: SubmissionId,
        reported_at: DateTime<Utc>,
        seen: &[Sighting],
    ) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.eq(submission.to_string()))
            .exec(self.conn)
            .await?;
        for seen in seen.get(..MOST).unwrap_or(seen).chunks(AT_ONCE) {
            let rows = seen.iter().map(|seen| entity::ActiveModel {
                tenant_id: Set(self.tenant.clone()),
                kind: Set(seen.kind.as_str().to_owned()),
                value_sha256: Set(key(&seen.value)),
                submission_id: Set(submission.to_string()),
                value: Set(seen.value.clone()),
                said: Set(seen.said.clone()),
                created_at: Set(millis(reported_at)),
            });
            entity::Entity::insert_many(rows)
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }
}
