//! Durable work as rows: claimed by compare-and-set with a lease and a fence,
//! finished in the same transaction as the state it changed.
//!
//! One row a (kind, target): asking again for work that is already queued
//! changes nothing; asking while it runs makes it run once more.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    ExprTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::Expr, sea_query::OnConflict,
};

use super::{Scope, Store, StoreError, Tx, batch::Batch, instant, millis, parse};
use crate::domain::{JobId, TenantId};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "job")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub kind: String,
        pub target: String,
        pub state: String,
        pub run_after: i64,
        pub attempts: i32,
        pub max_attempts: i32,
        pub fence: i64,
        pub lease_until: i64,
        pub again: bool,
        pub last_error: Option<String>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Work to be done: a kind and the id it is about, never content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Which work, e.g. `triage`.
    pub kind: &'static str,
    /// The id it is about.
    pub target: String,
    /// Not before.
    pub run_after: DateTime<Utc>,
    /// Attempts that fail before it is parked.
    pub max_attempts: i32,
}

/// A job that is ours until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The row.
    pub job: JobId,
    /// Whose work.
    pub tenant: TenantId,
    /// Which work.
    pub kind: String,
    /// What it is about.
    pub target: String,
    /// Grows with each claim; a stale owner's writes are refused by it.
    pub fence: i64,
    /// Failed attempts so far.
    pub attempts: i32,
    /// Attempts that fail before it is parked.
    pub max_attempts: i32,
}

/// A job as shown to people.
#[derive(Debug, Clone, serde::Serialize)]
pub struct JobRow {
    /// Identity.
    pub id: JobId,
    /// Which work.
    pub kind: String,
    /// What it is about.
    pub target: String,
    /// `ready`, `running` or `parked`.
    pub state: String,
    /// Failed attempts so far.
    pub attempts: i32,
    /// The last failure.
    pub last_error: Option<String>,
    /// Not before.
    pub run_after: DateTime<Utc>,
}

impl JobRow {
    fn of(row: entity::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse(&row.id, "job.id")?,
            kind: row.kind,
            target: row.target,
            state: row.state,
            attempts: row.attempts,
            last_error: row.last_error,
            run_after: instant(row.run_after),
        })
    }
}

fn lease_of(row: &entity::Model) -> Result<Lease, StoreError> {
    Ok(Lease {
        job: parse(&row.id, "job.id")?,
        tenant: parse(&row.tenant_id, "job.tenant_id")?,
        kind: row.kind.clone(),
        target: row.target.clone(),
        fence: row.fence.saturating_add(1),
        attempts: row.attempts,
        max_attempts: row.max_attempts,
    })
}

