//! `GET /api/v1/audit`: the audit trail, newest first.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{
        Problem, State,
        api::{
            analyst::{Administer, By},
            page::page,
        },
        problem::Document,
    },
    store::audit::{AuditFilter, Entry},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// Only what is about this id, or names it.
    subject: Option<String>,
    /// Only what this one did: a key's id, `unhook`, or an account.
    actor: Option<String>,
    /// Only this action, as `verdict`.
    action: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows on the page, 1 to 200; 50 when absent.
    limit: Option<u64>,
}

/// One entry of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct AuditEntry {
    /// From 1, without a gap.
    seq: i64,
    /// When.
    at: DateTime<Utc>,
    /// Who: `unhook`, the id of an API key, or an account at the command line.
    actor: String,
    /// What was done, one word.
    action: String,
    /// The id of what it was done to; empty where there is no single one.
    subject: String,
    /// Ids, counts and hashes: JSON as text, as it stands in the hash.
    detail: String,
    /// Hash of the entry before; empty for the first.
    previous: String,
    /// SHA-256 over all of it, hexadecimal.
    hash: String,
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            detail: entry.detail,
            previous: entry.previous,
            hash: entry.hash,
        }
    }
}

/// A page of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct AuditPage {
    items: Vec<AuditEntry>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// Who did what (scope `admin`)
///
/// Entries hold ids, counts and hashes, no content. `unhook audit verify` checks the
/// chain.
#[utoipa::path(
    tag = "service",
    operation_id = "audit_list",
    security(("api_key" = ["admin"])),
    params(Params),
    responses(
        (status = 200, description = "Newest first", body = AuditPage),
        (status = 400, description = "A parameter cannot be used", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/audit")]
pub(in crate::http) async fn list(
    state: web::Data<State>,
    _by: By<Administer>,
    params: web::Query<Params>,
) -> Result<web::Json<AuditPage>, Problem> {
    let params = params.into_inner();
    let page = page::<i64>(params.after, params.limit)?;
    let filter = AuditFilter {
        subject: params.subject,
        actor: params.actor,
        action: params.action,
    };
    let rows = state.app.store.read(state.app.tenant);
    let found = rows.audit_entries(&filter, &page).await?;
    Ok(web::Json(AuditPage {
        items: found.items.into_iter().map(AuditEntry::from).collect(),
        next: found.next,
    }))
}
