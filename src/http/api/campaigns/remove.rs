//! `POST /api/v1/campaigns/{id}/members/{submission}/remove`: one out.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    domain::{CampaignId, SubmissionId},
    http::{
        Code, Problem, State,
        api::{
            Asked,
            analyst::{By, SetVerdicts},
        },
        body,
        problem::Document,
    },
    triage::grouping::{self, GroupingError, Order},
};

/// Why one is taken out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RemoveRequest {
    /// Why, for the timeline; 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Take one submission out of a case (scope `verdicts:write`)
///
/// It becomes a case of its own and never joins again by likeness. Verdicts stay, and
/// no mail is moved.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_member_remove",
    security(("api_key" = ["verdicts:write"])),
    params(
        ("id" = String, Path, description = "`cmp_…`"),
        ("submission" = String, Path, description = "`sub_…`"),
    ),
    request_body = RemoveRequest,
    responses(
        (status = 202, description = "Done; `id` is the new case", body = Asked),
        (status = 404, description = "There is none, or it belongs to another campaign", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "A search or a pull is under way for what would move", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be used, or it is the seed of the case", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/campaigns/{id}/members/{submission}/remove")]
pub(in crate::http) async fn remove(
    state: web::Data<State>,
    by: By<SetVerdicts>,
    path: web::Path<(CampaignId, SubmissionId)>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (id, submission) = path.into_inner();
    let wanted: RemoveRequest = body::command(&request, payload).await?;
    let actor = by.actor();
    let order = Order {
        actor: &actor,
        reason: &wanted.reason,
    };
    let own = match grouping::remove(&state.app, id, submission, order).await {
        // the path names what is not there: a child of another parent
        Err(error @ GroupingError::NotMember(_)) => {
            return Err(Problem::new(Code::NotFound).detail(error.to_string()));
        }
        done => done?,
    };
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "campaigns", own)))
}
