//! Section `[workers]`: the pace of background work.

use chrono::TimeDelta;
use serde::Deserialize;

use super::graph::FieldError;

/// The pace of background work.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerPace {
    /// Jobs at work at the same time, 1 to 256.
    pub concurrency: usize,
    /// How long a job belongs to its worker without a sign of life, seconds, 10
    /// to 3,600. After a crash it is taken up again that much later at most, or
    /// after two minutes where a provider may still have been asked.
    pub lease_seconds: u64,
    /// Search calls under way at once, 1 to 256; one takes up to 20 mailboxes.
    pub search_concurrency: usize,
}

impl Default for WorkerPace {
    fn default() -> Self {
        Self {
            concurrency: 8,
            lease_seconds: 120,
            search_concurrency: 8,
        }
    }
}

impl WorkerPace {
    /// [`WorkerPace::lease_seconds`] as a span.
    #[must_use]
    pub fn lease(&self) -> TimeDelta {
        i64::try_from(self.lease_seconds)
            .ok()
            .and_then(TimeDelta::try_seconds)
            .unwrap_or(TimeDelta::MAX)
    }

    pub(super) fn validate(&self) -> Result<(), FieldError> {
        let within = |field, good: bool, range: &str| {
            if good {
                Ok(())
            } else {
                Err(FieldError::new(field, format!("must be {range}")))
            }
        };
        within(
            "workers.concurrency",
            (1..=256).contains(&self.concurrency),
            "1 to 256",
        )?;
        within(
            "workers.lease_seconds",
            (10..=3600).contains(&self.lease_seconds),
            "10 to 3600",
        )?;
        within(
            "workers.search_concurrency",
            (1..=256).contains(&self.search_concurrency),
            "1 to 256",
        )
    }
}
