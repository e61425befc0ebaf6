//! One step of a watch: the mailboxes that are owed a look, or a page of the round
//! that is due; what it found and how far it got in one transaction.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    super::reconcile::later,
    Case, in_force,
    look::{self, Look},
    resubscribe, schedule,
};
use crate::{
    domain::MailboxRef,
    jobs::{self, JobError},
    store::{
        Rows, StoreError,
        event::Event,
        remediation::{Remediation, RemediationState},
        watch::{RoundScope, Watch},
        watched::Owed,
    },
};

/// Mailboxes in one step.
const WAVE: u64 = 320;
/// Looks in a row without an answer after which a mailbox waits for the next round.
const TRIES: i32 = 10;
/// The least time between the beginnings of two rounds over all mailboxes that
/// gaps ask for: notifications that say so again and again are one gap.
const BETWEEN_SWEEPS: TimeDelta = TimeDelta::hours(1);

/// The mailboxes of one step.
enum Step {
    /// Those that are owed a look.
    Owed(Vec<Owed>),
    /// The next page of the round under way, and whether it is the last.
    Page(Vec<MailboxRef>, bool),
}

impl Case<'_> {
    /// One step of what is due, or sleep until something is.
    pub(super) async fn step(mut self) -> Result<(), JobError> {
        let (app, id) = (self.app, self.watch.remediation);
        let now = app.clock.now();
        let rows = app.store.read(app.tenant);
        let owed = rows.owed(id, now, WAVE).await?;
        if !owed.is_empty() {
            return self.walk(Step::Owed(owed), now).await;
        }
        if self.watch.scope.is_none() {
            if self.has_swept_last() && rows.next_owed(id).await?.is_none() {
                return self.end().await;
            }
            if !self.begin_round(now) {
                return self.sleep(now).await;
            }
        }
        let after = self.watch.after.as_ref();
        let after = after.map(|(provider, key)| (provider.as_str(), key.as_str()));
        let page = match self.watch.scope {
            Some(RoundScope::All) => rows.mailboxes_after(after, WAVE).await?,
            _ => rows.likely_after(id, after, WAVE).await?,
        };
        let last = (page.len() as u64) < WAVE;
        self.walk(Step::Page(page, last), now).await
    }

    /// When a gap asks for a round over all mailboxes.
    fn gap_due(&self) -> Option<DateTime<Utc>> {
        let noted = self.watch.gap_at?;
        let earliest = self.watch.swept_at.map(|at| at + BETWEEN_SWEEPS);
        Some(earliest.map_or(noted, |earliest| noted.max(earliest)))
    }

    /// Whether the round at the end, over all mailboxes, is through.
    fn has_swept_last(&self) -> bool {
        self.watch.scope.is_none() && self.watch.swept_at >= Some(self.watch.until)
    }

    /// Begins the round that is due, if there is one.
    fn begin_round(&mut self, now: DateTime<Utc>) -> bool {
        if self.has_swept_last() {
            return false;
        }
        let gap = self.gap_due().is_some_and(|due| due <= now);
        let due = self.watch.next_round.is_some_and(|next| next <= now);
        if gap || (due && now >= self.watch.until) {
            self.watch.scope = Some(RoundScope::All);
            self.watch.swept_at = Some(now);
        } else if due {
            self.watch.scope = Some(RoundScope::Likely);
        }
        gap || due
    }

    async fn sleep(self, now: DateTime<Utc>) -> Result<(), JobError> {
        let app = self.app;
        let owed = app
            .store
            .read(app.tenant)
            .next_owed(self.watch.remediation)
            .await?;
        let next = if self.has_swept_last() {
            [owed, None, None]
        } else {
            [owed, self.watch.next_round, self.gap_due()]
        };
        let tx = app.store.begin().await?;
        tx.hold(self.lease, app.lease_end(now)).await?;
        match next.into_iter().flatten().min() {
            Some(next) => tx.repeat_job(self.lease, next.max(now)).await?,
            None => tx.finish_job(self.lease, now).await?,
        }
        tx.commit().await?;
        Ok(())
    }

    /// Looks into the mailboxes of a step and commits what came of it.
    async fn walk(self, step: Step, now: DateTime<Utc>) -> Result<(), JobError> {
        let mailboxes: Vec<MailboxRef> = match &step {
            Step::Owed(owed) => owed.iter().map(|owed| owed.mailbox.clone()).collect(),
            Step::Page(page, _) => page.clone(),
        };
        let look = self.look_into(&mailboxes).await?;
        self.commit(step, look, now).await
    }

    /// Writes what a step found and how far the watch is, in one transaction.
    /// `begun`: what was owed by then was looked for.
    async fn commit(
        mut self,
        step: Step,
        look: Look,
        begun: DateTime<Utc>,
    ) -> Result<(), JobError> {
        let app = self.app;
        let now = app.clock.now();
        let id = self.watch.remediation;
        let tx = app.store.begin().await?;
        tx.hold(self.lease, app.lease_end(now)).await?;
        let rows = tx.of(app.tenant);
        if look.is_news() {
            rows.enqueue(vec![jobs::pull(self.campaign.id, now)], now)
                .await?;
            resubscribe(app, &rows, now).await?;
        }
        let current = rows.hold_remediation(id).await?;
        let Some(current) = current.filter(|current| in_force(&self.watch, current)) else {
            // Taken back, or searched anew: what was found is nobody's target any
            // more, and the next run sees which of both it is.
            tx.repeat_job(self.lease, now).await?;
            tx.commit().await?;
            return Ok(());
        };
        self.record(&rows, current, &look, now).await?;
        let mut open = rows
            .unverified_elsewhere(self.campaign.id, &look.copies)
            .await?;
        open.extend(look.unanswered.iter().cloned());
        let answered: Vec<MailboxRef> = look
            .searched
            .iter()
            .filter(|mailbox| !open.contains(mailbox))
            .cloned()
            .collect();
        rows.looked(id, &answered, begun).await?;
        self.owe(&rows, &step, open, look.wait, now).await?;
        match step {
            Step::Owed(_) => rows.keep_watch(&self.watch).await?,
            Step::Page(page, last) => {
                if self.watch.after.is_none() && self.watch.scope == Some(RoundScope::All) {
                    rows.close_gap(id, begun).await?;
                }
                self.advance(&page, last, now);
                rows.keep_watch(&self.watch).await?;
            }
        }
        tx.repeat_job(self.lease, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// New copies, and the campaign that is at rest no longer.
    async fn record(
        &mut self,
        rows: &Rows<'_>,
        mut current: Remediation,
        look: &Look,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        rows.insert_new_pulls(&look.others).await?;
        let new = rows.insert_new_pulls(&look.copies).await?;
        let back = rows.came_back(&look.back, now).await?;
        let copies = new + back;
        if copies == 0 {
            return Ok(());
        }
        rows.keep_likely(current.id, &look.holders).await?;
        self.watch.resurfaced += i64::try_from(copies).unwrap_or(0);
        current.state = RemediationState::Pulling;
        current.closed_at = None;
        rows.save_remediation(&current).await?;
        let detail = serde_json::json!({ "copies": copies, "mailboxes": look.holders.len() });
        rows.record(vec![
            Event::new("resurfaced", now)
                .of(self.campaign.id)
                .with(detail),
        ])
        .await
    }

    /// Mailboxes that are to be looked into again, each not too often.
    async fn owe(
        &self,
        rows: &Rows<'_>,
        step: &Step,
        open: Vec<MailboxRef>,
        wait: Option<Duration>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tried = |mailbox: &MailboxRef| match step {
            Step::Owed(owed) => owed
                .iter()
                .find(|owed| owed.mailbox == *mailbox)
                .map_or(0, |owed| owed.tries),
            Step::Page(..) => 0,
        };
        let id = self.watch.remediation;
        let (spent, again): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|mailbox| tried(mailbox) + 1 >= TRIES);
        rows.owe(id, &spent, None).await?;
        let tries = again.iter().map(tried).max().unwrap_or(0);
        let own = now + look::pause(tries);
        let due = wait.map_or(own, |wait| own.max(later(now, wait)));
        rows.owe(id, &again, Some(due)).await
    }

    /// Moves the round on; with its last page it is through.
    fn advance(&mut self, page: &[MailboxRef], last: bool, now: DateTime<Utc>) {
        if !last {
            let reached = page.last();
            self.watch.after =
                reached.map(|last| (last.provider.to_string(), last.key().to_owned()));
            return;
        }
        self.watch.after = None;
        self.watch.scope = None;
        // A round over all that a gap asked for replaces only one that was due.
        if self.watch.next_round.is_some_and(|next| next <= now) {
            let Watch {
                began_at, until, ..
            } = self.watch;
            self.watch.next_round = schedule::next_round(began_at, until, now).or(Some(until));
        }
    }

    /// The last round is through and no mailbox is owed a look.
    async fn end(self) -> Result<(), JobError> {
        let app = self.app;
        let now = app.clock.now();
        let id = self.watch.remediation;
        let tx = app.store.begin().await?;
        tx.hold(self.lease, app.lease_end(now)).await?;
        let rows = tx.of(app.tenant);
        resubscribe(app, &rows, now).await?;
        let unanswered = rows.count_unanswered(id, TRIES).await?;
        let detail = serde_json::json!({
            "resurfaced": self.watch.resurfaced,
            "unreachable": unanswered,
        });
        rows.end_watch(id).await?;
        let ended = Event::new("watch_ended", now).of(self.campaign.id);
        rows.record(vec![ended.with(detail)]).await?;
        tx.finish_job(self.lease, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
