//! The governor under a clock that moves when told to.

use super::*;
use crate::clock::ManualClock;

/// Budgets in memory, as several processes would see them.
#[derive(Debug, Default)]
struct Board {
    texts: Mutex<HashMap<String, String>>,
    changes: Mutex<usize>,
    away: Mutex<bool>,
}

#[async_trait::async_trait]
impl SharedBudgets for Board {
    async fn change(
        &self,
        name: &str,
        change: &mut (dyn for<'a> FnMut(Option<&'a str>) -> Option<String> + Send),
    ) -> Result<(), Unshared> {
        if *self.away.lock().expect("lock") {
            return Err(Unshared);
        }
        *self.changes.lock().expect("lock") += 1;
        let mut texts = self.texts.lock().expect("lock");
        if let Some(text) = change(texts.get(name).map(String::as_str)) {
            texts.insert(name.to_owned(), text);
        }
        Ok(())
    }
}

fn clock() -> ManualClock {
    ManualClock::at("2026-01-01T00:00:00Z".parse().expect("time"))
}

fn pace(clock: &ManualClock, limits: &Limits) -> Pace {
    Pace::new(Arc::new(clock.clone()), limits, "app".to_owned())
}

async fn look(pace: &Pace, mailbox: &str) -> Result<(), MailboxError> {
    pace.admit(Family::Look, Some(mailbox), 1).await
}

fn wait_of(answer: &Result<(), MailboxError>) -> Option<Duration> {
    match answer {
        Err(MailboxError::Throttled { retry_after }) => *retry_after,
        _ => None,
    }
}

#[tokio::test]
async fn f29_a_long_wait_is_refused_without_a_call_and_ends_with_its_time() {
    let clock = clock();
    let pace = pace(&clock, &GRAPH);
    pace.throttled("ann", Some(Duration::from_secs(300)));
    let refused = look(&pace, "ann").await;
    assert_eq!(wait_of(&refused), Some(Duration::from_secs(300)));
    assert_eq!(look(&pace, "bob").await, Ok(()));
    // A shorter wait named later does not cut the longer one.
    pace.throttled("ann", Some(Duration::from_secs(1)));
    assert!(look(&pace, "ann").await.is_err());
    clock.advance(TimeDelta::seconds(301));
    assert_eq!(look(&pace, "ann").await, Ok(()));
    // Too far for a date: still refused, not wrapped round.
    pace.throttled("ann", Some(Duration::MAX));
    assert!(look(&pace, "ann").await.is_err());
}

#[tokio::test]
async fn f29_a_short_wait_is_sat_out_and_none_is_no_hot_loop() {
    let pace = pace(&clock(), &GRAPH);
    for (mailbox, asked, least) in [
        (
            "ann",
            Duration::from_millis(300),
            Duration::from_millis(300),
        ),
        ("bob", Duration::ZERO, LEAST_REST),
    ] {
        pace.throttled(mailbox, Some(asked));
        let before = tokio::time::Instant::now();
        assert_eq!(look(&pace, mailbox).await, Ok(()));
        assert!(before.elapsed() >= least, "{mailbox}");
    }
}

#[tokio::test]
async fn f29_a_wait_holds_its_own_scope_only() {
    let clock = clock();
    let pace = pace(&clock, &GRAPH);
    let wait = Some(Duration::from_secs(86_400));
    pace.hold(Family::Trace, wait);
    let trace = pace.admit(Family::Trace, None, 1).await;
    assert_eq!(wait_of(&trace), wait);
    assert_eq!(pace.admit(Family::Hunting, None, 1).await, Ok(()));
    assert_eq!(pace.admit(Family::Directory, None, 1).await, Ok(()));
    assert_eq!(look(&pace, "ann").await, Ok(()));
    pace.hold(Family::Search, Some(Duration::from_secs(60)));
    assert!(look(&pace, "ann").await.is_err());
    assert_eq!(pace.admit(Family::Directory, None, 1).await, Ok(()));
    clock.advance(TimeDelta::seconds(61));
    assert_eq!(look(&pace, "ann").await, Ok(()));
}

#[tokio::test]
async fn at_most_four_calls_run_in_a_mailbox() {
    let pace = pace(&clock(), &GRAPH);
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
    let clock = clock();
    let pace = pace(&clock, &GRAPH);
    let limit = || pace.ceiling.limit();
    pace.overloaded();
    pace.overloaded();
    assert!((limit() - 8.0).abs() < f64::EPSILON);
    for _ in 0..10 {
        clock.advance(TimeDelta::seconds(1));
        pace.overloaded();
    }
    assert!((limit() - 1.0).abs() < f64::EPSILON);
    let only = pace.enter(["a"]).await;
    let waits = tokio::time::timeout(Duration::from_millis(20), pace.enter(["b"])).await;
    assert!(waits.is_err());
    for _ in 0..4 {
        pace.went_through();
    }
    drop(only);
    assert!(limit() > 2.0 && limit() < 5.0, "{}", limit());
}

