//! `POST /api/v1/approvals/{id}/approve`, `…/refuse`, `…/withdraw`: the second person's
//! answer.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    domain::ApprovalId,
    http::{
        Problem, State,
        api::{
            Asked, Reasoned,
            analyst::{ApprovePulls, By},
        },
        body,
        problem::Document,
    },
    remediation::approve::{Answer, answer as second_person},
};

/// What is approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ApproveRequest {
    /// The number of mailboxes that was read: another one now is refused.
    mailboxes: u64,
    /// Why, for the timeline; at most 2,000 characters.
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: String,
}

async fn take(
    state: &State,
    by: &By<ApprovePulls>,
    id: ApprovalId,
    answer: Answer,
    reason: &str,
) -> Result<HttpResponse, Problem> {
    second_person(&state.app, id, answer, &by.actor(), reason).await?;
    state.wake.notify();
    Ok(HttpResponse::Accepted().json(Asked::of(state, "approvals", id)))
}

/// Approve a large pull (scope `pulls:approve`)
///
/// By a person other than the one who decided it, for the number of mailboxes that was
/// shown; a tenth more, and at least ten, is covered.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "approval_approve",
    security(("api_key" = ["pulls:approve"])),
    params(("id" = String, Path, description = "`apr_…`")),
    request_body = ApproveRequest,
    responses(
        (status = 202, description = "Approved; the workers go on", body = Asked),
        (status = 403, description = "You decided this pull yourself", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It changed since, or is closed", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/approvals/{id}/approve")]
pub(in crate::http) async fn approve(
    state: web::Data<State>,
    by: By<ApprovePulls>,
    id: web::Path<ApprovalId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: ApproveRequest = body::command(&request, payload).await?;
    let answer = Answer::Approve {
        mailboxes: wanted.mailboxes,
    };
    take(&state, &by, *id, answer, &wanted.reason).await
}

/// Refuse a large pull (scope `pulls:approve`)
///
/// It is halted: what was moved so far can be put back.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "approval_refuse",
    security(("api_key" = ["pulls:approve"])),
    params(("id" = String, Path, description = "`apr_…`")),
    request_body = Reasoned,
    responses(
        (status = 202, description = "Refused", body = Asked),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It is closed", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A reason is needed", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/approvals/{id}/refuse")]
pub(in crate::http) async fn refuse(
    state: web::Data<State>,
    by: By<ApprovePulls>,
    id: web::Path<ApprovalId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: Reasoned = body::command(&request, payload).await?;
    take(&state, &by, *id, Answer::Refuse, &wanted.reason).await
}

/// Take an approval, or the request for it, back (scope `pulls:approve`)
///
/// Copies that were not moved yet stay where they are.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "approval_withdraw",
    security(("api_key" = ["pulls:approve"])),
    params(("id" = String, Path, description = "`apr_…`")),
    request_body = Reasoned,
    responses(
        (status = 202, description = "Withdrawn", body = Asked),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It is closed", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A reason is needed", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/approvals/{id}/withdraw")]
pub(in crate::http) async fn withdraw(
    state: web::Data<State>,
    by: By<ApprovePulls>,
    id: web::Path<ApprovalId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: Reasoned = body::command(&request, payload).await?;
    take(&state, &by, *id, Answer::Withdraw, &wanted.reason).await
}
