//! Remediations: the decision to pull a campaign, and how far it is. What is
//! searched for it stands in [`super::search`].

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde::{Deserialize, Serialize};

use super::{Page, PageRequest, Scope, StoreError, held, instant, millis, parse};
use crate::domain::{CampaignId, RemediationId, Stage};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "remediation")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub campaign_id: String,
        pub state: String,
        pub decision_version: i32,
        pub created_at: i64,
        pub closed_at: Option<i64>,
        pub decided_by: Option<String>,
        pub stage: String,
        pub waits_until: Option<i64>,
        pub halted: Option<String>,
        pub halted_at: Option<i64>,
        pub heard_since: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How far a remediation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemediationState {
    /// Mailboxes are being searched; copies are pulled as they are found.
    Searching,
    /// All mailboxes are searched; some copies are not settled.
    Pulling,
    /// Everything is settled.
    Closed,
    /// The decision was taken back: copies are being restored.
    Restoring,
    /// They are restored. What is found from now on is not pulled by itself.
    Restored,
}

impl RemediationState {
    /// Whether every copy is at rest.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Restored)
    }

    /// Whether somebody took the pulls back.
    #[must_use]
    pub const fn is_put_back(self) -> bool {
        matches!(self, Self::Restoring | Self::Restored)
    }

    /// The name used in rows and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Searching => "searching",
            Self::Pulling => "pulling",
            Self::Closed => "closed",
            Self::Restoring => "restoring",
            Self::Restored => "restored",
        }
    }
}

/// The decision to pull a campaign.
#[derive(Debug, Clone)]
pub struct Remediation {
    /// Identity.
    pub id: RemediationId,
    /// What is pulled.
    pub campaign: CampaignId,
    /// How far it is.
    pub state: RemediationState,
    /// The decision it carries out.
    pub decision_version: i32,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// When everything was settled.
    pub closed_at: Option<DateTime<Utc>>,
    /// The analyst who decided it; `None` when no person did.
    pub decided_by: Option<String>,
    /// How far it may go by itself.
    pub stage: Stage,
    /// When the next stage may begin; set once this one is complete.
    pub waits_until: Option<DateTime<Utc>>,
    /// Why it was halted, in plain words.
    pub halted: Option<String>,
    /// When it was halted.
    pub halted_at: Option<DateTime<Utc>>,
    /// Objections before this are settled: somebody has let it go on since.
    pub heard_since: Option<DateTime<Utc>>,
}

impl Remediation {
    /// Whether no person decided it.
    #[must_use]
    pub const fn is_automatic(&self) -> bool {
        self.decided_by.is_none()
    }
}

fn remediation_of(row: entity::Model) -> Result<Remediation, StoreError> {
    Ok(Remediation {
        id: parse(&row.id, "remediation.id")?,
        campaign: parse(&row.campaign_id, "remediation.campaign_id")?,
        state: match row.state.as_str() {
            "searching" => RemediationState::Searching,
            "pulling" => RemediationState::Pulling,
            "closed" => RemediationState::Closed,
            "restoring" => RemediationState::Restoring,
            "restored" => RemediationState::Restored,
            _ => return Err(StoreError::Corrupt("remediation.state".to_owned())),
        },
        decision_version: row.decision_version,
        created_at: instant(row.created_at),
        closed_at: row.closed_at.map(instant),
        decided_by: row.decided_by,
        stage: parse(&row.stage, "remediation.stage")?,
        waits_until: row.waits_until.map(instant),
        halted: row.halted,
        halted_at: row.halted_at.map(instant),
        heard_since: row.heard_since.map(instant),
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// One remediation.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn remediation(&self, id: RemediationId) -> Result<Option<Remediation>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(remediation_of).transpose()
    }

    /// The remediation of a campaign.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn remediation_of(
        &self,
        campaign: CampaignId,
    ) -> Result<Option<Remediation>, StoreError> {
        let row = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .one(self.conn)
            .await?;
        row.map(remediation_of).transpose()
    }

    /// Remediations, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn remediations(&self, page: &PageRequest) -> Result<Page<Remediation>, StoreError> {
        let mut query = entity::Entity::find().filter(entity::Column::TenantId.eq(&self.tenant));
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
            .map(remediation_of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, page.limit, |r| r.id.to_string()))
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// One remediation, held until this change ends: a search that records what
    /// it found and an analyst who takes the decision back must not pass each
    /// other. (SQLite has one writer anyway.)
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hold_remediation(
        &self,
        id: RemediationId,
    ) -> Result<Option<Remediation>, StoreError> {
        let query = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant));
        let row = held(self.conn, query).one(self.conn).await?;
        row.map(remediation_of).transpose()
    }

    /// The remediation of a campaign, held like [`Scope::hold_remediation`].
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hold_remediation_of(
        &self,
        campaign: CampaignId,
    ) -> Result<Option<Remediation>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()));
        let row = held(self.conn, query).one(self.conn).await?;
        row.map(remediation_of).transpose()
    }

    /// Inserts or overwrites a remediation.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_remediation(&self, remediation: &Remediation) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(remediation.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            campaign_id: Set(remediation.campaign.to_string()),
            state: Set(remediation.state.as_str().to_owned()),
            decision_version: Set(remediation.decision_version),
            created_at: Set(millis(remediation.created_at)),
            closed_at: Set(remediation.closed_at.map(millis)),
            decided_by: Set(remediation.decided_by.clone()),
            stage: Set(remediation.stage.to_string()),
            waits_until: Set(remediation.waits_until.map(millis)),
            halted: Set(remediation.halted.clone()),
            halted_at: Set(remediation.halted_at.map(millis)),
            heard_since: Set(remediation.heard_since.map(millis)),
        };
        let known = entity::Entity::find_by_id(remediation.id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        if known.is_some() {
            entity::Entity::update(row).exec(self.conn).await?;
        } else {
            entity::Entity::insert(row)
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }
}
