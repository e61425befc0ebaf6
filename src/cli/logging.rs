//! Log lines to standard error, as the configuration says.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::log::{Format, Log};

/// What libraries say at `info` about migrations that are there already; it is
/// of use only to those who look into the machine.
const CHATTER: [&str; 2] = ["sea_orm_migration", "sqlx::postgres::notice"];

/// Begins to log. A second call changes nothing.
pub(super) fn install(log: &Log) {
    let filter = EnvFilter::try_new(calmed(&log.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // colours are for people; in a file or a journal they are litter
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // It fails only when a subscriber is there already, which then does the work.
    let _ = match log.format {
        Format::Text => lines.try_init(),
        Format::Json => lines.json().try_init(),
    };
}

/// The directives with the chatter at `warn`, unless all is to be logged at
/// `debug` or `trace`, or the directives speak of it themselves.
fn calmed(level: &str) -> String {
    let general = level.split(',').map(str::trim).find(|d| !d.contains('='));
    if general.is_some_and(|d| ["debug", "trace"].contains(&d.to_lowercase().as_str())) {
        return level.to_owned();
    }
    let mut directives = level.to_owned();
    for target in CHATTER.iter().filter(|target| !level.contains(**target)) {
        directives.push_str(&format!(",{target}=warn"));
    }
    directives
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chatter_of_migrations_is_heard_only_by_those_who_ask() {
        for (level, calm) in [
            (
                "info",
                "info,sea_orm_migration=warn,sqlx::postgres::notice=warn",
            ),
            ("debug", "debug"),
            ("TRACE,hyper=warn", "TRACE,hyper=warn"),
            (
                "warn,sea_orm_migration=info",
                "warn,sea_orm_migration=info,sqlx::postgres::notice=warn",
            ),
        ] {
            assert_eq!(calmed(level), calm);
            assert!(EnvFilter::try_new(calmed(level)).is_ok(), "{level}");
        }
    }
}
