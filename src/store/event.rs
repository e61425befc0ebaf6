//! Timelines: what happened to a submission or campaign, in order.
//!
//! Details hold ids, counts and reasons, never message content.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::{Scope, StoreError, audit::Deed, batch::Batch, instant, millis, parse};
use crate::domain::{CampaignId, EventId, SubmissionId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "event")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub submission_id: Option<String>,
        pub campaign_id: Option<String>,
        pub kind: String,
        pub actor: String,
        pub detail: Json,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// One line of a timeline.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Event {
    /// Identity.
    pub id: EventId,
    /// The submission it concerns.
    pub submission: Option<SubmissionId>,
    /// The campaign it concerns.
    pub campaign: Option<CampaignId>,
    /// What happened: `reported`, `quarantined`, `evidence_fetched`, `enriched`,
    /// `verdict`, `search_started`, `searched`, `pulled`, `restored`, `checked`,
    /// `thanked`, ...
    pub kind: String,
    /// Who: `unhook`, `reporter`, or an API key's id.
    pub actor: String,
    /// Ids, counts, reasons.
    pub detail: serde_json::Value,
    /// When.
    pub at: DateTime<Utc>,
}

impl Event {
    /// A new event of Unhook's own doing about a submission.
    #[must_use]
    pub fn new(kind: &str, now: DateTime<Utc>) -> Self {
        Self {
            id: EventId::new(now),
            submission: None,
            campaign: None,
            kind: kind.to_owned(),
            actor: "unhook".to_owned(),
            detail: serde_json::Value::Object(serde_json::Map::new()),
            at: now,
        }
    }

    /// Ties it to a submission.
    #[must_use]
    pub fn on(mut self, submission: SubmissionId) -> Self {
        self.submission = Some(submission);
        self
    }

    /// Ties it to a campaign.
    #[must_use]
    pub fn of(mut self, campaign: CampaignId) -> Self {
        self.campaign = Some(campaign);
        self
    }

    /// Names who did it.
    #[must_use]
    pub fn by(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// Adds ids, counts, reasons.
    #[must_use]
    pub fn with(mut self, detail: serde_json::Value) -> Self {
        self.detail = detail;
        self
    }
}

fn event_of(row: entity::Model) -> Result<Event, StoreError> {
    Ok(Event {
        id: parse(&row.id, "event.id")?,
        submission: row
            .submission_id
            .map(|id| parse(&id, "event.submission_id"))
            .transpose()?,
        campaign: row
            .campaign_id
            .map(|id| parse(&id, "event.campaign_id"))
            .transpose()?,
        kind: row.kind,
        actor: row.actor,
        detail: row.detail,
        at: instant(row.at),
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The timeline of a submission and, when it has one, of its campaign;
    /// oldest first, at most 500 lines.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn timeline(
        &self,
        submission: Option<SubmissionId>,
        campaign: Option<CampaignId>,
    ) -> Result<Vec<Event>, StoreError> {
        let mut any = sea_orm::Condition::any();
        if let Some(id) = submission {
            any = any.add(entity::Column::SubmissionId.eq(id.to_string()));
        }
        if let Some(id) = campaign {
            any = any.add(entity::Column::CampaignId.eq(id.to_string()));
        }
        if any.is_empty() {
            return Ok(Vec::new());
        }
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(any)
            .order_by_asc(entity::Column::At)
            .order_by_asc(entity::Column::Id)
            .limit(500)
            .all(self.conn)
            .await?;
        rows.into_iter().map(event_of).collect()
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// How many lines of these kinds there are since then, of all campaigns.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_all_events(
        &self,
        kinds: &[&str],
        since: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Kind.is_in(kinds.iter().copied()))
            .filter(entity::Column::At.gte(millis(since)))
            .count(self.conn)
            .await?)
    }

    /// How many lines of these kinds a campaign has since then.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_events(
        &self,
        campaign: CampaignId,
        kinds: &[&str],
        since: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(campaign.to_string()))
            .filter(entity::Column::Kind.is_in(kinds.iter().copied()))
            .filter(entity::Column::At.gte(millis(since)))
            .count(self.conn)
            .await?)
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Adds lines to timelines, and tells the audit trail of those that it is for.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn record(&self, events: Vec<Event>) -> Result<(), StoreError> {
        let mut batch = Batch::on(self.conn);
        self.add_events(&mut batch, events);
        Ok(batch.execute(self.conn).await?)
    }

    pub(super) fn add_events(&self, batch: &mut Batch, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        for deed in events.iter().filter_map(Deed::of_event) {
            self.note(deed);
        }
        let rows = events.into_iter().map(|event| entity::ActiveModel {
            id: Set(event.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            submission_id: Set(event.submission.map(|id| id.to_string())),
            campaign_id: Set(event.campaign.map(|id| id.to_string())),
            kind: Set(event.kind),
            actor: Set(event.actor),
            detail: Set(event.detail),
            at: Set(millis(event.at)),
        });
        batch.add(&entity::Entity::insert_many(rows));
    }
}
