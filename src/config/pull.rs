//! Section `[pull]`: how much one decision may move, in which stages, and when it
//! takes a second person.

use serde::Deserialize;

use super::graph::FieldError;
use crate::domain::{MailboxAddress, StageLimits};

/// How much may be moved, and in which stages. None of these limits can be switched
/// off: their bounds stand at each field.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PullLimits {
    /// Copies that are moved on one day (UTC), 1 to 1,000,000. Restoring has no limit.
    pub daily_budget: u64,
    /// Copies that are moved in one minute, 1 to 100,000.
    pub per_minute: u64,
    /// Copies that one decision moves, 1 to 1,000,000.
    pub most_copies: u64,
    /// Mailboxes above which a second person has to approve, 1 to 1,000.
    pub second_person_mailboxes: u64,
    /// The same as a share of the directory in percent, above 0 to 25; the lower of both
    /// counts, and never less than the first stage.
    pub second_person_percent: f64,
    /// Hours for which an approval holds, 1 to 168.
    pub approval_hours: u32,
    /// Copies of the first stage, 1 to 10.
    pub canary_copies: u64,
    /// Copies of the second stage as a share of the directory in percent, above 0 to 10.
    pub stage_percent: f64,
    /// Seconds between two stages of a pull without a person, 0 to 86,400.
    pub automatic_wait_seconds: u32,
    /// Seconds between two stages of a pull that an analyst decided, 0 to 86,400.
    pub analyst_wait_seconds: u32,
    /// Objections and restores, as a share of the copies moved in percent, from which a
    /// pull is halted: above 0 to 10, and at least one.
    pub halt_percent: f64,
    /// Pulls halted, or taken back where no person had decided them, within a day after
    /// which nothing is pulled without a person, 1 to 20.
    pub stop_after_halts: u32,
    /// Mailboxes out of which nothing is pulled without a person (legal, payroll).
    pub protected: Vec<String>,
    /// Folders, or labels, out of which nothing is pulled without a person: by the name
    /// that their owner sees.
    pub protected_folders: Vec<String>,
    /// Whether the calendar entry that a pulled invitation made goes and returns with
    /// it. It needs a permission of its own on either platform.
    pub calendar: bool,
}

impl Default for PullLimits {
    fn default() -> Self {
        Self {
            daily_budget: 20_000,
            per_minute: 10_000,
            most_copies: 50_000,
            second_person_mailboxes: 50,
            second_person_percent: 1.0,
            approval_hours: 24,
            canary_copies: 10,
            stage_percent: 1.0,
            automatic_wait_seconds: 300,
            analyst_wait_seconds: 30,
            halt_percent: 1.0,
            stop_after_halts: 3,
            protected: Vec::new(),
            protected_folders: Vec::new(),
            calendar: true,
        }
    }
}

impl PullLimits {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        for (field, value, most) in [
            ("pull.daily_budget", self.daily_budget, 1_000_000),
            ("pull.per_minute", self.per_minute, 100_000),
            ("pull.most_copies", self.most_copies, 1_000_000),
            (
                "pull.second_person_mailboxes",
                self.second_person_mailboxes,
                1_000,
            ),
            ("pull.approval_hours", self.approval_hours.into(), 168),
            ("pull.canary_copies", self.canary_copies, 10),
            ("pull.stop_after_halts", self.stop_after_halts.into(), 20),
        ] {
            if !(1..=most).contains(&value) {
                return Err(FieldError::new(field, format!("must be 1 to {most}")));
            }
        }
        for (field, value, most) in [
            (
                "pull.second_person_percent",
                self.second_person_percent,
                25.0,
            ),
            ("pull.stage_percent", self.stage_percent, 10.0),
            ("pull.halt_percent", self.halt_percent, 10.0),
        ] {
            if !(value > 0.0 && value <= most) {
                let why = format!("must be above 0 and at most {most}");
                return Err(FieldError::new(field, why));
            }
        }
        for (field, seconds) in [
            ("pull.automatic_wait_seconds", self.automatic_wait_seconds),
            ("pull.analyst_wait_seconds", self.analyst_wait_seconds),
        ] {
            if seconds > 86_400 {
                return Err(FieldError::new(field, "must be at most 86400"));
            }
        }
        let mut addresses = self.protected.iter();
        if let Some(bad) = addresses.find(|a| a.parse::<MailboxAddress>().is_err()) {
            let why = format!("{bad:?} is no address");
            return Err(FieldError::new("pull.protected", why));
        }
        Ok(())
    }

    /// What these mean for a directory of so many mailboxes.
    #[must_use]
    pub fn stages(&self, directory: u64) -> StageLimits {
        let share = |percent: f64| {
            let per_myriad = (percent * 100.0).round().clamp(0.0, 10_000.0) as u64;
            (directory.saturating_mul(per_myriad)).div_ceil(10_000)
        };
        StageLimits {
            canary: self.canary_copies,
            second: share(self.stage_percent).max(self.canary_copies),
            most: self.most_copies,
            alone: share(self.second_person_percent)
                .max(self.canary_copies)
                .min(self.second_person_mailboxes),
        }
    }

    /// How many objections against a pull of so many copies halt it.
    #[must_use]
    pub fn objections_that_halt(&self, moved: u64) -> u64 {
        let per_myriad = (self.halt_percent * 100.0).round().clamp(0.0, 10_000.0) as u64;
        (moved.saturating_mul(per_myriad)).div_ceil(10_000).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_can_be_switched_off() {
        assert!(PullLimits::default().validate().is_ok());
        for (text, field) in [
            ("daily_budget = 0", "pull.daily_budget"),
            (
                "second_person_mailboxes = 5000",
                "pull.second_person_mailboxes",
            ),
            (
                "second_person_percent = 100.0",
                "pull.second_person_percent",
            ),
            ("second_person_percent = nan", "pull.second_person_percent"),
            ("canary_copies = 50", "pull.canary_copies"),
            ("halt_percent = 0.0", "pull.halt_percent"),
            ("approval_hours = 1000", "pull.approval_hours"),
            ("protected = [\"legal\"]", "pull.protected"),
        ] {
            let limits: PullLimits = toml::from_str(text).expect(text);
            let said = limits.validate().expect_err(text).to_string();
            assert!(said.contains(field), "{said}");
        }
    }

    #[test]
    fn the_lower_of_number_and_share_takes_a_second_person() {
        let limits = PullLimits::default();
        for (directory, alone, second) in [
            (40, 10, 10),
            (1_000, 10, 10),
            (3_000, 30, 30),
            (300_000, 50, 3_000),
        ] {
            let stages = limits.stages(directory);
            assert_eq!(
                (stages.alone, stages.second),
                (alone, second),
                "{directory}"
            );
        }
        assert_eq!(limits.objections_that_halt(10), 1);
        assert_eq!(limits.objections_that_halt(1_000), 10);
    }
}
