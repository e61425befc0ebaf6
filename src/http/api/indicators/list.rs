//! `GET /api/v1/indicators`: what the organisation says of values.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::OwnIndicator;
use crate::{
    http::{
        Problem, State,
        api::{
            analyst::{By, ReadSubmissions},
            page::page,
        },
    },
    store::indicator::IndicatorCursor,
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

/// A page of indicators, the latest added first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct IndicatorPage {
    items: Vec<OwnIndicator>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// The organisation's own indicators (scope `submissions:read`)
///
/// Also those that were withdrawn or have ended.
#[utoipa::path(
    tag = "indicators",
    operation_id = "indicator_list",
    security(("api_key" = ["submissions:read"])),
    params(Params),
    responses((status = 200, description = "The latest added first", body = IndicatorPage))
)]
#[get("/api/v1/indicators")]
pub(in crate::http) async fn list(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
    params: web::Query<Params>,
) -> Result<web::Json<IndicatorPage>, Problem> {
    let Params { after, limit } = params.into_inner();
    let page = page::<IndicatorCursor>(after, limit)?;
    let rows = state.app.store.read(state.app.tenant);
    let now = state.app.clock.now();
    let found = rows.indicators(&page).await?;
    let found = found.map(|one| OwnIndicator::of(one, now));
    Ok(web::Json(IndicatorPage {
        items: found.items,
        next: found.next,
    }))
}
