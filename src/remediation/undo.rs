//! Putting copies back: one, or a whole campaign. Only a new intent; the same
//! reconciler carries it out.

use crate::{
    app::App,
    domain::{CampaignId, Desired, PullId},
    jobs,
    store::event::Event,
    triage::overturn::OverturnError,
};

/// Asks for one copy to be put back where it was. Repeating it changes nothing.
///
/// # Errors
/// See [`OverturnError`].
pub async fn restore_copy(app: &App, id: PullId, actor: &str) -> Result<(), OverturnError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let pull = rows.pull(id).await?.ok_or(OverturnError::NotFound)?;
    let Some(campaign) = pull.campaign else {
        return Err(OverturnError::EvidenceMissing(
            "its submission has not been judged yet",
        ));
    };
    if pull.desired == Desired::InPlace {
        return Ok(());
    }
    rows.desire_one(id, Desired::InPlace, now).await?;
    let event = Event::new("restore_asked", now)
        .of(campaign)
        .by(actor)
        .with(serde_json::json!({ "pull": id }));
    rows.record(vec![event]).await?;
    rows.enqueue(vec![jobs::pull(campaign, now)], now).await?;
    tx.commit().await?;
    Ok(())
}

/// Asks for every copy of a campaign to be put back; the verdict stays.
///
/// # Errors
/// See [`OverturnError`].
pub async fn restore_campaign(app: &App, id: CampaignId, actor: &str) -> Result<(), OverturnError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let mut campaign = rows.campaign(id).await?.ok_or(OverturnError::NotFound)?;
    campaign.decision_version += 1;
    campaign.updated_at = now;
    rows.save_campaign(&campaign).await?;
    super::restore_all(&rows, &campaign, now).await?;
    let event = Event::new("restore_asked", now).of(id).by(actor);
    rows.record(vec![event]).await?;
    tx.commit().await?;
    Ok(())
}
