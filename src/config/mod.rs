//! The configuration: one section a file, nothing else reads environment or files.
//!
//! May use nothing but `domain` and `clock`.

pub mod blobs;
pub mod database;
pub mod google;
pub mod graph;
pub mod log;
pub mod notify;
pub mod organisation;
pub mod policy;
pub mod reporters;
pub mod server;
pub mod workers;

/// The whole configuration.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the rows live.
    pub database: database::Database,
}
