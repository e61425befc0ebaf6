//! Brings copies from what is to what is wanted: look, decide, record the
//! intent, do it once, record what came of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;

use super::{
    gate,
    search::{self, Read, Relation},
};
use crate::{
    app::App,
    domain::{
        CampaignId, Desired, Effect, HitOutcome, Locator, MailboxRef, Observed, Place, PullRole,
        Sighting, Standing, Way, next_effect,
    },
    mailbox::{
        CALL_LIMIT, Content, Disposition, MailProvider, MailboxError, QuarantineMove, RestoreMove,
        Seen,
    },
    message::{self, Fingerprint, Limits},
    store::{Rows, StoreError, audit::Deed, job::Lease, pull::Pull},
};

/// Copies that go through their steps together, and how many such handfuls do at once: while
/// one is looked at, another is moved. A handful's moves are sent at once, so that a stop
/// is heeded between them.
const HANDFUL: usize = 64;
const HANDFULS: usize = 4;
/// Failed attempts after which a copy is given up and shown as failed.
const MAX_ATTEMPTS: i32 = 12;
/// The same where the provider gave no usable answer: a day of an outage, since
/// the pause between two attempts grows to five minutes.
const MAX_UNANSWERED: i32 = 300;
/// When a reporter's own copy is looked at again that a stop holds back.
const STOPPED: TimeDelta = TimeDelta::minutes(2);

/// How a round ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rest {
    /// Copies that came to rest in quarantine.
    pub pulled: usize,
    /// Copies that came to rest in their place.
    pub restored: usize,
    /// Copies that came to rest otherwise (gone, changed, failed).
    pub other: usize,
    /// Before this time no more may be moved: a budget is used up.
    pub not_before: Option<DateTime<Utc>>,
}

impl Rest {
    fn join(&mut self, other: Self) {
        self.pulled += other.pulled;
        self.restored += other.restored;
        self.other += other.other;
        self.not_before = self.not_before.max(other.not_before);
    }
}

/// Brings copies to where they are wanted.
pub struct Reconciler<'a> {
    /// The adapters.
    pub app: &'a App,
    /// The job it works under; every record is refused once the lease is lost.
    pub lease: &'a Lease,
    /// What the copies must be like; absent while a reporter's own copy is only held.
    pub seed: Option<&'a Fingerprint>,
    /// The campaign whose decision is carried out, within its limits; absent while a
    /// reporter's own copy is only held.
    pub campaign: Option<CampaignId>,
    /// Mailboxes and folders that are left alone, where no person decided it.
    pub protected: Option<gate::Protected>,
}

/// A copy with what the look decided.
struct Decided {
    pull: Pull,
    effect: Effect,
    from: Option<Place>,
}

