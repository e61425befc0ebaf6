//! The search step: names the mailboxes most likely to hold a copy first, then
//! sweeps all of them, and follows forwards. Each run does one wave and commits
//! what it found together with how far it got.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    query_of,
    reconcile::{backoff, fingerprint_of, later},
    wave::{self, Wave},
};
use crate::{
    app::App,
    domain::{
        Desired, MailboxAddress, MailboxRef, MessageQuery, Observed, PullId, PullRole,
        RemediationId,
    },
    jobs::{self, JobError, Work},
    mailbox::{Content, Disposition, Seen},
    message::{self, Fingerprint, Likeness, Limits},
    store::{
        campaign::Campaign,
        event::Event,
        job::Lease,
        pull::Pull,
        remediation::{Gap, Remediation, RemediationState},
        submission::Submission,
    },
};

/// Mailboxes in one wave.
const WAVE: usize = 320;
/// How long before the seed was received its first copy may have been.
const BEFORE_SEED: TimeDelta = TimeDelta::days(2);
/// Tries at a mailbox that gives no answer before it is named unreachable: two
/// and a half hours of an outage, since the pause between two tries grows to five
/// minutes. The reporter's thanks wait for it, so it is no longer than that.
const TRIES: i32 = 40;

/// See the module.
pub struct Search(pub Arc<App>);

/// Attempts at following forwards while no mailbox answers: an hour and a half.
const PATIENCE: i32 = 27;

/// What a run works on.
struct Case<'a> {
    app: &'a App,
    lease: &'a Lease,
    campaign: Campaign,
    seed: Submission,
    print: Fingerprint,
    remediation: Remediation,
}

/// Which mailboxes a wave takes, and why.
enum Step {
    Targeted(Vec<MailboxRef>),
    Forward(String, Vec<MailboxRef>),
    Follow(Vec<MailboxRef>),
    Sweep(Vec<MailboxRef>),
    Retry(Vec<Gap>),
    Done,
}

#[async_trait]
impl Work for Search {
    fn kind(&self) -> &'static str {
        jobs::SEARCH
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let mut case = Case::load(&self.0, lease).await?;
        if case.remediation.state != RemediationState::Searching {
            return case.end().await;
        }
        if case.remediation.plan.is_null() {
            return case.plan().await;
        }
        let step = case.next_step().await?;
        match step {
            Step::Done => case.end().await,
            Step::Follow(mailboxes) => case.follow(mailboxes).await,
            Step::Targeted(mailboxes) => {
                let wave = case.look_into(&mailboxes).await;
                let progress = &mut case.remediation.progress;
                progress.targeted.retain(|m| !mailboxes.contains(m));
                progress
                    .targeted_done
                    .extend(mailboxes.iter().map(|m| m.key().to_owned()));
                case.commit(wave, Vec::new()).await
            }
            Step::Sweep(page) => {
                let progress = &mut case.remediation.progress;
                progress.sweep_done = page.len() < WAVE;
                if let Some(last) = page.last() {
                    progress.swept_to = Some((last.provider.to_string(), last.key().to_owned()));
                }
                let done: HashSet<&str> =
                    progress.targeted_done.iter().map(String::as_str).collect();
                let fresh: Vec<MailboxRef> = page
                    .into_iter()
                    .filter(|m| !done.contains(m.key()))
                    .collect();
                let wave = case.look_into(&fresh).await;
                case.commit(wave, Vec::new()).await
            }
            Step::Forward(id, mailboxes) => {
                let query = MessageQuery {
                    message_ids: vec![id.clone()],
                    phrases: Vec::new(),
                    after: case.since(),
                    sent_only: false,
                };
                let mut wave = wave::search(case.app, &mailboxes, &query).await;
                let open = case.unanswered(&mut wave)?;
                let progress = &mut case.remediation.progress;
                progress.forwards.retain(|(known, _)| *known != id);
                if open.is_empty() {
                    progress.forwards_done.push(id);
                } else {
                    progress.forwards.push((id, open));
                }
                // These mailboxes were counted when they were swept.
                case.remediation.searched -= i64::try_from(wave.searched.len()).unwrap_or(0);
                case.commit(wave, Vec::new()).await
            }
            Step::Retry(gaps) => {
                let mailboxes: Vec<_> = gaps.iter().map(|g| g.mailbox.clone()).collect();
                let wave = case.look_into(&mailboxes).await;
                case.commit(wave, gaps).await
            }
        }
    }
}

