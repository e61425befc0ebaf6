//! The HTTP API, version 1: one folder a noun, one file a verb.

pub(super) mod analyst;
pub(super) mod approvals;
pub(super) mod audit;
pub(super) mod campaigns;
pub(super) mod indicators;
pub(super) mod jobs;
pub(super) mod kill_switch;
pub(super) mod page;
pub(super) mod policies;
pub(super) mod pulls;
pub(super) mod reporters;
pub(super) mod reports;
pub(super) mod searches;
pub(super) mod submissions;
pub mod words;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why something is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reasoned {
    /// For the timeline; 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub(super) reason: String,
}

/// What was asked for is recorded; look it up at `url`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Asked {
    /// The id of what changes.
    pub(super) id: String,
    /// Where its progress can be looked up.
    pub(super) url: String,
    /// What it is now: `accepted`.
    pub(super) status: &'static str,
}

impl Asked {
    pub(super) fn of(state: &super::State, noun: &str, id: impl ToString) -> Self {
        let id = id.to_string();
        Self {
            url: state.url(&format!("/api/v1/{noun}/{id}")),
            id,
            status: "accepted",
        }
    }
}
