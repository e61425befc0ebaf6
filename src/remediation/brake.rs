//! What stops pulls: the breaker that hears objections, and the kill switch.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    app::App,
    domain::{CampaignId, StopScope},
    jobs,
    store::{Rows, StoreError, event::Event, pull_stop::PullStop, remediation::Remediation},
};

/// Events that count as an objection against a pull.
const OBJECTIONS: [&str; 3] = ["objection", "dispute", "restore_asked"];
/// Pulls that are woken when a stop is lifted.
const MOST_WOKEN: u64 = 1_000;

/// Counts the objections against a pull, and halts it when there are too many. The
/// remediation is held, or will be by this; the jobs are held before.
pub(super) async fn hear(
    app: &App,
    rows: &Rows<'_>,
    campaign: CampaignId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(mut held) = rows.hold_remediation_of(campaign).await? else {
        return Ok(());
    };
    if held.halted.is_some() || held.state.is_put_back() {
        return Ok(());
    }
    let since = held.heard_since.unwrap_or(held.created_at);
    let heard = rows.count_events(campaign, &OBJECTIONS, since).await?;
    let counts = rows.count_staged(campaign).await?;
    if heard < app.config.pull.objections_that_halt(counts.moved) {
        return Ok(());
    }
    let why = format!(
        "{heard} of {} copies moved were objected to or put back",
        counts.moved
    );
    halt(app, rows, &mut held, ("unhook", &why), now).await
}

/// Halts one pull in somebody's name, and all automatic ones when it is not the first of the day.
pub(super) async fn halt(
    app: &App,
    rows: &Rows<'_>,
    held: &mut Remediation,
    (by, why): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    held.halted = Some(why.to_owned());
    held.halted_at = Some(now);
    held.waits_until = None;
    rows.save_remediation(held).await?;
    let event = Event::new("pull_halted", now)
        .of(held.campaign)
        .by(by)
        .with(serde_json::json!({ "reason": why }));
    rows.record(vec![event]).await?;
    let halted = rows.halted_since(now - TimeDelta::days(1)).await?;
    if halted >= u64::from(app.config.pull.stop_after_halts) {
        let stop = PullStop {
            scope: StopScope::Automatic,
            by: "unhook".to_owned(),
            reason: format!("{halted} pulls were halted within a day"),
            since: now,
        };
        stop_in(rows, &stop).await?;
    }
    Ok(())
}

async fn stop_in(rows: &Rows<'_>, stop: &PullStop) -> Result<bool, StoreError> {
    let new = rows.put_pull_stop(stop).await?;
    if new {
        let detail = serde_json::json!({ "scope": stop.scope, "reason": stop.reason });
        let event = Event::new("pulls_stopped", stop.since)
            .by(stop.by.clone())
            .with(detail);
        rows.record(vec![event]).await?;
    }
    Ok(new)
}

/// Stops pulls. Moves under way at this moment still end; no other begins. What is put
/// back goes on. Whether it was not stopped before.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn stop(
    app: &App,
    scope: StopScope,
    actor: &str,
    reason: &str,
) -> Result<bool, StoreError> {
    let stop = PullStop {
        scope,
        by: actor.to_owned(),
        reason: reason.chars().take(2_000).collect(),
        since: app.clock.now(),
    };
    let tx = app.store.begin().await?;
    let new = stop_in(&tx.of(app.tenant), &stop).await?;
    tx.commit().await?;
    Ok(new)
}

/// Lifts a stop, and lets what it held back go on. Whether there was one.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn release(
    app: &App,
    scope: StopScope,
    actor: &str,
    reason: &str,
) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let campaigns = rows.campaigns_being_pulled(MOST_WOKEN).await?;
    let wake = campaigns.into_iter().map(|id| jobs::pull(id, now));
    let was = rows.lift_pull_stop(scope).await?;
    if was {
        rows.enqueue(wake.collect(), now).await?;
        let reason: String = reason.chars().take(2_000).collect();
        let detail = serde_json::json!({ "scope": scope, "reason": reason });
        let event = Event::new("pulls_released", now).by(actor).with(detail);
        rows.record(vec![event]).await?;
    }
    tx.commit().await?;
    Ok(was)
}
