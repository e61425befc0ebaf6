//! `POST /api/v1/kill-switch` and `…/release`: stop pulls, and let them go on.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::StopScope,
    http::{
        Code, Problem, State,
        api::analyst::{ApprovePulls, By, ChangePulls},
        body,
        problem::Document,
    },
    remediation::brake,
};

/// What is to be stopped or released.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct StopRequest {
    /// `all`, or `automatic`: what no person decided. `all` when absent.
    #[serde(default = "all")]
    #[schema(value_type = Option<String>)]
    scope: StopScope,
    /// Why, for the timeline; 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

const fn all() -> StopScope {
    StopScope::All
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Changed {
    /// Whether it made a difference.
    changed: bool,
}

async fn wanted(request: &HttpRequest, payload: web::Payload) -> Result<StopRequest, Problem> {
    let wanted: StopRequest = body::command(request, payload).await?;
    if wanted.reason.trim().is_empty() || wanted.reason.chars().count() > 2_000 {
        return Err(
            Problem::new(Code::InvalidField).detail("reason: must be 1 to 2,000 characters")
        );
    }
    Ok(wanted)
}

/// Stop all pulls at once (scope `pulls:write`)
///
/// Moves under way end; no other begins. Restoring goes on.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "kill_switch_stop",
    security(("api_key" = ["pulls:write"])),
    request_body = StopRequest,
    responses(
        (status = 200, description = "In force", body = Changed),
        (status = 422, description = "A reason is needed", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/kill-switch")]
pub(in crate::http) async fn stop(
    state: web::Data<State>,
    by: By<ChangePulls>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted = wanted(&request, payload).await?;
    let changed = brake::stop(&state.app, wanted.scope, &by.actor(), &wanted.reason).await?;
    Ok(HttpResponse::Ok().json(Changed { changed }))
}

/// Let pulls go on (scope `pulls:approve`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "kill_switch_release",
    security(("api_key" = ["pulls:approve"])),
    request_body = StopRequest,
    responses(
        (status = 200, description = "Lifted", body = Changed),
        (status = 422, description = "A reason is needed", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/kill-switch/release")]
pub(in crate::http) async fn release(
    state: web::Data<State>,
    by: By<ApprovePulls>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted = wanted(&request, payload).await?;
    let changed = brake::release(&state.app, wanted.scope, &by.actor(), &wanted.reason).await?;
    state.wake.notify();
    Ok(HttpResponse::Ok().json(Changed { changed }))
}
