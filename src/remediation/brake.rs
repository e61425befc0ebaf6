//! What stops pulls: the breaker that hears objections, and the kill switch.

use chrono::{DateTime, TimeDelta, Utc};

use super::gate;
use crate::{
    app::App,
    domain::{CampaignId, StopScope},
    jobs,
    store::{Rows, StoreError, event::Event, pull_stop::PullStop, remediation::Remediation},
};

/// Events that count as an objection against a pull.
const OBJECTIONS: [&str; 2] = ["objection", "restore_asked"];
/// Events of which a few within a day stop all automatic pulls: one under way that was
/// halted, and one without a person that was taken back.
const WRONG: [&str; 2] = ["pull_halted", "pull_rolled_back"];
/// Pulls that are woken when a stop is lifted.
const MOST_WOKEN: u64 = 100_000;

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
    let counts = rows.count_staged(campaign, since).await?;
    if heard < app.config.pull.objections_that_halt(counts.moved) {
        return Ok(());
    }
    let why = format!(
        "{heard} of {} copies moved were objected to or put back",
        counts.moved
    );
    halt(app, rows, &mut held, ("unhook", &why), now).await
}

/// Halts one pull in somebody's name, and all automatic ones when it is not the first that
/// went wrong on this day. One that was through already only takes no late copies any more.
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
    gate::close_request(rows, held.campaign).await?;
    let kind = if held.state.is_over() {
        "late_copies_halted"
    } else {
        "pull_halted"
    };
    let event = Event::new(kind, now)
        .of(held.campaign)
        .by(by)
        .with(serde_json::json!({ "reason": why }));
    rows.record(vec![event]).await?;
    went_wrong(app, rows, now).await
}

/// Counts the roll-back of a pull that no person decided. The remediation is held.
pub(super) async fn rolled_back(
    app: &App,
    rows: &Rows<'_>,
    held: &Remediation,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if !held.is_automatic() || held.state.is_put_back() {
        return Ok(());
    }
    let event = Event::new("pull_rolled_back", now).of(held.campaign);
    rows.record(vec![event]).await?;
    went_wrong(app, rows, now).await
}

/// Stops all automatic pulls when too many went wrong within a day.
async fn went_wrong(app: &App, rows: &Rows<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let wrong = rows
        .count_all_events(&WRONG, now - TimeDelta::days(1))
        .await?;
    if wrong >= u64::from(app.config.pull.stop_after_halts) {
        let stop = PullStop {
            scope: StopScope::Automatic,
            by: "unhook".to_owned(),
            reason: format!("{wrong} pulls were halted or taken back within a day"),
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
    // Jobs before all else, as everywhere.
    wake(&rows, now).await?;
    let was = rows.lift_pull_stop(scope).await?;
    if was {
        let reason: String = reason.chars().take(2_000).collect();
        let detail = serde_json::json!({ "scope": scope, "reason": reason });
        let event = Event::new("pulls_released", now).by(actor).with(detail);
        rows.record(vec![event]).await?;
    }
    tx.commit().await?;
    if was {
        // What came to be held back while it was lifted.
        let tx = app.store.begin().await?;
        wake(&tx.of(app.tenant), now).await?;
        tx.commit().await?;
    }
    Ok(was)
}

/// Has every pull looked at that has copies which were not moved.
async fn wake(rows: &Rows<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut waiting = rows.waiting_by_campaign(MOST_WOKEN).await?;
    waiting.sort_unstable_by_key(|(id, _)| id.to_string());
    for some in waiting.chunks(500) {
        let jobs = some.iter().map(|(id, _)| jobs::pull(*id, now));
        rows.enqueue(jobs.collect(), now).await?;
    }
    Ok(())
}
