//! `GET /console/searches/{id}/hits.csv` and `receipt.json`: what a search looked at
//! and its signed receipt, as files.

use actix_web::{HttpResponse, http::header::CONTENT_DISPOSITION, web};

use super::super::{fault::PageError, guard::Signed};
use crate::{
    auth::Scope,
    domain::SearchId,
    http::sightings,
    remediation::receipt::{self, ShowError},
};

fn id_of(signed: &Signed, path: &str) -> Result<SearchId, PageError> {
    signed.require(Scope::PullsRead)?;
    path.parse::<SearchId>().map_err(|_| PageError::NotFound)
}

/// A download whose name is ours.
fn file(id: &SearchId, ending: &str, kind: &str) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer.content_type(kind).insert_header((
        CONTENT_DISPOSITION,
        format!("attachment; filename=\"{id}-{ending}\""),
    ));
    answer
}

/// `GET /console/searches/{id}/hits.csv`
pub(in super::super) async fn csv(
    signed: Signed,
    path: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let id = id_of(&signed, &path)?;
    let rows = signed.app.store.read(signed.session.tenant);
    rows.search(id).await?.ok_or(PageError::NotFound)?;
    let table = sightings::csv(&signed.app, id).await?;
    Ok(file(&id, "hits.csv", "text/csv; charset=utf-8").body(table))
}

/// `GET /console/searches/{id}/receipt.json`
pub(in super::super) async fn receipt(
    signed: Signed,
    path: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let id = id_of(&signed, &path)?;
    let receipt = receipt::of(&signed.app, id).await?;
    Ok(file(&id, "receipt.json", "application/json").json(receipt))
}

impl From<ShowError> for PageError {
    fn from(error: ShowError) -> Self {
        match error {
            ShowError::NotFound => Self::NotFound,
            ShowError::Store(error) => error.into(),
            error @ ShowError::Key(_) => {
                tracing::error!(%error, "a receipt cannot be signed");
                Self::Failed
            }
        }
    }
}