impl Store {
    /// Claims up to `limit` jobs that are due, or whose owner's lease ended.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn claim_jobs(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        limit: u64,
    ) -> Result<Vec<Lease>, StoreError> {
        use entity::Column as C;
        let due = C::State
            .eq("ready")
            .and(C::RunAfter.lte(millis(now)))
            .or(C::State.eq("running").and(C::LeaseUntil.lt(millis(now))));
        // A look at the readers first: an idle server never takes the writer.
        if entity::Entity::find()
            .filter(due.clone())
            .limit(1)
            .one(&self.reader)
            .await?
            .is_none()
        {
            return Ok(Vec::new());
        }
        let tx = self.begin().await?;
        let mut query = entity::Entity::find()
            .filter(due)
            .order_by_asc(C::RunAfter)
            .order_by_asc(C::Id)
            .limit(limit);
        if tx.conn().get_database_backend() == sea_orm::DbBackend::Postgres {
            query = query.lock_with_behavior(
                sea_orm::sea_query::LockType::Update,
                sea_orm::sea_query::LockBehavior::SkipLocked,
            );
        }
        let mut claimed = Vec::new();
        for row in query.all(tx.conn()).await? {
            // A lease that ran out counts as a failed attempt: a job that kills
            // its worker must not do so for ever.
            let lost = row.state == "running";
            let attempts = row.attempts.saturating_add(i32::from(lost));
            let park = attempts >= row.max_attempts;
            let done = entity::Entity::update_many()
                .set(entity::ActiveModel {
                    state: Set(if park { "parked" } else { "running" }.to_owned()),
                    fence: Set(row.fence.saturating_add(1)),
                    lease_until: Set(millis(now + lease)),
                    attempts: Set(attempts),
                    again: Set(false),
                    last_error: Set(if park {
                        Some("its worker died or hung too often".to_owned())
                    } else {
                        row.last_error.clone()
                    }),
                    ..Default::default()
                })
                .filter(C::Id.eq(&row.id))
                .filter(C::Fence.eq(row.fence))
                .exec(tx.conn())
                .await?;
            if done.rows_affected == 1 && !park {
                claimed.push(Lease {
                    attempts,
                    ..lease_of(&row)?
                });
            }
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// A sign of life for a job that runs: it stays its worker's until `until`,
    /// or longer where a record has said so.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when it ended or another worker has it.
    pub async fn extend_lease(
        &self,
        lease: &Lease,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let until = millis(until);
        let later =
            Expr::case(Expr::col(C::LeaseUntil).lt(until), until).finally(Expr::col(C::LeaseUntil));
        let tx = self.begin().await?;
        let done = entity::Entity::update_many()
            .col_expr(C::LeaseUntil, later.into())
            .filter(C::Id.eq(lease.job.to_string()))
            .filter(C::State.eq("running"))
            .filter(C::Fence.eq(lease.fence))
            .exec(tx.conn())
            .await?;
        if done.rows_affected != 1 {
            return Err(StoreError::LeaseLost);
        }
        tx.commit().await
    }

    /// When the next job falls due, running ones by the end of their lease.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn next_job_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        use entity::Column as C;
        let ready = entity::Entity::find()
            .filter(C::State.eq("ready"))
            .order_by_asc(C::RunAfter)
            .one(&self.reader)
            .await?;
        let running = entity::Entity::find()
            .filter(C::State.eq("running"))
            .order_by_asc(C::LeaseUntil)
            .one(&self.reader)
            .await?;
        let ready = ready.map(|row| row.run_after);
        let running = running.map(|row| row.lease_until);
        Ok(ready.into_iter().chain(running).min().map(instant))
    }

    /// Jobs by state, for `/metrics` and `/readyz`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_jobs(&self, state: &str) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::State.eq(state))
            .count(&self.reader)
            .await?)
    }

    /// Lets jobs that a previous process left running be claimed at once. Only
    /// where one process owns the database (SQLite).
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn release_leases(&self) -> Result<u64, StoreError> {
        let tx = self.begin().await?;
        let done = entity::Entity::update_many()
            .set(entity::ActiveModel {
                lease_until: Set(0),
                ..Default::default()
            })
            .filter(entity::Column::State.eq("running"))
            .exec(tx.conn())
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected)
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// Jobs that gave up, for the console.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn parked_jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::State.eq("parked"))
            .order_by_desc(entity::Column::Id)
            .limit(200)
            .all(self.conn)
            .await?;
        rows.into_iter().map(JobRow::of).collect()
    }

    /// What the jobs of a kind that gave up were about.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn parked_targets(&self, kind: &str) -> Result<HashSet<String>, StoreError> {
        let targets: Vec<String> = entity::Entity::find()
            .select_only()
            .column(entity::Column::Target)
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Kind.eq(kind))
            .filter(entity::Column::State.eq("parked"))
            .into_tuple()
            .all(self.conn)
            .await?;
        Ok(targets.into_iter().collect())
    }

    /// The job of a kind about a target; `None` when there is none, or it is done.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn job_about(&self, kind: &str, target: &str) -> Result<Option<JobRow>, StoreError> {
        let row = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Kind.eq(kind))
            .filter(entity::Column::Target.eq(target))
            .one(self.conn)
            .await?;
        row.map(JobRow::of).transpose()
    }
}

