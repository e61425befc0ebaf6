//! A search as analysts see it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{CampaignId, Plan, RemediationId, SearchId, SearchKind, SearchState},
    store::search::{CallsMade, MailboxCounts, Search},
};

/// One search in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SearchSummary {
    /// `sch_…`
    #[schema(value_type = String)]
    id: SearchId,
    /// `pull` or `dry_run`.
    #[schema(value_type = String)]
    kind: SearchKind,
    /// The campaign, `cmp_…`; absent for a message or a query of one's own.
    #[schema(value_type = Option<String>)]
    campaign: Option<CampaignId>,
    /// The remediation it works for, `rem_…`; absent for a dry run.
    #[schema(value_type = Option<String>)]
    remediation: Option<RemediationId>,
    /// Who asked: `unhook` or a key's id.
    asked_by: String,
    /// `planning`, `searching`, `done` or `stopped`.
    #[schema(value_type = String)]
    state: SearchState,
    /// Mailboxes in scope.
    mailboxes: i64,
    /// Copies, forwards and variants found so far.
    found: u64,
    /// Messages that came near and were left out.
    left_out: u64,
    /// When it was asked for.
    asked_at: DateTime<Utc>,
    /// When it was through.
    finished_at: Option<DateTime<Utc>>,
    /// Why it waits for an administrator, when it does.
    paused_reason: Option<String>,
}

impl SearchSummary {
    pub(super) fn of(search: &Search) -> Self {
        Self {
            id: search.id,
            kind: search.kind,
            campaign: search.campaign,
            remediation: search.remediation,
            asked_by: search.actor.clone(),
            state: search.state,
            mailboxes: search.mailboxes,
            found: search.progress.found,
            left_out: search.progress.decoys,
            asked_at: search.created_at,
            finished_at: search.finished_at,
            paused_reason: search.paused_reason.clone(),
        }
    }
}

/// A search with its plan and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SearchDetail {
    #[serde(flatten)]
    summary: SearchSummary,
    /// What it asks and what that costs.
    #[schema(value_type = Object)]
    plan: Plan,
    /// How many mailboxes are where.
    #[schema(value_type = Object)]
    progress: MailboxCounts,
    /// Calls made so far.
    #[schema(value_type = Object)]
    calls: CallsMade,
    /// Addresses outside that the message was sent on to.
    exposed: Vec<String>,
    /// Why it may have missed something.
    doubts: Vec<String>,
    /// What else is to be known.
    remarks: Vec<String>,
}

impl SearchDetail {
    pub(super) fn of(search: Search, progress: MailboxCounts) -> Self {
        Self {
            summary: SearchSummary::of(&search),
            plan: search.plan,
            progress,
            calls: search.progress.made,
            exposed: search.progress.exposed,
            doubts: search.progress.doubts,
            remarks: search.progress.remarks,
        }
    }
}
