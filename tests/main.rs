//! The integration tests: one binary, one module a subject.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

mod api;
mod cli;
mod conformance;
mod crash;
mod flows;
mod hostile_http;
mod mailbox;
mod store;
mod support;
