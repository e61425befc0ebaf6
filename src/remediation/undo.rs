//! An analyst's word on copies: putting back one or a whole campaign, and pulling a
//! variant that waited for a person. Only a new intent; the same reconciler carries
//! it out.

use chrono::{DateTime, Utc};

use super::brake;
use crate::{
    app::App,
    domain::{CampaignId, Desired, Observed, PullId, PullRole, Verdict},
    jobs,
    store::{Rows, event::Event, job::NewJob, pull::Pull},
    triage::overturn::OverturnError,
};

/// Asks for one copy to be put back where it was. Repeating it changes nothing,
/// unless the copy was given up: then it is tried again.
///
/// # Errors
/// See [`OverturnError`].
pub async fn restore_copy(app: &App, id: PullId, actor: &str) -> Result<(), OverturnError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let pull = rows.pull(id).await?.ok_or(OverturnError::NotFound)?;
    let job = mover_of(&rows, &pull, now).await?;
    if pull.desired == Desired::InPlace && pull.observed != Observed::Failed {
        return Ok(());
    }
    rows.enqueue(vec![job], now).await?;
    let mut event = Event::new("restore_asked", now)
        .by(actor)
        .with(serde_json::json!({ "pull": id }));
    event.campaign = pull.campaign;
    event.submission = pull.submission;
    rows.record(vec![event]).await?;
    // The job before the decision before the copy: the pull step takes them so.
    if let Some(campaign) = pull.campaign {
        brake::hear(app, &rows, campaign, now).await?;
    }
    rows.desire_one(id, Desired::InPlace, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Asks for a variant that waits for a person to be pulled with its campaign. It is
/// compared with the seed once more before it is moved. Repeating it changes nothing.
///
/// # Errors
/// See [`OverturnError`]; the evidence does not allow it where the copy is no variant
/// that waits, or the campaign is not (or no longer) to be pulled.
pub async fn pull_variant(app: &App, id: PullId, actor: &str) -> Result<(), OverturnError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let pull = rows.pull(id).await?.ok_or(OverturnError::NotFound)?;
    let refused = |why| Err(OverturnError::EvidenceMissing(why));
    let (Some(campaign), PullRole::Variant) = (pull.campaign, pull.role) else {
        return refused("it is no variant of a campaign");
    };
    // The campaign first, so that a decision taken back meanwhile is seen.
    let decided = rows.hold_campaign(campaign).await?;
    if decided.is_none_or(|campaign| campaign.verdict != Verdict::Malicious) {
        return refused("its campaign is not malicious");
    }
    rows.enqueue(vec![jobs::pull(campaign, now)], now).await?;
    let remediation = rows.hold_remediation_of(campaign).await?;
    if remediation.is_none_or(|remediation| remediation.state.is_put_back()) {
        return refused("the copies of its campaign were put back");
    }
    if pull.desired == Desired::Pulled {
        return Ok(());
    }
    rows.desire_one(id, Desired::Pulled, now).await?;
    let event = Event::new("variant_pulled", now)
        .of(campaign)
        .by(actor)
        .with(serde_json::json!({ "pull": id }));
    rows.record(vec![event]).await?;
    tx.commit().await?;
    Ok(())
}

/// The job that moves a copy: its campaign's pull step, or the triage step of a
/// submission that was judged and belongs to no campaign.
async fn mover_of(
    rows: &Rows<'_>,
    pull: &Pull,
    now: DateTime<Utc>,
) -> Result<NewJob, OverturnError> {
    if let Some(campaign) = pull.campaign {
        return Ok(jobs::pull(campaign, now));
    }
    let submission = match pull.submission {
        Some(id) => rows.submission(id).await?,
        None => None,
    };
    match submission {
        Some(judged) if judged.verdict.is_some() => Ok(jobs::triage(judged.id, now)),
        _ => Err(OverturnError::EvidenceMissing(
            "its submission has not been judged yet",
        )),
    }
}

/// Asks for every copy of a campaign to be put back; the verdict stays.
///
/// # Errors
/// See [`OverturnError`].
pub async fn restore_campaign(app: &App, id: CampaignId, actor: &str) -> Result<(), OverturnError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let mut campaign = rows
        .hold_campaign(id)
        .await?
        .ok_or(OverturnError::NotFound)?;
    campaign.decision_version += 1;
    campaign.updated_at = now;
    rows.save_campaign(&campaign).await?;
    super::restore_all(app, &rows, &campaign, now).await?;
    let event = Event::new("restore_asked", now).of(id).by(actor);
    rows.record(vec![event]).await?;
    tx.commit().await?;
    Ok(())
}
