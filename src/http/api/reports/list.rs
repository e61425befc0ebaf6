//! `GET /api/v1/reports`: one's own reports.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{super::page::page, OwnReport};
use crate::{
    auth::Reporter,
    domain::ReportId,
    http::{Problem, State},
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

/// A page of one's own reports, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ReportPage {
    items: Vec<OwnReport>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// One's own reports
#[utoipa::path(
    tag = "reports",
    operation_id = "report_list",
    security(("reporter" = [])),
    params(Params),
    responses((status = 200, description = "Newest first", body = ReportPage))
)]
#[get("/api/v1/reports")]
pub(in crate::http) async fn list(
    state: web::Data<State>,
    reporter: Reporter,
    params: web::Query<Params>,
) -> Result<web::Json<ReportPage>, Problem> {
    let Params { after, limit } = params.into_inner();
    let page = page::<ReportId>(after, limit)?;
    let own = reporter.0.identity();
    let found = state
        .app
        .store
        .read(state.app.tenant)
        .reports(Some(&own), &page)
        .await?;
    let mut items = Vec::with_capacity(found.items.len());
    for report in found.items {
        items.push(OwnReport::told(&state, report).await?);
    }
    Ok(web::Json(ReportPage {
        items,
        next: found.next,
    }))
}
