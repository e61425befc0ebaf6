//! A request for approval as analysts see it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{ApprovalId, ApprovalState, CampaignId},
    store::approval::Approval,
};

/// A request for a second person's approval of a large pull.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ApprovalView {
    /// `apr_…`
    #[schema(value_type = String)]
    id: ApprovalId,
    /// Whose copies, `cmp_…`.
    #[schema(value_type = String)]
    campaign: CampaignId,
    /// The decision it belongs to; another one needs another approval.
    decision_version: i32,
    /// `open`, `given`, `refused`, `withdrawn`, `expired` or `superseded`.
    #[schema(value_type = String)]
    state: ApprovalState,
    /// Who decided the pull, and cannot approve it; absent when no person did.
    asked_by: Option<String>,
    /// When it was asked for.
    asked_at: DateTime<Utc>,
    /// Mailboxes with copies: to be named by whoever approves.
    mailboxes: u64,
    /// Copies in them.
    copies: u64,
    /// Who answered.
    decided_by: Option<String>,
    /// When.
    decided_at: Option<DateTime<Utc>>,
    /// Why.
    reason: Option<String>,
    /// Until when an approval holds.
    expires_at: Option<DateTime<Utc>>,
}

impl From<Approval> for ApprovalView {
    fn from(a: Approval) -> Self {
        Self {
            id: a.id,
            campaign: a.campaign,
            decision_version: a.decision_version,
            state: a.state,
            asked_by: a.asked_by,
            asked_at: a.asked_at,
            mailboxes: a.mailboxes,
            copies: a.copies,
            decided_by: a.decided_by,
            decided_at: a.decided_at,
            reason: a.reason,
            expires_at: a.expires_at,
        }
    }
}
