//! What is kept of one mailbox: who runs in it, what was spent there, and when
//! its provider wants to be asked again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::{
    PER_MAILBOX,
    budget::Purse,
    window::{Rule, Window},
};

/// Mailboxes remembered before idle ones are dropped.
const LANES: usize = 16_384;

/// The mailboxes of one connection.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Mutex<HashMap<String, Lane>>,
    rule: Rule,
}

#[derive(Debug)]
struct Lane {
    permits: Arc<Semaphore>,
    not_before: Option<DateTime<Utc>>,
    /// What this process spent without asking the others.
    own: Window,
    /// Slot and units of what it took from the budget of all.
    portion: (i64, u64),
}

impl Lanes {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            lanes: Mutex::default(),
            rule,
        }
    }

    pub(super) fn permits(&self, mailbox: &str, now: DateTime<Utc>) -> Arc<Semaphore> {
        let mut lanes = self.locked();
        Arc::clone(&self.lane(&mut lanes, mailbox, now).permits)
    }

    /// When the mailbox may be asked again, if its provider said so.
    pub(super) fn not_before(&self, mailbox: &str) -> Option<DateTime<Utc>> {
        self.locked().get(mailbox)?.not_before
    }

    pub(super) fn hold(&self, mailbox: &str, until: DateTime<Utc>, now: DateTime<Utc>) {
        let mut lanes = self.locked();
        let lane = self.lane(&mut lanes, mailbox, now);
        lane.not_before = lane.not_before.max(Some(until));
    }

    /// Spends `cost` units in a mailbox. A tenth of the limit is spent without
    /// asking the other processes, which hardly any mailbox ever exceeds; what
    /// goes beyond comes out of what all share.
    ///
    /// # Errors
    /// How long until there are so many.
    pub(super) async fn pay(
        &self,
        mailbox: &str,
        cost: u64,
        now: DateTime<Utc>,
        purse: &Purse,
    ) -> Result<(), Duration> {
        let slot = self.rule.slot(now);
        let own = {
            let mut lanes = self.locked();
            let lane = self.lane(&mut lanes, mailbox, now);
            if lane.portion.0 == slot && lane.portion.1 >= cost {
                lane.portion.1 -= cost;
                return Ok(());
            }
            let own = if purse.is_shared() {
                self.rule.part(1)
            } else {
                self.rule
            };
            lane.own.take(own, now, cost, cost)
        };
        let wait = match own {
            Ok(_) => return Ok(()),
            Err(wait) if !purse.is_shared() => return Err(wait),
            Err(wait) => wait,
        };
        let want = cost.max(self.rule.limit / 20);
        // No address stands there.
        let name = format!("mailbox/{}", hex::encode(Sha256::digest(mailbox)));
        let taken = purse.take(&name, self.rule.part(8), now, cost, want).await;
        // Out of reach: its own part is what there is.
        let taken = taken.unwrap_or(Err(wait))?;
        let mut lanes = self.locked();
        let lane = self.lane(&mut lanes, mailbox, now);
        let left = if lane.portion.0 == slot {
            lane.portion.1
        } else {
            0
        };
        lane.portion = (slot, left.saturating_add(taken).saturating_sub(cost));
        Ok(())
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        // A poisoned lock still holds counters that are safe to go on with.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane<'a>(
        &self,
        lanes: &'a mut HashMap<String, Lane>,
        mailbox: &str,
        now: DateTime<Utc>,
    ) -> &'a mut Lane {
        if lanes.len() >= LANES && !lanes.contains_key(mailbox) {
            let little = self.rule.part(1).limit;
            lanes.retain(|_, lane| {
                Arc::strong_count(&lane.permits) > 1
                    || lane.not_before.is_some_and(|at| at > now)
                    || lane.own.spent() >= little / 2
            });
        }
        lanes.entry(mailbox.to_owned()).or_insert_with(|| Lane {
            permits: Arc::new(Semaphore::new(PER_MAILBOX)),
            not_before: None,
            own: Window::default(),
            portion: (0, 0),
        })
    }
}
