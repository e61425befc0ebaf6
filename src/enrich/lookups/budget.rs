//! How many questions a source has left: arithmetic over counts that are handed in.
//!
//! A day is a UTC day, as the vendors count; a minute is the last sixty seconds, so
//! that two full minutes cannot meet.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

pub use crate::config::lookups::Allowance;

/// What was asked of one source so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Questions since [`Windows::day`].
    pub today: u32,
    /// Questions since [`Windows::minute`].
    pub last_minute: u32,
    /// When the oldest of the last minute was asked, where that is known.
    pub oldest: Option<DateTime<Utc>>,
}

/// From when on questions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Midnight UTC.
    pub day: DateTime<Utc>,
    /// Sixty seconds ago.
    pub minute: DateTime<Utc>,
}

/// What is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// So many more may be asked now; `u32::MAX` without a limit.
    Left(u32),
    /// None before that time.
    None {
        /// When the next one may be asked.
        until: DateTime<Utc>,
    },
}

/// The windows that end now.
#[must_use]
pub fn windows(now: DateTime<Utc>) -> Windows {
    Windows {
        day: now.date_naive().and_time(NaiveTime::MIN).and_utc(),
        minute: now
            .checked_sub_signed(TimeDelta::seconds(60))
            .unwrap_or(DateTime::<Utc>::MIN_UTC),
    }
}

/// What is left of an allowance.
#[must_use]
pub fn room(allowance: Allowance, used: Used, now: DateTime<Utc>) -> Room {
    let left = |allowed: Option<u32>, used: u32| {
        allowed.map_or(u32::MAX, |allowed| allowed.saturating_sub(used))
    };
    let today = left(allowance.per_day, used.today);
    if today == 0 {
        return Room::None {
            until: after(windows(now).day, TimeDelta::days(1)),
        };
    }
    let this_minute = left(allowance.per_minute, used.last_minute);
    if this_minute == 0 {
        let minute = TimeDelta::seconds(60);
        let free = used.oldest.unwrap_or(now).min(now);
        return Room::None {
            until: after(free, minute).max(after(now, TimeDelta::seconds(1))),
        };
    }
    Room::Left(today.min(this_minute))
}

fn after(at: DateTime<Utc>, wait: TimeDelta) -> DateTime<Utc> {
    at.checked_add_signed(wait)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    const FREE_TIER: Allowance = Allowance {
        per_day: Some(500),
        per_minute: Some(4),
    };

    fn used(today: u32, last_minute: u32, oldest: Option<&str>) -> Used {
        Used {
            today,
            last_minute,
            oldest: oldest.map(at),
        }
    }

    #[test]
    fn the_smaller_of_day_and_minute_is_left() {
        let now = at("2026-03-01T12:00:00Z");
        assert_eq!(room(FREE_TIER, used(0, 0, None), now), Room::Left(4));
        assert_eq!(room(FREE_TIER, used(499, 0, None), now), Room::Left(1));
        assert_eq!(room(FREE_TIER, used(10, 3, None), now), Room::Left(1));
        let open = Allowance {
            per_day: None,
            per_minute: None,
        };
        let many = used(u32::MAX, u32::MAX, None);
        assert_eq!(room(open, many, now), Room::Left(u32::MAX));
    }

    #[test]
    fn a_spent_day_ends_at_midnight_utc() {
        for now in ["2026-02-28T00:00:00Z", "2026-02-28T23:59:59Z"] {
            for today in [500, 501, u32::MAX] {
                let until = at("2026-03-01T00:00:00Z");
                let left = room(FREE_TIER, used(today, 0, None), at(now));
                assert_eq!(left, Room::None { until });
            }
        }
        let next = at("2026-03-01T00:00:00Z");
        assert_eq!(windows(next).day, next);
        assert_eq!(windows(next).minute, at("2026-02-28T23:59:00Z"));
    }

    #[test]
    fn a_spent_minute_ends_when_its_oldest_question_is_a_minute_old() {
        let now = at("2026-03-01T12:00:30Z");
        let until = |until| Room::None { until: at(until) };
        let spent = |oldest| room(FREE_TIER, used(9, 4, oldest), now);
        assert_eq!(
            spent(Some("2026-03-01T11:59:45Z")),
            until("2026-03-01T12:00:45Z")
        );
        assert_eq!(spent(None), until("2026-03-01T12:01:30Z"));
        // clocks that disagree neither let it ask now nor shut it for long
        assert_eq!(
            spent(Some("2026-03-01T13:00:00Z")),
            until("2026-03-01T12:01:30Z")
        );
        assert_eq!(
            spent(Some("2020-01-01T00:00:00Z")),
            until("2026-03-01T12:00:31Z")
        );
    }

    #[test]
    fn nothing_allowed_is_nothing_left() {
        let none = Allowance {
            per_day: Some(0),
            per_minute: None,
        };
        let now = at("2026-03-01T12:00:00Z");
        let left = room(none, Used::default(), now);
        assert!(matches!(left, Room::None { .. }), "{left:?}");
    }
}
