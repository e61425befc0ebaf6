//! `POST /api/v1/searches`: a dry run.

use actix_web::{HttpRequest, HttpResponse, post, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    auth::Scope,
    domain::{CampaignId, MessageQuery},
    http::{
        Code, Problem, State,
        api::{
            Asked,
            analyst::{By, ReadPulls},
        },
        body,
        problem::Document,
    },
    remediation::dry_run::{DryRunOf, begin},
};

/// What to look for: exactly one of the members.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DryRunRequest {
    /// The copies of this campaign, `cmp_…`.
    #[schema(value_type = Option<String>)]
    campaign: Option<CampaignId>,
    /// The copies of this message: its octets, base64.
    #[schema(value_type = Option<String>)]
    message: Option<String>,
    /// What fits this query: `from:`, `subject:`, `link:`, `attachment:`, `id:`,
    /// `after:`, `before:`.
    #[schema(value_type = Option<String>, max_length = 4000)]
    query: Option<String>,
}

/// Show what a pull would find (scope `pulls:read`; with a message or a query `raw:read` too)
///
/// Everything up to the verified list of copies; nothing is moved, by the type of what the
/// work is given. `202` names the search to look up.
#[utoipa::path(
    tag = "searches",
    operation_id = "search_create",
    security(("api_key" = ["pulls:read"])),
    request_body = DryRunRequest,
    responses(
        (status = 202, description = "Queued; the workers carry it out", body = Asked),
        (status = 404, description = "There is no such campaign", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be used", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Ten dry runs are under way; Retry-After says when to try again", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/searches")]
pub(in crate::http) async fn create(
    state: web::Data<State>,
    by: By<ReadPulls>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: DryRunRequest = body::message(&request, payload).await?;
    let field = |what: String| Problem::new(Code::InvalidField).detail(what);
    let raw;
    let of = match (wanted.campaign, &wanted.message, &wanted.query) {
        (Some(id), None, None) => DryRunOf::Campaign(id),
        (None, Some(text), None) => {
            raw = STANDARD
                .decode(text.trim())
                .map_err(|_| field("message: is no base64".to_owned()))?;
            DryRunOf::Message(&raw)
        }
        (None, None, Some(text)) => {
            let query = MessageQuery::typed(text, state.app.clock.now())
                .map_err(|error| field(format!("query: {error}")))?;
            DryRunOf::Query(query)
        }
        _ => {
            return Err(field(
                "name exactly one of campaign, message, query".to_owned(),
            ));
        }
    };
    if !matches!(of, DryRunOf::Campaign(_)) {
        // It reads in everybody's mail, confirmed attack or not.
        if by.analyst.require(Scope::RawRead).is_err() {
            let needs = "a message or a query needs the scope raw:read as well";
            return Err(Problem::new(Code::InsufficientScope).detail(needs));
        }
    }
    let id = begin(&state.app, of, &by.actor()).await?;
    state.wake.notify();
    Ok(HttpResponse::Accepted().json(Asked::of(&state, "searches", id)))
}
