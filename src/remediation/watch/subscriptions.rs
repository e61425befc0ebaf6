//! Keeps subscriptions to change notifications for the likely mailboxes of what is
//! watched: reads what is wanted and what there is, takes some steps, records them.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};

use crate::{
    app::App,
    domain::{MailboxRef, Provider, RemediationId},
    jobs::{self, JobError, Work},
    mailbox::{Disposition, MailboxError, feed::Subscribed},
    store::{
        Rows, StoreError,
        job::Lease,
        subscription::{Subscription, SubscriptionState},
    },
};

/// Mailboxes of one platform that are subscribed to at most.
const MOST: u64 = 500;
/// Steps in one run.
const AT_ONCE: usize = 20;
/// Calls side by side, below the governor.
const WIDTH: usize = 4;
/// The pause after a refusal for good.
const AFTER_REFUSAL: TimeDelta = TimeDelta::hours(6);
/// The pause after no answer, or a shorter wait that was asked for.
const AFTER_SILENCE: TimeDelta = TimeDelta::minutes(5);

/// See the module.
pub struct Subscribing(pub Arc<App>);

/// What is to be done for one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Ask for notifications; `true` when some were missed since the last ones.
    Create(MailboxRef, bool),
    /// Keep them coming.
    Renew(Subscription),
    /// Nobody needs them.
    Remove(Subscription),
}

type Key = (Provider, String);

fn key_of(mailbox: &MailboxRef) -> Key {
    (mailbox.provider, mailbox.key().to_owned())
}

/// What brings the subscriptions there are to those that are wanted.
fn plan(
    wanted: &BTreeMap<Key, MailboxRef>,
    known: &[Subscription],
    now: DateTime<Utc>,
) -> Vec<Step> {
    let mut open = wanted.clone();
    let mut steps = Vec::new();
    for one in known {
        if open.remove(&key_of(&one.mailbox)).is_none() {
            // One that could not be given up is tried again when that is due.
            let waits = one.state == SubscriptionState::Active && one.last_error.is_some();
            if !waits || one.due_at <= now {
                steps.push(Step::Remove(one.clone()));
            }
            continue;
        }
        let active = one.state == SubscriptionState::Active;
        let expired = active && one.expires_at <= now;
        if expired {
            steps.push(Step::Create(one.mailbox.clone(), true));
        } else if one.due_at <= now && active {
            steps.push(Step::Renew(one.clone()));
        } else if one.due_at <= now {
            steps.push(Step::Create(one.mailbox.clone(), false));
        }
    }
    steps.extend(
        open.into_values()
            .map(|mailbox| Step::Create(mailbox, false)),
    );
    steps
}

#[async_trait]
impl Work for Subscribing {
    fn kind(&self) -> &'static str {
        jobs::SUBSCRIBE
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        let now = app.clock.now();
        let rows = app.store.read(app.tenant);
        let mut wanted = BTreeMap::new();
        for feed in app.mail.feeds() {
            for mailbox in rows.mailboxes_watched(feed.provider(), MOST).await? {
                wanted.insert(key_of(&mailbox), mailbox);
            }
        }
        let known = rows.subscriptions().await?;
        let mut steps = plan(&wanted, &known, now);
        if steps.is_empty() {
            let next = known.iter().map(|one| one.due_at.min(one.expires_at)).min();
            let tx = app.store.begin().await?;
            tx.hold(lease, app.lease_end(now)).await?;
            match next {
                Some(next) => tx.repeat_job(lease, next.max(now)).await?,
                None => tx.finish_job(lease, now).await?,
            }
            tx.commit().await?;
            return Ok(());
        }
        steps.truncate(AT_ONCE);
        // Until the provider has answered the job stays this worker's.
        let tx = app.store.begin().await?;
        tx.hold(lease, app.lease_end(now)).await?;
        tx.commit().await?;
        let done: Vec<Done> = futures::stream::iter(steps)
            .map(|step| carry_out(app, step))
            .buffer_unordered(WIDTH)
            .collect()
            .await;
        record(app, lease, done).await
    }
}

/// How a step ended.
struct Done {
    mailbox: MailboxRef,
    /// What there is now; `None` when it is to be forgotten.
    kept: Option<Subscription>,
    /// Notifications may have been missed.
    gap: bool,
}

/// A random text of 128 bits that every notification must name.
fn secret() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

async fn carry_out(app: &App, step: Step) -> Done {
    match step {
        Step::Create(mailbox, gap) => create(app, mailbox, gap).await,
        Step::Renew(known) => renew(app, known).await,
        Step::Remove(known) => remove(app, known).await,
    }
}

async fn create(app: &App, mailbox: MailboxRef, gap: bool) -> Done {
    let secret = secret();
    let answer = match app.mail.feed_of(&mailbox) {
        Some(feed) => feed.subscribe(&mailbox, &secret).await,
        None => Err(MailboxError::NoMailbox("not configured".to_owned())),
    };
    let kept = match answer {
        Ok(made) => active(mailbox.clone(), made, digest(&secret), app.clock.now()),
        Err(error) => Subscription {
            mailbox: mailbox.clone(),
            remote_id: String::new(),
            client_state_sha256: String::new(),
            state: SubscriptionState::Refused,
            mark: None,
            expires_at: DateTime::<Utc>::MAX_UTC,
            due_at: app.clock.now() + pause(&error),
            last_error: Some(error.to_string()),
        },
    };
    Done {
        mailbox,
        kept: Some(kept),
        gap,
    }
}

