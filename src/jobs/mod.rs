//! Durable work: claim, lease, back off, park, drain.
//!
//! Knows no mail words beyond the names of the kinds below; what a kind does is
//! given to [`Workers`] from outside. A job carries an id and no content. Each
//! kind ends its job in the transaction that changes the state, so that state
//! and job commit together; what fails is recorded here.

mod wake;
mod workers;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    domain::{CampaignId, LetterId, RemediationId, SearchId, SubmissionId, TenantId},
    store::{
        StoreError,
        job::{Lease, NewJob},
    },
};

pub use wake::Wake;
pub use workers::{Workers, WorkersOptions};

/// Reads the directory of every platform.
pub const DIRECTORY: &str = "directory";
/// Takes a submission from report to verdict.
pub const TRIAGE: &str = "triage";
/// Asks sources again that owed answers about a submission, and assesses it anew.
pub const ENRICH: &str = "enrich";
/// Looks for stored messages that hold what has become known since.
pub const HUNT: &str = "hunt";
/// Finds the copies of a campaign.
pub const SEARCH: &str = "search";
/// Shows what a pull would find.
pub const DRY_RUN: &str = "dry_run";
/// Brings a campaign's copies to where they are wanted.
pub const PULL: &str = "pull";
/// Closes a remediation that has come to rest.
pub const CLOSE: &str = "close";
/// Looks again for copies of a campaign that was pulled.
pub const WATCH: &str = "watch";
/// Keeps the subscriptions to change notifications that watches need.
pub const SUBSCRIBE: &str = "subscribe";
/// Sends one letter.
pub const LETTER: &str = "letter";
/// Has signed checkpoints of the audit trail leave the host.
pub const CHECKPOINT: &str = "checkpoint";
/// Tries a policy on the history.
pub const TRIAL: &str = "trial";

fn job(kind: &'static str, target: String, at: DateTime<Utc>, max_attempts: i32) -> NewJob {
    NewJob {
        kind,
        target,
        run_after: at,
        max_attempts,
    }
}

/// See [`TRIAGE`].
#[must_use]
pub fn triage(submission: SubmissionId, at: DateTime<Utc>) -> NewJob {
    job(TRIAGE, submission.to_string(), at, 12)
}

/// See [`ENRICH`].
#[must_use]
pub fn enrich(submission: SubmissionId, at: DateTime<Utc>) -> NewJob {
    job(ENRICH, submission.to_string(), at, 60)
}

/// See [`DIRECTORY`].
#[must_use]
pub fn directory(tenant: TenantId, at: DateTime<Utc>) -> NewJob {
    job(DIRECTORY, tenant.to_string(), at, 1_000_000)
}

/// See [`HUNT`].
#[must_use]
pub fn hunt(tenant: TenantId, at: DateTime<Utc>) -> NewJob {
    job(HUNT, tenant.to_string(), at, 1_000_000)
}

/// See [`SEARCH`].
#[must_use]
pub fn search(search: SearchId, at: DateTime<Utc>) -> NewJob {
    job(SEARCH, search.to_string(), at, 30)
}

/// See [`DRY_RUN`].
#[must_use]
pub fn dry_run(search: SearchId, at: DateTime<Utc>) -> NewJob {
    job(DRY_RUN, search.to_string(), at, 30)
}

/// See [`PULL`].
#[must_use]
pub fn pull(campaign: CampaignId, at: DateTime<Utc>) -> NewJob {
    job(PULL, campaign.to_string(), at, 30)
}

/// See [`CLOSE`].
#[must_use]
pub fn close(remediation: RemediationId, at: DateTime<Utc>) -> NewJob {
    job(CLOSE, remediation.to_string(), at, 30)
}

/// See [`WATCH`].
#[must_use]
pub fn watch(remediation: RemediationId, at: DateTime<Utc>) -> NewJob {
    job(WATCH, remediation.to_string(), at, 30)
}

/// See [`SUBSCRIBE`].
#[must_use]
pub fn subscribe(tenant: TenantId, at: DateTime<Utc>) -> NewJob {
    job(SUBSCRIBE, tenant.to_string(), at, 1_000_000)
}

/// See [`CHECKPOINT`].
#[must_use]
pub fn checkpoint(tenant: TenantId, at: DateTime<Utc>) -> NewJob {
    job(CHECKPOINT, tenant.to_string(), at, 1_000_000)
}

/// See [`LETTER`].
#[must_use]
pub fn letter(letter: LetterId, at: DateTime<Utc>) -> NewJob {
    job(LETTER, letter.to_string(), at, 12)
}

/// See [`TRIAL`].
#[must_use]
pub fn trial(policy_version: &str, at: DateTime<Utc>) -> NewJob {
    job(TRIAL, policy_version.to_owned(), at, 5)
}

/// Why a job did not get to its end this time.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Try again, after this long if it is known. `counts` tells whether it uses
    /// up an attempt: being throttled does not.
    #[error("{reason}")]
    Retry {
        /// What stood in the way, without content or secrets.
        reason: String,
        /// How long to wait; our own back-off when absent.
        after: Option<Duration>,
        /// Whether it uses up an attempt.
        counts: bool,
    },
    /// Something the work needs is out of reach. It is tried again for as long as
    /// that lasts, ever less often (five minutes apart at most), and never parks:
    /// an outage of a provider says nothing against the job.
    #[error("{0}")]
    Outage(String),
    /// Trying again is of no use: park it where people see it.
    #[error("{0}")]
    Park(String),
    /// The database; a lost lease is among them.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One kind of work.
#[async_trait]
pub trait Work: Send + Sync {
    /// The kind of job it takes.
    fn kind(&self) -> &'static str;

    /// Does the work and ends (or repeats) the job in its own last transaction.
    async fn run(&self, lease: &Lease) -> Result<(), JobError>;
}
