//! Whether the process lives, and whether it can work.

use actix_web::{HttpResponse, get, web};
use serde_json::json;

use super::{Code, Problem, State};

/// The process lives. Says nothing of the database.
#[utoipa::path(tag = "service", responses((status = 200, description = "It lives")))]
#[get("/healthz")]
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// Reports can be taken: database and blob store answer.
#[utoipa::path(
    tag = "service",
    responses(
        (status = 200, description = "Ready"),
        (status = 503, description = "The part that does not answer is in `detail`"),
    )
)]
#[get("/readyz")]
pub(super) async fn readyz(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let not_ready = |part: &'static str, error: &dyn std::fmt::Display| {
        tracing::warn!(part, %error, "not ready");
        Problem::new(Code::NotReady).detail(part).retry_after(5)
    };
    state
        .app
        .store
        .ping()
        .await
        .map_err(|error| not_ready("the database does not answer", &error))?;
    state
        .app
        .blobs
        .check()
        .await
        .map_err(|error| not_ready("the blob store cannot be written", &error))?;
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}
