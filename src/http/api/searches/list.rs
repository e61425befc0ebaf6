//! `GET /api/v1/searches`: searches, newest first.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::SearchSummary;
use crate::{
    domain::{CampaignId, SearchId},
    http::{
        Problem, State,
        api::{
            analyst::{By, ReadPulls},
            page::page,
        },
        problem::Document,
    },
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// Only those of this campaign, `cmp_…`.
    #[param(value_type = Option<String>)]
    campaign: Option<CampaignId>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows on the page, 1 to 200; 50 when absent.
    limit: Option<u64>,
}

/// A page of searches, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SearchPage {
    items: Vec<SearchSummary>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// Searches (scope `pulls:read`)
#[utoipa::path(
    tag = "searches",
    operation_id = "search_list",
    security(("api_key" = ["pulls:read"])),
    params(Params),
    responses(
        (status = 200, description = "Newest first", body = SearchPage),
        (status = 400, description = "A parameter cannot be used", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/searches")]
pub(in crate::http) async fn list(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    params: web::Query<Params>,
) -> Result<web::Json<SearchPage>, Problem> {
    let Params {
        campaign,
        after,
        limit,
    } = params.into_inner();
    let page = page::<SearchId>(after, limit)?;
    let rows = state.app.store.read(state.app.tenant);
    let found = rows.searches(campaign, &page).await?;
    Ok(web::Json(SearchPage {
        items: found.items.iter().map(SearchSummary::of).collect(),
        next: found.next,
    }))
}