impl Reconciler<'_> {
    /// One round over copies of one or several platforms.
    ///
    /// # Errors
    /// [`StoreError`] when a record could not be written; provider errors are
    /// recorded on the copies themselves.
    pub async fn settle(&self, pulls: Vec<Pull>) -> Result<Rest, StoreError> {
        let mut rest = Rest::default();
        let mut pulls = pulls;
        while let Some(first) = pulls.first() {
            let platform = first.locator.mailbox.provider;
            let (ours, others): (Vec<_>, Vec<_>) = pulls
                .into_iter()
                .partition(|p| p.locator.mailbox.provider == platform);
            pulls = others;
            let Some(provider) = ours
                .first()
                .and_then(|p| self.app.mail.of(&p.locator.mailbox))
                .cloned()
            else {
                self.record(
                    ours.into_iter().map(|p| self.unconfigured(p)).collect(),
                    &mut rest,
                )
                .await?;
                continue;
            };
            let handfuls: Vec<Vec<Pull>> = in_handfuls(ours);
            let ended: Vec<Result<Rest, StoreError>> = futures::stream::iter(handfuls)
                .map(|handful| self.round(&provider, handful))
                .buffer_unordered(HANDFULS)
                .collect()
                .await;
            // All of them first: what was sent has its answer recorded.
            for one in ended {
                rest.join(one?);
            }
        }
        Ok(rest)
    }

    fn unconfigured(&self, mut pull: Pull) -> Pull {
        pull.last_error = Some("its mail platform is not configured".to_owned());
        pull.run_after = self.app.clock.now() + TimeDelta::minutes(5);
        pull
    }

    async fn round(
        &self,
        provider: &Arc<dyn MailProvider>,
        pulls: Vec<Pull>,
    ) -> Result<Rest, StoreError> {
        let mut whole = Rest::default();
        let rest = &mut whole;
        let locators: Vec<Locator> = pulls.iter().map(|p| p.locator.clone()).collect();
        let looks = provider.inspect(&locators).await;
        let mut known = Vec::new();
        let (mut to_quarantine, mut to_restore) = (Vec::new(), Vec::new());
        let mut kept = Vec::new();
        for (pull, look) in pulls.into_iter().zip(looks) {
            match look {
                Err(error) => known.push(self.refused(pull, &error)),
                Ok(seen) => {
                    let read = match &seen {
                        Some(seen) => self.read(provider, seen).await,
                        None => Ok(None),
                    };
                    let decided = match read {
                        Ok(read) => self.decide(pull, seen, read),
                        Err(error) => {
                            known.push(self.refused(pull, &error));
                            continue;
                        }
                    };
                    match decided.effect {
                        Effect::Quarantine => match self.protects(&decided) {
                            Some(why) => kept.push((decided.pull, why)),
                            None => to_quarantine.push(decided),
                        },
                        Effect::Restore => to_restore.push(decided),
                        Effect::Settled => {}
                        Effect::Record(observed) => {
                            known.push(self.seen_at_rest(decided.pull, observed));
                        }
                    }
                }
            }
        }
        let mut entries = self.record_but_entries(known, rest).await?;
        self.leave(kept, rest).await?;
        entries.extend(self.quarantine(provider, to_quarantine, rest).await?);
        entries.extend(self.restore(provider, to_restore, rest).await?);
        // Every message of the round has moved by now.
        let entries = self.with_entries(provider, entries).await?;
        self.record(entries, rest).await?;
        Ok(whole)
    }

    /// Records copies, but for those whose calendar entries are to be seen to first:
    /// these it gives back.
    async fn record_but_entries(
        &self,
        pulls: Vec<Pull>,
        rest: &mut Rest,
    ) -> Result<Vec<Pull>, StoreError> {
        let (entries, plain) = pulls.into_iter().partition(|pull| self.has_entry(pull));
        self.record(plain, rest).await?;
        Ok(entries)
    }

    /// Why a copy stays until a person decides over it. One whose move may be under way is
    /// past that.
    fn protects(&self, decided: &Decided) -> Option<&'static str> {
        let waits = matches!(decided.pull.observed, Observed::Found | Observed::Restored);
        let protected = self.protected.as_ref().filter(|_| waits)?;
        protected.why(&decided.pull, decided.from.as_ref())
    }

    /// Leaves copies in place until a person decides over them.
    async fn leave(
        &self,
        kept: Vec<(Pull, &'static str)>,
        rest: &mut Rest,
    ) -> Result<(), StoreError> {
        if kept.is_empty() {
            return Ok(());
        }
        let now = self.app.clock.now();
        let tx = self.app.store.begin().await?;
        tx.hold(self.lease, self.app.lease_end(now)).await?;
        let rows = tx.of(self.app.tenant);
        // A person may have decided it meanwhile.
        let (Some(campaign), Some(protected)) = (self.campaign, &self.protected) else {
            return Ok(());
        };
        let held = rows.hold_remediation_of(campaign).await?;
        let still = held.is_some_and(|held| {
            held.is_automatic() && held.decision_version == protected.decision_version
        });
        if !still {
            return Ok(());
        }
        for (mut pull, why) in kept {
            pull.matched_by = format!("{why}; {}", pull.matched_by);
            if rows.save_pull(&pull).await? {
                rows.desire_one(pull.id, Desired::InPlace, now).await?;
                rest.other += 1;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// What a copy holds, attached messages included; `None` while a reporter's own
    /// copy is only held.
    pub(super) async fn read(
        &self,
        provider: &Arc<dyn MailProvider>,
        seen: &Seen,
    ) -> Result<Option<Read>, MailboxError> {
        match self.seed {
            Some(seed) => search::read(provider.as_ref(), seed, seen).await,
            None => Ok(None),
        }
    }

    fn decide(&self, mut pull: Pull, seen: Option<Seen>, read: Option<Read>) -> Decided {
        let (standing, from) = match seen {
            None => (Standing::Gone, None),
            Some(seen) => {
                let held = pull
                    .quarantine
                    .as_deref()
                    .is_some_and(|q| seen.place.holds(q));
                let standing = if held {
                    Standing::Quarantined
                } else {
                    self.verify(&mut pull, &seen, read)
                };
                (standing, Some(seen.place))
            }
        };
        let effect = next_effect(pull.snapshot(), standing);
        Decided { pull, effect, from }
    }

    /// Whether what stands there is the condemned message: compared by content
    /// with the seed right before the move, never by its id alone.
    pub(super) fn verify(&self, pull: &mut Pull, seen: &Seen, read: Option<Read>) -> Standing {
        let Some(seed) = self.seed else {
            // The reporter's own copy, named by its id in their own mailbox: it
            // may be held for them before anything is known of its content.
            return Standing::Reachable;
        };
        let Some(read) = read else {
            pull.last_error = Some("its content could not be read".to_owned());
            return Standing::Different;
        };
        // The platform's mark, not the sender named in the headers: whoever
        // forges the owner's own address must not keep the copy out of reach.
        if seen.sent {
            pull.matched_by = "the mailbox owner's own sent copy; left in place".to_owned();
            return Standing::Different;
        }
        let (outcome, role, score, reasons) = match read.relation(seed) {
            Relation::Same(reasons) => (HitOutcome::Copy, PullRole::Copy, 1.0, reasons),
            Relation::Forward(reasons) => (HitOutcome::Forward, PullRole::Forward, 1.0, reasons),
            // Only what was found as a variant, and is to be pulled as one.
            Relation::Variant(score, reasons) if pull.role == PullRole::Variant => {
                (HitOutcome::Variant, PullRole::Variant, score, reasons)
            }
            Relation::Variant(_, reasons) => {
                pull.matched_by = format!("not a copy, but a variant: {}", reasons.join("; "));
                return Standing::Different;
            }
            Relation::Different(reason) => {
                pull.matched_by = format!("not a copy: {reason}");
                return Standing::Different;
            }
        };
        if pull.role != PullRole::Reported {
            pull.role = role;
        }
        pull.matched_by = reasons.join("; ");
        if pull.verified_at.is_none() {
            pull.verified_at = Some(self.app.clock.now());
            let way = match pull.role {
                PullRole::Reported => Way::Reported,
                _ => Way::Sweep,
            };
            let sighting = search::of_outcome(seen, &read, outcome, score, reasons, (way, 0));
            let way = pull.sighting.take().map_or(sighting.way, |known| known.way);
            pull.sighting = Some(Sighting { way, ..sighting });
        }
        Standing::Reachable
    }

    async fn quarantine(
        &self,
        provider: &Arc<dyn MailProvider>,
        decided: Vec<Decided>,
        rest: &mut Rest,
    ) -> Result<Vec<Pull>, StoreError> {
        if decided.is_empty() {
            return Ok(Vec::new());
        }
        let mailboxes: Vec<MailboxRef> = decided
            .iter()
            .map(|d| d.pull.locator.mailbox.clone())
            .collect();
        let quarantines = provider.quarantine_of(&mailboxes).await;
        let mut refused = Vec::new();
        let (mut intents, mut repeated) = (Vec::new(), Vec::new());
        for (decided, quarantine) in decided.into_iter().zip(quarantines) {
            match (quarantine, decided.from) {
                (Ok(quarantine), Some(from)) => {
                    let mut pull = decided.pull;
                    // One that was counted before, or that its owner handed in.
                    let was = pull.observed;
                    pull.observed = Observed::Moving;
                    pull.original = Some(from);
                    pull.quarantine = Some(quarantine);
                    if was == Observed::Moving || pull.role == PullRole::Reported {
                        repeated.push((pull, was));
                    } else {
                        intents.push(pull);
                    }
                }
                (Err(error), _) => refused.push(self.refused(decided.pull, &error)),
                (Ok(_), None) => {}
            }
        }
        self.record(refused, rest).await?;
        let intents = self.intend_to_pull(intents, repeated, rest).await?;
        let mut moved = Vec::new();
        let mut left = intents;
        // A stop is heeded before each handful that is sent.
        while !left.is_empty() && self.goes_on(&mut left).await? {
            let more = left.split_off(left.len().min(provider.capabilities().moves_at_once));
            let now = std::mem::replace(&mut left, more);
            moved.extend(self.send(provider, now).await);
        }
        self.record_but_entries(moved, rest).await
    }

    /// Whether moves whose intents are recorded may still be sent. Where they may not, they
    /// wait, and are looked at again like any whose answer is missing.
    async fn goes_on(&self, left: &mut Vec<Pull>) -> Result<bool, StoreError> {
        let rows = self.app.store.read(self.app.tenant);
        if gate::goes_on(&rows, self.campaign).await? {
            return Ok(true);
        }
        let now = self.app.clock.now();
        let tx = self.app.store.begin().await?;
        tx.hold(self.lease, self.app.lease_end(now)).await?;
        for mut pull in left.drain(..) {
            pull.run_after = now + STOPPED;
            tx.of(self.app.tenant).save_pull(&pull).await?;
        }
        tx.commit().await?;
        Ok(false)
    }

    /// Moves copies whose intents are durable.
    async fn send(&self, provider: &Arc<dyn MailProvider>, intents: Vec<Pull>) -> Vec<Pull> {
        let moves: Vec<QuarantineMove> = intents
            .iter()
            .filter_map(|pull| {
                Some(QuarantineMove {
                    locator: pull.locator.clone(),
                    from: pull.original.clone()?,
                    quarantine: pull.quarantine.clone()?,
                })
            })
            .collect();
        let outcomes = provider.quarantine(&moves).await;
        intents
            .into_iter()
            .zip(outcomes)
            .map(|(pull, outcome)| match outcome {
                Ok(place) if pull.quarantine.as_deref().is_some_and(|q| place.holds(q)) => {
                    self.at_rest(pull, Observed::Pulled)
                }
                Ok(_) => self.look_again(
                    pull,
                    "the provider answered with another place",
                    MAX_ATTEMPTS,
                ),
                // Either the message or its quarantine is not there: the next
                // look tells which.
                Err(MailboxError::Gone) => {
                    self.look_again(pull, "not there at the move", MAX_ATTEMPTS)
                }
                Err(error) => self.refused(pull, &error),
            })
            .collect()
    }

    async fn restore(
        &self,
        provider: &Arc<dyn MailProvider>,
        decided: Vec<Decided>,
        rest: &mut Rest,
    ) -> Result<Vec<Pull>, StoreError> {
        let intents = decided
            .into_iter()
            .filter(|d| d.pull.original.is_some() && d.pull.quarantine.is_some())
            .map(|d| Pull {
                observed: Observed::Restoring,
                ..d.pull
            })
            .collect();
        let intents = self.intend(intents, Desired::InPlace).await?;
        let moves: Vec<RestoreMove> = intents
            .iter()
            .filter_map(|pull| {
                Some(RestoreMove {
                    locator: pull.locator.clone(),
                    to: pull.original.clone()?,
                    quarantine: pull.quarantine.clone()?,
                })
            })
            .collect();
        if moves.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = provider.restore(&moves).await;
        let after = intents
            .into_iter()
            .zip(outcomes)
            .map(|(mut pull, outcome)| match outcome {
                Ok(restored) => {
                    if restored.fallback_to_inbox {
                        pull.matched_by = "its folder was gone: put into the Inbox".to_owned();
                    }
                    self.at_rest(pull, Observed::Restored)
                }
                Err(error) => self.refused(pull, &error),
            })
            .collect();
        self.record_but_entries(after, rest).await
    }

    /// Makes intents to move copies out durable, as far as the gate lets them pass. A copy
    /// that does not pass stays as it was; one whose move may be under way is looked at
    /// again later.
    async fn intend_to_pull(
        &self,
        fresh: Vec<Pull>,
        repeated: Vec<(Pull, Observed)>,
        rest: &mut Rest,
    ) -> Result<Vec<Pull>, StoreError> {
        if fresh.is_empty() && repeated.is_empty() {
            return Ok(fresh);
        }
        let now = self.app.clock.now();
        let tx = self.app.store.begin().await?;
        tx.hold(self.lease, self.app.lease_end(now)).await?;
        let rows = tx.of(self.app.tenant);
        let mut pass = still_wanted(&rows, fresh).await?;
        if let (Some(campaign), false) = (self.campaign, pass.is_empty()) {
            let asked = pass.len() as u64;
            let granted = gate::admit(self.app, &rows, campaign, asked, now).await?;
            pass.truncate(usize::try_from(granted.copies).unwrap_or(usize::MAX));
            rest.not_before = granted.short.map(|(_, until)| until);
        }
        if !repeated.is_empty() {
            if gate::may_repeat(&rows, self.campaign).await? {
                pass.extend(repeated.into_iter().map(|(pull, _)| pull));
            } else {
                for (mut pull, was) in repeated {
                    pull.observed = was;
                    pull.run_after = now + STOPPED;
                    rows.save_pull(&pull).await?;
                }
            }
        }
        let intents = self.note_intents(&rows, pass, Desired::Pulled, now).await?;
        tx.commit().await?;
        Ok(intents)
    }

    /// Makes intents durable before any effect, and leaves out copies for which
    /// something else is wanted by now. To take something away beside the message is held
    /// back by a stop like the message itself: the copy waits as it is.
    pub(super) async fn intend(
        &self,
        pulls: Vec<Pull>,
        desired: Desired,
    ) -> Result<Vec<Pull>, StoreError> {
        if pulls.is_empty() {
            return Ok(pulls);
        }
        let now = self.app.clock.now();
        let tx = self.app.store.begin().await?;
        tx.hold(self.lease, self.app.lease_end(now)).await?;
        let rows = tx.of(self.app.tenant);
        let stopped = desired == Desired::Pulled && !gate::may_repeat(&rows, self.campaign).await?;
        let intents = if stopped {
            for mut pull in pulls {
                pull.run_after = now + STOPPED;
                rows.save_pull(&pull).await?;
            }
            Vec::new()
        } else {
            self.note_intents(&rows, pulls, desired, now).await?
        };
        tx.commit().await?;
        Ok(intents)
    }

    async fn note_intents(
        &self,
        rows: &Rows<'_>,
        pulls: Vec<Pull>,
        desired: Desired,
        now: DateTime<Utc>,
    ) -> Result<Vec<Pull>, StoreError> {
        let ids: Vec<_> = pulls.iter().map(|p| p.id).collect();
        let wanted = rows.desired_now(&ids).await?;
        let mut intents = Vec::with_capacity(pulls.len());
        for mut pull in pulls {
            if wanted.get(&pull.id) != Some(&desired) {
                continue;
            }
            pull.intent_at = Some(now);
            if rows.save_pull(&pull).await? {
                intents.push(pull);
            }
        }
        let begun = match desired {
            Desired::Pulled => "pull_begun",
            Desired::InPlace => "restore_begun",
        };
        self.tell(rows, begun, &intents.iter().collect::<Vec<_>>(), now);
        Ok(intents)
    }

    /// Tells the audit trail what was done to copies: one entry a round, with their ids
    /// and the hashes of the evidence that it rests on.
    fn tell(&self, rows: &Rows<'_>, action: &str, pulls: &[&Pull], now: DateTime<Utc>) {
        let Some(first) = pulls.first() else { return };
        let evidence: BTreeSet<&str> = pulls
            .iter()
            .filter_map(|pull| pull.evidence_sha256.as_deref())
            .collect();
        let ids: Vec<String> = pulls.iter().map(|pull| pull.id.to_string()).collect();
        let detail = serde_json::json!({
            "pulls": ids,
            "evidence": evidence,
            "decision": first.decision_version,
        });
        let deed = Deed::new(action, now).with(&detail);
        rows.note(match (self.campaign, first.submission) {
            (Some(campaign), _) => deed.about(campaign),
            (None, Some(submission)) => deed.about(submission),
            (None, None) => deed,
        });
    }

    async fn record(&self, pulls: Vec<Pull>, rest: &mut Rest) -> Result<(), StoreError> {
        if pulls.is_empty() {
            return Ok(());
        }
        let now = self.app.clock.now();
        let tx = self.app.store.begin().await?;
        tx.hold(self.lease, self.app.lease_end(now)).await?;
        let mut kept = Vec::with_capacity(pulls.len());
        let rows = tx.of(self.app.tenant);
        for pull in pulls {
            if rows.save_pull(&pull).await? {
                kept.push(pull);
            }
        }
        kept.retain(|p| p.settled_at == Some(now) || p.snapshot().settled());
        let mut by_state: BTreeMap<&str, Vec<&Pull>> = BTreeMap::new();
        for pull in &kept {
            let alike = by_state.entry(pull.observed.as_str()).or_default();
            alike.push(pull);
        }
        for (state, alike) in by_state {
            self.tell(&rows, state, &alike, now);
        }
        tx.commit().await?;
        for pull in &kept {
            match pull.observed {
                Observed::Pulled => rest.pulled += 1,
                Observed::Restored => rest.restored += 1,
                _ => rest.other += 1,
            }
        }
        Ok(())
    }

    /// Records what a look showed. A move without an answer may still take effect
    /// until the provider has given its call up: before that, a look that does
    /// not show it proves nothing, and the copy is looked at again.
    fn seen_at_rest(&self, mut pull: Pull, observed: Observed) -> Pull {
        let contradicts = matches!(
            (pull.observed, observed),
            (Observed::Moving, Observed::Restored | Observed::Changed)
                | (Observed::Restoring, Observed::Pulled)
        );
        let now = self.app.clock.now();
        let certain = pull.intent_at.map(|intent| later(intent, CALL_LIMIT));
        match certain {
            Some(certain) if contradicts && now <= certain => {
                pull.last_error = Some("an earlier move may still take effect".to_owned());
                pull.run_after = certain + TimeDelta::milliseconds(1);
                pull
            }
            _ => self.at_rest(pull, observed),
        }
    }

    fn at_rest(&self, mut pull: Pull, observed: Observed) -> Pull {
        pull.observed = observed;
        pull.settled_at = Some(self.app.clock.now());
        if observed != Observed::Changed {
            pull.last_error = None;
        }
        pull
    }

    fn look_again(&self, mut pull: Pull, why: &str, most: i32) -> Pull {
        pull.attempts = pull.attempts.saturating_add(1);
        pull.last_error = Some(why.to_owned());
        pull.run_after = self.app.clock.now() + backoff(pull.attempts);
        if pull.attempts >= most {
            return self.at_rest_failed(pull);
        }
        pull
    }

    fn at_rest_failed(&self, mut pull: Pull) -> Pull {
        pull.observed = Observed::Failed;
        pull.settled_at = Some(self.app.clock.now());
        pull
    }

    /// What an error means for a copy. A row whose intent is durable stays
    /// `moving` or `restoring`, so the next round looks before it acts.
    fn refused(&self, mut pull: Pull, error: &MailboxError) -> Pull {
        let now = self.app.clock.now();
        pull.last_error = Some(error.to_string());
        match error.disposition() {
            Disposition::Settle => self.at_rest(pull, Observed::Gone),
            Disposition::GiveUp => self.at_rest_failed(pull),
            Disposition::NeedsAdmin => {
                pull.run_after = now + TimeDelta::minutes(5);
                pull
            }
            Disposition::Retry(Some(after)) => {
                pull.run_after = later(now, after.max(Duration::from_millis(500)));
                pull
            }
            Disposition::Retry(None) => {
                let why = error.to_string();
                self.look_again(pull, &why, MAX_UNANSWERED)
            }
        }
    }
}

/// Handfuls of copies; those of one mailbox stay in one, so that what is made or read once
/// a mailbox is made or read once.
fn in_handfuls(pulls: Vec<Pull>) -> Vec<Vec<Pull>> {
    let mut handfuls: Vec<Vec<Pull>> = Vec::new();
    let mut of: HashMap<MailboxRef, usize> = HashMap::new();
    for pull in pulls {
        let full = handfuls.last().is_none_or(|last| last.len() >= HANDFUL);
        let known = of.get(&pull.locator.mailbox).copied();
        if known.is_none() && full {
            handfuls.push(Vec::with_capacity(HANDFUL));
        }
        let last = handfuls.len().saturating_sub(1);
        let at = *of.entry(pull.locator.mailbox.clone()).or_insert(last);
        if let Some(handful) = handfuls.get_mut(at) {
            handful.push(pull);
        }
    }
    handfuls
}

/// Those that are still to be moved out.
async fn still_wanted(rows: &Rows<'_>, mut pulls: Vec<Pull>) -> Result<Vec<Pull>, StoreError> {
    let ids: Vec<_> = pulls.iter().map(|p| p.id).collect();
    let wanted = rows.desired_now(&ids).await?;
    pulls.retain(|pull| wanted.get(&pull.id) == Some(&Desired::Pulled));
    Ok(pulls)
}

/// The fingerprint of what a look gave.
pub(super) fn fingerprint_of(seen: &Seen) -> Option<Fingerprint> {
    match &seen.content {
        Content::Unread => None,
        Content::Raw(raw) => Some(Fingerprint::of(&message::parse(raw, &Limits::default()))),
        Content::Fields(fields) => Some(Fingerprint::of_fields(
            fields.message_id.as_deref(),
            fields.from.as_deref(),
            fields.subject.as_deref(),
            fields.body.as_deref()?,
            fields.body_is_html,
        )),
    }
}

pub(super) fn later(now: DateTime<Utc>, after: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(after)
        .ok()
        .and_then(|after| now.checked_add_signed(after))
        .unwrap_or(now + TimeDelta::days(1))
}

/// 0.5 s doubling up to 5 minutes.
pub(super) fn backoff(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts.clamp(0, 10)).unwrap_or(0);
    TimeDelta::milliseconds(500_i64.saturating_mul(1 << doublings).min(300_000))
}
