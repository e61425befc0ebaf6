//! Decides what reporters are told: the state of each report, what it says of who made
//! it, and which letters are written (at most one a reporter, case and outcome), as rows in the
//! transaction that makes the outcome; the letter step sends.
//!
//! The state does not wait for a letter: a second report of the same case gets
//! none, and neither does a person without a mailbox, and both may ask.

use chrono::{DateTime, Utc};

use super::{own_letter, standing};
use crate::{
    app::App,
    domain::{CampaignId, LetterId, ReportStatus},
    jobs,
    store::{
        PageRequest, Rows, StoreError,
        letter::{Letter, LetterState},
        submission::{Submission, SubmissionFilter},
    },
};

/// Writes the letters for every report of a campaign.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn campaign(
    app: &App,
    rows: &Rows<'_>,
    id: CampaignId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let filter = SubmissionFilter {
        campaign: Some(id),
        ..SubmissionFilter::default()
    };
    let mut page = PageRequest::first(200);
    loop {
        let found = rows.submissions(&filter, &page).await?;
        for one in &found.items {
            submission(app, rows, one, now).await?;
        }
        let Some(next) = found.next else {
            return Ok(());
        };
        page.after = Some(next);
    }
}

/// Sets the state of every report of a submission and writes its letters.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn submission(
    app: &App,
    rows: &Rows<'_>,
    submission: &Submission,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(outcome) = submission.verdict else {
        return Ok(());
    };
    let status = if outcome.needs_review() {
        ReportStatus::InReview
    } else {
        ReportStatus::Closed
    };
    rows.set_report_status(submission.id, status, Some(outcome))
        .await?;
    let assessment = submission.assessment.as_ref();
    if assessment.is_some_and(own_letter::is_one) {
        // To thank for a thanks would never end.
        return Ok(());
    }
    let reports = rows.reports_of(submission.id).await?;
    standing::cast(app, rows, submission, &reports, now).await?;
    for report in reports {
        let id = LetterId::new(now);
        let letter = Letter {
            id,
            report: report.id,
            submission: submission.id,
            case_key: submission.case_key(),
            reporter: report.reporter,
            outcome,
            message_id: format!("{id}@{}", app.notifier.domain()),
            state: LetterState::Queued,
            via: None,
            address: None,
            attempts: 0,
            attempted_at: None,
            created_at: now,
            sent_at: None,
        };
        if let Some(id) = rows.insert_letter_once(&letter).await? {
            rows.enqueue(vec![jobs::letter(id, now)], now).await?;
        }
    }
    Ok(())
}
