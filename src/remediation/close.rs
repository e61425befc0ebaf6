//! The close step: when the search is through and every copy is at rest, counts
//! what came of it and has the reporters thanked.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::receipt;
use crate::{
    app::App,
    domain::{CampaignId, RemediationId, SearchKind, SearchState, Verdict},
    jobs::{self, JobError, Work},
    store::{Rows, StoreError, event::Event, job::Lease, remediation::RemediationState},
    triage::thank,
};

/// See the module.
pub struct Close(pub Arc<App>);

#[async_trait]
impl Work for Close {
    fn kind(&self) -> &'static str {
        jobs::CLOSE
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        let id: RemediationId = lease
            .target
            .parse()
            .map_err(|_| JobError::Park("its target is no remediation".into()))?;
        let now = app.clock.now();
        let key = receipt::key(app).await?;
        let tx = app.store.begin().await?;
        tx.hold(lease, app.lease_end(now)).await?;
        let rows = tx.of(app.tenant);
        super::watch::begin(app, &rows, id, now).await?;
        let Some(mut remediation) = rows.hold_remediation(id).await? else {
            return Err(JobError::Park("its remediation is not there".into()));
        };
        let searched = remediation.state != RemediationState::Searching;
        let counts = rows.count_pulls(remediation.campaign).await?;
        if searched && counts.pending == 0 {
            if !remediation.state.is_over() {
                remediation.state = if remediation.state.is_put_back() {
                    RemediationState::Restored
                } else {
                    RemediationState::Closed
                };
                remediation.closed_at = Some(now);
                rows.save_remediation(&remediation).await?;
                let detail = serde_json::json!({ "copies": counts });
                rows.record(vec![
                    Event::new("checked", now)
                        .of(remediation.campaign)
                        .with(detail),
                ])
                .await?;
            }
            // also of a case that was closed before: a variant may have been pulled since
            renew_receipt(app, &rows, remediation.campaign, &key, now).await?;
            // Put back, and still called malicious: "every copy is out" would be a
            // lie, and what else to tell is for a person to say.
            let campaign = rows.campaign(remediation.campaign).await?;
            let undecided = remediation.state.is_put_back()
                && campaign.is_some_and(|c| c.verdict == Verdict::Malicious);
            if !undecided {
                thank::campaign(app, &rows, remediation.campaign, now).await?;
            }
        }
        tx.finish_job(lease, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The receipt of the newest search tells what became of its copies too.
async fn renew_receipt(
    app: &App,
    rows: &Rows<'_>,
    campaign: CampaignId,
    key: &receipt::Key,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(newest) = rows.last_search(campaign, SearchKind::Pull).await? else {
        return Ok(());
    };
    let Some(search) = rows.hold_search(newest.id).await? else {
        return Ok(());
    };
    if search.state == SearchState::Done {
        let receipt = receipt::issue(app, rows, &search, key, now).await?;
        rows.keep_receipt(search.id, receipt).await?;
    }
    Ok(())
}
