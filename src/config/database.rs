//! Section `[database]`: where the rows live.

use secrecy::SecretString;
use serde::Deserialize;

/// Where the rows live.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:path/to/unhook.db` (created when missing) or
    /// `postgres://user@host/name`.
    pub url: SecretString,
    /// How long a request waits for the database before it is answered 503, in
    /// seconds.
    pub wait_seconds: u64,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: SecretString::from("sqlite:unhook.db"), wait_seconds: 10 }
    }
}
