//! Writes what a step found and how far the search is, in one transaction with its
//! entry in the chain.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Run, TRIES, Wave, finds::Finds, plan};
use crate::{
    domain::{
        CampaignId, Cause, Desired, Errand, HitOutcome, MailboxRef, RemediationId, SearchKind,
        SearchState, Way,
    },
    jobs::{self, JobError},
    mailbox::{Counts, Family},
    remediation::{
        receipt,
        reconcile::{backoff, later},
    },
    store::{
        Rows, StoreError, Tx,
        event::Event,
        job::NewJob,
        remediation::{Remediation, RemediationState},
        search::{CallsMade, Hit, InScope, NewForward, Ranked, Search, Unanswered},
    },
};

/// Addresses outside that are named; more are counted in the forwards.
const EXPOSED: usize = 1_000;
/// Hits that are kept because they came near.
const DECOYS: u64 = 10_000;

/// What a step changes beside the mailboxes it asked.
#[derive(Default)]
pub(super) struct Change {
    /// Forwards with the mailboxes that are still without an answer.
    pub(super) forwards_left: Vec<(String, Vec<MailboxRef>)>,
    /// Forwards found.
    pub(super) forwards: Vec<NewForward>,
    /// Mailboxes whose sent mail and rules were read.
    pub(super) followed: Vec<MailboxRef>,
    /// Mailboxes that go before others from now on.
    pub(super) ranked: Vec<Ranked>,
    /// Mailboxes that were looked through for variants.
    pub(super) varied: Vec<MailboxRef>,
    /// Mailboxes to be looked through by content.
    pub(super) by_content: Vec<MailboxRef>,
    /// What the receipt is to say.
    pub(super) remarks: Vec<String>,
    /// Why it may be incomplete.
    pub(super) doubts: Vec<String>,
    /// Mailboxes whose sent mail is read again later: tries so far, and when.
    pub(super) postponed: Vec<(MailboxRef, i32, DateTime<Utc>)>,
    /// Mailboxes whose sent mail is given up.
    pub(super) unread: Vec<MailboxRef>,
}

/// Messages that no step before has met: two ways may lead to one.
#[derive(Default)]
struct New {
    found: u64,
    decoys: u64,
}

