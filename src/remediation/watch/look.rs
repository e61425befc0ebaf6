//! One look into mailboxes: search, leave out what is known, verify the rest.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    super::{
        Reconciler, excluded, query_of,
        search::Read,
        wave::{self, Wave},
    },
    Case,
};
use crate::{
    domain::{Desired, Locator, MailboxRef, Observed, PullId, PullRole, Standing, Way},
    jobs::JobError,
    mailbox::{Disposition, MailboxError, Seen},
    store::pull::Pull,
};

/// How long before the seed was received its first copy may have been.
const BEFORE_SEED: TimeDelta = TimeDelta::days(2);
/// Messages read in full at a time.
const AT_ONCE: usize = 20;
/// The pause after a credential was refused: a person has to act.
const AFTER_REFUSAL: Duration = Duration::from_secs(300);

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// New copies, verified: to be pulled.
    pub(super) copies: Vec<Pull>,
    /// New messages that came near and are none; kept so that no later look reads
    /// them again.
    pub(super) others: Vec<Pull>,
    /// Copies that were gone and are there again.
    pub(super) back: Vec<PullId>,
    /// Where new copies and those that came back lie, each mailbox once.
    pub(super) holders: Vec<MailboxRef>,
    /// Mailboxes that answered, or never will.
    pub(super) searched: Vec<MailboxRef>,
    /// Mailboxes that are to be asked again.
    pub(super) unanswered: Vec<MailboxRef>,
    /// The longest wait that a provider asked for.
    pub(super) wait: Option<Duration>,
}

impl Look {
    /// Whether there is something to pull.
    pub(super) const fn is_news(&self) -> bool {
        !self.copies.is_empty() || !self.back.is_empty()
    }

    fn held_by(&mut self, mailbox: &MailboxRef) {
        if !self.holders.contains(mailbox) {
            self.holders.push(mailbox.clone());
        }
    }

    fn refused(&mut self, mailbox: &MailboxRef, error: &MailboxError) {
        let wait = match error.disposition() {
            Disposition::Retry(wait) => wait,
            Disposition::NeedsAdmin => Some(AFTER_REFUSAL),
            Disposition::Settle | Disposition::GiveUp => return,
        };
        self.wait = self.wait.max(wait);
        if !self.unanswered.contains(mailbox) {
            self.unanswered.push(mailbox.clone());
        }
    }
}

/// 30 seconds doubling up to half an hour, after so many looks without an answer.
pub(super) fn pause(tries: i32) -> TimeDelta {
    let doublings = u32::try_from(tries.clamp(0, 6)).unwrap_or(0);
    TimeDelta::seconds((30_i64 << doublings).min(1_800))
}

