//! `GET /api/v1/campaigns/{id}/variants`: the messages of a case side by side.

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::CampaignSummary;
use crate::{
    domain::CampaignId,
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadSubmissions},
        contrast::{Contrast, Stretch, contrast},
        problem::Document,
    },
};

/// Variants that are compared.
const MOST: u64 = 100;

/// A stretch of a text.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Part {
    /// A stranger's words; links are defanged.
    text: String,
    /// Whether the seed lacks it.
    differs: bool,
}

fn parts(stretches: Vec<Stretch>) -> Vec<Part> {
    stretches
        .into_iter()
        .map(|Stretch { text, differs }| Part { text, differs })
        .collect()
}

/// A variant compared with the seed of its case. Every text is a stranger's.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct VariantView {
    /// The variant's own campaign.
    campaign: CampaignSummary,
    /// How much speaks for it, 0 to 1; absent where its seed is gone from the case.
    score: Option<f64>,
    /// Why it belongs to the case.
    reasons: Vec<String>,
    /// Its subject.
    subject: Vec<Part>,
    /// Its sender.
    sender: Vec<Part>,
    /// Its links, defanged, without parameters.
    links: Vec<Part>,
}

/// The variants of a case.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Variants {
    /// Oldest first, at most a hundred.
    items: Vec<VariantView>,
}

/// The variants of a case, with what differs from its seed (scope `submissions:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_variants",
    security(("api_key" = ["submissions:read"])),
    params(("id" = String, Path, description = "`cmp_…`")),
    responses(
        (status = 200, description = "Oldest first", body = Variants),
        (status = 404, description = "There is no such campaign", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/campaigns/{id}/variants")]
pub(in crate::http) async fn variants(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
    id: web::Path<CampaignId>,
) -> Result<web::Json<Variants>, Problem> {
    let rows = state.app.store.read(state.app.tenant);
    let case = rows
        .campaign(*id)
        .await?
        .ok_or(Problem::new(Code::NotFound))?;
    let seed = rows.submission(case.seed).await?;
    let seed = seed.ok_or(Problem::new(Code::NotFound))?;
    let mut items = Vec::new();
    for campaign in rows.variants_of(case.id, MOST).await? {
        let Some(other) = rows.submission(campaign.seed).await? else {
            continue;
        };
        let member = rows.membership(other.id).await?;
        let Contrast {
            subject,
            sender,
            links,
            ..
        } = contrast(&seed, &other);
        items.push(VariantView {
            campaign: campaign.into(),
            score: member.as_ref().map(|member| member.score),
            reasons: member.map(|member| member.reasons).unwrap_or_default(),
            subject: parts(subject),
            sender: parts(sender),
            links: parts(links),
        });
    }
    Ok(web::Json(Variants { items }))
}
