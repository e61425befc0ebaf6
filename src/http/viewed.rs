//! Who looked at which content: told to the audit trail before it is shown, so that
//! nothing is shown that could not be told.

use chrono::TimeDelta;
use serde_json::json;

use crate::{
    app::App,
    store::{StoreError, audit::Deed},
};

/// A page that is open looks again by itself, every few seconds: one view of the same
/// part by the same person is told once within this time.
const ONE_VIEW: TimeDelta = TimeDelta::minutes(10);

/// Tells that `actor` is about to see a part of the message of a submission (`text`,
/// `source`, `rendered`, `findings`), or the messages of a campaign side by side
/// (`compared`).
///
/// # Errors
/// [`StoreError`] when it could not be told: then nothing may be shown.
pub(super) async fn note(
    app: &App,
    subject: impl ToString,
    actor: &str,
    part: &'static str,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let deed = Deed::new("content_viewed", now)
        .by(actor)
        .about(subject)
        .with(&json!({ "part": part }));
    let rows = app.store.read(app.tenant);
    if rows.audited_since(&deed, now - ONE_VIEW).await? {
        return Ok(());
    }
    let tx = app.store.begin().await?;
    tx.of(app.tenant).note(deed);
    tx.commit().await
}
