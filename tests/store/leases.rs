//! A job that runs for long keeps its lease, one that lost it stops, and one that
//! panics harms no other.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use unhook::{
    clock::{Clock as _, ManualClock},
    domain::SubmissionId,
    jobs::{self, JobError, Wake, Work, Workers, WorkersOptions},
    store::{Store, job::Lease},
};

use super::start;
use crate::support::database::{Backend, Fresh, fresh};

/// How long a job may be silent here.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// What no part of these tests takes; a hang must fail.
const LIMIT: Duration = Duration::from_secs(30);

fn workers(store: &Store, clock: &ManualClock, work: Arc<dyn Work>) -> Workers {
    let options = WorkersOptions {
        lease: LEASE,
        heartbeat: Duration::from_millis(5),
        ..WorkersOptions::default()
    };
    let clock = Arc::new(clock.clone());
    Workers::new(store.clone(), clock, Wake::default(), vec![work], options)
}

/// A database with one job that is due; `None` when it is not at hand.
async fn with_a_job(backend: Backend) -> Option<Fresh> {
    let fresh = fresh(backend).await?;
    let tenant = fresh.store.ensure_tenant("northwind", start()).await;
    let tx = fresh.store.begin().await.expect("tx");
    let job = jobs::triage(SubmissionId::new(start()), start());
    tx.of(tenant.expect("tenant"))
        .enqueue(vec![job], start())
        .await
        .expect("queued");
    tx.commit().await.expect("commit");
    Some(fresh)
}

/// Works for two and a half minutes of the clock without recording anything, as
/// long as a provider that answers late.
struct Slow {
    store: Store,
    clock: ManualClock,
    kept: AtomicBool,
}