#[tokio::test]
async fn the_number_of_calls_grows_fast_until_it_was_too_much_and_only_in_use() {
    let pace = pace(&clock(), &GRAPH);
    let limit = || pace.ceiling.limit();
    for _ in 0..100 {
        pace.went_through();
    }
    // Nothing runs: that proves nothing.
    assert!((limit() - 16.0).abs() < f64::EPSILON);
    let mut slots = Vec::new();
    for n in 0..16 {
        slots.push(pace.enter([n.to_string().as_str()]).await);
    }
    for _ in 0..16 {
        pace.went_through();
    }
    assert!((limit() - 32.0).abs() < f64::EPSILON, "{}", limit());
}

#[tokio::test]
async fn each_documented_budget_ends_and_names_its_wait() {
    for (limits, family, cost, calls, at_least) in [
        (&GRAPH, Family::Search, 1, 10_000, 540),
        (&GRAPH, Family::Trace, 1, 100, 270),
        (&GRAPH, Family::Hunting, 1, 45, 54),
        (&GRAPH, Family::Directory, 5, 700, 9),
        (&GOOGLE, Family::Look, 20, 300, 54),
        (&GOOGLE, Family::Directory, 1, 2_400, 54),
    ] {
        let clock = clock();
        let pace = pace(&clock, limits);
        for call in 0..calls {
            let paid = pace.admit(family, Some("ann"), cost).await;
            assert_eq!(paid, Ok(()), "{family:?} call {call}");
        }
        let refused = pace.admit(family, Some("ann"), cost).await;
        let wait = wait_of(&refused).expect("a wait");
        assert!(wait >= Duration::from_secs(at_least), "{family:?} {wait:?}");
        clock.advance(TimeDelta::from_std(wait).expect("span"));
        assert_eq!(pace.admit(family, Some("ann"), cost).await, Ok(()));
    }
}

#[tokio::test]
async fn one_full_mailbox_does_not_hold_the_others_and_a_full_project_does() {
    let pace = pace(&clock(), &GOOGLE);
    for _ in 0..300 {
        assert_eq!(pace.admit(Family::Look, Some("ann"), 20).await, Ok(()));
    }
    assert!(pace.admit(Family::Look, Some("ann"), 20).await.is_err());
    for n in 0..1_194_000 / 6_000 {
        let mailbox = n.to_string();
        assert_eq!(
            pace.admit(Family::Look, Some(&mailbox), 6_000).await,
            Ok(())
        );
    }
    assert!(pace.admit(Family::Look, Some("last"), 20).await.is_err());
}

#[tokio::test]
async fn several_processes_share_what_the_provider_counts_together() {
    let clock = clock();
    let board = Arc::new(Board::default());
    let paces = [pace(&clock, &GRAPH), pace(&clock, &GRAPH)];
    for pace in &paces {
        pace.share(Arc::clone(&board) as Arc<dyn SharedBudgets>);
    }
    let mut paid = 0;
    for _ in 0..100 {
        for pace in &paces {
            paid += usize::from(pace.admit(Family::Trace, None, 1).await.is_ok());
        }
    }
    assert_eq!(paid, 100);
    // In a mailbox each has a tenth for itself, and the rest is shared.
    let mut paid = 0;
    for _ in 0..10_000 {
        for pace in &paces {
            paid += usize::from(look(pace, "ann").await.is_ok());
        }
    }
    assert_eq!(paid, 10_000);
}

#[tokio::test]
async fn one_statement_pays_for_hundreds_of_calls() {
    let clock = clock();
    let board = Arc::new(Board::default());
    let pace = pace(&clock, &GOOGLE);
    pace.share(Arc::clone(&board) as Arc<dyn SharedBudgets>);
    for n in 0..10_000 {
        let mailbox = n.to_string();
        let paid = pace.admit(Family::Search, Some(&mailbox), 5).await;
        assert_eq!(paid, Ok(()));
    }
    let changes = *board.changes.lock().expect("lock");
    assert!(changes < 10_000 / 200, "{changes}");
}

#[tokio::test]
async fn a_process_that_cannot_reach_the_others_counts_alone() {
    let clock = clock();
    let board = Arc::new(Board::default());
    let pace = pace(&clock, &GRAPH);
    pace.share(Arc::clone(&board) as Arc<dyn SharedBudgets>);
    for _ in 0..60 {
        assert_eq!(pace.admit(Family::Trace, None, 1).await, Ok(()));
    }
    *board.away.lock().expect("lock") = true;
    let mut paid = 0;
    for _ in 0..60 {
        paid += usize::from(pace.admit(Family::Trace, None, 1).await.is_ok());
    }
    assert_eq!(paid, 40);
}

#[tokio::test]
async fn the_ceiling_that_was_found_is_where_the_next_process_begins() {
    let clock = clock();
    let board = Arc::new(Board::default());
    let first = pace(&clock, &GRAPH);
    first.share(Arc::clone(&board) as Arc<dyn SharedBudgets>);
    assert_eq!(look(&first, "ann").await, Ok(()));
    first.overloaded();
    clock.advance(TimeDelta::seconds(2));
    first.overloaded();
    assert_eq!(look(&first, "ann").await, Ok(()));
    let second = pace(&clock, &GRAPH);
    second.share(board);
    assert_eq!(look(&second, "ann").await, Ok(()));
    assert!((second.ceiling.limit() - 4.0).abs() < f64::EPSILON);
}
