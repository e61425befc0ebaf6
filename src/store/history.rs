//! The organisation's own history: who wrote before, and how that was judged.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, ExprTrait as _, FromQueryResult,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Func,
};

use super::{Scope, StoreError, instant, submission::entity};
use crate::domain::{SubmissionId, Verdict, VerdictSource};

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
    /// How many an analyst decided to be benign or bulk.
    pub cleared: i64,
    /// How many an analyst decided to be malicious; no more than the last twenty.
    pub condemned: i64,
    /// As many of those whose sender the own border had proven.
    pub condemned_proven: i64,
}

/// Messages that are looked into for whether their sender was proven.
const MOST_CONDEMNED: u64 = 20;
/// The rule that says so.
const PROVEN: &str = "auth.proven";

#[derive(FromQueryResult)]
struct Row {
    verdict: Option<String>,
    source: Option<String>,
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
            .column_as(entity::Column::VerdictSource, "source")
            .column_as(entity::Column::Id.count(), "messages")
            .expr_as(reports, "reports")
            .column_as(entity::Column::CreatedAt.min(), "first")
            .column_as(entity::Column::CreatedAt.max(), "last")
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Sender.eq(sender))
            .filter(entity::Column::Id.lt(before.to_string()))
            .group_by(entity::Column::Verdict)
            .group_by(entity::Column::VerdictSource)
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
            let Some(verdict) = row.verdict.and_then(|v| v.parse().ok()) else {
                continue;
            };
            let by_analyst = row.source.as_deref() == Some(VerdictSource::Analyst.as_str());
            if by_analyst && matches!(verdict, Verdict::Benign | Verdict::Bulk) {
                history.cleared += row.messages;
            }
            match history.verdicts.iter_mut().find(|(v, _)| *v == verdict) {
                Some((_, messages)) => *messages += row.messages,
                None => history.verdicts.push((verdict, row.messages)),
            }
        }
        if history
            .verdicts
            .iter()
            .any(|(v, _)| *v == Verdict::Malicious)
        {
            self.condemned(sender, before, &mut history).await?;
        }
        history
            .verdicts
            .sort_by_key(|(verdict, _)| Verdict::ALL.iter().position(|v| v == verdict));
        Ok(history)
    }

    async fn condemned(
        &self,
        sender: &str,
        before: SubmissionId,
        history: &mut SenderHistory,
    ) -> Result<(), StoreError> {
        let assessments: Vec<Option<serde_json::Value>> = entity::Entity::find()
            .select_only()
            .column(entity::Column::Assessment)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Sender.eq(sender))
            .filter(entity::Column::Id.lt(before.to_string()))
            .filter(entity::Column::Verdict.eq(Verdict::Malicious.to_string()))
            .filter(entity::Column::VerdictSource.eq(VerdictSource::Analyst.as_str()))
            .order_by_desc(entity::Column::Id)
            .limit(MOST_CONDEMNED)
            .into_tuple()
            .all(self.conn)
            .await?;
        for assessment in assessments {
            let proven = assessment
                .as_ref()
                .and_then(|kept| kept.get("signals")?.as_array())
                .is_some_and(|signals| {
                    let mut ids = signals.iter().filter_map(|signal| signal.get("id"));
                    ids.any(|id| id == PROVEN)
                });
            history.condemned += 1;
            history.condemned_proven += i64::from(proven);
        }
        Ok(())
    }
}
