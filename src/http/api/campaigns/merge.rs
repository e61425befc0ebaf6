//! `POST /api/v1/campaigns/{id}/merge`: another case into this one.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    domain::CampaignId,
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

/// What is to be merged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct MergeRequest {
    /// The other case, `cmp_…`.
    #[schema(value_type = String)]
    campaign: CampaignId,
    /// Why, for the timeline; 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Merge another case into this one (scope `verdicts:write`)
///
/// It becomes a variant of this one, with its own variants. Verdicts stay, and no mail
/// is moved. Splitting undoes it.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_merge",
    security(("api_key" = ["verdicts:write"])),
    params(("id" = String, Path, description = "`cmp_…`")),
    request_body = MergeRequest,
    responses(
        (status = 202, description = "Done", body = Asked),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be used, or one of both is a variant of another case", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/campaigns/{id}/merge")]
pub(in crate::http) async fn merge(
    state: web::Data<State>,
    by: By<SetVerdicts>,
    id: web::Path<CampaignId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: MergeRequest = body::command(&request, payload).await?;
    let actor = by.actor();
    let order = Order {
        actor: &actor,
        reason: &wanted.reason,
    };
    grouping::merge(&state.app, *id, wanted.campaign, order).await?;
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "campaigns", *id)))
}
