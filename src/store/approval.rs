//! Second persons' approvals of large pulls: one row a request, with what was shown.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::{Page, PageRequest, Scope, StoreError, held, instant, millis, parse};
use crate::domain::{ApprovalId, ApprovalState, CampaignId, RemediationId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "approval")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub campaign_id: String,
        pub remediation_id: String,
        pub decision_version: i32,
        pub state: String,
        pub asked_by: Option<String>,
        pub asked_at: i64,
        pub mailboxes: i64,
        pub copies: i64,
        pub decided_by: Option<String>,
        pub decided_at: Option<i64>,
        pub reason: Option<String>,
        pub expires_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A request for a second person's approval.
#[derive(Debug, Clone)]
pub struct Approval {
    /// Identity.
    pub id: ApprovalId,
    /// Whose copies.
    pub campaign: CampaignId,
    /// The decision it belongs to.
    pub remediation: RemediationId,
    /// The version of that decision: another one needs another approval.
    pub decision_version: i32,
    /// What became of it.
    pub state: ApprovalState,
    /// Who decided the pull, and may not approve it; `None` when no person did.
    pub asked_by: Option<String>,
    /// When it was first asked for.
    pub asked_at: DateTime<Utc>,
    /// Mailboxes with copies, as shown.
    pub mailboxes: u64,
    /// Copies, as shown.
    pub copies: u64,
    /// Who approved, refused or withdrew it.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Option<String>,
    /// Until when it is in force.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Approval {
    /// Whether it is in force for this version of the decision.
    #[must_use]
    pub fn holds(&self, decision_version: i32, now: DateTime<Utc>) -> bool {
        self.state == ApprovalState::Given
            && self.decision_version == decision_version
            && self.expires_at.is_some_and(|until| now < until)
    }
}

fn approval_of(row: entity::Model) -> Result<Approval, StoreError> {
    Ok(Approval {
        id: parse(&row.id, "approval.id")?,
        campaign: parse(&row.campaign_id, "approval.campaign_id")?,
        remediation: parse(&row.remediation_id, "approval.remediation_id")?,
        decision_version: row.decision_version,
        state: parse(&row.state, "approval.state")?,
        asked_by: row.asked_by,
        asked_at: instant(row.asked_at),
        mailboxes: u64::try_from(row.mailboxes).unwrap_or_default(),
        copies: u64::try_from(row.copies).unwrap_or_default(),
        decided_by: row.decided_by,
        decided_at: row.decided_at.map(instant),
        reason: row.reason,
        expires_at: row.expires_at.map(instant),
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// One request.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(approval_of).transpose()
    }

    /// The newest request of a campaign: the one that counts.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn approval_of(&self, campaign: CampaignId) -> Result<Option<Approval>, StoreError> {
        let row = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .order_by_desc(entity::Column::Id)
            .one(self.conn)
            .await?;
        row.map(approval_of).transpose()
    }

    /// Requests, newest first; only those in one state when it is given.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn approvals(
        &self,
        state: Option<ApprovalState>,
        page: &PageRequest,
    ) -> Result<Page<Approval>, StoreError> {
        let mut query = entity::Entity::find().filter(entity::Column::TenantId.eq(&self.tenant));
        if let Some(state) = state {
            query = query.filter(entity::Column::State.eq(state.as_str()));
        }
        if let Some(after) = &page.after {
            query = query.filter(entity::Column::Id.lt(after));
        }
        let rows = query
            .order_by_desc(entity::Column::Id)
            .limit(page.limit + 1)
            .all(self.conn)
            .await?;
        let rows = rows
            .into_iter()
            .map(approval_of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, page.limit, |a| a.id.to_string()))
    }

    /// How many requests wait for an answer.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_open_approvals(&self) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::State.eq(ApprovalState::Open.as_str()))
            .count(self.conn)
            .await?)
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// One request, held until this change ends. The remediation is held before it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hold_approval(&self, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
        let query = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant));
        let row = held(self.conn, query).one(self.conn).await?;
        row.map(approval_of).transpose()
    }

    /// Inserts or overwrites a request.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_approval(&self, approval: &Approval) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(approval.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            campaign_id: Set(approval.campaign.to_string()),
            remediation_id: Set(approval.remediation.to_string()),
            decision_version: Set(approval.decision_version),
            state: Set(approval.state.to_string()),
            asked_by: Set(approval.asked_by.clone()),
            asked_at: Set(millis(approval.asked_at)),
            mailboxes: Set(i64::try_from(approval.mailboxes).unwrap_or(i64::MAX)),
            copies: Set(i64::try_from(approval.copies).unwrap_or(i64::MAX)),
            decided_by: Set(approval.decided_by.clone()),
            decided_at: Set(approval.decided_at.map(millis)),
            reason: Set(approval.reason.clone()),
            expires_at: Set(approval.expires_at.map(millis)),
        };
        if self.approval(approval.id).await?.is_some() {
            entity::Entity::update(row).exec(self.conn).await?;
        } else {
            entity::Entity::insert(row)
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }
}
