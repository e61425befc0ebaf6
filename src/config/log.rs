//! Section `[log]`: what is logged to standard error, and how.

use serde::Deserialize;

use super::graph::FieldError;

/// What is logged to standard error, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How a line looks.
    pub format: Format,
    /// A level (`error`, `warn`, `info`, `debug`, `trace`) or directives such as
    /// `info,unhook::remediation=debug` (tracing-subscriber's `EnvFilter`).
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: Format::Text,
            level: "info".to_owned(),
        }
    }
}

impl Log {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        // A word that is no level is read as the name of a target, and then nothing
        // else is logged: refused, since it is nearly always a slip.
        let words = self.level.split(',').map(str::trim);
        let slip = words
            .filter(|word| !word.contains(['=', ':', '[']))
            .any(|word| {
                word.is_empty()
                    || word
                        .parse::<tracing_subscriber::filter::LevelFilter>()
                        .is_err()
            });
        match tracing_subscriber::EnvFilter::try_new(&self.level) {
            Ok(_) if !slip => Ok(()),
            _ => Err(FieldError::new(
                "log.level",
                "must be error, warn, info, debug, trace, or directives such as info,unhook=debug",
            )),
        }
    }
}
