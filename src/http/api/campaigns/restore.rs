//! `POST /api/v1/campaigns/{id}/restore`: put every copy back.

use actix_web::{HttpResponse, post, web};

use crate::{
    domain::CampaignId,
    http::{
        Problem, State,
        api::{
            Asked,
            analyst::{By, ChangePulls},
        },
        problem::Document,
    },
    remediation::undo::restore_campaign,
};

/// Put every copy of an attack back (scope `pulls:write`)
///
/// With folder or labels, read and flag state. Asking again changes nothing.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_restore",
    security(("api_key" = ["pulls:write"])),
    params(("id" = String, Path, description = "`cmp_…`")),
    responses(
        (status = 202, description = "Recorded; the workers carry it out", body = Asked),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/campaigns/{id}/restore")]
pub(in crate::http) async fn restore(
    state: web::Data<State>,
    by: By<ChangePulls>,
    id: web::Path<CampaignId>,
) -> Result<HttpResponse, Problem> {
    restore_campaign(&state.app, *id, &by.actor()).await?;
    state.wake.notify();
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "campaigns", *id)))
}
