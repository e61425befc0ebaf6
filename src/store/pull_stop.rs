//! Stops of pulling that are in force, and what was moved in a day and in a minute.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _,
    sea_query::{Expr, ExprTrait as _, OnConflict},
};

use super::{Scope, StoreError, held, instant, millis, parse};
use crate::domain::{Hold, StopScope};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "pull_stop")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub scope: String,
        pub stopped_by: String,
        pub reason: String,
        pub since: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod window {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "pull_window")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub span: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub start: i64,
        pub moved: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A stop in force.
#[derive(Debug, Clone)]
pub struct PullStop {
    /// What it holds back.
    pub scope: StopScope,
    /// An API key's id, or `unhook` for the breaker.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A span in which only so many copies are moved.
#[derive(Debug, Clone, Copy)]
pub struct PullBudget {
    /// Copies a day.
    pub day: u64,
    /// Copies a minute.
    pub minute: u64,
}

/// What was left of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// Copies that may be moved; they are taken off the budget.
    pub copies: u64,
    /// What was used up, and when there is some again, when less was granted than asked
    /// for.
    pub short: Option<(Hold, DateTime<Utc>)>,
}

/// The spans, with their names in rows.
const SPANS: [(&str, TimeDelta, Hold); 2] = [
    ("day", TimeDelta::days(1), Hold::Budget),
    ("minute", TimeDelta::minutes(1), Hold::Rate),
];

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The stops in force, the kill switch first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn pull_stops(&self) -> Result<Vec<PullStop>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .order_by_asc(entity::Column::Scope)
            .all(self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(PullStop {
                    scope: parse(&row.scope, "pull_stop.scope")?,
                    by: row.stopped_by,
                    reason: row.reason,
                    since: instant(row.since),
                })
            })
            .collect()
    }

    /// Which budget is used up, and when there is some again.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn pull_budget_gone(
        &self,
        budget: PullBudget,
        now: DateTime<Utc>,
    ) -> Result<Option<(Hold, DateTime<Utc>)>, StoreError> {
        for ((span, length, hold), most) in SPANS.into_iter().zip([budget.day, budget.minute]) {
            let start = start_of(now, length);
            let key = (self.tenant.clone(), span.to_owned(), millis(start));
            let row = window::Entity::find_by_id(key).one(self.conn).await?;
            if row.is_some_and(|row| u64::try_from(row.moved).unwrap_or_default() >= most) {
                return Ok(Some((hold, start + length)));
            }
        }
        Ok(None)
    }

    /// Copies moved on the day of `now` (UTC).
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn moved_today(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let key = (
            self.tenant.clone(),
            "day".to_owned(),
            millis(start_of(now, TimeDelta::days(1))),
        );
        let row = window::Entity::find_by_id(key).one(self.conn).await?;
        Ok(row.map_or(0, |row| u64::try_from(row.moved).unwrap_or_default()))
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Puts a stop into force; one that is stays as it was. Whether it is new.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn put_pull_stop(&self, stop: &PullStop) -> Result<bool, StoreError> {
        let row = entity::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            scope: Set(stop.scope.to_string()),
            stopped_by: Set(stop.by.clone()),
            reason: Set(stop.reason.clone()),
            since: Set(millis(stop.since)),
        };
        let same = OnConflict::columns([entity::Column::TenantId, entity::Column::Scope])
            .do_nothing()
            .to_owned();
        let added = entity::Entity::insert(row)
            .on_conflict(same)
            .exec_without_returning(self.conn)
            .await?;
        Ok(added == 1)
    }

    /// Lifts a stop. Whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn lift_pull_stop(&self, scope: StopScope) -> Result<bool, StoreError> {
        let gone = entity::Entity::delete_many()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Scope.eq(scope.as_str()))
            .exec(self.conn)
            .await?;
        Ok(gone.rows_affected > 0)
    }

    /// Takes copies off the budgets of the day and the minute, as many as are left.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn take_pull_budget(
        &self,
        copies: u64,
        budget: PullBudget,
        now: DateTime<Utc>,
    ) -> Result<Granted, StoreError> {
        let mut granted = Granted {
            copies,
            short: None,
        };
        for ((span, length, hold), most) in SPANS.into_iter().zip([budget.day, budget.minute]) {
            let start = start_of(now, length);
            let moved = self.hold_window(span, start).await?;
            let left = most.saturating_sub(moved);
            if left < granted.copies {
                granted.copies = left;
                granted.short = Some((hold, start + length));
            }
        }
        if granted.copies > 0 {
            let more = i64::try_from(granted.copies).unwrap_or(i64::MAX);
            for (span, length, _) in SPANS {
                window::Entity::update_many()
                    .col_expr(
                        window::Column::Moved,
                        Expr::col(window::Column::Moved).add(more),
                    )
                    .filter(window::Column::TenantId.eq(&self.tenant))
                    .filter(window::Column::Span.eq(span))
                    .filter(window::Column::Start.eq(millis(start_of(now, length))))
                    .exec(self.conn)
                    .await?;
            }
        }
        Ok(granted)
    }

    /// What was moved in a window, which is held.
    async fn hold_window(&self, span: &str, start: DateTime<Utc>) -> Result<u64, StoreError> {
        let key = (self.tenant.clone(), span.to_owned(), millis(start));
        let query = window::Entity::find_by_id(key);
        if let Some(row) = held(self.conn, query.clone()).one(self.conn).await? {
            return Ok(u64::try_from(row.moved).unwrap_or_default());
        }
        let row = window::ActiveModel {
            tenant_id: Set(self.tenant.clone()),
            span: Set(span.to_owned()),
            start: Set(millis(start)),
            moved: Set(0),
        };
        let same = OnConflict::columns([
            window::Column::TenantId,
            window::Column::Span,
            window::Column::Start,
        ])
        .do_nothing()
        .to_owned();
        window::Entity::insert(row)
            .on_conflict(same)
            .exec_without_returning(self.conn)
            .await?;
        // What is long over is of no use to anybody.
        window::Entity::delete_many()
            .filter(window::Column::TenantId.eq(&self.tenant))
            .filter(window::Column::Start.lt(millis(start - TimeDelta::days(30))))
            .exec(self.conn)
            .await?;
        let row = held(self.conn, query).one(self.conn).await?;
        Ok(row.map_or(0, |row| u64::try_from(row.moved).unwrap_or_default()))
    }
}

fn start_of(now: DateTime<Utc>, span: TimeDelta) -> DateTime<Utc> {
    now.duration_trunc(span).unwrap_or(now)
}