#[async_trait]
impl Work for Slow {
    fn kind(&self) -> &'static str {
        jobs::TRIAGE
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        for _ in 0..3 {
            self.clock.advance(TimeDelta::seconds(50));
            let alive = async {
                while self.store.next_job_due().await.expect("due") < Some(self.clock.now() + LEASE)
                {
                    tokio::task::yield_now().await;
                }
            };
            if tokio::time::timeout(LIMIT, alive).await.is_err() {
                return Err(JobError::Park("no sign of life was given".to_owned()));
            }
        }
        let others = self.store.claim_jobs(self.clock.now(), LEASE, 9).await?;
        self.kept.store(others.is_empty(), Ordering::SeqCst);
        let tx = self.store.begin().await?;
        tx.finish_job(lease, self.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn a_slow_job_stays_with_its_worker(backend: Backend) {
    let Some(fresh) = with_a_job(backend).await else {
        return;
    };
    let store = &fresh.store;
    let clock = ManualClock::at(start());
    let slow = Arc::new(Slow {
        store: store.clone(),
        clock: clock.clone(),
        kept: AtomicBool::new(false),
    });
    workers(store, &clock, slow.clone()).drain().await;
    assert!(
        slow.kept.load(Ordering::SeqCst),
        "nobody else could take it"
    );
    assert_eq!(store.next_job_due().await.expect("due"), None, "it ended");
}

/// Never ends; tells when it is dropped.
struct Stuck {
    store: Store,
    clock: ManualClock,
    dropped: Arc<AtomicBool>,
}

struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Work for Stuck {
    fn kind(&self) -> &'static str {
        jobs::TRIAGE
    }

    async fn run(&self, _: &Lease) -> Result<(), JobError> {
        let _guard = Guard(Arc::clone(&self.dropped));
        // Another worker, whose clock is a day ahead, takes it over.
        let late = self.clock.now() + TimeDelta::days(1);
        loop {
            let taken = self.store.claim_jobs(late, LEASE, 9).await?;
            // A row that just gives a sign of life is passed by.
            if taken.len() == 1 {
                break;
            }
        }
        std::future::pending().await
    }
}

async fn work_without_its_lease_is_dropped(backend: Backend) {
    let Some(fresh) = with_a_job(backend).await else {
        return;
    };
    let store = &fresh.store;
    let clock = ManualClock::at(start());
    let dropped = Arc::new(AtomicBool::new(false));
    let stuck = Arc::new(Stuck {
        store: store.clone(),
        clock: clock.clone(),
        dropped: Arc::clone(&dropped),
    });
    let workers = workers(store, &clock, stuck);
    let ran = tokio::time::timeout(LIMIT, workers.drain()).await;
    assert_eq!(ran, Ok(1), "the worker is free again");
    assert!(dropped.load(Ordering::SeqCst));
    let due = store.next_job_due().await.expect("due");
    assert_eq!(
        due,
        Some(start() + TimeDelta::days(1) + LEASE),
        "the other worker's lease was not touched"
    );
}

#[tokio::test]
async fn f10_f11_f26_leases_live_as_long_as_their_work_on_sqlite() {
    a_slow_job_stays_with_its_worker(Backend::Sqlite).await;
    work_without_its_lease_is_dropped(Backend::Sqlite).await;
}

#[tokio::test]
async fn f10_f11_f26_leases_live_as_long_as_their_work_on_postgres() {
    a_slow_job_stays_with_its_worker(Backend::Postgres).await;
    work_without_its_lease_is_dropped(Backend::Postgres).await;
}

/// Panics over one of them; tells how often it ran.
struct Choosy {
    store: Store,
    clock: ManualClock,
    poison: String,
    ran: Mutex<HashMap<String, u32>>,
}

#[async_trait]
impl Work for Choosy {
    fn kind(&self) -> &'static str {
        jobs::TRIAGE
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        *self
            .ran
            .lock()
            .expect("lock")
            .entry(lease.target.clone())
            .or_default() += 1;
        assert_ne!(lease.target, self.poison, "what no parser should do");
        let tx = self.store.begin().await?;
        tx.finish_job(lease, self.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Drains the queue with the clock set forward to what is due.
async fn to_the_end(store: &Store, clock: &ManualClock, workers: &Workers) {
    loop {
        workers.drain().await;
        let Some(due) = store.next_job_due().await.expect("due") else {
            return;
        };
        clock.advance((due - clock.now()).max(TimeDelta::zero()));
    }
}

async fn a_panic_stays_with_its_job_and_is_seen(backend: Backend) {
    let Some(fresh) = fresh(backend).await else {
        return;
    };
    let store = &fresh.store;
    let clock = ManualClock::at(start());
    let tenant = store.ensure_tenant("northwind", start()).await;
    let tenant = tenant.expect("tenant");
    let submissions: Vec<_> = (0..5).map(|_| SubmissionId::new(start())).collect();
    let tx = store.begin().await.expect("tx");
    // The poison is first in the queue.
    for (at, id) in submissions.iter().enumerate() {
        let due = start() + TimeDelta::milliseconds(i64::try_from(at).expect("few"));
        let job = vec![jobs::triage(*id, due)];
        let queued = tx.of(tenant).enqueue(job, start()).await;
        queued.expect("queued");
    }
    tx.commit().await.expect("commit");
    let poison = submissions[0].to_string();
    let choosy = Arc::new(Choosy {
        store: store.clone(),
        clock: clock.clone(),
        poison: poison.clone(),
        ran: Mutex::default(),
    });
    let workers = workers(store, &clock, choosy.clone());
    clock.advance(TimeDelta::milliseconds(10));
    workers.drain().await;
    let ran = choosy.ran.lock().expect("lock").clone();
    assert_eq!(ran.len(), 5, "the others do not wait for it");
    to_the_end(store, &clock, &workers).await;

    let ran = choosy.ran.lock().expect("lock").clone();
    let most = jobs::triage(submissions[0], start()).max_attempts;
    for id in &submissions[1..] {
        assert_eq!(ran[&id.to_string()], 1, "once");
    }
    assert_eq!(
        i64::from(ran[&poison]),
        i64::from(most),
        "then it is parked"
    );
    let parked = store.read(tenant).parked_jobs().await.expect("parked");
    assert_eq!(parked.len(), 1, "where people see it");
    assert_eq!(parked[0].target, poison);
    let why = parked[0].last_error.as_deref().unwrap_or_default();
    assert!(why.contains("panicked"), "{why}");
}

#[tokio::test]
async fn f08_f56_a_message_that_makes_its_work_panic_is_parked_on_sqlite() {
    a_panic_stays_with_its_job_and_is_seen(Backend::Sqlite).await;
}

#[tokio::test]
async fn f08_f56_a_message_that_makes_its_work_panic_is_parked_on_postgres() {
    a_panic_stays_with_its_job_and_is_seen(Backend::Postgres).await;
}
