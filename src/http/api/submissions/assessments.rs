//! `GET /api/v1/submissions/{id}/assessments`: every judgement, and what it rested on.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{AssessmentId, SubmissionId, Verdict},
    http::{
        Code, Problem, State,
        api::{
            analyst::{By, ReadSubmissions},
            words::VerdictWord,
        },
        problem::Document,
    },
    store::judgement::Judgement,
};

/// Assessments that are listed.
const LISTED: u64 = 200;

/// One judgement of a message: the engine's, or an analyst's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AssessmentRow)]
pub(in crate::http) struct AssessmentView {
    /// `asm_…`
    #[schema(value_type = String)]
    id: AssessmentId,
    /// Why it was made: `report`, `sources`, `hunt`, `analyst`, or `campaign` where another
    /// message of the campaign was judged.
    cause: String,
    /// What was concluded.
    #[schema(value_type = VerdictWord)]
    verdict: Verdict,
    /// The policy that judged; empty where a person did, or another message was judged.
    policy_version: String,
    /// The model that judged; none where there was none.
    model_version: Option<String>,
    /// The rules that judged; empty where a person did.
    rules_version: String,
    /// The assessment: class probabilities, signals with their evidence, what would have
    /// changed it; of an analyst who decided and why.
    #[schema(value_type = Object)]
    assessment: serde_json::Value,
    /// When.
    created_at: DateTime<Utc>,
}

impl From<Judgement> for AssessmentView {
    fn from(judgement: Judgement) -> Self {
        Self {
            id: judgement.id,
            cause: judgement.cause,
            verdict: judgement.verdict,
            policy_version: judgement.policy_version,
            model_version: judgement.model_version,
            rules_version: judgement.rules_version,
            assessment: serde_json::from_str(&judgement.assessment).unwrap_or_default(),
            created_at: judgement.created_at,
        }
    }
}

/// The judgements of a message.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Assessments {
    /// Newest first, at most 200.
    items: Vec<AssessmentView>,
}

/// Every judgement of a message (scope `submissions:read`)
#[utoipa::path(
    tag = "submissions",
    operation_id = "submission_assessments",
    security(("api_key" = ["submissions:read"])),
    params(("id" = String, Path, description = "`sub_…`")),
    responses(
        (status = 200, description = "Newest first, at most 200", body = Assessments),
        (status = 404, description = "There is no such submission", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/submissions/{id}/assessments")]
pub(in crate::http) async fn assessments(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
    id: web::Path<SubmissionId>,
) -> Result<web::Json<Assessments>, Problem> {
    let rows = state.app.store.read(state.app.tenant);
    if rows.submission(*id).await?.is_none() {
        return Err(Problem::new(Code::NotFound));
    }
    let found = rows.assessments_of(*id, LISTED).await?;
    Ok(web::Json(Assessments {
        items: found.into_iter().map(AssessmentView::from).collect(),
    }))
}
