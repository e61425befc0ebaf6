//! `GET /api/v1/campaigns/{id}`: one attack, its pull, its gaps.

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{CampaignSummary, CountsView, RemediationView, StagedView, TargetView};
use crate::{
    domain::CampaignId,
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadSubmissions},
        problem::Document,
    },
    store::{PageRequest, event::Event},
    triage::grouping::MOST_VARIANTS,
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
    /// Submissions of the whole case, its variants' included.
    members: u64,
    /// Reports of the whole case.
    reports: u64,
    /// Whom the whole case reached, the most first; at most fifty departments.
    targets: Vec<TargetView>,
    /// What happened, oldest first.
    #[schema(value_type = Vec<Object>)]
    timeline: Vec<Event>,
}

/// Mailboxes shown that were not searched.
const GAPS: u64 = 1_000;

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
            let searched = rows.searched(campaign.id).await?;
            let gaps = match &searched {
                Some(searched) => {
                    let first = PageRequest::first(GAPS);
                    rows.gaps(searched.search.id, &first).await?.items
                }
                None => Vec::new(),
            };
            let watch = rows.watch(found.id).await?;
            let staged = match rows.staged(campaign.id).await? {
                Some(staged) if !staged.remediation.state.is_put_back() => {
                    let limits = &state.app.config.pull;
                    Some(StagedView::of(limits, &staged, state.app.clock.now()))
                }
                _ => None,
            };
            Some(RemediationView::new(found, searched, gaps, watch, staged))
        }
    };
    let variants = rows.variants_of(campaign.id, MOST_VARIANTS).await?;
    let mut case: Vec<CampaignId> = variants.into_iter().map(|variant| variant.id).collect();
    case.push(campaign.id);
    let targets = rows.targets(&case, 50).await?;
    let timeline = rows.timeline(None, Some(campaign.id)).await?;
    Ok(web::Json(CampaignDetail {
        copies,
        remediation,
        members: rows.count_members(campaign.id).await?,
        reports: rows.count_reports_of_case(campaign.id).await?,
        summary: campaign.into(),
        targets: targets.into_iter().map(TargetView::from).collect(),
        timeline,
    }))
}
