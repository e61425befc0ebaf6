//! `GET /api/v1/campaigns`: the attacks.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::CampaignSummary;
use crate::{
    domain::{CampaignId, Verdict},
    http::{
        Problem, State,
        api::{
            analyst::{By, ReadSubmissions},
            page::page,
            words::VerdictWord,
        },
    },
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// Only those with this verdict.
    #[param(value_type = Option<VerdictWord>)]
    verdict: Option<Verdict>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows on the page, 1 to 200; 50 when absent.
    limit: Option<u64>,
}

/// A page of campaigns, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CampaignPage {
    items: Vec<CampaignSummary>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// The attacks (scope `submissions:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_list",
    security(("api_key" = ["submissions:read"])),
    params(Params),
    responses((status = 200, description = "Newest first", body = CampaignPage))
)]
#[get("/api/v1/campaigns")]
pub(in crate::http) async fn list(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
    params: web::Query<Params>,
) -> Result<web::Json<CampaignPage>, Problem> {
    let Params {
        verdict,
        after,
        limit,
    } = params.into_inner();
    let page = page::<CampaignId>(after, limit)?;
    let found = state
        .app
        .store
        .read(state.app.tenant)
        .campaigns(verdict, &page)
        .await?;
    let found = found.map(CampaignSummary::from);
    Ok(web::Json(CampaignPage {
        items: found.items,
        next: found.next,
    }))
}
