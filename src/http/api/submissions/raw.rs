//! `GET /api/v1/submissions/{id}/raw`: the bytes as they were received.

use actix_web::{
    HttpResponse, get,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    web,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::SubmissionId,
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadRaw},
        problem::Document,
    },
    store::{StoreError, blobs::BlobError, event::Event, submission::Submission},
};

/// Which bytes.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::http) enum Part {
    /// As the server fetched them from the reporter's mailbox.
    #[default]
    Evidence,
    /// As the client sent them.
    Upload,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// `evidence` when absent.
    #[param(inline)]
    part: Option<Part>,
}

/// The raw message (scope `raw:read`)
///
/// Byte for byte. Every download is noted in the timeline.
#[utoipa::path(
    tag = "submissions",
    operation_id = "submission_raw",
    security(("api_key" = ["raw:read"])),
    params(("id" = String, Path, description = "`sub_…`"), Params),
    responses(
        (status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "There are none", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/submissions/{id}/raw")]
pub(in crate::http) async fn raw(
    state: web::Data<State>,
    by: By<ReadRaw>,
    id: web::Path<SubmissionId>,
    params: web::Query<Params>,
) -> Result<HttpResponse, Problem> {
    let part = params.part.unwrap_or_default();
    let rows = state.app.store.read(state.app.tenant);
    let found = rows
        .submission(*id)
        .await?
        .ok_or(Problem::new(Code::NotFound))?;
    let bytes = match part {
        Part::Evidence => blob(&state, found.evidence_sha256.as_deref()).await?,
        Part::Upload => upload(&state, &found).await?,
    };
    let name = match part {
        Part::Evidence => "evidence",
        Part::Upload => "upload",
    };
    note(&state, found.id, by.actor(), name).await?;
    let file = format!("attachment; filename=\"{}-{name}.eml\"", found.id);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header((CONTENT_DISPOSITION, file))
        .body(bytes))
}

async fn blob(state: &State, name: Option<&str>) -> Result<Bytes, Problem> {
    let name = name.ok_or(Problem::new(Code::NotFound))?;
    Ok(state.app.blobs.get(name).await.map_err(StoreError::from)?)
}

/// The client's bytes wait beside the report until triage has put them into the
/// blob store.
async fn upload(state: &State, submission: &Submission) -> Result<Bytes, Problem> {
    if let Some(name) = submission.upload_sha256.as_deref() {
        match state.app.blobs.get(name).await {
            Err(BlobError::Missing(_)) => {}
            found => return Ok(found.map_err(StoreError::from)?),
        }
    }
    let rows = state.app.store.read(state.app.tenant);
    let waiting = rows.uploads_of(submission.id).await?;
    match waiting.into_iter().next() {
        Some((_, _, bytes)) => Ok(Bytes::from(bytes)),
        None => Err(Problem::new(Code::NotFound)),
    }
}

/// Who read which content, before it is handed out.
async fn note(
    state: &State,
    id: SubmissionId,
    actor: String,
    part: &str,
) -> Result<(), StoreError> {
    let event = Event::new("raw_downloaded", state.app.clock.now())
        .on(id)
        .by(actor)
        .with(json!({ "part": part }));
    let tx = state.app.store.begin().await?;
    tx.of(state.app.tenant).record(vec![event]).await?;
    tx.commit().await
}
