//! The identity providers' published signing keys: fetched, kept, refreshed.
//!
//! Strangers choose the key id in a token, so they must not be able to make us
//! fetch: one fetch per issuer per five minutes, whatever arrives. And an
//! issuer that is down must not stop reports: the last good set goes on being
//! used for days.

mod fetch;
mod keys;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use metrics::counter;
use url::Url;

use crate::clock::SharedClock;

pub use fetch::FetchError;
pub use keys::{KeySet, KeySetError, SigningKey};

/// Between two fetches of one issuer's keys, at least.
pub const MIN_BETWEEN_FETCHES: TimeDelta = TimeDelta::minutes(5);
/// The same while no set has ever arrived: nothing can be verified then, so a
/// short hiccup at start must not cost five minutes of reports.
pub const MIN_BETWEEN_FIRST_FETCHES: TimeDelta = TimeDelta::seconds(30);
/// A set is refreshed in the background when it is this old, or earlier if the
/// issuer's `Cache-Control: max-age` says so.
pub const REFRESH_AFTER: TimeDelta = TimeDelta::hours(12);
/// A set this old is refreshed before it is used, if the issuer answers.
pub const MUST_REFRESH_AFTER: TimeDelta = TimeDelta::hours(24);
/// A set this old is not used any more, even in an outage: keys that were
/// withdrawn must stop working some day.
pub const LAST_GOOD_FOR: TimeDelta = TimeDelta::hours(72);

/// Why there is no key.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// The issuer publishes no key of that name, as far as is known.
    #[error("no such key")]
    Unknown,
    /// No usable set: the issuer has not answered yet, or not for days.
    #[error("the issuer's keys are not available")]
    Unavailable,
}

/// One issuer's keys. Cheap to clone; clones share the set.
#[derive(Debug, Clone)]
pub struct JwksCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: &'static str,
    url: Url,
    client: reqwest::Client,
    clock: SharedClock,
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    good: Option<Good>,
    attempted: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone)]
struct Good {
    keys: Arc<KeySet>,
    since: DateTime<Utc>,
    refresh_after: TimeDelta,
}

impl JwksCache {
    /// An empty cache of the keys at `url`; `issuer` names it in logs and counters.
    ///
    /// # Errors
    /// When the machine's TLS set-up cannot be used.
    pub fn new(issuer: &'static str, url: Url, clock: SharedClock) -> Result<Self, reqwest::Error> {
        Ok(Self(Arc::new(Inner {
            issuer,
            client: fetch::client(&url)?,
            url,
            clock,
            state: Mutex::default(),
            flight: tokio::sync::Mutex::new(()),
        })))
    }

    /// The key called `kid`; fetches when it must and may.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub async fn key(&self, kid: &str) -> Result<SigningKey, KeyError> {
        let now = self.0.clock.now();
        let known = self.0.usable(now);
        let age = known.as_ref().map(|good| since(good.since, now));
        match known.as_ref().and_then(|good| good.keys.get(kid)) {
            Some(key) if age.is_some_and(|age| age < MUST_REFRESH_AFTER) => {
                let due = known.is_some_and(|good| since(good.since, now) >= good.refresh_after);
                if due && self.0.may_fetch(now) {
                    // Nobody waits for this one.
                    drop(tokio::spawn(Arc::clone(&self.0).refresh()));
                }
                Ok(key)
            }
            _ => {
                self.refreshed(now).await;
                let good = self.0.usable(now).ok_or(KeyError::Unavailable)?;
                good.keys.get(kid).ok_or(KeyError::Unknown)
            }
        }
    }

    /// Fetches the keys unless that was done lately, so that the first report
    /// does not wait for it. Says whether a usable set is there now.
    pub async fn warm(&self) -> bool {
        let now = self.0.clock.now();
        if self.0.usable(now).is_none() {
            self.refreshed(now).await;
        }
        self.0.usable(now).is_some()
    }

    /// Fetches if allowed; waits for a fetch that is already under way.
    async fn refreshed(&self, now: DateTime<Utc>) {
        if self.0.may_fetch(now) {
            // A task of its own: a client that hangs up must not cancel the
            // one fetch that the next five minutes have.
            let task = tokio::spawn(Arc::clone(&self.0).refresh());
            if task.await.is_err() {
                tracing::error!(issuer = self.0.issuer, "key refresh broke off");
            }
        } else {
            drop(self.0.flight.lock().await);
        }
    }
}

impl Inner {
    async fn refresh(self: Arc<Self>) {
        let _flight = self.flight.lock().await;
        let now = self.clock.now();
        if !self.may_fetch(now) {
            return; // somebody fetched while this one waited
        }
        self.state().attempted = Some(now);
        let outcome = fetch::fetch(&self.client, &self.url).await;
        let word = if outcome.is_ok() { "ok" } else { "failed" };
        counter!("unhook_jwks_fetches_total", "issuer" => self.issuer, "outcome" => word)
            .increment(1);
        match outcome {
            Ok((keys, max_age)) => {
                tracing::info!(issuer = self.issuer, keys = keys.len(), "keys refreshed");
                let refresh_after = max_age
                    .unwrap_or(REFRESH_AFTER)
                    .clamp(MIN_BETWEEN_FETCHES, REFRESH_AFTER);
                self.state().good = Some(Good {
                    keys: Arc::new(keys),
                    since: now,
                    refresh_after,
                });
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(issuer = self.issuer, error, "keys not refreshed");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self, now: DateTime<Utc>) -> Option<Good> {
        self.state()
            .good
            .clone()
            .filter(|good| since(good.since, now) < LAST_GOOD_FOR)
    }

    fn may_fetch(&self, now: DateTime<Utc>) -> bool {
        let state = self.state();
        let pause = if state.good.is_some() {
            MIN_BETWEEN_FETCHES
        } else {
            MIN_BETWEEN_FIRST_FETCHES
        };
        state
            .attempted
            .is_none_or(|attempted| since(attempted, now) >= pause)
    }
}

/// Time gone by. A clock set far back counts as much time, not as none: a
/// cache must not freeze until the clock has caught up.
fn since(then: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
    now.signed_duration_since(then).abs()
}

// Their key servers speak plain http, which only this feature allows.
#[cfg(test)]
#[cfg(feature = "sim")]
mod tests;