impl Run<'_> {
    /// A transaction in which this search is held; `None` when the decision is no
    /// longer in force: the job is over then. Whoever changes several takes jobs
    /// before remediations before searches before copies, so that nobody waits in
    /// a circle.
    async fn hold(&mut self, next: Vec<NewJob>) -> Result<Option<Tx>, JobError> {
        let app = self.app;
        let now = app.clock.now();
        let tx = app.store.begin().await?;
        tx.hold(self.lease, app.lease_end(now)).await?;
        let rows = tx.of(app.tenant);
        rows.enqueue(next, now).await?;
        let remediation = match self.search.remediation {
            Some(id) => rows.hold_remediation(id).await?,
            None => None,
        };
        let Some(current) = rows.hold_search(self.search.id).await? else {
            return Err(JobError::Park("its search is not there".into()));
        };
        if current.state == SearchState::Stopped || !self.still_wanted(remediation.as_ref()) {
            if current.state != SearchState::Stopped {
                let stopped = Search {
                    state: SearchState::Stopped,
                    finished_at: Some(now),
                    ..current
                };
                rows.save_search(&stopped).await?;
            }
            tx.finish_job(self.lease, now).await?;
            tx.commit().await?;
            return Ok(None);
        }
        // The pull step adds its calls to the row meanwhile.
        self.search.progress.made = current.progress.made;
        Ok(Some(tx))
    }

    /// Whether the decision that this run carries out is still in force.
    fn still_wanted(&self, remediation: Option<&Remediation>) -> bool {
        match self.search.kind {
            SearchKind::DryRun => true,
            SearchKind::Pull => remediation.is_some_and(|r| {
                r.state == RemediationState::Searching
                    && r.decision_version == self.search.decision_version
            }),
        }
    }

    pub(super) async fn record_forwards(
        &mut self,
        forwards_left: Vec<(String, Vec<MailboxRef>)>,
        mut wave: Wave,
        finds: Finds,
    ) -> Result<(), JobError> {
        // Who did not answer is asked again in its own turn, for these forwards too;
        // who answered has not been asked for the seed by that.
        wave.searched.clear();
        let change = Change {
            forwards_left,
            ..Change::default()
        };
        self.commit("forwards", &[], wave, finds, change).await
    }

    pub(super) async fn record_variants(
        &mut self,
        asked: Vec<InScope>,
        wave: Wave,
        finds: Finds,
    ) -> Result<(), JobError> {
        let change = Change {
            varied: wave.searched.clone(),
            ..Change::default()
        };
        self.commit("variants", &asked, wave, finds, change).await
    }

    /// Variants are not looked for after all: the configuration changed meanwhile.
    pub(super) async fn no_variants(&mut self, asked: &[MailboxRef]) -> Result<(), JobError> {
        let change = Change {
            varied: asked.to_vec(),
            doubts: vec![
                "a rule sends mail on under another id, and the message holds no link to find \
                 it by"
                    .to_owned(),
            ],
            ..Change::default()
        };
        self.commit("variants", &[], Wave::default(), Finds::default(), change)
            .await
    }

    /// Writes what a wave found and how far the search is.
    pub(super) async fn commit(
        &mut self,
        step: &str,
        asked: &[InScope],
        mut wave: Wave,
        finds: Finds,
        change: Change,
    ) -> Result<(), JobError> {
        let app = self.app;
        let now = app.clock.now();
        let id = self.search.id;
        let to_pull = finds.pulls.iter().any(|p| p.desired == Desired::Pulled);
        let campaign = self.search.campaign.filter(|_| to_pull);
        let next = campaign.map(|id| jobs::pull(id, now)).into_iter().collect();
        let Some(tx) = self.hold(next).await? else {
            return Ok(());
        };
        let rows = tx.of(app.tenant);
        let mut new = New {
            found: rows.insert_new_pulls(&finds.pulls).await?,
            ..New::default()
        };
        if let Some(campaign) = self.search.campaign.filter(|_| !self.dry()) {
            let open = rows.unverified_elsewhere(campaign, &finds.pulls).await?;
            wave.postpone(&open);
        }
        let room = DECOYS.saturating_sub(self.search.progress.decoys);
        let keep = if self.dry() {
            usize::MAX
        } else {
            usize::try_from(room).unwrap_or(0)
        };
        let kept = finds.hits.get(..keep.min(finds.hits.len()));
        let kept = kept.unwrap_or_default();
        let (near, found): (Vec<Hit>, Vec<Hit>) = kept
            .iter()
            .cloned()
            .partition(|hit| hit.sighting.outcome == HitOutcome::Decoy);
        new.found += rows.keep_hits(id, &found).await?;
        new.decoys = rows.keep_hits(id, &near).await?;
        new.decoys += (finds.hits.len() - kept.len()) as u64;
        rows.mark_searched(id, &wave.searched, now).await?;
        let missed = unanswered(&wave, asked, now);
        rows.mark_unanswered(id, &missed).await?;
        rows.remark_on(
            id,
            &wave.truncated,
            "more candidates lie in it than are looked at",
            Cause::Truncated,
        )
        .await?;
        rows.follow_mailboxes(id, &self.to_follow(&finds.holders))
            .await?;
        self.count_beyond(&finds.holders);
        self.apply(&rows, &change, now).await?;
        self.count(&wave, &finds, &change, &new);
        self.search.paused_reason.clone_from(&wave.refused);
        let entry = told(step, asked, &wave, &finds, &change);
        rows.enter(&mut self.search, &entry, now).await?;
        rows.save_search(&self.search).await?;
        tx.repeat_job(self.lease, now).await?;
        tx.commit().await?;
        Ok(())
    }

    fn to_follow(&self, holders: &[(MailboxRef, u32)]) -> Vec<(MailboxRef, u32)> {
        let follows = self.target.print.is_some();
        let most = self.app.config.search.forward_depth;
        holders
            .iter()
            .filter(|(_, depth)| follows && *depth < most)
            .cloned()
            .collect()
    }

    /// Copies so deep that who holds them is not looked through for forwards.
    fn count_beyond(&mut self, holders: &[(MailboxRef, u32)]) {
        let most = self.app.config.search.forward_depth;
        let beyond = holders.iter().filter(|(_, depth)| *depth >= most).count();
        if self.target.print.is_none() || most == 0 || beyond == 0 {
            return;
        }
        let progress = &mut self.search.progress;
        progress.beyond_depth += beyond as u64;
        let doubt = format!("forwards of forwards were followed to depth {most} and no further");
        if !progress.doubts.contains(&doubt) {
            progress.doubts.push(doubt);
        }
    }

    async fn apply(
        &self,
        rows: &Rows<'_>,
        change: &Change,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let id = self.search.id;
        for (forward, left) in &change.forwards_left {
            rows.mark_forward(id, forward, left).await?;
        }
        rows.note_forwards(id, &change.forwards, now).await?;
        rows.mark_followed(id, &change.followed).await?;
        for (mailbox, attempts, at) in &change.postponed {
            rows.postpone_follow(id, mailbox, *attempts, *at).await?;
        }
        rows.remark_on(
            id,
            &change.unread,
            "its sent mail could not be read for forwards",
            Cause::SentMail,
        )
        .await?;
        rows.rank_mailboxes(id, &change.ranked).await?;
        rows.mark_variants(id, &change.by_content, Errand::Waiting)
            .await?;
        rows.mark_variants(id, &change.varied, Errand::Done).await
    }

    fn count(&mut self, wave: &Wave, finds: &Finds, change: &Change, new: &New) {
        let progress = &mut self.search.progress;
        progress.made.add(&wave.counts);
        progress.found += new.found;
        progress.decoys += new.decoys;
        progress.looked_at += finds.hits.len() as u64 + finds.pulls.len() as u64;
        for (list, more) in [
            (&mut progress.remarks, &change.remarks),
            (&mut progress.doubts, &change.doubts),
        ] {
            for words in more {
                if list.len() < 20 && !list.contains(words) {
                    list.push(words.clone());
                }
            }
        }
    }

    /// Notes addresses outside that the message was sent on to.
    pub(super) fn expose(&mut self, outside: impl IntoIterator<Item = String>) {
        let exposed = &mut self.search.progress.exposed;
        for address in outside {
            if exposed.len() < EXPOSED && !exposed.contains(&address) {
                exposed.push(address);
            }
        }
    }

    /// Saves the plan and begins with the first wave.
    pub(super) async fn begin_with(
        &mut self,
        prepared: plan::Prepared,
        counts: &Counts,
    ) -> Result<(), JobError> {
        let app = self.app;
        let now = app.clock.now();
        let id = self.search.id;
        let Some(tx) = self.hold(Vec::new()).await? else {
            return Ok(());
        };
        let rows = tx.of(app.tenant);
        self.search.progress.made.add(counts);
        let searchable = self.search.plan.unsearchable.is_none();
        if searchable {
            let variants = if self.search.plan.no_variants.is_none() {
                Errand::Waiting
            } else {
                Errand::No
            };
            rows.scope_directory(id, variants).await?;
            rows.rank_mailboxes(id, &prepared.ranked).await?;
            let departments = &app.config.search.finance_departments;
            rows.rank_departments(id, departments, plan::FINANCE)
                .await?;
            let excluded = rows
                .exclude_mailboxes(id, &prepared.excluded, "left out by [search] exclude")
                .await?;
            self.search.plan.excluded = excluded;
            rows.name_unreachable(id, &prepared.groups).await?;
        }
        let counts = rows.count_search(id).await?;
        self.search.mailboxes = i64::try_from(counts.expected).unwrap_or(i64::MAX);
        self.plan_costs(&counts, rows.count_platforms(id).await?);
        self.search.state = SearchState::Searching;
        let entry = json!({ "step": "planned", "plan": self.search.plan });
        rows.enter(&mut self.search, &entry, now).await?;
        rows.save_search(&self.search).await?;
        if let Some(campaign) = self.search.campaign.filter(|_| !self.dry()) {
            let plan = &self.search.plan;
            let detail = json!({
                "search": id,
                "recipients": plan.recipients,
                "lists": plan.lists.len(),
                "mailboxes": self.search.mailboxes,
                "calls": plan.calls(),
                "unsearchable": plan.unsearchable,
            });
            let event = Event::new("search_started", now).of(campaign).with(detail);
            rows.record(vec![event]).await?;
        }
        tx.repeat_job(self.lease, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Nothing to ask before this time.
    pub(super) async fn wait(self, until: DateTime<Utc>) -> Result<(), JobError> {
        let now = self.app.clock.now();
        let tx = self.app.store.begin().await?;
        tx.hold(self.lease, self.app.lease_end(now)).await?;
        tx.repeat_job(self.lease, until).await?;
        tx.commit().await?;
        Ok(())
    }

    pub(super) async fn finish_job(self) -> Result<(), JobError> {
        let now = self.app.clock.now();
        let tx = self.app.store.begin().await?;
        tx.hold(self.lease, self.app.lease_end(now)).await?;
        tx.finish_job(self.lease, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The search is through: its receipt is written, and the close step takes over.
    pub(super) async fn end(mut self) -> Result<(), JobError> {
        let app = self.app;
        let now = app.clock.now();
        let key = receipt::key(app).await?;
        let both = self.search.campaign.zip(self.search.remediation);
        let next = both.map_or_else(Vec::new, |(campaign, remediation)| {
            vec![jobs::pull(campaign, now), jobs::close(remediation, now)]
        });
        let Some(tx) = self.hold(next).await? else {
            return Ok(());
        };
        let rows = tx.of(app.tenant);
        if let Some((campaign, remediation)) = both {
            self.pass_on(&rows, remediation, campaign, now).await?;
        }
        self.search.state = SearchState::Done;
        self.search.paused_reason = None;
        self.search.finished_at = Some(now);
        let counts = rows.count_search(self.search.id).await?;
        let entry = json!({ "step": "through", "mailboxes": counts });
        rows.enter(&mut self.search, &entry, now).await?;
        rows.save_search(&self.search).await?;
        let receipt = receipt::issue(app, &rows, &self.search, &key, now).await?;
        rows.keep_receipt(self.search.id, receipt).await?;
        tx.finish_job(self.lease, now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn pass_on(
        &self,
        rows: &Rows<'_>,
        remediation: RemediationId,
        campaign: CampaignId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(known) = rows.hold_remediation(remediation).await? else {
            return Ok(());
        };
        let pulling = Remediation {
            state: RemediationState::Pulling,
            ..known
        };
        rows.save_remediation(&pulling).await?;
        let counts = rows.count_search(self.search.id).await?;
        let detail = json!({
            "search": self.search.id,
            "mailboxes": counts.expected,
            "searched": counts.searched,
            "unreachable": counts.unreachable,
            "excluded": counts.excluded,
            "exposed": self.search.progress.exposed.len(),
        });
        let event = Event::new("searched", now).of(campaign).with(detail);
        rows.record(vec![event]).await
    }
}

impl CallsMade {
    /// Adds the calls of a wave.
    pub(in crate::remediation) fn add(&mut self, counts: &Counts) {
        self.calls += counts.total();
        self.units += counts.units;
        let directory = [
            Family::Directory,
            Family::Trace,
            Family::Hunting,
            Family::Settings,
        ];
        self.directory += directory
            .iter()
            .filter_map(|family| counts.calls.get(family))
            .sum::<u64>();
    }
}

/// Mailboxes that were missed, with the tries of before added up. One that never
/// answers is named unreachable instead of being tried for ever.
fn unanswered(wave: &Wave, asked: &[InScope], now: DateTime<Utc>) -> Vec<Unanswered> {
    wave.missed
        .iter()
        .map(|missed| {
            let before = asked
                .iter()
                .find(|one| one.mailbox == missed.mailbox)
                .map_or(0, |one| one.attempts);
            let attempts = before.saturating_add(1);
            // A provider that says "in a second" for a minute must not use up the
            // tries.
            let pause: TimeDelta = backoff(attempts);
            let own = now + pause;
            let at = missed.wait.map_or(own, |wait| own.max(later(now, wait)));
            Unanswered {
                mailbox: missed.mailbox.clone(),
                again: (missed.again && attempts < TRIES).then_some(at),
                reason: missed.reason.clone(),
                cause: missed.cause,
                attempts,
            }
        })
        .collect()
}

/// What the chain keeps of a step: counts, and a hash over the mailboxes that
/// answered, so that the ledger cannot be filled in afterwards.
fn told(step: &str, asked: &[InScope], wave: &Wave, finds: &Finds, change: &Change) -> Value {
    let mut answered: Vec<&str> = wave.searched.iter().map(MailboxRef::key).collect();
    answered.sort_unstable();
    let mut hash = Sha256::new();
    for key in &answered {
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key.as_bytes());
    }
    let way = asked.first().map_or(Way::Sweep, |one| one.way);
    json!({
        "step": step,
        "way": way,
        "asked": asked.len(),
        "answered": answered.len(),
        "answered_sha256": hex::encode(hash.finalize()),
        "missed": wave.missed.len(),
        "found": finds.found,
        "left_out": finds.hits.len(),
        "forwards": change.forwards.len(),
        "followed": change.followed.len(),
        "calls": wave.counts.total(),
        "units": wave.counts.units,
    })
}
