//! Section `reporters.reputation`: whether it is kept how right reporters were.

use chrono::TimeDelta;
use serde::Deserialize;

use super::reporters::{ReportersError, wrong};

/// The least people of a group that statistics may show.
pub const LEAST_GROUP: u32 = 5;

/// Whether it is kept how right reporters were.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReporterReputation {
    /// Off: nothing is kept, and what was kept is erased at the next start.
    pub enabled: bool,
    /// Days after which a vote counts half, 7 to 3,650.
    pub half_life_days: u32,
    /// People that a group in the statistics has at least, [`LEAST_GROUP`] to 1,000.
    pub smallest_group: u32,
}

impl Default for ReporterReputation {
    fn default() -> Self {
        Self {
            enabled: true,
            half_life_days: 180,
            smallest_group: 10,
        }
    }
}

impl ReporterReputation {
    /// Time after which a vote counts half.
    #[must_use]
    pub fn half_life(&self) -> TimeDelta {
        TimeDelta::days(i64::from(self.half_life_days))
    }

    pub(super) fn validate(&self) -> Result<(), ReportersError> {
        if !(7..=3_650).contains(&self.half_life_days) {
            return Err(wrong(
                "reporters.reputation.half_life_days",
                "must be between 7 and 3650",
            ));
        }
        if !(LEAST_GROUP..=1_000).contains(&self.smallest_group) {
            return Err(wrong(
                "reporters.reputation.smallest_group",
                "must be between 5 and 1000: fewer would show single people",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_would_show_single_people_is_refused() {
        let read = |text: &str| toml::from_str::<ReporterReputation>(text).map(|r| r.validate());
        assert_eq!(read(""), Ok(Ok(())));
        let said = read("smallest_group = 4")
            .expect("toml")
            .expect_err("too few");
        assert_eq!(said.field, "reporters.reputation.smallest_group");
        let said = read("half_life_days = 1")
            .expect("toml")
            .expect_err("too short");
        assert_eq!(said.field, "reporters.reputation.half_life_days");
        assert!(read("weight = 3").is_err(), "a word it does not know");
    }
}
