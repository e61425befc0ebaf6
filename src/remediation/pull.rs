//! The pull step: takes the copies of a campaign that are not at rest, some at
//! a time, until all are.

use std::sync::Arc;

use async_trait::async_trait;

use super::Reconciler;
use crate::{
    app::App,
    domain::{CampaignId, Verdict},
    jobs::{self, JobError, Work},
    mailbox,
    message::Fingerprint,
    store::{campaign::Campaign, event::Event, job::Lease},
};

/// Copies taken in one round: three full provider batches of 20.
const ROUND: u64 = 60;

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
        let due = rows.due_pulls(campaign, app.clock.now(), ROUND).await?;
        let reconciler = Reconciler {
            app,
            lease,
            seed: Some(&seed),
        };
        let (rest, counts) = mailbox::counted(reconciler.settle(due)).await;
        let rest = rest?;

        let now = app.clock.now();
        let remediation = rows.remediation_of(campaign).await?;
        let tx = app.store.begin().await?;
        tx.hold(lease, app.lease_end(now)).await?;
        let mut events = Vec::new();
        for (kind, n) in [("pulled", rest.pulled), ("restored", rest.restored)] {
            if n > 0 {
                let detail = serde_json::json!({ "copies": n });
                events.push(Event::new(kind, now).of(campaign).with(detail));
            }
        }
        tx.of(app.tenant).record(events).await?;
        // Jobs before searches, as everywhere: nobody waits in a circle.
        let next = tx.of(app.tenant).next_pull_due(campaign).await?;
        if let (None, Some(remediation)) = (next, remediation) {
            let close = jobs::close(remediation.id, now);
            tx.of(app.tenant).enqueue(vec![close], now).await?;
        }
        if counts.total() > 0 {
            let rows = tx.of(app.tenant);
            rows.add_calls(campaign, counts.total(), counts.units)
                .await?;
        }
        match next {
            Some(due) => tx.repeat_job(lease, due.max(now)).await?,
            None => tx.finish_job(lease, now).await?,
        }
        tx.commit().await?;
        Ok(())
    }
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
