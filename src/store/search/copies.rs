//! The copies of a campaign as its receipt tells of them, and the key that signs it.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::OnConflict,
};

use super::millis;
use crate::{
    domain::{CampaignId, Desired, Observed, PullRole, Sighting},
    store::{Scope, StoreError, instant, parse, pull::entity as pull},
};

mod key {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "signing_key")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub private: String,
        pub public: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What became of one copy.
#[derive(Debug, Clone)]
pub struct CopySeen {
    /// Why it is a target.
    pub role: PullRole,
    /// What is wanted.
    pub desired: Desired,
    /// What was last known.
    pub observed: Observed,
    /// How it was found.
    pub sighting: Option<Sighting>,
    /// When its content was first verified.
    pub verified_at: Option<DateTime<Utc>>,
    /// When it came to rest.
    pub settled_at: Option<DateTime<Utc>>,
}

/// What is read of a row.
type Row = (
    String,
    String,
    String,
    Option<serde_json::Value>,
    Option<i64>,
    Option<i64>,
);

impl<C: ConnectionTrait> Scope<'_, C> {
    /// All copies of a campaign, without their places.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn copies_seen(&self, campaign: CampaignId) -> Result<Vec<CopySeen>, StoreError> {
        use pull::Column as C;
        let rows: Vec<Row> = pull::Entity::find()
            .select_only()
            .columns([
                C::Role,
                C::Desired,
                C::Observed,
                C::Sighting,
                C::VerifiedAt,
                C::SettledAt,
            ])
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::CampaignId.eq(campaign.to_string()))
            .into_tuple()
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(
                |(role, desired, observed, sighting, verified_at, settled_at)| {
                    Ok(CopySeen {
                        role: parse(&role, "pull.role")?,
                        desired: parse(&desired, "pull.desired")?,
                        observed: parse(&observed, "pull.observed")?,
                        sighting: sighting.and_then(|s| serde_json::from_value(s).ok()),
                        verified_at: verified_at.map(instant),
                        settled_at: settled_at.map(instant),
                    })
                },
            )
            .collect()
    }

    /// The private half of the key that signs receipts (PKCS#8, base64).
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn signing_key(&self) -> Result<Option<String>, StoreError> {
        let row = key::Entity::find()
            .filter(key::Column::TenantId.eq(&self.tenant))
            .order_by_asc(key::Column::CreatedAt)
            .order_by_asc(key::Column::Id)
            .one(self.conn)
            .await?;
        Ok(row.map(|row| row.private))
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps a key unless there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_signing_key(
        &self,
        id: &str,
        private: &str,
        public: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.signing_key().await?.is_some() {
            return Ok(());
        }
        let row = key::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            id: Set(id.to_owned()),
            private: Set(private.to_owned()),
            public: Set(public.to_owned()),
            created_at: Set(millis(now)),
        };
        key::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([key::Column::TenantId, key::Column::Id])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }
}
