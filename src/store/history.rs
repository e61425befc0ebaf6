//! The organisation's own history: who wrote before, and how that was judged.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, ExprTrait as _, FromQueryResult,
    QueryFilter as _, QuerySelect as _, sea_query::Func,
};

use super::{Scope, StoreError, instant, submission::entity};
use crate::domain::{SubmissionId, Verdict};

/// What is known of a sender from earlier reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct SenderHistory {
    /// Earlier messages of the sender that were reported.
    pub messages: i64,
    /// Reports of them.
    pub reports: i64,
    /// When the first of them was reported.
    pub first_reported_at: Option<DateTime<Utc>>,
    /// When the last of them was reported.
    pub last_reported_at: Option<DateTime<Utc>>,
    /// How many of them have which verdict, worst first.
    pub verdicts: Vec<(Verdict, i64)>,
}

#[derive(FromQueryResult)]
struct Row {
    verdict: Option<String>,
    messages: i64,
    reports: Option<i64>,
    first: Option<i64>,
    last: Option<i64>,
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// What was reported of a sender before a submission.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn history_of_sender(
        &self,
        sender: &str,
        before: SubmissionId,
    ) -> Result<SenderHistory, StoreError> {
        // one type on both databases: PostgreSQL sums 32-bit numbers into 64-bit
        let reports = Func::sum(entity::Column::Reports.into_expr()).cast_as("bigint");
        let rows = entity::Entity::find()
            .select_only()
            .column(entity::Column::Verdict)
            .column_as(entity::Column::Id.count(), "messages")
            .expr_as(reports, "reports")
            .column_as(entity::Column::CreatedAt.min(), "first")
            .column_as(entity::Column::CreatedAt.max(), "last")
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Sender.eq(sender))
            .filter(entity::Column::Id.lt(before.to_string()))
            .group_by(entity::Column::Verdict)
            .into_model::<Row>()
            .all(self.conn)
            .await?;
        let mut history = SenderHistory::default();
        for row in rows {
            history.messages += row.messages;
            history.reports += row.reports.unwrap_or_default();
            let first = row.first.map(instant);
            history.first_reported_at = match (history.first_reported_at, first) {
                (Some(a), Some(b)) => Some(if a < b { a } else { b }),
                (a, b) => a.or(b),
            };
            let last = row.last.map(instant);
            if history.last_reported_at < last {
                history.last_reported_at = last;
            }
            if let Some(verdict) = row.verdict.and_then(|v| v.parse().ok()) {
                history.verdicts.push((verdict, row.messages));
            }
        }
        history
            .verdicts
            .sort_by_key(|(verdict, _)| Verdict::ALL.iter().position(|v| v == verdict));
        Ok(history)
    }
}
