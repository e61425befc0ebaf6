//! `GET /console/submissions/{id}/message.eml`: the exact bytes, as a file.

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY},
    web,
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{
    super::{fault::PageError, guard::Signed},
    body,
};
use crate::{
    auth::Scope,
    domain::SubmissionId,
    store::{blobs::BlobError, event::Event, submission::Submission},
};

/// Which bytes.
#[derive(Deserialize)]
pub(in super::super) struct Asked {
    /// `upload` for what the client sent; by default the best there are.
    part: Option<String>,
}

/// See the module. The file's name is ours; nothing of the mail is in a header.
pub(in super::super) async fn show(
    signed: Signed,
    path: web::Path<String>,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, PageError> {
    signed.require(Scope::RawRead)?;
    let id = path
        .parse::<SubmissionId>()
        .map_err(|_| PageError::NotFound)?;
    let rows = signed.app.store.read(signed.session.tenant);
    let submission = rows.submission(id).await?.ok_or(PageError::NotFound)?;
    let (bytes, suffix) = match asked.part.as_deref() {
        None => (body::bytes(&signed.app.blobs, &submission).await, ""),
        Some("upload") => (uploaded(&signed, &submission).await?, "-upload"),
        Some(_) => return Err(PageError::NotFound),
    };
    let bytes = bytes.ok_or(PageError::NotFound)?;
    // Who took which content away is written down before it is handed out.
    let taken = Event::new("raw_downloaded", signed.now)
        .on(id)
        .by(signed.actor())
        .with(json!({ "part": if suffix.is_empty() { "evidence" } else { "upload" } }));
    let tx = signed.app.store.begin().await?;
    tx.of(signed.session.tenant).record(vec![taken]).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}{suffix}.eml\""),
        ))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .body(bytes))
}

/// What the client sent; it waits beside the report until triage has put it into
/// the blob store.
async fn uploaded(signed: &Signed, submission: &Submission) -> Result<Option<Bytes>, PageError> {
    if let Some(name) = submission.upload_sha256.as_deref() {
        match signed.app.blobs.get(name).await {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(BlobError::Missing(_)) => {}
            Err(error) => {
                tracing::error!(submission = %submission.id, %error, "upload not readable");
                return Err(PageError::Failed);
            }
        }
    }
    let rows = signed.app.store.read(signed.session.tenant);
    let waiting = rows.uploads_of(submission.id).await?;
    Ok(waiting
        .into_iter()
        .next()
        .map(|(_, _, bytes)| Bytes::from(bytes)))
}
