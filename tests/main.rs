//! The integration tests: one binary, one module a subject.

mod api;
mod conformance;
mod crash;
mod flows;
mod hostile_http;
mod mailbox;
mod store;
mod support;
