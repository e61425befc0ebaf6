//! The throttle governor both wires share.
//!
//! It keeps calls from starting: at most four at a time in a mailbox (the
//! documented limit of Exchange Online), an adaptive number over all mailboxes
//! (additive increase, multiplicative decrease), and none in a mailbox before
//! the time its provider named. It never repeats a call: the durable queue does.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::MailboxError;
use crate::clock::SharedClock;

/// Calls that may run in one mailbox at a time.
pub const PER_MAILBOX: usize = 4;
/// Calls over all mailboxes at the start.
const START: f64 = 16.0;
/// Upper end of the adaptive range; beyond it a provider's own limits bind first.
const CEILING: f64 = 256.0;
/// A wait this short is sat out; a longer one goes back to the queue.
const SIT_OUT: Duration = Duration::from_secs(2);
/// Mailboxes remembered before idle ones are dropped.
const LANES: usize = 16_384;

/// The governor of one provider connection.
#[derive(Debug)]
pub struct Pace {
    clock: SharedClock,
    lanes: Mutex<HashMap<String, Lane>>,
    ceiling: Arc<Ceiling>,
}

#[derive(Debug, Clone)]
struct Lane {
    permits: Arc<Semaphore>,
    not_before: Option<DateTime<Utc>>,
}

/// The right to run one call over the wire; released when dropped.
#[derive(Debug)]
pub struct Slot {
    _lanes: Vec<OwnedSemaphorePermit>,
    ceiling: Arc<Ceiling>,
}

#[derive(Debug)]
struct Ceiling {
    state: Mutex<CeilingState>,
    freed: Notify,
}

#[derive(Debug)]
struct CeilingState {
    limit: f64,
    running: usize,
    last_cut: Option<DateTime<Utc>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock still holds counters that are safe to go on with.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pace {
    /// A governor with nothing running.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            lanes: Mutex::default(),
            ceiling: Arc::new(Ceiling {
                state: Mutex::new(CeilingState {
                    limit: START,
                    running: 0,
                    last_cut: None,
                }),
                freed: Notify::new(),
            }),
        }
    }

    /// Whether a call into `mailbox` may start: sits a wait of at most two
    /// seconds out, and refuses a longer one without a call.
    ///
    /// # Errors
    /// [`MailboxError::Throttled`] with the time that is left.
    pub async fn admit(&self, mailbox: &str) -> Result<(), MailboxError> {
        let not_before = locked(&self.lanes)
            .get(mailbox)
            .and_then(|lane| lane.not_before);
        let Some(left) = not_before.and_then(|at| (at - self.clock.now()).to_std().ok()) else {
            return Ok(());
        };
        if left > SIT_OUT {
            return Err(MailboxError::Throttled {
                retry_after: Some(left),
            });
        }
        tokio::time::sleep(left).await;
        Ok(())
    }

    /// Waits for the right to run one call that touches `mailboxes` (with
    /// repetition, at most four times each).
    pub async fn enter<'a>(&self, mailboxes: impl IntoIterator<Item = &'a str>) -> Slot {
        let mut wanted: BTreeMap<&str, u32> = BTreeMap::new();
        for mailbox in mailboxes {
            *wanted.entry(mailbox).or_default() += 1;
        }
        let most = u32::try_from(PER_MAILBOX).unwrap_or(u32::MAX);
        let mut permits = Vec::with_capacity(wanted.len());
        // In the order of the keys, so that two batches never wait for each other.
        for (mailbox, count) in wanted {
            let lane = self.lane(mailbox);
            if let Ok(permit) = lane.acquire_many_owned(count.min(most)).await {
                permits.push(permit);
            }
        }
        self.ceiling.take().await;
        Slot {
            _lanes: permits,
            ceiling: Arc::clone(&self.ceiling),
        }
    }

    /// Takes note that `mailbox` was throttled.
    pub fn throttled(&self, mailbox: &str, retry_after: Option<Duration>) {
        let Some(wait) = retry_after else { return };
        let at = TimeDelta::from_std(wait)
            .ok()
            .and_then(|wait| self.clock.now().checked_add_signed(wait))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut lanes = locked(&self.lanes);
        let lane = Self::lane_in(&mut lanes, mailbox, self.clock.now());
        lane.not_before = lane.not_before.max(Some(at));
    }

    /// Takes note that the connection as a whole was throttled or overloaded:
    /// halves the number of calls, at most once a second.
    pub fn overloaded(&self) {
        let now = self.clock.now();
        let mut state = locked(&self.ceiling.state);
        let fresh = state
            .last_cut
            .is_none_or(|cut| now - cut >= TimeDelta::seconds(1));
        if fresh {
            state.limit = (state.limit / 2.0).max(1.0);
            state.last_cut = Some(now);
        }
    }

    /// Takes note that a call went through: the number of calls grows by one
    /// for each full round of good answers.
    pub fn went_through(&self) {
        let mut state = locked(&self.ceiling.state);
        state.limit = (state.limit + 1.0 / state.limit).min(CEILING);
        drop(state);
        self.ceiling.freed.notify_waiters();
    }

    fn lane(&self, mailbox: &str) -> Arc<Semaphore> {
        let mut lanes = locked(&self.lanes);
        Arc::clone(&Self::lane_in(&mut lanes, mailbox, self.clock.now()).permits)
    }

    fn lane_in<'a>(
        lanes: &'a mut HashMap<String, Lane>,
        mailbox: &str,
        now: DateTime<Utc>,
    ) -> &'a mut Lane {
        if lanes.len() >= LANES && !lanes.contains_key(mailbox) {
            lanes.retain(|_, lane| {
                Arc::strong_count(&lane.permits) > 1 || lane.not_before.is_some_and(|at| at > now)
            });
        }
        lanes.entry(mailbox.to_owned()).or_insert_with(|| Lane {
            permits: Arc::new(Semaphore::new(PER_MAILBOX)),
            not_before: None,
        })
    }
}