impl Scope<'_, DatabaseTransaction> {
    /// Queues work; see the module for what happens when it is queued already.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn enqueue(&self, jobs: Vec<NewJob>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut batch = Batch::on(self.conn);
        self.add_jobs(&mut batch, jobs, now);
        Ok(batch.execute(self.conn).await?)
    }

    pub(super) fn add_jobs(&self, batch: &mut Batch, jobs: Vec<NewJob>, now: DateTime<Utc>) {
        if jobs.is_empty() {
            return;
        }
        let rows = jobs.into_iter().map(|job| entity::ActiveModel {
            id: Set(JobId::new(now).to_string()),
            tenant_id: Set(self.tenant.clone()),
            kind: Set(job.kind.to_owned()),
            target: Set(job.target),
            state: Set("ready".to_owned()),
            run_after: Set(millis(job.run_after)),
            attempts: Set(0),
            max_attempts: Set(job.max_attempts),
            fence: Set(0),
            lease_until: Set(0),
            again: Set(false),
            last_error: Set(None),
            created_at: Set(millis(now)),
        });
        let insert = entity::Entity::insert_many(rows).on_conflict(
            OnConflict::columns([
                entity::Column::TenantId,
                entity::Column::Kind,
                entity::Column::Target,
            ])
            .value(entity::Column::Again, Expr::value(true))
            .value(
                entity::Column::Attempts,
                Expr::case(
                    Expr::col((entity::Entity, entity::Column::State)).eq("parked"),
                    Expr::value(0),
                )
                .finally(Expr::col((entity::Entity, entity::Column::Attempts))),
            )
            // A parked or waiting job is woken by whoever asks for it anew.
            .value(
                entity::Column::State,
                Expr::case(
                    Expr::col((entity::Entity, entity::Column::State)).eq("parked"),
                    "ready",
                )
                .finally(Expr::col((entity::Entity, entity::Column::State))),
            )
            .value(
                entity::Column::RunAfter,
                Expr::case(
                    Expr::col((entity::Entity, entity::Column::State)).eq("running"),
                    Expr::col((entity::Entity, entity::Column::RunAfter)),
                )
                // at the earlier of both times: who asks for it later does not hold it up,
                // and who queues much work at a pace does not hurry what waits
                .case(
                    Expr::col((entity::Entity, entity::Column::State))
                        .eq("ready")
                        .and(
                            Expr::col((entity::Entity, entity::Column::RunAfter))
                                .lt(Expr::col(("excluded", "run_after"))),
                        ),
                    Expr::col((entity::Entity, entity::Column::RunAfter)),
                )
                .finally(Expr::col(("excluded", "run_after"))),
            )
            .to_owned(),
        );
        batch.add(&insert);
    }
}

impl Tx {
    async fn settle(&self, lease: &Lease, change: entity::ActiveModel) -> Result<(), StoreError> {
        let done = entity::Entity::update_many()
            .set(change)
            .filter(entity::Column::Id.eq(lease.job.to_string()))
            .filter(entity::Column::State.eq("running"))
            .filter(entity::Column::Fence.eq(lease.fence))
            .exec(self.conn())
            .await?;
        if done.rows_affected == 1 {
            Ok(())
        } else {
            Err(StoreError::LeaseLost)
        }
    }

    /// Refuses to go on when another worker has the job: call it in every
    /// transaction that records what the job did.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn hold(&self, lease: &Lease, until: DateTime<Utc>) -> Result<(), StoreError> {
        let change = entity::ActiveModel {
            lease_until: Set(millis(until)),
            ..Default::default()
        };
        self.settle(lease, change).await
    }

    /// Ends the job together with the change that it made. If it was asked for
    /// again meanwhile it becomes ready once more.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another worker has it.
    pub async fn finish_job(&self, lease: &Lease, now: DateTime<Utc>) -> Result<(), StoreError> {
        let gone = entity::Entity::delete_many()
            .filter(entity::Column::Id.eq(lease.job.to_string()))
            .filter(entity::Column::State.eq("running"))
            .filter(entity::Column::Fence.eq(lease.fence))
            .filter(entity::Column::Again.eq(false))
            .exec(self.conn())
            .await?;
        if gone.rows_affected == 1 {
            return Ok(());
        }
        self.repeat_job(lease, now).await
    }

    /// Makes the job ready again at `at`, with its attempts forgotten: progress
    /// was made and more is to do.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another worker has it.
    pub async fn repeat_job(&self, lease: &Lease, at: DateTime<Utc>) -> Result<(), StoreError> {
        let change = entity::ActiveModel {
            state: Set("ready".to_owned()),
            run_after: Set(millis(at)),
            attempts: Set(0),
            again: Set(false),
            last_error: Set(None),
            ..Default::default()
        };
        self.settle(lease, change).await
    }

    /// Records a failed attempt: ready again at `retry_at`, or parked.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another worker has it.
    pub async fn fail_job(
        &self,
        lease: &Lease,
        error: &str,
        retry_at: Option<DateTime<Utc>>,
        counts: bool,
    ) -> Result<(), StoreError> {
        let attempts = lease.attempts.saturating_add(i32::from(counts));
        let retry_at = retry_at.filter(|_| attempts < lease.max_attempts);
        let change = entity::ActiveModel {
            state: Set(if retry_at.is_some() {
                "ready"
            } else {
                "parked"
            }
            .to_owned()),
            run_after: Set(retry_at.map_or(0, millis)),
            attempts: Set(attempts),
            last_error: Set(Some(error.chars().take(500).collect())),
            ..Default::default()
        };
        self.settle(lease, change).await
    }
}
