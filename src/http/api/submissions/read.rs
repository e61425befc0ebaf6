//! `GET /api/v1/submissions/{id}`: one submission with all that is known of it.

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{ReportOfSubmission, SubmissionSummary};
use crate::{
    domain::{Assessment, Locator, SubmissionId},
    http::{
        Code, Problem, State,
        api::{
            analyst::{By, ReadSubmissions},
            pulls::view::PullView,
        },
        known,
        problem::Document,
        viewed,
    },
    store::{egress::Egress, event::Event},
};

/// A submission with everything that is known of it. All texts of the message
/// are a stranger's words.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SubmissionDetail {
    #[serde(flatten)]
    summary: SubmissionSummary,
    /// The client's id of the item; unproven.
    item_id: Option<String>,
    /// The client's Message-ID; unproven.
    internet_message_id: Option<String>,
    /// Where the server itself found it.
    #[schema(value_type = Option<Object>)]
    locator: Option<Locator>,
    /// SHA-256 of the bytes as fetched.
    evidence_sha256: Option<String>,
    /// Their length in octets.
    evidence_size: Option<i64>,
    /// SHA-256 of the bytes the client sent.
    upload_sha256: Option<String>,
    /// The assessment: verdict, score, and the signals with their evidence.
    #[schema(value_type = Option<Object>)]
    assessment: Option<Assessment>,
    /// Observables, headers, structure, Received path, authentication, files, defects.
    #[schema(value_type = Option<Object>)]
    findings: Option<serde_json::Value>,
    /// What sources outside answered, what they owe, and the sender's history.
    #[schema(value_type = Option<Object>)]
    enrichment: Option<serde_json::Value>,
    /// Everything that was sent out because of this message, oldest first.
    #[schema(value_type = Vec<Object>)]
    egress: Vec<Egress>,
    /// The number of the decision that stands; given back with a verdict, it keeps two
    /// people from deciding over each other unawares.
    decision_version: i32,
    /// Who reported it, oldest first.
    report_list: Vec<ReportOfSubmission>,
    /// The reporters' own copies that are held.
    pulls: Vec<PullView>,
    /// What happened, oldest first.
    #[schema(value_type = Vec<Object>)]
    timeline: Vec<Event>,
}

/// One submission (scope `submissions:read`)
#[utoipa::path(
    tag = "submissions",
    operation_id = "submission_read",
    security(("api_key" = ["submissions:read"])),
    params(("id" = String, Path, description = "`sub_…`")),
    responses(
        (status = 200, description = "All that is known", body = SubmissionDetail),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/submissions/{id}")]
pub(in crate::http) async fn read(
    state: web::Data<State>,
    by: By<ReadSubmissions>,
    id: web::Path<SubmissionId>,
) -> Result<web::Json<SubmissionDetail>, Problem> {
    let rows = state.app.store.read(state.app.tenant);
    let (found, decision_version) = rows
        .submission_as_decided(*id)
        .await?
        .ok_or(Problem::new(Code::NotFound))?;
    let reports = rows.reports_of(found.id).await?;
    let pulls = rows.pulls_of_submission(found.id).await?;
    let timeline = rows.timeline(Some(found.id), found.campaign).await?;
    let egress = rows.egress_of(found.id).await?;
    let assessment = known::assessment(&found).cloned();
    if found.findings.is_some() {
        // They hold the message's text.
        viewed::note(&state.app, found.id, &by.actor(), "findings").await?;
    }
    Ok(web::Json(SubmissionDetail {
        summary: SubmissionSummary::of(&found, state.app.clock.now()),
        item_id: found.item_id,
        internet_message_id: found.internet_message_id,
        locator: found.locator,
        evidence_sha256: found.evidence_sha256,
        evidence_size: found.evidence_size,
        upload_sha256: found.upload_sha256,
        assessment,
        findings: found.findings,
        enrichment: found.enrichment,
        egress,
        decision_version,
        report_list: reports.into_iter().map(Into::into).collect(),
        pulls: pulls.iter().map(PullView::from).collect(),
        timeline,
    }))
}
