//! Sends one letter: the attempt is durable before it begins, and an attempt
//! whose outcome is unknown is given time to arrive and looked up before it is
//! repeated.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::case::job_error;
use crate::{
    app::App,
    config::notify::Way,
    domain::{LetterId, MailboxRef, MessageQuery, Observed, subject_of},
    jobs::{self, JobError, Work},
    mailbox::{MailProvider, MailboxError},
    notify::{self, NotifyError},
    store::{
        Rows, StoreError,
        event::Event,
        job::Lease,
        letter::{Letter, LetterState},
    },
};

/// The longest a letter that may be under way is waited for.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(4);
/// How often it is looked for meanwhile.
const LOOK_EVERY: TimeDelta = TimeDelta::minutes(1);
/// How long after it was decided a letter that never shows up is sent again;
/// after that it is left to people.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::days(1);

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
            if app.store.directory_read_at(app.tenant).await?.is_none() {
                return Err(wait("the directory has not been read yet", LOOK_EVERY));
            }
            // Only the directory says where a letter may go.
            letter.state = LetterState::Dropped;
            return end(app, lease, letter).await;
        };
        let provider = app.mail.of(&mailbox).cloned();
        if letter.state == LetterState::Sending && letter.via.as_deref() != Some(FILE) {
            look_up(app, provider.as_ref(), &mailbox, &mut letter).await?;
        }
        if matches!(letter.state, LetterState::Sent | LetterState::Dropped) {
            return end(app, lease, letter).await;
        }
        if !begin(app, lease, &mut letter, &mailbox).await? {
            return Ok(());
        }
        match send(app, provider.as_ref(), &mailbox, &letter).await {
            Ok(()) => {
                letter.state = LetterState::Sent;
                end(app, lease, letter).await
            }
            Err(Failure::NotSent(error)) => {
                letter.state = LetterState::Queued;
                letter.attempted_at = None;
                let tx = app.store.begin().await?;
                tx.hold(lease, app.lease_end(app.clock.now())).await?;
                tx.of(app.tenant).save_letter(&letter).await?;
                tx.commit().await?;
                Err(error)
            }
            Err(Failure::Unknown(reason)) => {
                Err(wait(&reason, patience(app, &letter).min(LOOK_EVERY)))
            }
        }
    }
}

fn wait(reason: &str, time: TimeDelta) -> JobError {
    JobError::Retry {
        reason: reason.to_owned(),
        after: time.to_std().ok(),
        counts: false,
    }
}

/// How long a letter is given to arrive after its last attempt.
fn patience(app: &App, letter: &Letter) -> TimeDelta {
    let first = TimeDelta::seconds(i64::from(app.config.notify.resend_after_seconds));
    let doublings = letter.attempts.saturating_sub(1).clamp(0, 20);
    (first * (1 << doublings)).min(LONGEST_WAIT.max(first))
}

/// Finds out what became of an attempt: [`LetterState::Sent`] when it arrived.
/// Mail that is still under way cannot be found, so it is given time before the
/// next attempt.
async fn look_up(
    app: &App,
    provider: Option<&Arc<dyn MailProvider>>,
    mailbox: &MailboxRef,
    letter: &mut Letter,
) -> Result<(), JobError> {
    if let Some(provider) = provider
        && arrived(provider, mailbox, letter).await?
    {
        letter.state = LetterState::Sent;
        return Ok(());
    }
    let now = app.clock.now();
    let attempted = letter.attempted_at.unwrap_or(letter.created_at);
    let left = attempted + patience(app, letter) - now;
    if left > TimeDelta::zero() {
        return Err(wait(
            "it may be under way; it is given time to arrive",
            left.min(LOOK_EVERY),
        ));
    }
    if now - letter.created_at > GIVE_UP_AFTER {
        return Err(JobError::Park(
            "it was sent several times without an answer, and cannot be found".into(),
        ));
    }
    Ok(())
}

/// Makes the attempt durable. `false` when there is none: the verdict is no
/// longer what the letter says, and the job ended with that.
async fn begin(
    app: &App,
    lease: &Lease,
    letter: &mut Letter,
    mailbox: &MailboxRef,
) -> Result<bool, JobError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    tx.hold(lease, app.lease_end(app.clock.now())).await?;
    let rows = tx.of(app.tenant);
    if !still_true(&rows, letter).await? {
        letter.state = LetterState::Superseded;
        rows.save_letter(letter).await?;
        let why = serde_json::json!({ "reason": "the verdict changed before it went out" });
        rows.record(vec![line("letter_dropped", letter, now, why)])
            .await?;
        tx.finish_job(lease, now).await?;
        tx.commit().await?;
        return Ok(false);
    }
    letter.state = LetterState::Sending;
    letter.attempts = letter.attempts.saturating_add(1);
    letter.attempted_at = Some(now);
    letter.address = Some(mailbox.address.clone());
    letter.via = Some(name_of(way_for(app, mailbox)).to_owned());
    rows.save_letter(letter).await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether the verdict in force is the one that the letter tells.
