//! `GET /api/v1/policies/{version}`: a policy, its text and its trial.

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::PolicySummary;
use crate::{
    http::{
        Code, Problem, State,
        api::analyst::{Administer, By},
        problem::Document,
    },
    jobs,
    policy::force,
};

/// A policy with its text and its trial.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PolicyDetail {
    #[serde(flatten)]
    summary: PolicySummary,
    /// The policy file (TOML).
    text: String,
    /// `none`, `under_way`, `failed` or `done`.
    trial_state: &'static str,
    /// Why the trial failed.
    trial_error: Option<String>,
    /// What trying it on the history gave: both sides' counts and what changes.
    #[schema(value_type = Option<Object>)]
    trial: Option<serde_json::Value>,
}

/// A policy, its text and its trial (scope `admin`)
#[utoipa::path(
    tag = "policies",
    operation_id = "policy_read",
    security(("api_key" = ["admin"])),
    params(("version" = String, Path, description = "As it was answered when it was proposed")),
    responses(
        (status = 200, description = "The policy", body = PolicyDetail),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/policies/{version}")]
pub(in crate::http) async fn read(
    state: web::Data<State>,
    _by: By<Administer>,
    version: web::Path<String>,
) -> Result<web::Json<PolicyDetail>, Problem> {
    let engine = force::engine(&state.app).await?;
    let rows = state.app.store.read(state.app.tenant);
    let row = rows.policy(&version).await?;
    let row = row.ok_or(Problem::new(Code::NotFound))?;
    let job = rows.job_about(jobs::TRIAL, &version).await?;
    let parked = job.as_ref().is_some_and(|job| job.state == "parked");
    Ok(web::Json(PolicyDetail {
        summary: PolicySummary::of(&row, engine.version()),
        text: row.content,
        trial_state: match (&job, parked, &row.trial) {
            (Some(_), true, _) => "failed",
            (Some(_), false, _) => "under_way",
            (None, _, Some(_)) => "done",
            (None, _, None) => "none",
        },
        trial_error: job.filter(|_| parked).and_then(|job| job.last_error),
        trial: row.trial,
    }))
}