impl Ceiling {
    async fn take(&self) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Registered before the look, so that a release in between is seen.
            freed.as_mut().enable();
            {
                let mut state = locked(&self.state);
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "at most a few hundred calls run at once"
                )]
                if (state.running as f64) < state.limit.floor() {
                    state.running += 1;
                    return;
                }
            }
            freed.await;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = locked(&self.ceiling.state);
        state.running = state.running.saturating_sub(1);
        drop(state);
        self.ceiling.freed.notify_waiters();
    }
}

/// Reads a `Retry-After` value (RFC 9110 section 10.2.3): whole seconds, the
/// fractional seconds Graph sends ("2.128"), or one of the three HTTP dates.
/// Anything else is `None`; a date in the past is zero. Nothing is clamped.
#[must_use]
pub fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if value.starts_with(|c: char| c.is_ascii_digit())
        && value.chars().all(|c| c.is_ascii_digit() || c == '.')
    {
        let seconds: f64 = value.parse().ok()?;
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = http_date(value)?;
    Some((at - now).to_std().unwrap_or(Duration::ZERO))
}

fn http_date(value: &str) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc2822(value) {
        return Some(at.to_utc());
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(value, form).ok())
        .map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("time")
    }

    #[test]
    fn reads_every_documented_form_and_nothing_else() {
        let now = at("1994-11-06T08:49:00Z");
        let seconds = |s: f64| Some(Duration::from_secs_f64(s));
        for (value, expected) in [
            ("0", seconds(0.0)),
            (" 7 ", seconds(7.0)),
            ("2.128", seconds(2.128)),
            ("86400", seconds(86_400.0)),
            ("300000", seconds(300_000.0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", seconds(37.0)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", seconds(37.0)),
            ("Sun Nov  6 08:49:37 1994", seconds(37.0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", seconds(0.0)),
            ("", None),
            ("-1", None),
            ("1e3", None),
            ("1.2.3", None),
            ("inf", None),
            ("NaN", None),
            (".5", None),
            ("soon", None),
            ("99999999999999999999999999", None),
        ] {
            assert_eq!(retry_after(value, now), expected, "{value:?}");
        }
    }

    #[tokio::test]
    async fn a_long_wait_is_refused_without_a_call_and_ends_with_its_time() {
        let clock = ManualClock::at(at("2026-01-01T00:00:00Z"));
        let pace = Pace::new(Arc::new(clock.clone()));
        pace.throttled("ann", Some(Duration::from_secs(300)));
        assert_eq!(
            pace.admit("ann").await,
            Err(MailboxError::Throttled {
                retry_after: Some(Duration::from_secs(300))
            })
        );
        assert_eq!(pace.admit("bob").await, Ok(()));
        // A shorter wait named later does not cut the longer one.
        pace.throttled("ann", Some(Duration::from_secs(1)));
        assert!(pace.admit("ann").await.is_err());
        clock.advance(TimeDelta::seconds(301));
        assert_eq!(pace.admit("ann").await, Ok(()));
        // Too far for a date: still refused, not wrapped round.
        pace.throttled("ann", Some(Duration::MAX));
        assert!(pace.admit("ann").await.is_err());
    }

    #[tokio::test]
    async fn a_short_wait_is_sat_out() {
        let pace = Pace::new(Arc::new(ManualClock::at(at("2026-01-01T00:00:00Z"))));
        pace.throttled("ann", Some(Duration::from_millis(80)));
        let before = tokio::time::Instant::now();
        assert_eq!(pace.admit("ann").await, Ok(()));
        assert!(before.elapsed() >= Duration::from_millis(80));
    }

    #[tokio::test]
    async fn at_most_four_calls_run_in_a_mailbox() {
        let pace = Pace::new(Arc::new(ManualClock::at(at("2026-01-01T00:00:00Z"))));
        let slot = pace.enter(["ann", "ann", "ann", "ann"]).await;
        let other = pace.enter(["bob"]).await;
        let waits = tokio::time::timeout(Duration::from_millis(20), pace.enter(["ann"])).await;
        assert!(waits.is_err());
        drop(slot);
        drop(other);
        let slot = tokio::time::timeout(Duration::from_secs(1), pace.enter(["ann"])).await;
        assert!(slot.is_ok());
    }

    #[tokio::test]
    async fn overload_halves_the_calls_once_a_second_and_success_grows_them_back() {
        let clock = ManualClock::at(at("2026-01-01T00:00:00Z"));
        let pace = Pace::new(Arc::new(clock.clone()));
        let limit = || locked(&pace.ceiling.state).limit;
        pace.overloaded();
        pace.overloaded();
        assert!((limit() - 8.0).abs() < f64::EPSILON);
        clock.advance(TimeDelta::seconds(1));
        for _ in 0..10 {
            pace.overloaded();
            clock.advance(TimeDelta::seconds(1));
        }
        assert!((limit() - 1.0).abs() < f64::EPSILON);
        let only = pace.enter(["a"]).await;
        let waits = tokio::time::timeout(Duration::from_millis(20), pace.enter(["b"])).await;
        assert!(waits.is_err());
        drop(only);
        for _ in 0..20 {
            pace.went_through();
        }
        assert!(limit() > 5.0);
    }
}
