//! `POST /api/v1/policies`: a policy is checked and kept.

use actix_web::{HttpRequest, HttpResponse, http::header::LOCATION, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::PolicySummary;
use crate::{
    http::{
        Code, Problem, State,
        api::analyst::{Administer, By},
        body,
        problem::Document,
    },
    policy::force,
};

/// A policy and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PolicyProposal {
    /// The policy file (TOML): what stands under `[policy]` in the configuration, without
    /// that heading.
    text: String,
    /// Why, at most 200 characters.
    #[schema(max_length = 200)]
    note: Option<String>,
}

/// Propose a policy (scope `admin`)
///
/// It is read, its rules are compiled and their own tests are run; nothing judges by it
/// until it is tried and put into force. The same text has the same version.
#[utoipa::path(
    tag = "policies",
    operation_id = "policy_propose",
    security(("api_key" = ["admin"])),
    request_body = PolicyProposal,
    responses(
        (status = 201, description = "Kept", body = PolicySummary),
        (status = 422, description = "The line, field or rule that cannot be", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/policies")]
pub(in crate::http) async fn propose(
    state: web::Data<State>,
    by: By<Administer>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let proposal: PolicyProposal = body::policy(&request, payload).await?;
    let note = proposal
        .note
        .as_deref()
        .map(str::trim)
        .filter(|note| !note.is_empty());
    if note.is_some_and(|note| note.chars().count() > 200 || note.chars().any(char::is_control)) {
        return Err(Problem::new(Code::InvalidField)
            .detail("note: at most 200 characters without control characters"));
    }
    let row = force::propose(&state.app, &proposal.text, note, &by.actor()).await?;
    let engine = force::engine(&state.app).await?;
    let url = state.url(&format!("/api/v1/policies/{}", row.version));
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, url))
        .json(PolicySummary::of(&row, engine.version())))
}
