//! `GET /api/v1/approvals`: requests for approval, newest first.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::ApprovalView;
use crate::{
    domain::{ApprovalId, ApprovalState},
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
    /// Only those in this state: `open`, `given`, `refused`, `withdrawn`, `expired` or
    /// `superseded`.
    #[param(value_type = Option<String>)]
    state: Option<ApprovalState>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows on the page, 1 to 200; 50 when absent.
    limit: Option<u64>,
}

/// A page of requests, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ApprovalPage {
    items: Vec<ApprovalView>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// Large pulls and their approvals (scope `pulls:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "approval_list",
    security(("api_key" = ["pulls:read"])),
    params(Params),
    responses(
        (status = 200, description = "Newest first", body = ApprovalPage),
        (status = 400, description = "A parameter cannot be used", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/approvals")]
pub(in crate::http) async fn list(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    params: web::Query<Params>,
) -> Result<web::Json<ApprovalPage>, Problem> {
    let params = params.into_inner();
    let page = page::<ApprovalId>(params.after, params.limit)?;
    let rows = state.app.store.read(state.app.tenant);
    let found = rows.approvals(params.state, &page).await?;
    Ok(web::Json(ApprovalPage {
        items: found.items.into_iter().map(ApprovalView::from).collect(),
        next: found.next,
    }))
}
