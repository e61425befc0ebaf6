//! Reads the directory of every mail platform, page by page, once an hour. Each
//! platform for itself: one that is away holds up no other, and one whose list
//! is suddenly short loses nobody by it.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::case::job_error;
use crate::{
    app::App,
    domain::{Provider, Verdict},
    jobs::{self, JobError, Work},
    mailbox::{MailProvider, MailboxEntry, MailboxError},
    remediation,
    store::{PageRequest, Rows, StoreError, job::Lease, mailbox::NewMailbox},
    verdict,
};

/// How often the directory is read.
const EVERY: TimeDelta = TimeDelta::hours(1);
/// How soon a platform is asked again that refused for good: an administrator
/// may have acted.
const AFTER_REFUSAL: std::time::Duration = std::time::Duration::from_secs(300);
/// Pages of one platform after which a directory that never ends is given up.
const MOST_PAGES: usize = 10_000;
/// As many people may leave a small organisation within an hour.
const FEW: u64 = 5;
/// A list that stays short for so long is believed.
const BELIEVED_AFTER: TimeDelta = TimeDelta::days(7);

/// See the module.
pub struct Directory(pub Arc<App>);

#[async_trait]
impl Work for Directory {
    fn kind(&self) -> &'static str {
        jobs::DIRECTORY
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        let read_at = app.store.read(app.tenant).directory_readings().await?;
        let now = app.clock.now();
        // After a failure only those are read that are due.
        let is_due = |provider: Provider| {
            let read = read_at.get(&provider);
            lease.attempts == 0 || read.is_none_or(|at| *at <= now - EVERY)
        };
        let readings = app
            .mail
            .all()
            .filter(|provider| is_due(provider.provider()))
            .map(|provider| read(app, lease, provider));
        let mut failed = None;
        for outcome in futures::future::join_all(readings).await {
            if let Err(error) = outcome {
                failed = Some(sooner(failed, error));
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let now = app.clock.now();
        let tx = app.store.begin().await?;
        let rows = tx.of(app.tenant);
        let configured: Vec<Provider> = app.mail.all().map(|p| p.provider()).collect();
        let gone = rows.forget_mailboxes_but_of(&configured).await?;
        if gone > 0 {
            tracing::warn!(
                gone,
                "mailboxes of platforms that are no longer configured are forgotten"
            );
        }
        if app.store.directory_read_at(app.tenant).await?.is_none() {
            search_again(&rows, now).await?;
        }
        tx.mark_directory_read(app.tenant, now).await?;
        tx.repeat_job(lease, now + EVERY).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Reads one platform from end to end.
async fn read(app: &App, lease: &Lease, provider: &Arc<dyn MailProvider>) -> Result<(), JobError> {
    let platform = provider.provider();
    let began = app.clock.now();
    let before = app
        .store
        .read(app.tenant)
        .count_mailboxes_of(platform)
        .await?;
    let mut cursor: Option<String> = None;
    let mut seen = HashSet::new();
    loop {
        let page = provider
            .mailboxes(cursor.as_deref())
            .await
            .map_err(|e| failure(&e))?;
        let entries: Vec<NewMailbox> = page.mailboxes.into_iter().map(kept).collect();
        let now = app.clock.now();
        let tx = app.store.begin().await?;
        tx.hold(lease, app.lease_end(now)).await?;
        tx.of(app.tenant).keep_mailboxes(&entries, began).await?;
        tx.commit().await?;
        let Some(next) = page.next else { break };
        // A list that does not end is not a short list: nobody is forgotten.
        if !seen.insert(next.clone()) || seen.len() >= MOST_PAGES {
            let endless = MailboxError::Malformed("pages do not end".to_owned());
            return Err(failure(&endless));
        }
        cursor = Some(next);
    }
    let tx = app.store.begin().await?;
    tx.hold(lease, app.lease_end(app.clock.now())).await?;
    let rows = tx.of(app.tenant);
    forget(&rows, platform, before, began).await?;
    rows.mark_directory_reading(platform, app.clock.now())
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Forgets who is no longer in a platform's directory, unless more are missing
/// than leave within an hour: then the list is wrong, not the people gone.
async fn forget(
    rows: &Rows<'_>,
    platform: Provider,
    before: u64,
    began: DateTime<Utc>,
) -> Result<(), StoreError> {
    let missing = rows.count_mailboxes_unseen(platform, began).await?;
    let found = rows
        .count_mailboxes_of(platform)
        .await?
        .saturating_sub(missing);
    let plausible = missing * 20 <= before || missing <= FEW;
    if found > 0 && plausible {
        rows.forget_mailboxes_unseen(platform, began).await?;
    } else if missing > 0 {
        tracing::error!(
            %platform, found, missing,
            "the directory shrank by more than one in twenty; the old entries are kept for a week"
        );
        if found > 0 {
            rows.forget_mailboxes_unseen(platform, began - BELIEVED_AFTER)
                .await?;
        }
    }
    Ok(())
}

/// The directory is whole for the first time. What was searched while a platform
/// was missing from it is searched once more, so that no mailbox is left out
/// unnoticed.
async fn search_again(rows: &Rows<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut page = PageRequest::first(200);
    loop {
        let found = rows.remediations(&page).await?;
        for known in found.items {
            // Taken in the order of every decision: campaign, job, remediation.
            let Some(mut campaign) = rows.hold_campaign(known.campaign).await? else {
                continue;
            };
            if campaign.verdict != Verdict::Malicious {
                continue;
            }
            // A new version, so that a search under way gives up what it has.
            campaign.decision_version += 1;
            rows.save_campaign(&campaign).await?;
            remediation::search_again(rows, &campaign, known.id, now).await?;
        }
        let Some(next) = found.next else {
            return Ok(());
        };
        page.after = Some(next);
    }
}

/// A provider's error as this job's. It never parks: without it nobody new is
/// ever known.
fn failure(error: &MailboxError) -> JobError {
    match job_error(error) {
        JobError::Park(reason) => JobError::Retry {
            reason,
            after: Some(AFTER_REFUSAL),
            counts: true,
        },
        JobError::Retry { reason, after, .. } => JobError::Retry {
            reason,
            after,
            counts: true,
        },
        other => other,
    }
}

/// Of two failures the one that is tried again sooner; the database's comes first.
fn sooner(known: Option<JobError>, new: JobError) -> JobError {
    let rank = |error: &JobError| match error {
        JobError::Store(_) => (0, None),
        JobError::Outage(_) | JobError::Retry { after: None, .. } => (1, None),
        JobError::Retry { after, .. } => (2, *after),
        JobError::Park(_) => (3, None),
    };
    match known {
        Some(known) if rank(&known) <= rank(&new) => known,
        _ => new,
    }
}

fn kept(entry: MailboxEntry) -> NewMailbox {
    NewMailbox {
        mailbox: entry.mailbox,
        aliases: entry.aliases,
        name_key: entry
            .display_name
            .as_deref()
            .and_then(verdict::name_key_of_directory),
        display_name: entry.display_name,
        subject: entry.subject,
        department: entry.department,
    }
}