impl Case<'_> {
    /// Looks into mailboxes, each once.
    pub(super) async fn look_into(&self, mailboxes: &[MailboxRef]) -> Result<Look, JobError> {
        let since = self
            .seed
            .message_received_at
            .unwrap_or(self.seed.created_at);
        let query = query_of(&self.print, since - BEFORE_SEED);
        let left_out = excluded(self.app).await?;
        let (left_out, mailboxes): (Vec<_>, Vec<_>) = mailboxes
            .iter()
            .cloned()
            .partition(|mailbox| left_out.contains(mailbox));
        let Wave {
            hits,
            searched,
            missed,
            wait,
            refused,
            ..
        } = wave::search(self.app, &mailboxes, &query).await;
        let mut look = Look {
            searched,
            wait,
            ..Look::default()
        };
        // Nothing is owed to them.
        look.searched.extend(left_out);
        if let Some(refused) = refused {
            tracing::warn!(remediation = %self.watch.remediation, refused, "a watch waits for an administrator");
            look.wait = look.wait.max(Some(AFTER_REFUSAL));
        }
        for missed in missed {
            let list = if missed.again {
                &mut look.unanswered
            } else {
                &mut look.searched
            };
            list.push(missed.mailbox);
        }
        self.verify(hits, &mut look).await?;
        Ok(look)
    }

    /// Reads the hits that are not known yet, and those that were gone, and
    /// compares them with the seed.
    async fn verify(&self, hits: Vec<Seen>, look: &mut Look) -> Result<(), JobError> {
        let app = self.app;
        let mut locators: Vec<Locator> = hits.into_iter().map(|hit| hit.locator).collect();
        locators.sort();
        locators.dedup();
        let rows = app.store.read(app.tenant);
        let known = rows.copies_at(&locators).await?;
        let unsure: Vec<Locator> = locators
            .into_iter()
            .filter(|locator| {
                known
                    .get(locator)
                    .is_none_or(|pull| pull.campaign != Some(self.campaign.id) || may_be_back(pull))
            })
            .collect();
        let reconciler = Reconciler {
            app,
            lease: self.lease,
            seed: Some(&self.print),
            campaign: Some(self.campaign.id),
            protected: None,
        };
        for chunk in unsure.chunk_by(|one, other| one.mailbox.provider == other.mailbox.provider) {
            for chunk in chunk.chunks(AT_ONCE) {
                let Some(provider) = chunk.first().and_then(|l| app.mail.of(&l.mailbox)) else {
                    continue;
                };
                let looks = provider.inspect(chunk).await;
                for (locator, seen) in chunk.iter().zip(looks) {
                    let seen = match seen {
                        Ok(Some(seen)) => seen,
                        Ok(None) => continue,
                        Err(error) => {
                            look.refused(&locator.mailbox, &error);
                            continue;
                        }
                    };
                    let ours = known
                        .get(locator)
                        .filter(|pull| pull.campaign == Some(self.campaign.id));
                    match reconciler.read(provider, &seen).await {
                        Ok(read) => self.judge(&reconciler, (&seen, read), ours, look),
                        Err(error) => look.refused(&locator.mailbox, &error),
                    }
                }
            }
        }
        Ok(())
    }

    /// Sorts a message that was read by what it is.
    fn judge(
        &self,
        by: &Reconciler<'_>,
        (seen, read): (&Seen, Option<Read>),
        known: Option<&Pull>,
        look: &mut Look,
    ) {
        let now = self.app.clock.now();
        let mut pull = match known {
            Some(known) => known.clone(),
            None => self.copy(&seen.locator, now),
        };
        let held = pull.quarantine.as_deref();
        if held.is_some_and(|quarantine| seen.place.holds(quarantine)) {
            return;
        }
        let is_copy = by.verify(&mut pull, seen, read) == Standing::Reachable;
        if let (Some(sighting), None) = (&mut pull.sighting, known) {
            sighting.way = Way::Watch;
        }
        match (is_copy, known) {
            (true, Some(known)) => look.back.push(known.id),
            (true, None) => look.copies.push(pull),
            (false, Some(_)) => return,
            (false, None) => {
                pull.observed = Observed::Changed;
                pull.settled_at = Some(now);
                look.others.push(pull);
                return;
            }
        }
        look.held_by(&seen.locator.mailbox);
    }

    fn copy(&self, locator: &Locator, now: DateTime<Utc>) -> Pull {
        Pull {
            id: PullId::new(now),
            campaign: Some(self.campaign.id),
            submission: None,
            locator: locator.clone(),
            role: PullRole::Copy,
            desired: Desired::Pulled,
            observed: Observed::Found,
            original: None,
            quarantine: None,
            evidence_sha256: self.seed.evidence_sha256.clone(),
            decision_version: self.watch.decision_version,
            matched_by: String::new(),
            attempts: 0,
            run_after: now,
            last_error: None,
            found_at: now,
            intent_at: None,
            settled_at: None,
            sighting: None,
            rank: 0,
            verified_at: None,
            calendar: None,
        }
    }
}

/// A copy that somebody had removed, and that is wanted out.
fn may_be_back(pull: &Pull) -> bool {
    pull.observed == Observed::Gone && pull.desired == Desired::Pulled
}
