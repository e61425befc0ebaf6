//! The throttle governor both wires share, one for each connection of an app to
//! a tenant.
//!
//! It keeps calls from starting: at most four at a time in a mailbox (the
//! documented limit of Exchange Online), an adaptive number over all mailboxes,
//! none beyond a budget the provider documents, and none before the time the
//! provider named for that mailbox, for all mail, or for that kind of call. A
//! short wait is sat out; a long one goes back to the queue, and everything else
//! goes on. It never repeats a call: the durable queue does.

mod budget;
mod ceiling;
mod lane;
mod limits;
mod retry_after;
mod window;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{OnceCell, OwnedSemaphorePermit};

use self::{
    budget::{Budget, Purse},
    ceiling::Ceiling,
    lane::Lanes,
};
use super::{Family, MailboxError};
use crate::clock::SharedClock;

pub use budget::{SharedBudgets, Unshared};
pub use limits::{GOOGLE, GRAPH, Limits};
pub use retry_after::retry_after;

/// Calls that may run in one mailbox at a time.
pub const PER_MAILBOX: usize = 4;
/// A wait this short is sat out; a longer one goes back to the queue.
const SIT_OUT: Duration = Duration::from_secs(2);
/// A mailbox that was throttled rests at least so long, whatever it said.
const LEAST_REST: Duration = Duration::from_millis(250);
/// Where the number of calls at once is remembered.
const CEILING: &str = "ceiling";

/// The governor of one provider connection.
#[derive(Debug)]
pub struct Pace {
    clock: SharedClock,
    lanes: Lanes,
    ceiling: Arc<Ceiling>,
    recalled: OnceCell<()>,
    /// What all mailboxes share.
    all: Vec<Budget>,
    /// What kinds of calls outside mailboxes share.
    families: Vec<(Family, Budget)>,
    held: Mutex<HashMap<Held, DateTime<Utc>>>,
    purse: Purse,
}

/// What a provider's wait is about when it is about more than one mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Held {
    Mail,
    Family(Family),
}

impl Held {
    const fn of(family: Family) -> Self {
        match family {
            Family::Directory | Family::Trace | Family::Hunting => Self::Family(family),
            Family::Search | Family::Look | Family::Folder | Family::Change | Family::Settings => {
                Self::Mail
            }
        }
    }
}

/// The right to run one call over the wire; released when dropped.
#[derive(Debug)]
pub struct Slot {
    _lanes: Vec<OwnedSemaphorePermit>,
    ceiling: Arc<Ceiling>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.ceiling.leave();
    }
}

impl Pace {
    /// A governor with nothing running. `scope` names app and tenant: two
    /// connections of one name share their budgets.
    #[must_use]
    pub fn new(clock: SharedClock, limits: &Limits, scope: String) -> Self {
        let all = limits.all.iter();
        let families = limits.families.iter();
        Self {
            clock,
            lanes: Lanes::new(limits.mailbox),
            ceiling: Arc::default(),
            recalled: OnceCell::new(),
            all: all.map(|(name, rule)| Budget::new(name, *rule)).collect(),
            families: families
                .map(|(family, name, rule)| (*family, Budget::new(name, *rule)))
                .collect(),
            held: Mutex::default(),
            purse: Purse::new(scope),
        }
    }

    /// Shares its budgets with other processes from now on.
    pub fn share(&self, shared: Arc<dyn SharedBudgets>) {
        self.purse.share(shared);
    }

    /// Whether a call may start, and pays for it: `cost` in the units of its
    /// family (calls, resource units, quota units). Sits out a wait of at most
    /// two seconds, and refuses a longer one without a call.
    ///
    /// # Errors
    /// [`MailboxError::Throttled`] with the time that is left.
    pub async fn admit(
        &self,
        family: Family,
        mailbox: Option<&str>,
        cost: u32,
    ) -> Result<(), MailboxError> {
        self.recall().await;
        let left = self.left(family, mailbox);
        if !left.is_zero() {
            sit_out(left).await?;
        }
        let Err(wait) = self.pay(family, mailbox, u64::from(cost)).await else {
            return Ok(());
        };
        sit_out(wait).await?;
        let again = self.pay(family, mailbox, u64::from(cost)).await;
        again.map_err(|wait| MailboxError::Throttled {
            retry_after: Some(wait),
        })
    }

