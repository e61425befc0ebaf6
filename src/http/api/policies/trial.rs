//! `POST /api/v1/policies/{version}/trial`: a policy is tried on the history.

use actix_web::{HttpResponse, post, web};

use crate::{
    http::{
        Problem, State,
        api::{
            Asked,
            analyst::{Administer, By},
        },
        problem::Document,
    },
    policy::trial::ask_for_trial,
};

/// Try a policy on the history (scope `admin`)
///
/// The newest 1,000 messages are judged again with the facts of their day, by what is in
/// force and by this policy. Nothing changes by it. The result stands with the policy.
#[utoipa::path(
    tag = "policies",
    operation_id = "policy_trial",
    security(("api_key" = ["admin"])),
    params(("version" = String, Path, description = "A policy that was proposed")),
    responses(
        (status = 202, description = "The workers try it; look it up at `url`", body = Asked),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/policies/{version}/trial")]
pub(in crate::http) async fn trial(
    state: web::Data<State>,
    _by: By<Administer>,
    version: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    ask_for_trial(&state.app, &version).await?;
    state.wake.notify();
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "policies", &*version)))
}
