//! A circuit breaker: a source that fails is left alone for a while.
//!
//! Pure: the time is an argument, the state can be written down and read back.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::ask::LookupError;

/// Failures in a row after which it opens.
const FAILURES: u32 = 5;
/// How long it is open the first time.
const FIRST: TimeDelta = TimeDelta::minutes(1);
/// How long at most, however often it failed.
const LONGEST: TimeDelta = TimeDelta::minutes(30);
/// How long a trial may be under way before another may be made: the one that made
/// it may have died. Longer than any time-out of a source.
const TRIAL: TimeDelta = TimeDelta::minutes(2);
/// The longest wait that a source may ask for, so that no answer of it can shut it
/// off for good.
const FARTHEST: TimeDelta = TimeDelta::days(31);

/// Whether a source may be asked, and what is known of its health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Breaker {
    /// It is asked.
    Closed {
        /// Failures in a row so far.
        failures: u32,
    },
    /// It is not asked.
    Open {
        /// From when on one question may try it.
        until: DateTime<Utc>,
        /// How often in a row it opened because of failures; the wait doubles with it.
        times: u32,
    },
    /// One question tries it; the others wait.
    HalfOpen {
        /// From when on another one may try it.
        until: DateTime<Utc>,
        /// As in [`Breaker::Open`].
        times: u32,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Whether it may be asked now. When the wait is over this makes the caller's
    /// question the trial: it must be followed by [`Breaker::succeeded`] or
    /// [`Breaker::failed`].
    ///
    /// # Errors
    /// The time from which on it may be asked again.
    pub fn may_ask(&mut self, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        match *self {
            Self::Closed { .. } => Ok(()),
            Self::Open { until, .. } | Self::HalfOpen { until, .. } if now < until => Err(until),
            Self::Open { times, .. } | Self::HalfOpen { times, .. } => {
                let until = later(now, TRIAL);
                *self = Self::HalfOpen { until, times };
                Ok(())
            }
        }
    }

    /// Until when nobody may ask; unlike [`Breaker::may_ask`] it makes nothing a trial.
    #[must_use]
    pub fn shut_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match *self {
            Self::Open { until, .. } | Self::HalfOpen { until, .. } if now < until => Some(until),
            _ => None,
        }
    }

    /// It answered. An answer to a question from before it opened changes nothing.
    pub const fn succeeded(&mut self) {
        if !matches!(self, Self::Open { .. }) {
            *self = Self::Closed { failures: 0 };
        }
    }

    /// It did not answer. A question that it cannot be asked is no failure of it.
    pub fn failed(&mut self, error: &LookupError, now: DateTime<Utc>) {
        match error {
            LookupError::Unfit(_) => self.gave_back(now),
            LookupError::Throttled(wait) => self.throttled(*wait, now),
            LookupError::Refused(_) | LookupError::Unavailable(_) | LookupError::Unexpected(_) => {
                self.broke(now);
            }
        }
    }

    /// The trial proved nothing: the next question is one.
    const fn gave_back(&mut self, now: DateTime<Utc>) {
        if let Self::HalfOpen { times, .. } = *self {
            *self = Self::Open { until: now, times };
        }
    }

    fn broke(&mut self, now: DateTime<Utc>) {
        match *self {
            Self::Closed { failures } if failures.saturating_add(1) < FAILURES => {
                *self = Self::Closed {
                    failures: failures + 1,
                };
            }
            Self::Closed { .. } => self.open(0, now),
            Self::HalfOpen { times, .. } => self.open(times, now),
            // a question from before it opened: the wait is counted already
            Self::Open { .. } => {}
        }
    }

    fn open(&mut self, times: u32, now: DateTime<Utc>) {
        *self = Self::Open {
            until: later(now, wait(times)),
            times: times.saturating_add(1),
        };
    }

    fn throttled(&mut self, asked: Option<Duration>, now: DateTime<Utc>) {
        let (times, until) = match *self {
            Self::Closed { .. } => (0, now),
            Self::HalfOpen { times, .. } => (times, now),
            Self::Open { times, until } => (times, until),
        };
        match asked {
            Some(asked) => {
                let asked = TimeDelta::from_std(asked).map_or(FARTHEST, |asked| {
                    asked.clamp(TimeDelta::seconds(1), FARTHEST)
                });
                *self = Self::Open {
                    until: until.max(later(now, asked)),
                    times,
                };
            }
            None if matches!(self, Self::Open { .. }) => {}
            None => self.open(times, now),
        }
    }
}

