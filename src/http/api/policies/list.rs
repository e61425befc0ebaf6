//! `GET /api/v1/policies`: what was proposed, and what judges.

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::PolicySummary;
use crate::{
    http::{
        Problem, State,
        api::analyst::{Administer, By},
    },
    policy::force,
};

/// Policies that are listed.
const LISTED: u64 = 200;

/// The policies.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Policies {
    /// The version that judges now; one of the list, or the configuration's.
    in_force: String,
    /// Newest first, at most 200.
    items: Vec<PolicySummary>,
}

/// What was proposed, and what judges (scope `admin`)
#[utoipa::path(
    tag = "policies",
    operation_id = "policy_list",
    security(("api_key" = ["admin"])),
    responses((status = 200, description = "Newest first, at most 200", body = Policies))
)]
#[get("/api/v1/policies")]
pub(in crate::http) async fn list(
    state: web::Data<State>,
    _by: By<Administer>,
) -> Result<web::Json<Policies>, Problem> {
    let engine = force::engine(&state.app).await?;
    let current = engine.version();
    let rows = state
        .app
        .store
        .read(state.app.tenant)
        .policies(LISTED)
        .await?;
    Ok(web::Json(Policies {
        in_force: current.to_owned(),
        items: rows
            .iter()
            .map(|row| PolicySummary::of(row, current))
            .collect(),
    }))
}
