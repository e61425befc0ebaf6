//! Section `[database]`: where the rows live.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::graph::{FieldError, read_small};

/// Where the rows live.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:path/to/unhook.db` (created when missing) or
    /// `postgres://user@host/name`.
    pub url: SecretString,
    /// File that holds the URL, for one with a password; replaces `url`.
    pub url_file: Option<PathBuf>,
    /// How long a request waits for the database before it is answered 503, in
    /// seconds, 1 to 300.
    pub wait_seconds: u64,
    /// Whether `serve` applies missing migrations before it listens. Otherwise
    /// it refuses to start while one is missing.
    pub migrate_on_start: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: SecretString::from("sqlite:unhook.db"),
            url_file: None,
            wait_seconds: 10,
            migrate_on_start: true,
        }
    }
}

impl Database {
    pub(super) fn read_secrets(&mut self) -> Result<(), FieldError> {
        if let Some(path) = &self.url_file {
            let text = read_small("database.url_file", path)?;
            self.url = SecretString::from(text.trim());
        }
        Ok(())
    }

    /// What it may be called in an error: the SQLite file, or host, port and
    /// name. Never credentials or options.
    #[must_use]
    pub fn place(&self) -> String {
        let url = self.url.expose_secret();
        if let Some(path) = url.strip_prefix("sqlite:") {
            return path.trim_start_matches("//").to_owned();
        }
        let Ok(url) = url::Url::parse(url) else {
            return "database.url".to_owned();
        };
        let host = url.host_str().unwrap_or("localhost");
        let port = url.port().unwrap_or(5432);
        format!("{host}:{port}{}", url.path())
    }

    pub(super) fn validate(&self) -> Result<(), FieldError> {
        let url = self.url.expose_secret();
        let known = url
            .strip_prefix("sqlite:")
            .is_some_and(|path| !path.is_empty())
            || url.starts_with("postgres://")
            || url.starts_with("postgresql://");
        if !known {
            return Err(FieldError::new(
                "database.url",
                "must begin with sqlite: (and a path) or postgres://",
            ));
        }
        if !(1..=300).contains(&self.wait_seconds) {
            return Err(FieldError::new("database.wait_seconds", "must be 1 to 300"));
        }
        Ok(())
    }
}
