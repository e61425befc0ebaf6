//! `POST /api/v1/campaigns/{id}/split`: a case of their own for some submissions.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    domain::{CampaignId, SubmissionId},
    http::{
        Problem, State,
        api::{
            Asked,
            analyst::{By, SetVerdicts},
        },
        body,
        problem::Document,
    },
    triage::grouping::{self, Order},
};

/// What is to be split off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SplitRequest {
    /// Members of the case, `sub_…`, 1 to 500.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 500)]
    submissions: Vec<SubmissionId>,
    /// Why, for the timeline; 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Split submissions off into a case of their own (scope `verdicts:write`)
///
/// Verdicts stay, and no mail is moved. What was split off never joins again by
/// likeness; merging undoes it.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_split",
    security(("api_key" = ["verdicts:write"])),
    params(("id" = String, Path, description = "`cmp_…`")),
    request_body = SplitRequest,
    responses(
        (status = 202, description = "Done; `id` is the new case", body = Asked),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "A search or a pull is under way for what would move", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be used", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/campaigns/{id}/split")]
pub(in crate::http) async fn split(
    state: web::Data<State>,
    by: By<SetVerdicts>,
    id: web::Path<CampaignId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: SplitRequest = body::command(&request, payload).await?;
    let actor = by.actor();
    let order = Order {
        actor: &actor,
        reason: &wanted.reason,
    };
    let own = grouping::split(&state.app, *id, &wanted.submissions, order).await?;
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "campaigns", own)))
}