impl<'a> Case<'a> {
    async fn load(app: &'a App, lease: &'a Lease) -> Result<Self, JobError> {
        let missing = |what: &str| JobError::Park(format!("its {what} is not there"));
        let id: RemediationId = lease
            .target
            .parse()
            .map_err(|_| JobError::Park("its target is no id".into()))?;
        let rows = app.store.read(app.tenant);
        let remediation = rows
            .remediation(id)
            .await?
            .ok_or_else(|| missing("remediation"))?;
        let campaign = rows
            .campaign(remediation.campaign)
            .await?
            .ok_or_else(|| missing("campaign"))?;
        let seed = rows
            .submission(campaign.seed)
            .await?
            .ok_or_else(|| missing("seed"))?;
        let print = seed
            .fingerprint
            .clone()
            .and_then(|print| serde_json::from_value(print).ok())
            .ok_or_else(|| missing("fingerprint"))?;
        Ok(Self {
            app,
            lease,
            campaign,
            seed,
            print,
            remediation,
        })
    }

    /// Whether the decision that this run carries out is still in force.
    fn still_wanted(&self, current: Option<&Remediation>) -> bool {
        current.is_some_and(|r| {
            r.state == RemediationState::Searching
                && r.decision_version == self.remediation.decision_version
        })
    }

    /// One search of each mailbox for the seed.
    async fn look_into(&self, mailboxes: &[MailboxRef]) -> Wave {
        let query = query_of(&self.print, self.since());
        wave::search(self.app, mailboxes, &query).await
    }

    fn since(&self) -> DateTime<Utc> {
        self.seed
            .message_received_at
            .unwrap_or(self.seed.created_at)
            - BEFORE_SEED
    }

