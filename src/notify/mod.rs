//! Letters to reporters.

/// Sends letters.
#[derive(Debug, Clone, Default)]
pub struct Notifier;
