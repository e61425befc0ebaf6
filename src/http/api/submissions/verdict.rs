//! `POST /api/v1/submissions/{id}/verdict`: an analyst decides.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    domain::{SubmissionId, Verdict},
    http::{
        Code, Problem, State,
        api::{
            Asked,
            analyst::{By, SetVerdicts},
            words::VerdictWord,
        },
        body,
        problem::Document,
    },
    triage::overturn::set_verdict_as_read,
};

/// A person's verdict.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct VerdictRequest {
    /// What the message is. Malicious starts or resumes the pull; any other
    /// verdict restores what was pulled.
    #[schema(value_type = VerdictWord)]
    verdict: Verdict,
    /// Why, for the timeline; 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// `decision_version` of the submission as it was read. When another decision was made
    /// since, nothing is changed (409 `changed`). Absent: decide whatever stands there.
    decision_version: Option<i32>,
}

/// Set a verdict (scope `verdicts:write`)
///
/// It holds for the whole campaign. What follows from it is done by the workers.
#[utoipa::path(
    tag = "submissions",
    operation_id = "submission_verdict",
    security(("api_key" = ["verdicts:write"])),
    params(("id" = String, Path, description = "`sub_…`")),
    request_body = VerdictRequest,
    responses(
        (status = 202, description = "Recorded; the workers carry it out", body = Asked),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The evidence does not allow a pull, or somebody decided since it was read", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be used", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/submissions/{id}/verdict")]
pub(in crate::http) async fn verdict(
    state: web::Data<State>,
    by: By<SetVerdicts>,
    id: web::Path<SubmissionId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: VerdictRequest = body::command(&request, payload).await?;
    let reason = wanted.reason.trim();
    if !(1..=500).contains(&reason.chars().count()) || reason.contains('\0') {
        return Err(Problem::new(Code::InvalidField).detail("reason: 1 to 500 characters of text"));
    }
    let actor = by.actor();
    let seen = wanted.decision_version;
    set_verdict_as_read(&state.app, *id, wanted.verdict, (&actor, reason), seen).await?;
    state.wake.notify();
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "submissions", *id)))
}
