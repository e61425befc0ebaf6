//! `GET /console/submissions/{id}/indicators.csv` and `.json`: the observables as
//! a file.

use actix_web::{HttpResponse, http::header::CONTENT_DISPOSITION, web};

use super::super::{fault::PageError, guard::Signed};
use crate::{domain::SubmissionId, http::indicators};

/// `GET /console/submissions/{id}/indicators.csv`
pub(in super::super) async fn csv(
    signed: Signed,
    path: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (id, list) = read(&signed, &path).await?;
    let table = indicators::csv(&list).map_err(|_| PageError::Failed)?;
    Ok(file(&id, "csv", "text/csv; charset=utf-8").body(table))
}

/// `GET /console/submissions/{id}/indicators.json`
pub(in super::super) async fn json(
    signed: Signed,
    path: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (id, list) = read(&signed, &path).await?;
    Ok(file(&id, "json", "application/json").json(list))
}

async fn read(
    signed: &Signed,
    path: &str,
) -> Result<(SubmissionId, Vec<indicators::Indicator>), PageError> {
    let id = path
        .parse::<SubmissionId>()
        .map_err(|_| PageError::NotFound)?;
    let rows = signed.app.store.read(signed.session.tenant);
    let submission = rows.submission(id).await?.ok_or(PageError::NotFound)?;
    Ok((id, indicators::of(&submission)))
}

/// A download whose name is ours.
fn file(id: &SubmissionId, ending: &str, kind: &str) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer.content_type(kind).insert_header((
        CONTENT_DISPOSITION,
        format!("attachment; filename=\"{id}-indicators.{ending}\""),
    ));
    answer
}
