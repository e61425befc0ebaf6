//! `GET /api/v1/campaigns/{id}`: one attack, its pull, its gaps.

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{CampaignSummary, CountsView, RemediationView};
use crate::{
    domain::CampaignId,
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadSubmissions},
        problem::Document,
    },
    store::event::Event,
};

/// A campaign with the progress of its pull.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CampaignDetail {
    #[serde(flatten)]
    summary: CampaignSummary,
    /// How many copies are where.
    copies: CountsView,
    /// The decision to pull and how far it is; absent when none was taken.
    remediation: Option<RemediationView>,
    /// What happened, oldest first.
    #[schema(value_type = Vec<Object>)]
    timeline: Vec<Event>,
}

/// One attack (scope `submissions:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_read",
    security(("api_key" = ["submissions:read"])),
    params(("id" = String, Path, description = "`cmp_…`")),
    responses(
        (status = 200, description = "With progress, counts and gaps", body = CampaignDetail),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/campaigns/{id}")]
pub(in crate::http) async fn read(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
    id: web::Path<CampaignId>,
) -> Result<web::Json<CampaignDetail>, Problem> {
    let rows = state.app.store.read(state.app.tenant);
    let campaign = rows
        .campaign(*id)
        .await?
        .ok_or(Problem::new(Code::NotFound))?;
    let copies = rows.count_pulls(campaign.id).await?.into();
    let remediation = match rows.remediation_of(campaign.id).await? {
        None => None,
        Some(found) => {
            let gaps = rows.gaps(found.id).await?;
            Some(RemediationView::new(found, gaps))
        }
    };
    let timeline = rows.timeline(None, Some(campaign.id)).await?;
    Ok(web::Json(CampaignDetail {
        summary: campaign.into(),
        copies,
        remediation,
        timeline,
    }))
}
