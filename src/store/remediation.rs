//! Remediations: the decision to pull a campaign, how far its search got, and
//! every mailbox that could not be searched.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};

use super::{
    Page, PageRequest, Scope, StoreError, from_json, held, instant, millis, parse, to_json,
};
use crate::domain::{CampaignId, MailboxRef, RemediationId};

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
        pub plan: Json,
        pub progress: Json,
        pub mailboxes: i64,
        pub searched: i64,
        pub paused_reason: Option<String>,
        pub created_at: i64,
        pub closed_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod gap {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "gap")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub remediation_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub mailbox_key: String,
        pub tenant_id: String,
        pub address: String,
        pub state: String,
        pub reason: String,
        pub attempts: i32,
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

/// Where the search stands; written with the copies each step found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchProgress {
    /// Named first: recipients in the headers and members of lists; those not
    /// searched yet.
    pub targeted: Vec<MailboxRef>,
    /// All that were named, so that the sweep leaves them out.
    pub targeted_done: Vec<String>,
    /// The last mailbox swept: provider and key.
    pub swept_to: Option<(String, String)>,
    /// Whether the sweep of the whole directory is through.
    pub sweep_done: bool,
    /// Mailboxes whose sent mail is still to be looked through for forwards.
    pub follow: Vec<MailboxRef>,
    /// Mailboxes whose sent mail was looked through.
    pub followed: Vec<String>,
    /// Forwards found in sent mail whose recipients are still to be searched:
    /// Message-ID and recipients' mailboxes.
    pub forwards: Vec<(String, Vec<MailboxRef>)>,
    /// Message-IDs of forwards that were followed.
    pub forwards_done: Vec<String>,
    /// Forwards that left the organisation, as addresses: exposure.
    pub exposed: Vec<String>,
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
    /// What is searched for, as a typed query.
    pub plan: serde_json::Value,
    /// Where the search stands.
    pub progress: SearchProgress,
    /// Mailboxes in scope.
    pub mailboxes: i64,
    /// Mailboxes searched (unreachable ones are in the gaps).
    pub searched: i64,
    /// Set while it waits for an administrator.
    pub paused_reason: Option<String>,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// When everything was settled.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A mailbox that was not searched (yet), so that no gap is silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// Whether it will be tried again.
    pub retrying: bool,
    /// Why, in plain words.
    pub reason: String,
    /// Tries so far.
    pub attempts: i32,
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
        plan: row.plan,
        progress: from_json(row.progress, "remediation.progress")?,
        mailboxes: row.mailboxes,
        searched: row.searched,
        paused_reason: row.paused_reason,
        created_at: instant(row.created_at),
        closed_at: row.closed_at.map(instant),
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

    /// The mailboxes a remediation could not search.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn gaps(&self, id: RemediationId) -> Result<Vec<Gap>, StoreError> {
        let rows = gap::Entity::find()
            .filter(gap::Column::TenantId.eq(&self.tenant))
            .filter(gap::Column::RemediationId.eq(id.to_string()))
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Gap {
                    mailbox: MailboxRef::new(
                        parse(&row.provider, "gap.provider")?,
                        row.mailbox_key,
                        parse(&row.address, "gap.address")?,
                    )
                    .map_err(|_| StoreError::Corrupt("gap.mailbox_key".to_owned()))?,
                    retrying: row.state == "retrying",
                    reason: row.reason,
                    attempts: row.attempts,
                })
            })
            .collect()
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
            plan: Set(remediation.plan.clone()),
            progress: Set(to_json(&remediation.progress, "remediation.progress")?),
            mailboxes: Set(remediation.mailboxes),
            searched: Set(remediation.searched),
            paused_reason: Set(remediation.paused_reason.clone()),
            created_at: Set(millis(remediation.created_at)),
            closed_at: Set(remediation.closed_at.map(millis)),
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

    /// Records mailboxes that could not be searched.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_gaps(&self, id: RemediationId, gaps: &[Gap]) -> Result<(), StoreError> {
        for chunk in gaps.chunks(500) {
            let rows = chunk.iter().map(|g| gap::ActiveModel {
                remediation_id: Set(id.to_string()),
                provider: Set(g.mailbox.provider.to_string()),
                mailbox_key: Set(g.mailbox.key().to_owned()),
                tenant_id: Set(self.tenant.clone()),
                address: Set(g.mailbox.address.to_string()),
                state: Set(if g.retrying {
                    "retrying"
                } else {
                    "unreachable"
                }
                .to_owned()),
                reason: Set(g.reason.clone()),
                attempts: Set(g.attempts),
            });
            gap::Entity::insert_many(rows)
                .on_conflict(
                    OnConflict::columns([
                        gap::Column::RemediationId,
                        gap::Column::Provider,
                        gap::Column::MailboxKey,
                    ])
                    .update_columns([
                        gap::Column::State,
                        gap::Column::Reason,
                        gap::Column::Attempts,
                    ])
                    .to_owned(),
                )
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(())
    }

    /// Closes the gap of a mailbox that was searched after all.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn close_gaps(
        &self,
        id: RemediationId,
        found: &[MailboxRef],
    ) -> Result<(), StoreError> {
        for mailbox in found {
            gap::Entity::delete_many()
                .filter(gap::Column::TenantId.eq(&self.tenant))
                .filter(gap::Column::RemediationId.eq(id.to_string()))
                .filter(gap::Column::Provider.eq(mailbox.provider.as_str()))
                .filter(gap::Column::MailboxKey.eq(mailbox.key()))
                .exec(self.conn)
                .await?;
        }
        Ok(())
    }
}
