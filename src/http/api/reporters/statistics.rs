//! `GET /api/v1/reporters/statistics`: how the organisation reports.

use std::collections::BTreeMap;

use actix_web::{get, web};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadStatistics},
        problem::Document,
    },
    policy::statistics::{GroupStatistics, StatisticsError, statistics},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// A month that is over, as `2026-10`; the last one when absent.
    month: Option<String>,
}

/// A group of reporters, never a person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReporterGroup)]
pub(in crate::http) struct Group {
    /// The mail domain; empty for all together, `(none)` for people without an address.
    group: String,
    /// People with settled reports.
    people: u64,
    /// Their settled cases, each counted once a person.
    reports: u64,
    /// How the cases ended.
    outcomes: BTreeMap<&'static str, u64>,
    /// How right they were, 0 to 1.
    right: f64,
}

impl From<GroupStatistics> for Group {
    fn from(group: GroupStatistics) -> Self {
        Self {
            group: group.group,
            people: group.people,
            reports: group.reports,
            outcomes: group.outcomes,
            right: group.right,
        }
    }
}

/// How the organisation reports.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ReporterStatistics {
    /// The month (UTC) in which the cases were settled, as its first day.
    month: NaiveDate,
    /// People that a group has at least; smaller ones are not shown, nor is what they
    /// could be worked out from.
    smallest_group: u32,
    /// All together; absent where even they are too few.
    all: Option<Group>,
    /// The groups that are large enough, the largest first.
    groups: Vec<Group>,
    /// Groups that are not shown.
    hidden: usize,
}

/// How the organisation reports, in groups (scope `statistics:read`)
#[utoipa::path(
    tag = "reports",
    operation_id = "reporter_statistics",
    security(("api_key" = ["statistics:read"])),
    params(Params),
    responses(
        (status = 200, description = "The groups that may be shown", body = ReporterStatistics),
        (status = 404, description = "No record is kept", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/reporters/statistics")]
pub(in crate::http) async fn read(
    state: web::Data<State>,
    _by: By<ReadStatistics>,
    params: web::Query<Params>,
) -> Result<web::Json<ReporterStatistics>, Problem> {
    let month = params.into_inner().month;
    let found = statistics(&state.app, month.as_deref())
        .await
        .map_err(|error| match error {
            StatisticsError::Store(error) => error.into(),
            StatisticsError::Off => Problem::new(Code::NotFound).detail(error.to_string()),
            StatisticsError::Month => {
                Problem::new(Code::InvalidParameter).detail(format!("month: {error}"))
            }
        })?;
    Ok(web::Json(ReporterStatistics {
        month: found.month,
        smallest_group: found.smallest_group,
        all: found.all.map(Group::from),
        groups: found.groups.into_iter().map(Group::from).collect(),
        hidden: found.hidden,
    }))
}
