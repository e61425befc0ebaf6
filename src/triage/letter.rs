//! Sends one letter: the attempt is durable before it begins, and an attempt
//! whose outcome is unknown is looked up before it is repeated.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::case::{job_error, subject_of};
use crate::{
    app::App,
    config::notify::Way,
    domain::{LetterId, MailboxRef, MessageQuery, ReportStatus},
    jobs::{self, JobError, Work},
    mailbox::MailProvider,
    notify::{self, NotifyError},
    store::{
        event::Event,
        job::Lease,
        letter::{Letter, LetterState},
    },
};

/// See the module.
pub struct Letters(pub Arc<App>);

#[async_trait]
impl Work for Letters {
    fn kind(&self) -> &'static str {
        jobs::LETTER
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        let id: LetterId = lease
            .target
            .parse()
            .map_err(|_| JobError::Park("its target is no letter".into()))?;
        let rows = app.store.read(app.tenant);
        let mut letter = rows
            .letter(id)
            .await?
            .ok_or_else(|| JobError::Park("its letter is not there".into()))?;
        let mailbox = rows
            .mailbox_by_subject(subject_of(&letter.reporter))
            .await?;
        let Some(mailbox) = mailbox else {
            // Only the directory says where a letter may go.
            letter.state = LetterState::Dropped;
            return end(app, lease, letter).await;
        };
        let provider = app.mail.of(&mailbox).cloned();
        if letter.state == LetterState::Sending
            && let Some(provider) = &provider
            && arrived(provider, &mailbox, &letter).await?
        {
            letter.state = LetterState::Sent;
        }
        if matches!(letter.state, LetterState::Sent | LetterState::Dropped) {
            return end(app, lease, letter).await;
        }
        begin(app, lease, &mut letter, &mailbox).await?;
        send(app, provider.as_ref(), &mailbox, &mut letter).await?;
        end(app, lease, letter).await
    }
}

/// Makes the attempt durable.
async fn begin(
    app: &App,
    lease: &Lease,
    letter: &mut Letter,
    mailbox: &MailboxRef,
) -> Result<(), JobError> {
    letter.state = LetterState::Sending;
    letter.attempts = letter.attempts.saturating_add(1);
    letter.address = Some(mailbox.address.clone());
    letter.via = Some(name_of(way_for(app, mailbox)).to_owned());
    let tx = app.store.begin().await?;
    tx.hold(lease, app.lease_end(app.clock.now())).await?;
    tx.of(app.tenant).save_letter(letter).await?;
    tx.commit().await?;
    Ok(())
}

fn way_for(app: &App, mailbox: &MailboxRef) -> Way {
    let inserts = app
        .mail
        .of(mailbox)
        .is_some_and(|p| p.capabilities().inserts);
    app.notifier.way_to(mailbox.provider, inserts)
}

const fn name_of(way: Way) -> &'static str {
    match way {
        Way::Insert => "mailbox",
        Way::Smtp => "smtp",
        Way::File => "file",
    }
}

async fn send(
    app: &App,
    provider: Option<&Arc<dyn MailProvider>>,
    mailbox: &MailboxRef,
    letter: &mut Letter,
) -> Result<(), JobError> {
    let submission = app
        .store
        .read(app.tenant)
        .submission(letter.submission)
        .await?;
    let subject = submission.and_then(|s| s.subject);
    let (name, reference) = (letter.id.to_string(), letter.report.to_string());
    let text = notify::Letter {
        name: &name,
        message_id: &letter.message_id,
        outcome: letter.outcome,
        reference: &reference,
        reported_subject: subject.as_deref(),
    };
    let raw = app
        .notifier
        .compose(&text, &mailbox.address, app.clock.now())
        .map_err(|error| JobError::Park(error.to_string()))?;
    match (way_for(app, mailbox), provider) {
        (Way::Insert, Some(provider)) => {
            provider
                .insert(mailbox, &raw)
                .await
                .map_err(|e| job_error(&e))?;
        }
        (way, _) => {
            let sent = app
                .notifier
                .deliver(way, &mailbox.address, &raw, &text)
                .await;
            sent.map_err(|error| match error {
                NotifyError::Refused(_) | NotifyError::NoChannel => {
                    JobError::Park(error.to_string())
                }
                NotifyError::NotYet(_) | NotifyError::File(_) => {
                    JobError::Outage(error.to_string())
                }
                NotifyError::Compose(_) => JobError::Retry {
                    reason: error.to_string(),
                    after: None,
                    counts: true,
                },
            })?;
        }
    }
    letter.state = LetterState::Sent;
    Ok(())
}

/// Whether an earlier attempt did arrive, by the letter's own Message-ID.
async fn arrived(
    provider: &Arc<dyn MailProvider>,
    mailbox: &MailboxRef,
    letter: &Letter,
) -> Result<bool, JobError> {
    let query = MessageQuery {
        message_ids: vec![letter.message_id.clone()],
        phrases: Vec::new(),
        after: letter.created_at - TimeDelta::hours(1),
        sent_only: false,
    };
    let mailboxes = [mailbox.clone()];
    match provider.search(&mailboxes, &query).await.into_iter().next() {
        Some(Ok(hits)) => Ok(!hits.is_empty()),
        Some(Err(error)) => Err(job_error(&error)),
        None => Ok(false),
    }
}

/// Records the end together with the report's status.
async fn end(app: &App, lease: &Lease, mut letter: Letter) -> Result<(), JobError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    if letter.state == LetterState::Sent {
        letter.sent_at = Some(now);
    }
    rows.save_letter(&letter).await?;
    let status = if letter.outcome.needs_review() {
        ReportStatus::InReview
    } else {
        ReportStatus::Closed
    };
    rows.set_report_status(letter.submission, status, Some(letter.outcome))
        .await?;
    let kind = if letter.state == LetterState::Sent {
        "thanked"
    } else {
        "letter_dropped"
    };
    let event = Event::new(kind, now)
        .on(letter.submission)
        .with(serde_json::json!({
            "letter": letter.id,
            "report": letter.report,
            "via": letter.via,
        }));
    rows.record(vec![event]).await?;
    tx.finish_job(lease, now).await?;
    tx.commit().await?;
    Ok(())
}