    /// Expands the recipients in the headers into mailboxes, before the sweep.
    async fn plan(mut self) -> Result<(), JobError> {
        let app = self.app;
        let rows = app.store.read(app.tenant);
        let recipients = self.recipients().await?;
        let mut targeted = Vec::new();
        let mut seen = HashSet::new();
        let mut lists = 0_usize;
        for address in &recipients {
            if let Some(mailbox) = rows.mailbox_by_address(address).await? {
                if seen.insert(mailbox.key().to_owned()) {
                    targeted.push(mailbox);
                }
                continue;
            }
            for provider in app.mail.all() {
                let members = match provider.expand(address).await {
                    Ok(Some(members)) => members,
                    Ok(None) => continue,
                    // The sweep reaches every mailbox anyway: a list that
                    // cannot be read costs speed, not completeness.
                    Err(error) => {
                        tracing::warn!(error = %error, "a recipient could not be expanded");
                        continue;
                    }
                };
                lists += 1;
                for member in members {
                    if let Some(mailbox) = rows.mailbox_by_address(&member).await?
                        && seen.insert(mailbox.key().to_owned())
                    {
                        targeted.push(mailbox);
                    }
                }
            }
        }
        let now = app.clock.now();
        self.remediation.mailboxes =
            i64::try_from(rows.count_mailboxes().await?).unwrap_or(i64::MAX);
        // Without an id no platform can name the copies; the reported one stays
        // pulled, and the plan says why no other was looked for.
        let searchable = self.print.message_id.is_some();
        self.remediation.plan = serde_json::json!({
            "recipients": recipients.len(),
            "lists": lists,
            "targeted": targeted.len(),
            "phrases": super::phrases_of(&self.print).len(),
            "unsearchable": (!searchable).then_some("the message has no Message-ID"),
        });
        self.remediation.progress.targeted = targeted;
        if !searchable {
            self.remediation.state = RemediationState::Pulling;
        }
        let tx = app.store.begin().await?;
        tx.hold(self.lease, app.lease_end(now)).await?;
        let current = tx
            .of(app.tenant)
            .hold_remediation(self.remediation.id)
            .await?;
        if !self.still_wanted(current.as_ref()) {
            tx.finish_job(self.lease, now).await?;
            tx.commit().await?;
            return Ok(());
        }
        tx.of(app.tenant)
            .save_remediation(&self.remediation)
            .await?;
        let event = Event::new("search_started", now)
            .of(self.campaign.id)
            .with(self.remediation.plan.clone());
        tx.of(app.tenant).record(vec![event]).await?;
        tx.repeat_job(self.lease, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// To and Cc of the evidence.
    async fn recipients(&self) -> Result<Vec<MailboxAddress>, JobError> {
        let Some(name) = &self.seed.evidence_sha256 else {
            return Ok(Vec::new());
        };
        let raw = self
            .app
            .blobs
            .get(name)
            .await
            .map_err(crate::store::StoreError::from)?;
        let parsed = message::parse(&raw, &Limits::default());
        Ok(addresses_of(&parsed))
    }

    async fn next_step(&self) -> Result<Step, JobError> {
        let progress = &self.remediation.progress;
        if !progress.targeted.is_empty() {
            return Ok(Step::Targeted(
                progress.targeted.iter().take(WAVE).cloned().collect(),
            ));
        }
        if let Some((id, mailboxes)) = progress.forwards.first() {
            return Ok(Step::Forward(id.clone(), mailboxes.clone()));
        }
        if !progress.follow.is_empty() {
            return Ok(Step::Follow(
                progress.follow.iter().take(WAVE).cloned().collect(),
            ));
        }
        let rows = self.app.store.read(self.app.tenant);
        if !progress.sweep_done {
            let after = progress
                .swept_to
                .as_ref()
                .map(|(p, k)| (p.as_str(), k.as_str()));
            let page = rows.mailboxes_after(after, WAVE as u64).await?;
            return Ok(Step::Sweep(page));
        }
        let gaps: Vec<Gap> = rows
            .gaps(self.remediation.id)
            .await?
            .into_iter()
            .filter(|g| g.retrying)
            .take(WAVE)
            .collect();
        Ok(if gaps.is_empty() {
            Step::Done
        } else {
            Step::Retry(gaps)
        })
    }

    /// Looks through the sent mail of mailboxes that hold a copy.
    async fn follow(mut self, mailboxes: Vec<MailboxRef>) -> Result<(), JobError> {
        let query = MessageQuery {
            sent_only: true,
            message_ids: Vec::new(),
            ..query_of(&self.print, self.since())
        };
        let mut wave = wave::search(self.app, &mailboxes, &query).await;
        let open = self.unanswered(&mut wave)?;
        for seen in self.read_in_full(wave.hits).await? {
            self.note_forward(&seen).await?;
        }
        let progress = &mut self.remediation.progress;
        let done = |m: &MailboxRef| mailboxes.contains(m) && !open.contains(m);
        progress.follow.retain(|m| !done(m));
        progress.followed.extend(
            mailboxes
                .iter()
                .filter(|m| done(m))
                .map(|m| m.key().to_owned()),
        );
        self.commit(Wave::default(), Vec::new()).await
    }

    /// The mailboxes of a wave that are to be asked again, taken out of its gaps.
    /// While not one of them answers the job itself waits, up to its patience;
    /// after that they stay among the gaps.
    fn unanswered(&self, wave: &mut Wave) -> Result<Vec<MailboxRef>, JobError> {
        let (open, closed): (Vec<Gap>, Vec<Gap>) = std::mem::take(&mut wave.gaps)
            .into_iter()
            .partition(|g| g.retrying);
        wave.gaps = closed;
        let Some(reason) = open.first().map(|gap| gap.reason.clone()) else {
            return Ok(Vec::new());
        };
        if !wave.searched.is_empty() {
            return Ok(open.into_iter().map(|gap| gap.mailbox).collect());
        }
        if let Some(wait) = wave.wait {
            return Err(JobError::Retry {
                reason,
                after: Some(wait),
                counts: false,
            });
        }
        if self.lease.attempts < PATIENCE {
            return Err(JobError::Outage(reason));
        }
        wave.gaps.extend(open);
        Ok(Vec::new())
    }

    /// Content for hits that came without.
    async fn read_in_full(&self, hits: Vec<Seen>) -> Result<Vec<Seen>, JobError> {
        let (bare, mut full): (Vec<_>, Vec<_>) = hits
            .into_iter()
            .partition(|s| matches!(s.content, Content::Unread));
        if let Some(provider) = bare
            .first()
            .and_then(|s| self.app.mail.of(&s.locator.mailbox))
        {
            let locators: Vec<_> = bare.into_iter().map(|s| s.locator).collect();
            let looks = provider.inspect(&locators).await;
            for look in looks {
                match look {
                    Ok(seen) => full.extend(seen),
                    Err(error)
                        if matches!(error.disposition(), Disposition::Retry(_))
                            && self.lease.attempts < PATIENCE =>
                    {
                        return Err(JobError::Outage(error.to_string()));
                    }
                    Err(error) => tracing::warn!(%error, "a sent message could not be read"),
                }
            }
        }
        Ok(full)
    }

    /// A sent message that holds the seed: its recipients are searched next.
    async fn note_forward(&mut self, seen: &Seen) -> Result<(), JobError> {
        let Some(print) = fingerprint_of(seen) else {
            return Ok(());
        };
        let Some(id) = print.message_id.clone() else {
            return Ok(());
        };
        let progress = &self.remediation.progress;
        let known = progress.forwards_done.contains(&id)
            || progress.forwards.iter().any(|(known, _)| *known == id);
        if known
            || !matches!(
                message::compare(&self.print, &print),
                Likeness::Forward { .. }
            )
        {
            return Ok(());
        }
        let recipients = match &seen.content {
            Content::Fields(fields) => fields.recipients.clone(),
            Content::Raw(raw) => addresses_of(&message::parse(raw, &Limits::default())),
            Content::Unread => Vec::new(),
        };
        let rows = self.app.store.read(self.app.tenant);
        let mut inside = Vec::new();
        for address in recipients {
            match rows.mailbox_by_address(&address).await? {
                Some(mailbox) => inside.push(mailbox),
                None => self.remediation.progress.exposed.push(address.to_string()),
            }
        }
        self.remediation.progress.forwards.push((id, inside));
        Ok(())
    }

    /// Writes what a wave found and how far the search is, in one transaction.
    async fn commit(mut self, mut wave: Wave, retried: Vec<Gap>) -> Result<(), JobError> {
        let app = self.app;
        let now = app.clock.now();
        let new: Vec<Pull> = wave.hits.iter().map(|seen| self.copy(seen, now)).collect();
        self.note_holders(&wave);
        self.remediation.paused_reason = wave.refused.clone();

        let tx = app.store.begin().await?;
        tx.hold(self.lease, app.lease_end(now)).await?;
        let rows = tx.of(app.tenant);
        // Jobs before the remediation before its copies: whoever changes several
        // of them takes them in this order, so that nobody waits in a circle.
        if !new.is_empty() {
            rows.enqueue(vec![jobs::pull(self.campaign.id, now)], now)
                .await?;
        }
        let current = rows.hold_remediation(self.remediation.id).await?;
        if !self.still_wanted(current.as_ref()) {
            // The decision was taken back meanwhile: what this wave found is
            // nobody's target any more.
            tx.finish_job(self.lease, now).await?;
            tx.commit().await?;
            return Ok(());
        }
        rows.insert_new_pulls(&new).await?;
        let open = rows.unverified_elsewhere(self.campaign.id, &new).await?;
        wave.postpone(&open);
        self.remediation.searched += i64::try_from(wave.searched.len()).unwrap_or(0);
        let gaps = merge(&wave.gaps, &retried);
        let retry_at = retry_at(&gaps, wave.wait, now);
        rows.save_gaps(self.remediation.id, &gaps).await?;
        let recovered: Vec<MailboxRef> = wave
            .searched
            .iter()
            .filter(|m| retried.iter().any(|g| g.mailbox == **m))
            .cloned()
            .collect();
        rows.close_gaps(self.remediation.id, &recovered).await?;
        rows.save_remediation(&self.remediation).await?;
        let next = if retried.is_empty() { now } else { retry_at };
        tx.repeat_job(self.lease, next).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Mailboxes that hold a copy may have sent it on: their sent mail is next.
    fn note_holders(&mut self, wave: &Wave) {
        let progress = &mut self.remediation.progress;
        for seen in &wave.hits {
            let mailbox = &seen.locator.mailbox;
            let known = progress.followed.iter().any(|k| k == mailbox.key())
                || progress.follow.contains(mailbox);
            if !known {
                progress.follow.push(mailbox.clone());
            }
        }
    }

    fn copy(&self, seen: &Seen, now: DateTime<Utc>) -> Pull {
        Pull {
            id: PullId::new(now),
            campaign: Some(self.campaign.id),
            submission: None,
            locator: seen.locator.clone(),
            role: PullRole::Copy,
            desired: Desired::Pulled,
            observed: Observed::Found,
            original: None,
            quarantine: None,
            evidence_sha256: self.seed.evidence_sha256.clone(),
            decision_version: self.campaign.decision_version,
            matched_by: "matched the search; to be verified by content".to_owned(),
            attempts: 0,
            run_after: now,
            last_error: None,
            found_at: now,
            intent_at: None,
            settled_at: None,
        }
    }

    /// The search is through: the close step takes over.
    async fn end(mut self) -> Result<(), JobError> {
        let app = self.app;
        let now = app.clock.now();
        let tx = app.store.begin().await?;
        tx.hold(self.lease, app.lease_end(now)).await?;
        let rows = tx.of(app.tenant);
        let next = vec![
            jobs::pull(self.campaign.id, now),
            jobs::close(self.remediation.id, now),
        ];
        rows.enqueue(next, now).await?;
        let current = rows.hold_remediation(self.remediation.id).await?;
        if self.still_wanted(current.as_ref()) {
            self.remediation.state = RemediationState::Pulling;
            self.remediation.paused_reason = None;
            rows.save_remediation(&self.remediation).await?;
            let gaps = rows.gaps(self.remediation.id).await?.len();
            let detail = serde_json::json!({
                "mailboxes": self.remediation.mailboxes,
                "searched": self.remediation.searched,
                "unreachable": gaps,
                "exposed": self.remediation.progress.exposed.len(),
            });
            rows.record(vec![
                Event::new("searched", now)
                    .of(self.campaign.id)
                    .with(detail),
            ])
            .await?;
        }
        tx.finish_job(self.lease, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// To and Cc as mailbox addresses; what is none is left out.
fn addresses_of(parsed: &message::ParsedMessage) -> Vec<MailboxAddress> {
    let mut found: Vec<MailboxAddress> = parsed
        .to
        .iter()
        .chain(&parsed.cc)
        .filter_map(|person| person.address.parse().ok())
        .collect();
    found.dedup();
    found
}

/// New gaps, with the tries of those that were tried before added up. One that
/// never answers is named unreachable instead of being tried for ever.
fn merge(new: &[Gap], retried: &[Gap]) -> Vec<Gap> {
    new.iter()
        .map(|gap| {
            let before = retried
                .iter()
                .find(|g| g.mailbox == gap.mailbox)
                .map_or(0, |g| g.attempts);
            let attempts = before.saturating_add(1);
            Gap {
                attempts,
                retrying: gap.retrying && attempts < TRIES,
                ..gap.clone()
            }
        })
        .collect()
}

fn retry_at(gaps: &[Gap], wait: Option<std::time::Duration>, now: DateTime<Utc>) -> DateTime<Utc> {
    if !gaps.iter().any(|g| g.retrying) {
        return now;
    }
    let tries = gaps.iter().map(|g| g.attempts).max().unwrap_or(1);
    // A provider that says "in a second" for a minute must not use up the tries.
    let own = now + backoff(tries);
    wait.map_or(own, |wait| own.max(later(now, wait)))
}
