//! Routes, the error table, the API and the console.
//!
//! Handlers are thin: who (by an extractor), look-up, one change, answer. No
//! handler waits for a mail platform; it records an intent and answers 202.

pub mod api;
mod body;
mod clicks;
pub mod console;
mod contrast;
mod edge;
pub mod gmail_addon;
mod health;
pub mod hooks;
mod indicators;
mod known;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod rate;
mod sightings;
mod state;
mod viewed;

use std::sync::Arc;

use actix_cors::Cors;
use actix_web::{http::header, middleware::from_fn, web};

pub use problem::{Code, Problem};
pub use state::State;

/// Mounts the whole server: API, health, metrics, hooks and console, inside the
/// edge that gives every answer its security headers and every error its
/// problem document.
pub fn routes(config: &mut web::ServiceConfig, state: State) {
    let cors = cors(&state.app.config.server.addin_origins);
    config
        .app_data(Arc::clone(&state.verifier))
        .app_data(web::Data::new(state.app.clone()))
        .app_data(web::Data::new(state))
        .app_data(
            web::PathConfig::default().error_handler(|_, _| Problem::new(Code::NotFound).into()),
        )
        .app_data(web::QueryConfig::default().error_handler(|error, request| {
            let said = error.to_string();
            Problem::new(Code::InvalidParameter)
                .detail(problem::of_parameter(&said, request.query_string()))
                .into()
        }))
        .app_data(web::FormConfig::default().limit(64 * 1024))
        .app_data(web::PayloadConfig::new(64 * 1024))
        .service(
            web::scope("")
                .wrap(cors)
                .wrap(from_fn(edge::edge))
                .configure(gmail_addon::routes)
                .configure(openapi::mount)
                .configure(hooks::configure)
                .configure(console::routes)
                .default_service(web::to(openapi::unmatched)),
        );
}

/// The add-in's pages may post reports from their own origin; no cookie goes
/// with it.
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST"])
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::HeaderName::from_static("idempotency-key"),
            header::HeaderName::from_static("x-unhook-item-id"),
            header::HeaderName::from_static("x-unhook-mailbox"),
            header::HeaderName::from_static("x-unhook-reason"),
        ])
        .expose_headers([header::LOCATION, header::RETRY_AFTER])
        .max_age(3600);
    origins
        .iter()
        .fold(cors, |cors, origin| cors.allowed_origin(origin))
}
