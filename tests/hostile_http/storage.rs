//! A database that is locked.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use unhook::domain::Provider;

use super::{House, JSON, MESSAGE, REPORTS};

#[actix_web::test]
async fn a_locked_database_is_answered_503_in_time_and_loses_nothing() {
    let house = House::with(|config, _| config.database.wait_seconds = 1).await;
    let (reporter, token) = house.reporter(Provider::Graph);
    let report = |key: &'static str| {
        let body = serde_json::json!({"client": "outlook", "item_id": reporter.item_id});
        let request = house.request(JSON, body.to_string()).bearer_auth(&token);
        request.header("idempotency-key", key)
    };
    let before = house
        .post(MESSAGE, "Subject: before\r\n\r\nx", &token, "before")
        .await;
    let before = house.stored(&before, "before").await;

    let path = house.folder().join("unhook.db");
    let mut other = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
        .await
        .expect("the file opens");
    other.execute("BEGIN EXCLUSIVE").await.expect("locked");
    let begun = Instant::now();
    let refused = house.send(report("k"), "locked").await;
    assert_eq!(
        (refused.status, refused.problem("locked").as_str()),
        (503, "unavailable")
    );
    let waited = begun.elapsed();
    assert!(
        waited < Duration::from_secs(4),
        "wait_seconds is 1; it took {waited:?}"
    );
    let list = house.get(REPORTS, &token).await;
    assert_eq!(
        list.json()["items"].as_array().map(Vec::len),
        Some(1),
        "reading goes on"
    );
    // the workers get nowhere, and nothing breaks by it
    house.workers.drain().await;

    other.execute("ROLLBACK").await.expect("unlocked");
    let taken = house.send(report("k"), "unlocked").await;
    let taken = house.stored(&taken, "unlocked").await;
    assert_eq!(house.reports().await, 2, "the refused one had left no row");
    house.drain(TimeDelta::minutes(50)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    let rows = house.app.store.read(house.app.tenant);
    for report in [before, taken] {
        let row = rows
            .submission(report.submission)
            .await
            .expect("read")
            .expect("row");
        assert!(row.verdict.is_some());
    }
    assert!(house.sim.truth().all_pulled());
}

#[actix_web::test]
async fn a_lock_in_the_middle_of_triage_costs_time_and_no_attempts() {
    let house = House::with(|config, _| config.database.wait_seconds = 1).await;
    let (reporter, token) = house.reporter(Provider::Graph);
    let body = serde_json::json!({"client": "outlook", "item_id": reporter.item_id});
    let answer = house.post(JSON, body.to_string(), &token, "report").await;
    house.stored(&answer, "report").await;
    let path = house.folder().join("unhook.db");
    let mut other = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
        .await
        .expect("the file opens");
    let workers = house.workers.clone();
    let working = actix_web::rt::spawn(async move { workers.drain().await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    other.execute("BEGIN EXCLUSIVE").await.expect("locked");
    working.await.expect("no panic");
    other.execute("ROLLBACK").await.expect("unlocked");
    house.drain(TimeDelta::minutes(50)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    assert!(house.sim.truth().all_pulled());
}
