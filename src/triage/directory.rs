//! Reads the directory of every mail platform, page by page, once an hour.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::case::job_error;
use crate::{
    app::App,
    jobs::{self, JobError, Work},
    mailbox::MailboxEntry,
    store::{job::Lease, mailbox::NewMailbox},
};

/// How often the directory is read.
const EVERY: TimeDelta = TimeDelta::hours(1);
/// Pages of one platform after which a directory that never ends is given up.
const MOST_PAGES: usize = 10_000;

/// See the module.
pub struct Directory(pub Arc<App>);

#[async_trait]
impl Work for Directory {
    fn kind(&self) -> &'static str {
        jobs::DIRECTORY
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        let began = app.clock.now();
        let before = app.store.read(app.tenant).count_mailboxes().await?;
        let mut found = 0_u64;
        for provider in app.mail.all() {
            let mut cursor: Option<String> = None;
            for _ in 0..MOST_PAGES {
                let page = provider
                    .mailboxes(cursor.as_deref())
                    .await
                    .map_err(|e| job_error(&e))?;
                found += page.mailboxes.len() as u64;
                let entries: Vec<NewMailbox> = page.mailboxes.into_iter().map(kept).collect();
                let now = app.clock.now();
                let tx = app.store.begin().await?;
                tx.hold(lease, app.lease_end(now)).await?;
                tx.of(app.tenant).keep_mailboxes(&entries, began).await?;
                tx.commit().await?;
                // A continuation that repeats itself would never end.
                if page.next.is_none() || page.next == cursor {
                    break;
                }
                cursor = page.next;
            }
        }
        let now = app.clock.now();
        let tx = app.store.begin().await?;
        if found * 2 >= before {
            tx.of(app.tenant)
                .forget_mailboxes_unseen_since(began)
                .await?;
        } else {
            // Half the people do not leave within an hour: keep the old list.
            tracing::error!(
                found,
                before,
                "the directory shrank by more than half; the old entries are kept"
            );
        }
        tx.mark_directory_read(app.tenant, now).await?;
        tx.repeat_job(lease, now + EVERY).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn kept(entry: MailboxEntry) -> NewMailbox {
    NewMailbox {
        mailbox: entry.mailbox,
        aliases: entry.aliases,
        display_name: entry.display_name,
        subject: entry.subject,
    }
}
