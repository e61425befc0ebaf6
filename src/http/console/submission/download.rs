//! `GET /console/submissions/{id}/message.eml`: the exact bytes, as a file.

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY},
    web,
};

use super::{
    super::{fault::PageError, guard::Signed},
    body,
};
use crate::{auth::Scope, domain::SubmissionId, store::event::Event};

/// See the module. The file's name is ours; nothing of the mail is in a header.
pub(in super::super) async fn show(
    signed: Signed,
    path: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    signed.require(Scope::RawRead)?;
    let id = path
        .parse::<SubmissionId>()
        .map_err(|_| PageError::NotFound)?;
    let rows = signed.app.store.read(signed.session.tenant);
    let submission = rows.submission(id).await?.ok_or(PageError::NotFound)?;
    let bytes = body::bytes(&signed.app.blobs, &submission)
        .await
        .ok_or(PageError::NotFound)?;
    // Who took which content away is written down before it is handed out.
    let taken = Event::new("raw_downloaded", signed.now)
        .on(id)
        .by(signed.actor());
    let tx = signed.app.store.begin().await?;
    tx.of(signed.session.tenant).record(vec![taken]).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.eml\""),
        ))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .body(bytes))
}
