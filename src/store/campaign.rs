//! Campaigns: submissions that are one attack, and the decision on them.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::{Page, PageRequest, Scope, StoreError, held, instant, millis, parse};
use crate::domain::{CampaignId, SubmissionId, Verdict, VerdictSource};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "campaign")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub seed_submission_id: String,
        pub exact_key: String,
        pub title: Option<String>,
        pub sender: Option<String>,
        pub verdict: String,
        pub verdict_source: String,
        pub decision_version: i32,
        pub created_at: i64,
        pub updated_at: i64,
        pub variant_of: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Submissions that are one attack, measured against one seed.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Identity.
    pub id: CampaignId,
    /// The submission whose fingerprint every copy is compared with.
    pub seed: SubmissionId,
    /// Digest of Message-ID, sender and content: the same message, exactly.
    pub exact_key: String,
    /// Subject of the seed; untrusted.
    pub title: Option<String>,
    /// Sender of the seed; untrusted.
    pub sender: Option<String>,
    /// The verdict in force.
    pub verdict: Verdict,
    /// Who decided it.
    pub verdict_source: VerdictSource,
    /// Grows with each decision; a pull carries the version it was made under.
    pub decision_version: i32,
    /// The campaign whose case it belongs to as a variant: another message of the same
    /// attack, with a seed, copies and a verdict of its own. That one is never a variant
    /// itself.
    pub variant_of: Option<CampaignId>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Campaign {
    /// The campaign that stands for the whole case.
    #[must_use]
    pub fn case(&self) -> CampaignId {
        self.variant_of.unwrap_or(self.id)
    }
}

fn campaign_of(row: entity::Model) -> Result<Campaign, StoreError> {
    Ok(Campaign {
        id: parse(&row.id, "campaign.id")?,
        seed: parse(&row.seed_submission_id, "campaign.seed_submission_id")?,
        exact_key: row.exact_key,
        title: row.title,
        sender: row.sender,
        verdict: parse(&row.verdict, "campaign.verdict")?,
        verdict_source: if row.verdict_source == "analyst" {
            VerdictSource::Analyst
        } else {
            VerdictSource::Policy
        },
        decision_version: row.decision_version,
        variant_of: row
            .variant_of
            .map(|head| parse(&head, "campaign.variant_of"))
            .transpose()?,
        created_at: instant(row.created_at),
        updated_at: instant(row.updated_at),
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// One campaign.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(campaign_of).transpose()
    }

    /// Cases, newest first: campaigns that are no variant of another.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn campaigns(
        &self,
        verdict: Option<Verdict>,
        page: &PageRequest,
    ) -> Result<Page<Campaign>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::VariantOf.is_null());
        if let Some(verdict) = verdict {
            query = query.filter(entity::Column::Verdict.eq(verdict.as_str()));
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
            .map(campaign_of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, page.limit, |c| c.id.to_string()))
    }

    /// The variants of a case, oldest first; at most `most`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn variants_of(
        &self,
        case: CampaignId,
        most: u64,
    ) -> Result<Vec<Campaign>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::VariantOf.eq(case.to_string()))
            .order_by_asc(entity::Column::Id)
            .limit(most)
            .all(self.conn)
            .await?;
        rows.into_iter().map(campaign_of).collect()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// One campaign, held until this change ends: two decisions on it, or a
    /// decision and a submission that joins it, must not pass each other. Hold it
    /// before any of its submissions.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hold_campaign(&self, id: CampaignId) -> Result<Option<Campaign>, StoreError> {
        let query = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant));
        let row = held(self.conn, query).one(self.conn).await?;
        row.map(campaign_of).transpose()
    }

    /// The campaign of exactly this message, held like [`Scope::hold_campaign`].
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn hold_campaign_by_exact_key(
        &self,
        key: &str,
    ) -> Result<Option<Campaign>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::ExactKey.eq(key));
        let row = held(self.conn, query).one(self.conn).await?;
        row.map(campaign_of).transpose()
    }

    /// Inserts or overwrites a campaign.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_campaign(&self, campaign: &Campaign) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(campaign.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            seed_submission_id: Set(campaign.seed.to_string()),
            exact_key: Set(campaign.exact_key.clone()),
            title: Set(campaign.title.clone()),
            sender: Set(campaign.sender.clone()),
            verdict: Set(campaign.verdict.to_string()),
            verdict_source: Set(campaign.verdict_source.as_str().to_owned()),
            decision_version: Set(campaign.decision_version),
            created_at: Set(millis(campaign.created_at)),
            updated_at: Set(millis(campaign.updated_at)),
            variant_of: Set(campaign.variant_of.map(|head| head.to_string())),
        };
        let known = entity::Entity::find_by_id(campaign.id.to_string())
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
