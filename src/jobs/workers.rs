//! The workers: as many jobs at once as allowed, each under a lease.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt as _;
use tokio::{sync::watch, task::JoinSet};

use super::{JobError, Wake, Work};
use crate::{
    clock::SharedClock,
    store::{Store, StoreError, job::Lease},
};

/// The longest that one run of a job is kept alive.
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// The shortest pause between two signs of life, and between two looks for work.
const BRIEF: Duration = Duration::from_millis(5);

/// How the workers behave.
#[derive(Debug, Clone)]
pub struct WorkersOptions {
    /// Jobs at once.
    pub concurrency: usize,
    /// How long a job may be silent before another worker takes it.
    pub lease: TimeDelta,
    /// How often a job that runs gives a sign of life; a third of the lease
    /// where that is shorter.
    pub heartbeat: Duration,
    /// How long to sleep at most when nothing is due here; another replica's
    /// work shows up after this long.
    pub idle: Duration,
}

impl Default for WorkersOptions {
    fn default() -> Self {
        Self {
            concurrency: 4,
            lease: TimeDelta::seconds(60),
            heartbeat: Duration::from_secs(15),
            idle: Duration::from_secs(2),
        }
    }
}

/// The workers of one process; cheap to clone.
#[derive(Clone)]
pub struct Workers {
    store: Store,
    clock: SharedClock,
    wake: Wake,
    kinds: Arc<BTreeMap<&'static str, Arc<dyn Work>>>,
    options: WorkersOptions,
}

impl Workers {
    /// Workers for these kinds.
    #[must_use]
    pub fn new(
        store: Store,
        clock: SharedClock,
        wake: Wake,
        kinds: Vec<Arc<dyn Work>>,
        options: WorkersOptions,
    ) -> Self {
        let kinds = kinds.into_iter().map(|work| (work.kind(), work)).collect();
        Self {
            store,
            clock,
            wake,
            kinds: Arc::new(kinds),
            options,
        }
    }

    /// Works until `stop` turns true, then finishes what is running.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        while !*stop.borrow() {
            while running.try_join_next().is_some() {}
            let free = self.options.concurrency.saturating_sub(running.len());
            let claimed = if free == 0 {
                Vec::new()
            } else {
                self.claim(free).await
            };
            let idle = claimed.is_empty();
            for lease in claimed {
                let this = self.clone();
                running.spawn(async move { this.carry_out(lease).await });
            }
            if idle {
                let pause = self.pause(free).await;
                tokio::select! {
                    () = self.wake.wait() => {}
                    _ = running.join_next(), if !running.is_empty() => {}
                    () = tokio::time::sleep(pause) => {}
                    _ = stop.changed() => {}
                }
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Runs everything that is due, and what that brings about, one by one;
    /// gives how many jobs ran. For tests and for the end of `demo --once`.
    pub async fn drain(&self) -> usize {
        let mut ran = 0;
        loop {
            let claimed = self.claim(1).await;
            if claimed.is_empty() {
                return ran;
            }
            for lease in claimed {
                self.carry_out(lease).await;
                ran += 1;
            }
        }
    }

    async fn claim(&self, limit: usize) -> Vec<Lease> {
        let limit = u64::try_from(limit).unwrap_or(1);
        match self
            .store
            .claim_jobs(self.clock.now(), self.options.lease, limit)
            .await
        {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(error = %error, "no job could be claimed");
                // A database that refuses at once must not be asked hundreds of
                // times a second.
                tokio::time::sleep(self.options.idle).await;
                Vec::new()
            }
        }
    }

    /// How long nothing will be due.
    async fn pause(&self, free: usize) -> Duration {
        if free == 0 {
            return self.options.idle;
        }
        match self.store.next_job_due().await {
            Ok(Some(due)) => (due - self.clock.now())
                .to_std()
                .unwrap_or(BRIEF)
                .clamp(BRIEF, self.options.idle),
            _ => self.options.idle,
        }
    }

