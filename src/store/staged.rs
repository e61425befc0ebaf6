//! Copies as the stages of a pull count them: those that may go only within its limits
//! and those that are never held back.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, Func},
};

use super::{
    Scope, StoreError,
    approval::Approval,
    instant, millis,
    pull::{Pull, entity, pull_of, unsettled},
    remediation::Remediation,
};
use crate::domain::{CampaignId, Desired, Observed, PullRole, StopScope};

/// Which copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Those that are moved out of a mailbox by the campaign's decision.
    Staged,
    /// Those that are put back, that a reporter handed in, or whose last move has no
    /// known outcome yet.
    Free,
}

/// How far a campaign's pull is, in copies and mailboxes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StagedCounts {
    /// Copies moved, or about to be; those that reporters handed in are left out.
    pub moved: u64,
    /// Copies of those that were moved since the decision in force was taken.
    pub moved_now: u64,
    /// Copies of those whose outcome is not known yet.
    pub moving: u64,
    /// Copies that are to be moved or were.
    pub copies: u64,
    /// Mailboxes of those.
    pub mailboxes: u64,
}

/// All that says how far a campaign's pull may go.
#[derive(Debug, Clone)]
pub struct Staged {
    /// The decision.
    pub remediation: Remediation,
    /// The widest stop in force.
    pub stopped: Option<StopScope>,
    /// The newest request for approval.
    pub approval: Option<Approval>,
    /// How far it is.
    pub counts: StagedCounts,
    /// Mailboxes in the directory.
    pub directory: u64,
}

/// Wanted out by the campaign's decision, not by the click of its owner.
fn wanted() -> Condition {
    use entity::Column as C;
    Condition::all()
        .add(C::Desired.eq(Desired::Pulled.as_str()))
        .add(C::Role.ne(PullRole::Reported.as_str()))
}

/// Not out yet, and no move under way.
fn waiting() -> Condition {
    let at = [Observed::Found, Observed::Restoring, Observed::Restored];
    wanted().add(entity::Column::Observed.is_in(at.map(Observed::as_str)))
}

impl Due {
    fn condition(self) -> Condition {
        match self {
            Self::Staged => waiting(),
            Self::Free => Condition::all().add(waiting().not()),
        }
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// Copies of a campaign that are not at rest and due at `now`, in the order of
    /// exposure.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn due_pulls(
        &self,
        campaign: CampaignId,
        due: Due,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<Pull>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .filter(unsettled())
            .filter(due.condition())
            .filter(entity::Column::RunAfter.lte(millis(now)))
            .order_by_asc(entity::Column::Rank)
            .order_by_asc(entity::Column::Id)
            .limit(limit)
            .all(self.conn)
            .await?;
        rows.into_iter().map(pull_of).collect()
    }

    /// When the next copy of a campaign that is not at rest falls due.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn next_pull_due(
        &self,
        campaign: CampaignId,
        due: Due,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let at: Option<i64> = entity::Entity::find()
            .select_only()
            .column(entity::Column::RunAfter)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .filter(unsettled())
            .filter(due.condition())
            .order_by_asc(entity::Column::RunAfter)
            .into_tuple()
            .one(self.conn)
            .await?;
        Ok(at.map(instant))
    }

    /// All that says how far a campaign's pull may go; `None` where none was decided.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn staged(&self, campaign: CampaignId) -> Result<Option<Staged>, StoreError> {
        let Some(remediation) = self.remediation_of(campaign).await? else {
            return Ok(None);
        };
        let since = remediation.heard_since.unwrap_or(remediation.created_at);
        let stops = self.pull_stops().await?;
        let all = stops.iter().any(|stop| stop.scope == StopScope::All);
        Ok(Some(Staged {
            remediation,
            stopped: if all {
                Some(StopScope::All)
            } else {
                stops.first().map(|stop| stop.scope)
            },
            approval: self.approval_of(campaign).await?,
            counts: self.count_staged(campaign, since).await?,
            directory: self.count_mailboxes().await?,
        }))
    }

    /// How many copies of each campaign are to be moved and were not, the newest
    /// campaigns first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn waiting_by_campaign(
        &self,
        most: u64,
    ) -> Result<Vec<(CampaignId, u64)>, StoreError> {
        use entity::Column as C;
        let rows: Vec<(String, i64)> = entity::Entity::find()
            .select_only()
            .column(C::CampaignId)
            .column_as(C::Id.count(), "n")
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::CampaignId.is_not_null())
            .filter(waiting())
            .group_by(C::CampaignId)
            .order_by_desc(C::CampaignId)
            .limit(most)
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|(id, n)| {
                let id = super::parse(&id, "pull.campaign_id")?;
                Ok((id, u64::try_from(n).unwrap_or_default()))
            })
            .collect()
    }

    /// How far a campaign's pull is, whose decision was taken at `since`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_staged(
        &self,
        campaign: CampaignId,
        since: DateTime<Utc>,
    ) -> Result<StagedCounts, StoreError> {
        use entity::Column as C;
        let ours = || {
            entity::Entity::find()
                .filter(C::TenantId.eq(&self.tenant))
                .filter(C::CampaignId.eq(campaign.to_string()))
                .filter(wanted())
        };
        let now = Expr::case(C::IntentAt.gte(millis(since)), 1).finally(Option::<i64>::None);
        let rows: Vec<(String, i64, i64, i64)> = ours()
            .select_only()
            .column(C::Observed)
            .column_as(C::Id.count(), "n")
            // those that were ever about to be moved
            .column_as(C::IntentAt.count(), "intended")
            .column_as(Expr::expr(Func::count(now)), "now")
            .group_by(C::Observed)
            .into_tuple()
            .all(self.conn)
            .await?;
        let mut counts = StagedCounts::default();
        for (observed, n, intended, now) in rows {
            let n = u64::try_from(n).unwrap_or_default();
            let intended = u64::try_from(intended).unwrap_or_default();
            let now = u64::try_from(now).unwrap_or_default();
            match super::parse(&observed, "pull.observed")? {
                Observed::Moving => {
                    counts.moved_now += now;
                    counts.moving += n;
                    counts.moved += n;
                    counts.copies += n;
                }
                Observed::Pulled => {
                    counts.moved_now += now;
                    counts.moved += n;
                    counts.copies += n;
                }
                // one that was never touched never will be
                Observed::Failed | Observed::Gone | Observed::Changed => {
                    counts.moved_now += now;
                    counts.moved += intended;
                    counts.copies += intended;
                }
                Observed::Found | Observed::Restoring | Observed::Restored => counts.copies += n,
            }
        }
        counts.mailboxes = ours()
            .filter(C::Observed.is_not_in([
                Observed::Changed.as_str(),
                Observed::Gone.as_str(),
                Observed::Failed.as_str(),
            ]))
            .select_only()
            .column(C::Provider)
            .column(C::MailboxKey)
            .distinct()
            .count(self.conn)
            .await?;
        Ok(counts)
    }
}
