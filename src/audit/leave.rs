//! Has checkpoints leave the host: into a file, and to an address.

use std::{fs, io, io::Write as _, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use reqwest::header::CONTENT_TYPE;
use url::Url;

use super::checkpoint;
use crate::{
    app::App,
    jobs::{self, JobError, Work},
    remediation::receipt::{self, KeyError},
    store::{StoreError, audit::Checkpoint, job::Lease},
};

/// Checkpoints that are looked through for those that have not left: as many as are kept.
const KEPT: u64 = 1_000;
/// Checkpoints that are posted in one round.
const AT_ONCE: usize = 50;

/// Why a checkpoint did not leave.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// The file.
    #[error("audit.checkpoint_file cannot be written")]
    File(#[source] io::Error),
    /// The address could not be reached.
    #[error("audit.checkpoint_url did not answer")]
    Unreached(#[source] reqwest::Error),
    /// The address refused.
    #[error("audit.checkpoint_url answered {0}")]
    Refused(reqwest::StatusCode),
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LeaveError> for JobError {
    fn from(error: LeaveError) -> Self {
        match error {
            LeaveError::Store(error) => Self::Store(error),
            LeaveError::Key(error) => error.into(),
            // Nothing is lost by waiting: it is kept, and a later one says it too.
            other => Self::Outage(other.to_string()),
        }
    }
}

/// Signs where the chain stands, where that is news; gives the newest checkpoint, or
/// `None` while there is no entry.
///
/// # Errors
/// [`LeaveError::Key`], [`LeaveError::Store`].
pub async fn signed(app: &App) -> Result<Option<Checkpoint>, LeaveError> {
    let rows = app.store.read(app.tenant);
    let Some(head) = rows.audit_head().await?.filter(|head| head.seq > 0) else {
        return Ok(None);
    };
    let newest = rows.checkpoints(1).await?.pop();
    if let Some(known) = newest.filter(|known| known.seq >= head.seq) {
        return Ok(Some(known));
    }
    let key = receipt::key(app).await?;
    let one = checkpoint::sign(&key, rows.tenant_name(), &head, app.clock.now());
    let tx = app.store.begin().await?;
    tx.of(app.tenant).keep_checkpoint(&one).await?;
    tx.commit().await?;
    Ok(Some(one))
}

/// See the module.
pub struct Leaving(pub Arc<App>);

#[async_trait]
impl Work for Leaving {
    fn kind(&self) -> &'static str {
        jobs::CHECKPOINT
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        let section = &app.config.audit;
        if section.is_on() {
            signed(app).await?;
            // Neither waits for the other.
            let filed = file_all(app).await;
            let posted = post_all(app).await;
            filed.and(posted)?;
        }
        let now = app.clock.now();
        let again = now + TimeDelta::minutes(section.checkpoint_minutes.into());
        let tx = app.store.begin().await?;
        if section.is_on() {
            tx.repeat_job(lease, again).await?;
        } else {
            tx.finish_job(lease, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

async fn waiting(
    app: &App,
    left: impl Fn(&Checkpoint) -> bool,
) -> Result<Vec<Checkpoint>, StoreError> {
    let mut all = app.store.read(app.tenant).checkpoints(KEPT).await?;
    all.retain(|one| !left(one));
    Ok(all)
}

async fn note(app: &App, seqs: &[i64], posted: bool) -> Result<(), StoreError> {
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    rows.checkpoints_left(seqs, posted, app.clock.now()).await?;
    tx.commit().await
}

async fn file_all(app: &App) -> Result<(), LeaveError> {
    let Some(path) = app.config.audit.checkpoint_file.clone() else {
        return Ok(());
    };
    let waiting = waiting(app, |one| one.filed).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = waiting.iter().map(|one| one.seq).collect();
    let lines: Vec<String> = waiting.into_iter().map(|one| one.body).collect();
    let written = tokio::task::spawn_blocking(move || add_lines(&path, &lines)).await;
    written
        .map_err(io::Error::other)
        .and_then(|done| done)
        .map_err(LeaveError::File)?;
    Ok(note(app, &seqs, false).await?)
}

/// Adds lines to a file, and waits until they are on the disk. Where an earlier line was
/// not written to its end, it is ended first.
fn add_lines(path: &Path, lines: &[String]) -> io::Result<()> {
    use io::{Read as _, Seek as _};
    let mut file = fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let mut text = String::new();
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(io::SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push('\n');
        }
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

async fn post_all(app: &App) -> Result<(), LeaveError> {
    let Some(url) = &app.config.audit.checkpoint_url else {
        return Ok(());
    };
    let waiting = waiting(app, |one| one.posted).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let client = client(url).map_err(LeaveError::Unreached)?;
    for one in waiting.into_iter().take(AT_ONCE) {
        let request = client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(one.body);
        let answer = request.send().await;
        // The address may hold a secret: it is in no log.
        let answer = answer.map_err(|error| LeaveError::Unreached(error.without_url()))?;
        if !answer.status().is_success() {
            return Err(LeaveError::Refused(answer.status()));
        }
        note(app, &[one.seq], true).await?;
    }
    Ok(())
}

/// The client for the address: bounded in time, never redirected; what is on this
/// machine is never asked through a proxy.
fn client(url: &Url) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(15))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("unhook/", env!("CARGO_PKG_VERSION")));
    // Of plain addresses the configuration takes only this machine's own.
    if url.scheme() == "http" {
        builder.no_proxy()
    } else {
        builder.https_only(true)
    }
    .build()
}
