//! `POST /api/v1/policies/{version}/activate`: a policy judges from now on.

use actix_web::{post, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::{
        Problem, State,
        api::analyst::{Administer, By},
        problem::Document,
    },
    policy::force,
};

/// What goes back to the policy of the configuration.
const CONFIGURATION: &str = "configuration";

/// What judges now.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct NowInForce {
    /// The version.
    in_force: String,
}

/// Put a policy into force that was tried (scope `admin`)
///
/// Every message from now on is judged by it; what was decided stays. `configuration`
/// as version goes back to the configuration's.
#[utoipa::path(
    tag = "policies",
    operation_id = "policy_activate",
    security(("api_key" = ["admin"])),
    params(("version" = String, Path, description = "A policy that was tried, or `configuration`")),
    responses(
        (status = 200, description = "It judges now", body = NowInForce),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It was not tried on the history", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/policies/{version}/activate")]
pub(in crate::http) async fn activate(
    state: web::Data<State>,
    by: By<Administer>,
    version: web::Path<String>,
) -> Result<web::Json<NowInForce>, Problem> {
    let wanted = (*version != CONFIGURATION).then_some(version.as_str());
    force::activate(&state.app, wanted, &by.actor()).await?;
    let engine = force::engine(&state.app).await?;
    tracing::info!(policy = engine.version(), key = %by.actor(), "policy put into force by the API");
    Ok(web::Json(NowInForce {
        in_force: engine.version().to_owned(),
    }))
}
