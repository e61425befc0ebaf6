//! Following: who holds a copy may have sent it on, by hand or by a rule.

use std::collections::HashMap;

use futures::future::join;

use super::{Run, TRIES, Wave, commit::Change, finds::Finds, target::addresses_of, verify};
use crate::{
    domain::{MailboxAddress, MailboxRef, Way},
    jobs::JobError,
    mailbox::{self, Content, Forwarding, MailReader as _, MailboxError, Seen},
    message::Fingerprint,
    remediation::{
        reconcile::{backoff, later},
        wave,
    },
    store::search::{InScope, NewForward, Ranked},
};

/// Rank of mailboxes that a rule points to: with the likely ones.
const POINTED: i32 = 30;

impl Run<'_> {
    /// Looks through the sent mail and the rules of mailboxes that hold a copy.
    pub(super) async fn follow(&mut self, holders: Vec<InScope>) -> Result<(), JobError> {
        let Some(seed) = self.target.print.clone() else {
            return Ok(());
        };
        let asked: Vec<MailboxRef> = holders.iter().map(|h| h.mailbox.clone()).collect();
        let depths: HashMap<MailboxRef, u32> = holders
            .iter()
            .map(|h| {
                (
                    h.mailbox.clone(),
                    u32::try_from(h.depth).unwrap_or_default(),
                )
            })
            .collect();
        let sent = self.target.sent();
        let (mut wave, (rules, counts)) = join(
            wave::search(self.app, &asked, &sent),
            mailbox::counted(self.rules_of(&asked)),
        )
        .await;
        wave.counts.add(&counts);
        let mut change = Change::default();
        let hits = std::mem::take(&mut wave.hits);
        let (bare, full): (Vec<Seen>, Vec<Seen>) = hits
            .into_iter()
            .partition(|s| matches!(s.content, Content::Unread));
        let mut sent = full;
        sent.extend(self.looked_at(&mut wave, bare).await);
        let noted = async {
            let mut unread = Vec::new();
            for seen in sent {
                let depth = depths
                    .get(&seen.locator.mailbox)
                    .copied()
                    .unwrap_or_default();
                let noted = self
                    .note_forward(&seed, &seen, depth + 1, &mut change)
                    .await?;
                if let Err(error) = noted {
                    unread.push((seen.locator.mailbox, error));
                }
            }
            Ok::<_, JobError>(unread)
        };
        let (unread, counts) = mailbox::counted(noted).await;
        wave.counts.add(&counts);
        for (mailbox, error) in unread? {
            wave.miss(&mailbox, &error);
        }
        let again = self.put_off(&holders, &mut wave, &mut change);
        let (heeded, counts) = mailbox::counted(self.heed(rules, &mut change)).await;
        wave.counts.add(&counts);
        heeded?;
        change.followed = asked.into_iter().filter(|m| !again.contains(m)).collect();
        wave.searched.clear();
        let outside: Vec<String> = change
            .forwards
            .iter()
            .flat_map(|f| f.outside.iter().cloned())
            .collect();
        self.expose(outside);
        self.commit("follow", &[], wave, Finds::default(), change)
            .await
    }

    /// What could not be read for now is read later, each mailbox in its own time;
    /// one that never answers is named.
    fn put_off(
        &self,
        holders: &[InScope],
        wave: &mut Wave,
        change: &mut Change,
    ) -> Vec<MailboxRef> {
        let now = self.app.clock.now();
        let mut again = Vec::new();
        for missed in wave.missed.drain(..) {
            let before = holders.iter().find(|h| h.mailbox == missed.mailbox);
            let attempts = before.map_or(0, |h| h.attempts).saturating_add(1);
            if !missed.again || attempts >= TRIES {
                change.unread.push(missed.mailbox);
                continue;
            }
            let own = now + backoff(attempts);
            let at = missed.wait.map_or(own, |wait| own.max(later(now, wait)));
            again.push(missed.mailbox.clone());
            change.postponed.push((missed.mailbox, attempts, at));
        }
        again
    }

    /// A sent message that holds the seed: its recipients are searched next. The
    /// inner error is the provider's, for one message that could not be read.
    async fn note_forward(
        &self,
        seed: &Fingerprint,
        seen: &Seen,
        depth: u32,
        change: &mut Change,
    ) -> Result<Result<(), MailboxError>, JobError> {
        let Some(reader) = self.readers.of(&seen.locator.mailbox) else {
            return Ok(Ok(()));
        };
        let read = match verify::read(reader, seed, seen).await {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        if !matches!(read.relation(seed), verify::Relation::Forward(_)) {
            return Ok(Ok(()));
        }
        let Some(id) = read.print.message_id.clone() else {
            return Ok(Ok(()));
        };
        let recipients: Vec<MailboxAddress> = match (&read.parsed, &seen.content) {
            (Some(parsed), _) => {
                let hidden = parsed.bcc.iter().filter_map(|p| p.address.parse().ok());
                addresses_of(parsed).into_iter().chain(hidden).collect()
            }
            (None, Content::Fields(fields)) => fields.recipients.clone(),
            (None, _) => Vec::new(),
        };
        let behind = self.behind(recipients).await?;
        change.doubts.extend(behind.doubts);
        change.forwards.push(NewForward {
            message_id: id,
            sent_by: seen.locator.mailbox.address.to_string(),
            depth,
            mailboxes: behind.mailboxes.into_iter().map(|(m, _)| m).collect(),
            outside: behind.outside.iter().map(ToString::to_string).collect(),
        });
        Ok(Ok(()))
    }

    /// Where the mailboxes pass mail on by themselves.
    async fn rules_of(&self, holders: &[MailboxRef]) -> Vec<Result<Vec<Forwarding>, MailboxError>> {
        let mut answers = Vec::with_capacity(holders.len());
        for reader in self.readers.all() {
            let ours: Vec<MailboxRef> = holders
                .iter()
                .filter(|m| m.provider == reader.provider())
                .cloned()
                .collect();
            if !ours.is_empty() {
                answers.extend(reader.forwarding(&ours).await);
            }
        }
        answers
    }

    /// Has those searched soon whom a rule passes mail on to.
    async fn heed(
        &mut self,
        answers: Vec<Result<Vec<Forwarding>, MailboxError>>,
        change: &mut Change,
    ) -> Result<(), JobError> {
        for answer in answers {
            let orders = match answer {
                Ok(orders) => orders,
                // A remark, not a gap: the sweep reaches all mailboxes inside,
                // and what leaves the organisation is out of reach anyway.
                Err(error) => {
                    let remark = format!("forwarding rules could not be read: {error}");
                    if !change.remarks.contains(&remark) {
                        change.remarks.push(remark);
                    }
                    continue;
                }
            };
            for order in orders {
                let behind = self.behind(order.to).await?;
                self.expose(behind.outside.iter().map(ToString::to_string));
                for (mailbox, _) in behind.mailboxes {
                    // A forward by rule bears an id that no sent mail shows:
                    // only its content finds it.
                    if !order.keeps_message_id {
                        change.by_content.push(mailbox.clone());
                    }
                    change.ranked.push(Ranked {
                        mailbox,
                        rank: POINTED,
                        way: Way::Rule,
                    });
                }
            }
        }
        Ok(())
    }
}
