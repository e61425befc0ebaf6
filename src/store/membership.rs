//! Why a submission belongs to a case: one row a submission.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict, Query, SelectStatement},
};

use super::{Page, PageRequest, Scope, StoreError, from_json, instant, millis, parse, to_json};
use crate::domain::{CampaignId, SubmissionId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "membership")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub submission_id: String,
        pub campaign_id: String,
        pub how: String,
        pub score: f64,
        pub reasons: Json,
        pub decided_by: String,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How a submission came to belong to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It is the same message as one that belongs to it.
    Exact,
    /// Evidence says that it is a variant of the seed.
    Variant,
    /// A person put it there.
    Analyst,
}

impl How {
    /// The name used in rows and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Variant => "variant",
            Self::Analyst => "analyst",
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for How {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Exact, Self::Variant, Self::Analyst]
            .into_iter()
            .find(|how| how.as_str() == word)
            .ok_or(())
    }
}

/// A submission's place in a case, and why it is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Membership {
    /// The case: a campaign that is no variant of another.
    pub campaign: CampaignId,
    /// The submission.
    pub submission: SubmissionId,
    /// How it came there.
    pub how: How,
    /// How much speaks for it, 0 to 1; 1 for the same message and a person's word.
    pub score: f64,
    /// Why, in plain words.
    pub reasons: Vec<String>,
    /// When it joined.
    pub at: DateTime<Utc>,
    /// Who decided it: `unhook`, or an analyst's key.
    pub by: String,
}

/// Where a person puts what was taken apart or together.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    /// The case it belongs to from now on.
    pub case: CampaignId,
    /// Why.
    pub reason: &'a str,
    /// Who.
    pub by: &'a str,
    /// When.
    pub at: DateTime<Utc>,
}

fn membership_of(row: entity::Model) -> Result<Membership, StoreError> {
    Ok(Membership {
        campaign: parse(&row.campaign_id, "membership.campaign_id")?,
        submission: parse(&row.submission_id, "membership.submission_id")?,
        how: parse(&row.how, "membership.how")?,
        score: row.score,
        reasons: from_json(row.reasons, "membership.reasons")?,
        at: instant(row.at),
        by: row.decided_by,
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// Where a submission belongs.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn membership(&self, id: SubmissionId) -> Result<Option<Membership>, StoreError> {
        let key = (self.tenant.clone(), id.to_string());
        let row = entity::Entity::find_by_id(key).one(self.conn).await?;
        row.map(membership_of).transpose()
    }

    /// The members of a case, the latest reported first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn case_members(
        &self,
        case: CampaignId,
        page: &PageRequest,
    ) -> Result<Page<Membership>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(case.to_string()));
        if let Some(after) = &page.after {
            query = query.filter(entity::Column::SubmissionId.lt(after));
        }
        let rows = query
            .order_by_desc(entity::Column::SubmissionId)
            .limit(page.limit + 1)
            .all(self.conn)
            .await?;
        let rows = rows
            .into_iter()
            .map(membership_of)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, page.limit, |m| m.submission.to_string()))
    }

    /// How many submissions a case has.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_members(&self, case: CampaignId) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::CampaignId.eq(case.to_string()))
            .count(self.conn)
            .await?)
    }

    /// The submissions of a case, for a sub-query.
    pub(super) fn submissions_of_case(&self, case: CampaignId) -> SelectStatement {
        Query::select()
            .column("submission_id")
            .from("membership")
            .and_where(Expr::col("tenant_id").eq(&self.tenant))
            .and_where(Expr::col("campaign_id").eq(case.to_string()))
            .take()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Records why a submission belongs to a case; what is recorded stays.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_membership(&self, m: &Membership) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            submission_id: Set(m.submission.to_string()),
            campaign_id: Set(m.campaign.to_string()),
            how: Set(m.how.to_string()),
            score: Set(m.score),
            reasons: Set(to_json(&m.reasons, "membership.reasons")?),
            decided_by: Set(m.by.clone()),
            at: Set(millis(m.at)),
        };
        entity::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([entity::Column::TenantId, entity::Column::SubmissionId])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }

    /// Moves every submission of these campaigns to another case, by a person's word.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn move_members(
        &self,
        campaigns: &[CampaignId],
        to: Moved<'_>,
    ) -> Result<(), StoreError> {
        let submissions = Query::select()
            .column("id")
            .from("submission")
            .and_where(Expr::col("tenant_id").eq(&self.tenant))
            .and_where(Expr::col("campaign_id").is_in(campaigns.iter().map(ToString::to_string)))
            .take();
        let reasons = to_json(&vec![to.reason], "membership.reasons")?;
        entity::Entity::update_many()
            .set(entity::ActiveModel {
                campaign_id: Set(to.case.to_string()),
                how: Set(How::Analyst.to_string()),
                score: Set(1.0),
                reasons: Set(reasons),
                decided_by: Set(to.by.to_owned()),
                at: Set(millis(to.at)),
                ..Default::default()
            })
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.in_subquery(submissions))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Records for every submission of a campaign that evidence made it a variant of a
    /// case.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn join_members(
        &self,
        campaign: CampaignId,
        case: CampaignId,
        (score, reasons): (f64, &[String]),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let submissions = Query::select()
            .column("id")
            .from("submission")
            .and_where(Expr::col("tenant_id").eq(&self.tenant))
            .and_where(Expr::col("campaign_id").eq(campaign.to_string()))
            .take();
        entity::Entity::update_many()
            .set(entity::ActiveModel {
                campaign_id: Set(case.to_string()),
                how: Set(How::Variant.to_string()),
                score: Set(score),
                reasons: Set(to_json(&reasons, "membership.reasons")?),
                at: Set(millis(now)),
                ..Default::default()
            })
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::SubmissionId.in_subquery(submissions))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}
