//! Finding every copy of a campaign, pulling it, and putting it back.
//!
//! The decision is a row ([`crate::store::remediation::Remediation`]), each copy
//! is a row ([`crate::store::pull::Pull`]). The steps read what is wanted, look
//! at what is, take at most one provider effect a copy, and record it. Nothing
//! here deletes. Progress survives a crash at any point; an unknown outcome is
//! looked up, never repeated blindly.

pub mod approve;
pub mod brake;
mod close;
pub mod dry_run;
mod entries;
pub(crate) mod gate;
mod pull;
pub mod receipt;
mod reconcile;
mod search;
pub mod undo;
pub mod watch;
mod wave;

pub use close::Close;
pub use pull::Pulling;
pub use reconcile::{Reconciler, Rest};
pub use search::{DryRun, Search, Target};

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::{
    app::App,
    domain::{Desired, MailboxRef, MessageQuery, RemediationId, SearchId, Stage},
    jobs,
    message::{Fingerprint, is_common, registrable},
    store::{
        Rows, StoreError,
        campaign::Campaign,
        remediation::{Remediation, RemediationState},
    },
};

/// A new decision to pull a campaign, by an analyst or, with `None`, by no person.
#[must_use]
pub fn decided(campaign: &Campaign, by: Option<&str>, now: DateTime<Utc>) -> Remediation {
    Remediation {
        id: RemediationId::new(now),
        campaign: campaign.id,
        state: RemediationState::Searching,
        decision_version: campaign.decision_version,
        created_at: now,
        closed_at: None,
        decided_by: by.map(str::to_owned),
        stage: Stage::Canary,
        waits_until: None,
        halted: None,
        halted_at: None,
        // what was objected to before was objected to another decision
        heard_since: Some(now),
    }
}

/// Wants every copy of a campaign back in its place, and stops its search. The
/// campaign is held by the caller.
pub(crate) async fn restore_all(
    app: &App,
    rows: &Rows<'_>,
    campaign: &Campaign,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // Jobs before the remediation before its copies, as everywhere: nobody waits
    // in a circle.
    // Nobody watches for more of what is put back.
    let known = rows.remediation_of(campaign.id).await?;
    let watch = known.map(|known| jobs::watch(known.id, now));
    let next = watch.into_iter().chain([jobs::pull(campaign.id, now)]);
    rows.enqueue(next.collect(), now).await?;
    // The remediation before the copies: a search that is about to record copies
    // either finishes before this change or sees it.
    if let Some(mut remediation) = rows.hold_remediation_of(campaign.id).await? {
        brake::rolled_back(app, rows, &remediation, now).await?;
        gate::close_request(rows, campaign.id).await?;
        remediation.state = RemediationState::Restoring;
        remediation.decision_version = campaign.decision_version;
        remediation.closed_at = None;
        rows.save_remediation(&remediation).await?;
        rows.stop_searches(remediation.id, now).await?;
    }
    rows.desire(
        campaign.id,
        Desired::InPlace,
        campaign.decision_version,
        now,
    )
    .await
}

/// Wants every copy of a campaign pulled, and has them searched (again): decided by an
/// analyst or, with `None`, by no person. The campaign is held by the caller, or new.
pub(crate) async fn pull_all(
    rows: &Rows<'_>,
    campaign: &Campaign,
    by: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    decide(rows, campaign, by, false, now).await?;
    rows.desire(campaign.id, Desired::Pulled, campaign.decision_version, now)
        .await
}

/// The decision alone: what was put back copy by copy stays in place. A pull that was
/// halted under way stays so unless it is let `go_on`: that takes another right than a
/// verdict. One that was over, or put back, begins anew.
async fn decide(
    rows: &Rows<'_>,
    campaign: &Campaign,
    by: Option<&str>,
    go_on: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let fresh = decided(campaign, by, now);
    let search = SearchId::new(now);
    let jobs = vec![jobs::search(search, now), jobs::pull(campaign.id, now)];
    rows.enqueue(jobs, now).await?;
    let remediation = match rows.hold_remediation_of(campaign.id).await? {
        Some(known) => Remediation {
            id: known.id,
            created_at: known.created_at,
            halted: known.halted.filter(|_| !go_on && !known.state.is_over()),
            halted_at: known.halted_at.filter(|_| !go_on && !known.state.is_over()),
            ..fresh
        },
        None => fresh,
    };
    gate::close_request(rows, campaign.id).await?;
    rows.save_remediation(&remediation).await?;
    search::begin(rows, search, campaign, remediation.id, now).await
}

/// Has the copies of a campaign searched for once more under a decision that
/// stands. The campaign is held by the caller.
pub(crate) async fn search_again(
    rows: &Rows<'_>,
    campaign: &Campaign,
    known: RemediationId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let search = SearchId::new(now);
    rows.enqueue(vec![jobs::search(search, now)], now).await?;
    let Some(known) = rows.hold_remediation(known).await? else {
        return Ok(());
    };
    if known.state.is_put_back() {
        return Ok(());
    }
    let again = Remediation {
        state: RemediationState::Searching,
        decision_version: campaign.decision_version,
        closed_at: None,
        ..known
    };
    rows.save_remediation(&again).await?;
    search::begin(rows, search, campaign, again.id, now).await
}

/// Mailboxes that the configuration leaves out of every search and watch.
async fn excluded(app: &App) -> Result<HashSet<MailboxRef>, StoreError> {
    let rows = app.store.read(app.tenant);
    let mut found = HashSet::new();
    for address in &app.config.search.exclude {
        if let Ok(address) = address.parse() {
            found.extend(rows.mailbox_by_address(&address).await?);
        }
    }
    Ok(found)
}

/// What a late copy, or (on Google Workspace) a late forward, is looked for by.
fn query_of(seed: &Fingerprint, after: DateTime<Utc>) -> MessageQuery {
    let hosts = seed.hosts().into_iter();
    let hosts = hosts.filter(|host| host.len() >= 6 && !is_common(&registrable(host)));
    MessageQuery {
        phrases: hosts.take(5).map(str::to_owned).collect(),
        ..MessageQuery::by_ids(seed.message_id.clone(), after)
    }
}
