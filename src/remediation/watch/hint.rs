//! What a platform's verified notification leads to: a mailbox is owed a look, a
//! subscription is seen to, or a gap is noted. Nothing in it is kept but how far
//! notifications were heard, so that one that is sent again is no news.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    app::App,
    domain::{Provider, RemediationId},
    jobs,
    store::{StoreError, subscription::Subscription},
};

/// How long a mailbox is left to come to rest before it is looked into: many
/// notifications are one look.
const DEBOUNCE: TimeDelta = TimeDelta::seconds(10);

/// What a platform says of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something changed in the mailbox. The mark tells this notification from
    /// others: Gmail's history id, or a text of what it is about.
    Changed(Option<String>),
    /// The subscription must be renewed; it ends then, where that is said.
    Renew(Option<DateTime<Utc>>),
    /// The platform has ended the subscription.
    Removed,
    /// Notifications were lost.
    Missed,
}

/// A verified notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The platform.
    pub provider: Provider,
    /// The mailbox's key.
    pub mailbox: String,
    /// The subscription it names, where the platform names one (Graph).
    pub subscription: Option<String>,
    /// What it says.
    pub news: News,
}

/// Takes verified notifications; gives how many were news. What is no news writes
/// nothing.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn take(app: &App, hints: &[Hint]) -> Result<usize, StoreError> {
    let mut news = 0;
    for hint in hints {
        news += usize::from(one(app, hint).await?);
    }
    Ok(news)
}

async fn one(app: &App, hint: &Hint) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let rows = app.store.read(app.tenant);
    let Some(subscription) = rows.subscription(hint.provider, &hint.mailbox).await? else {
        return Ok(false);
    };
    if hint
        .subscription
        .as_ref()
        .is_some_and(|id| *id != subscription.remote_id)
    {
        // Of one that another has replaced since.
        return Ok(false);
    }
    let watches = rows
        .watches_of_mailbox(hint.provider, &hint.mailbox)
        .await?;
    match &hint.news {
        News::Changed(mark) => {
            if mark.as_deref().is_some_and(|m| is_old(&subscription, m)) {
                return Ok(false);
            }
            let waiting: Vec<RemediationId> = watches
                .iter()
                .filter(|(_, due)| due.is_none_or(|due| due <= now))
                .map(|(id, _)| *id)
                .collect();
            if waiting.is_empty() {
                return Ok(false);
            }
            changed(app, hint, &waiting, mark.as_deref(), now).await?;
        }
        News::Renew(end) => {
            // One that speaks of an end that was put off since is an old one.
            let renewed = end.is_some_and(|end| end < subscription.expires_at);
            if renewed || subscription.due_at <= now {
                return Ok(false);
            }
            seen_to(app, hint, false, &[], now).await?;
        }
        News::Removed => {
            let ids: Vec<RemediationId> = watches.iter().map(|(id, _)| *id).collect();
            seen_to(app, hint, true, &ids, now).await?;
        }
        News::Missed => {
            let mut unaware = Vec::new();
            for (id, _) in &watches {
                let watch = rows.watch(*id).await?;
                if watch.is_some_and(|watch| watch.gap_at.is_none()) {
                    unaware.push(*id);
                }
            }
            if unaware.is_empty() {
                return Ok(false);
            }
            gap(app, &unaware, now).await?;
        }
    }
    Ok(true)
}

/// Whether a mark was heard before: the same, or an earlier history id.
fn is_old(subscription: &Subscription, mark: &str) -> bool {
    let Some(known) = subscription.mark.as_deref() else {
        return false;
    };
    match (known.parse::<u64>(), mark.parse::<u64>()) {
        (Ok(known), Ok(mark)) => mark <= known,
        _ => mark == known,
    }
}

/// Owes the mailbox a look in each watch. The jobs before the mailboxes, in the
/// order in which the watches take them.
async fn changed(
    app: &App,
    hint: &Hint,
    watches: &[RemediationId],
    mark: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let due = now + DEBOUNCE;
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let looks = watches.iter().map(|id| jobs::watch(*id, due)).collect();
    rows.enqueue(looks, now).await?;
    rows.owe_soon(watches, hint.provider, &hint.mailbox, now, due)
        .await?;
    if let Some(mark) = mark {
        rows.mark_subscription(hint.provider, &hint.mailbox, mark)
            .await?;
    }
    tx.commit().await
}

/// Has the subscription renewed or, when it is lost, made anew, with a gap between.
async fn seen_to(
    app: &App,
    hint: &Hint,
    lost: bool,
    watches: &[RemediationId],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let mut next: Vec<_> = watches
        .iter()
        .map(|id| jobs::watch(*id, now + DEBOUNCE))
        .collect();
    next.push(jobs::subscribe(app.tenant, now));
    rows.enqueue(next, now).await?;
    rows.note_gap(watches, now).await?;
    rows.hurry_subscription(hint.provider, &hint.mailbox, lost, now)
        .await?;
    tx.commit().await
}

async fn gap(app: &App, watches: &[RemediationId], now: DateTime<Utc>) -> Result<(), StoreError> {
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let looks = watches
        .iter()
        .map(|id| jobs::watch(*id, now + DEBOUNCE))
        .collect();
    rows.enqueue(looks, now).await?;
    rows.note_gap(watches, now).await?;
    tx.commit().await
}