/// The wait after it opened `times` times before: doubling, bounded.
fn wait(times: u32) -> TimeDelta {
    2_i32
        .checked_pow(times)
        .and_then(|factor| FIRST.checked_mul(factor))
        .map_or(LONGEST, |wait| wait.min(LONGEST))
}

fn later(now: DateTime<Utc>, wait: TimeDelta) -> DateTime<Utc> {
    now.checked_add_signed(wait)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn away() -> LookupError {
        LookupError::Unavailable("status 500".to_owned())
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.may_ask(at(0)).unwrap();
            breaker.failed(&away(), at(0));
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_for_a_minute() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(&away(), at(0));
        }
        breaker.may_ask(at(0)).unwrap();
        breaker.succeeded();
        for _ in 0..4 {
            breaker.failed(&away(), at(0));
            breaker.may_ask(at(0)).unwrap();
        }
        breaker.failed(&away(), at(10));
        assert_eq!(breaker.may_ask(at(10)), Err(at(70)));
        assert_eq!(breaker.may_ask(at(69)), Err(at(70)));
        assert_eq!(breaker.may_ask(at(70)), Ok(()));
    }

    #[test]
    fn one_question_tries_it_and_a_lost_one_does_not_block_it() {
        let mut breaker = opened();
        assert_eq!(breaker.may_ask(at(60)), Ok(()));
        assert_eq!(breaker.may_ask(at(61)), Err(at(180)));
        assert_eq!(breaker.may_ask(at(180)), Ok(()));
        breaker.succeeded();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn the_wait_doubles_up_to_half_an_hour() {
        let mut breaker = opened();
        let mut now = 0;
        for minutes in [1, 2, 4, 8, 16, 30, 30, 30] {
            let due = now + minutes * 60;
            assert_eq!(breaker.may_ask(at(now)), Err(at(due)));
            now = due;
            breaker.may_ask(at(now)).unwrap();
            breaker.failed(&away(), at(now));
        }
        for _ in 0..100 {
            now += 1800;
            breaker.may_ask(at(now)).unwrap();
            breaker.failed(&away(), at(now));
        }
        assert_eq!(breaker.may_ask(at(now)), Err(at(now + 1800)));
    }

    #[test]
    fn throttled_waits_as_long_as_it_was_told() {
        let told = |seconds| LookupError::Throttled(Some(Duration::from_secs(seconds)));
        let mut breaker = Breaker::default();
        breaker.failed(&told(90), at(0));
        assert_eq!(breaker.may_ask(at(0)), Err(at(90)));
        // a second one that was under way, with less to wait for
        breaker.failed(&told(10), at(1));
        assert_eq!(breaker.may_ask(at(1)), Err(at(90)));
        breaker.may_ask(at(90)).unwrap();
        breaker.failed(&told(0), at(90));
        assert_eq!(breaker.may_ask(at(90)), Err(at(91)));
        breaker.failed(&told(u64::MAX), at(91));
        assert_eq!(breaker.may_ask(at(91)), Err(at(91 + 31 * 86_400)));
        let mut untold = Breaker::default();
        untold.failed(&LookupError::Throttled(None), at(0));
        assert_eq!(untold.may_ask(at(0)), Err(at(60)));
    }

    #[test]
    fn odd_questions_shut_nothing_and_open_nothing() {
        let odd = LookupError::Unfit("a link".to_owned());
        let mut breaker = Breaker::default();
        for _ in 0..50 {
            breaker.failed(&odd, at(0));
        }
        assert_eq!(breaker, Breaker::default());
        let mut breaker = opened();
        breaker.may_ask(at(60)).unwrap();
        breaker.failed(&odd, at(61));
        assert_eq!(breaker.may_ask(at(61)), Ok(()));
    }

    #[test]
    fn late_answers_do_not_close_what_is_open() {
        let mut breaker = opened();
        breaker.succeeded();
        breaker.failed(&away(), at(30));
        assert_eq!(breaker.may_ask(at(30)), Err(at(60)));
    }

    #[test]
    fn the_state_can_be_written_down() {
        for breaker in [Breaker::default(), opened()] {
            let text = serde_json::to_string(&breaker).unwrap();
            assert_eq!(serde_json::from_str::<Breaker>(&text).unwrap(), breaker);
        }
        let text = serde_json::to_string(&Breaker::default()).unwrap();
        assert_eq!(text, r#"{"state":"closed","failures":0}"#);
    }
}
