//! Campaigns and their remediation as analysts see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{CampaignId, RemediationId, SubmissionId, Verdict, VerdictSource},
    http::api::words::{ProviderWord, VerdictWord},
    store::{
        campaign::Campaign,
        pull::PullCounts,
        remediation::{Gap, Remediation, RemediationState},
    },
};

/// A campaign in a list. Title and sender are a stranger's words.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CampaignSummary {
    /// `cmp_…`
    #[schema(value_type = String)]
    id: CampaignId,
    /// The submission that every copy is compared with, `sub_…`.
    #[schema(value_type = String)]
    seed: SubmissionId,
    /// Subject of the seed; untrusted.
    title: Option<String>,
    /// Sender of the seed; untrusted.
    sender: Option<String>,
    /// The verdict in force.
    #[schema(value_type = VerdictWord)]
    verdict: Verdict,
    /// Who decided: `policy` or `analyst`.
    #[schema(value_type = String)]
    verdict_source: VerdictSource,
    /// Grows with each decision.
    decision_version: i32,
    /// When it was opened.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
}

impl From<Campaign> for CampaignSummary {
    fn from(c: Campaign) -> Self {
        Self {
            id: c.id,
            seed: c.seed,
            title: c.title,
            sender: c.sender,
            verdict: c.verdict,
            verdict_source: c.verdict_source,
            decision_version: c.decision_version,
            created_at: c.created_at,
            updated_at: c.updated_at,
        }
    }
}

/// How far a campaign's pull is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RemediationView {
    /// `rem_…`
    #[schema(value_type = String)]
    id: RemediationId,
    /// `searching`, `pulling`, `closed` or `restoring`.
    #[schema(value_type = String)]
    state: RemediationState,
    /// The decision it carries out.
    decision_version: i32,
    /// Mailboxes in scope.
    mailboxes: i64,
    /// Mailboxes searched.
    searched: i64,
    /// Why it waits for an administrator, when it does.
    paused_reason: Option<String>,
    /// When it was decided.
    created_at: DateTime<Utc>,
    /// When everything was settled.
    closed_at: Option<DateTime<Utc>>,
    /// Mailboxes that could not be searched, with the reason.
    gaps: Vec<GapView>,
}

impl RemediationView {
    pub(super) fn new(r: Remediation, gaps: Vec<Gap>) -> Self {
        Self {
            id: r.id,
            state: r.state,
            decision_version: r.decision_version,
            mailboxes: r.mailboxes,
            searched: r.searched,
            paused_reason: r.paused_reason,
            created_at: r.created_at,
            closed_at: r.closed_at,
            gaps: gaps.into_iter().map(GapView::from).collect(),
        }
    }
}

/// A mailbox that was not searched.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct GapView {
    /// Its address.
    mailbox: String,
    /// Its platform.
    #[schema(value_type = ProviderWord)]
    provider: &'static str,
    /// Whether it will be tried again.
    retrying: bool,
    /// Why, in plain words.
    reason: String,
    /// Tries so far.
    attempts: i32,
}

impl From<Gap> for GapView {
    fn from(gap: Gap) -> Self {
        Self {
            mailbox: gap.mailbox.address.to_string(),
            provider: gap.mailbox.provider.as_str(),
            retrying: gap.retrying,
            reason: gap.reason,
            attempts: gap.attempts,
        }
    }
}

/// How many copies are where.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CountsView {
    /// All copies found.
    found: u64,
    /// In quarantine.
    pulled: u64,
    /// Back in place.
    restored: u64,
    /// Removed by somebody else.
    gone: u64,
    /// Not the condemned message any more.
    changed: u64,
    /// Given up.
    failed: u64,
    /// Still being worked on.
    pending: u64,
}

impl From<PullCounts> for CountsView {
    fn from(c: PullCounts) -> Self {
        Self {
            found: c.found,
            pulled: c.pulled,
            restored: c.restored,
            gone: c.gone,
            changed: c.changed,
            failed: c.failed,
            pending: c.pending,
        }
    }
}
