//! `GET /api/v1/campaigns/{id}/members`: what belongs to a case, and why.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::{CampaignId, SubmissionId},
    http::{
        Code, Problem, State,
        api::{
            analyst::{By, ReadSubmissions},
            page::page,
        },
        problem::Document,
    },
    store::membership::{How, Membership},
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

/// A submission of a case, and why it belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Member {
    /// `sub_…`
    #[schema(value_type = String)]
    submission: SubmissionId,
    /// `exact`: the same message as one of the case. `variant`: evidence says so.
    /// `analyst`: a person did.
    #[schema(value_type = String)]
    how: How,
    /// How much speaks for it, 0 to 1.
    score: f64,
    /// Why, in plain words.
    reasons: Vec<String>,
    /// When it joined.
    at: DateTime<Utc>,
    /// Who decided it: `unhook`, or `key_…`.
    by: String,
}

impl From<Membership> for Member {
    fn from(m: Membership) -> Self {
        Self {
            submission: m.submission,
            how: m.how,
            score: m.score,
            reasons: m.reasons,
            at: m.at,
            by: m.by,
        }
    }
}

/// A page of members, the latest reported first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct MemberPage {
    items: Vec<Member>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// What belongs to a case, and why (scope `submissions:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_members",
    security(("api_key" = ["submissions:read"])),
    params(("id" = String, Path, description = "`cmp_…`"), Params),
    responses(
        (status = 200, description = "The latest reported first", body = MemberPage),
        (status = 404, description = "There is no such campaign", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/campaigns/{id}/members")]
pub(in crate::http) async fn members(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
    id: web::Path<CampaignId>,
    params: web::Query<Params>,
) -> Result<web::Json<MemberPage>, Problem> {
    let Params { after, limit } = params.into_inner();
    let page = page::<SubmissionId>(after, limit)?;
    let rows = state.app.store.read(state.app.tenant);
    rows.campaign(*id)
        .await?
        .ok_or(Problem::new(Code::NotFound))?;
    let found = rows.case_members(*id, &page).await?.map(Member::from);
    Ok(web::Json(MemberPage {
        items: found.items,
        next: found.next,
    }))
}
