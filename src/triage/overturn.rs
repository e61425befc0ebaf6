//! An analyst's verdict: only a new intent, which the reconciler carries out.

use crate::{
    app::App,
    domain::{Desired, EvidenceState, Observed, SubmissionId, Verdict, VerdictSource},
    jobs, remediation,
    store::{
        Rows, StoreError, campaign::Campaign, event::Event, judgement, submission::Submission,
    },
};

use super::{kin, priority, thank};

/// Submissions of a campaign whose history says what was decided; of more, the verdict and
/// the timeline of the campaign do.
pub(super) const MOST_ROWS: u64 = 5_000;

/// Why an analyst's decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum OverturnError {
    /// There is no such thing in this tenant.
    #[error("not there")]
    NotFound,
    /// The evidence allows no pull (not fetched from the reporter's mailbox, or
    /// not the message that was reported), or is not there yet.
    #[error("the evidence does not allow this: {0}")]
    EvidenceMissing(&'static str),
    /// Somebody decided anew since it was read: nothing was changed.
    #[error("it was decided anew since it was read: now {verdict}, decision {version}")]
    Changed {
        /// The verdict that stands there.
        verdict: Verdict,
        /// Its number.
        version: i32,
    },
    /// The database failed.
    #[error("not decided")]
    Store(#[from] StoreError),
}

/// Sets the verdict of a submission (and of its campaign) in an analyst's name.
/// Malicious starts or resumes the pull; any other verdict restores what was
/// pulled, the reporters' own copies of spam and of what needs review excepted.
///
/// # Errors
/// See [`OverturnError`].
pub async fn set_verdict(
    app: &App,
    id: SubmissionId,
    verdict: Verdict,
    actor: &str,
    reason: &str,
) -> Result<(), OverturnError> {
    set_verdict_as_read(app, id, verdict, (actor, reason), None).await
}

/// The same, on the decision that was read: `seen` is its number as
/// [`Scope::submission_as_decided`](crate::store::Scope::submission_as_decided) gave it.
/// Of two analysts who decide at once on what both read, the first is heard, and the other
/// is told.
///
/// # Errors
/// [`OverturnError::Changed`] when another decision stands there; see [`OverturnError`].
pub async fn set_verdict_as_read(
    app: &App,
    id: SubmissionId,
    verdict: Verdict,
    (actor, reason): (&str, &str),
    seen: Option<i32>,
) -> Result<(), OverturnError> {
    let decision = Decision {
        id,
        verdict,
        actor,
        reason,
        seen,
    };
    // A submission joins a campaign once, so that this ends.
    while !decision.take(app).await? {}
    Ok(())
}

/// What an analyst decided.
struct Decision<'a> {
    id: SubmissionId,
    verdict: Verdict,
    actor: &'a str,
    reason: &'a str,
    seen: Option<i32>,
}

impl Decision<'_> {
    /// Takes the decision; false when the submission joined a campaign meanwhile,
    /// so that all is to be read anew.
    async fn take(&self, app: &App) -> Result<bool, OverturnError> {
        let Self {
            id,
            verdict,
            actor,
            reason,
            seen,
        } = *self;
        let now = app.clock.now();
        let tx = app.store.begin().await?;
        let rows = tx.of(app.tenant);
        let read = rows.submission(id).await?.ok_or(OverturnError::NotFound)?;
        // Campaign or job before the submission: the triage step takes them in the
        // same order, and either waits for the other.
        let campaign = match read.campaign {
            Some(campaign) => {
                let held = rows.hold_campaign(campaign).await?;
                Some(held.ok_or(OverturnError::NotFound)?)
            }
            None => {
                // The held copy has no campaign whose pull step would move it: triage does.
                rows.enqueue(vec![jobs::triage(id, now)], now).await?;
                None
            }
        };
        let submission = rows
            .hold_submission(id)
            .await?
            .ok_or(OverturnError::NotFound)?;
        if submission.campaign != read.campaign {
            return Ok(false);
        }
        if let Some(seen) = seen {
            let version = match &campaign {
                Some(campaign) => campaign.decision_version,
                None => rows.decisions_of(id).await?,
            };
            if version != seen {
                return Err(OverturnError::Changed {
                    verdict: submission.verdict.unwrap_or(verdict),
                    version,
                });
            }
        }
        if submission.assessment.is_none() {
            return Err(OverturnError::EvidenceMissing(
                "triage is not through yet; try again shortly",
            ));
        }
        if verdict == Verdict::Malicious && submission.evidence != EvidenceState::Fetched {
            return Err(OverturnError::EvidenceMissing(
                "it was not fetched from the reporter's own mailbox, so nothing may be pulled on it",
            ));
        }
        let mut event = Event::new("verdict", now)
            .on(id)
            .by(actor)
            .with(serde_json::json!({
                "verdict": verdict,
                "source": "analyst",
                "reason": reason.chars().take(2000).collect::<String>(),
            }));
        let reason: String = reason.chars().take(2000).collect();
        let decision = judgement::Decision {
            verdict,
            by: Some(actor),
            reason: &reason,
        };
        let holds_for = match read.campaign {
            Some(campaign) => rows.submissions_of_campaign(campaign, MOST_ROWS).await?,
            None => vec![id],
        };
        rows.keep_decision(&holds_for, decision, now).await?;
        match campaign {
            Some(mut campaign) => {
                campaign.verdict = verdict;
                campaign.verdict_source = VerdictSource::Analyst;
                campaign.decision_version += 1;
                campaign.updated_at = now;
                rows.save_campaign(&campaign).await?;
                rows.set_campaign_verdict_on_submissions(
                    campaign.id,
                    verdict,
                    VerdictSource::Analyst,
                    now,
                )
                .await?;
                event = event.of(campaign.id);
                carry_out(app, &rows, &campaign, actor, now).await?;
                kin::gather(&rows, &campaign, now).await?;
            }
            None => alone(app, &rows, submission, verdict, now).await?,
        }
        if verdict.needs_review()
            && let Some(opened) = rows.submission(id).await?
        {
            // what is opened again stands in the queue as of now
            let reports = rows.reports_of(id).await?;
            priority::record(app, &rows, &opened, &reports, now).await?;
        }
        rows.record(vec![event]).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn carry_out(
    app: &App,
    rows: &Rows<'_>,
    campaign: &Campaign,
    actor: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), StoreError> {
    if campaign.verdict == Verdict::Malicious {
        // Reporters hear of it when every copy is at rest.
        return remediation::pull_all(rows, campaign, Some(actor), now).await;
    }
    let pulled_before = rows.remediation_of(campaign.id).await?.is_some();
    if pulled_before || campaign.verdict.returns_copy() {
        remediation::restore_all(app, rows, campaign, now).await?;
    }
    thank::campaign(app, rows, campaign.id, now).await
}

/// A submission that belongs to no campaign (its evidence was not found).
async fn alone(
    app: &App,
    rows: &Rows<'_>,
    mut submission: Submission,
    verdict: Verdict,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), StoreError> {
    submission.verdict = Some(verdict);
    submission.verdict_source = Some(VerdictSource::Analyst);
    submission.updated_at = now;
    rows.save_submission(&submission).await?;
    if verdict.returns_copy() {
        // An analyst's word also has a copy tried again that was given up.
        for copy in rows.pulls_of_submission(submission.id).await? {
            if copy.desired != Desired::InPlace || copy.observed == Observed::Failed {
                rows.desire_one(copy.id, Desired::InPlace, now).await?;
            }
        }
    }
    thank::submission(app, rows, &submission, now).await
}
