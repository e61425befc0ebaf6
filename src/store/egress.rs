//! The egress ledger: everything that was sent to a source outside, written down
//! before it was sent.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{Scope, StoreError, instant, millis, parse};
use crate::domain::{EgressId, SubmissionId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "egress")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub submission_id: String,
        pub source: String,
        pub kind: String,
        pub value: String,
        pub sent_to: String,
        pub payload: String,
        pub state: String,
        pub outcome: Option<String>,
        pub asked_at: i64,
        pub answered_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// PostgreSQL takes no character of value zero in its texts.
fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Lines given of one submission.
const MOST: u64 = 1_000;

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Egress {
    /// Identity.
    pub id: EgressId,
    /// The message it was about.
    pub submission: SubmissionId,
    /// The source that was asked.
    pub source: String,
    /// What was asked about: `url`, `host`, `domain`, `ip`, `sha256`, `email`,
    /// `message`.
    pub kind: String,
    /// The value; of a message its SHA-256. A stranger's text.
    pub value: String,
    /// Where it went: method and address, or the name that was resolved.
    pub sent_to: String,
    /// What went there, exactly; of a message its size and SHA-256. Keys are never
    /// part of it.
    pub payload: String,
    /// `asking` (also when the process fell before the answer), `answered`,
    /// `failed`.
    pub state: String,
    /// The answer, or why there is none, in plain words.
    pub outcome: Option<String>,
    /// When it was sent.
    pub asked_at: DateTime<Utc>,
    /// When the answer came.
    pub answered_at: Option<DateTime<Utc>>,
}

impl Egress {
    fn of(row: entity::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse(&row.id, "egress.id")?,
            submission: parse(&row.submission_id, "egress.submission_id")?,
            source: row.source,
            kind: row.kind,
            value: row.value,
            sent_to: row.sent_to,
            payload: row.payload,
            state: row.state,
            outcome: row.outcome,
            asked_at: instant(row.asked_at),
            answered_at: row.answered_at.map(instant),
        })
    }
}

/// What became of one thing that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The line.
    pub id: EgressId,
    /// Whether there was an answer.
    pub answered: bool,
    /// The answer, or why there is none.
    pub words: String,
}

impl Scope<'_, DatabaseTransaction> {
    /// Writes down what is about to be sent.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; then nothing may be sent.
    pub async fn send_out(&self, lines: &[Egress]) -> Result<(), StoreError> {
        // a statement takes a bounded number of values
        for lines in lines.chunks(50) {
            let rows = lines.iter().map(|line| entity::ActiveModel {
                id: Set(line.id.to_string()),
                tenant_id: Set(self.tenant.clone()),
                submission_id: Set(line.submission.to_string()),
                source: Set(line.source.clone()),
                kind: Set(line.kind.clone()),
                value: Set(plain(&line.value)),
                sent_to: Set(plain(&line.sent_to)),
                payload: Set(plain(&line.payload)),
                state: Set(line.state.clone()),
                outcome: Set(line.outcome.clone()),
                asked_at: Set(millis(line.asked_at)),
                answered_at: Set(line.answered_at.map(millis)),
            });
            entity::Entity::insert_many(rows).exec(self.conn).await?;
        }
        Ok(())
    }

    /// Writes down what became of it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn sent_out(
        &self,
        outcomes: &[Outcome],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for outcome in outcomes {
            let state = if outcome.answered {
                "answered"
            } else {
                "failed"
            };
            entity::Entity::update_many()
                .col_expr(entity::Column::State, Expr::value(state))
                .col_expr(entity::Column::Outcome, Expr::value(plain(&outcome.words)))
                .col_expr(entity::Column::AnsweredAt, Expr::value(millis(now)))
                .filter(entity::Column::TenantId.eq(&self.tenant))
                .filter(entity::Column::Id.eq(outcome.id.to_string()))
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// How much was sent to a source since a time, and when the first of it was.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn sent_since(
        &self,
        source: &str,
        since: DateTime<Utc>,
    ) -> Result<(u32, Option<DateTime<Utc>>), StoreError> {
        let found = entity::Entity::find()
            .select_only()
            .column_as(entity::Column::Id.count(), "lines")
            .column_as(entity::Column::AskedAt.min(), "first")
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Source.eq(source))
            .filter(entity::Column::AskedAt.gte(millis(since)))
            .into_tuple::<(i64, Option<i64>)>()
            .one(self.conn)
            .await?;
        let (lines, first) = found.unwrap_or_default();
        Ok((u32::try_from(lines).unwrap_or(u32::MAX), first.map(instant)))
    }

    /// What was sent because of a submission, oldest first, at most 1,000 lines.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn egress_of(&self, submission: SubmissionId) -> Result<Vec<Egress>, StoreError> {
        entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.eq(submission.to_string()))
            .order_by_asc(entity::Column::AskedAt)
            .order_by_asc(entity::Column::Id)
            .limit(MOST)
            .all(self.conn)
            .await?
            .into_iter()
            .map(Egress::of)
            .collect()
    }
}
