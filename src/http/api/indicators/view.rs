//! An indicator as the API shows it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{AskedKind, Reputation},
    http::api::words::{IndicatorKindWord, IndicatorReputationWord},
    store::indicator::Indicator,
};

/// What the organisation says of a value.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct OwnIndicator {
    /// What the value is.
    #[schema(value_type = IndicatorKindWord)]
    kind: AskedKind,
    /// The value, as it is compared.
    value: String,
    /// How it is seen.
    #[schema(value_type = IndicatorReputationWord)]
    reputation: Reputation,
    /// Why.
    note: String,
    /// Whether it counts now: neither withdrawn nor ended.
    in_force: bool,
    /// Who added it.
    added_by: String,
    /// When.
    added_at: DateTime<Utc>,
    /// When it ends by itself; absent: never.
    until: Option<DateTime<Utc>>,
    /// When it was withdrawn, where it was.
    withdrawn_at: Option<DateTime<Utc>>,
    /// Who withdrew it.
    withdrawn_by: Option<String>,
}

impl OwnIndicator {
    /// An indicator at a time.
    pub(in crate::http) fn of(one: Indicator, now: DateTime<Utc>) -> Self {
        Self {
            in_force: one.holds(now),
            kind: one.kind,
            value: one.value,
            reputation: one.reputation,
            note: one.note,
            added_by: one.added_by,
            added_at: one.added_at,
            until: one.until,
            withdrawn_at: one.withdrawn_at,
            withdrawn_by: one.withdrawn_by,
        }
    }
}
