//! So many units in so much time, counted so that no stretch of that length,
//! wherever a provider lets its own begin, ever holds more.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Parts of a window that are counted by themselves.
const SLOTS: i64 = 10;

/// A documented limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) limit: u64,
    millis: i64,
}

impl Rule {
    pub(super) const fn new(limit: u64, seconds: i64) -> Self {
        Self {
            limit,
            millis: seconds * 1_000,
        }
    }

    /// The same time with a part of the units.
    pub(super) const fn part(self, tenths: u64) -> Self {
        Self {
            limit: self.limit * tenths / 10,
            ..self
        }
    }

    /// The part of a window that a time lies in.
    pub(super) const fn slot(self, now: DateTime<Utc>) -> i64 {
        now.timestamp_millis().div_euclid(self.millis / SLOTS)
    }

    const fn start_of(self, slot: i64) -> i64 {
        slot.saturating_mul(self.millis / SLOTS)
    }
}

/// What was spent lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Window(BTreeMap<i64, u64>);

impl Window {
    /// Takes `want` units, or what is left when that is at least `least`. A cost
    /// above the whole limit is let through alone.
    ///
    /// # Errors
    /// How long to wait until `least` units are free.
    pub(super) fn take(
        &mut self,
        rule: Rule,
        now: DateTime<Utc>,
        least: u64,
        want: u64,
    ) -> Result<u64, Duration> {
        let slot = rule.slot(now);
        // The slot under way is only a part of one: with the ten before it a
        // whole window is surely covered. A clock that was set back forgets.
        self.0.retain(|at, _| (slot - SLOTS..=slot).contains(at));
        let least = least.min(rule.limit);
        let spent: u64 = self.0.values().sum();
        let free = rule.limit.saturating_sub(spent);
        if free >= least {
            let granted = want.clamp(least, free.max(least));
            let here = self.0.entry(slot).or_default();
            *here = here.saturating_add(granted);
            return Ok(granted);
        }
        let mut freed = free;
        let mut back = slot;
        for (at, units) in &self.0 {
            freed = freed.saturating_add(*units);
            back = *at;
            if freed >= least {
                break;
            }
        }
        let end = rule.start_of(back.saturating_add(SLOTS + 1));
        let wait = end.saturating_sub(now.timestamp_millis()).max(1);
        Err(Duration::from_millis(wait.unsigned_abs()))
    }

    /// Units in it, as of the last taking.
    pub(super) fn spent(&self) -> u64 {
        self.0.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn no_stretch_of_the_window_ever_holds_more_than_the_limit() {
        let rule = Rule::new(100, 300);
        let start: DateTime<Utc> = "2026-01-01T00:00:07Z".parse().expect("time");
        let mut window = Window::default();
        let mut spent = Vec::new();
        let mut now = start;
        // Two hours of a caller that asks every second for as much as it gets.
        while now < start + TimeDelta::hours(2) {
            if let Ok(granted) = window.take(rule, now, 1, 7) {
                spent.push((now, granted));
            }
            now += TimeDelta::seconds(1);
        }
        for (from, _) in &spent {
            let until = *from + TimeDelta::seconds(300);
            let within: u64 = spent
                .iter()
                .filter(|(at, _)| at >= from && *at < until)
                .map(|(_, units)| units)
                .sum();
            assert!(within <= 100, "{within} units after {from}");
        }
        let total: u64 = spent.iter().map(|(_, units)| units).sum();
        // 24 windows; a tenth is given away to be sure.
        assert!(total >= 24 * 90, "{total}");
    }

    #[test]
    fn the_wait_that_is_named_is_long_enough_and_not_too_long() {
        let rule = Rule::new(10, 60);
        let now: DateTime<Utc> = "2026-01-01T00:00:03Z".parse().expect("time");
        let mut window = Window::default();
        assert_eq!(window.take(rule, now, 4, 4), Ok(4));
        let later = now + TimeDelta::seconds(30);
        assert_eq!(window.take(rule, later, 6, 6), Ok(6));
        let wait = window.take(rule, later, 2, 2).expect_err("nothing is left");
        assert!(wait <= Duration::from_secs(66 - 30), "{wait:?}");
        let then = later + TimeDelta::from_std(wait).expect("span");
        assert_eq!(window.take(rule, then, 2, 2), Ok(2));
        // Only what was spent first has come back.
        assert!(window.take(rule, then, 4, 4).is_err());
    }

    #[test]
    fn a_cost_above_the_limit_goes_alone_and_a_clock_set_back_forgets() {
        let rule = Rule::new(10, 60);
        let now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().expect("time");
        let mut window = Window::default();
        assert!(window.take(rule, now, 50, 50).is_ok());
        assert!(window.take(rule, now, 1, 1).is_err());
        assert!(window.take(rule, now - TimeDelta::days(1), 1, 1).is_ok());
    }
}
