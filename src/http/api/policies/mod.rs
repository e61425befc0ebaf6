//! Policies: proposed, tried on the history, put into force.

pub(in crate::http) mod activate;
pub(in crate::http) mod list;
pub(in crate::http) mod propose;
pub(in crate::http) mod read;
pub(in crate::http) mod trial;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::judgement::PolicyRow;

/// A policy that was proposed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Policy)]
pub(in crate::http) struct PolicySummary {
    /// The start of the digest of its text.
    version: String,
    /// Why it was proposed.
    note: Option<String>,
    /// Who proposed it.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// When it was tried on the history; it cannot be put into force before.
    tried_at: Option<DateTime<Utc>>,
    /// Whether it judges now.
    in_force: bool,
}

impl PolicySummary {
    fn of(row: &PolicyRow, current: &str) -> Self {
        Self {
            version: row.version.clone(),
            note: row.note.clone(),
            created_by: row.created_by.clone(),
            created_at: row.created_at,
            tried_at: row.tried_at,
            in_force: row.version == current,
        }
    }
}
