//! How many calls may run at once: no document says it for sure, so it is found
//! out (additive increase, multiplicative decrease) and remembered.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

/// Calls at once at the start.
const START: f64 = 16.0;
/// Upper end of the range; beyond it a provider's own limits bind first.
const CEILING: f64 = 256.0;
/// The ceiling is halved no more often than this.
const CUT_EVERY: TimeDelta = TimeDelta::seconds(1);
/// It is written down no more often than this.
const SAVE_EVERY: TimeDelta = TimeDelta::minutes(1);

#[derive(Debug)]
pub(super) struct Ceiling {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: f64,
    running: usize,
    /// Whether the provider ever said that it was too much. Until then the
    /// number grows by one for each good answer, afterwards by one a round.
    found: bool,
    last_cut: Option<DateTime<Utc>>,
    saved: (f64, Option<DateTime<Utc>>),
}

impl Default for Ceiling {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                limit: START,
                running: 0,
                found: false,
                last_cut: None,
                saved: (START, None),
            }),
            freed: Notify::new(),
        }
    }
}

impl Ceiling {
    /// Waits for the right to run one call.
    pub(super) async fn enter(&self) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Registered before the look, so that a release in between is seen.
            freed.as_mut().enable();
            {
                let mut state = self.state();
                if running(&state) < state.limit.floor() {
                    state.running += 1;
                    return;
                }
            }
            freed.await;
        }
    }

    pub(super) fn leave(&self) {
        let mut state = self.state();
        state.running = state.running.saturating_sub(1);
        drop(state);
        self.freed.notify_waiters();
    }

    /// A call went through. Good answers of a connection that is hardly used
    /// prove nothing about how much it bears.
    pub(super) fn raise(&self) {
        let mut state = self.state();
        if (running(&state) + 1.0) * 2.0 < state.limit {
            return;
        }
        let step = if state.found { 1.0 / state.limit } else { 1.0 };
        state.limit = (state.limit + step).min(CEILING);
        drop(state);
        self.freed.notify_waiters();
    }

    /// The connection as a whole was too busy.
    pub(super) fn cut(&self, now: DateTime<Utc>) {
        let mut state = self.state();
        if state.last_cut.is_none_or(|cut| now - cut >= CUT_EVERY) {
            state.limit = (state.limit / 2.0).max(1.0);
            state.found = true;
            state.last_cut = Some(now);
        }
    }

    /// Begins with what was found out before.
    pub(super) fn recall(&self, limit: f64) {
        if !limit.is_finite() {
            return;
        }
        let mut state = self.state();
        state.limit = limit.clamp(1.0, CEILING);
        state.found = true;
        state.saved.0 = state.limit;
    }

    /// What is to be written down now; `None` when it is known well enough.
    pub(super) fn news(&self, now: DateTime<Utc>) -> Option<f64> {
        let mut state = self.state();
        let (limit, at) = state.saved;
        let due = at.is_none_or(|at| now - at >= SAVE_EVERY);
        let other = (state.limit - limit).abs() > limit / 10.0;
        if !(state.found && due && other) {
            return None;
        }
        state.saved = (state.limit, Some(now));
        Some(state.limit)
    }

    #[cfg(test)]
    pub(super) fn limit(&self) -> f64 {
        self.state().limit
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock still holds counters that are safe to go on with.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "at most a few hundred calls run at once"
)]
const fn running(state: &State) -> f64 {
    state.running as f64
}
