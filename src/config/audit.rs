//! Section `[audit]`: where signed checkpoints of the audit trail go.

use serde::Deserialize;
use url::Url;

use super::graph::{FieldError, is_loopback};

/// Where signed checkpoints of the audit trail go. With neither a file nor an address
/// none is written by itself; `unhook audit checkpoint` prints one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// File that a line is added to with every checkpoint: on another machine's disk, or
    /// where only adding is allowed.
    pub checkpoint_file: Option<std::path::PathBuf>,
    /// Address that every checkpoint is posted to, as JSON: https, or http to this
    /// machine. What cannot be delivered waits and is tried again; a thousand are kept.
    pub checkpoint_url: Option<Url>,
    /// Minutes between two checkpoints, 1 to 1,440. Without news there is none.
    pub checkpoint_minutes: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            checkpoint_file: None,
            checkpoint_url: None,
            checkpoint_minutes: 10,
        }
    }
}

impl Audit {
    /// Whether checkpoints go anywhere.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.checkpoint_file.is_some() || self.checkpoint_url.is_some()
    }

    pub(super) fn validate(&self) -> Result<(), FieldError> {
        if !(1..=1_440).contains(&self.checkpoint_minutes) {
            let field = "audit.checkpoint_minutes";
            return Err(FieldError::new(field, "must be 1 to 1440"));
        }
        let field = "audit.checkpoint_url";
        if let Some(url) = &self.checkpoint_url {
            let local = url.scheme() == "http" && is_loopback(url);
            if url.scheme() != "https" && !local {
                return Err(FieldError::new(
                    field,
                    "must begin with https:// (http:// only to this machine)",
                ));
            }
            if !url.username().is_empty() || url.password().is_some() {
                return Err(FieldError::new(field, "must not hold credentials"));
            }
        }
        Ok(())
    }
}
