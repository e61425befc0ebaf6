//! Reports, for the people who make them.

pub(in crate::http) mod create;
pub(in crate::http) mod list;
pub(in crate::http) mod read;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::words::{StatusWord, VerdictWord};
use crate::{
    domain::{ReportId, ReportStatus, Verdict},
    http::State,
    store::{StoreError, report::Report},
};

/// A report as its reporter sees it: how it ended, never how it was scored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Report)]
pub(super) struct OwnReport {
    /// `rpt_…`
    #[schema(value_type = String)]
    id: ReportId,
    /// How far it got.
    #[schema(value_type = StatusWord)]
    status: ReportStatus,
    /// What the message was found to be, once that is settled.
    #[schema(value_type = Option<VerdictWord>)]
    outcome: Option<Verdict>,
    /// When it was received.
    received_at: DateTime<Utc>,
    /// The same in a sentence for people.
    message: &'static str,
    /// Copies that are out of people's reach because of the report, while it is
    /// closed as malicious; it rises when more come up.
    copies_pulled: Option<u64>,
}

impl OwnReport {
    /// The report with what came of it so far.
    async fn told(state: &State, report: Report) -> Result<Self, StoreError> {
        let rows = state.app.store.read(state.app.tenant);
        let counts =
            (report.status, report.outcome) == (ReportStatus::Closed, Some(Verdict::Malicious));
        let submission = if counts {
            rows.submission(report.submission).await?
        } else {
            None
        };
        let campaign = submission.and_then(|submission| submission.campaign);
        let copies_pulled = match campaign {
            Some(campaign) => Some(rows.count_pulls(campaign).await?.pulled),
            None => None,
        };
        Ok(Self {
            copies_pulled,
            ..report.into()
        })
    }
}

impl From<Report> for OwnReport {
    fn from(report: Report) -> Self {
        Self {
            id: report.id,
            status: report.status,
            outcome: report.outcome,
            received_at: report.received_at,
            message: sentence(report.status, report.outcome),
            copies_pulled: None,
        }
    }
}

const fn sentence(status: ReportStatus, outcome: Option<Verdict>) -> &'static str {
    match (status, outcome) {
        (ReportStatus::Received, _) => {
            "Thank you. Your report has arrived and is being looked into."
        }
        (ReportStatus::InReview, _) => "A person of the security team is looking at your report.",
        (ReportStatus::Closed, Some(Verdict::Malicious)) => {
            "You were right: the message was dangerous. It has been taken out of the mailboxes it reached."
        }
        (ReportStatus::Closed, Some(Verdict::Spam)) => {
            "The message was unwanted mail, and not dangerous."
        }
        (ReportStatus::Closed, Some(Verdict::Simulation)) => {
            "Well spotted: the message was an exercise."
        }
        (ReportStatus::Closed, Some(Verdict::Bulk | Verdict::Benign)) => {
            "The message is harmless; it is back where it was."
        }
        (ReportStatus::Closed, _) => "Your report is closed. Thank you.",
    }
}