async fn renew(app: &App, known: Subscription) -> Done {
    let mailbox = known.mailbox.clone();
    let answer = match app.mail.feed_of(&mailbox) {
        Some(feed) => {
            feed.renew(&mailbox, &known.remote_id, known.mark.as_deref())
                .await
        }
        None => Err(MailboxError::NoMailbox("not configured".to_owned())),
    };
    let now = app.clock.now();
    let (kept, gap) = match answer {
        Ok(made) => {
            let gap = made.gap;
            (
                active(mailbox.clone(), made, known.client_state_sha256, now),
                gap,
            )
        }
        // Ended without a word: it is made anew in the next run.
        Err(MailboxError::Gone) => (
            Subscription {
                state: SubscriptionState::Lost,
                due_at: now,
                ..known
            },
            true,
        ),
        Err(error) => (
            Subscription {
                due_at: now + pause(&error),
                last_error: Some(error.to_string()),
                ..known
            },
            false,
        ),
    };
    Done {
        mailbox,
        kept: Some(kept),
        gap,
    }
}

async fn remove(app: &App, known: Subscription) -> Done {
    let mailbox = known.mailbox.clone();
    let made = known.state == SubscriptionState::Active;
    let answer = match app.mail.feed_of(&mailbox).filter(|_| made) {
        Some(feed) => feed.unsubscribe(&mailbox, &known.remote_id).await,
        None => Ok(()),
    };
    let now = app.clock.now();
    let kept = match answer {
        Err(error) if retries(&error) && known.expires_at > now => Some(Subscription {
            // It ends by itself in the worst case.
            due_at: now + pause(&error),
            last_error: Some(error.to_string()),
            ..known
        }),
        _ => None,
    };
    Done {
        mailbox,
        kept,
        gap: false,
    }
}

const fn retries(error: &MailboxError) -> bool {
    matches!(error.disposition(), Disposition::Retry(_))
}

fn pause(error: &MailboxError) -> TimeDelta {
    match error.disposition() {
        Disposition::Retry(wait) => wait
            .and_then(|wait| TimeDelta::from_std(wait).ok())
            .map_or(AFTER_SILENCE, |wait| wait.min(TimeDelta::days(1))),
        Disposition::NeedsAdmin => AFTER_SILENCE,
        Disposition::Settle | Disposition::GiveUp => AFTER_REFUSAL,
    }
}

/// A subscription that was just made or renewed: due before half of its life is over.
fn active(
    mailbox: MailboxRef,
    made: Subscribed,
    client_state_sha256: String,
    now: DateTime<Utc>,
) -> Subscription {
    let half = (made.expires - now) / 2;
    Subscription {
        mailbox,
        remote_id: made.id,
        client_state_sha256,
        state: SubscriptionState::Active,
        mark: made.mark,
        expires_at: made.expires,
        due_at: now + half.max(TimeDelta::minutes(1)),
        last_error: None,
    }
}

async fn record(app: &App, lease: &Lease, done: Vec<Done>) -> Result<(), JobError> {
    let now = app.clock.now();
    let rows = app.store.read(app.tenant);
    let mut unsure: Vec<RemediationId> = Vec::new();
    for one in done.iter().filter(|one| one.gap) {
        let (provider, key) = key_of(&one.mailbox);
        for (id, _) in rows.watches_of_mailbox(provider, &key).await? {
            if !unsure.contains(&id) {
                unsure.push(id);
            }
        }
    }
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    // The watches' jobs before this one, as a watch takes them.
    let looks = unsure.iter().map(|id| jobs::watch(*id, now)).collect();
    rows.enqueue(looks, now).await?;
    tx.hold(lease, app.lease_end(now)).await?;
    rows.note_gap(&unsure, now).await?;
    for one in &done {
        keep(&rows, one).await?;
    }
    tx.repeat_job(lease, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn keep(rows: &Rows<'_>, done: &Done) -> Result<(), StoreError> {
    match &done.kept {
        Some(kept) => rows.keep_subscription(kept).await,
        None => rows.forget_subscription(&done.mailbox).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(key: &str) -> MailboxRef {
        let address = format!("{key}@x.example").parse().expect("address");
        MailboxRef::new(Provider::Graph, key, address).expect("mailbox")
    }

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn known(key: &str, state: SubscriptionState, due: i64, end: i64) -> Subscription {
        Subscription {
            mailbox: mailbox(key),
            remote_id: "r".to_owned(),
            client_state_sha256: String::new(),
            state,
            mark: None,
            expires_at: at(end),
            due_at: at(due),
            last_error: None,
        }
    }

    #[test]
    fn what_is_wanted_is_made_kept_made_anew_and_given_up() {
        use SubscriptionState as S;
        let wanted: BTreeMap<Key, MailboxRef> = ["new", "fine", "due", "dead", "lost", "no"]
            .into_iter()
            .map(|key| (key_of(&mailbox(key)), mailbox(key)))
            .collect();
        let there = [
            known("fine", S::Active, 200, 300),
            known("due", S::Active, 100, 300),
            known("dead", S::Active, 50, 100),
            known("lost", S::Lost, 100, 300),
            known("no", S::Refused, 200, 300),
            known("old", S::Active, 200, 300),
        ];
        let steps = plan(&wanted, &there, at(100));
        assert_eq!(
            steps,
            [
                Step::Renew(there[1].clone()),
                Step::Create(mailbox("dead"), true),
                Step::Create(mailbox("lost"), false),
                Step::Remove(there[5].clone()),
                Step::Create(mailbox("new"), false),
            ]
        );
    }

    #[test]
    fn it_is_renewed_before_half_of_its_life_is_over() {
        let made = Subscribed {
            id: "r".to_owned(),
            expires: at(4_320),
            mark: None,
            gap: false,
        };
        let kept = active(mailbox("a"), made, String::new(), at(0));
        assert_eq!(kept.due_at, at(2_160));
        assert_ne!(secret(), secret());
        assert_eq!(secret().len(), 32, "128 bits");
    }
}
