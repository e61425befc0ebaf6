//! How many calls were made, for the receipt of a search and the metrics.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

/// What a call is for. Calls of one family are limited together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Looking for messages.
    Search,
    /// Reading a message that is known.
    Look,
    /// Folders and labels.
    Folder,
    /// Moving or changing a message, or putting one in.
    Change,
    /// People and groups.
    Directory,
    /// Exchange's message trace.
    Trace,
    /// Defender's advanced hunting.
    Hunting,
    /// A mailbox's settings and rules.
    Settings,
}

/// Calls made since the connection was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Calls by family; each request inside a `$batch` is one.
    pub calls: BTreeMap<Family, u64>,
    /// HTTP exchanges; a `$batch` is one.
    pub exchanges: u64,
    /// Gmail's quota units.
    pub units: u64,
    /// Calls that were refused for their number.
    pub throttled: u64,
}

impl Counts {
    /// All calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.calls.values().sum()
    }

    /// Adds other calls.
    pub fn add(&mut self, other: &Self) {
        for (family, calls) in &other.calls {
            *self.calls.entry(*family).or_default() += calls;
        }
        self.exchanges += other.exchanges;
        self.units += other.units;
        self.throttled += other.throttled;
    }

    /// What came after an `earlier` snapshot of the same connection.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let calls = self.calls.iter().map(|(family, now)| {
            let before = earlier.calls.get(family).copied().unwrap_or_default();
            (*family, now.saturating_sub(before))
        });
        Self {
            calls: calls.filter(|(_, calls)| *calls > 0).collect(),
            exchanges: self.exchanges.saturating_sub(earlier.exchanges),
            units: self.units.saturating_sub(earlier.units),
            throttled: self.throttled.saturating_sub(earlier.throttled),
        }
    }
}

tokio::task_local! {
    /// The count of the piece of work that the current task is at.
    static OWN: std::sync::Arc<Tally>;
}

/// Counts the calls that a piece of work makes over any connection, apart from what
/// other work makes over the same one meanwhile. Not to be nested: the inner work
/// counts for itself alone.
pub async fn counted<F: Future>(work: F) -> (F::Output, Counts) {
    let tally = std::sync::Arc::new(Tally::default());
    let outcome = OWN.scope(std::sync::Arc::clone(&tally), work).await;
    (outcome, tally.snapshot())
}

/// The running count of one connection.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

impl Tally {
    pub(super) fn snapshot(&self) -> Counts {
        self.counts().clone()
    }

    /// One call, of so many units.
    pub(super) fn call(&self, family: Family, units: u64) {
        self.one_more(family, units);
        let _ = OWN.try_with(|own| own.one_more(family, units));
    }

    fn one_more(&self, family: Family, units: u64) {
        let mut counts = self.counts();
        *counts.calls.entry(family).or_default() += 1;
        counts.units = counts.units.saturating_add(units);
    }

    pub(super) fn exchange(&self) {
        self.counts().exchanges += 1;
        let _ = OWN.try_with(|own| own.counts().exchanges += 1);
    }

    pub(super) fn throttled(&self) {
        self.counts().throttled += 1;
        let _ = OWN.try_with(|own| own.counts().throttled += 1);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_counts_its_own_calls_only() {
        let tally = Tally::default();
        tally.call(Family::Search, 5);
        let before = tally.snapshot();
        tally.call(Family::Search, 5);
        tally.call(Family::Look, 20);
        tally.exchange();
        let own = tally.snapshot().since(&before);
        assert_eq!(own.total(), 2);
        assert_eq!((own.units, own.exchanges), (25, 1));
        assert_eq!(own.calls.get(&Family::Search), Some(&1));
        assert_eq!(tally.snapshot().since(&tally.snapshot()), Counts::default());
    }

    #[tokio::test]
    async fn work_counts_apart_from_other_work_on_the_same_connection() {
        let tally = Tally::default();
        let ((), own) = counted(async {
            tally.call(Family::Search, 5);
            tally.exchange();
        })
        .await;
        tally.call(Family::Look, 20);
        assert_eq!((own.total(), own.units, own.exchanges), (1, 5, 1));
        assert_eq!(tally.snapshot().total(), 2);
        let mut both = own.clone();
        both.add(&own);
        assert_eq!(both.total(), 2);
    }
}
