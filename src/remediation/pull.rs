//! The pull step: takes the copies of a campaign that are not at rest, some at
//! a time and as many as may go, until all are.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Reconciler, Rest,
    gate::{self, Onward},
};
use crate::{
    app::App,
    domain::{Admission, CampaignId, Verdict},
    jobs::{self, JobError, Work},
    mailbox::{self, Counts},
    message::Fingerprint,
    store::{StoreError, campaign::Campaign, event::Event, job::Lease, pull::Pull, staged::Due},
};

/// Copies taken in one round: four handfuls of 64, of which one is looked at while another
/// is moved. Larger ones gain little, and what is left is weighed anew between two.
const ROUND: u64 = 256;

/// See the module.
pub struct Pulling(pub Arc<App>);

#[async_trait]
impl Work for Pulling {
    fn kind(&self) -> &'static str {
        jobs::PULL
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        let campaign: CampaignId = lease
            .target
            .parse()
            .map_err(|_| JobError::Park("its target is no campaign".into()))?;
        let rows = app.store.read(app.tenant);
        let Some(decision) = rows.campaign(campaign).await? else {
            return Err(JobError::Park("its campaign is not there".into()));
        };
        let seed: Option<Fingerprint> = rows
            .submission(decision.seed)
            .await?
            .and_then(|seed| seed.fingerprint)
            .and_then(|print| serde_json::from_value(print).ok());
        let Some(seed) = seed else {
            return Err(JobError::Park(
                "its campaign has no fingerprint to verify copies by".into(),
            ));
        };
        self.reopen(&decision, &seed, lease).await?;
        let decided = rows.remediation_of(campaign).await?;
        let due = due(app, campaign).await?;
        let reconciler = Reconciler {
            app,
            lease,
            seed: Some(&seed),
            campaign: Some(campaign),
            protected: gate::Protected::of(app, decided.as_ref()).await?,
        };
        let (rest, counts) = mailbox::counted(reconciler.settle(due)).await;
        finish(app, lease, campaign, rest?, &counts).await
    }
}

/// What is to be looked at in this round: what is never held back, and as many others as
/// may be moved.
async fn due(app: &App, campaign: CampaignId) -> Result<Vec<Pull>, StoreError> {
    let rows = app.store.read(app.tenant);
    let now = app.clock.now();
    let mut due = rows.due_pulls(campaign, Due::Free, now, ROUND).await?;
    let room = ROUND.saturating_sub(due.len() as u64);
    if let Admission::UpTo(most) = gate::admission(app, campaign).await? {
        let more = rows
            .due_pulls(campaign, Due::Staged, now, room.min(most))
            .await?;
        due.extend(more);
    }
    Ok(due)
}

/// Says what the round came to, and when the next is.
async fn finish(
    app: &App,
    lease: &Lease,
    campaign: CampaignId,
    rest: Rest,
    counts: &Counts,
) -> Result<(), JobError> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    tx.hold(lease, app.lease_end(now)).await?;
    let rows = tx.of(app.tenant);
    let mut events = Vec::new();
    for (kind, n) in [("pulled", rest.pulled), ("restored", rest.restored)] {
        if n > 0 {
            let detail = serde_json::json!({ "copies": n });
            events.push(Event::new(kind, now).of(campaign).with(detail));
        }
    }
    rows.record(events).await?;
    let free = rows.next_pull_due(campaign, Due::Free).await?;
    let staged = rows.next_pull_due(campaign, Due::Staged).await?;
    // Jobs before remediations before searches, as everywhere: nobody waits in a circle.
    if free.is_none()
        && staged.is_none()
        && let Some(remediation) = rows.remediation_of(campaign).await?
    {
        let close = jobs::close(remediation.id, now);
        rows.enqueue(vec![close], now).await?;
    }
    let staged = match staged {
        Some(due) => match gate::advance(app, &rows, campaign, now).await? {
            Onward::Now => Some(due.max(rest.not_before.unwrap_or(due))),
            Onward::At(until) => Some(due.max(until)),
            Onward::Idle => None,
        },
        None => None,
    };
    if counts.total() > 0 {
        rows.add_calls(campaign, counts.total(), counts.units)
            .await?;
    }
    match free.into_iter().chain(staged).min() {
        Some(due) => tx.repeat_job(lease, due.max(now)).await?,
        None => tx.finish_job(lease, now).await?,
    }
    tx.commit().await?;
    Ok(())
}

impl Pulling {
    /// Has copies that came to rest before it was known that they are invitations
    /// looked at for their calendar entries.
    async fn reopen(
        &self,
        decision: &Campaign,
        seed: &Fingerprint,
        lease: &Lease,
    ) -> Result<(), JobError> {
        let app = &*self.0;
        let meant = seed.invitation && app.config.pull.calendar;
        if !meant || decision.verdict != Verdict::Malicious {
            return Ok(());
        }
        let now = app.clock.now();
        let tx = app.store.begin().await?;
        tx.hold(lease, app.lease_end(now)).await?;
        let rows = tx.of(app.tenant);
        rows.reopen_invitations(decision.id, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
