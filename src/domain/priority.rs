//! Which case a person should open first: probability of malice, times how much is
//! exposed, times how long it has waited, each told in words.
//!
//! Time doubles every case alike, so that the order of two cases never changes while
//! neither does: the order is one number that can stand in an index.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Waiting for so long doubles a case's priority.
pub const DOUBLES_EVERY: TimeDelta = TimeDelta::hours(24);
/// Doublings that are shown at most; the order goes on.
const MOST_DOUBLINGS: f64 = 20.0;
/// What a person whose name is often borrowed among those who got it counts.
const FOR_VIP: f64 = 2.0;
/// What a link or a file that can still do harm counts.
const FOR_PAYLOAD: f64 = 2.0;
/// The most that the reporters' record adds to or takes off the log-odds, together.
const MOST_LEAN: f64 = 1.5;
/// The least probability before the reporters' record: what is all but harmless still has
/// its turn.
const LEAST: f64 = 0.01;

/// What is at stake in a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stakes {
    /// Probability of malice as judged; one half where nothing could be judged.
    pub malice: f64,
    /// Sum of what the reporters' records add, log-odds; see
    /// [`Accuracy::lean`](super::reputation::Accuracy::lean).
    pub lean: f64,
    /// People of the organisation whom it is known to have reached.
    pub people: u32,
    /// Whether one of them is on the policy's list of people whose names are borrowed.
    pub vip: bool,
    /// Whether it carries a link or a file that speaks against it.
    pub payload: bool,
    /// Since when it waits for a person, or would have, had it been left open.
    pub since: DateTime<Utc>,
    /// Whether it waits.
    pub waiting: bool,
}

/// One reason of a priority.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// In plain words.
    pub words: String,
    /// What it multiplies by.
    pub times: f64,
}

fn odds(probability: f64) -> f64 {
    let probability = probability.clamp(1e-6, 1.0 - 1e-6);
    (probability / (1.0 - probability)).ln()
}

impl Stakes {
    /// Of a message that is not judged yet.
    #[must_use]
    pub const fn unknown(since: DateTime<Utc>) -> Self {
        Self {
            malice: 0.5,
            lean: 0.0,
            people: 1,
            vip: false,
            payload: false,
            since,
            waiting: true,
        }
    }

    /// Probability of malice as judged, which is what is shown: what somebody's record
    /// adds would tell the record.
    #[must_use]
    pub const fn probability(&self) -> f64 {
        self.malice.max(LEAST)
    }

    /// The same with the reporters' record, by which cases are ordered.
    fn leaned(&self) -> f64 {
        let lean = self.lean.clamp(-MOST_LEAN, MOST_LEAN);
        1.0 / (1.0 + (-odds(self.probability()) - lean).exp())
    }

    /// How much is exposed; 1 is one person, no payload.
    #[must_use]
    pub fn exposure(&self) -> f64 {
        let people = 1.0 + f64::from(self.people.max(1)).log2();
        let vip = if self.vip { FOR_VIP } else { 1.0 };
        let payload = if self.payload { FOR_PAYLOAD } else { 1.0 };
        people * vip * payload
    }

    fn waited(&self, now: DateTime<Utc>) -> f64 {
        let waited = (now - self.since).num_seconds().max(0) as f64;
        (waited / DOUBLES_EVERY.num_seconds() as f64)
            .min(MOST_DOUBLINGS)
            .exp2()
    }

    /// The priority at a time, as it is shown.
    #[must_use]
    pub fn priority(&self, now: DateTime<Utc>) -> f64 {
        self.probability() * self.exposure() * self.waited(now)
    }

    /// What orders cases as their priority does, at any time, with the reporters' record:
    /// thousandths of a doubling.
    #[must_use]
    pub fn urgency(&self) -> i64 {
        let stake = (self.leaned() * self.exposure()).log2();
        let since = self.since.timestamp_millis() as f64 / DOUBLES_EVERY.num_milliseconds() as f64;
        ((stake - since) * 1000.0).round() as i64
    }

