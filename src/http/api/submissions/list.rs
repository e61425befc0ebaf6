//! `GET /api/v1/submissions`: the queue.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::SubmissionSummary;
use crate::{
    domain::{CampaignId, SubmissionId, Verdict},
    http::{
        Problem, State,
        api::{
            analyst::{By, ReadSubmissions},
            page::page,
            words::VerdictWord,
        },
    },
    store::submission::{ByUrgency, SubmissionFilter},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// Only those with this verdict.
    #[param(value_type = Option<VerdictWord>)]
    verdict: Option<Verdict>,
    /// Only those that wait for a person (`true`).
    needs_review: Option<bool>,
    /// Only those where nothing is left to do (`true`).
    closed: Option<bool>,
    /// Only those of this campaign, `cmp_…`.
    #[param(value_type = Option<String>)]
    campaign: Option<CampaignId>,
    /// In which order; the newest first when absent.
    #[param(inline)]
    order: Option<OrderWord>,
    /// `next` of the page before, of the same order.
    after: Option<String>,
    /// Rows on the page, 1 to 200; 50 when absent.
    limit: Option<u64>,
}

/// An order of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(rename_all = "snake_case", as = Order)]
pub(in crate::http) enum OrderWord {
    /// The newest first.
    Newest,
    /// The most urgent first.
    Priority,
}

/// A page of submissions.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SubmissionPage {
    items: Vec<SubmissionSummary>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// The queue (scope `submissions:read`)
#[utoipa::path(
    tag = "submissions",
    operation_id = "submission_list",
    security(("api_key" = ["submissions:read"])),
    params(Params),
    responses((status = 200, description = "In the order asked for", body = SubmissionPage))
)]
#[get("/api/v1/submissions")]
pub(in crate::http) async fn list(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
    params: web::Query<Params>,
) -> Result<web::Json<SubmissionPage>, Problem> {
    let params = params.into_inner();
    let by_urgency = params.order == Some(OrderWord::Priority);
    let page = if by_urgency {
        page::<ByUrgency>(params.after, params.limit)?
    } else {
        page::<SubmissionId>(params.after, params.limit)?
    };
    let filter = SubmissionFilter {
        verdict: params.verdict,
        needs_review: params.needs_review.unwrap_or_default(),
        closed: params.closed.unwrap_or_default(),
        campaign: params.campaign,
    };
    let rows = state.app.store.read(state.app.tenant);
    let found = if by_urgency {
        rows.submissions_by_urgency(&filter, &page).await?
    } else {
        rows.submissions(&filter, &page).await?
    };
    let now = state.app.clock.now();
    let found = found.map(|s| SubmissionSummary::of(&s, now));
    Ok(web::Json(SubmissionPage {
        items: found.items,
        next: found.next,
    }))
}
