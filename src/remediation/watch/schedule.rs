//! When a watch looks into its likely mailboxes again.

use chrono::{DateTime, TimeDelta, Utc};

/// The first rounds after its beginning: late copies mostly come early.
const EARLY: [TimeDelta; 5] = [
    TimeDelta::minutes(10),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(6),
    TimeDelta::hours(12),
];
/// Between the rounds after that.
const STEP: TimeDelta = TimeDelta::hours(12);

/// The first round after a time; the last is at the end itself, and after it there
/// is none. Rounds that were missed are not made up for: one look finds all.
#[must_use]
pub(super) fn next_round(
    began: DateTime<Utc>,
    until: DateTime<Utc>,
    after: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if after >= until {
        return None;
    }
    let early = EARLY
        .iter()
        .map(|delay| began + *delay)
        .find(|at| *at > after);
    let at = early.unwrap_or_else(|| {
        let past = (after - began).num_milliseconds().max(0);
        let steps = past / STEP.num_milliseconds() + 1;
        began + TimeDelta::milliseconds(STEP.num_milliseconds().saturating_mul(steps))
    });
    Some(at.min(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All rounds, in minutes after the beginning.
    fn rounds(hours: i64) -> Vec<i64> {
        let began = DateTime::UNIX_EPOCH;
        let until = began + TimeDelta::hours(hours);
        let mut all = Vec::new();
        let mut at = began;
        while let Some(next) = next_round(began, until, at) {
            assert!(next > at, "time goes on");
            all.push((next - began).num_minutes());
            at = next;
        }
        all
    }

    #[test]
    fn rounds_grow_rare_and_the_last_is_at_the_end() {
        assert_eq!(rounds(48), [10, 30, 120, 360, 720, 1440, 2160, 2880]);
        assert_eq!(rounds(1), [10, 30, 60]);
        assert_eq!(rounds(13), [10, 30, 120, 360, 720, 780]);
        assert_eq!(rounds(0), Vec::<i64>::new());
        let month = rounds(720);
        assert_eq!((month.len(), month.last()), (64, Some(&43_200)));
    }

    #[test]
    fn missed_rounds_are_one() {
        let began = DateTime::UNIX_EPOCH;
        let until = began + TimeDelta::hours(48);
        let at = |hours: i64, minutes: i64| began + TimeDelta::minutes(hours * 60 + minutes);
        assert_eq!(next_round(began, until, at(7, 0)), Some(at(12, 0)));
        assert_eq!(next_round(began, until, at(25, 1)), Some(at(36, 0)));
        assert_eq!(next_round(began, until, at(120, 0)), None);
        let before = began - TimeDelta::hours(3);
        assert_eq!(next_round(began, until, before), Some(at(0, 10)));
    }
}
