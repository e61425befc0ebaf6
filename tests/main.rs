//! The integration tests: one binary, one module a subject.

mod mailbox;
mod store;
mod support;
