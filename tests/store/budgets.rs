//! Budgets that several worker processes share through the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use unhook::{
    app::StoredBudgets,
    clock::ManualClock,
    mailbox::{
        Family,
        pace::{GRAPH, Pace, SharedBudgets},
    },
    store::Store,
};

use super::start;
use crate::support::database::{Backend, fresh};

async fn budgets(store: &Store) -> Arc<StoredBudgets> {
    let tenant = store.ensure_tenant("northwind", start()).await;
    let clock = Arc::new(ManualClock::at(start()));
    let budgets = StoredBudgets::new(store.clone(), tenant.expect("tenant"), clock);
    Arc::new(budgets)
}

/// Fifty workers add one to the same number at the same time: what was said to be
/// done is there, once.
async fn nothing_is_lost_between_two_that_change(store: &Store) {
    let budgets = budgets(store).await;
    let adding = (0..50).map(|_| {
        let budgets = Arc::clone(&budgets);
        async move {
            let mut add = |text: Option<&str>| {
                let known: u32 = text.map_or(0, |text| text.parse().expect("number"));
                Some((known + 1).to_string())
            };
            budgets.change("one/number", &mut add).await.is_ok()
        }
    });
    let done = futures::future::join_all(adding).await;
    let done = done.into_iter().filter(|done| *done).count();
    assert!(done > 0);
    let seen: Mutex<HashMap<&str, String>> = Mutex::default();
    for name in ["one/number", "another/number"] {
        let mut look = |text: Option<&str>| {
            let text = text.unwrap_or("nothing").to_owned();
            seen.lock().expect("lock").insert(name, text);
            None
        };
        budgets.change(name, &mut look).await.expect("looked");
    }
    let seen = seen.lock().expect("lock").clone();
    assert_eq!(seen["one/number"], done.to_string());
    assert_eq!(seen["another/number"], "nothing");
}

/// Two processes that ask as fast as they can stay within one tenant's limit.
async fn two_processes_keep_one_limit(store: &Store) {
    let clock = Arc::new(ManualClock::at(start()));
    let paces = [0, 1].map(|_| Pace::new(clock.clone(), &GRAPH, "app/tenant".to_owned()));
    for pace in &paces {
        pace.share(budgets(store).await);
    }
    let mut paid = [0, 0];
    for _ in 0..80 {
        for (pace, paid) in paces.iter().zip(&mut paid) {
            *paid += u32::from(pace.admit(Family::Trace, None, 1).await.is_ok());
        }
    }
    assert_eq!(paid.iter().sum::<u32>(), 100, "{paid:?}");
    assert!(paid.iter().all(|paid| *paid > 0), "{paid:?}");
}

async fn story(backend: Backend) {
    let Some(fresh) = fresh(backend).await else {
        return;
    };
    nothing_is_lost_between_two_that_change(&fresh.store).await;
    two_processes_keep_one_limit(&fresh.store).await;
}

#[tokio::test]
async fn budgets_are_shared_on_sqlite() {
    story(Backend::Sqlite).await;
}

#[tokio::test]
async fn budgets_are_shared_on_postgres() {
    story(Backend::Postgres).await;
}
