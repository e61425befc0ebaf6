//! Beginning a dry run. It reads mailboxes and moves nothing.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use serde::Deserialize;

use super::super::{fault::PageError, guard::Change};
use crate::{
    auth::Scope,
    domain::{CampaignId, MessageQuery},
    http::State,
    remediation::dry_run::{DryRunError, DryRunOf, begin},
};

/// Octets of the form: a pasted message may be long.
pub(in super::super) const MOST_OCTETS: usize = 2 * 1024 * 1024;

/// What to look for: one of the two.
#[derive(Deserialize)]
pub(in super::super) struct DryRunForm {
    query: Option<String>,
    message: Option<String>,
}

/// `POST /console/searches`
pub(in super::super) async fn begin_one(
    state: web::Data<State>,
    change: Change<DryRunForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::PullsRead)?;
    let given = |field: Option<String>| field.filter(|text| !text.trim().is_empty());
    let (query, message) = (given(form.query), given(form.message));
    let of = match (&query, &message) {
        (Some(text), None) => {
            let query = MessageQuery::typed(text, signed.now)
                .map_err(|error| PageError::Said(format!("The query cannot be read: {error}.")))?;
            DryRunOf::Query(query)
        }
        (None, Some(text)) => DryRunOf::Message(text.as_bytes()),
        _ => {
            return Err(PageError::Field(
                "Give a query or the source of a message, one of the two.",
            ));
        }
    };
    // It reads in everybody's mail, confirmed attack or not.
    signed.require(Scope::RawRead)?;
    begun(&state, &signed, of).await
}

/// A form without fields.
#[derive(Deserialize)]
pub(in super::super) struct Nothing {}

/// `POST /console/campaigns/{id}/dry-run`
pub(in super::super) async fn of_campaign(
    state: web::Data<State>,
    path: web::Path<String>,
    change: Change<Nothing>,
) -> Result<HttpResponse, PageError> {
    let signed = change.signed;
    signed.require(Scope::PullsRead)?;
    let id = path
        .parse::<CampaignId>()
        .map_err(|_| PageError::NotFound)?;
    begun(&state, &signed, DryRunOf::Campaign(id)).await
}

async fn begun(
    state: &web::Data<State>,
    signed: &super::super::guard::Signed,
    of: DryRunOf<'_>,
) -> Result<HttpResponse, PageError> {
    let id = begin(&signed.app, of, &signed.actor())
        .await
        .map_err(|error| match error {
            DryRunError::NotFound => PageError::NotFound,
            DryRunError::Store(error) => error.into(),
            other => PageError::Said(format!("It cannot be looked for: {other}.")),
        })?;
    state.wake.notify();
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, format!("/console/searches/{id}?done=dry_run")))
        .finish())
}
