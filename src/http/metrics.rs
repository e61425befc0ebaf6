//! Counters for Prometheus: what this process counted, and what the rows say.

use std::{sync::OnceLock, time::Duration};

use actix_web::{
    HttpResponse, get,
    http::{Method, StatusCode},
    web,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::{Problem, State};
use crate::domain::{Observed, Verdict};

/// The recorder of this process; cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

const OBSERVED: [Observed; 8] = [
    Observed::Found,
    Observed::Moving,
    Observed::Pulled,
    Observed::Restoring,
    Observed::Restored,
    Observed::Gone,
    Observed::Changed,
    Observed::Failed,
];
const JOB_STATES: [&str; 3] = ["ready", "running", "parked"];
/// Seconds; a report's answer should be in the first few.
const BUCKETS: [f64; 9] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

impl Metrics {
    /// The recorder, made and installed at the first call; a process has one.
    #[must_use]
    pub fn install() -> Self {
        let handle = RECORDER.get_or_init(|| {
            let builder = PrometheusBuilder::new();
            // refused only for an empty list
            let builder = builder.set_buckets(&BUCKETS).unwrap_or_default();
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another metrics recorder is installed; /metrics shows rows only");
            }
            describe();
            handle
        });
        Self(handle.clone())
    }
}

fn describe() {
    metrics::describe_counter!("unhook_reports_accepted_total", "Reports made durable");
    metrics::describe_counter!(
        "unhook_http_requests_total",
        "Requests by route, method and status"
    );
    metrics::describe_histogram!("unhook_http_request_seconds", "Time to the answer's head");
    metrics::describe_gauge!("unhook_jobs", "Jobs by state");
    metrics::describe_gauge!(
        "unhook_submissions",
        "Reported messages by the verdict in force; exercises are `simulation`"
    );
    metrics::describe_gauge!("unhook_pulls", "Copies by what is known of them");
}

/// Counts one request.
pub(super) fn request(method: &Method, route: &str, status: StatusCode, took: Duration) {
    // a method of the client's own making is no label
    let method = match method.as_str() {
        known @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => known,
        _ => "other",
    }
    .to_owned();
    metrics::counter!(
        "unhook_http_requests_total",
        "route" => route.to_owned(), "method" => method, "status" => status.as_str().to_owned()
    )
    .increment(1);
    metrics::histogram!("unhook_http_request_seconds", "route" => route.to_owned())
        .record(took.as_secs_f64());
}

/// Counters and states in Prometheus' text format.
#[utoipa::path(
    tag = "service",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String))
)]
#[get("/metrics")]
pub(super) async fn scrape(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let rows = state.app.store.read(state.app.tenant);
    for name in JOB_STATES {
        gauge("unhook_jobs", name, state.app.store.count_jobs(name).await?);
    }
    for observed in OBSERVED {
        gauge(
            "unhook_pulls",
            observed.as_str(),
            rows.count_observed(observed).await?,
        );
    }
    let counts = rows.count_by_verdict().await?;
    for verdict in Verdict::ALL {
        let count = counts.iter().find(|(of, _)| *of == verdict);
        let count = count.map_or(0, |(_, count)| u64::try_from(*count).unwrap_or_default());
        gauge("unhook_submissions", verdict.as_str(), count);
    }
    state.metrics.0.run_upkeep();
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(state.metrics.0.render()))
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn gauge(name: &'static str, state: &'static str, count: u64) {
    metrics::gauge!(name, "state" => state).set(count as f64);
}