async fn still_true(rows: &Rows<'_>, letter: &Letter) -> Result<bool, StoreError> {
    let submission = rows.submission(letter.submission).await?;
    Ok(submission.is_some_and(|s| s.verdict == Some(letter.outcome)))
}

fn way_for(app: &App, mailbox: &MailboxRef) -> Way {
    let inserts = app
        .mail
        .of(mailbox)
        .is_some_and(|p| p.capabilities().inserts);
    app.notifier.way_to(mailbox.provider, inserts)
}

/// A file is named by its letter: a second attempt replaces the first.
const FILE: &str = "file";

const fn name_of(way: Way) -> &'static str {
    match way {
        Way::Insert => "mailbox",
        Way::Smtp => "smtp",
        Way::File => FILE,
    }
}

/// Why an attempt did not end well.
enum Failure {
    /// It did not go out.
    NotSent(JobError),
    /// It may have gone out.
    Unknown(String),
}

async fn send(
    app: &App,
    provider: Option<&Arc<dyn MailProvider>>,
    mailbox: &MailboxRef,
    letter: &Letter,
) -> Result<(), Failure> {
    let rows = app.store.read(app.tenant);
    let submission = rows
        .submission(letter.submission)
        .await
        .map_err(|e| Failure::NotSent(JobError::Store(e)))?;
    let subject = submission.and_then(|s| s.subject);
    let copies = rows
        .pulls_of_submission(letter.submission)
        .await
        .map_err(|e| Failure::NotSent(JobError::Store(e)))?;
    let held = copies.iter().any(|copy| copy.observed == Observed::Pulled);
    let (name, reference) = (letter.id.to_string(), letter.report.to_string());
    let text = notify::Letter {
        name: &name,
        message_id: &letter.message_id,
        outcome: letter.outcome,
        held,
        reference: &reference,
        reported_subject: subject.as_deref(),
    };
    let raw = app
        .notifier
        .compose(&text, &mailbox.address, app.clock.now())
        .map_err(|error| Failure::NotSent(JobError::Park(error.to_string())))?;
    match (way_for(app, mailbox), provider) {
        (Way::Insert, Some(provider)) => match provider.insert(mailbox, &raw).await {
            Ok(_) => Ok(()),
            Err(error @ (MailboxError::OutcomeUnknown(_) | MailboxError::Malformed(_))) => {
                Err(Failure::Unknown(error.to_string()))
            }
            Err(error) => Err(Failure::NotSent(job_error(&error))),
        },
        (way, _) => {
            let sent = app
                .notifier
                .deliver(way, &mailbox.address, &raw, &text)
                .await;
            sent.map_err(failure)
        }
    }
}

fn failure(error: NotifyError) -> Failure {
    let reason = error.to_string();
    Failure::NotSent(match error {
        NotifyError::Unknown(_) => return Failure::Unknown(reason),
        NotifyError::Refused(_) | NotifyError::NoChannel => JobError::Park(reason),
        NotifyError::NotYet(_) | NotifyError::File(_) => JobError::Outage(reason),
        NotifyError::Compose(_) => JobError::Retry {
            reason,
            after: None,
            counts: true,
        },
    })
}

/// Whether an earlier attempt did arrive, by the letter's own Message-ID.
async fn arrived(
    provider: &Arc<dyn MailProvider>,
    mailbox: &MailboxRef,
    letter: &Letter,
) -> Result<bool, JobError> {
    let since = letter.created_at - TimeDelta::hours(1);
    let query = MessageQuery::by_ids([letter.message_id.as_str()], since);
    let mailboxes = [mailbox.clone()];
    match provider.search(&mailboxes, &query).await.into_iter().next() {
        Some(Ok(found)) => Ok(!found.seen.is_empty()),
        Some(Err(error)) => Err(job_error(&error)),
        None => Ok(false),
    }
}

/// A line of the timeline about a letter.
fn line(
    kind: &'static str,
    letter: &Letter,
    now: DateTime<Utc>,
    mut detail: serde_json::Value,
) -> Event {
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("letter".to_owned(), serde_json::json!(letter.id));
        detail.insert("report".to_owned(), serde_json::json!(letter.report));
        detail.insert("via".to_owned(), serde_json::json!(letter.via));
    }
    Event::new(kind, now).on(letter.submission).with(detail)
}

/// Records the end.
async fn end(app: &App, lease: &Lease, mut letter: Letter) -> Result<(), JobError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let sent = letter.state == LetterState::Sent;
    if sent {
        letter.sent_at = Some(now);
    }
    rows.save_letter(&letter).await?;
    let kind = if sent { "thanked" } else { "letter_dropped" };
    rows.record(vec![line(kind, &letter, now, serde_json::json!({}))])
        .await?;
    tx.finish_job(lease, now).await?;
    tx.commit().await?;
    Ok(())
}
