//! A judgement made again, to prove that it follows from its facts.

use serde::Serialize;

use super::{
    force::{ForceError, build},
    record::{RecordError, again},
};
use crate::{
    app::App,
    domain::{AssessmentId, SubmissionId, Verdict},
    store::{StoreError, judgement::Judgement},
    verdict::RULES_VERSION,
};

/// What replaying a judgement gave.
#[derive(Debug, Clone, Serialize)]
pub struct Replay {
    /// The judgement.
    pub assessment: AssessmentId,
    /// When it was made, RFC 3339.
    pub judged_at: String,
    /// Its policy, model and rules.
    pub policy_version: String,
    /// The model.
    pub model_version: Option<String>,
    /// The rules.
    pub rules_version: String,
    /// Whether the same bytes came out.
    pub same: bool,
    /// The recorded verdict.
    pub recorded: Verdict,
    /// The verdict that came out now.
    pub replayed: Verdict,
    /// The recorded assessment, byte for byte.
    pub recorded_bytes: String,
    /// The one that came out now.
    pub replayed_bytes: String,
}

/// Why a judgement cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The submission was not judged, or before judgements were kept.
    #[error("{0} has no judgement on record")]
    None(SubmissionId),
    /// It was judged by rules that this program does not have.
    #[error("it was judged by rules {was}; this program has {is}: use the version that judged it")]
    Rules {
        /// The rules that judged.
        was: String,
        /// This program's.
        is: &'static str,
    },
    /// Its policy or model is not there.
    #[error(transparent)]
    Force(#[from] ForceError),
    /// Its facts or its message are not there.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Replays the latest judgement of a submission.
///
/// # Errors
/// [`ReplayError`] when what judged then is not there any more.
pub async fn replay(app: &App, submission: SubmissionId) -> Result<Replay, ReplayError> {
    let rows = app.store.read(app.tenant);
    let judgements = rows.judgements_of(submission, 1).await?;
    let Some(judgement) = judgements.into_iter().next() else {
        return Err(ReplayError::None(submission));
    };
    of_judgement(app, &judgement).await
}

async fn of_judgement(app: &App, judgement: &Judgement) -> Result<Replay, ReplayError> {
    if judgement.rules_version != RULES_VERSION {
        return Err(ReplayError::Rules {
            was: judgement.rules_version.clone(),
            is: RULES_VERSION,
        });
    }
    let model = judgement.model_version.as_deref();
    let engine = build(app, Some(&judgement.policy_version), model).await?;
    let engine = match model {
        Some(_) => engine,
        None => engine.without_model(),
    };
    let again = again(app, judgement).await?;
    let assessment = engine.assess(&again.message, &again.observables, &again.facts);
    let replayed_bytes = serde_json::to_string(&assessment).unwrap_or_default();
    Ok(Replay {
        assessment: judgement.id,
        judged_at: judgement.created_at.to_rfc3339(),
        policy_version: judgement.policy_version.clone(),
        model_version: judgement.model_version.clone(),
        rules_version: judgement.rules_version.clone(),
        same: replayed_bytes == judgement.assessment,
        recorded: judgement.verdict,
        replayed: assessment.verdict,
        recorded_bytes: judgement.assessment.clone(),
        replayed_bytes,
    })
}
