//! How many reports one person, and one source address without a valid token,
//! may send: a leaky bucket each (governor), on the service's own clock.
//!
//! A person is counted after the token was verified and before the body is read;
//! an address only by requests whose credential was refused, so that a flood of
//! those locks nobody out who has a valid one.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use actix_web::{
    FromRequest, HttpRequest, ResponseError as _, dev::Payload, http::StatusCode, web,
};
use futures::future::LocalBoxFuture;
use governor::{
    Quota, RateLimiter, clock, middleware::NoOpMiddleware, state::keyed::HashMapStateStore,
};

use super::{Code, Problem, State};
use crate::{
    auth::{Reporter, VerifiedReporter},
    clock::SharedClock,
    config::server::Server,
};

/// Requests after which buckets that have filled up again are forgotten.
const SWEEP_EVERY: u32 = 4_096;

/// The service's clock as governor reads one: the time that has passed. A clock
/// that is set back lets none pass just then, and goes on from there: a limit
/// must not hold for as long as the clock was wrong.
#[derive(Clone)]
struct Passed {
    clock: SharedClock,
    /// Milliseconds: the clock when last read, and what had passed by then.
    read: Arc<Mutex<(i64, u64)>>,
}

impl Passed {
    fn new(clock: SharedClock) -> Self {
        let read = Arc::new(Mutex::new((clock.now().timestamp_millis(), 0)));
        Self { clock, read }
    }
}

impl clock::Clock for Passed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let now = self.clock.now().timestamp_millis();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let since = u64::try_from(now.saturating_sub(read.0)).unwrap_or(0);
        *read = (now, read.1.saturating_add(since));
        Duration::from_millis(read.1)
    }
}

/// One bucket a key.
struct Buckets {
    limiter: RateLimiter<String, HashMapStateStore<String>, Passed, NoOpMiddleware<Duration>>,
    clock: Passed,
    asked: AtomicU32,
}

impl Buckets {
    /// `None` without a limit.
    fn new(per_minute: u32, burst: u32, clock: SharedClock) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute)?)
            .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        let clock = Passed::new(clock);
        Some(Self {
            limiter: RateLimiter::hashmap_with_clock(quota, clock.clone()),
            clock,
            asked: AtomicU32::new(0),
        })
    }

    fn take(&self, key: String) -> Result<(), Problem> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(clock::Clock::now(&self.clock));
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Problem::new(Code::TooManyRequests)
                .retry_after(u32::try_from(seconds).unwrap_or(u32::MAX).max(1))
        })
    }
}

/// The limits in force; shared by all threads.
pub struct Rates {
    people: Option<Buckets>,
    addresses: Option<Buckets>,
}

impl Rates {
    /// The limits of the configuration; a rate of 0 is none.
    #[must_use]
    pub fn new(section: &Server, clock: &SharedClock) -> Self {
        let clock = || SharedClock::clone(clock);
        Self {
            people: Buckets::new(section.reports_per_minute, section.reports_burst, clock()),
            addresses: Buckets::new(section.refused_per_minute, section.refused_burst, clock()),
        }
    }

    /// Counts one report of a person, by the identity that the token proves.
    ///
    /// # Errors
    /// 429 with Retry-After when they have sent too many.
    pub fn person(&self, identity: String) -> Result<(), Problem> {
        self.people
            .as_ref()
            .map_or(Ok(()), |people| people.take(identity))
    }

    /// Counts one request without a valid credential.
    ///
    /// # Errors
    /// 429 with Retry-After when too many came from there.
    pub fn refused(&self, from: Option<IpAddr>) -> Result<(), Problem> {
        self.addresses
            .as_ref()
            .map_or(Ok(()), |addresses| addresses.take(source(from)))
    }
}

/// An IPv6 customer has a /64 at least: all of it is one source.
fn source(from: Option<IpAddr>) -> String {
    match from.map(|ip| ip.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => {
            let network = u128::from(ip) & !u128::from(u64::MAX);
            Ipv6Addr::from(network).to_string()
        }
    }
}

/// A verified person within the limits, as a handler's argument.
#[derive(Debug)]
pub(super) struct RatedReporter(pub(super) VerifiedReporter);

impl FromRequest for RatedReporter {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let verified = Reporter::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let state = request
                .app_data::<web::Data<State>>()
                .ok_or_else(|| Problem::new(Code::Internal))?;
            match verified.await {
                Ok(Reporter(person)) => {
                    state.rates.person(person.identity())?;
                    Ok(Self(person))
                }
                Err(error) => {
                    if error.status_code() == StatusCode::UNAUTHORIZED {
                        state.rates.refused(request.peer_addr().map(|a| a.ip()))?;
                    }
                    Err(error.into())
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::clock::ManualClock;

    fn rates(per_minute: u32, burst: u32) -> (Rates, ManualClock) {
        let clock = ManualClock::at(DateTime::from_timestamp(1_790_000_000, 0).expect("time"));
        let section = Server {
            reports_per_minute: per_minute,
            reports_burst: burst,
            refused_per_minute: per_minute,
            refused_burst: burst,
            ..Server::default()
        };
        let shared: SharedClock = Arc::new(clock.clone());
        (Rates::new(&section, &shared), clock)
    }

    #[test]
    fn a_person_has_a_burst_and_then_a_rate_of_their_own() {
        let (rates, clock) = rates(6, 3);
        let ask = |who: &str| rates.person(who.to_owned());
        for _ in 0..3 {
            ask("ann").expect("within the burst");
        }
        let refused = ask("ann").expect_err("too many");
        assert_eq!(refused.code(), Code::TooManyRequests);
        ask("bob").expect("another person");
        clock.advance(TimeDelta::seconds(9));
        assert!(ask("ann").is_err(), "one in ten seconds");
        clock.advance(TimeDelta::seconds(1));
        ask("ann").expect("one more");
        assert!(ask("ann").is_err());
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out_for_long() {
        let (rates, clock) = rates(6, 3);
        rates.person("ann".to_owned()).expect("first");
        clock.advance(TimeDelta::hours(-1));
        rates.person("ann".to_owned()).expect("second");
    }

    #[test]
    fn no_rate_is_no_limit_and_addresses_count_by_network() {
        let (none, _) = rates(0, 1);
        for _ in 0..1_000 {
            none.person("ann".to_owned()).expect("unlimited");
        }
        let (rates, _) = rates(1, 1);
        let from = |text: &str| rates.refused(Some(text.parse().expect("address")));
        from("2001:db8::1").expect("first");
        assert!(from("2001:db8::ffff").is_err(), "the same /64");
        from("2001:db8:0:1::1").expect("another network");
        from("192.0.2.1").expect("another address");
        assert!(from("::ffff:192.0.2.1").is_err(), "the same, mapped");
    }
}