    /// Whether a call would have to wait for the time its provider named.
    #[must_use]
    pub fn rests(&self, family: Family, mailbox: Option<&str>) -> bool {
        !self.left(family, mailbox).is_zero()
    }

    /// How long until the provider wants to hear of this again.
    fn left(&self, family: Family, mailbox: Option<&str>) -> Duration {
        let lane = mailbox.and_then(|mailbox| self.lanes.not_before(mailbox));
        let held = self.holds().get(&Held::of(family)).copied();
        let end = lane.max(held);
        end.and_then(|end| (end - self.clock.now()).to_std().ok())
            .unwrap_or_default()
    }

    async fn pay(&self, family: Family, mailbox: Option<&str>, cost: u64) -> Result<(), Duration> {
        let now = self.clock.now();
        if let Held::Family(family) = Held::of(family) {
            for (_, budget) in self.families.iter().filter(|(of, _)| *of == family) {
                budget.pay(cost, now, &self.purse).await?;
            }
            return Ok(());
        }
        if let Some(mailbox) = mailbox {
            self.lanes.pay(mailbox, cost, now, &self.purse).await?;
        }
        for budget in &self.all {
            budget.pay(cost, now, &self.purse).await?;
        }
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
            let lane = self.lanes.permits(mailbox, self.clock.now());
            if let Ok(permit) = lane.acquire_many_owned(count.min(most)).await {
                permits.push(permit);
            }
        }
        self.ceiling.enter().await;
        Slot {
            _lanes: permits,
            ceiling: Arc::clone(&self.ceiling),
        }
    }

    /// Takes note that `mailbox` was throttled.
    pub fn throttled(&self, mailbox: &str, retry_after: Option<Duration>) {
        let Some(wait) = retry_after else { return };
        let now = self.clock.now();
        self.lanes
            .hold(mailbox, after(now, wait.max(LEAST_REST)), now);
    }

    /// Takes note that a call was throttled for more than its mailbox: all mail
    /// waits, or all calls of a family outside mailboxes.
    pub fn hold(&self, family: Family, retry_after: Option<Duration>) {
        let Some(wait) = retry_after else { return };
        let end = after(self.clock.now(), wait);
        let mut holds = self.holds();
        let known = holds.entry(Held::of(family)).or_insert(end);
        *known = (*known).max(end);
    }

    /// Takes note that the connection as a whole was throttled or overloaded:
    /// halves the number of calls, at most once a second.
    pub fn overloaded(&self) {
        self.ceiling.cut(self.clock.now());
    }

    /// Takes note that a call went through.
    pub fn went_through(&self) {
        self.ceiling.raise();
    }

    /// Begins with the number of calls at once that was found out before, and
    /// writes down what is found out.
    async fn recall(&self) {
        self.recalled
            .get_or_init(|| async {
                let mut known = None;
                let mut look = |text: Option<&str>| {
                    known = text.and_then(|text| text.parse::<f64>().ok());
                    None
                };
                if self.purse.change(CEILING, &mut look).await.is_ok()
                    && let Some(limit) = known
                {
                    self.ceiling.recall(limit);
                }
            })
            .await;
        if self.purse.is_shared()
            && let Some(limit) = self.ceiling.news(self.clock.now())
        {
            let text = format!("{limit:.1}");
            let mut keep = |_: Option<&str>| Some(text.clone());
            // What is not kept is found out anew.
            let _ = self.purse.change(CEILING, &mut keep).await;
        }
    }

    fn holds(&self) -> MutexGuard<'_, HashMap<Held, DateTime<Utc>>> {
        // A poisoned lock still holds times that are safe to go on with.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits here, or says how long somebody else is to wait.
async fn sit_out(wait: Duration) -> Result<(), MailboxError> {
    if wait > SIT_OUT {
        return Err(MailboxError::Throttled {
            retry_after: Some(wait),
        });
    }
    tokio::time::sleep(wait).await;
    Ok(())
}

fn after(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(wait)
        .ok()
        .and_then(|wait| now.checked_add_signed(wait))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests;
