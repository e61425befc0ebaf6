//! `POST /api/v1/pulls/{id}/pull`: pull a variant that waited for a person.

use actix_web::{HttpResponse, post, web};

use crate::{
    domain::PullId,
    http::{
        Problem, State,
        api::{
            Asked,
            analyst::{By, ChangePulls},
        },
        problem::Document,
    },
    remediation::undo::pull_variant,
};

/// Pull a variant that waited for a person (scope `pulls:write`)
///
/// It is compared with the campaign's seed once more before it is moved. Asking again
/// changes nothing.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "pull_variant",
    security(("api_key" = ["pulls:write"])),
    params(("id" = String, Path, description = "`pul_…`")),
    responses(
        (status = 202, description = "Recorded; the workers carry it out", body = Asked),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "It is no variant that waits, or its campaign is not to be pulled", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/pulls/{id}/pull")]
pub(in crate::http) async fn pull(
    state: web::Data<State>,
    by: By<ChangePulls>,
    id: web::Path<PullId>,
) -> Result<HttpResponse, Problem> {
    pull_variant(&state.app, *id, &by.actor()).await?;
    state.wake.notify();
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "pulls", *id)))
}