    /// The reasons, as factors of the priority.
    #[must_use]
    pub fn factors(&self, now: DateTime<Utc>) -> Vec<Factor> {
        let mut factors = vec![Factor {
            words: format!("malicious with {:.0} %", self.malice * 100.0),
            times: self.probability(),
        }];
        let mut add = |words: String, times: f64| factors.push(Factor { words, times });
        let people = self.people.max(1);
        let reached = if people == 1 {
            "reached one person".to_owned()
        } else {
            format!("reached {people} people")
        };
        add(reached, 1.0 + f64::from(people).log2());
        if self.vip {
            add("one of them is a VIP".to_owned(), FOR_VIP);
        }
        if self.payload {
            add(
                "carries a link or a file that speaks against it".to_owned(),
                FOR_PAYLOAD,
            );
        }
        let minutes = (now - self.since).num_minutes().max(0);
        let waits = if minutes < 120 {
            format!("waits for {minutes} min")
        } else {
            format!("waits for {} h", minutes / 60)
        };
        add(waits, self.waited(now));
        factors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stakes(malice: f64, people: u32, waited: TimeDelta) -> (Stakes, DateTime<Utc>) {
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
        let stakes = Stakes {
            malice,
            lean: 0.0,
            people,
            vip: false,
            payload: false,
            since: now - waited,
            waiting: true,
        };
        (stakes, now)
    }

    #[test]
    fn the_order_of_urgency_is_that_of_priority_at_any_time() {
        let (likely, now) = stakes(0.8, 1, TimeDelta::zero());
        let (many, _) = stakes(0.4, 64, TimeDelta::minutes(1));
        let (old, _) = stakes(0.1, 1, TimeDelta::hours(120));
        let (small, _) = stakes(0.0, 1, TimeDelta::minutes(5));
        let all = [&likely, &many, &old, &small];
        for later in [TimeDelta::zero(), TimeDelta::days(2)] {
            let mut by_priority = all;
            by_priority.sort_by(|a, b| {
                let (a, b) = (a.priority(now + later), b.priority(now + later));
                b.total_cmp(&a)
            });
            let mut by_urgency = all;
            by_urgency.sort_by_key(|s| std::cmp::Reverse(s.urgency()));
            assert_eq!(by_priority, by_urgency);
        }
        assert!(
            many.urgency() > likely.urgency(),
            "more people, more at stake"
        );
        assert!(old.urgency() > likely.urgency(), "nothing waits for ever");
    }

    #[test]
    fn the_factors_multiply_to_the_priority_and_say_why() {
        let (mut one, now) = stakes(0.3, 8, DOUBLES_EVERY);
        one.vip = true;
        one.payload = true;
        one.lean = 1.0;
        let product: f64 = one.factors(now).iter().map(|f| f.times).product();
        assert!((product - one.priority(now)).abs() < 1e-9);
        let words: Vec<String> = one.factors(now).into_iter().map(|f| f.words).collect();
        let said = words.join(", ");
        for part in ["30 %", "8 people", "VIP", "link or a file", "24 h"] {
            assert!(said.contains(part), "{said}");
        }
        let doubled = one.priority(now) / one.priority(one.since);
        assert!((doubled - 2.0).abs() < 1e-9, "{doubled}");
    }

    #[test]
    fn the_record_of_reporters_moves_a_case_so_far_and_is_not_shown() {
        let (mut one, now) = stakes(0.3, 1, TimeDelta::zero());
        let (alone, shown) = (one.urgency(), one.factors(now));
        one.lean = 50.0;
        assert!(one.urgency() > alone && one.leaned() < 0.7);
        assert_eq!(one.factors(now), shown);
        one.lean = -50.0;
        assert!(one.urgency() < alone && one.leaned() > 0.05);
        one.malice = 0.0;
        assert!(one.leaned() > 0.0 && one.urgency() < alone);
    }

    #[test]
    fn what_waits_for_years_has_a_priority_that_can_be_written() {
        let (one, now) = stakes(1.0, u32::MAX, TimeDelta::days(4_000));
        assert!(one.priority(now).is_finite() && one.priority(now) < 1e9);
        let json = serde_json::to_string(&one.priority(now)).expect("json");
        assert_ne!(json, "null");
    }
}