    async fn carry_out(&self, lease: Lease) {
        let Some(work) = self.kinds.get(lease.kind.as_str()).cloned() else {
            let unknown = JobError::Park(format!("no worker knows the kind {:?}", lease.kind));
            return self.record(&lease, unknown).await;
        };
        // A panic must stay with the one message that caused it.
        let run = std::panic::AssertUnwindSafe(work.run(&lease)).catch_unwind();
        let done = tokio::select! {
            // The work first: what has come to its end is not lost any more.
            biased;
            done = run => done,
            () = self.until_lost(&lease) => {
                tracing::warn!(job = %lease.job, kind = lease.kind, "another worker has the job; the work on it here is dropped");
                return;
            }
        };
        let error = match done {
            Ok(Ok(())) => return,
            Ok(Err(JobError::Store(StoreError::LeaseLost))) => {
                tracing::info!(job = %lease.job, "another worker has taken the job over");
                return;
            }
            Ok(Err(JobError::Store(error))) if error.is_outage() => {
                JobError::Outage(error.to_string())
            }
            Ok(Err(error)) => error,
            Err(_) => JobError::Retry {
                reason: "the work panicked".to_owned(),
                after: None,
                counts: true,
            },
        };
        self.record(&lease, error).await;
    }

    /// Gives signs of life for a job; ends when another worker has taken it over.
    async fn until_lost(&self, lease: &Lease) {
        let third = (self.options.lease / 3).to_std().unwrap_or_default();
        let pause = self.options.heartbeat.min(third).max(BRIEF);
        let begun = self.clock.now();
        loop {
            tokio::time::sleep(pause).await;
            if self.clock.now() - begun > LONGEST {
                // Work that never ends must not live for ever: its lease runs out
                // and counts as an attempt.
                tracing::error!(job = %lease.job, kind = lease.kind, "the work hangs; it is dropped");
                return;
            }
            let until = self.clock.now() + self.options.lease;
            match self.store.extend_lease(lease, until).await {
                Ok(()) => {}
                Err(StoreError::LeaseLost) => return,
                // Nothing can be recorded either while the database is away.
                Err(error) => {
                    tracing::warn!(job = %lease.job, %error, "no sign of life could be given");
                }
            }
        }
    }

    /// Records a failure. When even that fails the lease runs out by itself.
    async fn record(&self, lease: &Lease, error: JobError) {
        let now = self.clock.now();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(job = %lease.job, kind = lease.kind, target = lease.target, attempts = lease.attempts, error = %error, cause, "job did not finish");
        let mut lease = lease.clone();
        let (retry_at, counts) = match &error {
            JobError::Retry { after, counts, .. } => {
                let wait = after
                    .and_then(|after| TimeDelta::from_std(after).ok())
                    .unwrap_or_else(|| backoff(&lease));
                (now.checked_add_signed(wait), *counts)
            }
            JobError::Outage(_) => {
                let again = now.checked_add_signed(backoff(&lease));
                // it counts as far as the pause grows, and leaves two attempts
                // for what goes wrong afterwards
                let spent = lease.max_attempts.saturating_sub(3).max(0);
                lease.attempts = lease.attempts.min(spent);
                (again, true)
            }
            JobError::Store(_) => (now.checked_add_signed(backoff(&lease)), true),
            JobError::Park(_) => (None, true),
        };
        if let Err(failure) = self
            .write_failure(&lease, &error.to_string(), retry_at, counts)
            .await
        {
            tracing::warn!(job = %lease.job, error = %failure, "the failure could not be recorded");
        }
    }

    async fn write_failure(
        &self,
        lease: &Lease,
        reason: &str,
        retry_at: Option<DateTime<Utc>>,
        counts: bool,
    ) -> Result<(), StoreError> {
        let tx = self.store.begin().await?;
        tx.fail_job(lease, reason, retry_at, counts).await?;
        tx.commit().await
    }
}

/// 0.5 s doubling up to 5 minutes, spread by the job's own id so that many
/// jobs that failed together do not return together.
fn backoff(lease: &Lease) -> TimeDelta {
    let doublings = u32::try_from(lease.attempts.clamp(0, 10)).unwrap_or(0);
    let base = 500_i64.saturating_mul(1 << doublings).min(300_000);
    let spread = i64::try_from(lease.job.uuid().as_u128() % 1000).unwrap_or(0);
    TimeDelta::milliseconds(base + base * spread / 4000)
}
