//! The console: pages rendered on the server for the people who judge.
//!
//! A page is a handler, a template and a `sample()`. Only POST changes state,
//! and only through `guard::Change`. Everything that comes from mail is shown
//! through `text::Plain` and askama's escaping; a message's own HTML appears
//! only in a sandboxed frame with its own policy (`submission::frame`).
//! Uses the store to read, triage and remediation to act; no mailbox, no SQL.

mod assets;
mod audit;
mod campaign;
mod campaigns;
mod case;
mod chip;
mod fault;
mod guard;
mod parked;
mod policy;
mod pulling;
mod queue;
pub mod sample;
mod search;
mod searches;
mod shell;
mod sign_in;
mod staging;
mod submission;
mod text;
mod timeline;
mod when;

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, LOCATION},
    middleware::DefaultHeaders,
    web,
};
use askama::Template;

use fault::PageError;

/// What the pages of the console may load and do.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; form-action 'self'; frame-src 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// Mounts the console under `/console`; `/` leads there. Needs
/// `web::Data<App>` in the app's data.
pub fn routes(cfg: &mut web::ServiceConfig) {
    let headers = DefaultHeaders::new()
        .add(("Content-Security-Policy", POLICY))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "same-origin"))
        .add(("Cross-Origin-Opener-Policy", "same-origin"))
        .add(("Cross-Origin-Resource-Policy", "same-origin"))
        .add((CACHE_CONTROL, "no-store"));
    let scope = web::scope("/console")
        .wrap(headers)
        .app_data(web::FormConfig::default().limit(16 * 1024))
        .route("", web::get().to(queue::show))
        .route("/", web::get().to(queue::show))
        .route("/sign-in", web::get().to(sign_in::show))
        .route("/sign-in", web::post().to(sign_in::submit))
        .route("/sign-out", web::post().to(sign_in::sign_out))
        .route("/assets/{name}", web::get().to(assets::asset))
        .route("/submissions/{id}", web::get().to(submission::show))
        .route(
            "/submissions/{id}/frame",
            web::get().to(submission::frame::show),
        )
        .route(
            "/submissions/{id}/message.eml",
            web::get().to(submission::download::show),
        )
        .route(
            "/submissions/{id}/indicators.csv",
            web::get().to(submission::export::csv),
        )
        .route(
            "/submissions/{id}/indicators.json",
            web::get().to(submission::export::json),
        )
        .route(
            "/submissions/{id}/verdict",
            web::post().to(submission::actions::set_verdict),
        )
        .route(
            "/pulls/{id}/restore",
            web::post().to(submission::actions::restore),
        )
        .route(
            "/pulls/{id}/pull",
            web::post().to(submission::actions::pull_variant),
        )
        .route("/pulls", web::get().to(pulling::show))
        .route("/pulls/stop", web::post().to(pulling::actions::stop))
        .route("/pulls/release", web::post().to(pulling::actions::release))
        .route(
            "/approvals/{id}/approve",
            web::post().to(pulling::actions::give),
        )
        .route(
            "/approvals/{id}/refuse",
            web::post().to(pulling::actions::refuse),
        )
        .route(
            "/approvals/{id}/withdraw",
            web::post().to(pulling::actions::withdraw),
        )
        .route("/campaigns", web::get().to(campaigns::show))
        .route(
            "/campaigns/{id}/halt",
            web::post().to(pulling::actions::halt),
        )
        .route(
            "/campaigns/{id}/resume",
            web::post().to(pulling::actions::resume),
        )
        .route(
            "/campaigns/{id}/object",
            web::post().to(pulling::actions::object),
        )
        .route("/campaigns/{id}", web::get().to(campaign::show))
        .route(
            "/campaigns/{id}/restore",
            web::post().to(submission::actions::restore_all),
        )
        .route(
            "/campaigns/{id}/dry-run",
            web::post().to(search::actions::of_campaign),
        )
        .service(
            web::resource("/searches")
                .app_data(web::FormConfig::default().limit(search::actions::MOST_OCTETS))
                .route(web::get().to(searches::show))
                .route(web::post().to(search::actions::begin_one)),
        )
        .route("/searches/{id}", web::get().to(search::show))
        .route(
            "/searches/{id}/hits.csv",
            web::get().to(search::export::csv),
        )
        .route(
            "/searches/{id}/receipt",
            web::get().to(search::receipt::show),
        )
        .route(
            "/searches/{id}/receipt.json",
            web::get().to(search::export::receipt),
        )
        .route("/campaigns/{id}/split", web::post().to(case::split))
        .route("/campaigns/{id}/remove", web::post().to(case::remove))
        .route("/campaigns/{id}/merge", web::post().to(case::merge))
        .route("/campaigns/{id}/clicks.csv", web::get().to(case::people))
        .route("/parked", web::get().to(parked::show))
        .route("/audit", web::get().to(audit::show))
        .route("/policy", web::get().to(policy::show))
        .service(
            web::resource("/policy/try")
                .app_data(web::FormConfig::default().limit(policy::MOST_OCTETS))
                .route(web::post().to(policy::try_out)),
        )
        .route(
            "/policy/{version}/activate",
            web::post().to(policy::activate),
        )
        .default_service(web::to(nothing_here));
    cfg.service(scope).route("/", web::get().to(to_console));
}

async fn to_console() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, "/console"))
        .finish()
}

async fn nothing_here() -> Result<HttpResponse, PageError> {
    Err(PageError::NotFound)
}

/// A rendered page.
fn page(template: &impl Template) -> Result<HttpResponse, PageError> {
    let html = template.render()?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(html))
}
