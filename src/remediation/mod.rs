//! Finding every copy of a campaign, pulling it, and putting it back.
//!
//! The decision is a row ([`crate::store::remediation::Remediation`]), each copy
//! is a row ([`crate::store::pull::Pull`]). The steps read what is wanted, look
//! at what is, take at most one provider effect a copy, and record it. Nothing
//! here deletes. Progress survives a crash at any point; an unknown outcome is
//! looked up, never repeated blindly.

mod close;
mod pull;
mod reconcile;
mod search;
pub mod undo;
mod wave;

pub use close::Close;
pub use pull::Pulling;
pub use reconcile::{Reconciler, Rest};
pub use search::Search;

use chrono::{DateTime, Utc};

use crate::{
    domain::{CampaignId, Desired, MessageQuery, RemediationId},
    jobs,
    message::Fingerprint,
    store::{
        Rows, StoreError,
        campaign::Campaign,
        remediation::{Remediation, RemediationState, SearchProgress},
    },
};

/// A new decision to pull a campaign.
#[must_use]
pub fn decided(campaign: CampaignId, decision_version: i32, now: DateTime<Utc>) -> Remediation {
    Remediation {
        id: RemediationId::new(now),
        campaign,
        state: RemediationState::Searching,
        decision_version,
        plan: serde_json::Value::Null,
        progress: SearchProgress::default(),
        mailboxes: 0,
        searched: 0,
        paused_reason: None,
        created_at: now,
        closed_at: None,
    }
}

/// The words that a forward of the seed still holds: its link hosts. At most
/// five, so that a message full of links does not become a query of hundreds.
fn phrases_of(seed: &Fingerprint) -> Vec<String> {
    seed.hosts()
        .into_iter()
        .filter(|host| host.len() >= 6)
        .take(5)
        .map(str::to_owned)
        .collect()
}

/// What is searched in every mailbox.
fn query_of(seed: &Fingerprint, after: DateTime<Utc>) -> MessageQuery {
    MessageQuery {
        message_ids: seed.message_id.iter().cloned().collect(),
        phrases: phrases_of(seed),
        after,
        sent_only: false,
    }
}

/// Wants every copy of a campaign back in its place, and stops its search. The
/// campaign is held by the caller.
pub(crate) async fn restore_all(
    rows: &Rows<'_>,
    campaign: &Campaign,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // Jobs before the remediation before its copies, as everywhere: nobody waits
    // in a circle.
    rows.enqueue(vec![jobs::pull(campaign.id, now)], now)
        .await?;
    // The remediation before the copies: a search that is about to record copies
    // either finishes before this change or sees it.
    if let Some(mut remediation) = rows.hold_remediation_of(campaign.id).await? {
        remediation.state = RemediationState::Restoring;
        remediation.decision_version = campaign.decision_version;
        remediation.closed_at = None;
        rows.save_remediation(&remediation).await?;
    }
    rows.desire(
        campaign.id,
        Desired::InPlace,
        campaign.decision_version,
        now,
    )
    .await
}

/// Wants every copy of a campaign pulled, and has them searched (again). The
/// campaign is held by the caller, or new.
pub(crate) async fn pull_all(
    rows: &Rows<'_>,
    campaign: &Campaign,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let fresh = decided(campaign.id, campaign.decision_version, now);
    let known = rows.remediation_of(campaign.id).await?;
    let search = known.as_ref().map_or(fresh.id, |known| known.id);
    let jobs = vec![jobs::search(search, now), jobs::pull(campaign.id, now)];
    rows.enqueue(jobs, now).await?;
    let remediation = match rows.hold_remediation_of(campaign.id).await? {
        Some(known) => Remediation {
            id: known.id,
            created_at: known.created_at,
            ..fresh
        },
        None => fresh,
    };
    rows.save_remediation(&remediation).await?;
    rows.desire(campaign.id, Desired::Pulled, campaign.decision_version, now)
        .await
}
