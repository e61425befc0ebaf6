//! Section `[pull]`: what a pull moves beside the message.

use serde::Deserialize;

/// What a pull moves beside the message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PullLimits {
    /// Whether the calendar entry that a pulled invitation made goes and returns with
    /// it. It needs a permission of its own on either platform.
    pub calendar: bool,
}

impl Default for PullLimits {
    fn default() -> Self {
        Self { calendar: true }
    }
}
