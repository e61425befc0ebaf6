//! Who followed a link of a campaign, as a proxy, a resolver or a log search told.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::OnConflict,
};

use super::{Scope, StoreError, answer::key, instant, millis};
use crate::domain::CampaignId;

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "click")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub campaign_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub address: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub at: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub url_sha256: String,
        pub url: String,
        pub imported_by: String,
        pub imported_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Rows in one statement, whose values are bounded.
const AT_ONCE: usize = 200;

/// One click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// Who: an address or a sign-in name, lower case; the directory's own address where
    /// it knows the person.
    pub address: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Where it led; a stranger's text.
    pub url: String,
}

/// A person who clicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clicker {
    /// See [`Click::address`].
    pub address: String,
    /// How many clicks were told.
    pub clicks: i64,
    /// The first of them.
    pub first_at: DateTime<Utc>,
    /// The last of them.
    pub last_at: DateTime<Utc>,
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The people who clicked links of these campaigns, who clicked first standing
    /// first; at most `most`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn clickers(
        &self,
        campaigns: &[CampaignId],
        most: u64,
    ) -> Result<Vec<Clicker>, StoreError> {
        use entity::Column as C;
        let rows: Vec<(String, i64, i64, i64)> = entity::Entity::find()
            .select_only()
            .column(C::Address)
            .column_as(C::UrlSha256.count(), "clicks")
            .column_as(C::At.min(), "first_at")
            .column_as(C::At.max(), "last_at")
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::CampaignId.is_in(campaigns.iter().map(ToString::to_string)))
            .group_by(C::Address)
            .order_by_asc(C::At.min())
            .order_by_asc(C::Address)
            .limit(most)
            .into_tuple()
            .all(self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(address, clicks, first, last)| Clicker {
                address,
                clicks,
                first_at: instant(first),
                last_at: instant(last),
            })
            .collect())
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps clicks; those known are left as they are. Gives how many are new.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_clicks(
        &self,
        campaign: CampaignId,
        clicks: &[Click],
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let mut new = 0;
        for chunk in clicks.chunks(AT_ONCE) {
            let rows = chunk.iter().map(|click| entity::ActiveModel {
                tenant_id: Set(self.tenant.clone()),
                campaign_id: Set(campaign.to_string()),
                address: Set(click.address.clone()),
                at: Set(millis(click.at)),
                url_sha256: Set(key(&click.url)),
                url: Set(click.url.clone()),
                imported_by: Set(by.to_owned()),
                imported_at: Set(millis(now)),
            });
            new += entity::Entity::insert_many(rows)
                .on_conflict(
                    OnConflict::columns([
                        entity::Column::TenantId,
                        entity::Column::CampaignId,
                        entity::Column::Address,
                        entity::Column::At,
                        entity::Column::UrlSha256,
                    ])
                    .do_nothing()
                    .to_owned(),
                )
                .exec_without_returning(self.conn)
                .await?;
        }
        Ok(new)
    }
}
