//! One wave of provider searches over many mailboxes, with the mailboxes that
//! gave no answer named.

use std::time::Duration;

use futures::StreamExt as _;

use crate::{
    app::{App, Readers},
    domain::{Cause, MailboxRef, MessageQuery, Provider},
    mailbox::{self, Counts, Disposition, Found, MailReader as _, MailboxError, Seen},
};

/// Messages of one mailbox that are looked at; one with more is named.
const CANDIDATES: usize = 1_000;
/// The pause after a credential was refused: a person has to act.
const AFTER_REFUSAL: Duration = Duration::from_secs(300);

/// A mailbox that gave no answer.
#[derive(Debug, Clone)]
pub struct Missed {
    /// The mailbox.
    pub mailbox: MailboxRef,
    /// Whether it may answer another time.
    pub again: bool,
    /// How long its platform asked to wait for it.
    pub wait: Option<Duration>,
    /// Why, in plain words.
    pub reason: String,
    /// Why, in one word.
    pub cause: Cause,
}

/// What a wave found.
#[derive(Debug, Default)]
pub struct Wave {
    /// Messages that match the query, to be verified before any move.
    pub hits: Vec<Seen>,
    /// Mailboxes that answered.
    pub searched: Vec<MailboxRef>,
    /// Of these, mailboxes that hold more candidates than are looked at.
    pub truncated: Vec<MailboxRef>,
    /// Mailboxes that did not.
    pub missed: Vec<Missed>,
    /// The longest wait that a provider asked for.
    pub wait: Option<Duration>,
    /// Set when a credential was refused: an administrator must act.
    pub refused: Option<String>,
    /// Calls made.
    pub counts: Counts,
}

/// Searches the mailboxes, each once; the platforms side by side, each with as much at
/// once as is set for it.
pub async fn search(app: &App, mailboxes: &[MailboxRef], query: &MessageQuery) -> Wave {
    let readers = app.mail.readers();
    let of = |platform| on(&readers, app, platform, mailboxes, query);
    let asked = futures::future::join(of(Provider::Graph), of(Provider::Gmail));
    let ((graph, gmail), counts) = mailbox::counted(asked).await;
    let mut wave = Wave {
        counts,
        ..Wave::default()
    };
    for (mailbox, answer) in graph.into_iter().chain(gmail) {
        wave.take(mailbox, answer);
    }
    wave
}

/// Searches those of one platform.
async fn on(
    readers: &Readers,
    app: &App,
    platform: Provider,
    mailboxes: &[MailboxRef],
    query: &MessageQuery,
) -> Vec<(MailboxRef, Result<Found, MailboxError>)> {
    let ours: Vec<&MailboxRef> = mailboxes
        .iter()
        .filter(|m| m.provider == platform)
        .collect();
    let Some(first) = ours.first() else {
        return Vec::new();
    };
    let (together, width) = readers.of(first).map_or((20, 20), |p| {
        let can = p.capabilities();
        (can.search_together.max(1), can.search_width.max(1))
    });
    let groups: Vec<Vec<MailboxRef>> = ours
        .chunks(together)
        .map(|c| c.iter().map(|m| (*m).clone()).collect())
        .collect();
    let at_once = app.config.workers.search_concurrency * width / together;
    let answers: Vec<_> = futures::stream::iter(groups)
        .map(|group| ask(readers, group, query))
        .buffer_unordered(at_once.max(1))
        .collect()
        .await;
    answers.into_iter().flatten().collect()
}

async fn ask(
    readers: &Readers,
    group: Vec<MailboxRef>,
    query: &MessageQuery,
) -> Vec<(MailboxRef, Result<Found, MailboxError>)> {
    let answers = match group.first().and_then(|m| readers.of(m)) {
        Some(provider) => provider.search(&group, query).await,
        None => group
            .iter()
            .map(|_| {
                Err(MailboxError::NoMailbox(
                    "its platform is not configured".to_owned(),
                ))
            })
            .collect(),
    };
    group.into_iter().zip(answers).collect()
}

impl Wave {
    /// Has mailboxes searched again although they answered: they hold a message of
    /// which another campaign is about to find out whether it is its own.
    pub fn postpone(&mut self, mailboxes: &[MailboxRef]) {
        let (again, searched): (Vec<MailboxRef>, Vec<MailboxRef>) =
            std::mem::take(&mut self.searched)
                .into_iter()
                .partition(|m| mailboxes.contains(m));
        self.searched = searched;
        self.missed.extend(again.into_iter().map(|mailbox| Missed {
            mailbox,
            again: true,
            wait: None,
            reason: "a message in it is just being examined for another campaign".to_owned(),
            cause: Cause::Other,
        }));
    }

    /// Takes mailboxes out of those that answered: something of theirs could not be
    /// read for now.
    pub fn miss(&mut self, mailbox: &MailboxRef, error: &MailboxError) {
        self.searched.retain(|m| m != mailbox);
        if !self.missed.iter().any(|m| m.mailbox == *mailbox) {
            self.note(mailbox.clone(), error);
        }
    }

    fn take(&mut self, mailbox: MailboxRef, answer: Result<Found, MailboxError>) {
        match answer {
            Ok(found) => {
                // A provider that hands back another mailbox's item is a fault
                // that must never lead to a move.
                let strange = found.seen.iter().any(|s| s.locator.mailbox != mailbox);
                if strange {
                    let strange = "the answer names a message of another mailbox".to_owned();
                    self.note(mailbox, &MailboxError::Malformed(strange));
                    return;
                }
                let mut found = found;
                if found.truncated || found.seen.len() > CANDIDATES {
                    found.seen.truncate(CANDIDATES);
                    self.truncated.push(mailbox.clone());
                }
                self.hits.extend(found.seen);
                self.searched.push(mailbox);
            }
            Err(error) => self.note(mailbox, &error),
        }
    }

    fn note(&mut self, mailbox: MailboxRef, error: &MailboxError) {
        let (again, wait) = match error.disposition() {
            Disposition::Retry(after) => {
                self.wait = self.wait.max(after);
                (true, after)
            }
            Disposition::NeedsAdmin => {
                self.refused = Some(error.to_string());
                (true, Some(AFTER_REFUSAL))
            }
            Disposition::Settle | Disposition::GiveUp => (false, None),
        };
        self.missed.push(Missed {
            mailbox,
            again,
            wait,
            reason: error.to_string(),
            cause: error.cause(),
        });
    }
}
