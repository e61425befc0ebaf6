//! Budgets that several worker processes share: what is spent stands under a
//! name where all of them see it, and each takes it in portions, so that one
//! statement pays for many calls. A process that cannot reach the others counts
//! for itself alone.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::window::{Rule, Window};

/// Where budgets stand that other processes see too.
#[async_trait]
pub trait SharedBudgets: Send + Sync + fmt::Debug {
    /// Changes the text that stands under `name` at one stroke. `change` is given
    /// what stands there and gives what is to stand there, `None` to leave it; it
    /// runs again when another process came first.
    ///
    /// # Errors
    /// [`Unshared`] when it cannot be reached or others always come first.
    async fn change(
        &self,
        name: &str,
        change: &mut (dyn for<'a> FnMut(Option<&'a str>) -> Option<String> + Send),
    ) -> Result<(), Unshared>;
}

/// The budgets of the other processes are out of reach.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("the budgets of the other workers are out of reach")]
pub struct Unshared;

/// Where a connection's budgets stand and what their names begin with.
#[derive(Debug)]
pub(super) struct Purse {
    scope: String,
    shared: OnceLock<Arc<dyn SharedBudgets>>,
}

impl Purse {
    pub(super) const fn new(scope: String) -> Self {
        Self {
            scope,
            shared: OnceLock::new(),
        }
    }

    /// Shares from now on; a second place is not taken.
    pub(super) fn share(&self, shared: Arc<dyn SharedBudgets>) {
        drop(self.shared.set(shared));
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.get().is_some()
    }

    /// Takes from a budget that all see; `None` when there is none or it is out
    /// of reach.
    pub(super) async fn take(
        &self,
        name: &str,
        rule: Rule,
        now: DateTime<Utc>,
        least: u64,
        want: u64,
    ) -> Option<Result<u64, Duration>> {
        let mut taken = None;
        self.change(name, &mut |text| {
            let mut window: Window = text
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default();
            let granted = window.take(rule, now, least, want);
            let spent = granted.is_ok();
            taken = Some(granted);
            spent.then(|| serde_json::to_string(&window).ok())?
        })
        .await
        .ok()?;
        taken
    }

    pub(super) async fn change(
        &self,
        name: &str,
        change: &mut (dyn for<'a> FnMut(Option<&'a str>) -> Option<String> + Send),
    ) -> Result<(), Unshared> {
        let shared = self.shared.get().ok_or(Unshared)?;
        shared
            .change(&format!("{}/{name}", self.scope), change)
            .await
    }
}

/// One budget as this process knows it.
#[derive(Debug)]
pub(super) struct Budget {
    name: &'static str,
    rule: Rule,
    portion: Mutex<Portion>,
}

/// What was taken and not spent yet: it holds for its slot alone, for later it
/// would count in another stretch of time than it was taken in.
#[derive(Debug, Default)]
struct Portion {
    slot: i64,
    left: u64,
    /// What this process took, for when it has to count alone.
    own: Window,
}

impl Budget {
    pub(super) fn new(name: &'static str, rule: Rule) -> Self {
        Self {
            name,
            rule,
            portion: Mutex::default(),
        }
    }

    /// Spends `cost` units.
    ///
    /// # Errors
    /// How long until there are so many.
    pub(super) async fn pay(
        &self,
        cost: u64,
        now: DateTime<Utc>,
        purse: &Purse,
    ) -> Result<(), Duration> {
        // Held while more is taken: one asks for all that wait.
        let mut portion = self.portion.lock().await;
        let slot = self.rule.slot(now);
        if portion.slot != slot {
            portion.slot = slot;
            portion.left = 0;
        }
        if portion.left < cost {
            let least = cost - portion.left;
            let want = least.max(self.rule.limit / 100);
            let taken = match purse.take(self.name, self.rule, now, least, want).await {
                Some(Ok(taken)) => {
                    // Not refused here: the others' word is the better one.
                    let _ = portion.own.take(self.rule, now, 0, taken);
                    taken
                }
                Some(Err(wait)) => return Err(wait),
                None => portion.own.take(self.rule, now, least, least)?,
            };
            portion.left = portion.left.saturating_add(taken);
        }
        portion.left = portion.left.saturating_sub(cost);
        Ok(())
    }
}
