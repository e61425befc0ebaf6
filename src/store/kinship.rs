//! By what variants of a campaign are found, and what a person took apart.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict, Query},
};

use super::{Scope, StoreError, millis, parse};
use crate::domain::{CampaignId, Verdict};

mod key {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "campaign_key")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key_sha256: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub campaign_id: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod apart {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "apart")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub one_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub other_id: String,
        pub reason: String,
        pub decided_by: String,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Two campaigns in the order in which their pair is kept.
fn pair(one: CampaignId, other: CampaignId) -> (String, String) {
    let (one, other) = (one.to_string(), other.to_string());
    if one <= other {
        (one, other)
    } else {
        (other, one)
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// Campaigns that are no variant of another and whose seed shares one of these keys,
    /// newest first, at most `most`: those found malicious, or else those that are not.
    /// The limit is on these alone, so that a crowd of lookalikes hides none.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn campaigns_by_keys(
        &self,
        keys: &[String],
        malicious: bool,
        most: u64,
    ) -> Result<Vec<CampaignId>, StoreError> {
        let verdict = Expr::col("verdict");
        let of_them = Query::select()
            .column("id")
            .from("campaign")
            .and_where(Expr::col("tenant_id").eq(&self.tenant))
            .and_where(Expr::col("variant_of").is_null())
            .and_where(match malicious {
                true => verdict.eq(Verdict::Malicious.as_str()),
                false => verdict.ne(Verdict::Malicious.as_str()),
            })
            .take();
        let ids: Vec<String> = key::Entity::find()
            .select_only()
            .column(key::Column::CampaignId)
            .distinct()
            .filter(key::Column::TenantId.eq(&self.tenant))
            .filter(key::Column::KeySha256.is_in(keys))
            .filter(key::Column::CampaignId.in_subquery(of_them))
            .order_by_desc(key::Column::CampaignId)
            .limit(most)
            .into_tuple()
            .all(self.conn)
            .await?;
        ids.iter()
            .map(|id| parse(id, "campaign_key.campaign_id"))
            .collect()
    }

    /// The campaigns that a person took apart from this one, at most `most`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn apart_from(
        &self,
        campaign: CampaignId,
        most: u64,
    ) -> Result<Vec<CampaignId>, StoreError> {
        use apart::Column as C;
        let own = campaign.to_string();
        let rows = apart::Entity::find()
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::OneId.eq(&own).or(C::OtherId.eq(&own)))
            .order_by_desc(C::At)
            .limit(most)
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                let other = if row.one_id == own {
                    row.other_id
                } else {
                    row.one_id
                };
                parse(&other, "apart.other_id")
            })
            .collect()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Keeps by what variants of a campaign are found.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_campaign_keys(
        &self,
        campaign: CampaignId,
        keys: &[String],
    ) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let rows = keys.iter().map(|value| key::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            key_sha256: Set(value.clone()),
            campaign_id: Set(campaign.to_string()),
        });
        key::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::columns([
                    key::Column::TenantId,
                    key::Column::KeySha256,
                    key::Column::CampaignId,
                ])
                .do_nothing()
                .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }

    /// Keeps that a person took two campaigns apart.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_apart(
        &self,
        (one, other): (CampaignId, CampaignId),
        reason: &str,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (one_id, other_id) = pair(one, other);
        let row = apart::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            one_id: Set(one_id),
            other_id: Set(other_id),
            reason: Set(reason.to_owned()),
            decided_by: Set(by.to_owned()),
            at: Set(millis(now)),
        };
        apart::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([
                    apart::Column::TenantId,
                    apart::Column::OneId,
                    apart::Column::OtherId,
                ])
                .update_columns([
                    apart::Column::Reason,
                    apart::Column::DecidedBy,
                    apart::Column::At,
                ])
                .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }

    /// Forgets that two campaigns were taken apart: a person put them together.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn forget_apart(&self, one: CampaignId, other: CampaignId) -> Result<(), StoreError> {
        let (one_id, other_id) = pair(one, other);
        apart::Entity::delete_by_id((self.tenant.clone(), one_id, other_id))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}
