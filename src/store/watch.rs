//! The standing watch of a remediation: until when, and how far its round is.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, QueryTrait as _,
    sea_query::{Expr, OnConflict, SelectStatement},
};

use super::{Scope, StoreError, instant, millis, parse};
use crate::domain::{CampaignId, RemediationId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "watch")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub remediation_id: String,
        pub tenant_id: String,
        pub campaign_id: String,
        pub decision_version: i32,
        pub began_at: i64,
        pub until_at: i64,
        pub next_at: Option<i64>,
        pub scope: Option<String>,
        pub after_provider: Option<String>,
        pub after_key: Option<String>,
        pub gap_at: Option<i64>,
        pub swept_at: Option<i64>,
        pub resurfaced: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which mailboxes a round looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundScope {
    /// Those most likely to get a late copy.
    Likely,
    /// All of the directory.
    All,
}

impl RoundScope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::All => "all",
        }
    }
}

/// The standing watch of a remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The remediation it belongs to.
    pub remediation: RemediationId,
    /// The campaign that is looked for.
    pub campaign: CampaignId,
    /// The decision under which a late copy is pulled.
    pub decision_version: i32,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When its last round falls due.
    pub until: DateTime<Utc>,
    /// The next round; `None` once it is over.
    pub next_round: Option<DateTime<Utc>>,
    /// The round under way.
    pub scope: Option<RoundScope>,
    /// The last mailbox of that round that was looked into: provider and key.
    pub after: Option<(String, String)>,
    /// Since when notifications may have been missed.
    pub gap_at: Option<DateTime<Utc>>,
    /// When the last round over all mailboxes began.
    pub swept_at: Option<DateTime<Utc>>,
    /// Copies that came up since it began.
    pub resurfaced: i64,
}

fn watch_of(row: entity::Model) -> Result<Watch, StoreError> {
    Ok(Watch {
        remediation: parse(&row.remediation_id, "watch.remediation_id")?,
        campaign: parse(&row.campaign_id, "watch.campaign_id")?,
        decision_version: row.decision_version,
        began_at: instant(row.began_at),
        until: instant(row.until_at),
        next_round: row.next_at.map(instant),
        scope: match row.scope.as_deref() {
            None => None,
            Some("likely") => Some(RoundScope::Likely),
            Some("all") => Some(RoundScope::All),
            Some(_) => return Err(StoreError::Corrupt("watch.scope".to_owned())),
        },
        after: row.after_provider.zip(row.after_key),
        gap_at: row.gap_at.map(instant),
        swept_at: row.swept_at.map(instant),
        resurfaced: row.resurfaced,
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The watch of a remediation, over or not.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn watch(&self, id: RemediationId) -> Result<Option<Watch>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(watch_of).transpose()
    }

    /// The ids of the watches that are not over.
    pub(super) fn open_watches(&self) -> SelectStatement {
        entity::Entity::find()
            .select_only()
            .column(entity::Column::RemediationId)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::NextAt.is_not_null())
            .into_query()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Inserts or overwrites a watch, but for [`Watch::gap_at`]: that is noted and
    /// taken back apart, see [`Scope::note_gap`].
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn keep_watch(&self, watch: &Watch) -> Result<(), StoreError> {
        use entity::Column as C;
        let (after_provider, after_key) = watch.after.clone().unzip();
        let row = entity::ActiveModel {
            remediation_id: Set(watch.remediation.to_string()),
            tenant_id: Set(self.tenant.clone()),
            campaign_id: Set(watch.campaign.to_string()),
            decision_version: Set(watch.decision_version),
            began_at: Set(millis(watch.began_at)),
            until_at: Set(millis(watch.until)),
            next_at: Set(watch.next_round.map(millis)),
            scope: Set(watch.scope.map(|scope| scope.as_str().to_owned())),
            after_provider: Set(after_provider),
            after_key: Set(after_key),
            gap_at: Set(watch.gap_at.map(millis)),
            swept_at: Set(watch.swept_at.map(millis)),
            resurfaced: Set(watch.resurfaced),
        };
        entity::Entity::insert(row)
            .on_conflict(
                OnConflict::column(C::RemediationId)
                    .update_columns([
                        C::DecisionVersion,
                        C::BeganAt,
                        C::UntilAt,
                        C::NextAt,
                        C::Scope,
                        C::AfterProvider,
                        C::AfterKey,
                        C::SweptAt,
                        C::Resurfaced,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        Ok(())
    }

    /// Notes that notifications may have been missed; an earlier note stays.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn note_gap(
        &self,
        watches: &[RemediationId],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::update_many()
            .col_expr(C::GapAt, Expr::value(millis(now)))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::RemediationId.is_in(watches.iter().map(ToString::to_string)))
            .filter(C::GapAt.is_null())
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Takes back a note of `by` or before: a round over all mailboxes has begun.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn close_gap(&self, id: RemediationId, by: DateTime<Utc>) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::update_many()
            .col_expr(C::GapAt, Expr::value(Option::<i64>::None))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::RemediationId.eq(id.to_string()))
            .filter(C::GapAt.lte(millis(by)))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Ends a watch: its mailboxes are watched no longer.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn end_watch(&self, id: RemediationId) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::update_many()
            .col_expr(C::NextAt, Expr::value(Option::<i64>::None))
            .col_expr(C::Scope, Expr::value(Option::<String>::None))
            .col_expr(C::GapAt, Expr::value(Option::<i64>::None))
            .filter(C::TenantId.eq(&self.tenant))
            .filter(C::RemediationId.eq(id.to_string()))
            .exec(self.conn)
            .await?;
        self.forget_watched(id).await
    }
}
