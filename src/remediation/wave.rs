//! One wave of provider searches over many mailboxes, with the mailboxes that
//! gave no answer named.

use futures::StreamExt as _;

use crate::{
    app::App,
    domain::{MailboxRef, MessageQuery, Provider},
    mailbox::{Disposition, MailboxError, Seen},
    store::remediation::Gap,
};

/// What a wave found.
#[derive(Debug, Default)]
pub struct Wave {
    /// Messages that match the query, to be verified before any move.
    pub hits: Vec<Seen>,
    /// Mailboxes that answered.
    pub searched: Vec<MailboxRef>,
    /// Mailboxes that did not.
    pub gaps: Vec<Gap>,
    /// The longest wait that a provider asked for.
    pub wait: Option<std::time::Duration>,
    /// Set when a credential was refused: an administrator must act.
    pub refused: Option<String>,
}

/// Searches the mailboxes, each once.
pub async fn search(app: &App, mailboxes: &[MailboxRef], query: &MessageQuery) -> Wave {
    let mut groups: Vec<Vec<MailboxRef>> = Vec::new();
    for platform in [Provider::Graph, Provider::Gmail] {
        let ours: Vec<&MailboxRef> = mailboxes
            .iter()
            .filter(|m| m.provider == platform)
            .collect();
        let Some(first) = ours.first() else { continue };
        let width = app
            .mail
            .of(first)
            .map_or(20, |p| p.capabilities().search_width.max(1));
        groups.extend(
            ours.chunks(width)
                .map(|c| c.iter().map(|m| (*m).clone()).collect()),
        );
    }
    let answers: Vec<_> = futures::stream::iter(groups)
        .map(|group| async move {
            let answers = match group.first().and_then(|m| app.mail.of(m)) {
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
            group.into_iter().zip(answers).collect::<Vec<_>>()
        })
        .buffer_unordered(app.config.workers.search_concurrency)
        .collect()
        .await;
    let mut wave = Wave::default();
    for (mailbox, answer) in answers.into_iter().flatten() {
        wave.take(mailbox, answer);
    }
    wave
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
        self.gaps.extend(again.into_iter().map(|mailbox| Gap {
            mailbox,
            retrying: true,
            reason: "a message in it is just being examined for another campaign".to_owned(),
            attempts: 1,
        }));
    }

    fn take(&mut self, mailbox: MailboxRef, answer: Result<Vec<Seen>, MailboxError>) {
        let error = match answer {
            Ok(seen) => {
                // A provider that hands back another mailbox's item is a fault
                // that must never lead to a move.
                self.hits
                    .extend(seen.into_iter().filter(|s| s.locator.mailbox == mailbox));
                self.searched.push(mailbox);
                return;
            }
            Err(error) => error,
        };
        let retrying = match error.disposition() {
            Disposition::Retry(after) => {
                self.wait = self.wait.max(after);
                true
            }
            Disposition::NeedsAdmin => {
                self.refused = Some(error.to_string());
                true
            }
            Disposition::Settle | Disposition::GiveUp => false,
        };
        self.gaps.push(Gap {
            mailbox,
            retrying,
            reason: error.to_string(),
            attempts: 1,
        });
    }
}
