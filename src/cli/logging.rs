//! Log lines to standard error, as the configuration says.

use tracing_subscriber::EnvFilter;

use crate::config::log::{Format, Log};

/// Begins to log. A second call changes nothing.
pub(super) fn install(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // It fails only when a subscriber is there already, which then does the work.
    let _ = match log.format {
        Format::Text => lines.try_init(),
        Format::Json => lines.json().try_init(),
    };
}
