//! `GET /console/parked`: work that gave up and waits for a person.

use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, Utc};

use super::{
    fault::PageError, guard::Signed, page, sample::Words, shell::Shell, text::Plain, when::When,
};
use crate::store::job::JobRow;

struct Row {
    kind: Plain,
    target: Plain,
    path: Option<String>,
    attempts: i32,
    error: Plain,
    at: When,
}

impl Row {
    fn of(job: &JobRow, now: DateTime<Utc>) -> Self {
        let page_of = |target: &str| {
            if let Ok(id) = target.parse::<crate::domain::SubmissionId>() {
                return Some(format!("/console/submissions/{id}"));
            }
            let id = target.parse::<crate::domain::CampaignId>().ok()?;
            Some(format!("/console/campaigns/{id}"))
        };
        Self {
            kind: Plain::line(&job.kind.replace('_', " "), 40),
            target: Plain::line(&job.target, 80),
            path: page_of(&job.target),
            attempts: job.attempts,
            error: Plain::line(job.last_error.as_deref().unwrap_or_default(), 400),
            at: When::of(job.run_after, now),
        }
    }
}

#[derive(Template)]
#[template(path = "parked.html")]
struct ParkedPage {
    shell: Shell,
    rows: Vec<Row>,
}

/// `GET /console/parked`
pub(super) async fn show(signed: Signed) -> Result<HttpResponse, PageError> {
    let jobs = signed
        .app
        .store
        .read(signed.session.tenant)
        .parked_jobs()
        .await?;
    let rows = jobs.iter().map(|job| Row::of(job, signed.now)).collect();
    page(&ParkedPage {
        shell: Shell::of(&signed, "parked").await?,
        rows,
    })
}

/// Work that gave up, or none.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words, empty: bool) -> Result<String, askama::Error> {
    let jobs = if empty {
        Vec::new()
    } else {
        super::sample::jobs(words)
    };
    let rows = jobs
        .iter()
        .map(|job| Row::of(job, super::sample::now()))
        .collect();
    let mut shell = Shell::sample("parked", &words.say("SOC desk"));
    shell.parked = jobs.len();
    ParkedPage { shell, rows }.render()
}
