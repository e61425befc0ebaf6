//! The standing watch: after a campaign is pulled, more of it may come up. Until
//! the configured time after the decision the mailboxes most likely to get a late
//! copy are looked into again and again, all of them at the end, and whatever is
//! found is verified and pulled under the same decision.
//!
//! A look is a search by id: one call a mailbox over all its folders, where a
//! delta would need one a folder, and it knows no cursor that can be lost. The
//! platforms' change notifications only make it quicker: they are hints, nothing
//! in them is believed, and where some may have been missed all mailboxes are
//! looked into once more.
//!
//! The watch is a row; its job takes one step a run (the mailboxes that are owed
//! a look, or a page of the round that is due) and commits what it found with how
//! far it got. Jobs are taken before the remediation, the remediation before its
//! copies and the watch's mailboxes, as everywhere here.

mod hint;
mod look;
mod round;
mod schedule;
mod subscriptions;

pub use hint::{Hint, News, take};
pub use subscriptions::Subscribing;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    app::App,
    domain::{RemediationId, SearchKind},
    jobs::{self, JobError, Work},
    message::Fingerprint,
    store::{
        Rows, StoreError,
        campaign::Campaign,
        job::Lease,
        remediation::{Remediation, RemediationState},
        submission::Submission,
        watch::Watch,
    },
};

/// Mailboxes named by the search that a watch looks into again and again.
const LIKELY: u64 = 5_000;

/// Has a remediation watched whose search is through. Asked again it changes
/// nothing. To be called before the remediation is held.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub(super) async fn begin(
    app: &App,
    rows: &Rows<'_>,
    remediation: RemediationId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if !app.config.watch.is_on() {
        return Ok(());
    }
    rows.enqueue(vec![jobs::watch(remediation, now)], now).await
}

/// Whether the search of a decision is through and nobody took it back.
const fn is_pulled(remediation: &Remediation) -> bool {
    matches!(
        remediation.state,
        RemediationState::Pulling | RemediationState::Closed
    )
}

/// Whether a watch still belongs to the decision in force.
fn in_force(watch: &Watch, remediation: &Remediation) -> bool {
    is_pulled(remediation) && remediation.decision_version == watch.decision_version
}

/// See the module.
pub struct Watching(pub Arc<App>);

/// What a run works on.
struct Case<'a> {
    app: &'a App,
    lease: &'a Lease,
    campaign: Campaign,
    seed: Submission,
    print: Fingerprint,
    watch: Watch,
}

#[async_trait]
impl Work for Watching {
    fn kind(&self) -> &'static str {
        jobs::WATCH
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        let missing = |what: &str| JobError::Park(format!("its {what} is not there"));
        let id: RemediationId = lease
            .target
            .parse()
            .map_err(|_| JobError::Park("its target is no remediation".into()))?;
        let rows = app.store.read(app.tenant);
        let remediation = rows
            .remediation(id)
            .await?
            .ok_or_else(|| missing("remediation"))?;
        let watch = match rows.watch(id).await? {
            Some(watch) if watch.decision_version == remediation.decision_version => watch,
            Some(watch) if watch.next_round.is_some() && !is_pulled(&remediation) => {
                return stop(app, lease, &watch, &remediation).await;
            }
            known if is_pulled(&remediation) && app.config.watch.is_on() => {
                let from = match known {
                    // Decided again: what came up since the first time was just searched.
                    Some(_) => app.clock.now(),
                    None => remediation.created_at,
                };
                return open(app, lease, &remediation, from).await;
            }
            _ => return done(app, lease).await,
        };
        if watch.next_round.is_none() {
            return done(app, lease).await;
        }
        if !is_pulled(&remediation) {
            return stop(app, lease, &watch, &remediation).await;
        }
        let campaign = rows
            .campaign(remediation.campaign)
            .await?
            .ok_or_else(|| missing("campaign"))?;
        let seed = rows
            .submission(campaign.seed)
            .await?
            .ok_or_else(|| missing("seed"))?;
        let print: Fingerprint = seed
            .fingerprint
            .clone()
            .and_then(|print| serde_json::from_value(print).ok())
            .ok_or_else(|| missing("fingerprint"))?;
        Case {
            app,
            lease,
            campaign,
            seed,
            print,
            watch,
        }
        .step()
        .await
    }
}

/// Nothing to watch.
async fn done(app: &App, lease: &Lease) -> Result<(), JobError> {
    let tx = app.store.begin().await?;
    tx.finish_job(lease, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// The decision is not in force: taken back, the watch is over; while it is only
/// searched anew, the end of that search takes the watch up again.
async fn stop(
    app: &App,
    lease: &Lease,
    watch: &Watch,
    remediation: &Remediation,
) -> Result<(), JobError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    tx.hold(lease, app.lease_end(now)).await?;
    let rows = tx.of(app.tenant);
    if remediation.state.is_put_back() {
        resubscribe(app, &rows, now).await?;
        rows.end_watch(watch.remediation).await?;
    }
    tx.finish_job(lease, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Has subscriptions follow what is watched now.
async fn resubscribe(app: &App, rows: &Rows<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    if app.mail.feeds().next().is_none() {
        return Ok(());
    }
    rows.enqueue(vec![jobs::subscribe(app.tenant, now)], now)
        .await
}

/// Begins a watch: its end, its first round, its likely mailboxes.
async fn open(
    app: &App,
    lease: &Lease,
    remediation: &Remediation,
    from: DateTime<Utc>,
) -> Result<(), JobError> {
    let now = app.clock.now();
    let until = from + TimeDelta::hours(i64::from(app.config.watch.hours));
    let tx = app.store.begin().await?;
    tx.hold(lease, app.lease_end(now)).await?;
    let rows = tx.of(app.tenant);
    resubscribe(app, &rows, now).await?;
    let current = rows.hold_remediation(remediation.id).await?;
    let same = current.is_some_and(|current| {
        is_pulled(&current) && current.decision_version == remediation.decision_version
    });
    if !same {
        tx.finish_job(lease, now).await?;
        tx.commit().await?;
        return Ok(());
    }
    let watch = Watch {
        remediation: remediation.id,
        campaign: remediation.campaign,
        decision_version: remediation.decision_version,
        began_at: now,
        until,
        // A search that took longer than the watch has looked late enough.
        next_round: schedule::next_round(now, until, now),
        scope: None,
        after: None,
        gap_at: None,
        swept_at: None,
        resurfaced: 0,
    };
    rows.keep_watch(&watch).await?;
    match watch.next_round {
        Some(next) => {
            let mut likely = rows.holders_of(watch.campaign).await?;
            let searched = rows.last_search(watch.campaign, SearchKind::Pull).await?;
            if let Some(searched) = searched {
                likely.extend(rows.likely_mailboxes(searched.id, LIKELY).await?);
            }
            rows.keep_likely(watch.remediation, &likely).await?;
            tx.repeat_job(lease, next).await?;
        }
        None => tx.finish_job(lease, now).await?,
    }
    tx.commit().await?;
    Ok(())
}
