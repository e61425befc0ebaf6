//! Unhook: the closed loop for reported mail.
//!
//! This file is the map. Each room says in its own `//!` why it exists and what
//! it may not touch; `tests/architecture.rs` holds the rooms to it. Layers, a
//! room using only rooms further down:
//!
//! ```text
//! main | demo
//! http, auth
//! intake, triage, remediation, analyze, audit
//! policy
//! learn
//! app
//! jobs | store, mailbox, notify, enrich, sandbox
//! verdict
//! file
//! message | config, clock, domain, strict_json
//! sim                     (sees only message and domain)
//! ```

pub mod analyze;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "sim")]
pub mod demo;
pub mod domain;
pub mod enrich;
pub mod file;
pub mod http;
pub mod intake;
pub mod jobs;
pub mod learn;
pub mod mailbox;
pub mod message;
pub mod notify;
pub mod policy;
pub mod remediation;
pub mod sandbox;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store;
pub mod strict_json;
pub mod triage;
pub mod verdict;
