//! Submissions and their reports as analysts see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        CampaignId, EvidenceState, MailboxAddress, ReportClient, ReportId, ReportReason,
        ReportStatus, SubmissionId, Verdict, VerdictSource, priority::Stakes,
    },
    http::api::words::{ClientWord, EvidenceWord, ReasonWord, StatusWord, VerdictWord},
    http::known,
    store::{report::Report, submission::Submission},
};

/// A submission in a list. Subject and sender are a stranger's words.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SubmissionSummary {
    /// `sub_…`
    #[schema(value_type = String)]
    id: SubmissionId,
    /// The attack it belongs to, `cmp_…`.
    #[schema(value_type = Option<String>)]
    campaign: Option<CampaignId>,
    /// Subject as sent; untrusted.
    subject: Option<String>,
    /// Sender as claimed; untrusted.
    sender: Option<String>,
    /// The mailbox it lies in.
    #[schema(value_type = Option<String>)]
    mailbox: Option<MailboxAddress>,
    /// How far the server got at fetching it.
    #[schema(value_type = EvidenceWord)]
    evidence: EvidenceState,
    /// The verdict in force; absent until it is judged.
    #[schema(value_type = Option<VerdictWord>)]
    verdict: Option<Verdict>,
    /// Who decided: `policy` or `analyst`.
    #[schema(value_type = Option<String>)]
    verdict_source: Option<VerdictSource>,
    /// Probability that it is malicious, 0 to 1; absent until it is judged, and
    /// where there are no bytes to be judged (`evidence` is `missing` and the
    /// client sent none). With `missing` and an upload it rests on the upload.
    score: Option<f64>,
    /// Whether a person has to look.
    needs_review: bool,
    /// How urgent it is; only while a person has to look.
    priority: Option<PriorityView>,
    /// How many people reported it.
    reports: i32,
    /// When the platform received the message.
    message_received_at: Option<DateTime<Utc>>,
    /// When it was first reported.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
}

/// How urgent a case is: the product of its factors.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Priority)]
pub(in crate::http) struct PriorityView {
    /// Probability of malice, times what is exposed, times how long it waits.
    value: f64,
    /// What it is made of.
    factors: Vec<FactorView>,
}

/// One factor of a priority.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PriorityFactor)]
pub(in crate::http) struct FactorView {
    /// In plain words.
    words: String,
    /// What it multiplies by.
    times: f64,
}

impl PriorityView {
    fn of(stakes: &Stakes, now: DateTime<Utc>) -> Self {
        let factors = stakes.factors(now).into_iter().map(|factor| FactorView {
            words: factor.words,
            times: factor.times,
        });
        Self {
            value: stakes.priority(now),
            factors: factors.collect(),
        }
    }
}

impl SubmissionSummary {
    /// As it is at a time.
    pub(super) fn of(s: &Submission, now: DateTime<Utc>) -> Self {
        Self {
            id: s.id,
            campaign: s.campaign,
            subject: s.subject.clone(),
            sender: s.sender.clone(),
            mailbox: s.mailbox.clone(),
            evidence: s.evidence,
            verdict: s.verdict,
            verdict_source: s.verdict_source,
            score: known::assessment(s).map(|a| a.score),
            needs_review: s.verdict.is_none_or(Verdict::needs_review),
            priority: s
                .waiting_stakes()
                .map(|stakes| PriorityView::of(stakes, now)),
            reports: s.reports,
            message_received_at: s.message_received_at,
            created_at: s.created_at,
            updated_at: s.updated_at,
        }
    }
}

/// One person's report of a submission.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ReportOfSubmission {
    /// `rpt_…`
    #[schema(value_type = String)]
    id: ReportId,
    /// Which client sent it.
    #[schema(value_type = ClientWord)]
    client: ReportClient,
    /// Stable identity of the person.
    reporter: String,
    /// Their directory address, once looked up.
    #[schema(value_type = Option<String>)]
    reporter_address: Option<MailboxAddress>,
    /// A guest's report carries no weight.
    guest: bool,
    /// Why.
    #[schema(value_type = Option<ReasonWord>)]
    reason: Option<ReportReason>,
    /// Their own words; untrusted.
    comment: Option<String>,
    /// SHA-256 of the bytes the client sent, if it sent any.
    upload_sha256: Option<String>,
    /// What they are told.
    #[schema(value_type = StatusWord)]
    status: ReportStatus,
    /// The verdict they were told.
    #[schema(value_type = Option<VerdictWord>)]
    outcome: Option<Verdict>,
    /// When it was received.
    received_at: DateTime<Utc>,
}

impl From<Report> for ReportOfSubmission {
    fn from(r: Report) -> Self {
        Self {
            id: r.id,
            client: r.client,
            reporter: r.reporter,
            reporter_address: r.reporter_address,
            guest: r.guest,
            reason: r.reason,
            comment: r.comment,
            upload_sha256: r.upload_sha256,
            status: r.status,
            outcome: r.outcome,
            received_at: r.received_at,
        }
    }
}
