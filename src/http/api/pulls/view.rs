//! A pull as analysts see it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        CalendarEntry, CampaignId, Desired, EntryState, Observed, Place, PullId, PullRole,
        SubmissionId,
    },
    http::api::words::{DesiredWord, EntryWord, ObservedWord, ProviderWord, RoleWord},
    store::pull::Pull,
};

/// One copy's fate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pull)]
pub(in crate::http) struct PullView {
    /// `pul_…`
    #[schema(value_type = String)]
    id: PullId,
    /// The campaign whose decision it carries out; absent while only the
    /// reporter's own copy is held.
    #[schema(value_type = Option<String>)]
    campaign: Option<CampaignId>,
    /// The submission whose report brought it here.
    #[schema(value_type = Option<String>)]
    submission: Option<SubmissionId>,
    /// The mailbox that holds the copy.
    mailbox: String,
    /// Its platform.
    #[schema(value_type = ProviderWord)]
    provider: &'static str,
    /// The platform's own id of the message.
    message: String,
    /// Why it is a target.
    #[schema(value_type = RoleWord)]
    role: PullRole,
    /// What is wanted.
    #[schema(value_type = DesiredWord)]
    desired: Desired,
    /// What was last known.
    #[schema(value_type = ObservedWord)]
    observed: Observed,
    /// Where it was before it was moved; `names` are its folders as their owner
    /// knows them, where the platform says (Microsoft 365).
    #[schema(value_type = Option<Object>)]
    original: Option<Place>,
    /// The quarantine it was moved to.
    quarantine: Option<String>,
    /// SHA-256 of the evidence the decision rests on.
    evidence_sha256: Option<String>,
    /// The decision it carries out.
    decision_version: i32,
    /// Why it counts as a copy, in plain words.
    matched_by: String,
    /// Failed attempts so far.
    attempts: i32,
    /// The last failure.
    last_error: Option<String>,
    /// When it was found.
    found_at: DateTime<Utc>,
    /// When the last intent became durable.
    intent_at: Option<DateTime<Utc>>,
    /// When it came to rest.
    settled_at: Option<DateTime<Utc>>,
    /// What became of the calendar entry that it made; absent where it is no
    /// invitation, or its entry was not dealt with yet.
    calendar: Option<EntryView>,
}

/// The calendar entry that an invitation made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CalendarEntry)]
pub(in crate::http) struct EntryView {
    /// Where it stands.
    #[schema(value_type = EntryWord)]
    state: EntryState,
    /// What else is to be known, in plain words; empty where that is all.
    remark: String,
}

impl From<&CalendarEntry> for EntryView {
    fn from(entry: &CalendarEntry) -> Self {
        Self {
            state: entry.state,
            remark: entry.remark.clone(),
        }
    }
}

impl From<&Pull> for PullView {
    fn from(p: &Pull) -> Self {
        Self {
            id: p.id,
            campaign: p.campaign,
            submission: p.submission,
            mailbox: p.locator.mailbox.address.to_string(),
            provider: p.locator.mailbox.provider.as_str(),
            message: p.locator.message().to_owned(),
            role: p.role,
            desired: p.desired,
            observed: p.observed,
            original: p.original.clone(),
            quarantine: p.quarantine.clone(),
            evidence_sha256: p.evidence_sha256.clone(),
            decision_version: p.decision_version,
            matched_by: p.matched_by.clone(),
            attempts: p.attempts,
            last_error: p.last_error.clone(),
            found_at: p.found_at,
            intent_at: p.intent_at,
            settled_at: p.settled_at,
            calendar: p.calendar.as_ref().map(EntryView::from),
        }
    }
}
