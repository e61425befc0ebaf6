//! `GET /api/v1/jobs/parked`: work that was given up.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::JobId,
    http::{
        Problem, State,
        api::analyst::{By, ReadSubmissions},
    },
    store::job::JobRow,
};

/// A job that was given up after its attempts.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ParkedJob {
    /// `job_…`
    #[schema(value_type = String)]
    id: JobId,
    /// Which work.
    kind: String,
    /// The id it is about.
    target: String,
    /// Failed attempts.
    attempts: i32,
    /// The last failure.
    last_error: Option<String>,
    /// When it was last due.
    run_after: DateTime<Utc>,
}

impl From<JobRow> for ParkedJob {
    fn from(job: JobRow) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            target: job.target,
            attempts: job.attempts,
            last_error: job.last_error,
            run_after: job.run_after,
        }
    }
}

/// Parked jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ParkedJobs {
    /// Newest first, at most 200.
    items: Vec<ParkedJob>,
}

/// Work that was given up (scope `submissions:read`)
#[utoipa::path(
    tag = "service",
    operation_id = "job_parked",
    security(("api_key" = ["submissions:read"])),
    responses((status = 200, description = "Newest first, at most 200", body = ParkedJobs))
)]
#[get("/api/v1/jobs/parked")]
pub(in crate::http) async fn parked(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
) -> Result<web::Json<ParkedJobs>, Problem> {
    let parked = state.app.store.read(state.app.tenant).parked_jobs().await?;
    Ok(web::Json(ParkedJobs {
        items: parked.into_iter().map(Into::into).collect(),
    }))
}
