//! The facts a judgement rested on, as they are kept, and the message brought back to
//! be judged again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::dissect::dissect;
use crate::{
    app::App,
    domain::{AssessmentId, SubmissionId, Verdict, VerdictSource},
    enrich::merged,
    jobs::JobError,
    message::{Observable, ParsedMessage},
    store::{StoreError, judgement::Judgement},
    verdict::Facts,
};

/// The facts a judgement rested on. Files are taken apart anew from the message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// The message's bytes, by the SHA-256 that names them in the folder of blobs.
    pub message: Option<String>,
    /// In whose mailboxes it lay.
    pub held_by: Vec<String>,
    /// Everything else.
    pub facts: Facts,
}

/// A message, ready to be judged again.
pub struct Again {
    /// The message.
    pub message: ParsedMessage,
    /// Its observables and those of its files.
    pub observables: Vec<Observable>,
    /// The facts as they were.
    pub facts: Facts,
}

/// Why a judgement cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The facts were written by another version.
    #[error("the facts of {0} cannot be read")]
    Facts(String),
    /// The message's bytes are gone, or the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be taken apart.
    #[error("the message could not be taken apart: {0}")]
    Apart(String),
}

/// Rows read at once.
const PAGE: u64 = 100;

/// The latest judgement of every message, the newest first, read page by page.
#[derive(Debug, Default)]
pub struct Latest {
    from: Option<AssessmentId>,
    seen: BTreeSet<SubmissionId>,
}

impl Latest {
    /// The next of them; `None` at the end. A judgement that is not `wanted` is passed
    /// over, as if it had never been made.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn next(
        &mut self,
        app: &App,
        wanted: impl Fn(&Judgement) -> bool,
    ) -> Result<Option<Vec<Judgement>>, StoreError> {
        let rows = app.store.read(app.tenant);
        let mut page = rows.judgements(self.from, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.from = Some(last.id);
        page.retain(|judgement| wanted(judgement) && self.seen.insert(judgement.submission));
        Ok(Some(page))
    }
}

/// What an analyst decided on a submission, where one did.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn decided(app: &App, submission: SubmissionId) -> Result<Option<Verdict>, StoreError> {
    let row = app.store.read(app.tenant).submission(submission).await?;
    Ok(row
        .filter(|row| row.verdict_source == Some(VerdictSource::Analyst))
        .and_then(|row| row.verdict))
}

/// Brings back what a judgement was made of.
///
/// # Errors
/// [`RecordError`].
pub async fn again(app: &App, judgement: &Judgement) -> Result<Again, RecordError> {
    let recorded: Recorded = serde_json::from_str(&judgement.facts)
        .map_err(|_| RecordError::Facts(judgement.id.to_string()))?;
    let raw = match &recorded.message {
        Some(name) => app.blobs.get(name).await.map_err(StoreError::from)?,
        None => bytes::Bytes::new(),
    };
    let received = recorded.facts.received;
    let apart = dissect(app, raw, received, recorded.held_by)
        .await
        .map_err(|error| match error {
            JobError::Store(error) => RecordError::Store(error),
            other => RecordError::Apart(other.to_string()),
        })?;
    let observables = merged(&apart.observables, &apart.inside);
    Ok(Again {
        facts: Facts {
            files: apart.files,
            ..recorded.facts
        },
        observables,
        message: apart.parsed,
    })
}
