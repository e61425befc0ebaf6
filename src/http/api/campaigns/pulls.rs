//! `GET /api/v1/campaigns/{id}/pulls`: every copy of an attack.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::{CampaignId, PullId},
    http::{
        Code, Problem, State,
        api::{
            analyst::{By, ReadPulls},
            page::page,
            pulls::view::PullView,
        },
        problem::Document,
    },
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// `next` of the page before.
    after: Option<String>,
    /// Rows on the page, 1 to 200; 50 when absent.
    limit: Option<u64>,
}

/// A page of copies, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PullPage {
    items: Vec<PullView>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// Every copy of an attack (scope `pulls:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_pulls",
    security(("api_key" = ["pulls:read"])),
    params(("id" = String, Path, description = "`cmp_…`"), Params),
    responses(
        (status = 200, description = "Newest first", body = PullPage),
        (status = 404, description = "There is no such campaign", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/campaigns/{id}/pulls")]
pub(in crate::http) async fn pulls(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    id: web::Path<CampaignId>,
    params: web::Query<Params>,
) -> Result<web::Json<PullPage>, Problem> {
    let Params { after, limit } = params.into_inner();
    let page = page::<PullId>(after, limit)?;
    let rows = state.app.store.read(state.app.tenant);
    rows.campaign(*id)
        .await?
        .ok_or(Problem::new(Code::NotFound))?;
    let found = rows
        .pulls(Some(*id), &page)
        .await?
        .map(|pull| PullView::from(&pull));
    Ok(web::Json(PullPage {
        items: found.items,
        next: found.next,
    }))
}
