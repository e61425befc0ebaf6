//! Section `[blobs]`: where the bytes of evidence live.

use std::path::PathBuf;

use serde::Deserialize;

use super::graph::FieldError;

/// Where the bytes of evidence live.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobFolder {
    /// A folder on a local disk, created when missing. Back it up with the
    /// database.
    pub path: PathBuf,
}

impl Default for BlobFolder {
    fn default() -> Self {
        Self {
            path: PathBuf::from("blobs"),
        }
    }
}

impl BlobFolder {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        if self.path.as_os_str().is_empty() {
            return Err(FieldError::new("blobs.path", "must name a folder"));
        }
        Ok(())
    }
}
