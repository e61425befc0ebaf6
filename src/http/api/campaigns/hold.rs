//! `POST /api/v1/campaigns/{id}/halt`, `…/resume`, `…/objections`: holding one pull, and
//! letting it go on.

use actix_web::{HttpRequest, HttpResponse, post, web};

use crate::{
    domain::CampaignId,
    http::{
        Problem, State,
        api::{
            Asked, Reasoned,
            analyst::{ApprovePulls, By, ChangePulls, SetVerdicts},
        },
        body,
        problem::Document,
    },
    remediation::approve,
};

/// Halt the pull of an attack (scope `pulls:write`)
///
/// What was moved stays in quarantine until it is restored.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_halt",
    security(("api_key" = ["pulls:write"])),
    params(("id" = String, Path, description = "`cmp_…`")),
    request_body = Reasoned,
    responses(
        (status = 202, description = "Halted", body = Asked),
        (status = 409, description = "Nothing of it is being pulled", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A reason is needed", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/campaigns/{id}/halt")]
pub(in crate::http) async fn halt(
    state: web::Data<State>,
    by: By<ChangePulls>,
    id: web::Path<CampaignId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: Reasoned = body::command(&request, payload).await?;
    approve::halt(&state.app, *id, &by.actor(), &wanted.reason).await?;
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "campaigns", *id)))
}

/// Let a halted pull go on (scope `pulls:approve`)
///
/// From its first stage, as your decision: a large one takes another person again.
/// Copies that were put back stay in place.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_resume",
    security(("api_key" = ["pulls:approve"])),
    params(("id" = String, Path, description = "`cmp_…`")),
    request_body = Reasoned,
    responses(
        (status = 202, description = "Recorded; the workers go on", body = Asked),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It is not halted", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A reason is needed", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/campaigns/{id}/resume")]
pub(in crate::http) async fn resume(
    state: web::Data<State>,
    by: By<ApprovePulls>,
    id: web::Path<CampaignId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: Reasoned = body::command(&request, payload).await?;
    approve::go_on(&state.app, *id, &by.actor(), &wanted.reason).await?;
    state.wake.notify();
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "campaigns", *id)))
}

/// Object to a pull (scope `verdicts:write`)
///
/// It counts, with restores of single copies, towards the share that halts it.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_object",
    security(("api_key" = ["verdicts:write"])),
    params(("id" = String, Path, description = "`cmp_…`")),
    request_body = Reasoned,
    responses(
        (status = 202, description = "Counted", body = Asked),
        (status = 409, description = "Nothing of it is pulled", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A reason is needed", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/campaigns/{id}/objections")]
pub(in crate::http) async fn object(
    state: web::Data<State>,
    by: By<SetVerdicts>,
    id: web::Path<CampaignId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: Reasoned = body::command(&request, payload).await?;
    approve::object(&state.app, *id, &by.actor(), &wanted.reason).await?;
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "campaigns", *id)))
}
